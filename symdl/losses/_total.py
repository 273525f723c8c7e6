"""The sum over a tensor's entries, where a loss is given for tensors and for scalars alike."""

from typing import Any

from sympy import Expr

from symdl.expr.ingest import ingest
from symdl.expr.nodes import Tensor
from symdl.ops.reductions import sum as add


def total(value: Any) -> Expr:
    """Return the sum of a tensor's entries, or a scalar as it is."""
    found = ingest(value)
    return add(found) if isinstance(found, Tensor) else found
