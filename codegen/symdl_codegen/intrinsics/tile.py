"""The contraction tile: one native function per floating type, written as LLVM vector code.

    tile(a, a_row, b, c, e0, a0, b0, e1, a1, b1, e2, a2, b2, rows, columns)

computes, for m < rows and n < columns, c[m, n] = sum over k0 < e0, k1 < e1, k2 < e2 of

    a[m*a_row + k0*a0 + k1*a1 + k2*a2] * b[n + k0*b0 + k1*b1 + k2*b2]

and stores it with row length COLUMNS at ``c``. ``a``, ``b``, ``c`` are addresses, strides count elements. The sums stay
in vector registers; columns beyond ``columns`` are masked: nothing outside the operands is read. The order of the sum
depends on nothing but the extents.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.machine import lanes, tile_shape
from symdl_codegen.intrinsics.vectors import Vectors

I64 = ir.IntType(64)


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


def _variant(module: ir.Module, dtype: str, rows: int, vectors: int, masked: bool) -> ir.Function:
    """The tile for exactly ``rows`` rows and ``vectors`` column vectors, of which the last is masked or not."""
    kit = Vectors(module, dtype)
    name = f"tile_{dtype}_{rows}x{vectors}{'m' if masked else ''}"
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 14), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    a, a_row, b, c, *loops, columns = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    pointer = kit.scalar.as_pointer()
    a, b, c = (builder.inttoptr(value, pointer) for value in (a, b, c))
    tail = builder.sub(columns, ir.Constant(I64, (vectors - 1) * kit.width))
    mask = kit.below(builder, tail) if masked else None
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
            place = builder.gep(column, [ir.Constant(I64, v * kit.width)])
            partial = mask is not None and v == vectors - 1
            operands.append(kit.masked_load(builder, place, mask) if partial else kit.load(builder, place))
        result = []
        for m in range(rows):
            spread = kit.splat(builder, builder.load(builder.gep(row, [row_offsets[m]])))
            result += [kit.fma(builder, spread, operands[v], sums[m * vectors + v]) for v in range(vectors)]
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

    zeros = [kit.zeros] * (rows * vectors)
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
            kit.store(builder, sums[m * vectors + v], place)
    builder.ret_void()
    return function
