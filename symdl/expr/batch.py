"""Batches: equations of one sample, written for many."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.expr.equations import Equation, tensors_of_block
from symdl.expr.index import axis_index, fresh_index, rebuild, substitute
from symdl.expr.nodes import Array, Element, Tensor, TensorSymbol, axes_of
from symdl.expr.system import trace


def batched(values: Sequence[Any], data: Sequence[Basic], size: Expr) -> list[Any]:
    """Prepend a batch axis to everything that depends on data.

    Args:
        values: Tensors or scalar expressions of one sample.
        data: The tensor symbols and scalar symbols that differ from sample to sample.
        size: The length of the batch, usually a symbol.

    Returns:
        For each value the tensor of shape ``(size, *value.shape)``, or the value itself where no data enter. The data
        become tensors of the same names with the batch axis in front; declared properties of the other axes stay.
    """
    system = trace(list(values))
    active = system.depends(data)
    lifted: dict[Basic, Tensor] = {}
    for symbol in data:
        if isinstance(symbol, TensorSymbol):
            facts = symbol.properties if symbol.order == 1 else symbol.properties - _SQUARE
            lifted[symbol] = TensorSymbol(symbol.name, (size, *symbol.shape), tuple(facts), symbol.latex_name)
        elif isinstance(symbol, Symbol):
            lifted[symbol] = TensorSymbol(symbol.name, (size,))

    def lifted_body(equation: Equation) -> Array:
        sample = fresh_index()

        def lift(node: Basic) -> Basic | None:
            if isinstance(node, Symbol) and node in lifted:
                return Element(lifted[node], sample)
            if isinstance(node, Element):
                indices = [rebuild(index, lift) for index in node.indices]
                tensor = lifted.get(node.tensor)
                if tensor is None:
                    return Element(system.tensor(node.tensor), *indices)
                return Element(tensor, sample, *indices)
            return None

        axes = axes_of(equation.target.shape)
        body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
        return Array(rebuild(body, lift), (sample, size), *axes)

    for block in system.blocks:
        if not any(equation.target in active for equation in block):
            continue
        loop = block[0].loop
        if loop is None:
            lifted.update(tensors_of_block(block, [lifted_body(block[0])]))
            continue
        wider = {
            item.target: TensorSymbol(f"{item.target.name}~", (size, *item.target.shape), (), item.target.latex_name)
            for item in block
        }
        lifted.update(wider)
        arrays = [lifted_body(equation) for equation in block]
        equations = [Equation(wider[item.target], item.body, loop=replace(loop, axis=loop.axis + 1)) for item in block]
        made = tensors_of_block(equations, arrays)
        lifted.update({item.target: made[wider[item.target]] for item in block})
    return [lifted.get(output, value) for value, output in zip(values, system.outputs, strict=True)]


_SQUARE = frozenset({"symmetric", "positive_definite", "diagonal", "orthogonal"})
