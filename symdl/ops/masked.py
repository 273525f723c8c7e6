"""The score of what is masked: −∞ where it counts, and a finite number, so that no NaN comes of it."""

from typing import Any

import mpmath
from sympy import Integer, NumberSymbol
from sympy.core.singleton import Singleton


class Masked(NumberSymbol, metaclass=Singleton):
    """Minus 10^30, printed −∞: below every score, absorbs every score that is added, and e to it is 0.

    A true −∞ gives −∞ − (−∞) = NaN in a softmax over nothing; this gives equal weights. It is in the range of float32.
    """

    is_real = True
    is_finite = True
    is_number = True
    is_negative = True
    is_irrational = None
    is_algebraic = None
    is_transcendental = None
    __slots__ = ()

    def _as_mpf_val(self, prec: int) -> Any:
        return mpmath.libmp.from_int(-(10**30), prec, "n")

    def approximation_interval(self, number_cls: type) -> tuple[Any, Any] | None:
        """SymPy's hook: integers around it."""
        return (Integer(-(10**30) - 1), Integer(-(10**30) + 1)) if issubclass(number_cls, Integer) else None

    def _latex(self, printer: Any) -> str:
        return r"-\infty"

    def _sympystr(self, printer: Any) -> str:
        return "-oo"


MASKED = Masked()
