"""Loop IR -> ``numba.cuda`` source text: one function per distinct kernel, one grid-stride loop over its elements each.

The text needs the names ``cuda``, ``math`` and ``real`` only. Parameters are row-major buffers, read and written by one
flat index, and 64-bit sizes: a buffer may be a raw pointer or a one-dimensional array, so that the same text compiles
to PTX and runs in Numba's simulator. Any grid gives the same bits: one thread computes an element, in a fixed order.
"""

import math

from symdl_codegen.emit import Argument, Call, Emitted, EmittedKernel
from symdl_codegen.emit.cuda_grid import grid_form
from symdl_codegen.emit.names import Names
from symdl_codegen.emit.scalar_text import (
    AND,
    ATOM,
    CHOICE,
    COMPARE,
    NEGATIVE,
    NOT,
    OR,
    PRODUCT,
    SUM,
    Entry,
    Infix,
    Prefix,
    ScalarText,
)
from symdl_codegen.ir import (
    Apply,
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
    Scalar,
    Size,
    Statement,
    Store,
    axes_of,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.passes.canonical import Renaming
from symdl_codegen.scalars import from_data, is_total, mul, offset, spanning

TARGET = "cuda"

# What reads an argument more than once, and where, is written by _special: it names the arguments.
TABLE: dict[str, Entry] = {
    "add": Infix("+", SUM),
    "mul": Infix("*", PRODUCT),
    "neg": Prefix("-", NEGATIVE),
    "div": Infix("/", PRODUCT),
    "pow": "math.pow({0}, {1})",
    "sqrt": "math.sqrt({0})",
    "exp": "math.exp({0})",
    "log": "math.log({0})",
    "log1p": "math.log1p({0})",
    "expm1": "math.expm1({0})",
    "tanh": "math.tanh({0})",
    "sin": "math.sin({0})",
    "cos": "math.cos({0})",
    "atan": "math.atan({0})",
    "erf": "math.erf({0})",
    "erfc": "math.erfc({0})",
    "abs": "abs({0})",
    "sign": "(real(1.0) if {0} > real(0.0) else real(-1.0) if {0} < real(0.0) else {0})",
    "floor": "math.floor({0})",
    "floordiv": Infix("//", PRODUCT),
    "mod": Infix("%", PRODUCT),
    "max": "({0} if {0} > {1} or {0} != {0} else {1})",
    "min": "({0} if {0} < {1} or {0} != {0} else {1})",
    "lt": Infix("<", COMPARE),
    "le": Infix("<=", COMPARE),
    "eq": Infix("==", COMPARE),
    "and": Infix("&", AND),
    "or": Infix("|", OR),
    "not": Prefix("not ", NOT),
    "where": "({1} if {0} else {2})",
    "real": "real({0})",
}

RESERVED = frozenset(["cuda", "math", "real", "range", "abs", "True", "False"])
HEADER = '''"""{name}: {count} CUDA kernels. real is {dtype}; buffers are flat and row-major; any grid will do."""

import math

from numba import cuda
from numba import {dtype} as real'''


def emit(module: Module, dtype: str) -> Emitted:
    """Return the CUDA text of ``module``: one function per distinct kernel and the launches of one step, in order."""
    module = grid_form(module)
    kernels: list[EmittedKernel] = []
    calls: list[Call] = []
    known: dict[object, int] = {}
    names = Names(RESERVED)
    for kernel in module.kernels:
        renaming = Renaming({}, everything=True)
        body = renaming.body(kernel.body)
        buffers = tuple(renaming.buffers)
        shapes = tuple((module.buffers[b].kind, tuple(map(renaming.scalar, module.buffers[b].shape))) for b in buffers)
        key, sizes = (body, shapes, renaming.time(kernel.span)), tuple(renaming.sizes)
        if key not in known:
            known[key] = len(kernels)
            kernels.append(_Writer(module, kernel, buffers, sizes).kernel(names(kernel.name)))
        arguments = (*(Argument("buffer", b) for b in buffers), *(Argument("size", s) for s in sizes))
        calls.append(Call(known[key], arguments, kernel.phase, kernel.span, strip=kernel.strip))
    header = HEADER.format(name=module.name, count=len(kernels), dtype=dtype)
    return Emitted("\n\n\n".join([header, *(kernel.source for kernel in kernels)]) + "\n", tuple(kernels), tuple(calls))


class _Writer:
    """Writes one kernel, which takes ``buffers`` and then ``sizes``."""

    def __init__(self, module: Module, kernel: Kernel, buffers: tuple[str, ...], sizes: tuple[str, ...]) -> None:
        self.module, self.source_kernel = module, kernel
        self.names = Names(RESERVED)
        self.text = ScalarText(TABLE, self._leaf, self._special)
        self.parameters = [(self.names(name, "buffer"), f"{module.buffers[name].kind}*") for name in buffers]
        self.parameters += [(self.names(name, "size"), "size") for name in sizes]
        self.lines: list[str] = []
        self.pending: list[str] = []  # lines that stand before the one being written
        self.temporaries = 0
        self.spans = spanning(axes_of(kernel.body), module.buffers, kernel.span)
        self.guarded = 0  # branches around what is being written
        self.by_data = 0  # those that data chooses: what they read is checked at run time

    def kernel(self, name: str) -> EmittedKernel:
        """The kernel, whose body is one nest, as one function."""
        kernel = self.source_kernel
        (nest,) = kernel.body
        assert isinstance(nest, Nest)
        self.lines = [f"def {name}({', '.join(parameter for parameter, _ in self.parameters)}):"]
        self.lines += [f"    # {line}" for line in kernel.note.splitlines()]
        self._body(nest.body, self._grid(nest.axes))
        return EmittedKernel(name, kernel.note, "\n".join(self.lines), tuple(self.parameters))

    def _line(self, depth: int, text: str) -> None:
        self.lines += ["    " * depth + line for line in (*self.pending, text)]
        self.pending.clear()

    def _grid(self, axes: tuple[Axis, ...]) -> int:
        """Let this thread go through its share of the elements of ``axes``; return the depth of what follows."""
        if not axes:
            self._line(1, "if cuda.grid(1) == 0:")
            return 2
        total = self.text(mul(*(axis.extent for axis in axes)))
        element = self.names("element", "grid") if len(axes) > 1 else self._index(axes[0])
        self._line(1, f"for {element} in range(cuda.grid(1), {total}, cuda.gridsize(1)):")
        for place, axis in enumerate(axes if len(axes) > 1 else ()):
            inner = self.text(mul(*(other.extent for other in axes[place + 1 :])), PRODUCT + 1)
            quotient = element if inner == "1" else f"{element} // {inner}"
            remainder = f" % {self.text(axis.extent, PRODUCT + 1)}" if place else ""
            self._line(2, f"{self._index(axis)} = {quotient}{remainder}")
        return 2

    def _body(self, body: tuple[Statement, ...], depth: int) -> None:
        for statement in body:
            match statement:
                case Let(local, value):
                    self._line(depth, f"{self.names(local.name, 'local')} = {self.text(value)}")
                case Reduce():
                    self._reduce(statement, depth)
                case Store():
                    self._store(statement, depth)
                case Nest(axes, inner):
                    self._body(inner, self._loops(axes, depth))
                case _:
                    raise AssertionError(statement)

    def _loops(self, axes: tuple[Axis, ...], depth: int) -> int:
        for axis in axes:
            self._line(depth, f"for {self._index(axis)} in range({self.text(axis.extent)}):")
            depth += 1
        return depth

    def _index(self, axis: Axis) -> str:
        return self.names(axis.index, "index")

    def _reduce(self, part: Reduce, depth: int) -> None:
        name = self.names(part.local.name, "local")
        self._line(depth, f"{name} = {self.text(identity(part.op, part.local.kind))}")
        inner = self._loops(part.axes, depth)
        self._line(inner, self._combined(part.op, name, part.value))

    def _combined(self, op: str, place: str, value: Scalar) -> str:
        if op in ("add", "mul"):
            return f"{place} {'+' if op == 'add' else '*'}= {self.text(value)}"
        return f"{place} = {self._extremum(op, place, self._named(value))}"

    def _store(self, part: Store, depth: int) -> None:
        shape = self.module.buffers[part.buffer].shape
        inside = self._inside(part.indices, shape, any_index=False)
        if inside:  # an element outside is dropped: data may not write out of bounds
            self._line(depth, f"if {inside}:")
        place = f"{self.names(part.buffer, 'buffer')}[{self.text(offset(part.indices, shape))}]"
        text = self._combined(part.op, place, part.value) if part.op else f"{place} = {self.text(part.value)}"
        self._line(depth + bool(inside), text)

    def _inside(self, indices: tuple[Scalar, ...], shape: tuple[Scalar, ...], any_index: bool) -> str:
        """The condition that ``indices``, or only those from data, lie within ``shape``; empty where there are none."""
        return " and ".join(
            f"0 <= {self.text(index, COMPARE + 1)} < {self.text(extent, COMPARE + 1)}"
            for index, extent in zip(indices, shape, strict=True)
            if any_index or from_data(index)
        )

    def _leaf(self, scalar: Scalar) -> tuple[str, int]:
        match scalar:
            case Const(value):
                return self._constant(value), ATOM
            case Index(name):
                return self.names(name, "index"), ATOM
            case Size(name):
                return self.names(name, "size"), ATOM
            case Local(name):
                return self.names(name, "local"), ATOM
            case Load():
                return self._load(scalar)
        raise AssertionError(scalar)

    def _constant(self, value: float | int | bool) -> str:
        """A real literal is a Python float, 64 bits wide, so it is converted; that costs nothing when compiled."""
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, int):
            return f"({value})" if value < 0 else str(value)
        if math.isfinite(value):
            return f"real({value!r})"
        return "real(math.nan)" if value != value else f"real({'-' if value < 0 else ''}math.inf)"

    def _load(self, load: Load) -> tuple[str, int]:
        buffer = self.module.buffers[load.tensor]
        text = f"{self.names(load.tensor, 'buffer')}[{self.text(offset(load.indices, buffer.shape))}]"
        if buffer.kind == "bool":  # one byte, 0 or 1
            text = f"({text} != 0)"
        inside = self._inside(load.indices, buffer.shape, any_index=bool(self.by_data) and not self.spans(load))
        outside = {"real": "real(math.nan)", "int": "0", "bool": "False"}[buffer.kind]  # data out of range shows as NaN
        return (f"{text} if {inside} else {outside}", CHOICE) if inside else (text, ATOM)

    def _special(self, scalar: Apply) -> tuple[str, int] | None:
        match scalar:
            case Apply("where", (condition, yes, no)):
                return self._choice(condition, yes, no), CHOICE
            case Apply("max" | "min" as op, (*several, last)):
                first = Apply(op, tuple(several)) if len(several) > 1 else several[0]
                return self._extremum(op, self._named(first), self._named(last)), CHOICE
            case Apply("sign", (argument,)):
                x = self._named(argument)
                return f"real(1.0) if {x} > real(0.0) else real(-1.0) if {x} < real(0.0) else {x}", CHOICE
        return None

    def _choice(self, condition: Scalar, yes: Scalar, no: Scalar) -> str:
        """Only the chosen branch is computed, so that the other can neither fault nor leak."""
        test = self.text(condition, CHOICE + 1)
        data = from_data(condition)
        self.guarded, self.by_data = self.guarded + 1, self.by_data + data
        first, second = self.text(yes, CHOICE + 1), self.text(no)
        self.guarded, self.by_data = self.guarded - 1, self.by_data - data
        return f"{first} if {test} else {second}"

    def _extremum(self, op: str, a: str, b: str) -> str:
        """The larger (smaller) of ``a`` and ``b``, NaN if one is."""
        return f"{a} if {a} {'>' if op == 'max' else '<'} {b} or {a} != {a} else {b}"

    def _named(self, scalar: Scalar) -> str:
        """Text that may be repeated: a name, computed in a line of its own unless only a branch may compute it."""
        if isinstance(scalar, Local | Const | Index | Size) or (self.guarded and not is_total(scalar, self.spans)):
            return self.text(scalar, ATOM)
        text = self.text(scalar)
        self.temporaries += 1
        name = self.names(f"v{self.temporaries}", "temporary")
        self.pending.append(f"{name} = {text}")
        return name


__all__ = ["TABLE", "TARGET", "emit"]
