"""Partial derivatives of one body: each element it reads is one atom for SymPy's scalar calculus."""

from functools import lru_cache

import sympy
from sympy import Basic, Dummy, Eq, Expr, Integer, KroneckerDelta

from symdl.errors import DerivationError
from symdl.expr.index import Index, rebuild
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import FROM_SYMPY, SCALAR_OPS
from symdl.expr.system import elements_of

_CONSTANT = (Element, KroneckerDelta)  # what is no atom and holds none that a derivative sees


@lru_cache(maxsize=50_000)
def partials(body: Expr, atoms: frozenset[Basic]) -> tuple[tuple[Basic, Expr], ...]:
    """Return (atom, derivative) for each atom of a pointwise ``body`` whose tensor or symbol is in ``atoms``.

    An atom is an element of a tensor in ``atoms`` or a scalar symbol in ``atoms``. Zero derivatives are left out: among
    them those of integers that a Kronecker delta compares, such as the place of a maximum.
    """
    found: list[Basic] = [load for load in elements_of(body) if load.tensor in atoms]
    found += sorted((symbol for symbol in body.atoms(sympy.Symbol) if symbol in atoms), key=lambda symbol: symbol.name)
    dummies = {atom: Dummy(f"x{k}", real=True) for k, atom in enumerate(found)}
    replaced = rebuild(body, lambda node: dummies.get(node) or (node if isinstance(node, _CONSTANT) else None))
    back = {dummy: atom for atom, dummy in dummies.items()}
    result = []
    for atom, dummy in dummies.items():
        derivative = rebuild(sympy.diff(replaced, dummy), _own)
        if derivative != 0:
            if derivative.has(sympy.Derivative, sympy.Subs):
                raise DerivationError(f"the derivative of {body} with respect to {atom} is not known")
            result.append((atom, rebuild(derivative, back.get)))
    return tuple(result)


def atoms_of(body: Expr, sources: frozenset[Basic]) -> set[Basic]:
    """Return the tensors and scalar symbols in ``sources`` that a body reads."""
    return ({load.tensor for load in elements_of(body)} | body.atoms(sympy.Symbol)) & sources


def selection(body: Reduce, axes: list[tuple[Index, Expr]], content: Expr, value: Expr) -> Expr:
    """Return the factor that a reduction's derivative puts before that of its content.

    Args:
        body: The reduction.
        axes: Its axes, opened.
        content: Its content in those indices.
        value: The reduction's value as an element, for max and min: the first index that attains it is selected.
    """
    where = SCALAR_OPS["where"]
    if body.op == "add":
        return Integer(1)
    position: Expr = Integer(0)
    for index, size in axes:
        position = position * size + index
    inner_axes, inner = body.open()
    other: Expr = Integer(0)
    for index, size in inner_axes:
        other = other * size + index
    if body.op == "mul":
        return Reduce("mul", where(Eq(other, position), Integer(1), inner), *inner_axes)
    count = sympy.Mul(*(size for _, size in axes))
    first = Reduce("min", where(Eq(inner, value), other, count), *inner_axes)
    return where(Eq(position, first), Integer(1), Integer(0))


def _own(node: Basic) -> Basic | None:
    """Turn what SymPy's calculus brings in (the logarithm of a^x) into symdl's ops."""
    function = FROM_SYMPY.get(type(node))
    return None if function is None else function(*(rebuild(argument, _own) for argument in node.args))
