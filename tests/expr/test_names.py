"""Named intermediates: one equation each, however and wherever they are read."""

import numpy as np
import pytest
from sympy import Sum, symbols

import symdl as sd
from symdl.errors import NameConflictError
from symdl.expr.system import trace
from symdl.interpret import evaluate
from tests.property.oracle import assert_gradient, gradient, inputs

SIZES = {"n": 4, "p": 3}
n, p = sd.dims("n p")
x, y, w = sd.vector("x", n), sd.vector("y", n), sd.vector("w", p)
W = sd.matrix("W", n, p)


def targets(*values):
    return [equation.target.name for equation in trace(list(values)).equations]


def test_a_tensor_that_is_named_after_it_was_read_has_one_equation():
    inner = sd.tanh(x)
    f = sd.sum(sd.exp(inner)) * sd.sum(sd.hadamard(sd.named("z", inner), y))
    assert targets(f).count("z") == 1
    assert [load.tensor.name for load in trace([f]).by_target[next(
        e.target for e in trace([f]).equations if e.target.name == "z")].loads] == ["x"]  # fmt: skip
    assert {tensor.name for tensor in trace([f]).inputs} == {"x", "y"}
    assert_gradient(f, x, y, sizes=SIZES)


def test_an_output_that_is_named_later_is_found():
    inner = sd.tanh(x)
    values = evaluate([inner, sd.named("z", inner), sd.exp(inner)], {"x": np.arange(4.0)})
    np.testing.assert_array_equal(values[0], np.tanh(np.arange(4.0)))
    np.testing.assert_array_equal(values[1], values[0])


def test_one_name_for_two_tensors_is_numbered():
    f = sd.sum(sd.named("z", sd.exp(x))) * sd.sum(sd.named("z", sd.sin(x)))
    assert {"z", "z_2"} <= set(targets(f))
    assert_gradient(f, x, sizes=SIZES)


def test_two_intermediates_that_would_print_alike_are_refused():
    f = sd.sum(sd.hadamard(sd.named("z", sd.exp(x)), sd.named("z", sd.sin(x))))
    with pytest.raises(NameConflictError, match="z: two intermediates print as z and differ; give one of them another"):
        sd.latex(f)
    with pytest.raises(NameConflictError, match="y: an input and an intermediate print as y"):
        sd.latex(sd.sum(sd.hadamard(sd.named("y", sd.exp(x)), y)), notation="index")
    told = sd.sum(sd.hadamard(sd.named("z", sd.exp(x)), sd.named("z", sd.sin(x), latex="z'")))
    assert sd.latex(told) in (r"z^{\top} z'", r"z'^{\top} z")
    once = sd.named("z", sd.exp(x))
    assert sd.latex(sd.sum(sd.hadamard(once, sd.sin(once)))) == r"z^{\top} \sin\left(z\right)"


def test_two_losses_of_one_named_tensor():
    z = sd.named("z", W @ w)
    losses = [sd.sum(sd.tanh(z)), sd.sum(sd.exp(z))]
    arrays = inputs(*losses, sizes=SIZES)
    values = evaluate([sd.grad(loss, w) for loss in losses], arrays, SIZES)
    for loss, value in zip(losses, values, strict=True):
        np.testing.assert_allclose(value, gradient(loss, w, arrays, SIZES), rtol=1e-12)


def test_a_gradient_with_a_named_adjoint_is_derived_again():
    f = sd.sum(sd.tanh(sd.named("z", W @ w)))
    assert_gradient(sd.sum(sd.square(sd.grad(f, w))), w, W, sizes=SIZES)
    assert_gradient(sd.sum(sd.square(sd.hessian(f, w))), w, W, sizes=SIZES)


def test_an_input_may_have_the_name_of_an_adjoint():
    delta, z = sd.vector("delta", n), sd.named("z", W @ w)
    assert_gradient(sd.sum(sd.hadamard(delta, sd.tanh(z))), w, delta, sizes=SIZES)


def test_the_name_of_an_input_is_taken():
    with pytest.raises(NameConflictError, match="x: an input and an intermediate have this name; rename one of them"):
        trace([sd.sum(sd.named("x", sd.exp(x)))])


def test_a_value_with_its_simplified_gradient():
    z = sd.named("z", sd.divide(sd.exp(x), sd.broadcast(sd.sum(sd.exp(x)), (n,))))
    value, slope = evaluate(list(sd.value_and_grad(sd.sum(sd.log(z)), x)), {"x": np.arange(4.0)})
    soft = np.exp(np.arange(4.0)) / np.exp(np.arange(4.0)).sum()
    np.testing.assert_allclose(value, np.log(soft).sum())
    np.testing.assert_allclose(slope, 1 - 4 * soft)


def test_facts_of_a_deep_graph_need_no_recursion():
    n = sd.dims("n")
    W, a = sd.matrix("W", n, n), sd.vector("x", n)
    for _ in range(1000):
        a = sd.tanh(W @ a)
    assert {symbol.name for symbol in sd.sum(a).free_symbols} == {"W", "x"}


def test_scalars_may_have_the_names_that_kernels_give_to_parts():
    A, z, c1 = sd.matrix("A", 3, 3), sd.vector("z", 3), sd.scalar("c1")
    i, j = symbols("i j", integer=True)
    value = c1 + Sum(z[i] * A[i, j] * sd.tanh(z[j]), (i, 0, 2), (j, 0, 2))
    a, b = np.arange(9.0).reshape(3, 3), np.array([0.5, -1.0, 2.0])
    found = sd.compile(value, target="numpy")(A=a, z=b, c1=5.0)
    assert found == pytest.approx(5.0 + b @ a @ np.tanh(b), rel=1e-14)
