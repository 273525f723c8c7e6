"""Proximal operators as formulas: what is printed, that it is where the function is least, and what is refused."""

import numpy as np
import pytest
import scipy.optimize

import symdl as sd
from symdl.errors import DerivationError, ShapeError
from symdl.interpret import evaluate
from tests.golden.order import plain
from tests.katex import katex_error

n = sd.dims("n")
l1, l2 = sd.scalar("lambda1", nonnegative=True), sd.scalar("lambda2", nonnegative=True)
alpha = sd.scalar("alpha", positive=True)
theta, v, c = sd.vector("theta", n), sd.vector("v", n), sd.vector("c", n, nonnegative=True)
SOFT = r"\max(|v|-\alpha\lambda_{1},0)\odot\operatorname{sign}(v)"
PENALTIES = {  # R, and how its proximal operator prints
    "l1": (l1 * sd.sum(sd.abs(theta)), SOFT),
    "squares": (l2 * sd.norm(theta) ** 2, r"\frac{v}{2\alpha\lambda_{2}+1}"),
    "elastic net": (
        l1 * sd.sum(sd.abs(theta)) + l2 * sd.norm(theta) ** 2,
        rf"\frac{{1}}{{2\alpha\lambda_{{2}}+1}}{SOFT}",
    ),
    "weights": (sd.sum(sd.hadamard(c, sd.abs(theta))), SOFT.replace(r"\lambda_{1}", "c")),
    "one side": (l1 * sd.sum(sd.relu(theta)), None),
    "two slopes": (sd.sum(l1 * sd.maximum(theta, 0) + l2 * sd.maximum(-theta, 0)), None),
    "two curvatures": (l2 * sd.sum(sd.square(sd.relu(theta))) + l1 * sd.sum(sd.abs(theta)), None),
}


@pytest.mark.parametrize("name", PENALTIES)
def test_the_operator_is_where_the_function_is_least(name):
    penalty, text = PENALTIES[name]
    found = sd.prox(penalty, theta, v, alpha)
    if text is not None:
        assert plain(sd.latex(found)) == plain(text)
    assert katex_error(sd.latex(found)) is None
    values = {"v": np.linspace(-3, 3, 13), "alpha": 0.7, "lambda1": 1.1, "lambda2": 0.4, "c": np.linspace(0, 2, 13)}
    result = evaluate(found, values, {"n": 13})
    objective = sd.sum(sd.square(theta - v)) / 2 + alpha * penalty
    for k in range(13):

        def along(entry, k=k):
            point = result.copy()
            point[k] = entry
            return float(evaluate(objective, {**values, "theta": point}, {"n": 13}))

        best = scipy.optimize.minimize_scalar(along, bounds=(-4, 4), method="bounded", options={"xatol": 1e-10})
        assert along(result[k]) <= best.fun + 1e-12
        assert result[k] == pytest.approx(best.x, abs=1e-5)


def test_numbers_and_matrices():
    s, t, W, V = sd.scalar("s"), sd.scalar("t"), sd.matrix("W", n, 2), sd.matrix("V", n, 2)
    assert evaluate(sd.prox(2 * sd.abs(t), t, s), {"s": -3.0}) == -1
    found = evaluate(sd.prox(sd.sum(sd.abs(W)), W, V, 0.5), {"V": np.array([[1.0, -0.2]])}, {"n": 1})
    np.testing.assert_allclose(found, [[0.5, 0]])


free = sd.scalar("k")
REFUSED = {
    "certain to be convex": free * sd.sum(sd.abs(theta)),
    "no sum over the entries": l1 * sd.norm(theta),
    "away from 0, the function has kinks": l1 * sd.sum(sd.abs(theta - 1)),
    "second derivative changes": l1 * sd.sum(sd.log(1 + sd.abs(theta))),
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused(message):
    with pytest.raises(DerivationError, match=message):
        sd.prox(REFUSED[message], theta, v, alpha)


def test_a_concave_kink_is_refused():
    with pytest.raises(DerivationError, match="certain to be convex"):
        sd.prox(-l1 * sd.sum(sd.abs(theta)), theta, v, alpha)


def test_another_shape_is_refused():
    with pytest.raises(ShapeError):
        sd.prox(l1 * sd.sum(sd.abs(theta)), theta, sd.vector("u", 3), alpha)
