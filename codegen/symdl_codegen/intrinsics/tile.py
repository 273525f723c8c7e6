"""The contraction tile: one native function per floating type, written as LLVM vector code.

    tile(a, a_row, b, c, c_row, e0, a0, b0, e1, a1, b1, e2, a2, b2, rows, columns)

computes, for m < rows and n < columns, c[m*c_row + n] = sum over k0 < e0, k1 < e1, k2 < e2 of

    a[m*a_row + k0*a0 + k1*a1 + k2*a2] * b[n + k0*b0 + k1*b1 + k2*b2]

``a``, ``b``, ``c`` are addresses, strides count elements. The sums stay in vector registers; columns beyond ``columns``
are masked: nothing outside the operands is read or written. The order of the sum depends on nothing but the extents, so
the variants agree to the bit.

Full tiles whose left operand is contiguous, along the innermost depth (a2 = 1) or along the rows (a_row = 1), have
variants in which the addresses are constant offsets and the innermost loop is unrolled.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llvmlite import ir

from symdl_codegen.intrinsics.machine import lanes, tile_shape
from symdl_codegen.intrinsics.vectors import Vectors

I64 = ir.IntType(64)
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
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 16), symbol)
    shapes = [(n, True) for n in range(1, columns // width + 1)] + [(columns // width, False)]
    units = ("depth", "rows")
    fast = [[_variant(module, dtype, Variant(rows, *shape, unit)) for shape in shapes] for unit in units]
    general = [_variant(module, dtype, Variant(m, *shape)) for m in range(1, rows + 1) for shape in shapes]
    _dispatch(function, general, fast, width, columns)
    return symbol, str(module)


def _dispatch(
    function: ir.Function, general: list[ir.Function], fast: list[list[ir.Function]], width: int, columns: int
) -> None:
    """Choose the variant by strides, rows and columns."""
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    a_row, depth_step, rows, count = (function.args[k] for k in (1, 12, 14, 15))
    full = builder.icmp_signed(">=", count, _number(columns))
    vectors = builder.sdiv(builder.sub(count, _number(1)), _number(width))
    shape = builder.select(full, _number(columns // width), vectors)
    whole = builder.icmp_signed("==", rows, _number(len(general) // len(fast[0])))
    for unit, variants in zip((depth_step, a_row), fast, strict=True):
        chosen, other = function.append_basic_block(), function.append_basic_block()
        builder.cbranch(builder.and_(whole, builder.icmp_signed("==", unit, _number(1))), chosen, other)
        builder.position_at_end(chosen)
        _switch(builder, function, shape, variants)
        builder.position_at_end(other)
    number = builder.add(builder.mul(builder.sub(rows, _number(1)), _number(len(fast[0]))), shape)
    _switch(builder, function, number, general)


def _switch(builder: ir.IRBuilder, function: ir.Function, number: ir.Value, variants: Sequence[ir.Function]) -> None:
    end = function.append_basic_block()
    switch = builder.switch(number, end)
    for position, variant in enumerate(variants):
        block = function.append_basic_block()
        switch.add_case(_number(position), block)
        builder.position_at_end(block)
        builder.call(variant, [*function.args[:14], function.args[15]])
        builder.ret_void()
    builder.position_at_end(end)
    builder.ret_void()


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _variant(module: ir.Module, dtype: str, variant: Variant) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 15), f"tile_{dtype}_{variant.name}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    _Tile(function, Vectors(module, dtype), variant).write()
    return function


State = list[ir.Value]  # pointer into a, pointer into b, then the sums


class _Tile:
    """Writes one variant."""

    def __init__(self, function: ir.Function, kit: Vectors, variant: Variant) -> None:
        self.function, self.kit, self.variant = function, kit, variant
        self.builder = ir.IRBuilder(function.append_basic_block("entry"))
        pointer = kit.scalar.as_pointer()
        a, a_row, b, c, c_row, *self.loops, columns = function.args
        self.a, self.b, self.c = (self.builder.inttoptr(value, pointer) for value in (a, b, c))
        tail = self.builder.sub(columns, _number((variant.vectors - 1) * kit.width))
        self.mask = kit.below(self.builder, tail) if variant.masked else None
        step = _number(1) if variant.unit == "rows" else a_row
        self.rows = [self.builder.mul(step, _number(m)) for m in range(variant.rows)]
        self.results = [self.builder.mul(c_row, _number(m)) for m in range(variant.rows)]

    def write(self) -> None:
        """The whole function."""
        rows, vectors, width = self.variant.rows, self.variant.vectors, self.kit.width
        state = self._nest(0, [self.a, self.b, *[self.kit.zeros] * (rows * vectors)])
        for m in range(rows):
            for v in range(vectors):
                place = self.builder.gep(self.builder.gep(self.c, [self.results[m]]), [_number(v * width)])
                self._store(state[2 + m * vectors + v], place, v)
        self.builder.ret_void()

    def _store(self, value: ir.Value, place: ir.Value, vector: int) -> None:
        if self.mask is not None and vector == self.variant.vectors - 1:
            self.kit.masked_store(self.builder, value, place, self.mask)
        else:
            self.kit.store(self.builder, value, place)

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
        row, column, *sums = state
        for _ in range(count):
            sums = self._step(row, column, sums)
            row, column = self.builder.gep(row, [a_step]), self.builder.gep(column, [b_step])
        return [row, column, *sums]

    def _step(self, row: ir.Value, column: ir.Value, sums: State) -> State:
        builder, kit, vectors = self.builder, self.kit, self.variant.vectors
        operands = []
        for v in range(vectors):
            place = builder.gep(column, [_number(v * kit.width)])
            partial = self.mask is not None and v == vectors - 1
            operands.append(kit.masked_load(builder, place, self.mask) if partial else kit.load(builder, place))
        result = []
        for m in range(self.variant.rows):
            spread = kit.splat(builder, builder.load(builder.gep(row, [self.rows[m]])))
            result += [kit.fma(builder, spread, operands[v], sums[m * vectors + v]) for v in range(vectors)]
        return result

    def _loop(self, count: ir.Value, state: State, body: Callable[[State], State], *steps: ir.Value) -> State:
        """``body`` as often as ``count`` says; after each turn the pointers move by ``steps``, if given."""
        builder, before = self.builder, self.builder.block
        start, done = self.function.append_basic_block(), self.function.append_basic_block()
        builder.cbranch(builder.icmp_signed(">", count, _number(0)), start, done)
        builder.position_at_end(start)
        turn, *inner = [builder.phi(value.type) for value in (count, *state)]
        following = body(inner)
        following[:2] = [builder.gep(p, [step]) for p, step in zip(following, steps, strict=False)] or following[:2]
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
