"""Random structures that read or write where integers say: gathers, one-hot rows, segments of rows."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from symdl.ops import gather, segments
from symdl.testing.model import Part, Pool
from symdl.testing.operands import applied, integers, largest, operand


def taken(pool: Pool) -> Part:
    """Take entries along an axis by a vector or a matrix of integers."""
    x, axis = operand(pool, 2, 2), pool.draw(st.integers(0, 1))
    shape = pool.draw(st.sampled_from([(3,), (2, 2)]))
    places = integers(pool, shape, x.value.shape[axis])
    return applied(pool, gather.take(x.expr, places.expr, axis), lambda u, w: np.take(u, w, axis), x, places)


def one_hot(pool: Pool) -> Part:
    """Multiply one-hot rows with a matrix."""
    x = operand(pool, 2, 1)
    size = x.value.shape[0]
    places = integers(pool, (3,), size)
    value = gather.one_hot(places.expr, x.expr.shape[0]) @ x.expr
    return applied(pool, value, lambda u, w: np.eye(size)[w] @ u, x, places)


def segmented(pool: Pool, kind: str) -> Part:
    """Reduce rows by segments, some of which are empty; or softmax among the rows of each."""
    x, count = operand(pool, 3, 1, spread=1), pool.draw(st.integers(1, 4))
    places = integers(pool, x.expr.shape[:1], count)

    def numeric(u: Any, w: Any) -> Any:
        groups = [np.nonzero(w == segment)[0] for segment in range(count)]
        if kind == "softmax":
            powers, found = np.exp(u), np.zeros_like(u)
            for rows in groups:
                found[rows] = powers[rows] / powers[rows].sum(axis=0)
            return found
        one = {"sum": lambda rows: u[rows].sum(axis=0), "mean": lambda rows: u[rows].mean(axis=0),
               "max": lambda rows: largest(u[rows], 0)}[kind]  # fmt: skip
        return np.stack([one(rows) if len(rows) else np.zeros_like(u[0]) for rows in groups])

    function = getattr(segments, f"segment_{kind}")
    return applied(pool, function(x.expr, places.expr, count), numeric, x, places, analytic=kind != "max")


def segment_sum(pool: Pool) -> Part:
    """Sum the rows of each segment."""
    return segmented(pool, "sum")


def segment_mean(pool: Pool) -> Part:
    """Take the mean of the rows of each segment."""
    return segmented(pool, "mean")


def segment_max(pool: Pool) -> Part:
    """Take the largest of the rows of each segment."""
    return segmented(pool, "max")


def segment_softmax(pool: Pool) -> Part:
    """Take a softmax among the rows of each segment."""
    return segmented(pool, "softmax")
