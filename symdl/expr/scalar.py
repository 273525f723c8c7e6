"""Scalar ops: the base class of files in ``symdl/ops``. An op is a SymPy ``Function`` with what symdl needs to know."""

import inspect
import math
from collections.abc import Callable
from typing import Any, ClassVar

import mpmath
import sympy
from sympy import Basic, Expr, Function

SCALAR_OPS: dict[str, type["ScalarOp"]] = {}
FROM_SYMPY: dict[type, Callable[..., Expr]] = {}


class ScalarOp(Function):
    r"""A scalar op of one or more real arguments.

    A subclass is one file in ``symdl/ops`` and gives:

    Attributes:
        name: The name in ``sd`` (``sigmoid``).
        symbol: LaTeX of the function, without arguments (``\sigma_{\mathrm{Sig}}``).
        equivalents: SymPy functions that mean the same and are converted to it when they enter.
        inverse_name: The op that undoes it where it is defined, or empty: with it SymPy's ``solve`` inverts equations.
        primitive_name: The code generator's primitive that computes it, or empty: then ``kernel`` gives it in others.
        source: Book equation or paper.
        domain: The open or closed interval of the first argument on which the op is defined.
        analytic: Whether it is analytic inside its domain, so that ``reference`` takes complex steps of any direction.
        kinks: Points of the first argument where a derivative (of some order) jumps and a one-sided value is chosen.
        amplifies: Whether the kernel's rounding error may grow with the condition number |x f'(x) / f(x)|.
    """

    name: ClassVar[str] = ""
    symbol: ClassVar[str] = ""
    equivalents: ClassVar[tuple[type, ...]] = ()
    inverse_name: ClassVar[str] = ""
    primitive_name: ClassVar[str] = ""
    source: ClassVar[str] = ""
    domain: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    analytic: ClassVar[bool] = True
    kinks: ClassVar[tuple[float, ...]] = ()
    amplifies: ClassVar[bool] = False
    _defaults: ClassVar[tuple[Any, ...]] = ()
    is_commutative = True
    is_real = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._defaults = tuple(parameter.default for parameter in inspect.signature(cls.eval).parameters.values())
        if cls.name:
            SCALAR_OPS[cls.name] = cls
            for function in cls.equivalents:
                FROM_SYMPY[function] = cls

    def __new__(cls, *args: Any, **options: Any) -> Any:
        """Build the op, optional arguments filled in with the defaults of ``eval``."""
        missing = [value for value in cls._defaults[len(args) :] if value is not inspect.Parameter.empty]
        return super().__new__(cls, *args, *missing, **options)

    def derivative(self, position: int) -> Expr:
        """Return the derivative with respect to argument ``position`` (from 0), in terms of ops."""
        raise sympy.core.function.ArgumentIndexError(self, position + 1)

    def fdiff(self, argindex: int = 1) -> Expr:
        """SymPy's hook: the derivative with respect to argument ``argindex`` (from 1)."""
        return self.derivative(argindex - 1)

    def inverse(self, argindex: int = 1) -> type["ScalarOp"] | None:
        """SymPy's hook: the function that undoes this one, None if there is none or several branches have one."""
        return SCALAR_OPS.get(self.inverse_name)

    def definition(self) -> Expr:
        """Return the exact value in terms of more elementary functions; the op itself when it is elementary."""
        return self

    def kernel(self) -> Expr:
        """Return the numerically stable form over primitive ops, chosen at freeze; never differentiated."""
        return self if self.primitive_name else self.definition()

    @staticmethod
    def reference(*values: Any) -> Any:
        """Evaluate on NumPy arrays, real or complex (complex for the complex-step witness), by the definition."""
        raise TypeError("this op gives no NumPy reference")

    @staticmethod
    def precise(*values: Any) -> Any:
        """Evaluate on mpmath numbers at the working precision."""
        raise TypeError("this op gives no high-precision reference")

    def _eval_evalf(self, prec: int) -> Expr | None:
        """SymPy's hook: the value to ``prec`` bits, or None outside the domain and where an argument is no number."""
        try:
            values = [argument._to_mpmath(prec + 10, allow_ints=False) for argument in self.args]
        except (AttributeError, ValueError):
            return None
        with mpmath.workprec(prec + 10):
            value = mpmath.mpmathify(self.precise(*values))
        return Expr._from_mpmath(value, prec) if isinstance(value, mpmath.mpf) and mpmath.isfinite(value) else None

    def _sympystr(self, printer: Any) -> str:
        return f"{self.name}({', '.join(map(printer._print, self._shown()))})"

    def _pretty(self, printer: Any) -> Any:
        return printer._print_Function(self, func_name=self.name)

    def _shown(self) -> list[Basic]:
        """Return the arguments to print: without those at the end that have their default values."""
        shown = list(self.args)
        while len(shown) > 1 and len(self._defaults) >= len(shown) and shown[-1] == self._defaults[len(shown) - 1]:
            shown.pop()
        return shown

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        inner = ", ".join(printer._print(argument) for argument in self._shown())
        power = "" if exp is None else f"^{{{exp}}}"
        return rf"{self.symbol}{power}\left({inner}\right)"
