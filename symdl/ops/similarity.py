"""Losses that bring embeddings of equal things together and others apart. Book §6.6."""

from typing import Any

from sympy import Expr, Gt, Integer, sqrt

from symdl.errors import InputError
from symdl.expr.ingest import as_scalar
from symdl.expr.scalar import SCALAR_OPS
from symdl.ops.elementwise import square
from symdl.ops.reductions import sum as total


def _margin(margin: Any, what: str) -> Expr:
    found = as_scalar(margin, what)
    if found.is_number and not found > 0:
        raise InputError(f"{what}: the margin must be above 0, found {margin}")
    return found


def triplet_loss(anchor: Any, positive: Any, negative: Any, margin: Any = 1) -> Expr:
    """``max(0, ‖f_a - f_p‖² - ‖f_a - f_n‖² + m)``; catalogue 6.6-triplet.

    Args:
        anchor: The embedding of a sample, f_a.
        positive: That of another one of the same class, f_p.
        negative: That of one of another class, f_n.
        margin: m, above 0.

    Raises:
        InputError: for a margin that is not positive.
        ShapeError: for embeddings of different shapes.
    """
    gap = total(square(anchor - positive)) - total(square(anchor - negative))
    return SCALAR_OPS["maximum"](Integer(0), gap + _margin(margin, "triplet_loss"))


def contrastive_loss(first: Any, second: Any, same: Any, margin: Any = 1) -> Expr:
    """``y d² + (1 - y) max(0, m - d)²`` with d = ‖f - f'‖; catalogue 6.6-siamese. Equal embeddings have derivative 0.

    Args:
        first: The embedding of one sample, f.
        second: That of the other one, f'.
        same: y, 1 for a pair of one class and 0 else.
        margin: m, the distance from which a pair of two classes costs nothing; above 0.

    Raises:
        InputError: for a margin that is not positive.
        ShapeError: for embeddings of different shapes.
    """
    y, squared = as_scalar(same, "contrastive_loss"), total(square(first - second))
    distance = SCALAR_OPS["where"](Gt(squared, 0), sqrt(squared), Integer(0))
    apart = SCALAR_OPS["maximum"](Integer(0), _margin(margin, "contrastive_loss") - distance)
    return y * squared + (1 - y) * apart**2
