"""No element outside a tensor is read or written: checked for each tuple of sizes, before anything runs.

An index built from loop indices and sizes is checked by interval arithmetic, restricted by the conditions of the
``where`` branches around it, and element by element where intervals are too wide. An index that is an element of an
integer input is checked against the range of the array at hand. What neither can decide (an index computed from data,
a branch chosen by data) is checked at run time by the emitted code: such a read outside gives NaN (0 for integers),
such a scatter is dropped.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from symdl_codegen.bounds.grids import outside
from symdl_codegen.bounds.intervals import Domain, Range, is_data
from symdl_codegen.errors import ArgumentError
from symdl_codegen.program import Apply, Axis, Call, Const, Equation, Index, Load, Program, Scalar, walk
from symdl_codegen.scalars import evaluate, text

Guards = tuple[tuple[Scalar, bool], ...]  # (condition, whether it holds)
LARGEST = 2**27  # points of a domain beyond which indices are not checked one by one


@dataclass(frozen=True)
class Access:
    """One index of a read, or of a scatter: axis ``axis`` of ``tensor`` at ``index``, wherever ``guards`` hold."""

    equation: Equation
    tensor: str
    axis: int
    index: Scalar
    guards: Guards
    text: str


class Bounds:
    """The accesses of ``program`` that could reach outside. ``index_inputs`` are the integer inputs used as indices."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.accesses = tuple(a for equation in program.equations for a in _accesses(equation, program))
        inputs = {name for name in program.inputs if program.tensors[name].role != "state"}
        used = {node.tensor for access in self.accesses for node in walk(access.index) if isinstance(node, Load)}
        self.index_inputs = tuple(sorted(used & inputs))
        self.accepted: dict[tuple[tuple[str, int], ...], list[dict[str, Range]]] = {}

    def check(
        self,
        sizes: Mapping[str, int],
        arrays: Mapping[str, np.ndarray],
        rows: Mapping[str, np.ndarray] | None = None,
    ) -> None:
        """Raise ArgumentError where an access reaches outside for ``sizes`` and the index inputs in ``arrays``.

        Of an array named in ``rows`` only those rows count. A tuple of sizes is checked once, and again where an index
        input reaches further than before.
        """
        accepted = self.accepted.setdefault(tuple(sizes.items()), [])
        ranges = _ranges({name: arrays[name] for name in self.index_inputs})
        if any(_covers(known, ranges) for known in accepted):
            return
        if rows:
            ranges = _ranges({n: arrays[n][rows[n]] if n in rows else arrays[n] for n in self.index_inputs})
        for access in self.accesses:
            self._check(access, sizes, ranges)
        accepted[:] = [known for known in accepted if not _covers(ranges, known)] + [ranges]

    def _check(self, access: Access, sizes: Mapping[str, int], ranges: Mapping[str, Range]) -> None:
        tensors, axes = self.program.tensors, (*access.equation.axes, *access.equation.reduced)
        extents = {axis.index: evaluate(axis.extent, sizes) for axis in axes}
        if min(extents.values(), default=1) <= 0:
            return
        atoms: dict[Scalar, Range] = {Index(name): (0, extent - 1) for name, extent in extents.items()}
        loads = [node for part in (access.index, *(c for c, _ in access.guards)) for node in walk(part)]
        atoms |= {node: ranges[node.tensor] for node in loads if isinstance(node, Load) and node.tensor in ranges}
        domain: Domain | None = Domain(sizes, tensors, atoms)
        for condition, holds in access.guards:
            domain = domain.where(condition, holds) if domain else None
        size = evaluate(tensors[access.tensor].shape[access.axis], sizes)
        if domain is None:
            return
        low, high = domain.range(access.index)
        if low >= 0 and high < size:
            return
        by_data = any(is_data(condition) for condition, _ in access.guards)
        if is_data(access.index):
            if access.index in atoms and not access.guards:
                raise ArgumentError(self._data_text(access, (low, high), size))
        elif prod(extents[name] for name in _names(access)) > LARGEST:
            raise ArgumentError(self._text(access, f"may reach from {low} to {high}", size))
        else:
            found = outside(access.index, [g for g in access.guards if not is_data(g[0])], extents, sizes, size)
            if found and not by_data:
                raise ArgumentError(self._text(access, f"reaches from {found[0]} to {found[1]}", size))

    def _where(self, access: Access, size: int) -> str:
        extent = text(self.program.tensors[access.tensor].shape[access.axis])
        value = str(size) if extent == str(size) else f"{extent} = {size}"
        return f"axis {access.axis} of {access.tensor}, whose size is {value}"

    def _text(self, access: Access, reach: str, size: int) -> str:
        return (
            f"equation for {access.equation.target}: {access.text} {reach} along {self._where(access, size)}; "
            f"change the sizes, or guard it by a condition on its indices (where)"
        )

    def _data_text(self, access: Access, reach: Range, size: int) -> str:
        assert isinstance(access.index, Load)
        found = f"found {reach[0]} to {reach[1]}"
        return (
            f"{access.index.tensor}: expected indices 0 to {size - 1} (it selects along {self._where(access, size)}, "
            f"in the equation for {access.equation.target}), {found}"
        )


def _ranges(arrays: Mapping[str, np.ndarray]) -> dict[str, Range]:
    return {name: (int(array.min()), int(array.max())) for name, array in arrays.items() if array.size}


def _covers(known: Mapping[str, Range], ranges: Mapping[str, Range]) -> bool:
    return all(n in known and known[n][0] <= low and high <= known[n][1] for n, (low, high) in ranges.items())


def _names(access: Access) -> set[str]:
    parts = [access.index, *(condition for condition, _ in access.guards if not is_data(condition))]
    return {node.name for part in parts for node in walk(part) if isinstance(node, Index)}


def _accesses(equation: Equation, program: Program) -> Iterator[Access]:
    axes = {axis.index: axis for axis in (*equation.axes, *equation.reduced)}
    found = list(_reads(equation.body, ()))
    for part in equation.at or ():
        found += _reads(part, ())
    for load, guards in found:
        yield from _indices(equation, program, axes, (load.tensor, load.indices, guards, f"the read of {text(load)}"))
    if equation.at is not None:
        words = f"the scatter to {equation.target}[{', '.join(map(text, equation.at))}]"
        guards = _scattered(equation.body) if equation.reduction is None else ()
        yield from _indices(equation, program, axes, (equation.target, equation.at, guards, words))


def _indices(
    equation: Equation,
    program: Program,
    axes: Mapping[str, Axis],
    place: tuple[str, tuple[Scalar, ...], Guards, str],
) -> Iterator[Access]:
    """The indices of one read or scatter that are not plainly an axis of the same extent."""
    tensor, indices, guards, words = place
    for position, (index, extent) in enumerate(zip(indices, program.tensors[tensor].shape, strict=False)):
        if not (isinstance(index, Index) and axes[index.name].extent == extent):
            yield Access(equation, tensor, position, index, guards, words)


def _reads(scalar: Scalar | Call, guards: Guards) -> Iterator[tuple[Load, Guards]]:
    """Every load of ``scalar`` with the conditions under which it is evaluated."""
    match scalar:
        case Call(_, _, operands):
            for operand in operands:
                yield from _reads(operand, guards)
        case Load(_, indices):
            yield scalar, guards
            for index in indices:
                yield from _reads(index, guards)
        case Apply("where", (condition, yes, no)):
            yield from _reads(condition, guards)
            yield from _reads(yes, (*guards, (condition, True)))
            yield from _reads(no, (*guards, (condition, False)))
        case Apply(_, arguments):
            for argument in arguments:
                yield from _reads(argument, guards)


def _scattered(body: Scalar | Call) -> Guards:
    """The conditions under which a scatter adds something else than zero."""
    match body:
        case Apply("where", (condition, yes, Const(0 | 0.0))):
            return ((condition, True), *_scattered(yes))
        case Apply("where", (condition, Const(0 | 0.0), no)):
            return ((condition, False), *_scattered(no))
        case Apply("mul", arguments):
            return tuple(guard for argument in arguments for guard in _scattered(argument))
        case Apply("neg" | "real", (argument,)):
            return _scattered(argument)
    return ()


__all__ = ["Access", "Bounds"]
