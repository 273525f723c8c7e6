"""NumPy's functions on tensors: operators of numbers with tensors are the tensors' own, the rest is refused."""

import sys
from collections.abc import Callable
from typing import Any

from symdl.errors import ExpressionError

# What Python asks of NumPy's arrays and numbers left of a tensor, and what that asks of the tensor.
_REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "true_divide": "__rtruediv__", "matmul": "__rmatmul__", "power": "__rpow__", "less": "__gt__", "greater": "__lt__",
    "less_equal": "__ge__", "greater_equal": "__le__", "equal": "__eq__", "not_equal": "__ne__",
}  # fmt: skip
_OTHER_NAMES = {
    "absolute": "abs", "amax": "max", "amin": "min", "concatenate": "concat", "matmul": "the operator @",
    "add": "the operator +", "subtract": "the operator -", "multiply": "hadamard", "true_divide": "divide",
    "dot": "the operator @", "identity": "eye",
}  # fmt: skip


class NumpyCalls:
    """What a tensor answers where NumPy's functions are called with it: ExpressionError, with the name of symdl's."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        reflected = _REFLECTED.get(ufunc.__name__)
        if method == "__call__" and len(inputs) == 2 and inputs[1] is self and reflected and not options:
            return getattr(self, reflected)(inputs[0])
        raise _refusal(ufunc.__name__ if method == "__call__" else {"add": "sum"}.get(ufunc.__name__, "reduce"), self)

    def __array_function__(self, function: Callable[..., Any], types: Any, given: Any, options: Any) -> Any:
        if function.__name__ in ("shape", "ndim", "size"):
            return function._implementation(*given, **options)  # type: ignore[attr-defined]  # because NumPy has it
        raise _refusal(function.__name__, self)


def _refusal(name: str, tensor: Any) -> ExpressionError:
    own = _OTHER_NAMES.get(name, name)
    if not own.startswith("the "):
        # Looked up, not imported: the public names are made of all parts, and this is the first of them.
        public = sys.modules.get("symdl")
        own = f"sd.{own}" if hasattr(public, own) else "a function of symdl, if there is one"
    return ExpressionError(f"np.{name}: {tensor} is a symbolic tensor and holds no numbers; use {own}")


__all__ = ["NumpyCalls"]
