"""Batches: equations of one sample, written for many."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.errors import DerivationError
from symdl.expr.batch_mean import BATCH_SIZE, BatchMean
from symdl.expr.declare import SQUARE
from symdl.expr.equations import Equation, tensors_of_block
from symdl.expr.index import axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.nodes import Array, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.random import SAMPLE, SEED, Uniform
from symdl.expr.system import System, trace


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
    found = _Batching(system, data, size)
    active = system.depends([*data, SEED, BATCH_SIZE])
    for block in system.blocks:
        if any(equation.target in active for equation in block):
            found.add(block)
    count = len(values)
    results = [found.wide(output, value) for output, value in zip(system.outputs[:count], values, strict=True)]
    return results + [found.common(output, value) for output, value in zip(system.outputs[count:], common, strict=True)]


class _Batching:
    """The equations of one sample, with a batch axis in front of all that differs from sample to sample.

    Attributes:
        lifted: What has a batch axis, by what it is for one sample.
        means: What depends on data, but is the same for all samples.
    """

    def __init__(self, system: System, data: Sequence[Basic], size: Expr) -> None:
        self.system, self.size = system, size
        self.lifted: dict[Basic, Tensor] = {}
        self.means: dict[Basic, Tensor] = {}
        for symbol in data:
            if isinstance(symbol, TensorSymbol):
                facts = symbol.properties if symbol.order == 1 else symbol.properties - set(SQUARE)
                shape = (size, *symbol.shape)
                self.lifted[symbol] = TensorSymbol(symbol.name, shape, tuple(facts), symbol.latex_name)
            elif isinstance(symbol, Symbol):
                self.lifted[symbol] = TensorSymbol(symbol.name, (size,), ("integer",) if symbol.is_integer else ())

    def add(self, block: Sequence[Equation]) -> None:
        """Write the equations of a block for the batch."""
        loop = block[0].loop
        if loop is None:
            array, wide = self.array(block[0], False)
            (self.lifted if wide else self.means).update(tensors_of_block(block, [array]))
            return
        wider = {
            item.target: TensorSymbol(
                f"{item.target.name}~", (self.size, *item.target.shape), (), item.target.latex_name
            )
            for item in block
        }
        self.lifted.update(wider)
        arrays = [self.array(equation, True)[0] for equation in block]
        equations = [Equation(wider[item.target], item.body, loop=replace(loop, axis=loop.axis + 1)) for item in block]
        made = tensors_of_block(equations, arrays)
        self.lifted.update({item.target: made[wider[item.target]] for item in block})

    def array(self, equation: Equation, always: bool) -> tuple[Tensor, bool]:
        """Return a body with the batch axis in front, which is left out where no sample is special; and whether."""
        sample = fresh_index()
        axes = axes_of(equation.target.shape)
        body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
        body = rebuild(body, self.at(sample))
        wide = always or sample in free_indices(body)
        return Array(body, *([(sample, self.size)] if wide else []), *axes), wide

    def at(self, sample: Expr) -> Callable[[Basic], Basic | None]:
        """Return what rewrites a body for the sample of that number."""

        def lift(node: Basic) -> Basic | None:
            if isinstance(node, BatchMean):
                other = fresh_index()
                return Reduce("add", rebuild(node.args[0], self.at(other)), (other, self.size)) / self.size
            if isinstance(node, Uniform) and node.args[3] == 0:
                number = Element(self.lifted[SAMPLE], sample) if SAMPLE in self.lifted else sample
                return Uniform(*node.args[:3], number, *(rebuild(place, lift) for place in node.args[4:]))
            if node == BATCH_SIZE:
                return self.size
            if isinstance(node, Symbol) and node in self.lifted:
                return Element(self.lifted[node], sample)
            if isinstance(node, Element):
                indices = [rebuild(index, lift) for index in node.indices]
                tensor = self.lifted.get(node.tensor)
                if tensor is not None:
                    return Element(tensor, sample, *indices)
                known = self.means.get(node.tensor)
                return Element(self.system.tensor(node.tensor) if known is None else known, *indices)
            return None

        return lift

    def wide(self, output: TensorSymbol, value: Any) -> Any:
        """Return what a value has become, with a batch axis where data enter."""
        if output in self.means:
            return _repeated(self.means[output], self.size)
        return self.lifted.get(output, value)

    def common(self, output: TensorSymbol, value: Any) -> Any:
        """Return what a value that all samples share has become."""
        if output in self.lifted:
            raise DerivationError(
                f"{value}: it differs from sample to sample, where one value for the batch is due; take sd.batch_mean "
                "of it, or draws that are shared=True"
            )
        found = self.means.get(output)
        if found is None or isinstance(value, Tensor):
            return value if found is None else found
        return found.body if isinstance(found, Array) else Element(found)


def _repeated(tensor: Tensor, size: Expr) -> Tensor:
    """Return what is the same for all samples with a batch axis in front."""
    axes = axes_of(tensor.shape)
    return Array(Element(tensor, *(index for index, _ in axes)), (fresh_index(), size), *axes)
