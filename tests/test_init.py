"""Initial values: their distributions, and that they depend on nothing but seed and name."""

import numpy as np
import pytest

import symdl as sd
from symdl import init

SHAPE = (400, 300)
RANDOM = [
    (init.glorot_uniform, 2 / 700, True),
    (init.glorot_normal, 2 / 700, False),
    (init.he_uniform, 2 / 300, True),
    (init.he_normal, 2 / 300, False),
    (init.lecun_uniform, 1 / 300, True),
    (init.lecun_normal, 1 / 300, False),
]


@pytest.mark.parametrize(("make", "variance", "flat"), RANDOM)
def test_variance(make, variance, flat):
    drawn = make()(SHAPE, init.generator(0, "W"))
    assert drawn.shape == SHAPE
    assert drawn.var() == pytest.approx(variance, rel=0.02)
    assert abs(drawn.mean()) < 0.02 * np.sqrt(variance)
    assert (np.abs(drawn).max() <= np.sqrt(3 * variance)) == flat


def test_fans_of_kernels():
    assert init.fans((8, 4, 3, 3)) == (36, 72)
    assert init.fans((5,)) == (1, 5)
    assert init.fans(()) == (1, 1)


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 2, 3)])
def test_orthogonal(shape):
    q = init.orthogonal(2.0)(shape, init.generator(0, "W")).reshape(shape[0], -1)
    product = q @ q.T if q.shape[0] <= q.shape[1] else q.T @ q
    np.testing.assert_allclose(product, 4 * np.eye(len(product)), atol=1e-12)


def test_fixed_values():
    random = init.generator(0, "W")
    assert (init.zeros()((2, 3), random) == 0).all()
    assert (init.constant(1.5)((2,), random) == 1.5).all()
    drawn = init.uniform(2, 3)((1000,), random)
    assert drawn.min() >= 2
    assert drawn.max() < 3
    assert init.normal(5, 0.1)((1000,), random).mean() == pytest.approx(5, abs=0.02)


def test_a_parameter_depends_on_the_seed_and_its_name_only():
    u, v, w, x = sd.matrix("U", 3, 3), sd.matrix("V", 3, 3), sd.matrix("W", 3, 3), sd.vector("x", 3)

    def values(parameters, seed=0):
        loss = sum(sd.sum(parameter @ x) for parameter in parameters)
        return sd.Model(loss=loss, parameters=parameters, inputs=[x], seed=seed).values

    np.testing.assert_array_equal(values([u, v])["V"], values([w, v, u])["V"])
    assert not np.array_equal(values([u, v])["V"], values([u, v], seed=1)["V"])
    assert not np.array_equal(values([u, v])["V"], values([u, v])["U"])


def test_defaults_and_choices():
    W, b, c, x = sd.matrix("W", 40, 30), sd.vector("b", 40), sd.scalar("c"), sd.vector("x", 30)
    loss = sd.sum(W @ x + b) * c
    model = sd.Model(loss=loss, parameters=[W, b, c], inputs=[x])
    assert np.abs(model.values["W"]).max() <= np.sqrt(6 / 70)
    assert (model.values["b"] == 0).all()
    assert model.values["c"].shape == ()
    chosen = {W: init.he_normal(), "b": np.arange(40), c: 3}
    model = sd.Model(loss=loss, parameters=[W, b, c], inputs=[x], init=chosen)
    np.testing.assert_array_equal(model.values["W"], init.he_normal()((40, 30), init.generator(0, "W")))
    assert model.values["b"][7] == 7
    assert model.values["c"] == 3


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: init.uniform(1, 0), "uniform: expected low < high, found 1 and 0"),
        (lambda: init.normal(0, -1), "normal: expected std of at least 0, found -1"),
        (lambda: init.orthogonal()((3,), init.generator(0, "b")), r"orthogonal: expected a matrix, found shape \(3,\)"),
        (lambda: init.generator(-1, "b"), "seed: expected an integer of at least 0, found -1"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(sd.errors.InputError, match=message):
        make()
