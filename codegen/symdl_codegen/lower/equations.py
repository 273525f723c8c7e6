"""Program -> Module: each equation becomes one kernel with one loop nest; updates become copies that run last."""

from typing import Any

from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import Kernel, Local, Module, Nest, Reduce, Statement, Store
from symdl_codegen.primitives import REDUCTIONS
from symdl_codegen.program import Axis, Const, Equation, Index, Load, Program, Scalar, Tensor
from symdl_codegen.scalars import shape_text, text


def lower(program: Program) -> Module:
    """Return the module that computes ``program``, one kernel per equation and per update, nothing fused.

    An update whose value is not itself computed (a state, an input) is copied to a temporary first, so that updates
    stay simultaneous whatever order they run in.
    """
    buffers = dict(program.tensors)
    kernels = [_kernel(equation, buffers) for equation in program.equations]
    updates = []
    for state, value in program.updates:
        if buffers[value].role != "temporary":
            copy = f"{value}_for_{state}"
            buffers[copy] = Tensor(copy, buffers[value].shape, buffers[value].kind)
            kernels.append(_copy(copy, value, buffers, "step"))
            value = copy
        updates.append((state, value))
    kernels += [_copy(state, value, buffers, "update") for state, value in updates]
    return Module(
        program.name,
        dict(program.sizes),
        buffers,
        tuple(kernels),
        {name: name for name in program.outputs},
        tuple(updates),
        program.guard,
        program.batch,
    )


def identity(op: str, kind: str) -> Const:
    """The neutral element of reduction ``op`` for scalars of ``kind``."""
    if kind == "real":
        return Const(REDUCTIONS[op])
    if kind == "bool":
        raise UnsupportedError(f"a reduction {op!r} of booleans; reduce real or integer values")
    return Const({"add": 0, "mul": 1, "max": -(2**63), "min": 2**63 - 1}[op])


def _kernel(equation: Equation, buffers: dict[str, Tensor]) -> Kernel:
    target = buffers[equation.target]
    plain = tuple(Index(axis.index) for axis in equation.axes)
    body: list[Statement] = []
    value: Any = equation.body  # from here on it may be a Local
    if equation.reduction is not None:
        identity(equation.reduction, target.kind)
        local = Local(f"{equation.target}_value", target.kind)
        body.append(Reduce(local, equation.reduction, equation.reduced, value))
        value = local
    if equation.at is None:
        body.append(Store(equation.target, plain, value))
        nests: tuple[Statement, ...] = (Nest(equation.axes, tuple(body)),)
    else:
        body.append(Store(equation.target, equation.at, value, "add"))
        clear = tuple(Axis(f"z{position}", extent) for position, extent in enumerate(target.shape))
        zero = Store(equation.target, tuple(Index(axis.index) for axis in clear), identity("add", target.kind))
        nests = (Nest(clear, (zero,)), Nest(equation.axes, tuple(body)))
    return Kernel(f"{equation.target}", nests, equation.note or equation_text(equation))


def _copy(target: str, source: str, buffers: dict[str, Tensor], phase: str) -> Kernel:
    axes = tuple(Axis(f"u{position}", extent) for position, extent in enumerate(buffers[target].shape))
    indices = tuple(Index(axis.index) for axis in axes)
    body = (Nest(axes, (Store(target, indices, Load(source, indices)),)),)
    return Kernel(f"update_{target}" if phase == "update" else target, body, f"{target} <- {source}", phase)


def equation_text(equation: Equation) -> str:
    """The equation in index notation, as used where it carries no note."""
    names: tuple[Scalar, ...] = equation.at or tuple(Index(axis.index) for axis in equation.axes)
    left = f"{equation.target}[{', '.join(map(text, names))}]"
    operation = "+=" if equation.at else "="
    if equation.reduction is None:
        return f"{left} {operation} {text(equation.body)}"
    axes = ", ".join(f"{axis.index} < {shape_text((axis.extent,))[1:-2]}" for axis in equation.reduced)
    return f"{left} {operation} {equation.reduction} over {axes} of {text(equation.body)}"


__all__ = ["equation_text", "identity", "lower"]
