"""Norms: values, gradients, the catalogue's compact forms, the mean over a batch inside one sample's equations."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DerivationError, ExpressionError, ShapeError
from symdl.expr.batch import batched
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, inputs

n, c, h, w = sd.dims("n c h w")
epsilon = sd.scalar("epsilon", positive=True)
gamma, beta = sd.vector("gamma", c), sd.vector("beta", c)


def standard(x, axes, eps):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


@pytest.mark.parametrize("axis", [-1, 0, 1, (0, 2), (-1, -2)], ids=str)
def test_layer_norm(axis):
    x = sd.tensor("x", (3, 4, 5))
    axes = (axis,) if isinstance(axis, int) else axis
    shape = [x.shape[k] for k in sorted(k % 3 for k in axes)]
    g, b = sd.tensor("g", shape), sd.tensor("b", shape)
    y = sd.layer_norm(x, g, b, axis=axis)
    arrays = inputs(y)
    wide = tuple(int(size) if k in [a % 3 for a in axes] else 1 for k, size in enumerate(x.shape))
    expected = standard(arrays["x"], axes, 1e-5) * arrays["g"].reshape(wide) + arrays["b"].reshape(wide)
    check_value(y, expected, arrays)
    check_gradient(sd.sum(sd.sin(y)), x, g, b, arrays=arrays)


def test_rms_norm():
    x = sd.matrix("x", n, c)
    y = sd.rms_norm(x, gamma, epsilon=0)
    arrays = inputs(y, sizes={n: 4, c: 5})
    rms = np.sqrt((arrays["x"] ** 2).mean(1, keepdims=True))
    check_value(y, arrays["gamma"] * arrays["x"] / rms, arrays)
    check_gradient(sd.sum(sd.sin(y)), x, gamma, arrays=arrays)


@pytest.mark.parametrize("groups", [1, 2, 6])
def test_group_norm(groups):
    x, g, b = sd.tensor("x", (6, 3, 4)), sd.vector("g", 6), sd.vector("b", 6)
    y = sd.group_norm(x, groups, g, b)
    arrays = inputs(y)
    parts = standard(arrays["x"].reshape(groups, 6 // groups, 3, 4), (1, 2, 3), 1e-5).reshape(6, 3, 4)
    check_value(y, arrays["g"][:, None, None] * parts + arrays["b"][:, None, None], arrays)
    check_gradient(sd.sum(sd.sin(y)), x, g, b, arrays=arrays)


def test_catalogue_5_6_bn_back():
    """The compact projected form, for a design matrix whose rows are samples."""
    Z, G = sd.matrix("Z", n, c), sd.matrix("G", n, c)
    y = sd.batch_norm(Z, gamma, beta, batch_axis=0, epsilon=epsilon)
    found = check_gradient(sd.sum(sd.hadamard(G, y)), Z, gamma, beta, sizes={n: 6, c: 3})
    arrays = inputs(y, G, sizes={n: 6, c: 3})
    z, g, eps = arrays["Z"], arrays["G"], float(arrays["epsilon"])
    bar, scaled = standard(z, 0, eps), g * arrays["gamma"]
    root = np.sqrt(z.var(0) + eps)
    by_z = (scaled - scaled.mean(0) - bar * (scaled * bar).mean(0)) / root
    for gradient, expected in zip(found, (by_z, (g * bar).sum(0), g.sum(0)), strict=True):
        check_value(gradient, expected, arrays, rtol=1e-10)


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_catalogue_6_4_gn(groups):
    """5.6-bn-back with the mean over the channels of a group and their places."""
    x, G = sd.tensor("x", (4, 3, 2)), sd.tensor("G", (4, 3, 2))
    scale, shift_ = sd.vector("gamma", 4), sd.vector("beta", 4)
    f = sd.sum(sd.hadamard(G, sd.group_norm(x, groups, scale, shift_, epsilon=epsilon)))
    arrays = inputs(f)
    shape = (groups, 4 // groups * 6)
    z, eps = arrays["x"].reshape(shape), float(arrays["epsilon"])
    scaled = (arrays["G"] * arrays["gamma"][:, None, None]).reshape(shape)
    bar = standard(z, 1, eps)
    means = scaled.mean(1, keepdims=True) + bar * (scaled * bar).mean(1, keepdims=True)
    by_x = ((scaled - means) / np.sqrt(z.var(1, keepdims=True) + eps)).reshape(4, 3, 2)
    by_gamma = (arrays["G"] * bar.reshape(4, 3, 2)).sum((1, 2))
    for gradient, expected in zip(
        sd.grad(f, [x, scale, shift_]), (by_x, by_gamma, arrays["G"].sum((1, 2))), strict=True
    ):
        check_value(gradient, expected, arrays, rtol=1e-10)


def test_the_projection_is_what_is_printed():
    Z, G = sd.matrix("Z", n, c), sd.matrix("G", n, c)
    y = sd.batch_norm(Z, gamma, beta, batch_axis=0, epsilon=epsilon)
    by_z, by_gamma, by_beta = map(sd.latex, sd.grad(sd.sum(sd.hadamard(G, y)), [Z, gamma, beta]))
    mean = r"\frac{1}{n} \mathbf{1} \mathbf{1}^{\top}"
    assert by_z.startswith(rf"\left(G - {mean} G - \frac{{1}}{{n}} \left(Z - {mean} Z\right) \operatorname{{diag}}")
    assert by_z.count("G") == 3
    assert by_gamma.count("G") == 1
    assert by_beta == r"G^{\top} \mathbf{1}"


def test_catalogue_7_5_ln():
    x, g = sd.vector("x", c), sd.vector("g", c)
    f = sd.sum(sd.hadamard(g, sd.layer_norm(x, gamma, beta, epsilon=epsilon)))
    arrays = inputs(f, sizes={c: 6})
    z, eps = arrays["x"], float(arrays["epsilon"])
    bar, scaled = standard(z, 0, eps), arrays["gamma"] * arrays["g"]
    expected = (scaled - scaled.mean() - bar * (scaled * bar).mean()) / np.sqrt(z.var() + eps)
    check_value(sd.grad(f, x), expected, arrays, rtol=1e-10)
    jacobian = sd.jacobian(sd.layer_norm(x, epsilon=epsilon), x)
    projector = np.eye(6) - 1 / 6 - np.outer(bar, bar) / 6
    np.testing.assert_allclose(evaluate(jacobian, arrays), projector / np.sqrt(z.var() + eps), rtol=1e-9, atol=1e-12)


def test_one_sample_has_no_gradient_and_constants_no_slope():
    Z = sd.matrix("Z", n, c)
    f = sd.sum(sd.exp(sd.batch_norm(Z, gamma, beta, batch_axis=0)))
    arrays = inputs(f, sizes={n: 1, c: 3})
    np.testing.assert_allclose(evaluate(sd.grad(f, Z), arrays), np.zeros((1, 3)), atol=1e-12)


@pytest.mark.parametrize("shape", [(c,), (c, h, w)], ids=str)
def test_one_sample_and_the_whole_batch_are_the_same(shape):
    sizes = {n: 4, c: 3, h: 2, w: 5}
    x, t, W = sd.tensor("x", shape), sd.tensor("t", shape), sd.tensor("W", shape)
    z = sd.hadamard(W, x)
    [each] = batched([sd.sum(sd.hadamard(t, sd.sin(sd.batch_norm(z, gamma, beta))))], [x, t], n)
    X, Y = sd.tensor("x", (n, *shape)), sd.tensor("t", (n, *shape))
    many = sd.hadamard(sd.broadcast(W, X.shape), X)
    whole = sd.sum(sd.hadamard(Y, sd.sin(sd.batch_norm(many, gamma, beta, batch_axis=0))))
    arrays = inputs(whole, sizes=sizes)
    check_value(sd.sum(each), evaluate(whole, arrays), arrays)
    for one, all_ in zip(
        check_gradient(sd.sum(each), W, gamma, beta, arrays=arrays),
        sd.grad(whole, [W, gamma, beta]),
        strict=True,
    ):
        np.testing.assert_allclose(evaluate(one, arrays), evaluate(all_, arrays), rtol=1e-10, atol=1e-12)
    values = arrays["W"] * arrays["x"]
    axes = tuple(k for k in range(values.ndim) if k != 1)
    wide = (-1,) + (1,) * (len(shape) - 1)
    expected = standard(values, axes, 1e-5) * arrays["gamma"].reshape(wide) + arrays["beta"].reshape(wide)
    np.testing.assert_allclose(evaluate(whole, arrays), np.sum(arrays["t"] * np.sin(expected)), rtol=1e-12)


def test_production_uses_given_statistics():
    x, m, v = sd.tensor("x", (c, h)), sd.vector("m", c), sd.vector("v", c, positive=True)
    y = sd.batch_norm(x, gamma, beta, mean=m, variance=v)
    arrays = inputs(y, sizes={c: 3, h: 4})
    part = {name: array[:, None] for name, array in arrays.items() if name != "x"}
    expected = part["gamma"] * (arrays["x"] - part["m"]) / np.sqrt(part["v"] + 1e-5) + part["beta"]
    check_value(y, expected, arrays)
    check_gradient(sd.sum(sd.sin(y)), x, gamma, beta, arrays=arrays)


def test_batch_means_stay_one_number():
    """What is the same for all samples has no batch axis, and a batch mean of it is itself."""
    x, b = sd.vector("x", c), sd.vector("b", c)
    centre = sd.batch_mean(sd.tanh(x) + b)
    [each, mean] = batched([sd.sum(x - sd.batch_mean(centre + 1) + 1), sd.sum(centre)], [x], n)
    arrays = inputs(each, sizes={n: 4, c: 3})
    average = (np.tanh(arrays["x"]) + arrays["b"]).mean(0)
    check_value(each, (arrays["x"] - average).sum(1), arrays)
    check_value(mean, np.full(4, average.sum()), arrays)
    check_gradient(sd.sum(sd.square(each)), b, arrays=arrays)


def test_a_batch_mean_needs_a_batch():
    x = sd.vector("x", c)
    assert str(sd.batch_mean(x)) == "{batch_mean(x[i0]) : i0<c}"
    assert sd.latex(sd.batch_mean(x)) == r"\hat{\mathbb{E}}\left[x\right]"
    with pytest.raises(DerivationError, match=r"sd\.Model"):
        sd.grad(sd.sum(sd.batch_mean(x)), x)
    with pytest.raises(ExpressionError, match=r"sd\.Model"):
        sd.compile(sd.batch_mean(x))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda x: sd.layer_norm(x, gamma), ShapeError, "gamma has shape \\(c,\\), the normalised axes \\(h,\\)"),
        (lambda x: sd.layer_norm(x, axis=2), ShapeError, "axis 2 is out of range"),
        (lambda x: sd.layer_norm(x, axis=(0, -2)), ShapeError, "axis given twice"),
        (lambda x: sd.layer_norm(x, epsilon=-1), ExpressionError, "epsilon must not be negative"),
        (lambda x: sd.group_norm(x, 2), ShapeError, "do not provably divide into 2 groups"),
        (lambda x: sd.batch_norm(x, mean=beta), ExpressionError, "both mean and variance"),
        (lambda x: sd.batch_norm(x, channel_axis=0, batch_axis=0), ShapeError, "as the channels' and as the batch's"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make(sd.matrix("x", c, h))
