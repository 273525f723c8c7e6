"""Packing of a contraction's operand into panels: for each strip of ``width`` lines, rows of ``width`` elements.

    pack(source, table, stride, panel, width, e0, s0, e1, s1, e2, s2, lines)

    panel[s][k][l] = source[line(s*width + l) + k0*s0 + k1*s1 + k2*s2]    for s*width + l < lines

where k counts (k0, k1, k2) below (e0, e1, e2) in order, and line(l) is the l-th offset in ``table``, or l*stride where
that is 0. ``source``, ``table`` and ``panel`` are addresses, strides and offsets count elements. Lines beyond ``lines``
hold anything; up to as many rows as a vector has lanes are written beyond the last strip. Nothing outside the source is
read.

Lines next to each other are copied as far as they are; lines apart that are contiguous along k2 are transposed in
registers.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.machine import tile_shape
from symdl_codegen.intrinsics.tile import Loop
from symdl_codegen.intrinsics.vectors import Vectors

I64, I32 = ir.IntType(64), ir.IntType(32)
PARAMETERS = 12
NEAR = 16  # rows of a panel that are written run by run
SHORT = 4  # along k2 and along the lines: what is shorter is not worth a transposition, or is no run


def pack_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``pack`` for ``dtype``."""
    module = ir.Module(f"symdl_pack_{dtype}")
    kind = ir.FunctionType(ir.VoidType(), [I64] * PARAMETERS)
    function = ir.Function(module, kind, module.name)
    _Pack(function, Vectors(module, dtype), tile_shape(dtype)[1]).write()
    return function.name, str(module)


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


class _Pack:
    """Writes the function."""

    def __init__(self, function: ir.Function, kit: Vectors, columns: int) -> None:
        self.function, self.kit, self.columns = function, kit, columns
        self.builder = builder = ir.IRBuilder(function.append_basic_block("entry"))
        source, table, self.stride, panel, self.width, *loops, self.lines = function.args
        self.loops = list(zip(loops[::2], loops[1::2], strict=True))
        self.source, self.panel = (builder.inttoptr(value, kit.scalar.as_pointer()) for value in (source, panel))
        self.listed = builder.icmp_signed("!=", table, _number(0))
        self.table = builder.inttoptr(table, I64.as_pointer())
        self.offsets, self.firsts, self.lengths = (builder.alloca(I64, size=columns) for _ in range(3))

    def write(self) -> None:
        """The whole function."""
        builder = self.builder
        depth = self.width
        for extent, _ in self.loops:
            depth = builder.mul(depth, extent)
        unlisted = builder.icmp_signed("==", self.listed, ir.Constant(ir.IntType(1), 0))
        plain, other = (self.function.append_basic_block() for _ in range(2))
        together = builder.and_(unlisted, builder.icmp_signed("==", self.stride, _number(1)))
        builder.cbranch(together, plain, other)
        builder.position_at_end(plain)
        self._copy_all(depth)
        builder.ret_void()
        builder.position_at_end(other)
        deep = builder.icmp_signed(">=", self.loops[2][0], _number(SHORT))
        deep = builder.and_(deep, builder.icmp_signed("==", self.loops[2][1], _number(1)))
        with self._loop(self.lines, self.width) as first:
            left = builder.sub(self.lines, first)
            count = builder.select(builder.icmp_signed("<", left, self.width), left, self.width)
            self._find_lines(first, count)
            strip = builder.gep(self.panel, [builder.mul(builder.sdiv(first, self.width), depth)])
            apart = builder.icmp_signed("<", self._run(_number(0), count), _number(SHORT))
            across, along, done = (self.function.append_basic_block() for _ in range(3))
            builder.cbranch(builder.and_(deep, apart), across, along)
            builder.position_at_end(across)
            self._transpose(strip, count)
            builder.branch(done)
            builder.position_at_end(along)
            self._copy(strip, count)
            builder.branch(done)
            builder.position_at_end(done)
        builder.ret_void()

    def _loop(self, end: ir.Value, step: ir.Value) -> Loop:
        return Loop(self.builder, self.function, end, step)

    def _find_lines(self, first: ir.Value, count: ir.Value) -> None:
        """The offset of each line of a strip."""
        builder = self.builder
        listed, direct, done = (self.function.append_basic_block() for _ in range(3))
        builder.cbranch(self.listed, listed, direct)
        for block in (listed, direct):
            builder.position_at_end(block)
            with self._loop(count, _number(1)) as line:
                place = builder.add(first, line)
                if block is listed:
                    value = builder.load(builder.gep(self.table, [place]))
                else:
                    value = builder.mul(place, self.stride)
                builder.store(value, builder.gep(self.offsets, [line]))
            builder.branch(done)
        builder.position_at_end(done)

    def _offset(self, line: ir.Value) -> ir.Value:
        return self.builder.load(self.builder.gep(self.offsets, [line]))

    def _run(self, first: ir.Value, count: ir.Value) -> ir.Value:
        """How many lines from ``first`` on are next to each other: at most a vector."""
        builder, before = self.builder, self.builder.block
        head, check, again, done = (self.function.append_basic_block() for _ in range(4))
        start = self._offset(first)
        builder.branch(head)
        builder.position_at_end(head)
        length = builder.phi(I64)
        length.add_incoming(_number(1), before)
        line = builder.add(first, length)
        more = builder.and_(
            builder.icmp_signed("<", line, count), builder.icmp_signed("<", length, _number(self.kit.width))
        )
        builder.cbranch(more, check, done)
        builder.position_at_end(check)
        follows = builder.icmp_signed("==", self._offset(line), builder.add(start, length))
        builder.cbranch(follows, again, done)
        builder.position_at_end(again)
        length.add_incoming(builder.add(length, _number(1)), again)
        builder.branch(head)
        builder.position_at_end(done)
        return length

    def _copy_all(self, depth: ir.Value) -> None:
        """Lines that are all next to each other: some steps along the depth for every strip, then the next ones."""
        builder, kit = self.builder, self.kit
        (e0, s0), (e1, s1), (e2, s2) = self.loops
        with self._loop(e0, _number(1)) as k0, self._loop(e1, _number(1)) as k1, self._loop(e2, _number(NEAR)) as k2:
            left = builder.sub(e2, k2)
            steps = builder.select(builder.icmp_signed("<", left, _number(NEAR)), left, _number(NEAR))
            start = builder.add(builder.mul(k0, s0), builder.add(builder.mul(k1, s1), builder.mul(k2, s2)))
            row = builder.add(builder.mul(builder.add(builder.mul(k0, e1), k1), e2), k2)
            place, target = builder.gep(self.source, [start]), builder.gep(self.panel, [builder.mul(row, self.width)])
            with self._loop(self.lines, self.width) as first:
                strip = builder.gep(target, [builder.mul(builder.sdiv(first, self.width), depth)])
                rest = builder.sub(self.lines, first)
                count = builder.select(builder.icmp_signed("<", rest, self.width), rest, self.width)
                with self._loop(count, _number(kit.width)) as block:
                    mask = kit.below(builder, builder.sub(count, block))
                    source = builder.gep(place, [builder.add(first, block)])
                    goal = builder.gep(strip, [block])
                    with self._loop(steps, _number(1)) as k:
                        value = kit.masked_load(builder, builder.gep(source, [builder.mul(k, s2)]), mask)
                        kit.masked_store(builder, value, builder.gep(goal, [builder.mul(k, self.width)]), mask)

    def _find_runs(self, count: ir.Value) -> ir.Value:
        """List the runs of a strip; return how many there are."""
        builder, before = self.builder, self.builder.block
        head, body, done = (self.function.append_basic_block() for _ in range(3))
        builder.branch(head)
        builder.position_at_end(head)
        first, number = builder.phi(I64), builder.phi(I64)
        first.add_incoming(_number(0), before)
        number.add_incoming(_number(0), before)
        builder.cbranch(builder.icmp_signed("<", first, count), body, done)
        builder.position_at_end(body)
        length = self._run(first, count)
        builder.store(first, builder.gep(self.firsts, [number]))
        builder.store(length, builder.gep(self.lengths, [number]))
        first.add_incoming(builder.add(first, length), builder.block)
        number.add_incoming(builder.add(number, _number(1)), builder.block)
        builder.branch(head)
        builder.position_at_end(done)
        return number

    def _copy(self, strip: ir.Value, count: ir.Value) -> None:
        """Runs of lines, so far along the depth that what is written stays in the first cache."""
        builder, kit = self.builder, self.kit
        runs = self._find_runs(count)
        (e0, s0), (e1, s1), (e2, s2) = self.loops
        with self._loop(e0, _number(1)) as k0, self._loop(e1, _number(1)) as k1, self._loop(e2, _number(NEAR)) as k2:
            left = builder.sub(e2, k2)
            steps = builder.select(builder.icmp_signed("<", left, _number(NEAR)), left, _number(NEAR))
            start = builder.add(builder.mul(k0, s0), builder.add(builder.mul(k1, s1), builder.mul(k2, s2)))
            row = builder.add(builder.mul(builder.add(builder.mul(k0, e1), k1), e2), k2)
            place, target = builder.gep(self.source, [start]), builder.gep(strip, [builder.mul(row, self.width)])
            with self._loop(runs, _number(1)) as run:
                first = builder.load(builder.gep(self.firsts, [run]))
                mask = kit.below(builder, builder.load(builder.gep(self.lengths, [run])))
                source, goal = builder.gep(place, [self._offset(first)]), builder.gep(target, [first])
                with self._loop(steps, _number(1)) as k:
                    value = kit.masked_load(builder, builder.gep(source, [builder.mul(k, s2)]), mask)
                    kit.masked_store(builder, value, builder.gep(goal, [builder.mul(k, self.width)]), mask)

    def _transpose(self, strip: ir.Value, count: ir.Value) -> None:
        """Squares of lines and of steps along k2."""
        builder, kit = self.builder, self.kit
        (e0, s0), (e1, s1), (e2, _) = self.loops
        last = builder.sub(count, _number(1))
        with (
            self._loop(e0, _number(1)) as k0,
            self._loop(e1, _number(1)) as k1,
            self._loop(e2, _number(kit.width)) as k,
        ):
            mask = kit.below(builder, builder.sub(e2, k))
            start = builder.add(builder.add(builder.mul(k0, s0), builder.mul(k1, s1)), k)
            row = builder.add(builder.mul(builder.add(builder.mul(k0, e1), k1), e2), k)
            place, target = builder.gep(self.source, [start]), builder.gep(strip, [builder.mul(row, self.width)])
            with self._loop(count, _number(kit.width)) as block:
                rows = []
                for lane in range(kit.width):
                    line = builder.add(block, _number(lane))
                    line = builder.select(builder.icmp_signed("<", line, last), line, last)
                    rows.append(kit.masked_load(builder, builder.gep(place, [self._offset(line)]), mask))
                inside = kit.below(builder, builder.sub(self.width, block))
                for lane, value in enumerate(_transposed(builder, kit, rows)):
                    at = builder.add(builder.mul(_number(lane), self.width), block)
                    kit.masked_store(builder, value, builder.gep(target, [at]), inside)


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


__all__ = ["PARAMETERS", "pack_module"]
