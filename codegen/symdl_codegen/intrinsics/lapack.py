"""LAPACK's routines: their addresses, taken from SciPy, and intrinsics that call them from emitted kernels by name.

LAPACK's matrices are column-major, its integers have 32 bits and every argument is a pointer; addresses travel as
64-bit integers, and an integer or option is a 64-bit one of which LAPACK reads the first bytes (little-endian).
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Numba calls the intrinsics with its own untyped objects.

import ctypes
from functools import cache
from importlib import import_module
from typing import Any

from symdl_codegen.errors import CompilerUnavailableError

ROUTINES = ("getrf", "getri", "gesv", "potrf", "syev", "gesvd")


@cache
def routine_address(name: str, dtype: str) -> int:
    """The address of LAPACK's ``name`` for float32 or float64; CompilerUnavailableError where there is no SciPy."""
    try:
        pointers = import_module("scipy.linalg.cython_lapack").__pyx_capi__
    except ImportError as error:
        raise CompilerUnavailableError(
            "linear algebra on the cpu target needs SciPy; install it with: pip install scipy"
        ) from error
    capsule = pointers[("s" if dtype == "float32" else "d") + name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule)))


def intrinsics() -> dict[str, Any]:
    """The intrinsics by the names of the routines; the first argument is the routine's address."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    word = ir.IntType(64)

    def calling(count: int):
        def emit(context, builder, signature, arguments):
            routine, *pointers = arguments
            kind = ir.FunctionType(ir.VoidType(), [word] * count)
            builder.call(builder.inttoptr(routine, kind.as_pointer()), pointers)
            return context.get_dummy_value()

        return types.void(*[types.int64] * (count + 1)), emit

    @intrinsic
    def getrf(typing_context, code, m, n, a, lda, pivots, info):
        return calling(6)

    @intrinsic
    def getri(typing_context, code, n, a, lda, pivots, work, length, info):
        return calling(7)

    @intrinsic
    def gesv(typing_context, code, n, columns, a, lda, pivots, b, ldb, info):
        return calling(8)

    @intrinsic
    def potrf(typing_context, code, part, n, a, lda, info):
        return calling(5)

    @intrinsic
    def syev(typing_context, code, job, part, n, a, lda, values, work, length, info):
        return calling(9)

    @intrinsic
    def gesvd(typing_context, code, left, right, m, n, a, lda, s, u, ldu, vt, ldvt, work, length, info):
        return calling(14)

    return {"getrf": getrf, "getri": getri, "gesv": gesv, "potrf": potrf, "syev": syev, "gesvd": gesvd}


__all__ = ["ROUTINES", "intrinsics", "routine_address"]
