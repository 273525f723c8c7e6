"""Loops written out: one equation for each time, for interpreters that know no time."""

from collections.abc import Callable

import sympy
from sympy import Basic, Eq, Expr, Integer

from symdl.errors import InternalError
from symdl.expr.equations import Equation, System
from symdl.expr.index import Index, axis_index, rebuild
from symdl.expr.nodes import Element, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS


def unroll(system: System, length: Callable[[Expr], int]) -> System:
    """Return an equal system without loops.

    Args:
        system: A system whose loops have few times.
        length: Gives the number of times for the extent of a time axis.
    """
    equations: list[Equation] = []
    for block in system.blocks:
        if block[0].loop is None:
            equations += block
        else:
            equations += _block(block, length)
    return System(tuple(equations), system.outputs)


def _block(block: tuple[Equation, ...], length: Callable[[Expr], int]) -> list[Equation]:
    loop = block[0].loop
    assert loop is not None
    axis = loop.axis
    extent = block[0].target.shape[axis]
    count = length(extent)
    slices: dict[Basic, list[TensorSymbol]] = {}
    for equation in block:
        shape = equation.target.shape[:axis] + equation.target.shape[axis + 1 :]
        slices[equation.target] = [TensorSymbol(f"{equation.target.name}@{t}", shape) for t in range(count)]

    where = SCALAR_OPS["where"]

    def at_time(body: Expr, mapping: dict[Index, Expr]) -> Expr:
        """Return a body at one time: conditions decided first, so that a branch not taken is not read."""

        def visit(node: Basic) -> Basic | None:
            if node == extent:
                return Integer(count)
            if isinstance(node, Index):
                return mapping.get(node, node)
            if isinstance(node, where):
                condition, *branches = node.args
                decided = rebuild(condition, visit)
                if decided in (sympy.true, sympy.false):
                    return rebuild(branches[decided == sympy.false], visit)
                return where(decided, *(rebuild(branch, visit) for branch in branches))
            if not isinstance(node, Element):
                return None
            indices = [rebuild(index, visit) for index in node.indices]
            own = slices.get(node.tensor)
            if own is None:
                return Element(node.tensor, *indices)
            place = indices.pop(axis)
            if not place.is_Integer or not 0 <= place < count:
                raise InternalError(f"{node}: a loop reads itself at {place}, outside the times 0 to {count - 1}")
            return Element(own[int(place)], *indices)

        return rebuild(body, visit)

    made: list[Equation] = []
    for t in reversed(range(count)) if loop.reverse else range(count):
        for equation in block:
            rank = len(equation.target.shape)
            mapping: dict[Index, Expr] = {axis_index(axis): Integer(t)}
            mapping |= {axis_index(k): axis_index(k - 1) for k in range(axis + 1, rank)}
            made.append(Equation(slices[equation.target][t], at_time(equation.body, mapping)))
    for equation in block:
        rank = len(equation.target.shape)
        rest = [axis_index(k) for k in range(rank) if k != axis]
        body: Expr = Integer(0)
        for t in reversed(range(count)):
            element = Element(slices[equation.target][t], *rest)
            body = element if t == count - 1 else SCALAR_OPS["where"](Eq(axis_index(axis), t), element, body)
        made.append(Equation(equation.target, body))
    return made
