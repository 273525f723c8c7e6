"""Gathers, one-hot vectors and segments: values, scatter-add gradients, empty segments, large scores."""

import numpy as np
import pytest
from sympy import floor, symbols

import symdl as sd
from symdl.errors import ExpressionError, InputError, ShapeError
from symdl.freeze import freeze
from symdl.interpret import evaluate
from tests.structures.checks import check_gradient, check_value, compiled

V, d, T, e = sd.dims("V d T e")
E, w = sd.matrix("E", V, d), sd.vector("w", T, integer=True)
x, s = sd.matrix("x", e, d), sd.vector("s", e, integer=True)
k0, k1 = symbols("k0 k1", integer=True)
SIZES = {V: 5, d: 3, T: 7, e: 8}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    segments = np.array([0, 1, 1, 3, 0, 3, 3, 0])  # none in 2 and 4
    return {"E": rng.normal(size=(5, 3)), "w": rng.integers(0, 5, 7), "x": rng.normal(size=(8, 3)), "s": segments}


def scatters(value):
    return [equation.target for equation in freeze({"out": value}).equations if equation.at is not None]


def test_embedding(arrays):
    check_value(sd.take(E, w), arrays["E"][arrays["w"]], arrays)
    check_value(sd.take(E.T, w, axis=1), arrays["E"].T[:, arrays["w"]], arrays)
    check_gradient(sd.sum(sd.sin(sd.take(E, w))), E, arrays=arrays)


def test_the_gradient_of_a_gather_is_one_scatter():
    gradient = sd.grad(sd.sum(sd.sin(sd.take(E, w))), E)
    assert len(scatters(gradient)) == 1


def test_the_gradient_of_a_segment_sum_is_a_gather():
    u = sd.matrix("u", V, d)
    gradient = sd.grad(sd.sum(sd.hadamard(u, sd.segment_sum(x, s, V))), x)
    assert str(gradient) == "{u[s[i0], i1] : i0<e, i1<d}"
    assert scatters(sd.segment_sum(x, s, V)) != []


def test_indices_of_any_order(arrays):
    pairs = sd.matrix("pairs", 2, 3, integer=True)
    given = {**arrays, "pairs": np.array([[0, 4, 4], [1, 0, 2]])}
    check_value(sd.take(E, pairs), arrays["E"][given["pairs"]], given)
    check_gradient(sd.sum(sd.sin(sd.take(E, pairs))), E, arrays=given)
    check_gradient(sd.sum(sd.sin(sd.take(E, pairs[0]))), E, arrays=given)


def test_one_hot(arrays):
    check_value(sd.one_hot(w, V), np.eye(5)[arrays["w"]], arrays, SIZES)
    product = sd.one_hot(w, V) @ E
    check_value(product, arrays["E"][arrays["w"]], arrays)
    check_gradient(sd.sum(sd.sin(product)), E, arrays=arrays)


def by_segment(arrays, reduce):
    rows = [arrays["x"][arrays["s"] == v] for v in range(5)]
    return np.array([reduce(part, axis=0) if len(part) else np.zeros(3) for part in rows])


@pytest.mark.parametrize(
    ("segment", "reduce"),
    [(sd.segment_sum, np.sum), (sd.segment_mean, np.mean), (sd.segment_max, np.max)],
    ids=["sum", "mean", "max"],
)
def test_segments(segment, reduce, arrays):
    y = segment(x, s, V)
    check_value(y, by_segment(arrays, reduce), arrays, SIZES)
    check_gradient(sd.sum(sd.sin(y)) + sd.sum(sd.exp(y)), x, arrays=arrays, sizes=SIZES)


def test_segment_softmax(arrays):
    y = sd.segment_softmax(x, s, V)
    same = arrays["s"][:, None] == arrays["s"]
    expected = np.exp(arrays["x"]) / (same @ np.exp(arrays["x"]))
    check_value(y, expected, arrays, SIZES)
    check_gradient(sd.sum(sd.hadamard(sd.sin(x), y)), x, arrays=arrays, sizes=SIZES)


@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_segment_softmax_does_not_overflow(target, arrays):
    large = {**arrays, "x": 1e4 * arrays["x"]}
    y = compiled(sd.segment_softmax(x, s, V), large, SIZES, target)
    np.testing.assert_allclose(by_segment({**arrays, "x": y}, np.sum)[[0, 1, 3]], np.ones((3, 3)), rtol=1e-12)


def test_ties_of_a_segment_go_to_its_first_row():
    gradient = sd.grad(sd.sum(sd.segment_max(x, s, V)), x)
    given = {"x": np.ones((3, 1)), "s": np.array([1, 0, 1])}
    assert evaluate(gradient, given, {V: 2})[:, 0].tolist() == [1, 1, 0]


def test_graph_attention_catalogue_8_5(arrays):
    """8.5-gat: softmax over a sparse index set, then a rank-one pre-activation."""
    n, m = 5, 8
    z, a1, a2 = sd.matrix("z", n, 3), sd.vector("a1", 3), sd.vector("a2", 3)
    to, source = sd.vector("to", m, integer=True), sd.vector("source", m, integer=True)
    u = sd.named("u", sd.take(z @ a1, to) + sd.take(z @ a2, source))
    alpha = sd.segment_softmax(sd.leaky_relu(u), to, n)
    weighted = sd.array(alpha[k0] * sd.take(z, source)[k0, k1], (k0, m), (k1, 3))
    loss = sd.sum(sd.sin(sd.segment_sum(weighted, to, n)))
    rng = np.random.default_rng(1)
    given = {"z": rng.normal(size=(n, 3)), "a1": rng.normal(size=3), "a2": rng.normal(size=3)}
    given |= {"to": arrays["s"], "source": rng.integers(0, n, m)}
    by_a1, by_a2, _ = check_gradient(loss, a1, a2, z, arrays=given)
    # the catalogue's form, from the derivative by the pre-activation u
    Z, v, q = given["z"], given["to"], given["source"]
    pre = Z[v] @ given["a1"] + Z[q] @ given["a2"]
    score = np.where(pre >= 0, pre, 0.01 * pre)
    weight = np.exp(score) / ((v[:, None] == v) @ np.exp(score))
    G = np.cos((v == np.arange(n)[:, None]) @ (weight[:, None] * Z[q]))
    g = np.sum(G[v] * Z[q], axis=1)
    inner = weight * (g - (v[:, None] == v) @ (weight * g)) * np.where(pre >= 0, 1, 0.01)
    np.testing.assert_allclose(evaluate(by_a1, given), inner @ Z[v], rtol=1e-10)
    np.testing.assert_allclose(evaluate(by_a2, given), inner @ Z[q], rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: sd.take(E, sd.vector("v", T)), ExpressionError, "take: expected a tensor declared integer=True"),
        (lambda: sd.take(E, w, axis=2), ShapeError, "take: axis 2 is out of range for shape \\(V, d\\)"),
        (lambda: sd.segment_sum(x, w, V), ShapeError, "one segment number for each row of shape \\(e, d\\)"),
        (lambda: sd.one_hot(E, V), ExpressionError, "one_hot: expected a tensor declared integer=True"),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("place", "found"),
    [
        (lambda v, i: v[i], "is v, which is real; expected a tensor declared integer=True"),
        (lambda v, i: floor(v[i]), "is floor.v.i0.., which is computed"),
        (lambda v, i: sd.argmax(v) + 0 * i, "is a computed value; expected"),
        (lambda v, i: sd.sum(v), "is a computed value; expected"),
    ],
)
@pytest.mark.parametrize("target", ["numpy", "cpu"])
def test_places_that_are_computed_are_refused(place, found, target):
    y, v = sd.vector("y", d), sd.vector("v", T)
    with pytest.raises(ExpressionError, match=found):
        sd.compile(sd.array(y[place(v, k0)], (k0, T)), target=target)


def test_an_entry_at_an_integer_scalar():
    """The value of the action taken: an index that is a scalar of the sample, in training one for each."""
    n = 4
    q, a = sd.vector("q", n), sd.scalar("a", integer=True)
    function = sd.compile([q[a] ** 2, sd.grad(q[a] ** 2, q)])
    value, gradient = function(q=[1.0, 2, 3, 4], a=2)
    assert value == 9
    assert gradient.tolist() == [0, 0, 6, 0]
    assert function(q=[1.0, 2, 3, 4], a=np.True_)[0] == 4
    for wrong, message in ((4, "expected indices 0 to 3"), (-1, "expected indices 0 to 3"), (1.5, "fractional")):
        with pytest.raises(InputError, match=message):
            function(q=[1.0, 2, 3, 4], a=wrong)
    with pytest.raises(ExpressionError, match=r"found a; the entry at one integer is read as x\[a\]"):
        sd.take(q, a)


def test_training_on_entries_at_integer_scalars():
    s, a, r = sd.vector("s", 3), sd.scalar("a", integer=True), sd.scalar("r")
    W = sd.matrix("W", 2, 3)
    model = sd.Model(loss=((W @ s)[a] - r) ** 2, parameters=[W], inputs=[s, a, r], init={W: np.zeros((2, 3))})
    rng = np.random.default_rng(0)
    data = {"s": rng.normal(size=(6, 3)), "a": rng.integers(2, size=6), "r": rng.normal(size=6)}
    sd.fit(model, data, optimizer=sd.optimizers.SGD(alpha=0.5), epochs=1, batch_size=6, target="numpy", dtype="float64")
    expected = np.zeros((2, 3))
    np.add.at(expected, data["a"], data["r"][:, None] * data["s"] / 6)
    np.testing.assert_allclose(model.values["W"], expected, rtol=1e-12)
