"""Random draws: identity, equality on every backend, distributions, independence; dropout; modes; stopped gradients."""

import itertools

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.expr.batch import batched
from symdl.expr.random import SAMPLE, Uniform, stream_number
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, compiled

n, m = sd.dims("n m")
AT = {"seed": 3, "step": 7}


def draws(*identity):
    return Uniform.reference(*identity)


@pytest.mark.parametrize(
    "value", [sd.random.uniform((n, m), stream="a"), sd.random.normal((n, m), stream="b")], ids=str
)
def test_the_same_draws_everywhere(value):
    sizes = {n: 9, m: 4}
    found = {
        (target, dtype): compiled(value, AT, sizes, target, dtype=dtype)
        for target, dtype in itertools.product(("numpy", "cpu"), ("float32", "float64"))
    }
    exact = np.array(evaluate(value, AT, sizes, precision=30), dtype=float)
    np.testing.assert_allclose(evaluate(value, AT, sizes), exact, rtol=1e-13)
    for (_, dtype), result in found.items():
        np.testing.assert_allclose(result, exact, rtol=1e-13 if dtype == "float64" else 2e-5, atol=1e-6)
    uniform = sd.random.uniform((n, m), stream="a")
    if value == uniform:
        assert all(np.array_equal(result, exact) for result in found.values())


def test_identity():
    a, b = sd.random.uniform(n), sd.random.uniform(n)
    assert a != b
    assert sd.random.uniform(n, stream="x") == sd.random.uniform(n, stream="x")
    assert sd.random.uniform(n, stream="x") != sd.random.uniform(n, stream="y")
    assert stream_number("x") == stream_number("x") != stream_number("y")
    size = {n: 1000}
    base = evaluate(a, AT, size)
    for other in (evaluate(b, AT, size), evaluate(a, AT | {"seed": 4}, size), evaluate(a, AT | {"step": 8}, size)):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.1
        assert not np.any(base == other)
    assert np.array_equal(evaluate(a, AT, {n: 10}), base[:10])  # a draw does not depend on sizes


def test_samples_differ_unless_they_share():
    x = sd.vector("x", m)
    own, same = sd.random.normal(m, stream="own"), sd.random.normal(m, stream="same", shared=True)
    [y, z] = batched([x + own, x + same], [x], n)
    arrays = AT | {"x": np.zeros((5, 3))}
    differ, equal = evaluate(y, arrays), evaluate(z, arrays)
    assert len(np.unique(differ)) == 15
    assert np.array_equal(equal, np.tile(equal[0], (5, 1)))
    assert np.array_equal(differ[0], evaluate(x + own, arrays | {"x": np.zeros(3)}))
    [only] = batched([own], [x], n)
    assert np.array_equal(evaluate(only, AT, {n: 5, m: 3}), differ)


def test_a_datum_can_number_the_samples():
    """Draws then do not depend on how samples are put into batches."""
    x = sd.vector("x", m)
    [y] = batched([x + sd.random.normal(m)], [x, SAMPLE], n)
    order = np.array([4, 0, 3])
    whole = evaluate(y, AT | {"x": np.zeros((5, 3)), "sample.number": np.arange(5)})
    part = compiled(y, AT | {"x": np.zeros((3, 3)), "sample.number": order})
    np.testing.assert_allclose(part, whole[order], rtol=1e-13)


def chi_square(counts):
    """Return the statistic in standard deviations from its mean."""
    expected, freedom = counts.sum() / counts.size, counts.size - 1
    return (np.sum((counts - expected) ** 2) / expected - freedom) / np.sqrt(2 * freedom)


COUNT = 2**18
VARIED = {
    "seed": lambda k: (k, 0, 1, 0, 0, 0),
    "step": lambda k: (0, k, 1, 0, 0, 0),
    "stream": lambda k: (0, 0, k, 0, 0, 0),
    "sample": lambda k: (0, 0, 1, k, 0, 0),
    "element": lambda k: (0, 0, 1, 0, 0, k),
    "rows": lambda k: (0, 0, 1, 0, k // 64, k % 64),
    "stride": lambda k: (5, 2, 1, 0, 0, 4096 * k),
}


@pytest.mark.parametrize("varied", VARIED)
def test_draws_are_uniform_and_independent(varied):
    u = draws(*VARIED[varied](np.arange(COUNT)))
    assert 0 < u.min() < u.max() < 1
    assert abs(chi_square(np.bincount((u * 256).astype(int), minlength=256))) < 5
    pairs = (u[:-1:2] * 32).astype(int) * 32 + (u[1::2] * 32).astype(int)
    assert abs(chi_square(np.bincount(pairs, minlength=1024))) < 5
    low = (u * 2**23).astype(int) % 256
    assert abs(chi_square(np.bincount(low, minlength=256))) < 5
    for lag in (1, 2, 3, 64):
        assert abs(np.corrcoef(u[:-lag], u[lag:])[0, 1]) < 5 / np.sqrt(COUNT)


@pytest.mark.parametrize("position", range(6))
def test_neighbouring_identities_have_independent_draws(position):
    k = np.arange(COUNT)
    base = [1, 2, 3, 4, 5, 6]
    base[5 if position != 5 else 4] = k
    other = list(base)
    other[position] = other[position] + 1
    u, v = draws(*base), draws(*other)
    pairs = (u * 32).astype(int) * 32 + (v * 32).astype(int)
    assert abs(chi_square(np.bincount(pairs, minlength=1024))) < 5


def test_every_bit_matters():
    rng = np.random.default_rng(0)
    base = [rng.integers(0, 2**31, 20_000) for _ in range(5)]
    plain = (draws(*base) * 2**23).astype(int)
    for position, bit in itertools.product(range(5), range(0, 31, 3)):
        moved = [value ^ (1 << bit) if k == position else value for k, value in enumerate(base)]
        changed = plain ^ (draws(*moved) * 2**23).astype(int)
        share = [np.mean(changed >> place & 1) for place in range(23)]
        assert np.max(np.abs(np.array(share) - 0.5)) < 0.03


def test_moments():
    z = evaluate(sd.random.normal(n, stream="z"), AT, {n: 200_000})
    np.testing.assert_allclose([z.mean(), z.var(), (z**3).mean(), (z**4).mean()], [0, 1, 0, 3], atol=0.05)
    g = evaluate(sd.random.gumbel(n, stream="g"), AT, {n: 200_000})
    np.testing.assert_allclose([g.mean(), g.var()], [np.euler_gamma, np.pi**2 / 6], atol=0.02)
    b = evaluate(sd.random.bernoulli(0.3, n, stream="b"), AT, {n: 200_000})
    assert set(np.unique(b)) == {0, 1}
    assert abs(b.mean() - 0.3) < 0.005


def test_categorical():
    p = np.array([0.1, 0.2, 0.3, 0.4])
    logits = sd.matrix("logits", n, 4)
    arrays = AT | {"logits": np.tile(np.log(p), (50_000, 1))}
    drawn = evaluate(sd.random.categorical(logits, axis=1, stream="c"), arrays)
    np.testing.assert_allclose(np.bincount(drawn.astype(int)) / 50_000, p, atol=0.01)
    rows = evaluate(sd.random.categorical(logits, axis=1, stream="c", one_hot=True), arrays)
    assert np.array_equal(rows, np.eye(4)[drawn.astype(int)])
    assert np.array_equal(compiled(sd.random.categorical(logits, axis=1, stream="c"), arrays), drawn)


def test_reparametrisation():
    """8.1-reparam: the gradient with respect to mean and scale goes through the draw."""
    mu, s = sd.vector("mu", n), sd.vector("s", n, positive=True)
    z = sd.random.normal(n, mu, s, stream="z")
    arrays = AT | {"mu": np.array([0.5, -1.0, 2.0]), "s": np.array([1.0, 2.0, 0.5])}
    by_mu, by_s = check_gradient(sd.sum(sd.sin(z)), mu, s, arrays=arrays)
    noise = (evaluate(z, arrays) - arrays["mu"]) / arrays["s"]
    slope = np.cos(arrays["mu"] + arrays["s"] * noise)
    np.testing.assert_allclose(evaluate(by_mu, arrays), slope, rtol=1e-12)
    np.testing.assert_allclose(evaluate(by_s, arrays), slope * noise, rtol=1e-12)


def test_dropout():
    x = sd.vector("x", n)
    y = sd.dropout(x, 0.25, stream="d")
    arrays = AT | {"x": np.arange(1.0, 10_001)}
    value = evaluate(y, arrays)
    kept = value != 0
    assert abs(kept.mean() - 0.75) < 0.02
    np.testing.assert_allclose(value[kept], arrays["x"][kept] / 0.75)
    f = sd.sum(sd.square(y))
    gradient = check_gradient(f, x, arrays=AT | {"x": np.arange(1.0, 20)})[0]
    small = AT | {"x": np.arange(1.0, 20)}
    same = evaluate(y, small) != 0  # one mask, forward and backward
    np.testing.assert_allclose(evaluate(gradient, small), np.where(same, 2 * small["x"] / 0.75**2, 0))
    assert sd.in_mode(y, "predict") == x
    assert str(sd.in_mode(gradient, "predict")) == "{2*x[i0] : i0<n}"
    assert sd.dropout(x, 0) == x
    assert sd.dropout(x) != sd.dropout(x)


def test_two_dropouts_never_merge():
    x = sd.vector("x", n)
    f = evaluate(sd.dropout(x) - sd.dropout(x), AT | {"x": np.ones(100)})
    assert set(np.unique(f)) == {-2, 0, 2}


def test_modes():
    x, running = sd.vector("x", n), sd.vector("running", n)
    y = sd.by_mode(x - 1, x - running)
    assert sd.compile(y).inputs == ("x",)  # what only the other mode needs is not asked for
    assert sd.in_mode(y, "predict") == x - running
    assert sd.in_mode([y, sd.sum(x)], "train") == [x - 1, sd.sum(x)]
    assert sd.in_mode(sd.sum(y), "train") == sd.sum(x - 1)
    check_gradient(sd.sum(sd.sin(y)), x, arrays={"x": np.arange(3.0), "running": np.ones(3)})
    with pytest.raises(ExpressionError, match="unknown mode 'test'; expected one of train, predict"):
        sd.in_mode(y, "test")


def test_stop_gradient():
    x, w = sd.vector("x", n), sd.vector("w", n)
    f = sd.sum(sd.hadamard(sd.stop_gradient(sd.exp(x)), sd.sin(x)))
    arrays = {"x": np.arange(3.0), "w": np.ones(3)}
    for target in ("numpy", "cpu"):
        np.testing.assert_allclose(
            compiled(sd.grad(f, x), arrays, target=target), np.exp([0, 1, 2]) * np.cos([0, 1, 2])
        )
        np.testing.assert_allclose(compiled(f, arrays, target=target), np.sum(np.exp([0, 1, 2]) * np.sin([0, 1, 2])))
    tangent = sd.jvp(f, {x: w})
    np.testing.assert_allclose(evaluate(tangent, arrays), np.sum(np.exp([0, 1, 2]) * np.cos([0, 1, 2])))
    assert sd.stop_gradient(x) != x
    assert str(sd.stop_gradient(x)) == "{stop_gradient(x[i0]) : i0<n}"
    assert sd.latex(sd.stop_gradient(x)) == r"\operatorname{sg}\left(x\right)"


def test_semi_gradient_catalogue_8_4_dqn():
    """-2 (target - Q) ∇Q, the target being no function of θ."""
    s, after, theta = sd.vector("s", m), sd.vector("after", m), sd.vector("theta", m)
    r, gamma = sd.scalar("r"), sd.scalar("gamma")
    target = sd.stop_gradient(r + gamma * (theta.T @ after))
    gradient = sd.grad((target - theta.T @ s) ** 2, theta)
    rng = np.random.default_rng(0)
    a = {"s": rng.normal(size=3), "after": rng.normal(size=3), "theta": rng.normal(size=3), "r": 0.5, "gamma": 0.9}
    error = a["r"] + a["gamma"] * a["theta"] @ a["after"] - a["theta"] @ a["s"]
    np.testing.assert_allclose(evaluate(gradient, a), -2 * error * a["s"], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: sd.dropout(x, 1), ExpressionError, "the rate must be at least 0 and below 1, found 1"),
        (lambda x: sd.dropout(x, x), ShapeError, r"the rate is a number, found shape \(n, m\)"),
        (lambda x: sd.random.bernoulli(x, n), ShapeError, "differ"),
        (lambda x: sd.random.categorical(x), ShapeError, "needs axis="),
        (lambda x: sd.random.uniform((n, 0.5)), ShapeError, r"random\.uniform: expected a non-negative integer size"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(sd.matrix("x", n, m))
