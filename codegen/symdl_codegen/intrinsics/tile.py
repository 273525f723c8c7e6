"""The contraction tile: one native function per floating type, written as LLVM vector code.

    tile(a, a_row, b, c, e0, a0, b0, e1, a1, b1, e2, a2, b2, rows, columns)

computes, for m < rows and n < columns, c[m, n] = sum over k0 < e0, k1 < e1, k2 < e2 of

    a[m*a_row + k0*a0 + k1*a1 + k2*a2] * b[n + k0*b0 + k1*b1 + k2*b2]

and stores it with row length COLUMNS at ``c``. ``a``, ``b`` and ``c`` are addresses, strides count elements. All sums stay in
vector registers; columns beyond ``columns`` are masked: nothing outside the operands is read. The order of the sum
depends on nothing but the extents.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.machine import lanes, tile_shape

I64, I32, I1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)


def tile_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of the tile for ``dtype``, float32 or float64."""
    rows, columns = tile_shape(dtype)
    width = lanes(dtype)
    module = ir.Module(f"tile_{dtype}")
    symbol = f"symdl_tile_{dtype}"
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 15), symbol)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    variants = [
        _variant(module, dtype, m, n, masked)
        for m in range(1, rows + 1)
        for n, masked in ((1, True), (2, True), (2, False))
    ]
    _dispatch(builder, function, variants, width, columns)
    return symbol, str(module)


def _dispatch(
    builder: ir.IRBuilder, function: ir.Function, variants: list[ir.Function], width: int, columns: int
) -> None:
    """Choose the variant by rows and columns."""
    rows, count = function.args[13], function.args[14]
    narrow = builder.icmp_signed("<=", count, ir.Constant(I64, width))
    full = builder.icmp_signed(">=", count, ir.Constant(I64, columns))
    kind = builder.select(narrow, ir.Constant(I64, 0), builder.select(full, ir.Constant(I64, 2), ir.Constant(I64, 1)))
    number = builder.add(builder.mul(builder.sub(rows, ir.Constant(I64, 1)), ir.Constant(I64, 3)), kind)
    end = function.append_basic_block("end")
    switch = builder.switch(number, end)
    for position, variant in enumerate(variants):
        block = function.append_basic_block()
        switch.add_case(ir.Constant(I64, position), block)
        builder.position_at_end(block)
        builder.call(variant, [*function.args[:13], count])
        builder.branch(end)
    builder.position_at_end(end)
    builder.ret_void()


class _Tile:
    """Types and small operations of one variant."""

    def __init__(self, module: ir.Module, dtype: str) -> None:
        self.module, self.width = module, lanes(dtype)
        self.scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.width)
        self.suffix = f"v{self.width}f{32 if dtype == 'float32' else 64}"
        self.bytes = 4 if dtype == "float32" else 8

    def intrinsic(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
        if name in self.module.globals:
            return self.module.globals[name]
        return ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def fma(self) -> ir.Function:
        return self.intrinsic(f"llvm.fma.{self.suffix}", self.vector, [self.vector] * 3)

    def masked_load(self) -> ir.Function:
        mask = ir.VectorType(I1, self.width)
        kinds = [self.vector.as_pointer(), I32, mask, self.vector]
        return self.intrinsic(f"llvm.masked.load.{self.suffix}.p0", self.vector, kinds)

    def splat(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        single = builder.insert_element(ir.Constant(ir.VectorType(value.type, self.width), ir.Undefined), value, I32(0))
        undefined = ir.Constant(single.type, ir.Undefined)
        return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))


def _variant(module: ir.Module, dtype: str, rows: int, vectors: int, masked: bool) -> ir.Function:
    """The tile for exactly ``rows`` rows and ``vectors`` column vectors, of which the last is masked or not."""
    kit = _Tile(module, dtype)
    name = f"tile_{dtype}_{rows}x{vectors}{'m' if masked else ''}"
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 14), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, a_row, b, c, *loops, columns = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pointer = kit.scalar.as_pointer()
    a, b, c = (builder.inttoptr(value, pointer) for value in (a, b, c))
    mask = _mask(builder, kit, columns, vectors) if masked else None
    row_offsets = [builder.mul(a_row, ir.Constant(I64, m)) for m in range(rows)]
    zero = ir.Constant(I64, 0)
    empty = builder.or_(
        builder.or_(*(builder.icmp_signed("<=", loops[3 * k], zero) for k in (0, 1))),
        builder.icmp_signed("<=", loops[6], zero),
    )
    entry, finish = builder.block, function.append_basic_block("finish")
    start = function.append_basic_block("start")
    builder.cbranch(empty, finish, start)
    builder.position_at_end(start)

    def body(ao: ir.Value, bo: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        row = builder.gep(a, [ao])
        column = builder.gep(b, [bo])
        operands = []
        for v in range(vectors):
            where = builder.bitcast(builder.gep(column, [ir.Constant(I64, v * kit.width)]), kit.vector.as_pointer())
            if mask is not None and v == vectors - 1:
                zeros = ir.Constant(kit.vector, [0.0] * kit.width)
                operands.append(builder.call(kit.masked_load(), [where, I32(kit.bytes), mask, zeros]))
            else:
                operands.append(builder.load(where, align=kit.bytes))
        result = []
        for m in range(rows):
            spread = kit.splat(builder, builder.load(builder.gep(row, [row_offsets[m]])))
            result += [builder.call(kit.fma(), [spread, operands[v], sums[m * vectors + v]]) for v in range(vectors)]
        return result

    def nest(level: int, ao: ir.Value, bo: ir.Value, sums: list[ir.Value]) -> list[ir.Value]:
        if level == 3:
            return body(ao, bo, sums)
        extent, a_step, b_step = loops[3 * level : 3 * level + 3]
        before = builder.block
        loop, done = function.append_basic_block(), function.append_basic_block()
        builder.branch(loop)
        builder.position_at_end(loop)
        initial = [zero, ao, bo, *sums]
        phis = [builder.phi(value.type) for value in initial]
        for phi, value in zip(phis, initial, strict=True):
            phi.add_incoming(value, before)
        k, ao, bo, *inner = phis
        inner = nest(level + 1, ao, bo, inner)
        following = [builder.add(k, ir.Constant(I64, 1)), builder.add(ao, a_step), builder.add(bo, b_step), *inner]
        for phi, value in zip(phis, following, strict=True):
            phi.add_incoming(value, builder.block)
        builder.cbranch(builder.icmp_signed("<", following[0], extent), loop, done)
        builder.position_at_end(done)
        return inner

    zeros = [ir.Constant(kit.vector, [0.0] * kit.width)] * (rows * vectors)
    sums = nest(0, zero, zero, zeros)
    last = builder.block
    builder.branch(finish)
    builder.position_at_end(finish)
    for position, value in enumerate(sums):
        phi = builder.phi(kit.vector)
        phi.add_incoming(zeros[0], entry)
        phi.add_incoming(value, last)
        sums[position] = phi
    for m in range(rows):
        for v in range(vectors):
            place = builder.gep(c, [ir.Constant(I64, (2 * m + v) * kit.width)])
            builder.store(sums[m * vectors + v], builder.bitcast(place, kit.vector.as_pointer()), align=kit.bytes)
    builder.ret_void()
    return function


def _mask(builder: ir.IRBuilder, kit: _Tile, columns: ir.Value, vectors: int) -> ir.Value:
    """Lane l of the last vector is on where its column is below ``columns``."""
    kind = ir.VectorType(I64, kit.width)
    numbers = ir.Constant(kind, [(vectors - 1) * kit.width + lane for lane in range(kit.width)])
    return builder.icmp_signed("<", numbers, kit.splat(builder, columns))
