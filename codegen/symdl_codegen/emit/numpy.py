"""Loop IR -> plain vectorised NumPy: the reference that every other backend is compared with."""

import json
import math
from itertools import groupby

from symdl_codegen.emit import Emitted, EmittedKernel
from symdl_codegen.emit.names import Names
from symdl_codegen.emit.scalar_text import (
    AND,
    ATOM,
    COMPARE,
    NEGATIVE,
    OR,
    PRODUCT,
    SUM,
    Entry,
    Infix,
    Prefix,
    ScalarText,
)
from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import (
    Axis,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Routine,
    Scalar,
    Size,
    Span,
    Statement,
    Store,
    free_indices,
    locals_of,
    routines,
    walk,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.scalars import from_data
from symdl_codegen.schedule.contractions import Product, product_of

TARGET = "numpy"

TABLE: dict[str, Entry] = {
    "add": Infix("+", SUM),
    "mul": Infix("*", PRODUCT),
    "neg": Prefix("-", NEGATIVE),
    "div": "np.divide({0}, {1})",
    "pow": "np.power({0}, {1})",
    "sqrt": "np.sqrt({0})",
    "exp": "np.exp({0})",
    "log": "np.log({0})",
    "log1p": "np.log1p({0})",
    "expm1": "np.expm1({0})",
    "tanh": "np.tanh({0})",
    "sin": "np.sin({0})",
    "cos": "np.cos({0})",
    "atan": "np.arctan({0})",
    "erf": "real(erf({0}))",
    "erfc": "real(erfc({0}))",
    "abs": "np.abs({0})",
    "sign": "np.sign({0})",
    "floor": "np.floor({0})",
    "floordiv": "np.floor_divide({0}, {1})",
    "mod": "np.mod({0}, {1})",
    "max": "np.maximum({0}, {1})",
    "min": "np.minimum({0}, {1})",
    "lt": Infix("<", COMPARE),
    "le": Infix("<=", COMPARE),
    "eq": Infix("==", COMPARE),
    "and": Infix("&", AND),
    "or": Infix("|", OR),
    "not": "np.logical_not({0})",
    "where": "np.where({0}, {1}, {2})",
    "real": "real({0})",
}

KINDS = {"real": "real", "int": "np.int64", "bool": "np.bool_"}
RESERVED = frozenset(
    [
        "np",
        "real",
        "erf",
        "erfc",
        "take",
        "scatter",
        "along",
        "moment",
        "linear_algebra",
        "matrices",
        "reversed",
        "range",
        "tensors",
        "sizes",
        "outputs",
        "updates",
        "guard",
        "step",
    ]
)
HEADER = '''"""{name} in NumPy. real is {dtype}; step returns the outputs, the new states and the guard."""

import numpy as np

from symdl_codegen.emit.numpy_support import {support}

real = np.{dtype}


def step(tensors, sizes):
'''
_SCATTER: dict[str | None, str] = {"add": "np.add", "max": "np.maximum", "min": "np.minimum"}
_REDUCE = {
    "add": "np.sum({0}, axis={1})",
    "mul": "np.prod({0}, axis={1})",
    "max": "np.max({0}, axis={1}, initial={2})",
    "min": "np.min({0}, axis={1}, initial={2})",
}


def quoted(name: str) -> str:
    """A name as a Python string, whatever is in it."""
    return json.dumps(name, ensure_ascii=False)


def emit(module: Module, dtype: str) -> Emitted:
    """Return the NumPy text of ``module``: one function ``step(tensors, sizes)``, one paragraph per kernel."""
    names = Names(RESERVED)
    head = [f"    {names(n, 'size')} = sizes[{quoted(n)}]" for n in module.sizes]
    head += [
        f"    {names(n, 'buffer')} = tensors[{quoted(n)}]"
        for n, b in module.buffers.items()
        if b.role not in ("temporary", "scratch")
    ]
    kernels, body = [], []
    for kernel in module.kernels:
        lines = [f"# {line}" for line in kernel.note.splitlines()] + _Writer(module, names, dtype).kernel(kernel)
        kernels.append(EmittedKernel(kernel.name, kernel.note, "\n".join(lines)))
    allocated: set[str] = set()
    for span, group in groupby(zip(module.kernels, kernels, strict=True), key=lambda pair: pair[0].span):
        pairs = list(group)
        if span:
            written = {n for kernel, _ in pairs for n in kernel.writes if module.buffers[n].role != "scratch"}
            body += _Writer(module, names, dtype).loop(span, sorted(written - allocated))
            allocated |= written
        body += [_indented(text.source, 2 if span else 1) for _, text in pairs]
    outputs = ", ".join(f"{quoted(n)}: {names(b, 'buffer')}" for n, b in module.outputs.items())
    updates = ", ".join(f"{quoted(state)}: {names(state, 'new state')}" for state, _ in module.updates)
    guard = names(module.guard, "buffer") if module.guard else "None"
    looping = ["moment"] if any(kernel.span for kernel in module.kernels) else []
    routines_used = ["linear_algebra", "matrices"] if any(map(routines, module.kernels)) else []
    support = ", ".join(["along", "erf", "erfc", *routines_used, *looping, "scatter", "take"])
    tail = f"    return {{{outputs}}}, {{{updates}}}, {guard}\n"
    head.insert(0, HEADER.format(name=module.name, dtype=dtype, support=support).removesuffix("\n"))
    return Emitted("\n".join([*head, *body, tail]), tuple(kernels))


def _indented(source: str, depth: int) -> str:
    return "\n".join("    " * depth + line for line in source.splitlines())


class _Writer:
    """Writes one kernel: each statement as whole-array expressions over the nest's axes."""

    def __init__(self, module: Module, names: Names, dtype: str) -> None:
        self.module, self.names, self.dtype = module, names, dtype
        self.domain: tuple[Axis, ...] = ()
        self.bound: dict[str, set[str]] = {}  # which indices a local's array has axes for
        self.time: Size | None = None
        self.note = ""
        self.text = ScalarText(TABLE, self._leaf)

    def kernel(self, kernel: Kernel) -> list[str]:
        """The lines of one kernel."""
        self.time, self.note = Size(kernel.span.time) if kernel.span else None, kernel.note
        return [line for nest in kernel.body for line in self._nest(nest, kernel.name)]

    def loop(self, span: Span, written: list[str]) -> list[str]:
        """Arrays for the buffers that the kernels of ``span`` are the first to write, and the head of its loop."""
        lines = []
        for name in written:
            shape, kind = self._shape(self.module.buffers[name].shape), KINDS[self.module.buffers[name].kind]
            lines.append(f"    {self.names(name, 'buffer')} = np.empty({shape}, {kind})")
        steps = f"range({self.text(span.first)}, {self.text(span.last)})"
        steps = f"reversed({steps})" if span.reverse else steps
        return [*lines, f"    for {self.names(span.time, 'size')} in {steps}:"]

    def _nest(self, nest: Statement, name: str) -> list[str]:
        if not isinstance(nest, Nest):
            raise UnsupportedError(
                f"the numpy target takes unscheduled nests only, found {type(nest).__name__} in {name}"
            )
        lines = []
        self.bound = {}
        for part in nest.body:
            if isinstance(part, Routine):
                return self._routine(part, nest.axes)
            self.domain = nest.axes
            match part:
                case Let(local, value):
                    self.bound[local.name] = self._axes_of(value)
                    lines.append(f"{self._local(local, name)} = {self.text(value)}")
                case Reduce(local):
                    lines.append(f"{self._local(local, name)} = {self._reduce(part, nest.axes)}")
                    self.bound[local.name] = {axis.index for axis in nest.axes}
                case Store():
                    lines += self._store(part, nest.axes)
                case _:
                    raise UnsupportedError(
                        f"the numpy target takes unscheduled nests only, found {type(part).__name__} in {name}"
                    )
            self.names.given = {key: value for key, value in self.names.given.items() if key[0] != "index"}
        for part in nest.body:  # locals of one kernel are not those of another
            if isinstance(part, Let | Reduce):
                self.names.given[(f"done {name}", part.local.name)] = self.names.given.pop(("local", part.local.name))
        return lines

    def _routine(self, part: Routine, axes: tuple[Axis, ...]) -> list[str]:
        """Linear algebra on whole batches, one line a result."""
        self.domain = axes
        operands = []
        for load, (rows, columns) in zip(part.operands, part.matrices, strict=True):
            leading = len(axes) if any(free_indices(index) for index in load.indices) else 0
            extents = self._shape(tuple(axis.extent for axis in axes))
            operands.append(f"matrices({self._moved(load)}, {leading}, {extents}, {self._shape((rows, columns))})")
        lines = []
        for which, place in part.results:
            name = self.names(place.tensor, "buffer")
            told = f"{part.operands[0].tensor!r}, {self.note.splitlines()[0]!r}"
            value = f'linear_algebra("{part.op}", {which}, {told}, {", ".join(operands)})'
            moving = [index for index in place.indices if not isinstance(index, Size)]
            if len(moving) < len(place.indices):
                slots = [self.text(index) if isinstance(index, Size) else ":" for index in place.indices]
                name += f"[{', '.join(slots)}]"
            lines.append(f"{name} = {value}")
        return lines

    def _moved(self, load: Load) -> str:
        """A batch of matrices: its leading indices at the present time, each other one along its axis."""
        name = self.names(load.tensor, "buffer")
        if not load.indices:
            return name
        return f"{name}[{', '.join(self.text(index) for index in load.indices)}]"

    def _local(self, local: Local, name: str) -> str:
        return self.names(local.name, "local")

    def _axes_of(self, value: Scalar) -> set[str]:
        return free_indices(value) | {index for local in locals_of(value) for index in self.bound[local]}

    def _full(self, value: Scalar, axes: tuple[Axis, ...]) -> str:
        """``value`` as an array with every one of ``axes``."""
        text = self.text(value)
        if self._axes_of(value) == {axis.index for axis in axes}:
            return text
        return f"np.broadcast_to({text}, {self._shape(tuple(axis.extent for axis in axes))})"

    def _shape(self, extents: tuple[Scalar, ...]) -> str:
        texts = [self.text(extent) for extent in extents]
        return f"({', '.join(texts)}{',' if len(texts) == 1 else ''})"

    def _reduce(self, part: Reduce, axes: tuple[Axis, ...]) -> str:
        product = product_of(part, self.module.buffers)
        contracted = product and self._einsum(part, product, axes)
        if contracted:
            return contracted
        self.domain = (*axes, *part.axes)
        places = tuple(range(len(axes), len(self.domain)))
        start = self._leaf(identity(part.op, part.local.kind))[0]
        for local in locals_of(part.value):
            if self.bound[local]:
                raise UnsupportedError("the numpy target cannot reduce over a local with axes; turn fusion off")
        where = str(places[0]) if len(places) == 1 else str(places)
        return _REDUCE[part.op].format(self._full(part.value, self.domain), where, start)

    def _einsum(self, part: Reduce, product: Product, axes: tuple[Axis, ...]) -> str | None:
        """A contraction of two loads as an einsum, each over its own axes first; None where an axis is in neither."""
        domain = (*axes, *part.axes)
        letters = dict(zip((axis.index for axis in domain), "abcdefghijklmnopqrstuvwxyz", strict=False))
        operands = [self._operand(load, domain) for load in (product.left, product.right)]
        if {name for _, own in operands for name in own} != set(letters) or len(letters) != len(domain):
            return None
        inputs = ",".join("".join(letters[name] for name in own) for _, own in operands)
        result = "".join(letters[axis.index] for axis in axes)
        arrays = ", ".join(text for text, _ in operands)
        text = f'np.einsum("{inputs}->{result}", {arrays}, optimize=True)'
        return " * ".join([*(self.text(scale, PRODUCT) for scale in product.scale), text])

    def _operand(self, load: Load, domain: tuple[Axis, ...]) -> tuple[str, list[str]]:
        """A load over its own axes alone, and their names: the tensor itself where it is read as a whole."""
        text, left = self._view(load)
        extents = {axis.index: axis.extent for axis in domain}
        whole = all(isinstance(index, Index) and extents[index.name] == size for index, size in left)
        names = [index.name for index, _ in left if isinstance(index, Index)]
        if whole and len(set(names)) == len(left):
            return text, names
        self.domain = tuple(axis for axis in domain if axis.index in free_indices(load))
        return self._load(load), [axis.index for axis in self.domain]

    def _store(self, part: Store, axes: tuple[Axis, ...]) -> list[str]:
        buffer = self.module.buffers[part.buffer]
        name = self.names(part.buffer, "new state" if buffer.role == "state" else "buffer")
        plain = [Index(axis.index) for axis in axes]
        if part.op in _SCATTER:
            where = ", ".join(self.text(index) for index in part.indices)
            extents = self._shape(tuple(axis.extent for axis in axes))
            return [f"scatter({_SCATTER[part.op]}, {name}, ({where},), {self.text(part.value)}, {extents})"]
        moving = [index for index in part.indices if not isinstance(index, Size)]  # a size is the time of a loop
        if part.op is not None or len(moving) != len(plain) or set(moving) != set(plain):
            raise UnsupportedError(f"the numpy target cannot store to {part.buffer} at {part.indices}")
        text = f"np.array({self._full(part.value, axes)}, dtype={KINDS[buffer.kind]})"
        order = [plain.index(index) for index in moving if isinstance(index, Index)]
        text += f".transpose({order})" if order != sorted(order) else ""
        if len(moving) == len(part.indices):
            return [f"{name} = {text}"]
        slots = [self.text(index) if isinstance(index, Size) else ":" for index in part.indices]
        return [f"{name}[{', '.join(slots)}] = {text}"]

    def _leaf(self, scalar: Scalar) -> tuple[str, int]:
        match scalar:
            case Const(value):
                return self._constant(value)
            case Index(name):
                place = next(position for position, axis in enumerate(self.domain) if axis.index == name)
                return f"along({self.text(self.domain[place].extent)}, {place}, {len(self.domain)})", ATOM
            case Size(name):
                return self.names(name, "size"), ATOM
            case Local(name):
                return self.names(name, "local"), ATOM
            case Load():
                return self._load(scalar), ATOM
        raise AssertionError(scalar)

    def _constant(self, value: float | int | bool) -> tuple[str, int]:
        if isinstance(value, bool | int):
            return (f"({value})" if value < 0 else str(value)), ATOM
        return f"real({value!r})" if math.isfinite(value) else f'real("{value}")', ATOM

    def _view(self, load: Load) -> tuple[str, list[tuple[Scalar, Scalar]]]:
        """What is left of ``load`` at the present time: its text, and the remaining indices with their extents."""
        name = self.names(load.tensor, "buffer")
        left = list(zip(load.indices, self.module.buffers[load.tensor].shape, strict=True))
        for index in load.indices:
            if self.time is not None and self.time in walk(index) and not free_indices(index) and not from_data(index):
                place = [other for other, _ in left].index(index)
                del left[place]
                name = f"moment({name}, {place}, {self.text(index)})"
        return name, left

    def _load(self, load: Load) -> str:
        name, left = self._view(load)
        if not left:
            return name
        order = [axis.index for axis in self.domain]
        places = [order.index(index.name) for index, _ in left if isinstance(index, Index)]
        spans = all(
            isinstance(index, Index) and self.domain[order.index(index.name)].extent == extent for index, extent in left
        )
        if not spans or len(set(places)) != len(places):
            return f"take({name}, {', '.join(self.text(index) for index, _ in left)})"
        if places != sorted(places):
            name += f".transpose({sorted(range(len(places)), key=places.__getitem__)})"
        slots = [":" if place in places else "None" for place in range(min(places), len(order))]
        return name if "None" not in slots else f"{name}[{', '.join(slots)}]"


__all__ = ["TABLE", "TARGET", "emit"]
