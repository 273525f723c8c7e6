"""Independent witnesses of first and second derivatives of a random model, compared with each other."""

import mpmath
import numpy as np
from hypothesis import assume

import symdl as sd
from symdl.calculus import adjoints, jacobian_forward, pushforward, variables_of
from symdl.check.directions import tangent
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import TensorSymbol
from symdl.interpret import evaluate, evaluate_with_scale, kink_distances
from symdl.interpret.binding import name_of
from tests.property.oracle import difference
from tests.property.oracle import exact as exact_array

DIGITS = 50
ROUNDING = 1e-12  # float64 error over the sum of absolute terms
EXACT = (
    mpmath.mpf(10) ** -40
)  # relative error at 50 digits: an identity holds, a formula that is off by one ulp does not
COMPLEX_STEP = 1e-200


def far_from_kinks(model):
    assume(all(distance > 1e-6 for distance in kink_distances(model.expr, model.arrays, model.sizes).values()))


def floats(array):
    return np.asarray(array, dtype=float)


def assert_equal_exactly(found, expected, scale, what):
    """Assert that two values at 50 digits agree to 40 digits of the sum of absolute terms."""
    for place in np.ndindex(np.shape(expected)):
        error = abs(found[place] - expected[place])
        assert error <= EXACT * (1 + mpmath.mpf(float(scale[place]))), (what, place, found[place], expected[place])


def assert_rounded(form, exact, model, what):
    """Assert that float64 errs by at most 1e-12 of the sum of absolute terms; return that sum."""
    value, scale = evaluate_with_scale(form, model.arrays, model.sizes)
    assert value.shape == exact.shape, (what, value.shape, exact.shape)
    scale = np.where(np.isfinite(scale), scale, np.inf)
    error = np.abs(value - floats(exact))
    assert np.all(error <= ROUNDING * scale + 1e-300), (what, form, value, exact, scale)
    return scale


def precise(form, model):
    return evaluate(form, model.arrays, model.sizes, precision=DIGITS)


def moved(model, name, direction, step):
    return {**model.arrays, name: model.arrays[name] + step * direction}


def check_value(model):
    """The expression has the value of the NumPy function it was made with."""
    expected = model.reference(model.arrays)
    value, scale = evaluate_with_scale(model.expr, model.arrays, model.sizes)
    assert abs(value - expected) <= 1e-11 * scale, (value, expected)
    assert abs(float(precise(model.expr, model)[()]) - expected) <= 1e-11 * scale


@mpmath.workdps(DIGITS)
def check_first_order(model, rng):
    """Forward mode, reverse mode, closed form, differences, complex step and rounding, for every variable."""
    far_from_kinks(model)
    loss = as_scalar(model.expr, "test")
    symbols, _ = variables_of(list(model.variables), [loss], "test")
    reverse = adjoints(loss, symbols)
    closed = sd.grad(model.expr, list(model.variables))
    for variable, symbol, by_reverse, by_formula in zip(model.variables, symbols, reverse, closed, strict=True):
        name = name_of(variable)
        exact = precise(by_reverse, model)
        assume(np.all(np.abs(floats(exact)) < 1e6))
        scale = assert_rounded(by_reverse, exact, model, f"reverse mode, {name}")
        assert_rounded(by_formula, exact, model, f"closed form, {name}")
        forms = {"forward mode": jacobian_forward(loss, symbol), "closed form": by_formula}
        for what, form in forms.items():
            found, wanted, terms = (in_space(symbol, value) for value in (precise(form, model), exact, scale))
            assert_equal_exactly(found, wanted, terms, f"{what}, {name}: {form}")
        direction = np.round(rng.standard_normal(model.arrays[name].shape), 3)
        if structured(symbol):  # an element and its mirror image are one: which of them is read is not defined
            direction = tangent(symbol, model.arrays[name], rng)
            if direction is None:
                continue
        slope = floats(exact.ravel() @ direction.ravel())
        witness = floats(difference(model.expr, name, model.arrays, model.sizes, direction)[()])
        size = 1 + float(np.sum(scale * np.abs(direction)))
        assert abs(slope - witness) <= 1e-13 * size, (f"differences, {name}", slope, witness)
        if model.analytic:
            step = model.reference(moved(model, name, direction, 1j * COMPLEX_STEP)).imag / COMPLEX_STEP
            assert abs(slope - step) <= 1e-11 * size, (f"complex step, {name}", slope, step)


@mpmath.workdps(DIGITS)
def check_second_order(model, rng, place=0):
    """The Hessian is the Jacobian of the gradient and symmetric; products with it and differences agree.

    For a variable with structure, along directions that keep it: simplification may use what was declared.
    """
    far_from_kinks(model)
    loss = as_scalar(model.expr, "test")
    variable = model.variables[place % len(model.variables)]
    [symbol], _ = variables_of([variable], [loss], "test")
    name = name_of(variable)
    array = model.arrays[name]
    u, v = (tangent(symbol, array, rng) for _ in range(2))
    assume(u is not None)
    order = array.ndim
    [gradient] = adjoints(loss, [symbol])
    exact = precise(jacobian_forward(gradient, symbol), model)
    assume(np.all(np.abs(floats(exact)) < 1e6))
    hessian = sd.hessian(model.expr, variable)
    value, scale = evaluate_with_scale(hessian, model.arrays, model.sizes)
    scale = np.where(np.isfinite(scale), scale, np.inf)
    found = precise(hessian, model)
    size = 1 + 4 * float(np.sum(scale))
    product = along(exact, v)
    assert_equal_exactly(along(found, v), product, np.full(array.shape, size), f"hessian, {name}: {hessian}")
    assert abs(np.sum(product * exactly(u)) - np.sum(along(exact, u) * exactly(v))) <= EXACT * size * 10, "symmetry"
    if not structured(symbol):
        assert_rounded(hessian, exact, model, f"hessian, {name}")
        assert_equal_exactly(found, exact, scale, f"hessian, {name}: {hessian}")
        mirrored = np.transpose(exact, (*range(order, 2 * order), *range(order)))
        assert_equal_exactly(mirrored, exact, np.full(exact.shape, size), "symmetry")
    vector = TensorSymbol("direction", getattr(symbol, "shape", ()))
    arrays = {**model.arrays, "direction": v}
    closed = sd.grad(model.expr, variable)
    forms = {
        "hvp": sd.hvp(model.expr, variable, vector),
        "forward over reverse": pushforward(gradient, {symbol: vector}),
    }
    if symbol in closed.free_symbols and not structured(symbol):  # a constant gradient cannot be derived
        forms["reverse over reverse"] = sd.grad(sd.sum(sd.hadamard(closed, vector)), variable)
    for what, form in forms.items():
        value = evaluate(form, arrays, model.sizes)
        assert np.all(np.abs(value - floats(product)) <= 1e-11 * size), (what, form, value, product)
    witness = difference(closed, name, model.arrays, model.sizes, v)
    assert np.all(np.abs(floats(witness - product)) <= 1e-12 * size), ("differences of the gradient", witness, product)


def structured(symbol):
    facts = getattr(symbol, "properties", frozenset())
    return bool(facts & {"symmetric", "diagonal", "simplex", "orthogonal", "one_hot"})


def in_space(symbol, gradient):
    """Return what a gradient says of a symmetric or diagonal variable.

    An element and its mirror image are one, read as either; beside the diagonal there is nothing to move.
    """
    facts = getattr(symbol, "properties", frozenset())
    if "diagonal" in facts:
        return gradient * np.eye(len(gradient), dtype=int)
    return gradient + gradient.T if "symmetric" in facts else gradient


def exactly(array):
    return np.asarray(exact_array(array), dtype=object)


def along(hessian, direction):
    """Return the product of a Hessian with a direction, exactly."""
    axes = tuple(range(direction.ndim, 2 * direction.ndim))
    return np.sum(hessian * exactly(direction), axis=axes)
