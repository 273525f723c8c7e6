"""Denormal numbers as zero: the control word of the processor's floating-point unit, for as long as a training runs.

An operation on a denormal number takes a hundred times as long. Moments that fade away reach them within some hundred
steps, and a training would slow down without being any different: they are 1e-38 in float32 and 1e-308 in float64.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Numba calls these functions with its own untyped objects.

import platform

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

X86 = platform.machine().lower() in ("x86_64", "amd64", "x86")
ARM = platform.machine().lower() in ("aarch64", "arm64")
FLUSH = 0x8040 if X86 else 1 << 24  # results to zero and operands taken for zero; on ARM one bit for both
I64, I32 = ir.IntType(64), ir.IntType(32)


@intrinsic
def flush_denormals(typing_context):
    """Take denormal numbers for zero from now on, in this thread; returns the control word as it was."""

    def emit(context, builder, signature, arguments):
        before = _control(builder)
        _set_control(builder, builder.or_(before, ir.Constant(I64, FLUSH)))
        return before

    return types.int64(), emit


@intrinsic
def restore_denormals(typing_context, before):
    """Set the control word that ``flush_denormals`` returned."""

    def emit(context, builder, signature, arguments):
        _set_control(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.int64), emit


def _control(builder):
    if X86:
        place = cgutils.alloca_once(builder, I32)
        builder.call(_mxcsr(builder, "stmxcsr"), [builder.bitcast(place, ir.IntType(8).as_pointer())])
        return builder.zext(builder.load(place), I64)
    if ARM:
        return builder.asm(ir.FunctionType(I64, []), "mrs $0, fpcr", "=r", [], True)
    return ir.Constant(I64, 0)


def _set_control(builder, value):
    if X86:
        place = cgutils.alloca_once(builder, I32)
        builder.store(builder.trunc(value, I32), place)
        builder.call(_mxcsr(builder, "ldmxcsr"), [builder.bitcast(place, ir.IntType(8).as_pointer())])
    elif ARM:
        builder.asm(ir.FunctionType(ir.VoidType(), [I64]), "msr fpcr, $0", "r", [value], True)


def _mxcsr(builder, name):
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{name}")


NAMESPACE = {"flush_denormals": flush_denormals, "restore_denormals": restore_denormals}
