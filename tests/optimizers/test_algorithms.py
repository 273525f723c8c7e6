"""Optimizers: their equations give the same path as recursions written by hand, and the end points of the catalogue."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest

import symdl as sd
from symdl.optimizers import OPTIMIZERS, schedules
from tests.katex import katex_error
from tests.optimizers.recursions import RECURSIONS, rosenbrock


def rosenbrock_model(start):
    theta = sd.vector("theta", 2, latex=r"\theta")
    loss = (1 - theta[0]) ** 2 + 100 * (theta[1] - theta[0] ** 2) ** 2
    return sd.Model(loss=loss, parameters=[theta], init={theta: np.array(start)})


def path_end(optimizer, start, steps, target="cpu"):
    model = rosenbrock_model(start)
    sd.fit(model, optimizer=optimizer, epochs=steps, dtype="float64", target=target)
    return model.values["theta"]


def test_every_optimizer_has_a_recursion():
    assert set(RECURSIONS) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_path_is_that_of_the_recursion(name):
    optimizer = OPTIMIZERS[name](alpha=1e-3)
    numbers = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer) if f.name != "alpha"}
    expected = RECURSIONS[name](np.array([0.4, -0.2]), rosenbrock, 200, lambda t: 1e-3, **numbers)
    np.testing.assert_allclose(path_end(optimizer, [0.4, -0.2], 200), expected, rtol=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_path_with_a_schedule(name):
    decay = schedules.ExponentialDecay(2e-3, 0.97)
    optimizer = OPTIMIZERS[name](alpha=decay)
    numbers = {f.name: getattr(optimizer, f.name) for f in dataclasses.fields(optimizer) if f.name != "alpha"}
    expected = RECURSIONS[name](np.array([0.4, -0.2]), rosenbrock, 60, lambda t: 2e-3 * 0.97**t, **numbers)
    np.testing.assert_allclose(path_end(optimizer, [0.4, -0.2], 60, "numpy"), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("beta", "end"), [(0.9, (0.995138, 0.990280)), (0.5, (0.833855, 0.694581)), (0.0, (0.704409, 0.494795))]
)
def test_momentum_on_rosenbrock(beta, end):
    """Catalogue, entry 4.3-momentum."""
    found = path_end(sd.optimizers.Momentum(alpha=0.001 / (1 - beta), beta=beta), [0.4, -0.2], 1000)
    np.testing.assert_allclose(found, end, atol=2e-6)


@pytest.mark.parametrize(
    ("alpha", "end", "tolerance"),
    [
        (schedules.ExponentialDecay(0.005, 0.99), (0.535909, 0.284878), 2e-6),
        (schedules.ExponentialDecay(0.0025, 0.99), (0.400439, 0.157419), 2e-6),
    ],
)
def test_gradient_descent_on_rosenbrock(alpha, end, tolerance):
    """Catalogue, entry 4.1-gd, 10⁵ steps."""
    np.testing.assert_allclose(
        path_end(sd.optimizers.GradientDescent(alpha=alpha), [0.2, -0.2], 100_000), end, atol=tolerance
    )


def test_gradient_descent_with_a_fixed_rate_ends_in_a_cycle_of_two_points():
    """Catalogue, entry 4.1-gd: rounding decides which of the two points comes after 10⁵ steps."""
    found = path_end(sd.optimizers.GradientDescent(alpha=0.005), [0.2, -0.2], 100_000)
    other = found - 0.005 * rosenbrock(found)
    np.testing.assert_allclose(other - 0.005 * rosenbrock(other), found, atol=1e-9)
    nearest = min(found, other, key=lambda point: abs(point[0] - 0.534193))
    np.testing.assert_allclose(nearest, (0.534193, 0.214651), atol=1e-5)


def test_first_step_of_adam_is_the_sign_of_the_gradient():
    theta = np.array([0.4, -0.2])
    g = rosenbrock(theta)
    found = path_end(sd.optimizers.Adam(alpha=0.01), theta, 1)
    np.testing.assert_allclose(found, theta - 0.01 * g / (np.abs(g) + 1e-8), rtol=1e-14)


def test_stochastic_gradient_descent_finds_the_mean_of_the_toy_losses():
    """Catalogue, entry 4.2-sgd: minimiser (22/12, 7/5)."""
    theta, u, a = sd.vector("theta", 2), sd.vector("u", 2), sd.scalar("a")
    model = sd.Model(loss=a * (theta[0] - u[0]) ** 2 + (theta[1] - u[1]) ** 2, parameters=[theta], inputs=[u, a])
    data = {"u": [[1, 1], [2, 0], [3, 1], [2, 3], [1, 2]], "a": [1, 2, 3, 2, 4]}
    optimizer = sd.optimizers.SGD(alpha=schedules.ExponentialDecay(0.1, 0.998))
    sd.fit(model, data, optimizer=optimizer, epochs=1500, batch_size=1, dtype="float64")
    np.testing.assert_allclose(model.values["theta"], [22 / 12, 7 / 5], atol=0.02)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_prints_as_an_algorithm(name):
    text = OPTIMIZERS[name]().latex()
    assert text.count(r"\leftarrow") >= 2
    assert katex_error(text) is None
    assert "optimizer" not in text


def test_adam_prints_as_in_the_book():
    text = sd.optimizers.Adam().latex()
    for line in (
        r"g &\leftarrow \nabla C\left(\theta\right)",
        r"\hat{v} &\leftarrow \frac{v}{1 - \beta^{t + 1}}",
        r"\hat{s} &\leftarrow \frac{s}{1 - \gamma^{t + 1}}",
    ):
        assert line in text
    assert r"\left(\theta - \alpha \beta v\right)" in sd.optimizers.Nesterov().latex()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sd.optimizers.Adam(alpha=0), "Adam: alpha must be a number above 0, found 0"),
        (lambda: sd.optimizers.Adam(alpha="fast"), "Adam: alpha must be a number above 0 or a schedule, found 'fast'"),
        (lambda: sd.optimizers.Momentum(beta=1.0), r"Momentum: beta must be a number in \[0, 1\), found 1.0"),
        (lambda: sd.optimizers.AdamW(weight_decay=-1), "AdamW: weight_decay must be a number of at least 0, found -1"),
        (lambda: schedules.Cosine(0.1, 0), "Cosine: steps must be a number above 0, found 0"),
        (lambda: schedules.Warmup(0.1, 5), r"Warmup: expected a schedule such as Constant\(0.01\), found 0.1"),
    ],
)
def test_bad_numbers(make, message):
    with pytest.raises(sd.errors.InputError, match=message):
        make()


def test_names_that_other_libraries_have():
    message = (
        "Adam: there is no argument 'lr'; expected some of alpha, beta, gamma, epsilon, of which alpha is the learn"
    )
    with pytest.raises(TypeError, match=message) as found:
        sd.optimizers.Adam(lr=0.1)
    assert isinstance(found.value, sd.errors.SymdlError)
    for name in OPTIMIZERS:
        with pytest.raises(
            TypeError, match=f"{name}: there is no argument 'learning_rate'.* alpha is the learning rate"
        ):
            OPTIMIZERS[name](learning_rate=0.1)
    adam = sd.optimizers.Adam(0.1, gamma=0.9)
    assert copy.deepcopy(adam) == pickle.loads(pickle.dumps(adam)) == adam


def test_schedule_that_goes_wrong():
    with pytest.raises(sd.errors.InputError, match="alpha: the schedule gives values that are negative or not finite"):
        path_end(sd.optimizers.SGD(alpha=lambda t: 1.0 - t), [0.4, -0.2], 3, "numpy")


def test_schedules():
    assert schedules.Constant(0.1)(7) == 0.1
    assert schedules.StepDecay(1.0, every=10, gamma=0.5)(25) == 0.25
    cosine = schedules.Cosine(1.0, 100, end=0.1)
    np.testing.assert_allclose([cosine(0), cosine(50), cosine(100), cosine(1000)], [1.0, 0.55, 0.1, 0.1])
    warm = schedules.Warmup(schedules.Constant(2.0), 4)
    np.testing.assert_allclose([warm(t) for t in range(5)], [0.5, 1.0, 1.5, 2.0, 2.0])
    for schedule in (cosine, warm):
        assert katex_error(schedule._repr_latex_().strip("$")) is None
