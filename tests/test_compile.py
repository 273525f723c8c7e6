"""``sd.compile`` as a caller meets it: arguments, refusals, copies."""

import copy
import pickle

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError, NumericalError

n, p = sd.dims("n p")
X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
COST = sd.norm(X @ w - y) ** 2
ARRAYS = {"X": np.arange(8.0).reshape(4, 2), "y": np.ones(4), "w": np.array([1.0, -1.0])}
VALUE = float(np.sum((ARRAYS["X"] @ ARRAYS["w"] - 1) ** 2))


@pytest.fixture(scope="module")
def function():
    return sd.compile(COST, target="numpy")


def test_arrays_by_name_or_symbol(function):
    assert function(**ARRAYS) == function(ARRAYS) == function({X: ARRAYS["X"], y: ARRAYS["y"]}, w=[1, -1]) == VALUE
    assert function(**{**ARRAYS, "y": np.ma.array(np.ones(4))}, n=4) == VALUE  # nothing is masked


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda f: f(ARRAYS["X"]), "arguments: expected a mapping from names to arrays, found ndarray"),
        (lambda f: f(ARRAYS, ARRAYS), "expected one mapping of arrays, found 2"),
        (lambda f: f(ARRAYS, w=0), "w: given twice, in the mapping and by keyword"),
        (lambda f: f({**ARRAYS, 3: 1}), "expected a name or a declared symbol as a key, found 3"),
        (lambda f: f(self=1, **ARRAYS), "arguments: unknown self; expected exactly X, w, y"),
        (lambda f: f(**{**ARRAYS, "X": [[1, 2], [3]]}), "X: expected a rectangular array of numbers, found rows of"),
        (lambda f: f(**{**ARRAYS, "y": np.ma.array(np.ones(4), mask=[1, 0, 1, 0])}),
         r"y: expected an array without a mask, found 2 of 4 values masked; drop them, or .* \.filled"),
        (lambda f: f(**{**ARRAYS, "w": ["1", "2"]}), "w: expected real numbers, found dtype <U1; convert it"),
        (lambda f: f(**{**ARRAYS, "w": [1j, 2]}), "w: expected real numbers, found dtype complex128; take .real"),
        (lambda f: f(**ARRAYS, n=4.0), "n: expected an integer size, found 4.0"),
        (lambda f: f(**ARRAYS, n=5), r"X: expected shape \(n, p\) = \(5, 2\), found \(4, 2\) \(n = 5 from the call\)"),
    ],
)  # fmt: skip
def test_calls_that_do_not_fit(function, call, message):
    with pytest.raises(InputError, match=message):
        call(function)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "tpu"}, "unknown target 'tpu'; expected one of cpu, numpy, cuda"),
        ({"dtype": "float16"}, "unknown dtype 'float16'; expected one of float32, float64"),
        ({"dtype": np.dtype("float64")}, r"unknown dtype dtype\('float64'\); expected one of float32, float64"),
        ({"dynamic": "batch"}, r"dynamic=\['batch'\]: no such size in the expression; its sizes are n, p"),
        ({"threads": 0}, "threads: expected an integer of at least 1, found 0"),
    ],
)
def test_options_that_do_not_fit(options, message):
    with pytest.raises(InputError, match=message):
        sd.compile(COST, **options)


@pytest.mark.parametrize("dynamic", [n, "n", [n], ["n"]])
def test_one_dynamic_size_needs_no_list(dynamic):
    function = sd.compile(COST, target="numpy", dynamic=dynamic)
    with pytest.raises(InputError, match=r"specialised for its static sizes at the first call \(p\)"):
        _ = function.source
    assert function(ARRAYS) == VALUE


@pytest.mark.parametrize("fact", ["symmetric", "diagonal", "orthogonal"])
def test_declared_square_and_given_another_shape(fact):
    square = sd.compile(sd.trace(sd.matrix("S", n, n, **{fact: True})), target="numpy")
    assert square(S=np.eye(3)) == 3
    with pytest.raises(InputError, match=r"S: expected shape \(n, n\) = \(3, 3\), found \(3, 2\)"):
        square(S=np.ones((3, 2)))


def test_integers_beyond_64_bits():
    picked = sd.compile(sd.take(w, sd.vector("i", n, integer=True)), target="numpy")
    with pytest.raises(InputError, match=r"i: expected 64-bit integers, found 9\.22337"):
        picked(w=[1, 2], i=[2.0**63])


def test_no_result_is_a_numerical_error():
    with pytest.raises(NumericalError, match="the matrix to be inverted is singular"):
        sd.compile(sd.inv(sd.matrix("A", n, n)), target="numpy")(A=np.ones((2, 2)))


CHANGE = sd.scalar("c", latex=r"\gamma")
EXPRESSIONS = {
    "named": sd.sum(sd.named("z", sd.tanh(X @ w), latex="z^{[1]}")) * CHANGE,
    "composite": sd.sum(sd.hadamard(sd.softmax(X @ w), y)),
    "one-hot": sd.sum(sd.hadamard(sd.vector("t", n, one_hot=True), X @ w)),
    "recurrence": sd.sum(sd.recurrence(lambda t, h: sd.tanh(h * X[t, 0] + w), w, n, checkpoint=2)),
    "inverse": sd.logdet(X.T @ X + sd.eye(p)),
    "draw": sd.sum(sd.hadamard(sd.random.normal((n,), stream="noise"), y)),
    "derivative": sd.hessian(sd.sum(sd.softplus(X @ w)), w),
    "choice": sd.sum(sd.where(y > 0, sd.exp(y), sd.max(w))),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_and_functions_can_be_pickled(name):
    value = EXPRESSIONS[name]
    again = pickle.loads(pickle.dumps(value))
    assert again == value
    assert getattr(again, "derivative", None) == getattr(value, "derivative", None)
    assert sd.latex(again) == sd.latex(value)
    function = sd.compile([value], target="numpy")
    given = {**ARRAYS, "c": 2.0, "t": np.eye(4)[1], "seed": 1, "step": 0}
    given = {key: given[key] for key in function.inputs if key in given}
    sizes = {"n": 4} if "n" in function.inputs else {}
    for other in (pickle.loads(pickle.dumps(function)), copy.deepcopy(function)):
        assert other.inputs == function.inputs
        assert np.array_equal(other(given, **sizes)[0], function(given, **sizes)[0])


def test_a_pickled_function_keeps_its_options():
    function = sd.compile(COST, "numpy", "float32", dynamic=n, threads=1)
    other = pickle.loads(pickle.dumps(function))
    assert (other.target, other.dtype, other.threads) == ("numpy", "float32", 1)
    assert other(ARRAYS).dtype == np.float32
