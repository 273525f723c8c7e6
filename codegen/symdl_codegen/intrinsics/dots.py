"""Many dot products at once: a contraction whose vectors run along the depth, one native function per floating type.

    dots(a, a_row, b, b_column, c, c_row, e0, a0, b0, e1, a1, b1, extent, rows, columns)

computes, for m < rows <= ROWS and n < columns <= COLUMNS, c[m*c_row + n] = sum over k0 < e0, k1 < e1, k < extent of

    a[m*a_row + k0*a0 + k1*a1 + k] * b[n*b_column + k0*b0 + k1*b1 + k]

``a``, ``b``, ``c`` are addresses, strides count elements; both operands are contiguous along the innermost depth. Each
product has a vector of sums, whose lanes are added last, in an order that depends on the vector's width alone. Nothing
outside the operands is read.
"""

from itertools import product

from llvmlite import ir

from symdl_codegen.intrinsics.machine import vector_bytes
from symdl_codegen.intrinsics.tile import Loop
from symdl_codegen.intrinsics.vectors import Vectors

I64, I32 = ir.IntType(64), ir.IntType(32)


def dots_shape() -> tuple[int, int]:
    """Most rows and columns of one call: as many sums as leave registers for a column and the rows."""
    return (4, 6) if vector_bytes() == 64 else (3, 3)


def dots_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``dots`` for ``dtype``, float32 or float64."""
    rows, columns = dots_shape()
    module = ir.Module(f"dots_{dtype}")
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 15), f"symdl_dots_{dtype}")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    number = builder.add(builder.mul(function.args[13], _number(columns + 1)), function.args[14])
    end = function.append_basic_block("end")
    switch = builder.switch(number, end)
    for shape in product(range(1, rows + 1), range(1, columns + 1)):
        case = function.append_basic_block()
        switch.add_case(_number(shape[0] * (columns + 1) + shape[1]), case)
        builder.position_at_end(case)
        builder.call(_variant(module, dtype, *shape), function.args[:13])
        builder.ret_void()
    builder.position_at_end(end)
    builder.ret_void()
    return function.name, str(module)


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


def _variant(module: ir.Module, dtype: str, rows: int, columns: int) -> ir.Function:
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 13), f"dots_{dtype}_{rows}x{columns}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    _Variant(function, Vectors(module, dtype), rows, columns).write()
    return function


class _Variant:
    """Writes the function for one number of rows and columns."""

    def __init__(self, function: ir.Function, kit: Vectors, rows: int, columns: int) -> None:
        self.function, self.kit = function, kit
        self.builder = builder = ir.IRBuilder(function.append_basic_block("entry"))
        a, a_row, b, b_column, self.c, self.c_row, *self.outer, self.extent = function.args
        self.rows = self._starts(a, a_row, rows)
        self.columns = self._starts(b, b_column, columns)
        self.sums = [[builder.alloca(kit.vector) for _ in range(columns)] for _ in range(rows)]
        for place in (place for row in self.sums for place in row):
            builder.store(kit.zeros, place)
        whole = builder.and_(self.extent, _number(-kit.width))
        self.whole, self.rest = whole, builder.sub(self.extent, whole)
        self.mask = kit.below(builder, self.rest)

    def _loop(self, end: ir.Value, step: int = 1) -> Loop:
        return Loop(self.builder, self.function, end, _number(step))

    def _starts(self, address: ir.Value, stride: ir.Value, count: int) -> list[ir.Value]:
        """The first element of each row or column."""
        first = self.builder.inttoptr(address, self.kit.scalar.as_pointer())
        return [self.builder.gep(first, [self.builder.mul(stride, _number(m))]) for m in range(count)]

    def write(self) -> None:
        """The whole function."""
        builder, kit = self.builder, self.kit
        e0, a0, b0, e1, a1, b1 = self.outer
        with self._loop(e0) as k0, self._loop(e1) as k1:
            a = builder.add(builder.mul(k0, a0), builder.mul(k1, a1))
            b = builder.add(builder.mul(k0, b0), builder.mul(k1, b1))
            with self._loop(self.whole, kit.width) as k:
                self._step(builder.add(a, k), builder.add(b, k), None)
            with builder.if_then(builder.icmp_signed(">", self.rest, _number(0))):
                self._step(builder.add(a, self.whole), builder.add(b, self.whole), self.mask)
        first = builder.inttoptr(self.c, kit.scalar.as_pointer())
        for m, row in enumerate(self.sums):
            for n, place in enumerate(row):
                at = builder.add(builder.mul(self.c_row, _number(m)), _number(n))
                builder.store(kit.total(builder, builder.load(place)), builder.gep(first, [at]))
        builder.ret_void()

    def _step(self, a: ir.Value, b: ir.Value, mask: ir.Value | None) -> None:
        """Multiply and add one vector of each row and column."""
        builder, kit = self.builder, self.kit
        rows = [self._vector(start, a, mask) for start in self.rows]
        for n, start in enumerate(self.columns):
            column = self._vector(start, b, mask)
            for m, row in enumerate(rows):
                place = self.sums[m][n]
                builder.store(kit.fma(builder, row, column, builder.load(place)), place)

    def _vector(self, start: ir.Value, offset: ir.Value, mask: ir.Value | None) -> ir.Value:
        place = self.builder.gep(start, [offset])
        if mask is None:
            return self.kit.load(self.builder, place)
        return self.kit.masked_load(self.builder, place, mask)
