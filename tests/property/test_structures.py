"""Random models that hold each structure: values, kernels, printing, derivatives of first and second order."""

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.calculus import adjoints
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import Tensor
from symdl.interpret import evaluate, evaluate_with_scale
from symdl.testing import IN_A_STEP, STRUCTURES, models, structure_models
from tests.katex import katex_error
from tests.property.witness import assert_equal_exactly, check_first_order, check_second_order, check_value, precise
from tests.structures.checks import compiled

SMALL = 12  # entries of a variable whose Hessian is taken
WITH_RECURRENCES = [("in a step", name) for name in IN_A_STEP] + [("after a recurrence", name) for name in STRUCTURES]
seeds = st.integers(0, 2**16)


def each(check, strategy, examples, *more):
    """Run a check on models of a strategy."""
    settings(max_examples=examples)(given(strategy, *more)(check))()


def first_order(model, seed):
    check_first_order(model, np.random.default_rng(seed))


def second_order(model, seed):
    place = next((k for k, variable in enumerate(model.variables) if size_of(model, variable) <= SMALL), None)
    assume(place is not None)
    check_second_order(model, np.random.default_rng(seed), place)


def size_of(model, variable):
    return np.size(model.arrays[variable.name])


def with_gradients(model):
    """Return the model's value and its gradients."""
    return [as_scalar(model.expr, "test"), *sd.grad(model.expr, list(model.variables))]


def kernels(model):
    """Values and gradients compiled for NumPy are those of the interpreter, to 1e-11 of the sum of absolute terms."""
    agree(model, "numpy")


def native_kernels(model):
    agree(model, "cpu")


def agree(model, target):
    values = with_gradients(model)
    found = compiled(values, model.arrays, model.sizes, target)
    for value, result in zip(values, found, strict=True):
        expected, scale = evaluate_with_scale(value, model.arrays, model.sizes)
        assume(np.all(np.isfinite(scale)) and np.all(scale < 1e6))
        assert result.shape == expected.shape
        assert np.all(np.abs(result - expected) <= 1e-11 * (scale + 1e-3)), (target, value, result, expected)


def printing(model):
    """Whatever is derived is printed as KaTeX reads it, in both notations."""
    for value in with_gradients(model):
        for notation in ("matrix", "index"):
            text = sd.latex(value, notation=notation)
            assert katex_error(text) is None, (katex_error(text), text)


@mpmath.workdps(50)
def stopping(model):
    """A stopped value is derived as an input of that value is, to second order."""
    loss = as_scalar(model.expr, "test")
    held = sd.scalar("held")
    stopped, given_value = (value * loss + sd.sin(value) + sd.exp(-loss) * value
                            for value in (sd.stop_gradient(loss), held))  # fmt: skip
    [variable, *_] = model.variables
    symbols = [symbol for symbol in loss.free_symbols if isinstance(symbol, Tensor) and symbol.name == variable.name]
    number = evaluate(loss, model.arrays, model.sizes, precision=60)[()]
    ends = []
    for value in (stopped, given_value):
        [gradient] = adjoints(as_scalar(value, "test"), symbols)
        ends.append([gradient, sd.grad(value, variable)])
    arrays = {**model.arrays, "held": number}
    for ours, theirs in zip(*ends, strict=True):
        _, scale = evaluate_with_scale(ours, model.arrays, model.sizes)
        assert_equal_exactly(
            precise(ours, model), evaluate(theirs, arrays, model.sizes, precision=50), scale, "stopped"
        )


@pytest.mark.parametrize("name", STRUCTURES)
def test_values(name):
    each(check_value, structure_models(name), 5)


@pytest.mark.parametrize("place", ["in a step", "after a recurrence"])
def test_values_with_recurrences(place):
    each(check_value, structure_models(place=place), 8)


def test_first_order():
    each(first_order, structure_models(), 8, seeds)


def test_second_order():
    each(second_order, structure_models(steps=1), 3, seeds)


def test_kernels():
    each(kernels, structure_models(), 5)
    each(native_kernels, structure_models(), 1)


def test_printing():
    each(printing, structure_models(), 5)


def test_what_is_stopped():
    each(stopping, models(), 4)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_first_order_of_each(name):
    each(first_order, structure_models(name), 30, seeds)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_second_order_of_each(name):
    each(second_order, structure_models(name, steps=1), 8, seeds)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRUCTURES)
def test_kernels_of_each(name):
    each(kernels, structure_models(name), 10)
    each(native_kernels, structure_models(name), 2)
    each(printing, structure_models(name), 10)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), WITH_RECURRENCES)
def test_first_order_with_recurrences(place, name):
    each(first_order, structure_models(name, place=place), 5, seeds)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), WITH_RECURRENCES)
def test_second_order_with_recurrences(place, name):
    each(second_order, structure_models(name, steps=0, place=place), 2, seeds)


@pytest.mark.slow
@pytest.mark.parametrize(("place", "name"), WITH_RECURRENCES)
def test_kernels_with_recurrences(place, name):
    each(kernels, structure_models(name, place=place), 3)
    each(native_kernels, structure_models(name, place=place), 1)
    each(printing, structure_models(name, place=place), 3)
