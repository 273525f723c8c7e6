"""Arithmetic on LLVM values with Python's operators: one lane of a loop that LLVM's vectoriser turns into vectors.

What is built has no branch and no call, so a loop around it becomes vector code of the width the processor has, and a
lane gives the same bits in the vector part of a loop as in its remainder: products and sums are fused only where
``fma`` says so. The same functions work on float32 and float64.
"""

from dataclasses import dataclass
from typing import Any

from llvmlite import ir

# An own flag without effect on these instructions keeps Numba from adding the caller's flags ("contract") to them.
EXACT = ("afn",)
MANTISSA = {32: 23, 64: 52}
BIAS = {32: 127, 64: 1023}


def float_type(bits: int) -> ir.Type:
    """LLVM's type of reals with ``bits`` bits."""
    return ir.FloatType() if bits == 32 else ir.DoubleType()


@dataclass(frozen=True, eq=False)
class Truth:
    """A condition."""

    builder: ir.IRBuilder
    value: ir.Value

    def __and__(self, other: "Truth") -> "Truth":
        return Truth(self.builder, self.builder.and_(self.value, other.value))

    def __or__(self, other: "Truth") -> "Truth":
        return Truth(self.builder, self.builder.or_(self.value, other.value))

    def __invert__(self) -> "Truth":
        return Truth(self.builder, self.builder.not_(self.value))

    def choose(self, yes: Any, no: Any) -> Any:
        """``yes`` where the condition holds, else ``no``; both are computed. One may be a Python number."""
        like = yes if isinstance(yes, Real | Whole) else no
        return like.new(self.builder.select(self.value, like.coerce(yes), like.coerce(no)))


@dataclass(frozen=True, eq=False)
class Whole:
    """A signed integer as wide as the reals it is used with; wraps around."""

    builder: ir.IRBuilder
    value: ir.Value

    @property
    def bits(self) -> int:
        """Its width."""
        return self.value.type.width

    def new(self, value: ir.Value) -> "Whole":
        """Another integer of the same function."""
        return Whole(self.builder, value)

    def coerce(self, other: Any) -> ir.Value:
        """``other``, a Whole or a Python integer, as an LLVM value."""
        return other.value if isinstance(other, Whole) else ir.Constant(self.value.type, int(other))

    def _apply(self, name: str, other: Any) -> "Whole":
        return self.new(getattr(self.builder, name)(self.value, self.coerce(other)))

    def __add__(self, other: Any) -> "Whole":
        return self._apply("add", other)

    def __sub__(self, other: Any) -> "Whole":
        return self._apply("sub", other)

    def __and__(self, other: Any) -> "Whole":
        return self._apply("and_", other)

    def __or__(self, other: Any) -> "Whole":
        return self._apply("or_", other)

    def __xor__(self, other: Any) -> "Whole":
        return self._apply("xor", other)

    def __lshift__(self, other: Any) -> "Whole":
        return self._apply("shl", other)

    def __neg__(self) -> "Whole":
        return self.new(self.builder.neg(self.value))

    def __rshift__(self, other: Any) -> "Whole":
        return self._apply("ashr", other)

    def same(self, other: Any) -> Truth:
        """Whether both are equal."""
        return Truth(self.builder, self.builder.icmp_signed("==", self.value, self.coerce(other)))

    def above(self, other: Any) -> Truth:
        """Whether this is larger."""
        return Truth(self.builder, self.builder.icmp_signed(">", self.value, self.coerce(other)))

    def as_real(self) -> "Real":
        """The real with these bits."""
        return Real(self.builder, self.builder.bitcast(self.value, float_type(self.bits)))

    def exp2(self) -> "Real":
        """Two to this power, which must be that of a normal number."""
        return ((self + BIAS[self.bits]) << MANTISSA[self.bits]).as_real()


@dataclass(frozen=True, eq=False)
class Real:
    """A floating-point value; every operation rounds once."""

    builder: ir.IRBuilder
    value: ir.Value

    @property
    def bits(self) -> int:
        """Its width."""
        return 32 if isinstance(self.value.type, ir.FloatType) else 64

    def new(self, value: ir.Value) -> "Real":
        """Another real of the same function."""
        return Real(self.builder, value)

    def coerce(self, other: Any) -> ir.Value:
        """``other``, a Real or a Python number, as an LLVM value."""
        return other.value if isinstance(other, Real) else ir.Constant(self.value.type, float(other))

    def constant(self, number: float) -> "Real":
        """A constant of the same type."""
        return self.new(ir.Constant(self.value.type, float(number)))

    def _apply(self, name: str, left: Any, right: Any) -> "Real":
        return self.new(getattr(self.builder, name)(self.coerce(left), self.coerce(right), flags=EXACT))

    def __add__(self, other: Any) -> "Real":
        return self._apply("fadd", self, other)

    def __radd__(self, other: Any) -> "Real":
        return self._apply("fadd", other, self)

    def __sub__(self, other: Any) -> "Real":
        return self._apply("fsub", self, other)

    def __rsub__(self, other: Any) -> "Real":
        return self._apply("fsub", other, self)

    def __mul__(self, other: Any) -> "Real":
        return self._apply("fmul", self, other)

    def __rmul__(self, other: Any) -> "Real":
        return self._apply("fmul", other, self)

    def __truediv__(self, other: Any) -> "Real":
        return self._apply("fdiv", self, other)

    def __rtruediv__(self, other: Any) -> "Real":
        return self._apply("fdiv", other, self)

    def __neg__(self) -> "Real":
        return self.new(self.builder.fneg(self.value))

    def __abs__(self) -> "Real":
        return self._call("fabs")

    def _call(self, name: str, *others: Any) -> "Real":
        kind = self.value.type
        function = f"llvm.{name}.f{self.bits}"
        module = self.builder.module
        found = module.globals.get(function)
        if found is None:
            found = ir.Function(module, ir.FunctionType(kind, [kind] * (1 + len(others))), function)
        return self.new(self.builder.call(found, [self.value, *map(self.coerce, others)]))

    def fma(self, factor: Any, term: Any) -> "Real":
        """``self * factor + term``, rounded once."""
        return self._call("fma", factor, term)

    def ldexp(self, power: Whole) -> "Real":
        """``self * 2**power``, rounded once."""
        module, short = self.builder.module, ir.IntType(32)
        number = power.value if self.bits == 32 else self.builder.trunc(power.value, short)
        name, kind = f"llvm.ldexp.f{self.bits}.i32", self.value.type
        found = module.globals.get(name) or ir.Function(module, ir.FunctionType(kind, [kind, short]), name)
        return self.new(self.builder.call(found, [self.value, number]))

    def floor(self) -> "Real":
        """The largest integer not above."""
        return self._call("floor")

    def copysign(self, other: "Real") -> "Real":
        """This magnitude with the sign of ``other``."""
        return self._call("copysign", other)

    def _compare(self, order: str, other: Any) -> Truth:
        return Truth(self.builder, self.builder.fcmp_ordered(order, self.value, self.coerce(other), flags=EXACT))

    def __lt__(self, other: Any) -> Truth:
        return self._compare("<", other)

    def __le__(self, other: Any) -> Truth:
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Truth:
        return self._compare(">", other)

    def same(self, other: Any) -> Truth:
        """Whether both are equal numbers (so not NaN)."""
        return self._compare("==", other)

    def is_nan(self) -> Truth:
        """Whether this is no number."""
        value = self.builder.fcmp_unordered("uno", self.value, self.value, flags=EXACT)
        return Truth(self.builder, value)

    def as_whole(self) -> Whole:
        """The integer with the same bits."""
        return Whole(self.builder, self.builder.bitcast(self.value, ir.IntType(self.bits)))

    def to_double(self) -> "Real":
        """The same number in 64 bits."""
        return self.new(self.builder.fpext(self.value, ir.DoubleType())) if self.bits == 32 else self

    def to_single(self) -> "Real":
        """The nearest number of 32 bits."""
        return self.new(self.builder.fptrunc(self.value, ir.FloatType()))

    def within(self, low: float, high: float) -> "Real":
        """The nearest value in [low, high]; NaN stays NaN."""
        below = (self > high).choose(high, self)
        return (below < low).choose(low, below)

    def polynomial(self, coefficients: "tuple[float, ...]") -> "Real":
        """The sum of coefficients[k] * self**k."""
        total = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = total.fma(self, coefficient)
        return total

    def wide_polynomial(self, coefficients: "tuple[float, ...]") -> "Real":
        """The same sum by pairs (Estrin): two operations more, but of a third of the steps one after the other."""
        parts: list[Any] = list(coefficients)
        power = self
        while len(parts) > 1:
            pairs = [parts[k : k + 2] for k in range(0, len(parts), 2)]
            parts = [power.fma(self.new(self.coerce(p[1])), p[0]) if len(p) == 2 else p[0] for p in pairs]
            power = power * power
        return parts[0]


@dataclass(frozen=True, eq=False)
class Double:
    """The unevaluated sum ``high + low`` of two reals, twice as precise as one."""

    high: Real
    low: Real

    def value(self) -> Real:
        """The sum, rounded."""
        return self.high + self.low


def exact_sum(a: Any, b: Any) -> Double:
    """``a + b`` exactly, where |a| >= |b| or a = 0."""
    high = a + b
    return Double(high, b - (high - a))


def any_sum(a: Real, b: Real) -> Double:
    """``a + b`` exactly."""
    high = a + b
    part = high - a
    return Double(high, (a - (high - part)) + (b - part))


def exact_product(a: Real, b: Any) -> Double:
    """``a * b`` exactly."""
    high = a * b
    return Double(high, a.fma(b, -high))


def nearest(x: Real, scale: float = 1.0) -> tuple[Real, Whole]:
    """The integer nearest to ``x * scale``, as a real and as an integer, if it is below 2**22 (2**51 in 64 bits)."""
    magic = x.constant(1.5 * 2.0 ** MANTISSA[x.bits])
    shifted = x.fma(scale, magic)
    return shifted - magic, shifted.as_whole() - magic.as_whole()


def real_of(number: Whole) -> Real:
    """A small integer as a real of the same width."""
    magic = 1.5 * 2.0 ** MANTISSA[number.bits]
    base = Real(number.builder, ir.Constant(float_type(number.bits), magic))
    return (base.as_whole() + number).as_real() - magic
