"""Rewriting the bodies of expressions that share parts, each shared part once; loops stay loops."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.expr.index import rebuild
from symdl.expr.nodes import Array, Element, Tensor
from symdl.expr.system import System, trace


def rewritten(values: Sequence[Any], change: Callable[[Expr], Expr]) -> list[Any]:
    """Return tensors and scalar expressions with ``change`` applied to the body of each of their equations."""
    system = trace(values)
    equations = tuple(replace(equation, body=change(equation.body)) for equation in system.equations)
    changed = System(equations, system.outputs)
    results = []
    for value, output in zip(values, system.outputs, strict=True):
        tensor = changed.tensor(output)
        results.append(tensor if isinstance(value, Tensor) else as_expr(tensor))
    return results


def replaced(values: Sequence[Any], mapping: Mapping[Any, Any]) -> list[Any]:
    """Return tensors and scalar expressions with declared tensors and scalars replaced.

    Args:
        values: Tensors or scalar expressions.
        mapping: For a tensor symbol a tensor of its shape; for a scalar symbol a scalar expression.
    """
    if not mapping:
        return list(values)

    def transform(node: Basic) -> Basic | None:
        if isinstance(node, Symbol):
            found: Basic | None = mapping.get(node)
            return found
        if isinstance(node, Element):
            return Element(
                mapping.get(node.tensor, node.tensor), *(rebuild(index, transform) for index in node.indices)
            )
        return None

    return rewritten(values, lambda body: rebuild(body, transform))


def as_expr(tensor: Tensor) -> Expr:
    """Return a tensor of order 0 as a scalar expression."""
    return tensor.body if isinstance(tensor, Array) else Element(tensor)
