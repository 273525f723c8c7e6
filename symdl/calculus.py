"""Gradients, Jacobians and Hessians of expressions: the public functions of derivation.

Axes of results, always: gradient ``wrt.shape``; Jacobian ``out.shape + wrt.shape``; Hessian
``wrt1.shape + wrt2.shape``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, KroneckerDelta, Symbol

from symdl.derive import forward, reverse
from symdl.derive.layers import backpropagation, stacks_in
from symdl.errors import DerivationError, ShapeError
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, Element, Tensor, TensorSymbol, axes_of
from symdl.expr.sizes import same_size, shape_text
from symdl.expr.system import System, trace
from symdl.interpret.zeros import refuse_silent_zero
from symdl.notation import is_bar
from symdl.simplify import simplify
from symdl.simplify.signs import without_minus


def grad(f: Any, wrt: Any) -> Any:
    """Return the gradient of a scalar.

    Args:
        f: A scalar expression (a 1-by-1 matrix counts as one).
        wrt: A variable, or several in a list: tensors, SymPy matrices, ``IndexedBase``, scalar symbols.

    Returns:
        An expression of the variable's shape, or a tuple of them for a list.

    Raises:
        DerivationError: if ``f`` does not depend on a variable, or ``wrt`` is no variable.
        ShapeError: if ``f`` is not a scalar.
    """
    loss = as_scalar(f, "grad")
    variables, several = variables_of(wrt, [loss], "grad")
    results = _shaped(_simplified(loss, variables, adjoints(loss, variables), "grad"), (), variables)
    return tuple(results) if several else results[0]


def value_and_grad(f: Any, wrt: Any) -> tuple[Any, Any]:
    """Return (f, gradient); arguments and errors as for ``grad``."""
    return as_scalar(f, "value_and_grad"), grad(f, wrt)


def jacobian(g: Any, wrt: Any) -> Any:
    """Return the Jacobian of a tensor or scalar, of shape ``g.shape + wrt.shape``; a tuple for several variables."""
    value = ingest(g)
    variables, several = variables_of(wrt, [value], "jacobian")
    found = _simplified(value, variables, _jacobians(value, variables), "jacobian", own=False)
    results = _shaped(found, value, variables)
    return tuple(results) if several else results[0]


def hessian(f: Any, wrt: Any) -> Any:
    """Return the Hessian of a scalar, of shape ``wrt.shape + wrt.shape``; a nested tuple for several variables."""
    loss = as_scalar(f, "hessian")
    variables, several = variables_of(wrt, [loss], "hessian")
    gradients = _simplified(loss, variables, adjoints(loss, variables), "hessian")
    rows = [
        tuple(
            _shaped(
                _simplified(gradient, variables, _jacobians(gradient, variables), "hessian", own=False),
                gradient,
                variables,
            )
        )
        for gradient in gradients
    ]
    return tuple(rows) if several else rows[0][0]


def vjp(g: Any, wrt: Any, u: Any) -> Any:
    """Return the vector-Jacobian product Σ u·∂g/∂wrt, of the variable's shape.

    Raises:
        ShapeError: if ``u`` has not the shape of ``g``.
    """
    value, cotangent = ingest(g), ingest(u)
    variables, several = variables_of(wrt, [value], "vjp")
    _same_shape(value, cotangent, "vjp: the cotangent u")
    results = _shaped(simplify(adjoints(value, variables, cotangent)).values)
    return tuple(results) if several else results[0]


def jvp(g: Any, tangents: Mapping[Any, Any]) -> Any:
    """Return the Jacobian-vector product Σ ∂g/∂x·dx over the variables ``{x: dx}``, of the shape of ``g``.

    Raises:
        ShapeError: if a tangent has not the shape of its variable.
    """
    value = ingest(g)
    if not isinstance(tangents, Mapping) or not tangents:
        raise DerivationError("jvp: expected a mapping {variable: tangent}")
    variables, _ = variables_of(list(tangents), [value], "jvp")
    directions: dict[Basic, Tensor] = {}
    for variable, direction in zip(variables, tangents.values(), strict=True):
        found = ingest(direction)
        _same_shape(variable, found, f"jvp: the tangent of {variable}")
        directions[variable] = found if isinstance(found, Tensor) else Array(found)
    return simplify([pushforward(value, directions)]).values[0]


def hvp(f: Any, wrt: Any, v: Any) -> Any:
    """Return the Hessian-vector product ∇²f·v, forward over reverse; ``v`` has the variable's shape."""
    loss = as_scalar(f, "hvp")
    variables, several = variables_of(wrt, [loss], "hvp")
    vectors = list(v) if several else [v]
    if len(vectors) != len(variables):
        raise ShapeError(f"hvp: {len(variables)} variables, but {len(vectors)} vectors")
    directions: dict[Basic, Tensor] = {}
    for variable, vector in zip(variables, vectors, strict=True):
        found = ingest(vector)
        _same_shape(variable, found, f"hvp: the vector for {variable}")
        directions[variable] = found if isinstance(found, Tensor) else Array(found)
    gradients = simplify(adjoints(loss, variables)).values
    results = simplify([pushforward(gradient, directions) for gradient in gradients]).values
    results = _shaped(results)
    return tuple(results) if several else results[0]


def adjoints(value: Any, variables: Sequence[Basic], cotangent: Any = None) -> list[Tensor]:
    """Return the unsimplified adjoints of ``value`` by reverse mode, the cotangent being 1 for a scalar.

    Through a stack of symbolic depth they are those of layer ℓ, in terms of the adjoint δ[ℓ] or ζ[ℓ] of the recursion.
    """
    if cotangent is None and stacks_in(value):
        recursion = backpropagation(value)
        outer = [variable for variable in variables if variable not in recursion.gradients]
        if outer:
            raise DerivationError(
                f"the gradient with respect to {outer[0]} needs all layers: give the depth "
                f"{recursion.stack.depth} a value with xreplace, or derive layer parameters"
            )
        return [recursion.gradients[variable] for variable in variables]
    system = trace([value])
    seed = Array(Integer(1)) if cotangent is None else cotangent if isinstance(cotangent, Tensor) else Array(cotangent)
    return list(reverse(system, {system.outputs[0]: seed}, variables).values())


def pushforward(value: Any, tangents: Mapping[Basic, Tensor]) -> Any:
    """Return the unsimplified tangent of ``value`` by forward mode."""
    system = trace([value])
    result = forward(system, tangents)[system.outputs[0]]
    return result if isinstance(value, Tensor) else Element(result)


def _simplified(
    value: Any, variables: Sequence[Basic], derivatives: Sequence[Tensor], what: str, own: bool = True
) -> list[Any]:
    """Return simplified derivatives; one that is 0 although the variable is in the value is tested with numbers.

    Args:
        value: What was derived.
        variables: By what.
        derivatives: As the sweeps give them.
        what: The caller, for errors.
        own: Whether adjoints keep their names: δ and ζ are those of a loss, and else written out.

    Raises:
        InternalError: if the value changes with the variable at a random point all the same.
    """
    # Names of the value come first: what a derivative is made of is found to be one of them.
    known = [] if stacks_in(value) else _named_in(value)
    found = simplify([*known, *_explained(derivatives, known, not own)]).values[len(known) :]
    results = [without_minus(result) for result in found]
    for variable, result in zip(variables, results, strict=True):
        if getattr(result, "body", result) == 0 and variable in getattr(value, "free_symbols", ()):
            refuse_silent_zero(value, variable, what)
    return results


def _named_in(value: Any) -> list[Tensor]:
    """Return what has a name in a value, in order of computation."""
    system = trace([value])
    return [system.tensor(item.target) for item in system.equations if item.named and item.loop is None]


def _explained(derivatives: Sequence[Tensor], known: Sequence[Tensor], everything: bool = False) -> list[Tensor]:
    """Return derivatives with the adjoints of the quantities that the value reads itself written out.

    Those that have a symbol of their own in the book, δ and ζ, keep their names; so do adjoints made of others; unless
    ``everything`` is to be written out.
    """
    names = {getattr(tensor, "name", "") for tensor in known}
    if not names:
        return list(derivatives)
    system = trace(derivatives)
    above: dict[Basic, bool] = {}  # what is made of adjoints with names
    equations = []
    for equation in system.equations:
        made = any(above.get(load.tensor, False) for load in equation.loads)
        adjoint = equation.named and equation.target.name not in names
        if everything and equation.named:  # a second δ may have the first one's name
            adjoint = system.tensor(equation.target) not in known
        if adjoint and equation.loop is None and (everything or (not made and is_bar(equation.target.name))):
            equation = replace(equation, named=False)
        above[equation.target] = made or adjoint
        equations.append(equation)
    changed = System(tuple(equations), system.outputs)
    return [changed.tensor(output) for output in changed.outputs]


def _jacobians(value: Any, variables: Sequence[Basic]) -> list[Tensor]:
    """Reverse mode with an identity as the cotangent."""
    system = trace([value])
    output = system.outputs[0]
    outer, inner = axes_of(output.shape), axes_of(output.shape)
    identity = Array(
        sympy.Mul(
            *(KroneckerDelta(a, b) if size != 1 else Integer(1) for (a, size), (b, _) in zip(outer, inner, strict=True))
        ),
        *outer,
        *inner,
    )
    return list(reverse(system, {output: identity}, variables, output.shape).values())


def jacobian_forward(value: Any, variable: Basic) -> Tensor:
    """Return the unsimplified Jacobian by forward mode, as an independent witness; shape ``out.shape + wrt.shape``."""
    system: System = trace([value])
    shape = getattr(variable, "shape", ())
    outer, inner = axes_of(shape), axes_of(shape)
    identity = Array(
        sympy.Mul(
            *(KroneckerDelta(a, b) if size != 1 else Integer(1) for (a, size), (b, _) in zip(outer, inner, strict=True))
        ),
        *outer,
        *inner,
    )
    return forward(system, {variable: identity}, shape)[system.outputs[0]]


def variables_of(wrt: Any, values: Sequence[Any], what: str) -> tuple[list[Basic], bool]:
    """Return the variables as tensor symbols and scalar symbols found in ``values``, and whether a list was given.

    Raises:
        DerivationError: for something that is no variable, that is given twice, or on which no value depends.
    """
    several = isinstance(wrt, list | tuple)
    found: dict[str, Any] = {}
    for value in values:
        for symbol in value.free_symbols if isinstance(value, Basic) else ():
            found[symbol.name] = symbol
    variables = []
    for item in wrt if several else [wrt]:
        if isinstance(item, sympy.IndexedBase) and item.shape is None:
            variable: Any = found.get(str(item.label))
        else:
            variable = ingest(item)
        if isinstance(variable, Element) and not variable.indices:
            variable = variable.tensor
        if not isinstance(variable, TensorSymbol | Symbol):
            raise DerivationError(f"{what}: expected a variable (a declared tensor or scalar), found {item}")
        if found.get(variable.name) != variable:
            known = found.get(variable.name)
            if isinstance(known, TensorSymbol) and isinstance(variable, TensorSymbol) and known.shape == variable.shape:
                variable = known
            else:
                names = ", ".join(sorted(found)) or "nothing"
                shape = f" of shape {shape_text(variable.shape)}" if known and isinstance(variable, Tensor) else ""
                raise DerivationError(
                    f"{what}: the expression does not depend on {variable}{shape}; it depends on {names}"
                )
        if variable in variables:
            raise DerivationError(f"{what}: {variable} is given twice; give each variable once")
        variables.append(variable)
    return variables, several


def _same_shape(value: Any, other: Any, what: str) -> None:
    expected, found = getattr(value, "shape", ()), getattr(other, "shape", ())
    if len(expected) != len(found) or not all(map(same_size, expected, found)):
        raise ShapeError(f"{what}: expected shape {shape_text(expected)}, found {shape_text(found)}")


def _shaped(results: Sequence[Tensor], value: Any = None, variables: Sequence[Basic] = ()) -> list[Any]:
    """Return results of order 0 as scalars; derivatives of a value by variables remember the orders of both."""
    shaped: list[Any] = []
    for number, result in enumerate(results):
        found: Tensor | Expr = result
        if isinstance(result, Tensor) and result.order == 0:
            found = result.body if isinstance(result, Array) else Element(result)
        elif isinstance(result, Tensor) and variables:
            found = result.marked((getattr(value, "order", 0), getattr(variables[number], "order", 0)))
        shaped.append(found)
    return shaped
