"""Batches: equations of one sample, written for many."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.errors import DerivationError
from symdl.expr.batch_mean import BATCH_SIZE, BatchMean
from symdl.expr.equations import Equation, tensors_of_block
from symdl.expr.index import axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.nodes import Array, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.random import SAMPLE, SEED, Uniform
from symdl.expr.system import trace


def batched(values: Sequence[Any], data: Sequence[Basic], size: Expr, common: Sequence[Any] = ()) -> list[Any]:
    """Prepend a batch axis to everything that depends on data.

    Args:
        values: Tensors or scalar expressions of one sample.
        data: The tensor symbols and scalar symbols that differ from sample to sample.
        size: The length of the batch, usually a symbol.
        common: Further tensors or scalars, which are one for the whole batch, through ``batch_mean`` where data enter.

    Returns:
        For each value the tensor of shape ``(size, *value.shape)``, or the value itself where no data enter. The data
        become tensors of the same names with the batch axis in front; declared properties of the other axes stay.
        ``batch_mean`` becomes the mean over that axis. Random draws that samples do not share take the sample's
        number: its position in the batch, or the datum ``SAMPLE`` of ``symdl.expr.random`` if that is among the data.
        Then those of ``common``, without a batch axis.

    Raises:
        DerivationError: if one of ``common`` differs from sample to sample.
    """
    system = trace([*values, *common])
    active = system.depends([*data, SEED, BATCH_SIZE])
    lifted: dict[Basic, Tensor] = {}  # with a batch axis
    means: dict[Basic, Tensor] = {}  # depend on data, but are the same for all samples
    for symbol in data:
        if isinstance(symbol, TensorSymbol):
            facts = symbol.properties if symbol.order == 1 else symbol.properties - _SQUARE
            lifted[symbol] = TensorSymbol(symbol.name, (size, *symbol.shape), tuple(facts), symbol.latex_name)
        elif isinstance(symbol, Symbol):
            lifted[symbol] = TensorSymbol(symbol.name, (size,), ("integer",) if symbol == SAMPLE else ())

    def lift_at(sample: Expr) -> Callable[[Basic], Basic | None]:
        """Return what rewrites a body for the sample of that number."""

        def lift(node: Basic) -> Basic | None:
            if isinstance(node, BatchMean):
                other = fresh_index()
                return Reduce("add", rebuild(node.args[0], lift_at(other)), (other, size)) / size
            if isinstance(node, Uniform) and node.args[3] == 0:
                head, tail = node.args[:3], [rebuild(place, lift_at(sample)) for place in node.args[4:]]
                return Uniform(*head, Element(lifted[SAMPLE], sample) if SAMPLE in lifted else sample, *tail)
            if node == BATCH_SIZE:
                return size
            if isinstance(node, Symbol) and node in lifted:
                return Element(lifted[node], sample)
            if isinstance(node, Element):
                indices = [rebuild(index, lift_at(sample)) for index in node.indices]
                tensor = lifted.get(node.tensor)
                if tensor is not None:
                    return Element(tensor, sample, *indices)
                known = means.get(node.tensor)
                return Element(system.tensor(node.tensor) if known is None else known, *indices)
            return None

        return lift

    def lifted_body(equation: Equation, always: bool) -> tuple[Tensor, bool]:
        """Return the body with the batch axis in front, which is left out where no sample is special; and whether."""
        sample = fresh_index()
        axes = axes_of(equation.target.shape)
        body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
        body = rebuild(body, lift_at(sample))
        wide = always or sample in free_indices(body)
        return Array(body, *([(sample, size)] if wide else []), *axes), wide

    for block in system.blocks:
        if not any(equation.target in active for equation in block):
            continue
        loop = block[0].loop
        if loop is None:
            body, wide = lifted_body(block[0], False)
            (lifted if wide else means).update(tensors_of_block(block, [body]))
            continue
        wider = {
            item.target: TensorSymbol(f"{item.target.name}~", (size, *item.target.shape), (), item.target.latex_name)
            for item in block
        }
        lifted.update(wider)
        arrays = [lifted_body(equation, True)[0] for equation in block]
        equations = [Equation(wider[item.target], item.body, loop=replace(loop, axis=loop.axis + 1)) for item in block]
        made = tensors_of_block(equations, arrays)
        lifted.update({item.target: made[wider[item.target]] for item in block})
    count = len(values)
    shared = [_common(lifted, means, *pair) for pair in zip(common, system.outputs[count:], strict=True)]
    for output in system.outputs[:count]:
        if output in means:
            lifted[output] = _repeated(means[output], size)
    return [*(lifted.get(*pair) for pair in zip(system.outputs, values, strict=False)), *shared]


def _common(lifted: dict[Basic, Tensor], means: dict[Basic, Tensor], value: Any, output: TensorSymbol) -> Any:
    """Return what a value that all samples share has become."""
    if output in lifted:
        raise DerivationError(
            f"{value}: it differs from sample to sample, where one value for the batch is due; take sd.batch_mean of "
            "it, or draws that are shared=True"
        )
    found = means.get(output)
    if found is None or isinstance(value, Tensor):
        return value if found is None else found
    return found.body if isinstance(found, Array) else Element(found)


def _repeated(tensor: Tensor, size: Expr) -> Tensor:
    """Return what is the same for all samples with a batch axis in front."""
    axes = axes_of(tensor.shape)
    return Array(Element(tensor, *(index for index, _ in axes)), (fresh_index(), size), *axes)


_SQUARE = frozenset({"symmetric", "positive_definite", "diagonal", "orthogonal"})
