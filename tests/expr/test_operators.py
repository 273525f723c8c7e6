"""Products, slices and rearrangements against NumPy."""

import itertools

import numpy as np
import pytest

import symdl as sd
from symdl.errors import ShapeError
from symdl.interpret import evaluate

n, p, m, b, k = sd.dims("n p m b k")
SIZES = {"n": 2, "p": 3, "m": 4, "b": 2, "k": 5}
SHAPES = {
    "v": (p,), "w": (p,), "q": (n,), "A": (n, p), "B": (p, m), "C": (b, n, p), "D": (b, p, m), "E": (p, p),
    "F": (k, b, n, p), "G": (k, b, p, m),
}  # fmt: skip
TENSORS = {name: sd.tensor(name, shape) for name, shape in SHAPES.items()}
rng = np.random.default_rng(0)
VALUES = {name: rng.standard_normal([SIZES[str(size)] for size in shape]) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("left", SHAPES)
@pytest.mark.parametrize("right", SHAPES)
def test_product(left, right):
    """NumPy's rule, but equal sizes must have one name, and a vector on the left must be transposed."""
    a, c = VALUES[left], VALUES[right]
    sizes = {name: shape[-2] if len(shape) > 1 else shape[0] for name, shape in SHAPES.items()}
    fits = SHAPES[left][-1] == sizes[right] and (a.ndim > 1 or c.ndim == 1)
    if fits:
        found = evaluate(TENSORS[left] @ TENSORS[right], VALUES, SIZES)
        expected = np.matmul(a, c)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected)
    else:
        with pytest.raises(ShapeError, match=rf"{left} @ {right}: shapes .* do not fit; "):
            TENSORS[left] @ TENSORS[right]


def test_rows():
    v, w, a, d = (TENSORS[name] for name in "vwAD")
    for expr, expected in [
        (v.T @ w, VALUES["v"] @ VALUES["w"]),
        (v @ w.T, np.outer(VALUES["v"], VALUES["w"])),
        (v.T @ a.T, (VALUES["A"] @ VALUES["v"])[None]),
        (v.T @ d, np.matmul(VALUES["v"][None], VALUES["D"])),
        (v.T.T, VALUES["v"]),
        ((v.T @ a.T).T, VALUES["A"] @ VALUES["v"]),
    ]:
        found = evaluate(expr, VALUES, SIZES)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected)


ENDS = [None, 0, 2, 5, 7, 9, -1, -3, -7, -9]
X = np.arange(7.0)


@pytest.mark.parametrize("step", [None, 1, 2, 3, -1, -2])
def test_slices_are_those_of_numpy(step):
    x = sd.vector("x", 7)
    for start, stop in itertools.product(ENDS, ENDS):
        key = slice(start, stop, step)
        np.testing.assert_array_equal(evaluate(x[key], {"x": X}), X[key], err_msg=str(key))


@pytest.mark.parametrize("step", [None, 1, 2, 3, -1, -2])
def test_slices_of_symbolic_size(step):
    """The same for bounds that lie in order inside the axis."""
    x = sd.vector("x", n)
    for start, stop in itertools.product([None, 0, 2, -1, -3], [None, 5, 7, -1, -2]):
        key = slice(start, stop, step) if step is None or step > 0 else slice(stop, start, step)
        places = range(7)[key]
        if key.stop == 0 or key.start == 7 or not places:
            continue
        np.testing.assert_array_equal(evaluate(x[key], {"x": X}), X[key], err_msg=str(key))


A = sd.matrix("A", 3, 4)
P = np.arange(12.0).reshape(3, 4)
x4 = sd.vector("x", 4)
REARRANGED = {
    "element": (A[1, -2], P[1, -2]),
    "row": (A[-1], P[-1]),
    "column": (A[:, -1], P[:, -1]),
    "ellipsis": (A[..., 1], P[..., 1]),
    "two slices": (A[::-1, 1:3], P[::-1, 1:3]),
    "concat": (sd.concat([A, A[:, :1]], axis=-1), np.concatenate([P, P[:, :1]], -1)),
    "stack last": (sd.stack([A, A], axis=-1), np.stack([P, P], -1)),
    "stack middle": (sd.stack([A, 2 * A, A], axis=1), np.stack([P, 2 * P, P], 1)),
    "kron": (sd.kron(A, A[:2, :2]), np.kron(P, P[:2, :2])),
    "transpose": (sd.transpose(sd.stack([A, 2 * A]), (1, 2, 0)), np.stack([P, 2 * P]).transpose(1, 2, 0)),
    "reshape": (sd.reshape(A, (4, 3)), P.reshape(4, 3)),
    "flip": (sd.flip(A, 1), P[:, ::-1]),
    "power": (sd.matrix_power(A[:, :3], 3), np.linalg.matrix_power(P[:, :3], 3)),
    "broadcast": (sd.broadcast(x4, (3, 4)), np.broadcast_to(np.arange(4.0), (3, 4))),
    "broadcast ones": (sd.broadcast(A[:, :1], (2, 3, 4)), np.broadcast_to(P[:, :1], (2, 3, 4))),
    "diagonal": (sd.diag(A[:3, :3]), np.diag(P[:3, :3])),
    "diagonal matrix": (sd.diag(x4), np.diag(np.arange(4.0))),
    "trace": (sd.trace(A[:, :3]), np.trace(P[:, :3])),
    "mean": (sd.mean(A, axis=(0, 1)), P.mean()),
    "sum keeping axes": (sd.sum(A, axis=-1, keepdims=True), P.sum(-1, keepdims=True)),
    "sum over none": (sd.sum(A, axis=()), P),
    "largest": (sd.argmax(A, axis=1), P.argmax(1)),
    "std": (sd.std(A, axis=0), P.std(0)),
    "var": (sd.var(A), P.var()),
    "norms": (sd.norm(A, axis=1), np.linalg.norm(P, axis=1)),
    "row plus row": (x4.T + A[:1], np.arange(4.0) + P[:1]),
}  # fmt: skip


@pytest.mark.parametrize("name", REARRANGED)
def test_rearrangement(name):
    expr, expected = REARRANGED[name]
    found = evaluate(expr, {"A": P, "x": np.arange(4.0)})
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected)
