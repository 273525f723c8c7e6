"""Loop IR -> ``numba.cuda`` source text: one function per distinct kernel, one grid-stride loop over its elements each.

The text needs the names ``cuda``, ``math`` and ``real`` only. Parameters are row-major buffers, read and written by one flat
index, and 64-bit sizes: a buffer may be a raw pointer or a one-dimensional array, so that the same text compiles to PTX
and runs in Numba's simulator. Any grid gives the same bits: each element is computed by one thread, in a fixed order.
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
    walk,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.passes.canonical import Renaming
from symdl_codegen.scalars import is_gather, mul, offset

TARGET = "cuda"

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
    "sign": "sign({0})",
    "floor": "math.floor({0})",
    "floordiv": Infix("//", PRODUCT),
    "mod": Infix("%", PRODUCT),
    "max": "maximum({0}, {1})",
    "min": "minimum({0}, {1})",
    "lt": Infix("<", COMPARE),
    "le": Infix("<=", COMPARE),
    "eq": Infix("==", COMPARE),
    "and": Infix("&", AND),
    "or": Infix("|", OR),
    "not": Prefix("not ", NOT),
    "where": "({1} if {0} else {2})",  # _special writes it with no more parentheses than needed
    "real": "real({0})",
}

RESERVED = frozenset("cuda math real sign maximum minimum range abs True False".split())
HEADER = '''"""{name}: {count} CUDA kernels. real is {dtype}; buffers are flat and row-major; any grid will do."""

import math

from numba import cuda
from numba import {dtype} as real


@cuda.jit(device=True)
def maximum(a, b):
    return a if a > b or a != a else b


@cuda.jit(device=True)
def minimum(a, b):
    return a if a < b or a != a else b


@cuda.jit(device=True)
def sign(a):
    return real(1.0) if a > real(0.0) else real(-1.0) if a < real(0.0) else a'''


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
        key, sizes = (body, shapes), tuple(renaming.sizes)
        if key not in known:
            known[key] = len(kernels)
            kernels.append(_Writer(module, buffers, sizes).kernel(kernel, names(kernel.name)))
        arguments = (*(Argument("buffer", b) for b in buffers), *(Argument("size", s) for s in sizes))
        calls.append(Call(known[key], arguments, kernel.phase))
    header = HEADER.format(name=module.name, count=len(kernels), dtype=dtype)
    return Emitted("\n\n\n".join([header, *(kernel.source for kernel in kernels)]) + "\n", tuple(kernels), tuple(calls))


class _Writer:
    """Writes one kernel, which takes ``buffers`` and then ``sizes``."""

    def __init__(self, module: Module, buffers: tuple[str, ...], sizes: tuple[str, ...]) -> None:
        self.module = module
        self.names = Names(RESERVED)
        self.text = ScalarText(TABLE, self._leaf, self._special)
        self.parameters = [(self.names(name, "buffer"), f"{module.buffers[name].kind}*") for name in buffers]
        self.parameters += [(self.names(name, "size"), "size") for name in sizes]
        self.lines: list[str] = []

    def kernel(self, kernel: Kernel, name: str) -> EmittedKernel:
        """The kernel, whose body is one nest, as one function."""
        (nest,) = kernel.body
        assert isinstance(nest, Nest)
        self.lines = [f"def {name}({', '.join(parameter for parameter, _ in self.parameters)}):"]
        self.lines += [f"    # {line}" for line in kernel.note.splitlines()]
        self._body(nest.body, self._grid(nest.axes))
        return EmittedKernel(name, kernel.note, "\n".join(self.lines), tuple(self.parameters))

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

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
        return f"{place} = {op}imum({place}, {self.text(value)})"

    def _store(self, part: Store, depth: int) -> None:
        shape = self.module.buffers[part.buffer].shape
        inside = self._inside(part.indices, shape)
        if inside:  # an element outside is dropped: data may not write out of bounds
            self._line(depth, f"if {inside}:")
        place = f"{self.names(part.buffer, 'buffer')}[{self.text(offset(part.indices, shape))}]"
        text = self._combined(part.op, place, part.value) if part.op else f"{place} = {self.text(part.value)}"
        self._line(depth + bool(inside), text)

    def _inside(self, indices: tuple[Scalar, ...], shape: tuple[Scalar, ...]) -> str:
        """The condition that those of ``indices`` that come from data lie within ``shape``; empty where none does."""
        return " and ".join(
            f"0 <= {self.text(index, COMPARE + 1)} < {self.text(extent, COMPARE + 1)}"
            for index, extent in zip(indices, shape, strict=True)
            if any(isinstance(node, Load) for node in walk(index))
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
        if not is_gather(load):
            return text, ATOM
        outside = {"real": "real(math.nan)", "int": "0", "bool": "False"}[buffer.kind]  # data out of range shows as NaN
        return f"{text} if {self._inside(load.indices, buffer.shape)} else {outside}", CHOICE

    def _special(self, scalar: Apply) -> tuple[str, int] | None:
        """``where`` is a choice: only the chosen branch is computed, so that the other can neither fault nor leak."""
        if scalar.primitive != "where":
            return None
        condition, yes, no = scalar.arguments
        return f"{self.text(yes, CHOICE + 1)} if {self.text(condition, CHOICE + 1)} else {self.text(no, CHOICE)}", CHOICE


__all__ = ["TABLE", "TARGET", "emit"]
