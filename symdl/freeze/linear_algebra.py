"""Linear algebra at freeze: products with an inverse become solves, log det does not overflow, operands are whole.

log(det A) = log det A          which neither overflows nor underflows
Σ_k (A⁻¹)[i,k] b[k,j]           = solve(A, b)[i,j]: fewer operations and smaller rounding errors
Σ_k b[k,i] (A⁻¹)[k,j]           = solve(Aᵀ, b)[j,i]
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from sympy import Basic, Expr, Integer, Mul

from symdl.expr.calls import Axes, Call
from symdl.expr.index import Index, axis_index, free_indices, fresh_index, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, needed
from symdl_codegen import program as pg

Fresh = Callable[[Sequence[Expr]], TensorSymbol]


def _namer(system: System, letter: str) -> Fresh:
    names = {tensor.name for tensor in (*system.inputs, *system.by_target)}

    def fresh(shape: Sequence[Expr]) -> TensorSymbol:
        name = next(f"{letter}{k}" for k in range(1, 10**9) if f"{letter}{k}" not in names)
        names.add(name)
        return TensorSymbol(name, tuple(shape))

    return fresh


def _calls(system: System) -> bool:
    return any(isinstance(equation.body, Call) for equation in system.equations)


def stable_determinants(system: System) -> System:
    """Return the system with logarithms of determinants computed as such."""
    if not _calls(system):
        return system
    fresh, log = _namer(system, "logdet"), SCALAR_OPS["log"]
    made: dict[Basic, TensorSymbol] = {}
    equations: list[Equation] = []
    for equation in system.equations:

        def visit(node: Basic, equation: Equation = equation) -> Basic | None:
            if not isinstance(node, log) or not isinstance(node.args[0], Element):
                return None
            source = system.by_target.get(node.args[0].tensor)
            if source is None or not isinstance(source.body, Call) or source.body.op != "determinant":
                return None
            if source.target not in made:
                made[source.target] = fresh(source.target.shape)
                body = Call("logdet", 0, source.body.args[2], source.body.places)
                equations.append(Equation(made[source.target], body, loop=source.loop))
            return Element(made[source.target], *node.args[0].indices)

        body = rebuild(equation.body, visit)
        equations.append(replace(equation, body=body))
    return System(needed(equations, system.outputs), system.outputs)


def solved(system: System) -> System:
    """Return the system with every product of an inverse and something else computed as a solve."""
    if not _calls(system):
        return system
    fresh = _namer(system, "x")
    equations: list[Equation] = []
    for equation in system.equations:
        equations += _solved(equation, system, fresh) or [equation]
    return System(needed(equations, system.outputs), system.outputs)


def _solved(equation: Equation, system: System, fresh: Fresh) -> list[Equation] | None:
    if not (isinstance(equation.body, Reduce) and equation.body.op == "add" and len(equation.body.axes) == 1):
        return None
    opened = {index: fresh_index() for index, _ in equation.axes}
    sizes = {opened[index]: size for index, size in equation.axes}
    [(k, extent)], content = substitute(equation.body, opened).open()
    factors = Mul.make_args(content)
    for factor in factors:
        source = system.by_target.get(factor.tensor) if isinstance(factor, Element) else None
        if source is None or not isinstance(source.body, Call) or source.body.op != "inverse":
            continue
        *batch, first, second = factor.indices
        if k not in (first, second) or first == second or not all(isinstance(index, Index) for index in factor.indices):
            continue
        other, size = second if first == k else first, source.target.shape[-1]
        if k in batch or extent != size or sizes[other] != size:
            continue  # of a part of the inverse, a solve would give too much, or read what is not there
        rest = Mul(*(part for part in factors if part is not factor))
        columns = [index for index in sizes if index in free_indices(rest) and index not in (*batch, k)]
        if other in free_indices(rest) or other in batch or len(columns) > 1 or k not in free_indices(rest):
            continue
        call = source.body.at(*(Integer(0), Integer(0)))
        mapping = {axis_index(place): index for place, index in enumerate(batch)}
        matrix, *limits = substitute(call, mapping).operands[0]
        limits = limits[::-1] if first == k else limits  # the transpose
        column = columns[0] if columns else fresh_index()
        width = sizes[column] if columns else Integer(1)
        right = (rest, (k, size), (column, width))
        lead = [index for index in sizes if index not in (other, column)]
        if equation.loop is not None and lead[: equation.loop.axis + 1] != list(sizes)[: equation.loop.axis + 1]:
            continue  # time has to stay where it stands in all of the block
        body = Call("solve", 0, [(matrix, *limits), right], [other, column if columns else Integer(0)])
        return _placed(equation, body, [*lead, other, *columns], opened, sizes, fresh)
    return None


def _placed(
    equation: Equation,
    body: Call,
    order: list[Index],
    opened: dict[Index, Index],
    sizes: dict[Index, Expr],
    fresh: Fresh,
) -> list[Equation]:
    """Return equations that compute a call over axes in the given order, and the target from it."""
    shape = [sizes[index] for index in order] + ([] if len(body.places[-1].free_symbols) else [Integer(1)])
    made = fresh(shape)
    own = {index: axis_index(place) for place, index in enumerate(order)}
    first = Equation(made, substitute(body, own), loop=equation.loop)
    back = {new: old for old, new in opened.items()}
    element = Element(made, *(back[index] for index in order), *[0] * (len(shape) - len(order)))
    return [first, replace(equation, body=element)]


def with_whole_operands(system: System) -> System:
    """Return the system with every operand of a call a whole real matrix, its batch in front."""
    if not _calls(system):
        return system
    fresh = _namer(system, "m")
    equations: list[Equation] = []
    for equation in system.equations:
        body = equation.body
        if isinstance(body, Call):
            sizes = dict(equation.axes)
            contents = [
                (axes, _whole(axes, content, equation, sizes, fresh, equations)) for axes, content in body.open()
            ]
            equation = replace(equation, body=body.over(contents))
        equations.append(equation)
    return System(tuple(equations), system.outputs)


def _whole(
    axes: Axes, content: Expr, equation: Equation, sizes: dict[Index, Expr], fresh: Fresh, made: list[Equation]
) -> Expr:
    own = [index for index, size in axes if size != 1]
    if isinstance(content, Element) and "integer" not in content.tensor.properties:
        trailing = [index for index, size in zip(content.indices, content.tensor.shape, strict=True) if size != 1]
        trailing = trailing[len(trailing) - len(own) :] if own else []
        leading = content.indices[: _leading(content, axes)] if trailing == own else ()
        if trailing == own and not any(free_indices(index) & set(own) for index in leading):
            return content
    loop = _loop(content, equation)
    front = [] if loop is None else list(sizes)[: loop.axis + 1]  # time stands where it does in all of the block
    batch = [index for index in sizes if index in front or index in free_indices(content)]
    target = fresh([*(sizes[index] for index in batch), *(size for _, size in axes)])
    order = [*batch, *(index for index, _ in axes)]
    shape = target.shape
    names = {index: axis_index(k) if shape[k] != 1 else Integer(0) for k, index in enumerate(order)}
    made.append(Equation(target, substitute(content, names), loop=loop))
    return Element(target, *(index if shape[k] != 1 else 0 for k, index in enumerate(order)))


def _loop(content: Expr, equation: Equation) -> Any:
    """Return the loop of an operand: that of the equation, if it has the time among its indices."""
    loop = equation.loop
    return loop if loop is not None and axis_index(loop.axis) in free_indices(content) else None


def _leading(content: Any, axes: Axes) -> int:
    """Return how many axes of a tensor stand before its matrices."""
    count, shape = sum(size != 1 for _, size in axes), content.tensor.shape
    lead = len(shape)
    while count or (lead and shape[lead - 1] == 1 and len(shape) - lead < len(axes)):
        lead -= 1
        count -= shape[lead] != 1
    return lead


def as_call(call: Call, converter: Any) -> pg.Call:
    """Return the call over whole operands in the Program's terms."""
    operands, matrices = [], []
    for axes, content in call.open():
        lead = _leading(content, axes)
        operands.append(pg.Load(content.tensor.name, tuple(map(converter.extent, content.indices[:lead]))))
        matrices.append((converter.extent(axes[0][1]), converter.extent(axes[1][1])))
    return pg.Call(call.op, call.which, tuple(operands), tuple(matrices))


__all__ = ["as_call", "solved", "stable_determinants", "with_whole_operands"]
