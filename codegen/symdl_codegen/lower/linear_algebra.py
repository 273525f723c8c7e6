"""Calls of linear algebra: the results that are asked of one operation on the same operands become one routine."""

from collections.abc import Iterable
from dataclasses import replace

from symdl_codegen.ir import Kernel, Nest, Routine, Scalar, Span
from symdl_codegen.program import Apply, Axis, Call, Const, Equation, Load, Tensor
from symdl_codegen.scalars import add, mul


def joined(equation: Equation, equations: Iterable[Equation]) -> list[Equation]:
    """Return those of ``equations`` that ask for a result of the same operation as ``equation``, itself among them.

    In a loop or not: what the backward sweep of a recurrence asks of a step's operation is kept from the forward one.
    """
    call = equation.body
    assert isinstance(call, Call)
    return [
        other
        for other in equations
        if isinstance(other.body, Call)
        and replace(other.body, which=0) == replace(call, which=0)
        and other.axes[: len(other.axes) - other.body.order] == equation.axes[: len(equation.axes) - call.order]
    ]


def routine(
    equations: list[Equation],
    places: list[tuple[Scalar, ...]],
    buffers: dict[str, Tensor],
    note: str,
    span: Span | None,
) -> Kernel:
    """Return the kernel of ``equations``, which ``joined`` found, with its scratch buffers added to ``buffers``.

    ``places`` are the leading indices of each target; the equations are those of one time step.
    """
    first = equations[0]
    call = first.body
    assert isinstance(call, Call)
    work, whole = f"{first.target}_work", f"{first.target}_whole"
    reals, integers = workspace(call.op, call.matrices)
    buffers[work] = Tensor(work, (reals,), "real", "scratch")
    buffers[whole] = Tensor(whole, (integers,), "int", "scratch")
    results = []
    for equation, place in zip(equations, places, strict=True):
        assert isinstance(equation.body, Call)
        results.append((equation.body.which, Load(equation.target, place)))
    batch: tuple[Axis, ...] = first.axes[: len(first.axes) - call.order]
    body = Routine(call.op, call.operands, call.matrices, tuple(results), work, whole)
    return Kernel(first.target, (Nest(batch, (body,)),), note, span=span)


def workspace(op: str, matrices: tuple[tuple[Scalar, Scalar], ...]) -> tuple[Scalar, Scalar]:
    """Return how many reals and integers an operation needs beside its results, enough for LAPACK's blocks."""
    rows, columns = matrices[0]
    square = mul(rows, columns)
    match op:
        case "inverse":
            reals = mul(rows, Const(BLOCK))
        case "solve":
            reals = add(square, mul(rows, matrices[1][1]))
        case "determinant" | "logdet":
            reals = square
        case "cholesky":
            reals = Const(1)
        case "eigh":
            reals = add(square, mul(rows, Const(BLOCK + 3)))
        case _:  # svd: copies of the matrix and of all results
            both = add(rows, columns)
            least = Apply("min", (rows, columns))
            reals = add(square, mul(both, least), least, mul(both, Const(BLOCK + 5)))
    return reals, add(rows, Const(INTEGERS))


BLOCK = 64  # the largest block size of LAPACK's algorithms
INTEGERS = 16  # for sizes, options and the outcome; the pivots stand behind them

__all__ = ["BLOCK", "INTEGERS", "joined", "routine", "workspace"]
