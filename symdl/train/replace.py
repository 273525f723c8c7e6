"""Replacing symbols by expressions in graphs with sharing, each shared part once."""

from collections.abc import Mapping, Sequence
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.expr.index import axis_index, rebuild
from symdl.expr.nodes import Array, Element, Named, Tensor
from symdl.expr.system import trace


def replaced(values: Sequence[Any], mapping: Mapping[Any, Any]) -> list[Any]:
    """Return tensors and scalar expressions with declared tensors and scalars replaced.

    Args:
        values: Tensors or scalar expressions.
        mapping: For a tensor symbol a tensor of its shape; for a scalar symbol a scalar expression.
    """
    system = trace(values)
    tensors: dict[Basic, Tensor] = {key: item for key, item in mapping.items() if isinstance(key, Tensor)}

    def transform(node: Basic) -> Basic | None:
        if isinstance(node, Symbol):
            found: Basic | None = mapping.get(node)
            return found
        if isinstance(node, Element):
            return Element(
                tensors.get(node.tensor, node.tensor), *(rebuild(index, transform) for index in node.indices)
            )
        return None

    for equation in system.equations:
        axes = [(axis_index(k), size) for k, size in enumerate(equation.target.shape)]
        tensor: Tensor = Array(rebuild(equation.body, transform), *axes)
        if equation.named:
            tensor = Named(equation.target.name, tensor, equation.target.latex_name)
        tensors[equation.target] = tensor
    results = []
    for value, output in zip(values, system.outputs, strict=True):
        tensor = tensors.get(output, output)
        results.append(tensor if isinstance(value, Tensor) else as_expr(tensor))
    return results


def as_expr(tensor: Tensor) -> Expr:
    """Return a tensor of order 0 as a scalar expression."""
    return tensor.body if isinstance(tensor, Array) else Element(tensor)
