"""No family loses more than two bits beyond rounding of its inputs: values, gradients and Hessians, in both types."""

import mpmath
import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.stability.families import BINARY, FAMILIES, QUICK, cross_entropy, n, x

LIMITS = {"float32": 200.0, "float64": 700.0}


def measure(name, dtype):
    family = FAMILIES[name]
    ranges = family.ranges(LIMITS[dtype])
    return sd.stability(family.formula, x, ranges, values=family.values, dtypes=(dtype,), seed=1, order=family.order)


@pytest.mark.parametrize("name", QUICK)
def test_two_bits(name):
    report = measure(name, "float32")
    assert report.ok(bits=2), str(report)
    assert max(row.before for row in report.rows) > 8  # or the test would show nothing


@pytest.mark.slow
@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("name", FAMILIES)
def test_two_bits_of_all(name, dtype):
    report = measure(name, dtype)
    assert report.ok(bits=2), str(report)


MARGINS = {
    "softmax": (cross_entropy, {"x": [-30.0, 0.0, 30.0], "y": [0.0, 0.0, 1.0]}),
    "softmax, wrong class": (cross_entropy, {"x": [-30.0, 0.0, 30.0], "y": [1.0, 0.0, 0.0]}),
    "softmax, tie": (cross_entropy, {"x": [30.0, 0.0, 30.0], "y": [1.0, 0.0, 0.0]}),
    "sigmoid": (FAMILIES["sigmoid, cross-entropy"].formula, {"x": [30.0, -30.0, 3.0], "t": [1.0, 0.0, 0.0]}),
}


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("name", MARGINS)
def test_prediction_less_target_at_a_margin_of_30(name, dtype, target):
    """ŷ - y and the Hessian at a confident and right prediction: the direct form leaves 0 of 1e-13 there."""
    f, arrays = MARGINS[name]
    loss = sd.sum(f) if getattr(f, "shape", ()) else f
    formulas = [loss, sd.grad(loss, x), sd.hessian(loss, x)]
    found = sd.compile(formulas, dtype=dtype, target=target)(arrays)
    for value, exact in zip(found, evaluate(formulas, arrays, precision=100), strict=True):
        expected = np.asarray(exact, dtype=object).astype(float)
        np.testing.assert_allclose(value, expected, rtol=30 * np.finfo(dtype).eps)  # e^30 itself: 30 eps


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("dtype", LIMITS)
def test_log_of_a_normal_tail(dtype, target):
    """Log Φ, its gradient r = φ/Φ and its second derivative -r (r + x), beside mpmath at points and infinities."""
    f = sd.log(sd.normal_cdf(x))
    formulas = [f, sd.grad(sd.sum(f), x), sd.sum(sd.hessian(sd.sum(f), x), axis=1)]
    points = np.array([-LIMITS[dtype], -40.0, -9.0, -1.0, -0.5, 0.0, 0.5, 3.0])
    found = sd.compile(formulas, dtype=dtype, target=target)(x=points)
    with mpmath.workdps(60):
        slopes = [mpmath.npdf(point) / mpmath.ncdf(point) for point in points]
        exact = [
            [mpmath.log(mpmath.ncdf(point)) for point in points],
            slopes,
            [-slope * (slope + point) for slope, point in zip(slopes, points, strict=True)],
        ]
    for value, expected in zip(found, exact, strict=True):
        np.testing.assert_allclose(value, np.array(expected, dtype=float), rtol=16 * np.finfo(dtype).eps)
    ends = sd.compile(formulas[:2], dtype=dtype, target=target)(x=np.array([-np.inf, np.inf, np.nan]))
    np.testing.assert_array_equal(ends, [[-np.inf, 0, np.nan], [np.inf, 0, np.nan]])


@pytest.mark.parametrize("small", [100.0, 1.0, 1e-4])
def test_hessian_of_a_direction_where_one_entry_is_nearly_the_norm(small):
    """There 3 x_i² Σ x/‖x‖² - 2 x_i - Σ x cancels."""
    hessian = sd.hessian(sd.sum(x / sd.norm(x)), x)
    arrays = {"x": np.array([small, 273.0, -small / 3, small / 7])}
    expected = np.asarray(evaluate(hessian, arrays, precision=60), dtype=object).astype(float)
    np.testing.assert_allclose(sd.compile(hessian, target="cpu")(arrays), expected, rtol=2e-15)


def test_a_threshold_is_no_edge():
    """Around p = 1/2 and 9/16 all ways to 1 - p meet."""
    u = np.log(np.linspace(0.49, 0.57, 200) / (1 - np.linspace(0.49, 0.57, 200)))
    X, Y = sd.matrix("X", 200, 2), sd.matrix("Y", 200, 2, one_hot=True)
    loss = -sd.sum(sd.hadamard(Y, sd.log_softmax(X, axis=1)))
    rows = np.stack([u, np.zeros(200)], axis=1)
    hot = np.stack([np.ones(200), np.zeros(200)], axis=1)
    found = sd.compile(sd.grad(loss, X), target="cpu", dtype="float32")(X=rows, Y=hot)
    sigma = 1 / (1 + np.exp(-rows[:, 0].astype(np.float32).astype(float)))
    np.testing.assert_allclose(found, np.stack([sigma - 1, 1 - sigma], axis=1), rtol=1e-6)


AT_THE_POINT = {
    "norm": (sd.norm(x), 0.0),
    "log, double where": (sd.sum(sd.where(sd.greater(x, 0), sd.log(x), 0)), 0.0),
    "power": (sd.sum(sd.power(x, sd.scalar("p", positive=True))), 0.0),
    "sinc": (sd.sum(sd.divide(sd.sin(x), x)), 0.0),
    "(exp(x) - 1)/x": (sd.sum(sd.divide(sd.exp(x) - 1, x)), 0.5),
}


@pytest.mark.parametrize("name", AT_THE_POINT)
def test_gradient_at_zero(name):
    f, expected = AT_THE_POINT[name]
    function = sd.compile(sd.grad(f, x), target="numpy")
    arrays = {"x": np.zeros(3), "p": 2.5}
    found = function({key: arrays[key] for key in function.inputs if key in arrays})
    np.testing.assert_array_equal(found, np.full(3, expected))


def test_the_report():
    report = sd.stability(sd.sum(sd.softplus(x)), x, sizes={n: 4}, dtypes=("float32",), order=1)
    assert [row.formula for row in report.rows] == ["value", "gradient x"]
    assert report.ok()
    assert not report.ok(bits=-1)
    lines = str(report).splitlines()
    assert lines[0].startswith("bits lost beyond rounding of the inputs, x in [-200, 200]: at most 0.")
    assert "<table>" in report._repr_html_()
    assert "all (not finite)" in str(report)  # log(1 + e^x) as written


def test_an_unstable_formula_is_not_ok(monkeypatch):
    """Without the stable forms the same measurement fails."""
    import symdl.freeze

    monkeypatch.setattr(symdl.freeze, "stabilise", lambda system: system)
    assert not sd.stability(FAMILIES["sigmoid, cross-entropy"].formula, x, values={"t": BINARY}, order=1).ok()
