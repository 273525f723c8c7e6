"""Recurrences: tensors defined together along a time axis, each in terms of earlier times. Book chapter 7.

A block of equations ``h[t, i] = f(..., h[t-1, j], ...)`` is one node, ``Recurrence``, for each of its tensors. Time may
run forward or in reverse; the derivative of a recurrence is a recurrence in the other direction.
"""

from functools import cached_property
from typing import Any

import sympy
from sympy import Basic, Expr, Tuple
from sympy.core.symbol import Str

from symdl.expr.index import axis_index, rebuild
from symdl.expr.nodes import Array, Element, Tensor, TensorSymbol, opened


class Recurrence(Tensor):
    """One tensor of a block.

    ``args``: the block's placeholders, their arrays (which read placeholders at the same or earlier times), which of
    them this is, the position of the time axis, the direction, ``forward`` or ``reverse``, and where memory is to be
    saved the number of times between checkpoints.
    """

    def __new__(
        cls, placeholders: Any, arrays: Any, which: Any, axis: Any, direction: Any, checkpoint: Any = 0
    ) -> "Recurrence":
        """Return the ``which``-th tensor of the block; placeholders are renamed to canonical ones."""
        canonical = [_placeholder(k, symbol) for k, symbol in enumerate(placeholders)]
        mapping = dict(zip(placeholders, canonical, strict=True))
        if any(new != old for old, new in mapping.items()):
            arrays = [replace_tensors(array, mapping) for array in arrays]
        label = direction if isinstance(direction, Str) else Str(direction)
        rest = [sympy.sympify(checkpoint)] if checkpoint else []
        return cls._intern(Tuple(*canonical), Tuple(*arrays), sympy.sympify(which), sympy.sympify(axis), label, *rest)

    @property
    def placeholders(self) -> tuple[TensorSymbol, ...]:
        """The symbols that stand for the block's tensors inside its arrays."""
        return tuple(self.args[0])

    @property
    def arrays(self) -> tuple[Tensor, ...]:
        """The equations of the block, in order of computation within one time."""
        return tuple(self.args[1])

    @property
    def bodies(self) -> tuple[Expr, ...]:
        """The bodies of the equations at the canonical indices."""
        return tuple(_body(array) for array in self.arrays)

    @property
    def which(self) -> int:
        """The position of this tensor in the block."""
        return int(self.args[2])

    @property
    def axis(self) -> int:
        """The position of the time axis."""
        return int(self.args[3])

    @property
    def reverse(self) -> bool:
        """Whether time runs from the last to the first."""
        return self.args[4].name == "reverse"

    @property
    def checkpoint(self) -> int:
        """The number of times between checkpoints; 0 where all that later sweeps read is saved."""
        return int(self.args[5]) if len(self.args) > 5 else 0

    @property
    def block(self) -> tuple[Basic, ...]:
        """What all tensors of one block have in common."""
        return (self.args[0], self.args[1], *self.args[3:])

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
        return self.placeholders[self.which].shape

    @property
    def name(self) -> str:
        """A name for messages."""
        return self.latex_name

    @property
    def latex_name(self) -> str:
        """What it was called at declaration, with the time as a superscript; a letter with a number otherwise."""
        return self.placeholders[self.which].latex_name or rf"u_{{{self.which}}}^{{\langle t \rangle}}"

    @cached_property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the block's equations, placeholders not among them."""
        found: set[Basic] = set()
        for array in self.arrays:
            found |= array.free_symbols
        return frozenset(found - set(self.placeholders))

    def _sympystr(self, printer: Any) -> str:
        return self.latex_name


def _body(array: Tensor) -> Expr:
    if isinstance(array, Array):
        return array.body
    return Element(array, *(axis_index(k) if size != 1 else 0 for k, size in enumerate(array.shape)))


def _placeholder(number: int, symbol: TensorSymbol) -> TensorSymbol:
    return TensorSymbol(f"§{number}", symbol.shape, (), symbol.latex_name)


def replace_tensors(array: Tensor, mapping: dict[Any, Any]) -> Tensor:
    """Return an array with the tensors its body reads replaced; unnamed arrays that read them are written out."""

    def load(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            if isinstance(node.tensor, Array) and not node.tensor.own_symbols.isdisjoint(mapping):
                return rebuild(node.tensor.at(*(rebuild(index, load) for index in node.indices)), load)
            return Element(mapping.get(node.tensor, node.tensor), *(rebuild(index, load) for index in node.indices))
        return opened(node, lambda content: rebuild(content, load))

    if not isinstance(array, Array):
        return mapping.get(array, array)
    limits = [limit for limit in array.args[1:] if isinstance(limit, Tuple)]
    return Array(rebuild(array.body, load), *limits)
