"""Program -> Module: each equation becomes one kernel with one loop nest; updates become copies that run last."""

from dataclasses import replace
from typing import Any

from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import Kernel, Local, Module, Nest, Reduce, Span, Statement, Store, substitute
from symdl_codegen.lower.linear_algebra import joined, routine
from symdl_codegen.primitives import REDUCTIONS
from symdl_codegen.program import Axis, Call, Const, Equation, Index, Load, Program, Scalar, Size, Tensor, blocks
from symdl_codegen.scalars import shape_text, text


def lower(program: Program) -> Module:
    """Return the module that computes ``program``, one kernel per equation and per update, nothing fused.

    The time index of a recurrence becomes a size that each time step binds anew. An update whose value is not itself
    computed (a state, an input) is copied to a temporary first, so that updates stay simultaneous whatever order they
    run in.
    """
    buffers = dict(program.tensors)
    kernels: list[Kernel] = []
    done: set[str] = set()
    for block in blocks(program.equations):
        span = _span(block[0], program)
        for equation in block:
            if not isinstance(equation.body, Call):
                kernels.append(_kernel(equation, buffers, span))
            elif equation.target not in done:
                group = [replace(other, loop=equation.loop) for other in joined(equation, program.equations)]
                done |= {item.target for item in group}
                kernels.append(_routine(group, buffers, span))
    outputs, updates = {name: name for name in program.outputs}, []
    for state in {state for state, _ in program.updates} & set(outputs):  # the output is the old value
        outputs[state] = f"{state}_before"
        buffers[outputs[state]] = Tensor(outputs[state], buffers[state].shape, buffers[state].kind)
        kernels.append(_copy(outputs[state], state, buffers, "step"))
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
        outputs,
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


def _span(equation: Equation, program: Program) -> Span | None:
    """All time steps of the recurrence that begins with ``equation``."""
    loop = equation.loop
    if loop is None:
        return None
    (extent,) = (axis.extent for axis in equation.axes if axis.index == loop.index)
    time = loop.index
    while time in program.sizes:
        time += "_"
    return Span(loop.name, time, extent, Const(0), extent, loop.reverse, loop.checkpoint)


def _at_a_step(equation: Equation, span: Span | None) -> tuple[Equation, tuple[Scalar, ...]]:
    """``equation`` with its time index bound by ``span``, and the indices of its target."""
    plain: tuple[Scalar, ...] = tuple(Index(axis.index) for axis in equation.axes)
    if span is None or equation.loop is None:
        return equation, equation.at or plain
    time: dict[Scalar, Scalar] = {Index(equation.loop.index): Size(span.time)}
    axes = tuple(axis for axis in equation.axes if axis.index != equation.loop.index)
    places = tuple(substitute(place, time) for place in (equation.at or plain))
    body = equation.body
    if isinstance(body, Call):
        body = replace(body, operands=tuple(substitute(load, time) for load in body.operands))
    else:
        body = substitute(body, time)
    return replace(equation, axes=axes, body=body), places


def _routine(equations: list[Equation], buffers: dict[str, Tensor], span: Span | None) -> Kernel:
    note = "\n".join(equation.note or equation_text(equation) for equation in equations)
    at_step = [_at_a_step(equation, span) for equation in equations]
    places = []
    for equation, indices in at_step:
        assert isinstance(equation.body, Call)
        places.append(indices[: len(indices) - equation.body.order])
    return routine([equation for equation, _ in at_step], places, buffers, note, span)


def _kernel(equation: Equation, buffers: dict[str, Tensor], span: Span | None) -> Kernel:
    target, note = buffers[equation.target], equation.note or equation_text(equation)
    equation, places = _at_a_step(equation, span)
    body: list[Statement] = []
    value: Any = equation.body  # from here on it may be a Local
    if equation.reduction is not None and equation.at is None:
        identity(equation.reduction, target.kind)
        local = Local(f"{equation.target}_value", target.kind)
        body.append(Reduce(local, equation.reduction, equation.reduced, value))
        value = local
    if equation.at is None:
        body.append(Store(equation.target, places, value))
        nests: tuple[Statement, ...] = (Nest(equation.axes, tuple(body)),)
    else:
        op = equation.reduction or "add"
        body.append(Store(equation.target, places, value, op))
        time = places.index(Size(span.time)) if span else None
        every = [Axis(f"z{position}", extent) for position, extent in enumerate(target.shape)]
        cleared = tuple(places[p] if p == time else Index(axis.index) for p, axis in enumerate(every))
        clear = tuple(axis for position, axis in enumerate(every) if position != time)
        start = Store(equation.target, cleared, identity(op, target.kind))
        nests = (Nest(clear, (start,)), Nest(equation.axes, tuple(body)))
    return Kernel(f"{equation.target}", nests, note, span=span)


def _copy(target: str, source: str, buffers: dict[str, Tensor], phase: str) -> Kernel:
    axes = tuple(Axis(f"u{position}", extent) for position, extent in enumerate(buffers[target].shape))
    indices = tuple(Index(axis.index) for axis in axes)
    body = (Nest(axes, (Store(target, indices, Load(source, indices)),)),)
    return Kernel(f"update_{target}" if phase == "update" else target, body, f"{target} <- {source}", phase)


def equation_text(equation: Equation) -> str:
    """The equation in index notation, as used where it carries no note."""
    names: tuple[Scalar, ...] = equation.at or tuple(Index(axis.index) for axis in equation.axes)
    left = f"{equation.target}[{', '.join(map(text, names))}]"
    operation = f"{equation.reduction or '+'}=" if equation.at else "="
    if isinstance(equation.body, Call):
        return f"{left} {operation} {equation.body.op}({', '.join(map(text, equation.body.operands))})"
    if equation.reduction is None or equation.at:
        return f"{left} {operation} {text(equation.body)}"
    axes = ", ".join(f"{axis.index} < {shape_text((axis.extent,))[1:-2]}" for axis in equation.reduced)
    return f"{left} {operation} {equation.reduction} over {axes} of {text(equation.body)}"


__all__ = ["equation_text", "identity", "lower"]
