"""Inverted dropout: entries are left out in training, production needs no change. Book (4.22)-(4.25)."""

from typing import Any

from symdl.expr.mode import by_mode
from symdl.expr.nodes import Tensor
from symdl.ops.random import keeping
from symdl.ops.windows import tensor_of


def dropout(x: Any, rate: Any = 0.5, *, stream: Any = None, shared: bool = False) -> Tensor:
    """Return ``m ⊙ x / (1 - rate)`` with masks m of zeros and ones in training, and x in prediction; catalogue 5.7.

    Args:
        x: A tensor.
        rate: The probability with which an entry is left out.
        stream: A name for the stream of masks; a new stream by default.
        shared: Whether all samples of a batch have the same mask.

    Raises:
        ExpressionError: for a rate outside [0, 1).
    """
    value = tensor_of(x, "dropout")
    return value if rate == 0 else by_mode(keeping(value, rate, stream, shared), value)
