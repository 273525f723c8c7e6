"""Packing of a contraction's operands. Of the right one into a panel: ``depth`` rows of COLUMNS contiguous elements.

    pack(source, stride, panel, depth, columns)    panel[k][n] = source[n*stride + k], a transposition in registers
    copy(source, stride, panel, depth, columns)    panel[k][n] = source[k*stride + n]

for k < depth and n < columns. Columns beyond ``columns`` hold anything; ``pack`` may write up to COLUMNS rows beyond
``depth``. Of the left one into strips of ROWS rows:

    strips(source, stride, panel, depth, rows)     panel[s][k][r] = source[k*stride + s*ROWS + r]

for s*ROWS + r < rows; what is beyond holds anything. ``source`` and ``panel`` are addresses, strides count elements.
Nothing outside the source is read.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.machine import tile_shape
from symdl_codegen.intrinsics.vectors import Vectors

I64, I32 = ir.IntType(64), ir.IntType(32)


def pack_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``pack`` for ``dtype``."""
    module, function, builder = _function(f"symdl_pack_{dtype}")
    kit = Vectors(module, dtype)
    columns = tile_shape(dtype)[1]
    source, stride, panel, depth, count = function.args
    source, panel = (builder.inttoptr(value, kit.scalar.as_pointer()) for value in (source, panel))
    last = builder.sub(count, ir.Constant(I64, 1))
    with _Loop(builder, function, depth, kit.width) as k:
        mask = kit.below(builder, builder.sub(depth, k))
        for block in range(columns // kit.width):
            rows = []
            for lane in range(kit.width):
                number = ir.Constant(I64, block * kit.width + lane)
                number = builder.select(builder.icmp_signed("<", number, last), number, last)
                place = builder.gep(source, [builder.add(builder.mul(number, stride), k)])
                rows.append(kit.masked_load(builder, place, mask))
            for lane, row in enumerate(_transposed(builder, kit, rows)):
                line = builder.add(k, ir.Constant(I64, lane))
                at = builder.add(builder.mul(line, ir.Constant(I64, columns)), ir.Constant(I64, block * kit.width))
                kit.store(builder, row, builder.gep(panel, [at]))
    builder.ret_void()
    return function.name, str(module)


def copy_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``copy`` for ``dtype``."""
    module, function, builder = _function(f"symdl_copy_{dtype}")
    kit = Vectors(module, dtype)
    columns = tile_shape(dtype)[1]
    source, stride, panel, depth, count = function.args
    source, panel = (builder.inttoptr(value, kit.scalar.as_pointer()) for value in (source, panel))
    starts = range(0, columns, kit.width)
    masks = [kit.below(builder, builder.sub(count, ir.Constant(I64, start))) for start in starts]
    with _Loop(builder, function, depth, 1) as k:
        for start, mask in zip(starts, masks, strict=True):
            place = builder.gep(source, [builder.add(builder.mul(k, stride), ir.Constant(I64, start))])
            value = kit.masked_load(builder, place, mask)
            at = builder.add(builder.mul(k, ir.Constant(I64, columns)), ir.Constant(I64, start))
            kit.store(builder, value, builder.gep(panel, [at]))
    builder.ret_void()
    return function.name, str(module)


def strips_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``strips`` for ``dtype``: two strips at once, a cache line where it can be."""
    module, function, builder = _function(f"symdl_strips_{dtype}")
    rows = tile_shape(dtype)[0]
    kit = Vectors(module, dtype, rows)
    source, stride, panel, depth, count = function.args
    source, panel = (builder.inttoptr(value, kit.scalar.as_pointer()) for value in (source, panel))
    strip = builder.mul(depth, ir.Constant(I64, rows))
    with _Loop(builder, function, count, 2 * rows) as first:
        starts = [builder.add(first, ir.Constant(I64, rows * number)) for number in (0, 1)]
        masks = [kit.below(builder, builder.sub(count, start)) for start in starts]
        target = builder.gep(panel, [builder.mul(first, depth)])
        second = builder.select(builder.icmp_signed("<", starts[1], count), strip, ir.Constant(I64, 0))
        with _Loop(builder, function, depth, 1) as k:
            line = builder.gep(source, [builder.mul(k, stride)])
            at = builder.gep(target, [builder.mul(k, ir.Constant(I64, rows))])
            values = [kit.masked_load(builder, builder.gep(line, [s]), m) for s, m in zip(starts, masks, strict=True)]
            kit.store(builder, values[1], builder.gep(at, [second]))
            kit.store(builder, values[0], at)
    builder.ret_void()
    return function.name, str(module)


def _function(name: str) -> tuple[ir.Module, ir.Function, ir.IRBuilder]:
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 5), name)
    return module, function, ir.IRBuilder(function.append_basic_block("entry"))


class _Loop:
    """``for index in range(0, end, step)`` around the code built inside."""

    def __init__(self, builder: ir.IRBuilder, function: ir.Function, end: ir.Value, step: int) -> None:
        self.builder, self.end, self.step = builder, end, step
        self.head, self.body, self.done = (function.append_basic_block(name) for name in ("head", "body", "done"))

    def __enter__(self) -> ir.Value:
        before = self.builder.block
        self.builder.branch(self.head)
        self.builder.position_at_end(self.head)
        self.index = self.builder.phi(I64)
        self.index.add_incoming(ir.Constant(I64, 0), before)
        self.builder.cbranch(self.builder.icmp_signed("<", self.index, self.end), self.body, self.done)
        self.builder.position_at_end(self.body)
        return self.index

    def __exit__(self, *error: object) -> None:
        self.index.add_incoming(self.builder.add(self.index, ir.Constant(I64, self.step)), self.builder.block)
        self.builder.branch(self.head)
        self.builder.position_at_end(self.done)


def _transposed(builder: ir.IRBuilder, kit: Vectors, rows: list[ir.Value]) -> list[ir.Value]:
    """The transpose of a square of vectors: interleave row i with row i + half, log2(width) times."""
    half = kit.width // 2
    low = [lane // 2 + (lane % 2) * kit.width for lane in range(kit.width)]
    high = [number + half for number in low]
    kind = ir.VectorType(I32, kit.width)
    for _ in range(half.bit_length()):
        following = []
        for i in range(half):
            following.append(builder.shuffle_vector(rows[i], rows[i + half], ir.Constant(kind, low)))
            following.append(builder.shuffle_vector(rows[i], rows[i + half], ir.Constant(kind, high)))
        rows = following
    return rows
