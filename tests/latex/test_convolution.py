"""Convolutions and their gradients as the book prints them, catalogue 6.2 and 6.3; the texts were written by hand."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.interpret import evaluate
from tests.katex import katex_error
from tests.structures.checks import inputs

c, h, w, o, k, l = sd.dims("c h w o k l")
FULL, ROT = r"\operatorname{corr}_{\mathrm{full}}", r"\operatorname{rot}_{180}"


def gradients(y, x, K):
    d = sd.tensor("delta", y.shape)
    return sd.grad(sd.sum(sd.hadamard(d, y)), [x, K])


def check(found, expected):
    assert sd.latex(found) == expected
    assert katex_error(expected) is None


def tensors(flat=False):
    return (
        (sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, k, l)))
        if not flat
        else (sd.vector("x", h), sd.vector("w", k))
    )


def numbers():
    return sd.tensor("x", (2, 8, 9)), sd.tensor("K", (4, 2, 3, 3))


def test_a_layer_and_its_gradients():
    """The kernel is flipped in ∂C/∂x: it comes out of the change of variable k = i + i', nobody put it there."""
    x, K = tensors()
    y = sd.conv2d(x, K)
    by_x, by_K = gradients(y, x, K)
    check(y, r"\left[\sum_{j=1}^{c} \operatorname{corr}\left(K_{ij}, x_{j}\right)\right]_{i}")
    check(by_x, rf"\left[\sum_{{j=1}}^{{o}} {FULL}\left({ROT} K_{{ji}}, \delta_{{j}}\right)\right]_{{i}}")
    check(by_K, r"\left[\operatorname{corr}\left(\delta_{i}, x_{j}\right)\right]_{ij}")


def test_true_convolution_has_the_star():
    x, K = tensors()
    y = sd.conv2d(x, K, flip=True)
    check(y, r"\left[\sum_{j=1}^{c} K_{ij} \star x_{j}\right]_{i}")
    by_x = gradients(y, x, K)[0]
    check(by_x, rf"\left[\sum_{{j=1}}^{{o}} {FULL}\left(K_{{ji}}, \delta_{{j}}\right)\right]_{{i}}")


def test_stride_and_padding():
    """Zeros between the entries of δ, and for the kernel taps at the distance of the stride."""
    x, K = numbers()
    y = sd.conv2d(x, K, stride=2, padding=1)
    by_x, by_K = gradients(y, x, K)
    check(y, r"\left[\sum_{j=1}^{2} \operatorname{corr}_{s=2,\,p=1}\left(K_{ij}, x_{j}\right)\right]_{i}")
    spread = r"\mathord{\uparrow}_{2} \delta_{j}"
    check(
        by_x,
        rf"\left[\sum_{{j=1}}^{{4}} \operatorname{{corr}}_{{p=1}}\left({ROT} K_{{ji}}, {spread}\right)\right]_{{i}}",
    )
    check(by_K, r"\left[\operatorname{corr}_{d=2,\,p=1}\left(\delta_{i}, x_{j}\right)\right]_{ij}")


def test_dilation():
    x, K = numbers()
    y = sd.conv2d(x, K, dilation=2)
    by_x, by_K = gradients(y, x, K)
    full = r"\operatorname{corr}_{d=2,\,\mathrm{full}}"
    check(by_x, rf"\left[\sum_{{j=1}}^{{4}} {full}\left({ROT} K_{{ji}}, \delta_{{j}}\right)\right]_{{i}}")
    check(by_K, r"\left[\operatorname{corr}_{s=2}\left(\delta_{i}, x_{j}\right)\right]_{ij}")


def test_one_axis():
    """Catalogue 6.2-conv1d, written with sums."""
    x, w_ = tensors(flat=True)
    t, r = sympy.symbols("t r", integer=True)
    y = sd.array(sympy.Sum(w_[r] * x[t + r], (r, 0, k - 1)), (t, h - k + 1))
    by_x, by_w = gradients(y, x, w_)
    check(y, r"\operatorname{corr}\left(w, x\right)")
    check(by_x, rf"{FULL}\left(\operatorname{{flip}} w, \delta\right)")
    check(by_w, r"\operatorname{corr}\left(\delta, x\right)")


def test_depthwise():
    x, K = sd.tensor("x", (4, 8, 8)), sd.tensor("K", (4, 1, 3, 3))
    y = sd.conv2d(x, K, groups=4)
    by_x, by_K = gradients(y, x, K)
    check(y, r"\left[\operatorname{corr}\left(K_{i}, x_{i}\right)\right]_{i}")
    check(by_x, rf"\left[{FULL}\left({ROT} K_{{i}}, \delta_{{i}}\right)\right]_{{i}}")
    check(by_K, r"\left[\operatorname{corr}\left(\delta_{i}, x_{i}\right)\right]_{i}")


def test_the_transposed_convolution_is_the_adjoint():
    x, K = sd.tensor("x", (3, 4, 5)), sd.tensor("K", (3, 2, 3, 3))
    y = sd.conv_transpose2d(x, K, stride=2)
    spread = r"\mathord{\uparrow}_{2} x_{j}"
    check(y, rf"\left[\sum_{{j=1}}^{{3}} {FULL}\left({ROT} K_{{ji}}, {spread}\right)\right]_{{i}}")
    by_x = gradients(y, x, K)[0]
    check(by_x, r"\left[\sum_{j=1}^{2} \operatorname{corr}_{s=2}\left(K_{ij}, \delta_{j}\right)\right]_{i}")


def test_what_is_no_window_stays_a_sum():
    A, x = sd.matrix("A", o, c), sd.tensor("x", (c, h, w))
    i, j, u, v = sympy.symbols("i j u v", integer=True)
    mixed = sd.array(sympy.Sum(A[i, j] * x[j, u, v], (j, 0, c - 1)), (i, o), (u, h), (v, w))
    assert "corr" not in sd.latex(mixed)
    X = sd.matrix("X", h, k)
    assert sd.latex(X @ sd.vector("b", k)) == "X b"
    shifted = sd.array(sympy.Sum(sd.vector("b", 3)[j] * sd.vector("y", h)[u + j + 1], (j, 0, 2)), (u, h - 3))
    assert "corr" not in sd.latex(shifted)  # the first entry of y is never read: no padding says so


def corr(A, B, shape, s=1, d=1, p=0):
    """Evaluate Σ_k A_k B_{s u + d k - p}, zero outside, for the first ``shape`` places u."""
    found = np.zeros(shape)
    for place in np.ndindex(*shape):
        for tap in np.ndindex(*A.shape):
            at = tuple(s * u + d * q - p for u, q in zip(place, tap, strict=True))
            if all(0 <= q < size for q, size in zip(at, B.shape, strict=True)):
                found[place] += A[tap] * B[at]
    return found


def spread(delta, s):
    found = np.zeros([s * (size - 1) + 1 for size in delta.shape])
    found[tuple(slice(None, None, s) for _ in delta.shape)] = delta
    return found


@pytest.mark.parametrize(
    ("stride", "padding", "dilation"), [(1, 0, 1), (1, 1, 1), (2, 1, 1), (3, 2, 1), (1, 0, 2), (1, 2, 2)], ids=str
)
def test_the_printed_operators_are_the_gradients(stride, padding, dilation):
    """The formulas that are printed, evaluated by their definition; the floor's rest of a stride included."""
    x, K = numbers()
    y = sd.conv2d(x, K, stride, padding, dilation)
    by_x, by_K = gradients(y, x, K)
    arrays = inputs(by_x, by_K)
    delta, image, kernel = arrays["delta"], arrays["x"], arrays["K"]
    mark = dilation * 2 - padding
    expected = np.zeros((2, 8, 9))
    for j, i in np.ndindex(4, 2):
        turned = kernel[j, i, ::-1, ::-1]
        expected[i] += corr(turned, spread(delta[j], stride), (8, 9), 1, dilation, mark)
    np.testing.assert_allclose(evaluate(by_x, arrays), expected, rtol=1e-10, atol=1e-12)
    taps = [[corr(delta[i], image[j], (3, 3), dilation, stride, padding) for j in range(2)] for i in range(4)]
    np.testing.assert_allclose(evaluate(by_K, arrays), taps, rtol=1e-10, atol=1e-12)
    assert "corr" in sd.latex(by_K)
    if stride != 3:  # windows that do not overlap need no sum over taps: K[i mod 3] δ[⌊i/3⌋]
        assert (r"\uparrow" in sd.latex(by_x)) == (stride > 1)
        assert "corr" in sd.latex(by_x)
