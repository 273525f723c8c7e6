"""Freeze: the only bridge from symbolic systems to the code generator.

expressions ─ trace ─ stabilise ─ store_compared ─ split_strides ─ pad_windows ─ split_contractions ─ solved ─ convert
                                                                                              └─→ Program
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Symbol

from symdl.errors import ExpressionError, NameConflictError
from symdl.expr.index import axis_index
from symdl.expr.ingest import ingest
from symdl.expr.mode import decided
from symdl.expr.nodes import Call, Reduce
from symdl.expr.system import Equation, System, trace
from symdl.freeze.contractions import split_contractions
from symdl.freeze.convert import Converter
from symdl.freeze.extrema import store_compared
from symdl.freeze.linear_algebra import as_call, solved, stable_determinants, with_whole_operands
from symdl.freeze.padding import pad_windows
from symdl.freeze.scatter import as_scatter
from symdl.freeze.segment_extrema import scatter_extrema
from symdl.freeze.stable import stabilise
from symdl.freeze.static import time_sizes, with_sizes
from symdl.freeze.strides import split_strides
from symdl_codegen import program as pg


def freeze(
    outputs: Mapping[str, Any],
    *,
    name: str = "program",
    sizes: Mapping[Any, int] | None = None,
    roles: Mapping[str, str] | None = None,
    updates: Sequence[tuple[str, str]] = (),
    guard: str | None = None,
    batch: Symbol | None = None,
    stable: bool = True,
    mode: str = "train",
) -> pg.Program:
    """Return the Program that computes ``outputs``.

    Args:
        outputs: Expressions by output name.
        name: A name for the program, used in comments of the emitted source.
        sizes: Values of sizes that are to be static; all other symbolic sizes are dynamic. Those in the length of a
            recurrence keep their symbols and are bound to their values later, so that kernels do not depend on them.
        roles: Role by input name: ``input`` (default), ``batch``, ``step`` or ``state``.
        updates: (state, output) pairs: after each step, the state takes the output's value.
        guard: Output that must be finite for the updates to happen.
        batch: The symbol of the mini-batch's length.
        stable: Apply the numerically stable forms; False only to measure what they bring.
        mode: ``train`` or ``predict``: what an op that differs between the two, such as dropout, does.

    Raises:
        NameConflictError: if a name is used for two things.
        ExpressionError: if a part has no kernel form.
    """
    values = [ingest(value) for value in outputs.values()]
    known: dict[Any, int] = {ingest(symbol): int(value) for symbol, value in (sizes or {}).items()}
    lengths = {symbol.name: known.pop(symbol) for symbol in known.keys() & time_sizes(values)} if known else {}
    if known:
        values = with_sizes(values, known)
    system = decided(trace(values, list(outputs)), mode)
    if stable:
        system = stabilise(stable_determinants(system))
    system = split_contractions(pad_windows(split_strides(store_compared(scatter_extrema(system)))))
    if stable:
        system = solved(system)
    system = with_whole_operands(system)
    program = _program(system, list(outputs), name, dict(roles or {}), tuple(updates), guard, batch)
    return replace(program, sizes={**program.sizes, **{n: lengths[n] for n in program.sizes.keys() & lengths.keys()}})


def _program(
    system: System,
    outputs: list[str],
    name: str,
    roles: dict[str, str],
    updates: tuple[tuple[str, str], ...],
    guard: str | None,
    batch: Symbol | None,
) -> pg.Program:
    inputs = system.inputs
    shapes: list[Expr] = [size for tensor in (*inputs, *system.by_target) for size in tensor.shape]
    for equation in system.equations:
        for node in equation.body.atoms(Reduce):
            shapes += [size for _, size in node.axes]
        for call in equation.body.atoms(Call):
            shapes += [size for shape in call.operand_shapes for size in shape]
    size_symbols = {symbol for size in shapes for symbol in size.free_symbols}
    if batch is not None:
        size_symbols.add(batch)
    scalars = sorted(
        {symbol for equation in system.equations for symbol in _symbols(equation.body)} - size_symbols,
        key=lambda symbol: symbol.name,
    )
    kinds = {tensor.name: "int" if "integer" in tensor.properties else "real" for tensor in inputs}
    kinds |= {scalar.name: "int" if scalar.is_integer else "real" for scalar in scalars}
    converter = Converter(size_symbols, kinds)
    tensors: dict[str, pg.Tensor] = {}
    for tensor in inputs:
        shape = tuple(converter.extent(size) for size in tensor.shape)
        tensors[tensor.name] = pg.Tensor(tensor.name, shape, kinds[tensor.name], roles.get(tensor.name, "input"))
    for scalar in scalars:
        if scalar.name in tensors:
            raise NameConflictError(f"{scalar.name}: used for a tensor and for a scalar; give one of them another name")
        tensors[scalar.name] = pg.Tensor(scalar.name, (), kinds[scalar.name], roles.get(scalar.name, "input"))
    written = dict(zip(outputs, system.outputs, strict=True))
    for state, output in updates:  # one that nobody reads before it is written
        shape = tuple(converter.extent(size) for size in written[output].shape)
        tensors.setdefault(state, pg.Tensor(state, shape, role="state"))
    for tensor in system.by_target:
        tensors[tensor.name] = pg.Tensor(tensor.name, tuple(converter.extent(size) for size in tensor.shape))
    equations = tuple(_equation(equation, converter) for equation in system.equations)
    sizes: dict[str, int | None] = {symbol.name: None for symbol in sorted(size_symbols, key=lambda item: item.name)}
    clash = sizes.keys() & tensors.keys()
    if clash:
        raise NameConflictError(f"{sorted(clash)[0]}: used for a size and for a tensor or scalar; rename one of them")
    program = pg.Program(
        name, sizes, tensors, equations, tuple(outputs), updates, guard, None if batch is None else batch.name
    )
    return pg.verify(program)


def _symbols(body: Basic) -> set[Symbol]:
    from symdl.expr.system import scalars_of

    return set(scalars_of(body))


def _equation(equation: Equation, converter: Converter) -> pg.Equation:
    axes = tuple(pg.Axis(index.name, converter.extent(size)) for index, size in equation.axes)
    body, note = equation.body, str(equation)
    loop = _loop(equation)
    scatter = as_scatter(equation)
    if scatter is not None and loop is None:
        domain = tuple(pg.Axis(index.name, converter.extent(size)) for index, size in scatter.axes)
        at = tuple(converter.extent(place) for place in scatter.at)
        op = None if scatter.op == "add" else scatter.op
        return pg.Equation(equation.target.name, domain, converter.scalar(scatter.body), op, (), at, note)
    if isinstance(body, Call):
        return pg.Equation(equation.target.name, axes, as_call(body, converter), None, (), None, note, loop)
    if isinstance(body, Reduce):
        reduced = tuple(pg.Axis(index.name, converter.extent(size)) for index, size in body.axes)
        return pg.Equation(equation.target.name, axes, converter.scalar(body.body), body.op, reduced, None, note, loop)
    if body.has(Reduce, Call):
        raise ExpressionError(f"{equation}: a reduction inside a body; this is a defect of symdl")
    return pg.Equation(equation.target.name, axes, converter.scalar(body), None, (), None, note, loop)


def _loop(equation: Equation) -> pg.Loop | None:
    if equation.loop is None:
        return None
    index = axis_index(equation.loop.axis).name
    return pg.Loop(f"loop{equation.loop.number}", index, equation.loop.reverse, equation.loop.checkpoint or None)


__all__ = ["freeze"]
