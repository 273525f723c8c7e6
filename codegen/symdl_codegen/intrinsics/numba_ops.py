"""Numba intrinsics that the emitted kernels use by name. Imported only when something is compiled."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Numba calls these functions with its own untyped objects.

import math

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from symdl_codegen.intrinsics import denormals, lapack, roots
from symdl_codegen.intrinsics.functions import FUNCTIONS, function
from symdl_codegen.intrinsics.machine import MOST_ARGUMENTS

I64, I32 = ir.IntType(64), ir.IntType(32)


def _unified(typing_context, *kinds):
    return typing_context.unify_types(*kinds)


@intrinsic
def select(typing_context, condition, yes, no):
    """Both branches are computed, one is taken: no jump, no leak of the other."""
    result = _unified(typing_context, yes, no)

    def emit(context, builder, signature, arguments):
        chosen = context.cast(builder, arguments[0], signature.args[0], types.boolean)
        return builder.select(chosen, arguments[1], arguments[2])

    return result(condition, result, result), emit


def _extremum(order: str, name: str):
    @intrinsic
    def extremum(typing_context, left, right):
        result = _unified(typing_context, left, right)

        def emit(context, builder, signature, arguments):
            left, right = arguments
            if isinstance(signature.return_type, types.Integer):
                return builder.select(builder.icmp_signed(order, left, right), left, right)
            kind = left.type
            bits = "f32" if isinstance(kind, ir.FloatType) else "f64"
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind, kind]), f"llvm.{name}.{bits}"
            )
            return builder.call(function, [left, right])

        return result(result, result), emit

    return extremum


maximum = _extremum(">", "maximum")  # IEEE 754-2019: NaN if either is NaN
minimum = _extremum("<", "minimum")


@intrinsic
def least(typing_context, left, right):
    """The smaller of two sizes. Python's ``min`` is this in emitted text: Numba's own takes long to compile."""

    def emit(context, builder, signature, arguments):
        left, right = arguments
        return builder.select(builder.icmp_signed("<", left, right), left, right)

    return types.int64(types.int64, types.int64), emit


@intrinsic
def sign(typing_context, value):
    """-1, 0 or 1; NaN stays NaN."""

    def emit(context, builder, signature, arguments):
        (x,) = arguments
        zero, one, minus = (ir.Constant(x.type, number) for number in (0.0, 1.0, -1.0))
        negative = builder.select(
            builder.fcmp_ordered("<", x, zero), minus, builder.select(builder.fcmp_ordered("==", x, zero), zero, x)
        )
        return builder.select(builder.fcmp_ordered(">", x, zero), one, negative)

    return value(value), emit


def _of_the_processor(name: str):
    @intrinsic
    def unary(typing_context, value):
        def emit(context, builder, signature, arguments):
            (x,) = arguments
            bits = "f32" if isinstance(x.type, ir.FloatType) else "f64"
            kind = ir.FunctionType(x.type, [x.type])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.{bits}"), [x])

        return value(value), emit

    return unary


floor = _of_the_processor("floor")  # the largest integer not above, as a real
sqrt = _of_the_processor("sqrt")


@intrinsic
def root(typing_context, value):
    """The square root of a float32 to one unit in the last place, see ``intrinsics/roots.py``."""
    return value(value), lambda context, builder, signature, arguments: roots.called(builder, arguments[0])


def _elementary(name: str):
    def emit(context, builder, signature, arguments):
        bits = 32 if signature.return_type == types.float32 else 64
        return builder.call(function(builder.module, name, bits), arguments)

    @intrinsic
    def unary(typing_context, x):
        return x(x), emit

    @intrinsic
    def binary(typing_context, x, y):
        kind = _unified(typing_context, x, y)
        return kind(kind, kind), emit

    return binary if name == "pow" else unary


ELEMENTARY = {name: _elementary(name) for name in FUNCTIONS}


@intrinsic
def accumulate(typing_context, total, value):
    """Total + value of a sum whose order the compiler may choose once and for all, so that it vectorises."""

    def emit(context, builder, signature, arguments):
        return builder.fadd(*arguments, flags=("reassoc", "contract"))

    return total(total, total), emit


@intrinsic
def address(typing_context, pointer, offset):
    """The address of ``pointer[offset]`` as an integer."""

    def emit(context, builder, signature, arguments):
        pointer, offset = arguments
        return builder.ptrtoint(builder.gep(pointer, [offset]), I64)

    return types.int64(pointer, types.int64), emit


@intrinsic
def pointer_float32(typing_context, where):
    """The integer address ``where`` as a pointer to float32."""
    return types.CPointer(types.float32)(types.int64), _to_pointer


@intrinsic
def pointer_float64(typing_context, where):
    """The integer address ``where`` as a pointer to float64."""
    return types.CPointer(types.float64)(types.int64), _to_pointer


@intrinsic
def pointer_int32(typing_context, where):
    """The integer address ``where`` as a pointer to int32."""
    return types.CPointer(types.int32)(types.int64), _to_pointer


@intrinsic
def pointer_int64(typing_context, where):
    """The integer address ``where`` as a pointer to int64."""
    return types.CPointer(types.int64)(types.int64), _to_pointer


def _to_pointer(context, builder, signature, arguments):
    return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))


@intrinsic
def contract(
    typing_context,
    tile,
    a,
    table,
    a_row,
    a_jump,
    b,
    c,
    c_row,
    go,
    e0,
    a0,
    b0,
    e1,
    a1,
    b1,
    e2,
    a2,
    b2,
    rows,
    columns,
    height,
):
    """Call the contraction tile at address ``tile``; all arguments are 64-bit integers, see ``intrinsics/tile.py``."""
    return types.void(*[types.int64] * 21), _call_helper


@intrinsic
def pack(typing_context, packer, source, table, stride, panel, width, e0, s0, e1, s1, e2, s2, lines):
    """Call the packing at address ``packer``; all arguments are 64-bit integers, see ``intrinsics/pack.py``."""
    return types.void(*[types.int64] * 13), _call_helper


def _call_helper(context, builder, signature, arguments):
    helper, *rest = arguments
    kind = ir.FunctionType(ir.VoidType(), [I64] * len(rest))
    builder.call(builder.inttoptr(helper, kind.as_pointer()), rest)
    return context.get_dummy_value()


@intrinsic
def evenly(typing_context, count, most, unit):
    """The width of parts, a multiple of ``unit``, of which as few as ``most`` allows divide ``count`` evenly."""

    def emit(context, builder, signature, arguments):
        count, most, unit = arguments
        one = ir.Constant(I64, 1)
        positive = builder.select(builder.icmp_signed(">", count, one), count, one)
        units = _quotient_up(builder, positive, unit)
        parts = _quotient_up(builder, units, builder.sdiv(most, unit))
        return builder.mul(_quotient_up(builder, units, parts), unit)

    return types.int64(types.int64, types.int64, types.int64), emit


def _quotient_up(builder, above, below):
    return builder.sdiv(builder.add(above, builder.sub(below, ir.Constant(I64, 1))), below)


@intrinsic
def dots(typing_context, code, a, a_row, b, b_column, c, c_row, e0, a0, b0, e1, a1, b1, extent, rows, columns):
    """Call ``intrinsics/dots.py`` at address ``code``; all arguments are 64-bit integers."""

    def emit(context, builder, signature, arguments):
        code, *rest = arguments
        kind = ir.FunctionType(ir.VoidType(), [I64] * len(rest))
        builder.call(builder.inttoptr(code, kind.as_pointer()), rest)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 16), emit


@intrinsic
def call_kernel(typing_context, function, arguments, count):
    """Call the kernel at address ``function`` with ``count`` integers from the array at ``arguments``.

    Pointers and 64-bit integers travel alike in every calling convention we support, so one switch over the count
    serves every kernel. The first two parameters are Numba's return slot and exception slot, both unused.
    """

    def emit(context, builder, signature, values):
        function, block, count = values
        slot = builder.ptrtoint(cgutils.alloca_once(builder, ir.IntType(8).as_pointer(), size=ir.Constant(I32, 4)), I64)
        table = builder.inttoptr(block, I64.as_pointer())
        done = builder.append_basic_block("done")
        switch = builder.switch(count, done)
        for number in range(MOST_ARGUMENTS + 1):
            case = builder.append_basic_block(f"arguments{number}")
            switch.add_case(ir.Constant(I64, number), case)
            builder.position_at_end(case)
            kind = ir.FunctionType(I32, [I64] * (number + 2))
            numbers = [builder.load(builder.gep(table, [ir.Constant(I64, k)])) for k in range(number)]
            builder.call(builder.inttoptr(function, kind.as_pointer()), [slot, slot, *numbers])
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


@intrinsic
def copy_bytes(typing_context, target, source, count):
    """Memcpy between two addresses."""

    def emit(context, builder, signature, arguments):
        pointer = ir.IntType(8).as_pointer()
        target, source, count = arguments
        cgutils.raw_memcpy(builder, builder.inttoptr(target, pointer), builder.inttoptr(source, pointer), count, 1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit


NAMESPACE = {
    **ELEMENTARY,
    "sqrt": sqrt,
    "root": root,
    "inf": math.inf,
    "nan": math.nan,
    "select": select,
    "maximum": maximum,
    "minimum": minimum,
    "min": least,
    "sign": sign,
    "floor": floor,
    "accumulate": accumulate,
    "address": address,
    "contract": contract,
    "evenly": evenly,
    "pack": pack,
    "dots": dots,
    "call_kernel": call_kernel,
    "copy_bytes": copy_bytes,
    "pointer_float32": pointer_float32,
    "pointer_float64": pointer_float64,
    "pointer_int32": pointer_int32,
    "pointer_int64": pointer_int64,
    **denormals.NAMESPACE,
    **lapack.intrinsics(),
}
