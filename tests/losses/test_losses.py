"""Losses: their values and derivatives against formulas by hand, for tensors and for scalars."""

import numpy as np
import pytest

import symdl as sd
from symdl.losses import LOSSES

R = np.array([-1.7, -0.4, 0.3, 2.5])
P = np.array([0.1, 0.3, 0.2, 0.4])
BY_HAND = {  # value and derivative with respect to the second argument, element by element, of (y, u)
    "squared": (lambda y, u: (u - y) ** 2, lambda y, u: 2 * (u - y)),
    "absolute": (lambda y, u: np.abs(u - y), lambda y, u: np.sign(u - y)),
    "huber": (
        lambda y, u: np.where(np.abs(u - y) <= 1, (u - y) ** 2 / 2, np.abs(u - y) - 0.5),
        lambda y, u: np.clip(u - y, -1, 1),
    ),
    "log_cosh": (lambda y, u: np.log(np.cosh(u - y)), lambda y, u: np.tanh(u - y)),
    "quantile": (lambda y, u: np.abs(y - u) / 2, lambda y, u: -np.sign(y - u) / 2),
    "binary_cross_entropy": (
        lambda y, u: -(y * np.log(u) + (1 - y) * np.log(1 - u)),
        lambda y, u: (u - y) / (u * (1 - u)),
    ),
    "binary_cross_entropy_logits": (lambda y, u: np.log1p(np.exp(u)) - y * u, lambda y, u: 1 / (1 + np.exp(-u)) - y),
    "cross_entropy": (lambda y, u: -y * np.log(u), lambda y, u: -y / u),
    "cross_entropy_logits": (None, None),
    "hinge": (lambda y, u: np.maximum(0, 1 - y * u), lambda y, u: -y * (y * u < 1)),
    "exponential": (lambda y, u: np.exp(-y * u), lambda y, u: -y * np.exp(-y * u)),
    "logistic": (lambda y, u: np.log1p(np.exp(-y * u)), lambda y, u: -y / (1 + np.exp(y * u))),
}
FROM_PROBABILITY = ("binary_cross_entropy", "cross_entropy")
y, u, a, b = sd.vector("y", 4), sd.vector("u", 4), sd.scalar("a"), sd.scalar("b")


def test_every_loss_has_a_formula():
    assert set(BY_HAND) == set(LOSSES)


def arguments(name):
    labels = np.array([1.0, -1.0, 1.0, 1.0]) if name in ("hinge", "exponential", "logistic") else P
    return labels, P[::-1] if name in FROM_PROBABILITY else R


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "cross_entropy_logits"])
def test_value_and_derivative(name):
    value, derivative = BY_HAND[name]
    labels, points = arguments(name)
    loss = LOSSES[name](y, u)
    found = sd.compile([loss, sd.grad(loss, u)], target="numpy")(y=labels, u=points)
    np.testing.assert_allclose(found[0], value(labels, points).sum(), rtol=1e-13)
    np.testing.assert_allclose(found[1], derivative(labels, points), rtol=1e-13)


@pytest.mark.parametrize("name", [name for name in LOSSES if not name.startswith("cross_entropy")])
def test_scalars(name):
    value, derivative = BY_HAND[name]
    labels, points = arguments(name)
    loss = LOSSES[name](a, b)
    compiled = sd.compile([loss, sd.grad(loss, b)], target="numpy")
    for label, point in zip(labels, points, strict=True):
        np.testing.assert_allclose(
            compiled(a=label, b=point), (value(label, point), derivative(label, point)), rtol=1e-13
        )


def test_cross_entropy_of_logits_is_that_of_the_softmax():
    from_logits, from_softmax = sd.losses.cross_entropy_logits(y, u), sd.losses.cross_entropy(y, sd.softmax(u))
    first, second = sd.compile([from_logits, from_softmax], target="numpy")(y=P, u=R)
    np.testing.assert_allclose(first, second, rtol=1e-13)
    gradient = sd.compile(sd.grad(from_logits, u), target="numpy")(y=P, u=R)
    np.testing.assert_allclose(gradient, np.exp(R) / np.exp(R).sum() - P, rtol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", ["binary_cross_entropy_logits", "cross_entropy_logits", "log_cosh", "logistic", "huber"]
)
def test_finite_for_large_arguments(name, dtype):
    loss = LOSSES[name](y, u)
    compiled = sd.compile([loss, sd.grad(loss, u)], target="numpy", dtype=dtype)
    value, gradient = compiled(y=[1, 0, 0, 0], u=[-200, 200, 90, 0])
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_quantile_and_huber_take_their_parameter():
    loss = sd.compile([sd.losses.quantile(a, b, tau=0.9), sd.losses.huber(a, b, delta=0.5)], target="numpy")
    np.testing.assert_allclose(loss(a=2.0, b=0.0), (1.8, 0.875), rtol=1e-14)
    with pytest.raises(sd.errors.InputError, match=r"quantile: tau must be in \(0, 1\), found 1"):
        sd.losses.quantile(a, b, tau=1)
    with pytest.raises(sd.errors.InputError, match="huber: delta must be above 0, found 0"):
        sd.losses.huber(a, b, delta=0)


def test_shapes_must_fit():
    with pytest.raises(sd.errors.ShapeError):
        sd.losses.squared(y, sd.vector("v", 3))
