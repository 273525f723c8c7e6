"""Which recurrences an expression is made of, and how the equations of one block read each other."""

import itertools
from collections.abc import Iterator
from typing import Any

from sympy import Basic

from symdl.expr.index import axis_index
from symdl.expr.layers import LayerStack
from symdl.expr.nodes import Array, Element, Tensor
from symdl.expr.recurrence import Recurrence
from symdl.expr.system import children, elements_of
from symdl.expr.walk import parts_first


def recurrences_in(value: Any) -> list[Recurrence]:
    """Return the recurrences that an expression is made of, those that others read first."""
    roots = [value] if isinstance(value, Tensor) else _tensors_in(value)
    return [tensor for tensor in parts_first(roots, _parts) if isinstance(tensor, Recurrence)]


def _parts(tensor: Tensor) -> tuple[Tensor, ...]:
    if isinstance(tensor, LayerStack) and not tensor.depth.is_Integer:  # which has no definition
        return (tensor.start, tensor.step)
    return children(tensor)


def _tensors_in(value: Any) -> list[Tensor]:
    return list(dict.fromkeys(load.tensor for load in elements_of(value))) if isinstance(value, Basic) else []


def member(block: tuple[Any, ...], number: int) -> Recurrence:
    """Return one tensor of a block, given what all of them have in common."""
    placeholders, arrays, *rest = block
    return Recurrence(placeholders, arrays, number, *rest)


def copied(first: Recurrence, number: int) -> int | None:
    """Return which equation of a block another one copies, None if it does not."""
    array = first.arrays[number]
    if array in first.placeholders:
        return first.placeholders.index(array)
    body = array.body if isinstance(array, Array) else None
    if not isinstance(body, Element) or body.tensor not in first.placeholders:
        return None
    own = tuple(axis_index(k) if size != 1 else 0 for k, size in enumerate(array.shape))
    found = first.placeholders.index(body.tensor)
    return found if body.indices == own and found != number else None


def loads_of(array: Tensor) -> list[Element]:
    """Return what an equation of a block reads."""
    if isinstance(array, Array):
        return list(elements_of(array.body))
    return [Element(array, *(axis_index(k) for k in range(array.order)))]


def numbered(base: str) -> Iterator[str]:
    """Yield a label, and then the label with numbers."""
    yield base
    for number in itertools.count(2):
        yield rf"{base}_{{({number})}}" if "_" not in base else rf"{{{base}}}_{{({number})}}"
