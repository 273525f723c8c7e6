"""Forward mode: the Jacobian-vector product of a system."""

from collections.abc import Mapping, Sequence

import sympy
from sympy import Basic, Expr, Integer

from symdl.derive.guards import under_guards
from symdl.derive.labels import tangent_label
from symdl.derive.linear_algebra import Entry, tangent
from symdl.derive.partial import partials, selection
from symdl.expr.index import Index, axis_index, substitute
from symdl.expr.nodes import Array, Call, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.recurrence import Recurrence
from symdl.expr.system import Equation, System


def forward(system: System, tangents: Mapping[Basic, Tensor], extra: Sequence[Expr] = ()) -> dict[Basic, Tensor]:
    """Return the tangent of every output.

    Args:
        system: The system, in normal form.
        tangents: For each variable (tensor or scalar symbol) its tangent, of shape ``variable.shape + extra``.
        extra: Sizes of trailing axes that all tangents carry along (the variable's axes, for a Jacobian).

    Returns:
        For each output a tensor of shape ``output.shape + extra``; zeros where it does not depend on the variables.
    """
    active = frozenset(system.depends(tangents))
    known: dict[Basic, Tensor] = dict(tangents)
    for block in system.blocks:
        loop = block[0].loop
        moving = [equation for equation in block if equation.target in active]
        if loop is None:
            known.update({item.target: _tangent(system, item, known, active, extra) for item in moving})
        elif moving:
            symbols = {
                item.target: TensorSymbol(f"{item.target.name}~", (*item.target.shape, *extra), (), _label(item, extra))
                for item in moving
            }
            arrays = [_tangent(system, item, {**known, **symbols}, active, extra) for item in moving]
            direction = "reverse" if loop.reverse else "forward"
            for number, item in enumerate(moving):
                rest = (loop.axis, direction, loop.checkpoint)
                known[item.target] = Recurrence(list(symbols.values()), arrays, number, *rest)
    result = {}
    for output in system.outputs:
        tangent = known.get(output)
        result[output] = Array(Integer(0), *axes_of((*output.shape, *extra))) if tangent is None else tangent
    return result


def _tangent(
    system: System, equation: Equation, known: Mapping[Basic, Tensor], active: frozenset[Basic], extra: Sequence[Expr]
) -> Tensor:
    axes, outer = axes_of(equation.target.shape), axes_of(extra)
    body = substitute(equation.body, {axis_index(k): index for k, (index, _) in enumerate(axes)})
    reduced: list[tuple[Index, Expr]] = []
    factor: Expr = Integer(1)
    if isinstance(body, Call):
        return Array(_through_call(system, body, known, active, outer), *axes, *outer)
    if isinstance(body, Reduce):
        reduction = body
        reduced, body = reduction.open()
        value = Element(system.tensor(equation.target), *(index for index, _ in axes))
        factor = system.over_tensors(selection(reduction, reduced, system.over_tensors(body), value))
    total = _total(system, body, factor, known, active, outer)
    return Array(Reduce("add", total, *reduced) if reduced else total, *axes, *outer)


def _total(
    system: System,
    body: Expr,
    factor: Expr,
    known: Mapping[Basic, Tensor],
    active: frozenset[Basic],
    outer: list[tuple[Index, Expr]],
) -> Expr:
    """Return the sum of a pointwise body's partial derivatives, each times its tangent."""
    terms = []
    for atom, derivative in partials(body, active):
        tensor = atom.tensor if isinstance(atom, Element) else atom
        if tensor not in known:
            continue
        places = tuple(system.over_tensors(place) for place in getattr(atom, "indices", ()))
        moved = Element(known[tensor], *places, *(index for index, _ in outer))
        terms.append(under_guards(factor * system.over_tensors(derivative), moved))
    return sympy.Add(*terms)


def _through_call(
    system: System,
    call: Call,
    known: Mapping[Basic, Tensor],
    active: frozenset[Basic],
    outer: list[tuple[Index, Expr]],
) -> Expr:
    """Return the tangent of an operation of linear algebra, from those of its operands."""
    opened = call.open()
    tangents: dict[int, Entry] = {}
    for position, ((rows, _), (columns, _)), content in ((k, *item) for k, item in enumerate(opened)):
        total = _total(system, content, Integer(1), known, active, outer)
        if total != 0:
            tangents[position] = lambda i, j, total=total, rows=rows, columns=columns: substitute(
                total, {rows: i, columns: j}
            )
    primal = call.over([(axes, system.over_tensors(content)) for axes, content in opened])
    return tangent(primal, tangents, primal.places) if tangents else Integer(0)


def _label(equation: Equation, extra: Sequence[Expr]) -> str:
    return "" if extra else tangent_label(equation.target.latex_name)
