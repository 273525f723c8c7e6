"""Convolutions: values against loops, gradients in every mode, the catalogue's formulas, shapes, errors."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.errors import ExpressionError, ShapeError
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, inputs

c, h, w, o, k, l = sd.dims("c h w o k l")


def by_loops(x, K, stride=1, padding=0, dilation=1, groups=1, flip=False):
    """Correlate with explicit loops over everything but the window."""
    spatial = x.ndim - 1
    s, p, d = ((value,) * spatial if isinstance(value, int) else value for value in (stride, padding, dilation))
    x = np.pad(x, [(0, 0), *((pad, pad) for pad in p)])
    if flip:
        K = np.flip(K, tuple(range(2, K.ndim)))
    reach = [gap * (size - 1) + 1 for size, gap in zip(K.shape[2:], d, strict=True)]
    sizes = [(m - r) // step + 1 for m, r, step in zip(x.shape[1:], reach, s, strict=True)]
    found, depth = np.zeros((K.shape[0], *sizes)), K.shape[1]
    for filter_ in range(K.shape[0]):
        start = filter_ // (K.shape[0] // groups) * depth
        for place in np.ndindex(*sizes):
            window = tuple(
                slice(a * step, a * step + r, gap) for a, step, r, gap in zip(place, s, reach, d, strict=True)
            )
            found[(filter_, *place)] = np.sum(x[(slice(start, start + depth), *window)] * K[filter_])
    return found


CASES = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": (3, 1), "padding": (0, 2)},
    {"dilation": 2, "padding": 2},
    {"stride": 2, "padding": 1, "dilation": (1, 2), "flip": True},
    {"groups": 2},
    {"groups": 4, "stride": 2, "padding": 1, "flip": True},
    {"stride": 3, "padding": 2, "groups": 2, "dilation": 2},
]


@pytest.mark.parametrize("options", CASES, ids=str)
def test_conv2d(options):
    x, K = sd.tensor("x", (4, 7, 6)), sd.tensor("K", (4, 4 // options.get("groups", 1), 3, 2))
    y = sd.conv2d(x, K, **options)
    arrays = inputs(y)
    expected = by_loops(arrays["x"], arrays["K"], **options)
    assert y.shape == expected.shape
    check_value(y, expected, arrays)
    check_gradient(sd.sum(sd.sin(y)), x, K, arrays=arrays)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "dilation": 2, "flip": True}], ids=str)
def test_conv1d_and_conv3d(options):
    for function, shape, kernel in ((sd.conv1d, (2, 9), (3, 2, 3)), (sd.conv3d, (2, 4, 5, 4), (2, 2, 2, 1, 2))):
        x, K = sd.tensor("x", shape), sd.tensor("K", kernel)
        y = function(x, K, **options)
        arrays = inputs(y)
        check_value(y, by_loops(arrays["x"], arrays["K"], **options), arrays)
        check_gradient(sd.sum(sd.sin(y)), x, K, arrays=arrays)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}], ids=str)
def test_symbolic_sizes(options):
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, k, l))
    y = sd.conv2d(x, K, **options)
    s, p = options.get("stride", 1), options.get("padding", 0)
    assert sympy.simplify(y.shape[1] - (sympy.floor((h + 2 * p - k) / s) + 1)) == 0
    for sizes in ({c: 2, h: 5, w: 6, o: 3, k: 3, l: 2}, {c: 1, h: 7, w: 4, o: 1, k: 2, l: 4}):
        arrays = inputs(y, sizes=sizes)
        check_value(y, by_loops(arrays["x"], arrays["K"], **options), arrays, sizes)
        check_gradient(sd.sum(sd.sin(y)), x, K, arrays=arrays, sizes=sizes)


def test_second_order():
    x, K, u = sd.tensor("x", (1, 4, 4)), sd.tensor("K", (2, 1, 2, 2)), sd.tensor("u", (2, 1, 2, 2))
    f = sd.sum(sd.exp(sd.conv2d(x, K, padding=1)))
    check_gradient(sd.sum(sd.hadamard(u, sd.grad(f, K))), x, K)
    arrays = inputs(f, u)
    product = evaluate(sd.hvp(f, K, u), arrays)
    slope = evaluate(sd.grad(sd.sum(sd.hadamard(u, sd.grad(f, K))), K), arrays)
    np.testing.assert_allclose(product, slope, rtol=1e-12)


def test_catalogue_6_3_conv_back():
    """Stride 2, padding 1, 2 -> 3 channels: zeros between entries of δ, full correlation with the kernel flipped."""
    x, K, b = sd.tensor("x", (2, 6, 7)), sd.tensor("K", (3, 2, 3, 3)), sd.vector("b", 3)
    y = sd.conv2d(x, K, stride=2, padding=1)
    indices = sympy.symbols("i u v", integer=True)
    z = y + sd.array(b[indices[0]], *zip(indices, y.shape, strict=True))
    d = sd.tensor("delta", z.shape)
    gradients = sd.grad(sd.sum(sd.hadamard(d, z)), [x, K, b])
    arrays = inputs(z, d)
    delta = arrays["delta"]
    spread = np.zeros((3, 6, 8))  # up to the last row and column that a window reaches, the floor's rest included
    spread[:, : 2 * delta.shape[1] - 1 : 2, : 2 * delta.shape[2] - 1 : 2] = delta
    flipped = np.flip(arrays["K"], (2, 3)).transpose(1, 0, 2, 3)
    full = by_loops(spread, np.ascontiguousarray(flipped), padding=2)
    by_x = full[:, 1:7, 1:8]
    padded = np.pad(arrays["x"], [(0, 0), (1, 1), (1, 1)])
    by_K = np.zeros((3, 2, 3, 3))
    for tap in np.ndindex(3, 3):
        window = padded[:, tap[0] : tap[0] + 2 * delta.shape[1] : 2, tap[1] : tap[1] + 2 * delta.shape[2] : 2]
        by_K[:, :, tap[0], tap[1]] = np.einsum("ouv,cuv->oc", delta, window[:, : delta.shape[1], : delta.shape[2]])
    for found, expected in zip(gradients, (by_x, by_K, delta.sum((1, 2))), strict=True):
        check_value(found, expected, arrays, rtol=1e-10)


def test_the_flipped_kernel_appears():
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, k, l))
    d = sd.tensor("delta", (o, h - k + 1, w - l + 1))
    by_x, by_K = sd.grad(sd.sum(sd.hadamard(d, sd.conv2d(x, K))), [x, K])
    place = str(by_x)
    assert "delta[r2, i1 - r0, i2 - r1]*K[r2, i0, r0, r1]" in place
    assert str(by_K) == (
        "{add[r0<h - k + 1, r1<-l + w + 1](delta[i0, r0, r1]*x[i1, i2 + r0, i3 + r1]) : i0<o, i1<c, i2<k, i3<l}"
    )


def test_conditions_that_always_hold_are_not_printed():
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, 3, 3))
    y = sd.conv2d(x, K, padding=1)
    d = sd.tensor("delta", y.shape)
    by_x = str(sd.grad(sd.sum(sd.hadamard(d, y)), x))
    assert by_x.count("where") == 1
    assert "i1 < h" not in by_x


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2}, {"stride": 2, "padding": 1, "output_padding": 1}, {"stride": (3, 1)}], ids=str
)
def test_transposed_is_the_adjoint(options):
    x, K = sd.tensor("x", (3, 4, 5)), sd.tensor("K", (3, 2, 3, 3))
    y = sd.conv_transpose2d(x, K, **options)
    v = sd.tensor("v", y.shape)
    plain = {name: value for name, value in options.items() if name != "output_padding"}
    left = sd.sum(sd.hadamard(v, y))
    right = sd.sum(sd.hadamard(sd.conv2d(v, K, **plain), x))
    arrays = inputs(left)
    check_value(left, evaluate(right, arrays), arrays)
    check_value(y, evaluate(sd.grad(right, v), arrays), arrays)
    check_gradient(sd.sum(sd.sin(y)), x, K, arrays=arrays)


def test_grouped_equals_separate():
    x, K = sd.tensor("x", (4, 5, 5)), sd.tensor("K", (6, 2, 2, 2))
    arrays = inputs(x, K)
    parts = sd.concat([sd.conv2d(x[:2], K[:3]), sd.conv2d(x[2:], K[3:])])
    check_value(sd.conv2d(x, K, groups=2), evaluate(parts, arrays), arrays)


def test_pointwise_is_a_matrix_product():
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, 1, 1))
    sizes = {c: 3, h: 2, w: 4, o: 5}
    arrays = inputs(x, K, sizes=sizes)
    check_value(sd.conv2d(x, K), np.einsum("oc,chw->ohw", arrays["K"][:, :, 0, 0], arrays["x"]), arrays, sizes)


def test_algebra_of_convolution():
    """6.2-lti, 6.2-prop: x ⋆ h = h ⋆ x, the product of polynomials, of spectra; a kernel u vᵀ is two passes."""
    x, kernel, u, v = sd.matrix("x", 6, 7), sd.matrix("K", 3, 2), sd.vector("u", 3), sd.vector("v", 2)

    def full(a, b):
        rows, columns = b.shape
        padded = sd.pad(a, [(int(size) - 1, int(size) - 1) for size in (rows, columns)])
        image = sd.reshape(padded, (1, *padded.shape))
        return sd.conv2d(image, sd.reshape(b, (1, 1, rows, columns)), flip=True)[0]

    arrays = inputs(x, kernel, u, v)
    shape = (8, 8)
    spectra = np.fft.rfft2(arrays["x"], shape) * np.fft.rfft2(arrays["K"], shape)
    check_value(full(x, kernel), np.fft.irfft2(spectra, shape), arrays, rtol=1e-10)
    check_value(full(kernel, x), evaluate(full(x, kernel), arrays), arrays)
    passes = full(full(x, sd.reshape(u, (3, 1))), sd.reshape(v, (1, 2)))
    check_value(passes, evaluate(full(x, sd.outer(u, v)), arrays), arrays)
    line = full(sd.reshape(u, (1, 3)), sd.reshape(v, (1, 2)))[0]
    check_value(line, np.polymul(arrays["u"], arrays["v"]), arrays)


def test_windows_as_a_matrix():
    """6.3-im2col: K as a matrix times the windows as columns; what goes back to the picture is added up per place."""
    x, K = sd.tensor("x", (2, 5, 6)), sd.tensor("K", (3, 2, 2, 3))
    q, u, v, i, j = sympy.symbols("q u v i j", integer=True)
    windows = sd.array(x[q, i + u, j + v], (q, 2), (u, 2), (v, 3), (i, 4), (j, 4))
    columns = sd.reshape(windows, (12, 16))
    arrays = inputs(x, K)
    product = sd.reshape(sd.reshape(K, (3, 12)) @ columns, (3, 4, 4))
    check_value(product, evaluate(sd.conv2d(x, K), arrays), arrays)
    D = sd.tensor("D", windows.shape)
    back = sd.grad(sd.sum(sd.hadamard(D, windows)), x)
    arrays = inputs(D)
    expected = np.zeros((2, 5, 6))
    for a, b in np.ndindex(2, 3):
        expected[:, a : a + 4, b : b + 4] += arrays["D"][:, a, b]
    check_value(back, expected, arrays)


def test_shifted_pictures_have_shifted_outputs():
    """6.3-equivariance, away from the borders."""
    x, K = sd.tensor("x", (2, 8, 9)), sd.tensor("K", (3, 2, 3, 3))
    arrays = inputs(x, K)
    moved = {**arrays, "x": np.roll(arrays["x"], (1, 2), (1, 2))}
    y = sd.conv2d(x, K)
    np.testing.assert_allclose(evaluate(y, moved)[:, 1:, 2:], evaluate(y, arrays)[:, :-1, :-2], rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda x, K: sd.conv2d(x, K[:, :1]), "x has 2 channels, K takes 1 for each of 1 groups"),
        (lambda x, K: sd.conv2d(x[0], K), "expected order 3"),
        (lambda x, K: sd.conv2d(x, K, stride=0), "stride: expected an integer of at least 1"),
        (lambda x, K: sd.conv2d(x, K, padding=(1, 2, 3)), "padding: expected an integer of at least 0, or 2"),
        (lambda x, K: sd.conv2d(x, K, groups=3), "for each of 3 groups"),
        (lambda x, K: sd.conv2d(x, K[:3, :1], groups=2), "3 filters do not provably divide into 2 groups"),
        (lambda x, K: sd.conv2d(x[:, :2], K), "does not fit an axis of 2"),
        (lambda x, K: sd.conv_transpose2d(x, K), "x has 2 channels, K takes 4"),
        (lambda x, K: sd.conv_transpose2d(x, K[:2], output_padding=1), "must be smaller than the stride"),
    ],
)
def test_errors_name_what_does_not_fit(make, message):
    with pytest.raises(ShapeError, match=message):
        make(sd.tensor("x", (2, 6, 6)), sd.tensor("K", (4, 2, 3, 3)))


def test_a_scalar_is_refused():
    with pytest.raises(ExpressionError, match="conv2d: x: expected a tensor of order 3, found the scalar t"):
        sd.conv2d(sd.scalar("t"), sd.tensor("K", (1, 1, 2, 2)))
