"""Vector registers of the processor we compile for, as LLVM values."""

from llvmlite import ir

from symdl_codegen.intrinsics.machine import has_fma, lanes

I64, I32, I1 = ir.IntType(64), ir.IntType(32), ir.IntType(1)


class Vectors:
    """Types and small operations on vectors of one floating type, full-width by default, in one LLVM module."""

    def __init__(self, module: ir.Module, dtype: str, width: int | None = None) -> None:
        self.module, self.width = module, width or lanes(dtype)
        self.bytes = 4 if dtype == "float32" else 8
        self.scalar = ir.FloatType() if dtype == "float32" else ir.DoubleType()
        self.vector = ir.VectorType(self.scalar, self.width)
        self.zeros = ir.Constant(self.vector, [0.0] * self.width)
        self.suffix = f"v{self.width}f{8 * self.bytes}"

    def _intrinsic(self, name: str, arguments: list[ir.Type], result: ir.Type | None = None) -> ir.Function:
        if name in self.module.globals:
            return self.module.globals[name]
        return ir.Function(self.module, ir.FunctionType(result or self.vector, arguments), name)

    def fma(self, builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Return a*b + c, rounded once where the processor can."""
        if not has_fma():
            return builder.fadd(builder.fmul(a, b), c)
        return builder.call(self._intrinsic(f"llvm.fma.{self.suffix}", [self.vector] * 3), [a, b, c])

    def load(self, builder: ir.IRBuilder, place: ir.Value) -> ir.Value:
        """A whole vector from a scalar pointer, at the scalar's alignment."""
        return builder.load(builder.bitcast(place, self.vector.as_pointer()), align=self.bytes)

    def store(self, builder: ir.IRBuilder, value: ir.Value, place: ir.Value) -> None:
        """A whole vector to a scalar pointer, at the scalar's alignment."""
        builder.store(value, builder.bitcast(place, self.vector.as_pointer()), align=self.bytes)

    def masked_load(self, builder: ir.IRBuilder, place: ir.Value, mask: ir.Value) -> ir.Value:
        """The lanes that ``mask`` names, the others zero; memory of other lanes is not touched."""
        kinds = [self.vector.as_pointer(), I32, ir.VectorType(I1, self.width), self.vector]
        function = self._intrinsic(f"llvm.masked.load.{self.suffix}.p0", kinds)
        where = builder.bitcast(place, self.vector.as_pointer())
        return builder.call(function, [where, I32(self.bytes), mask, self.zeros])

    def masked_store(self, builder: ir.IRBuilder, value: ir.Value, place: ir.Value, mask: ir.Value) -> None:
        """Write the lanes that ``mask`` names; memory of other lanes is not touched."""
        kinds = [self.vector, self.vector.as_pointer(), I32, ir.VectorType(I1, self.width)]
        function = self._intrinsic(f"llvm.masked.store.{self.suffix}.p0", kinds, ir.VoidType())
        where = builder.bitcast(place, self.vector.as_pointer())
        builder.call(function, [value, where, I32(self.bytes), mask])

    def total(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        """The sum of all lanes, pairwise."""
        function = self._intrinsic(f"llvm.vector.reduce.fadd.{self.suffix}", [self.scalar, self.vector], self.scalar)
        return builder.call(function, [ir.Constant(self.scalar, 0.0), value], fastmath=("reassoc",))

    def splat(self, builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
        """``value``, of any scalar type, in every lane."""
        kind = ir.VectorType(value.type, self.width)
        undefined = ir.Constant(kind, ir.Undefined)
        single = builder.insert_element(undefined, value, I32(0))
        return builder.shuffle_vector(single, undefined, ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))

    def below(self, builder: ir.IRBuilder, count: ir.Value) -> ir.Value:
        """The mask of the first ``count`` lanes."""
        numbers = ir.Constant(ir.VectorType(I64, self.width), list(range(self.width)))
        return builder.icmp_signed("<", numbers, self.splat(builder, count))
