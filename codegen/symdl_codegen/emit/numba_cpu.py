"""Loop IR -> Numba source text for CPU cores: plain loops over typed pointers, one function per distinct kernel.

Kernels that are equal up to names are emitted once and called with their own buffers and sizes (layers share code).
Workers run one kernel together: each is given its part of the loops in ``shares.py``, from first to last.
"""

import math

from symdl_codegen.emit import Argument, Call, Emitted, EmittedKernel
from symdl_codegen.emit.names import Names, identifier
from symdl_codegen.emit.numba_dots import DotsText
from symdl_codegen.emit.numba_lapack import LOCALS, ROUTINES_OF, RoutineText
from symdl_codegen.emit.numba_tile import TileText, helpers
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
from symdl_codegen.emit.shares import shares_of
from symdl_codegen.errors import UnsupportedError
from symdl_codegen.intrinsics.functions import FUNCTIONS
from symdl_codegen.intrinsics.lapack import ROUTINES
from symdl_codegen.intrinsics.machine import MOST_ARGUMENTS, lanes, tile_shape
from symdl_codegen.intrinsics.roots import has_roots
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
    Routine,
    Scalar,
    Size,
    Statement,
    Store,
    axes_of,
    map_scalar,
    routines,
    statements,
    walk,
)
from symdl_codegen.lower.equations import identity
from symdl_codegen.passes.canonical import Renaming
from symdl_codegen.scalars import cost, from_data, is_total, mul, offset, spanning

TARGET = "cpu"

TABLE: dict[str, Entry] = {
    "add": Infix("+", SUM),
    "mul": Infix("*", PRODUCT),
    "neg": Prefix("-", NEGATIVE),
    "div": Infix("/", PRODUCT),
    "pow": "pow({0}, {1})",
    "sqrt": "sqrt({0})",
    "exp": "exp({0})",
    "log": "log({0})",
    "log1p": "log1p({0})",
    "expm1": "expm1({0})",
    "tanh": "tanh({0})",
    "sin": "sin({0})",
    "cos": "cos({0})",
    "atan": "atan({0})",
    "erf": "erf({0})",
    "erfc": "erfc({0})",
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
        *FUNCTIONS,
        "sqrt",
        "root",
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
        "pack",
        "pack_code",
        "evenly",
        "tile_code",
        "dots",
        "dots_code",
        *(f"{name}_code" for name in ROUTINES),
        *ROUTINES,
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
HEADER = '''"""{name}: {count} kernels for CPU cores. real is {dtype}.

Pointers are row-major arrays. Functions that are not defined here are intrinsics; each is straight vector code.
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
        key = (body, shapes, renaming.time(kernel.span))
        writer = _Writer(module, kernel, buffers, tuple(s for s in renaming.sizes if not s.startswith("tile.")), dtype)
        writer.number = len(calls)
        if key not in known:
            known[key] = len(kernels)
            kernels.append(writer.kernel(names(kernel.name)))
        calls.append(Call(known[key], writer.arguments(), kernel.phase, kernel.span, writer.shares, kernel.strip))
    header = HEADER.format(name=module.name, count=len(kernels), dtype=dtype)
    return Emitted("\n\n\n".join([header, *(kernel.source for kernel in kernels)]) + "\n", tuple(kernels), tuple(calls))


class _Writer:
    """Writes one kernel."""

    def __init__(
        self, module: Module, kernel: Kernel, buffers: tuple[str, ...], sizes: tuple[str, ...], dtype: str
    ) -> None:
        self.module, self.source_kernel, self.dtype = module, kernel, dtype
        self.has_roots = dtype == "float32" and has_roots()
        self.buffers, self.sizes = buffers, sizes
        self.number = 0
        self.routines = routines(kernel)
        self.names = Names(RESERVED | LOCALS if self.routines else RESERVED)
        self.rows, self.columns = tile_shape(dtype)
        self.shares = shares_of(kernel, module.buffers, self.rows, lanes(dtype))
        tiles = [part for part in statements(kernel.body) if isinstance(part, Contract)]
        needed = {helper for part in tiles for helper in helpers(part)}
        self.helpers = sorted(needed | {name for part in self.routines for name in ROUTINES_OF[part.op]})
        self.text = ScalarText({**TABLE, "root": "root({0})"}, self._leaf, self._special)
        self.spans = spanning(axes_of(kernel.body), module.buffers, kernel.span)
        self.by_data = 0  # branches around that data chooses: what they read is checked at run time
        for buffer in buffers:
            self.names(buffer, "buffer")
        for size in sizes:
            self.names(size, "size")
        self.lines: list[str] = []

    def arguments(self) -> tuple[Argument, ...]:
        """The arguments of this kernel's call, in order of its parameters."""
        symbols = (Argument("symbol", f"{helper}_{self.dtype}") for helper in self.helpers)
        status = (Argument("status", str(self.number)),) if self.routines else ()
        buffers, sizes = (Argument("buffer", b) for b in self.buffers), (Argument("size", s) for s in self.sizes)
        shares = (
            Argument(role, str(number))
            for number, part in enumerate(self.shares)
            for role in ("first", "last", *(["block"] if part.lanes else []))
        )
        found = (*buffers, *sizes, *shares, *symbols, *status)
        if len(found) > MOST_ARGUMENTS:
            raise UnsupportedError(
                f"kernel {self.source_kernel.name} has {len(found)} arguments, expected at most {MOST_ARGUMENTS}; "
                "leave a pass that joins kernels (fuse, products or rows) off"
            )
        return found

    def kernel(self, name: str) -> EmittedKernel:
        """The kernel as one function."""
        parameters = [(self.names(b, "buffer"), f"{self.module.buffers[b].kind}*") for b in self.buffers]
        parameters += [(self.names(s, "size"), "size") for s in self.sizes]
        for part in self.shares:
            names = (*self.share(*part.axes), *([self._block(part.axes[0])] if part.lanes else []))
            parameters += [(name, "size") for name in names]
        parameters += [(f"{helper}_code", "symbol") for helper in self.helpers]
        parameters += [("status", "int*")] if self.routines else []
        self.lines = [f"def {identifier(name)}({', '.join(p for p, _ in parameters)}):"]
        self.lines += [f"    # {line}" for line in self.source_kernel.note.splitlines()]
        self.body(self.source_kernel.body, 1)
        if len(self.lines) == 1 + len(self.source_kernel.note.splitlines()):
            self.line(1, "pass")
        return EmittedKernel(identifier(name), self.source_kernel.note, "\n".join(self.lines), tuple(parameters))

    def line(self, depth: int, text: str) -> None:
        """Add a line of text."""
        self.lines.append("    " * depth + text)

    def body(self, body: tuple[Statement, ...], depth: int) -> None:
        """Add the lines of ``body``."""
        for statement in body:
            match statement:
                case Let(local, value):
                    self.line(depth, f"{self.names(local.name, 'local')} = {self.text(value)}")
                case Reduce():
                    self._reduce(statement, depth)
                case Store():
                    self._store(statement, depth)
                case Nest(axes, (Contract() as part,)):
                    self._contraction(axes, part, depth)
                case Nest(axes, inner):
                    self.body(inner, self._shared_loops(axes, depth))
                case Contract():
                    self._contraction((), statement, depth)
                case Routine():
                    RoutineText(self, statement).write(depth)

    def _contraction(self, outer: tuple[Axis, ...], part: Contract, depth: int) -> None:
        tile = DotsText(self, part) if part.along == "depth" else TileText(self, part)
        tile.offsets(depth)
        tile.write(self._shared_loops(outer, depth))

    def loops(self, axes: tuple[Axis, ...], depth: int) -> int:
        """Add loop heads; return the depth inside them."""
        for axis in axes:
            self.line(depth, f"for {self.index(axis)} in range({self.text(axis.extent)}):")
            depth += 1
        return depth

    def share(self, *axes: Axis) -> tuple[str, str]:
        """First and last of the part that a worker takes of the loop over ``axes`` as one; all where none is shared.

        The part begins at a multiple of the share's granule and ends at one, or at the end of the loop: a loop over
        tiles is ``range(first, last, columns)``, and its last tile has ``min(last - start, columns)`` columns.
        """
        if not any(part.axes == axes for part in self.shares):
            return "0", self.text(mul(*(axis.extent for axis in axes)))
        index = "_".join(axis.index for axis in axes)
        return self.names(f"{index}_first", "share"), self.names(f"{index}_last", "share")

    def _block(self, axis: Axis) -> str:
        """The identifier of the length of blocks along ``axis``."""
        return self.names(f"{axis.index}_block", "share")

    def _shared_loops(self, axes: tuple[Axis, ...], depth: int) -> int:
        """Loop heads of a nest. A loop along lanes runs in blocks, which are the same whoever runs them."""
        lanes = {part.axes for part in self.shares if part.lanes}
        for axis in axes:
            index, (first, last) = self.index(axis), self.share(axis)
            if (axis,) in lanes:
                start, length = self.names(f"{axis.index}_start", "share"), self._block(axis)
                self.line(depth, f"for {start} in range({first}, {last}, {length}):")
                first, last, depth = start, f"minimum({start} + {length}, {last})", depth + 1
            self.line(depth, f"for {index} in range({first + ', ' if first != '0' else ''}{last}):")
            depth += 1
        return depth

    def index(self, axis: Axis) -> str:
        """The identifier of an axis's index."""
        return self.names(axis.index, "index")

    def _reduce(self, part: Reduce, depth: int) -> None:
        name = self.names(part.local.name, "local")
        self.line(depth, f"{name} = {self.text(identity(part.op, part.local.kind))}")
        inner = self.loops(part.axes, depth)
        self.line(inner, f"{name} = {self._combined(part.op, part.local.kind, name, self.text(part.value, SUM + 1))}")

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
            self.line(depth, f"if {' and '.join(checks)}:")
            depth += 1
        place = f"{name}[{self.text(offset(part.indices, shape))}]"
        value = self.text(part.value)
        if part.op is None:
            self.line(depth, f"{place} = {value}")
        elif part.op == "add":
            self.line(depth, f"{place} += {value}")
        else:
            self.line(
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
        checks = " and ".join(
            f"0 <= {self.text(index, COMPARE + 1)} < {self.text(extent, COMPARE + 1)}"
            for index, extent in zip(load.indices, buffer.shape, strict=True)
            if from_data(index) or (self.by_data and not self.spans(load))
        )
        outside = {"real": "real(nan)", "int": "0", "bool": "False"}[buffer.kind]  # data out of range shows as NaN
        return (f"{text} if {checks} else {outside}", CHOICE) if checks else (text, ATOM)

    def _special(self, scalar: Apply) -> tuple[str, int] | None:
        """``where`` is a jump when a branch is expensive or may only be read where it is chosen.

        Roots that a division waits for leave its unit to it, where they can.
        """
        if scalar.primitive == "div" and self.has_roots:
            above, *below = scalar.arguments
            rooted = Apply("div", (above, *(map_scalar(part, _with_root) for part in below)))
            return None if rooted == scalar else self.text.write(rooted)
        if scalar.primitive != "where":
            return None
        condition, yes, no = scalar.arguments
        if all(is_total(branch, self.spans) and not _gathers(branch) and cost(branch) < LAZY for branch in (yes, no)):
            return None
        test = self.text(condition, CHOICE + 1)
        self.by_data += from_data(condition)
        text = f"{self.text(yes, CHOICE + 1)} if {test} else {self.text(no, CHOICE + 1)}"
        self.by_data -= from_data(condition)
        return text, CHOICE


def _with_root(node: Scalar) -> Scalar:
    return Apply("root", node.arguments) if isinstance(node, Apply) and node.primitive == "sqrt" else node


def _gathers(scalar: Scalar) -> bool:
    return any(isinstance(node, Load) and any(map(from_data, node.indices)) for node in walk(scalar))


__all__ = ["TABLE", "TARGET", "emit"]
