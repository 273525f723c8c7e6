"""Scalar ops: the base class of the files in ``symdl/ops``. An op is a SymPy ``Function`` with what symdl needs to know."""

from collections.abc import Callable
from typing import Any, ClassVar

import sympy
from sympy import Expr, Function

SCALAR_OPS: dict[str, type["ScalarOp"]] = {}
FROM_SYMPY: dict[type, Callable[..., Expr]] = {}


class ScalarOp(Function):
    """A scalar op of one or more real arguments.

    A subclass is one file in ``symdl/ops`` and gives:

    Attributes:
        name: The name in ``sd`` (``sigmoid``).
        symbol: LaTeX of the function, without arguments (``\\sigma_{\\mathrm{Sig}}``).
        equivalents: SymPy functions that mean the same and are converted to it when they enter.
        primitive: Name of the code generator's primitive that computes it, or empty: then ``kernel`` gives it in others.
        source: Book equation or paper.
    """

    name: ClassVar[str] = ""
    symbol: ClassVar[str] = ""
    equivalents: ClassVar[tuple[type, ...]] = ()
    primitive: ClassVar[str] = ""
    source: ClassVar[str] = ""
    is_commutative = True
    is_real = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.name:
            SCALAR_OPS[cls.name] = cls
            for function in cls.equivalents:
                FROM_SYMPY[function] = cls

    def derivative(self, position: int) -> Expr:
        """Return the derivative with respect to argument ``position`` (from 0), in terms of ops."""
        raise sympy.core.function.ArgumentIndexError(self, position + 1)

    def fdiff(self, argindex: int = 1) -> Expr:
        """SymPy's hook: the derivative with respect to argument ``argindex`` (from 1)."""
        return self.derivative(argindex - 1)

    def definition(self) -> Expr:
        """Return the exact value in terms of more elementary functions; the op itself when it is elementary."""
        return self

    def kernel(self) -> Expr:
        """Return the numerically stable form over primitive ops, chosen at freeze; never differentiated."""
        return self.definition()

    @staticmethod
    def reference(*values: Any) -> Any:
        """Evaluate on NumPy arrays, real or complex (complex for the complex-step witness), by the definition."""
        raise TypeError("this op gives no NumPy reference")

    @staticmethod
    def precise(*values: Any) -> Any:
        """Evaluate on mpmath numbers at the working precision."""
        raise TypeError("this op gives no high-precision reference")

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inner = ", ".join(printer._print(argument) for argument in self.args)
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{self.symbol}{power}\left({inner}\right)"
