"""Loop IR -> Numba source text for one CPU core: plain loops over typed pointers, one function per distinct kernel.

Kernels that are equal up to names are emitted once and called with their own buffers and sizes (layers share code).
"""

import math

from symdl_codegen.emit import Argument, Call, Emitted, EmittedKernel
from symdl_codegen.emit.names import Names, identifier
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
from symdl_codegen.intrinsics.machine import tile_shape
from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Contract,
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
from symdl_codegen.scalars import ONE, ZERO, add, cost, is_gather, is_total, mul, offset, strides

TARGET = "cpu"

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
    "floor": "floor({0})",
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
    "where": "select({0}, {1}, {2})",
    "real": "real({0})",
}

RESERVED = frozenset(
    [
        "math",
        "real",
        "inf",
        "nan",
        "sign",
        "floor",
        "maximum",
        "minimum",
        "select",
        "accumulate",
        "contract",
        "address",
        "range",
        "min",
        "max",
        "abs",
        "tile",
        "True",
        "False",
    ]
)
LAZY = 16  # operations of a branch from which on it is worth a jump instead of a select
HEADER = '''"""{name}: {count} kernels for one CPU core. real is {dtype}.

Pointers are row-major arrays; select, maximum, minimum, sign, floor, accumulate, contract and address are intrinsics.
"""'''


def emit(module: Module, dtype: str) -> Emitted:
    """Return the Numba text of ``module``: one function per distinct kernel and the calls of one step."""
    kernels: list[EmittedKernel] = []
    calls: list[Call] = []
    known: dict[object, int] = {}
    names = Names(RESERVED)
    for kernel in module.kernels:
        renaming = Renaming({}, everything=True)
        body = renaming.body(kernel.body)
        buffers = tuple(renaming.buffers)
        shapes = tuple((module.buffers[b].kind, tuple(map(renaming.scalar, module.buffers[b].shape))) for b in buffers)
        key = (body, shapes)
        writer = _Writer(module, kernel, buffers, tuple(s for s in renaming.sizes if not s.startswith("tile.")), dtype)
        if key not in known:
            known[key] = len(kernels)
            kernels.append(writer.kernel(names(kernel.name)))
        calls.append(Call(known[key], writer.arguments(), kernel.phase))
    header = HEADER.format(name=module.name, count=len(kernels), dtype=dtype)
    return Emitted("\n\n\n".join([header, *(kernel.source for kernel in kernels)]) + "\n", tuple(kernels), tuple(calls))


class _Writer:
    """Writes one kernel."""

    def __init__(
        self, module: Module, kernel: Kernel, buffers: tuple[str, ...], sizes: tuple[str, ...], dtype: str
    ) -> None:
        self.module, self.source_kernel, self.dtype = module, kernel, dtype
        self.buffers, self.sizes = buffers, sizes
        self.names = Names(RESERVED)
        self.rows, self.columns = tile_shape(dtype)
        self.tiles = any(isinstance(part, Contract) for part in _all(kernel.body))
        self.text = ScalarText(TABLE, self._leaf, self._special)
        for buffer in buffers:
            self.names(buffer, "buffer")
        for size in sizes:
            self.names(size, "size")
        self.lines: list[str] = []

    def arguments(self) -> tuple[Argument, ...]:
        """The arguments of this kernel's call, in order of its parameters."""
        symbols = (Argument("symbol", f"tile_{self.dtype}"),) if self.tiles else ()
        return (*(Argument("buffer", b) for b in self.buffers), *(Argument("size", s) for s in self.sizes), *symbols)

    def kernel(self, name: str) -> EmittedKernel:
        """The kernel as one function."""
        parameters = [(self.names(b, "buffer"), f"{self.module.buffers[b].kind}*") for b in self.buffers]
        parameters += [(self.names(s, "size"), "size") for s in self.sizes]
        parameters += [("tile", "symbol")] if self.tiles else []
        self.lines = [f"def {identifier(name)}({', '.join(p for p, _ in parameters)}):"]
        self.lines += [f"    # {line}" for line in self.source_kernel.note.splitlines()]
        self._body(self.source_kernel.body, 1)
        if len(self.lines) == 1 + len(self.source_kernel.note.splitlines()):
            self._line(1, "pass")
        return EmittedKernel(identifier(name), self.source_kernel.note, "\n".join(self.lines), tuple(parameters))

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

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
                case Contract():
                    self._contract(statement, depth)

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
        self._line(inner, f"{name} = {self._combined(part.op, part.local.kind, name, self.text(part.value, SUM + 1))}")

    def _combined(self, op: str, kind: str, old: str, value: str) -> str:
        if op == "add":
            return f"accumulate({old}, {value})" if kind == "real" else f"{old} + {value}"
        return f"{old} * ({value})" if op == "mul" else f"{op}imum({old}, {value})"

    def _store(self, part: Store, depth: int) -> None:
        name, shape = self.names(part.buffer, "buffer"), self.module.buffers[part.buffer].shape
        checks = [
            f"0 <= {self.text(index, COMPARE + 1)} < {self.text(extent, COMPARE + 1)}"
            for index, extent in zip(part.indices, shape, strict=True)
            if part.op and not isinstance(index, Index)
        ]
        if checks:  # a scatter drops what falls outside: data may not write out of bounds
            self._line(depth, f"if {' and '.join(checks)}:")
            depth += 1
        place = f"{name}[{self.text(offset(part.indices, shape))}]"
        value = self.text(part.value)
        if part.op is None:
            self._line(depth, f"{place} = {value}")
        elif part.op == "add":
            self._line(depth, f"{place} += {value}")
        else:
            self._line(
                depth, f"{place} = {self._combined(part.op, self.module.buffers[part.buffer].kind, place, value)}"
            )

    def _leaf(self, scalar: Scalar) -> tuple[str, int]:
        match scalar:
            case Const(value):
                return self._constant(value)
            case Index(name):
                return self.names(name, "index"), ATOM
            case Size(name):
                return self.names(name, "size"), ATOM
            case Local(name):
                return self.names(name, "local"), ATOM
            case Load():
                return self._load(scalar)
        raise AssertionError(scalar)

    def _constant(self, value: float | int | bool) -> tuple[str, int]:
        if isinstance(value, bool):
            return str(value), ATOM
        if isinstance(value, int):
            return (f"({value})", ATOM) if value < 0 else (str(value), ATOM)
        text = repr(value) if math.isfinite(value) else "nan" if value != value else "inf" if value > 0 else "-inf"
        return (f"real({text})", ATOM) if self.dtype == "float32" else (f"({text})" if value < 0 else text, ATOM)

    def _load(self, load: Load) -> tuple[str, int]:
        buffer = self.module.buffers[load.tensor]
        text = f"{self.names(load.tensor, 'buffer')}[{self.text(offset(load.indices, buffer.shape))}]"
        if buffer.kind == "bool":
            text = f"({text} != 0)"
        if not is_gather(load):
            return text, ATOM
        checks = " and ".join(
            f"0 <= {self.text(index, COMPARE + 1)} < {self.text(extent, COMPARE + 1)}"
            for index, extent in zip(load.indices, buffer.shape, strict=True)
            if any(isinstance(n, Load) for n in walk(index))
        )
        outside = {"real": "real(nan)", "int": "0", "bool": "False"}[buffer.kind]  # data out of range shows as NaN
        return f"{text} if {checks} else {outside}", CHOICE

    def _special(self, scalar: Apply) -> tuple[str, int] | None:
        """``where`` is a jump when a branch is expensive or may only be read where it is chosen."""
        if scalar.primitive != "where":
            return None
        condition, yes, no = scalar.arguments
        if all(is_total(branch) and not _gathers(branch) and cost(branch) < LAZY for branch in (yes, no)):
            return None
        return (
            f"{self.text(yes, CHOICE + 1)} if {self.text(condition, CHOICE + 1)} else {self.text(no, CHOICE + 1)}",
            CHOICE,
        )

    def _contract(self, part: Contract, depth: int) -> None:
        left = strides(part.left, self.module.buffers[part.left.tensor].shape) or {}
        right = strides(part.right, self.module.buffers[part.right.tensor].shape) or {}
        i, j = self._index(part.row), self._index(part.column)
        panel, tile = self.names(part.panel, "buffer"), self.names(part.tile, "buffer")
        i0, j0, im, jn = (
            self.names(f"{name}{suffix}", "tile") for name, suffix in ((i, "0"), (j, "0"), ("n", i), ("n", j))
        )
        self._line(depth, f"for {j0} in range(0, {self.text(part.column.extent)}, {self.columns}):")
        self._line(depth + 1, f"{jn} = min({self.text(part.column.extent, SUM)} - {j0}, {self.columns})")
        if right[part.column.index] == ONE:
            source = (
                f"address({self.names(part.right.tensor, 'buffer')}, {self._base(part.right, right, part, (j, j0))})"
            )
            steps = [right.get(axis.index, ZERO) for axis in part.depth]
        else:
            source, steps = self._pack(part, right, depth + 1, panel, (j, j0, jn))
        self._line(depth + 1, f"for {i0} in range(0, {self.text(part.row.extent)}, {self.rows}):")
        self._line(depth + 2, f"{im} = min({self.text(part.row.extent, SUM)} - {i0}, {self.rows})")
        loops = [
            f"{self.text(axis.extent)}, {self.text(left.get(axis.index, ZERO))}, {self.text(step)}"
            for axis, step in zip(part.depth, steps, strict=True)
        ]
        loops = ["1, 0, 0"] * (3 - len(loops)) + loops
        operand = self.names(part.left.tensor, "buffer")
        lines = [
            f"contract(tile, address({operand}, {self._base(part.left, left, part, (i, i0))}),",
            f"         {self.text(left[part.row.index])}, {source}, address({tile}, 0),",
            f"         {', '.join(loops)}, {im}, {jn})",
        ]
        for line in lines:
            self._line(depth + 2, line)
        self._line(depth + 2, f"for {i} in range({i0}, {i0} + {im}):")
        self._line(depth + 3, f"for {j} in range({j0}, {j0} + {jn}):")
        local = self.names(part.local.name, "local")
        self._line(depth + 4, f"{local} = {tile}[({i} - {i0}) * {self.columns} + {j} - {j0}]")
        self._body(part.epilogue, depth + 4)

    def _base(self, load: Load, steps: dict[str | None, Scalar], part: Contract, start: tuple[str, str]) -> str:
        """The offset of a tile's first element: every index at zero but those of the loops around it."""
        own = {part.row.index, part.column.index, *(axis.index for axis in part.depth)}
        outer = [mul(step, Index(key)) for key, step in steps.items() if key is not None and key not in own]
        fixed = add(steps.get(None, ZERO), *outer)
        axis = part.row if load is part.left else part.column
        moving = self.text(steps[axis.index], PRODUCT + 1)
        text = start[1] if moving == "1" else f"{start[1]} * {moving}"
        return text if fixed == ZERO else f"{self.text(fixed, SUM)} + {text}"

    def _pack(
        self, part: Contract, steps: dict[str | None, Scalar], depth: int, panel: str, names: tuple[str, str, str]
    ) -> tuple[str, list[Scalar]]:
        """Copy the right operand's columns of one tile to a contiguous panel; return its address and depth strides."""
        j, j0, jn = names
        inner: list[Scalar] = []
        for position in range(len(part.depth)):
            inner.append(mul(*(axis.extent for axis in part.depth[position + 1 :]), Const(self.columns)))
        self._line(depth, f"for {j} in range({jn}):")
        at = self._loops(part.depth, depth + 1)
        base = self._base(part.right, steps, part, (j, f"({j0} + {j})"))
        moving = add(*(mul(steps.get(axis.index, ZERO), Index(axis.index)) for axis in part.depth))
        place = add(*(mul(step, Index(axis.index)) for step, axis in zip(inner, part.depth, strict=True)))
        source = self.names(part.right.tensor, "buffer")
        self._line(at, f"{panel}[{self.text(place)} + {j}] = {source}[{base} + {self.text(moving)}]")
        return f"address({panel}, 0)", inner


def _gathers(scalar: Scalar) -> bool:
    return any(isinstance(node, Load) and is_gather(node) for node in walk(scalar))


def _all(body: tuple[Statement, ...]) -> list[Statement]:
    return [inner for part in body for inner in (part, *(_all(part.body) if isinstance(part, Nest) else ()))]


__all__ = ["TABLE", "TARGET", "emit"]
