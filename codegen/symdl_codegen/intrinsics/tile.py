"""The contraction tile: one native function per floating type, written as LLVM vector code.

    tile(a, table, a_row, a_jump, b, c, c_row, go, e0, a0, b0, e1, a1, b1, e2, a2, b2, rows, columns, height)

computes, for m < rows and n < columns, where columns is at most the width of a tile,

    c[m*c_row + n] = (go ? c[m*c_row + n] : 0) + sum over k0 < e0, k1 < e1, k2 < e2 of
                     a[row(m) + k0*a0 + k1*a1 + k2*a2] * b[n + k0*b0 + k1*b1 + k2*b2]

``a``, ``b``, ``c`` and ``table`` are addresses, strides count elements. The rows are taken ``height`` at a time, at
most as many as the tile has: row m is the m-th offset in ``table``, or where that is 0, a tile begins at a_jump times
its first row, and a_row is the step from row to row in it.

The sums stay in vector registers; columns beyond ``columns`` are masked: nothing outside the operands is read or
written. Each sum is taken in the order of the depth, one fused multiplication and addition at a time, and goes on from
``c``: what it is depends neither on blocks, nor on packing, nor on the width of vectors.
"""

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

from symdl_codegen.intrinsics.machine import lanes, tile_shape
from symdl_codegen.intrinsics.vectors import Vectors

I64, I32 = ir.IntType(64), ir.IntType(32)
PARAMETERS = 20
UNROLLED = 4


@dataclass(frozen=True)
class Variant:
    """``rows`` rows and ``vectors`` column vectors, the last ``masked``; ``unit`` says which stride of a is 1."""

    rows: int
    vectors: int
    masked: bool
    unit: str = ""

    @property
    def name(self) -> str:
        """As it appears in symbols."""
        return f"{self.rows}x{self.vectors}{'m' if self.masked else ''}{self.unit}"


def tile_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of the tile for ``dtype``, float32 or float64."""
    rows, columns = tile_shape(dtype)
    width = lanes(dtype)
    module = ir.Module(f"tile_{dtype}")
    symbol = f"symdl_tile_{dtype}"
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * PARAMETERS), symbol)
    shapes = [(n, masked) for masked in (True, False) for n in range(1, columns // width + 1)]
    units = ("depth", "rows")
    fast = [[_variant(module, dtype, Variant(rows, *shape, unit)) for shape in shapes] for unit in units]
    general = [_variant(module, dtype, Variant(m, *shape)) for m in range(1, rows + 1) for shape in shapes]
    _Rows(function, dtype).write(general, fast)
    return symbol, str(module)


class _Rows:
    """Writes the loop over tiles of rows, which chooses the variant by strides, rows and columns."""

    def __init__(self, function: ir.Function, dtype: str) -> None:
        self.function, self.builder = function, ir.IRBuilder(function.append_basic_block("entry"))
        self.most, self.columns = tile_shape(dtype)
        self.width, self.bytes = lanes(dtype), 4 if dtype == "float32" else 8
        self.table, self.a_row, self.a_jump = function.args[1:4]
        self.starts = self.builder.alloca(I64, size=self.most)

    def write(self, general: list[ir.Function], fast: list[list[ir.Function]]) -> None:
        """The whole function."""
        builder, function = self.builder, self.function
        depth_step, rows, count, height = (function.args[k] for k in (15, 17, 18, 19))
        vectors = builder.sdiv(builder.sub(count, _number(1)), _number(self.width))
        full = builder.icmp_signed("==", builder.srem(count, _number(self.width)), _number(0))
        shape = builder.select(full, builder.add(vectors, _number(self.columns // self.width)), vectors)
        shapes = len(fast[0])
        by_depth = builder.icmp_signed("==", depth_step, _number(1))
        alone = builder.icmp_signed("==", self.table, _number(0))
        by_rows = builder.and_(alone, builder.icmp_signed("==", self.a_row, _number(1)))
        unit = builder.select(by_depth, _number(0), _number(shapes))
        quick = builder.add(_number(len(general)), builder.add(unit, shape))
        quickly = builder.or_(by_depth, by_rows)
        with Loop(builder, function, rows, height) as first:
            left = builder.sub(rows, first)
            here = builder.select(builder.icmp_signed("<", left, height), left, height)
            self._find_rows(first, here)
            number = builder.add(builder.mul(builder.sub(here, _number(1)), _number(shapes)), shape)
            whole = builder.and_(quickly, builder.icmp_signed("==", here, _number(self.most)))
            self._switch(builder.select(whole, quick, number), [*general, *fast[0], *fast[1]], first)
        builder.ret_void()

    def _find_rows(self, first: ir.Value, here: ir.Value) -> None:
        """The addresses of the rows of one tile."""
        builder, item = self.builder, _number(self.bytes)
        a = self.function.args[0]
        direct, listed, done = (self.function.append_basic_block() for _ in range(3))
        builder.cbranch(builder.icmp_signed("==", self.table, _number(0)), direct, listed)
        builder.position_at_end(direct)
        start = builder.add(a, builder.mul(builder.mul(first, self.a_jump), item))
        step = builder.mul(self.a_row, item)
        for m in range(self.most):
            builder.store(start, builder.gep(self.starts, [_number(m)]))
            start = builder.add(start, step)
        builder.branch(done)
        builder.position_at_end(listed)
        table = builder.inttoptr(self.table, I64.as_pointer())
        with Loop(builder, self.function, here, _number(1)) as m:
            offset = builder.load(builder.gep(table, [builder.add(first, m)]))
            builder.store(builder.add(a, builder.mul(offset, item)), builder.gep(self.starts, [m]))
        builder.branch(done)
        builder.position_at_end(done)

    def _switch(self, number: ir.Value, variants: list[ir.Function], first: ir.Value) -> None:
        builder, function = self.builder, self.function
        b, c, c_row, go, *loops = function.args[4:17]
        c = builder.add(c, builder.mul(builder.mul(first, c_row), _number(self.bytes)))
        starts = builder.ptrtoint(self.starts, I64)
        end = function.append_basic_block()
        switch = builder.switch(number, end)
        for position, variant in enumerate(variants):
            block = function.append_basic_block()
            switch.add_case(_number(position), block)
            builder.position_at_end(block)
            builder.call(variant, [starts, b, c, c_row, go, *loops, function.args[18]])
            builder.branch(end)
        builder.position_at_end(end)


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


class Loop:
    """``for index in range(0, end, step)`` around the code built inside."""

    def __init__(self, builder: ir.IRBuilder, function: ir.Function, end: ir.Value, step: ir.Value) -> None:
        self.builder, self.end, self.step = builder, end, step
        self.head, self.body, self.done = (function.append_basic_block(name) for name in ("head", "body", "done"))

    def __enter__(self) -> ir.Value:
        before = self.builder.block
        self.builder.branch(self.head)
        self.builder.position_at_end(self.head)
        self.index = self.builder.phi(I64)
        self.index.add_incoming(_number(0), before)
        self.builder.cbranch(self.builder.icmp_signed("<", self.index, self.end), self.body, self.done)
        self.builder.position_at_end(self.body)
        return self.index

    def __exit__(self, *error: object) -> None:
        self.index.add_incoming(self.builder.add(self.index, self.step), self.builder.block)
        self.builder.branch(self.head)
        self.builder.position_at_end(self.done)


def _variant(module: ir.Module, dtype: str, variant: Variant) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 15), f"tile_{dtype}_{variant.name}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    _Tile(function, Vectors(module, dtype), variant).write()
    return function


State = list[ir.Value]  # offset into the rows of a, pointer into b, then the sums


class _Tile:
    """Writes one variant."""

    def __init__(self, function: ir.Function, kit: Vectors, variant: Variant) -> None:
        self.function, self.kit, self.variant = function, kit, variant
        self.builder = builder = ir.IRBuilder(function.append_basic_block("entry"))
        pointer = kit.scalar.as_pointer()
        starts, b, c, c_row, self.go, *self.loops, columns = function.args
        self.b, self.c = (builder.inttoptr(value, pointer) for value in (b, c))
        tail = builder.sub(columns, _number((variant.vectors - 1) * kit.width))
        self.mask = kit.below(builder, tail) if variant.masked else None
        table = builder.inttoptr(starts, pointer.as_pointer())
        count = 1 if variant.unit == "rows" else variant.rows
        self.rows = [builder.load(builder.gep(table, [_number(m)])) for m in range(count)]
        self.results = [builder.gep(self.c, [builder.mul(c_row, _number(m))]) for m in range(variant.rows)]

    def write(self) -> None:
        """The whole function."""
        places = [(builder_row, v) for builder_row in range(self.variant.rows) for v in range(self.variant.vectors)]
        sums = self._start(places)
        state = self._nest(0, [_number(0), self.b, *sums])
        for (m, v), value in zip(places, state[2:], strict=True):
            place = self.builder.gep(self.results[m], [_number(v * self.kit.width)])
            if self._is_masked(v):
                self.kit.masked_store(self.builder, value, place, self.mask)
            else:
                self.kit.store(self.builder, value, place)
        self.builder.ret_void()

    def _start(self, places: list[tuple[int, int]]) -> State:
        """What the sums begin with: zero, or what ``c`` holds."""
        builder, before = self.builder, self.builder.block
        again, done = self.function.append_basic_block(), self.function.append_basic_block()
        builder.cbranch(builder.icmp_signed("!=", self.go, _number(0)), again, done)
        builder.position_at_end(again)
        held = [self._load(builder.gep(self.results[m], [_number(v * self.kit.width)]), v) for m, v in places]
        builder.branch(done)
        builder.position_at_end(done)
        sums = []
        for value in held:
            phi = builder.phi(value.type)
            phi.add_incoming(self.kit.zeros, before)
            phi.add_incoming(value, again)
            sums.append(phi)
        return sums

    def _is_masked(self, vector: int) -> bool:
        return self.mask is not None and vector == self.variant.vectors - 1

    def _load(self, place: ir.Value, vector: int) -> ir.Value:
        if self._is_masked(vector):
            return self.kit.masked_load(self.builder, place, self.mask)
        return self.kit.load(self.builder, place)

    def _nest(self, level: int, state: State) -> State:
        extent, a_step, b_step = self.loops[3 * level : 3 * level + 3]
        if level < 2:
            return self._loop(extent, state, lambda inner: self._outer(level, inner), a_step, b_step)
        if self.variant.unit == "depth":
            a_step = _number(1)
        if not self.variant.unit:
            return self._loop(extent, state, lambda inner: self._steps(inner, 1, a_step, b_step))
        blocks = self.builder.sdiv(extent, _number(UNROLLED))
        state = self._loop(blocks, state, lambda inner: self._steps(inner, UNROLLED, a_step, b_step))
        rest = self.builder.srem(extent, _number(UNROLLED))
        return self._loop(rest, state, lambda inner: self._steps(inner, 1, a_step, b_step))

    def _outer(self, level: int, state: State) -> State:
        return [*state[:2], *self._nest(level + 1, state)[2:]]

    def _steps(self, state: State, count: int, a_step: ir.Value, b_step: ir.Value) -> State:
        """``count`` steps along the innermost depth."""
        offset, column, *sums = state
        for _ in range(count):
            sums = self._step(offset, column, sums)
            offset, column = self.builder.add(offset, a_step), self.builder.gep(column, [b_step])
        return [offset, column, *sums]

    def _step(self, offset: ir.Value, column: ir.Value, sums: State) -> State:
        builder, kit, vectors = self.builder, self.kit, self.variant.vectors
        operands = [self._load(builder.gep(column, [_number(v * kit.width)]), v) for v in range(vectors)]
        result = []
        for m in range(self.variant.rows):
            spread = kit.splat(builder, builder.load(self._place(m, offset)))
            result += [kit.fma(builder, spread, operands[v], sums[m * vectors + v]) for v in range(vectors)]
        return result

    def _place(self, row: int, offset: ir.Value) -> ir.Value:
        if self.variant.unit == "rows":
            return self.builder.gep(self.builder.gep(self.rows[0], [offset]), [_number(row)])
        return self.builder.gep(self.rows[row], [offset])

    def _loop(self, count: ir.Value, state: State, body: Callable[[State], State], *steps: ir.Value) -> State:
        """``body`` as often as ``count`` says; after each turn the places move by ``steps``, if given."""
        builder, before = self.builder, self.builder.block
        start, done = self.function.append_basic_block(), self.function.append_basic_block()
        builder.cbranch(builder.icmp_signed(">", count, _number(0)), start, done)
        builder.position_at_end(start)
        turn, *inner = [builder.phi(value.type) for value in (count, *state)]
        following = body(inner)
        if steps:
            following[:2] = [builder.add(following[0], steps[0]), builder.gep(following[1], [steps[1]])]
        left = builder.sub(turn, _number(1))
        builder.cbranch(builder.icmp_signed(">", left, _number(0)), start, done)
        for phi, first, later in zip((turn, *inner), (count, *state), (left, *following), strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, builder.block)
        last = builder.block
        builder.position_at_end(done)
        result = []
        for first, later in zip(state, following, strict=True):
            phi = builder.phi(first.type)
            phi.add_incoming(first, before)
            phi.add_incoming(later, last)
            result.append(phi)
        return result


__all__ = ["PARAMETERS", "Loop", "tile_module"]
