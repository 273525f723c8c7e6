"""Sparse Jacobians and Hessians: the pattern that the equations allow, and its columns in groups (colours).

Columns of one colour have no row in common, so that one product with their sum gives them all. Curtis, Powell and Reid
(1974); Gebremedhin, Manne and Pothen (2005), What color is your Jacobian?
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Add, Basic, Expr, Integer, KroneckerDelta, Mul, Pow

from symdl.errors import ShapeError
from symdl.expr.elements import compares_indices
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Named, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.interpret import evaluate


def sparsity(matrix: Any, sizes: Mapping[Any, int] | None = None) -> np.ndarray:
    """Return where a derivative can be other than 0, whatever the values: a boolean array of its shape.

    Args:
        matrix: A Jacobian or Hessian, as ``sd.jacobian`` or ``sd.hessian`` returns it; any tensor.
        sizes: Values of the symbolic sizes.

    Raises:
        ShapeError: for a scalar.
        InputError: for sizes without a value.
    """
    value = ingest(matrix)
    if not isinstance(value, Tensor):
        raise ShapeError("sparsity: expected a tensor such as a Hessian, found a scalar")
    axes = axes_of(value.shape)
    indices = [index for index, _ in axes]
    body = support(value.at(*indices) if isinstance(value, Array) else Element(value, *indices))
    return np.asarray(evaluate(Array(body, *axes), {}, sizes)) != 0


def support(expr: Expr) -> Expr:
    """Return a formula in indices only, positive where ``expr`` can be other than 0."""
    if isinstance(expr, Element):
        tensor = expr.tensor
        while isinstance(tensor, Named):
            tensor = tensor.definition
        return support(tensor.at(*expr.indices)) if isinstance(tensor, Array) else Integer(1)
    if isinstance(expr, KroneckerDelta):
        return expr
    if isinstance(expr, Add | Mul):
        return expr.func(*map(support, expr.args))
    if isinstance(expr, Pow):
        return support(expr.base) if expr.exp.is_positive else Integer(1)
    if isinstance(expr, Reduce):
        axes, inside = expr.open()
        return Reduce("mul" if expr.op == "mul" else "add", support(inside), *axes)
    if isinstance(expr, SCALAR_OPS["where"]):
        condition, yes, no = expr.args
        branches = support(yes), support(no)
        if _of_indices(condition):
            return SCALAR_OPS["where"](condition, *branches)
        return Add(*branches)
    return Integer(0) if expr.is_zero else Integer(1)


def _of_indices(condition: Basic) -> bool:
    return compares_indices(condition) and not condition.atoms(Element, Reduce)


def colouring(pattern: Any) -> np.ndarray:
    """Return a colour, counted from 0, for each column of a pattern; columns of one colour share no row.

    Columns are coloured greedily, those with most entries first. A Hessian's pattern is coloured in the same way.

    Args:
        pattern: A boolean array (m, n).

    Raises:
        ShapeError: if it has not two axes.
    """
    found = np.asarray(pattern, dtype=bool)
    if found.ndim != 2:
        raise ShapeError(
            f"colouring: expected a pattern with 2 axes, found {found.ndim}; reshape it to rows and columns"
        )
    colours = np.full(found.shape[1], -1, dtype=np.int64)
    used: list[np.ndarray] = []  # the rows that each colour has
    for column in np.argsort(-found.sum(axis=0), kind="stable"):
        rows = found[:, column]
        colour = next((number for number, taken in enumerate(used) if not (taken & rows).any()), len(used))
        if colour == len(used):
            used.append(np.zeros(found.shape[0], dtype=bool))
        used[colour] |= rows
        colours[column] = colour
    return colours
