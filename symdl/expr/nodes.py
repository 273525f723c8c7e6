"""The nodes of an expression: tensors, their elements, reductions. Everything symdl knows is made of these.

    Tensor  = TensorSymbol            a declared tensor
            | Array(body, axes)       { body[i0, i1, ...] : i0 < n0, i1 < n1, ... }, one equation in index notation
            | Named(name, tensor)     a named intermediate, printed by its name
            | CompositeOp(operands)   softmax, layer norm ...: a name for the Array that defines it
    Scalar  = Element(tensor, indices) | Reduce(op, body, axes) | SymPy's scalar expressions over these
            | Call(op, which, operands, places)     an element of an inverse, a solution, a factor ... of matrices

A tensor is a SymPy ``Basic`` and never an ``Expr``; a scalar is an ordinary commutative real ``Expr``. Equal formulas
are the same object (nodes are interned), so graphs with sharing stay linear in size.
"""

from collections.abc import Callable, Iterable
from typing import Any

from sympy import Basic, Expr

from symdl.expr.calls import Call
from symdl.expr.elements import Element, Reduce, Scalar
from symdl.expr.index import Index, fresh_index
from symdl.expr.tensors import Array, CompositeOp, Named, Tensor, TensorSymbol


def axes_of(shape: Iterable[Expr]) -> list[tuple[Index, Expr]]:
    """Return fresh indices for a shape, with their extents."""
    return [(fresh_index(), size) for size in shape]


def opened(node: Basic, function: Callable[[Expr], Any]) -> Expr | None:
    """Return a reduction or call with ``function`` applied to what it binds indices in; None for any other node.

    The indices are fresh ones there, so that what is written out in their place is not captured.
    """
    if isinstance(node, Reduce):
        axes, content = node.open()
        return Reduce(node.op, function(content), *axes)
    if isinstance(node, Call):
        return node.over([(axes, function(content)) for axes, content in node.open()])
    return None


def pointwise(function: Callable[..., Expr], *values: Any) -> Any:
    """Apply a scalar function element by element to tensors of one shape and scalars; all scalars give a scalar."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        return function(*values)
    axes = axes_of(tensors[0].shape)
    indices = [index for index, _ in axes]
    body = function(*(Element(value, *indices) if isinstance(value, Tensor) else value for value in values))
    return Array(body, *axes, row=all(tensor.is_row for tensor in tensors))


__all__ = [
    "Array",
    "Call",
    "CompositeOp",
    "Element",
    "Named",
    "Reduce",
    "Scalar",
    "Tensor",
    "TensorSymbol",
    "axes_of",
    "opened",
    "pointwise",
]
