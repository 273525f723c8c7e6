"""Padded copies: what is guarded in a sum of products is read from one copy with zeros in it, values unchanged."""

import numpy as np
import pytest

import symdl as sd
from symdl.freeze import freeze
from symdl.interpret import evaluate
from symdl_codegen.program import Apply, Const, walk
from tests.structures.checks import check_gradient, check_value, compiled, inputs

c, h, w, o = sd.dims("c h w o")


def guarded_sums(*values):
    """Return the sums of products that ask a condition, and the shapes of the padded copies."""
    program = freeze({f"out{k}": value for k, value in enumerate(values)})
    sums = [equation for equation in program.equations if equation.reduction == "add"]
    asking = [
        equation.target
        for equation in sums
        if any(isinstance(node, Apply) and node.primitive == "where" for node in walk(equation.body))
    ]
    copies = {name: tensor.shape for name, tensor in program.tensors.items() if name.startswith("padded")}
    return asking, copies


def sizes_of(shape):
    return [size.value for size in shape if isinstance(size, Const)]


def gradients(y, *variables):
    d = sd.tensor("delta", y.shape)
    return sd.grad(sd.sum(sd.hadamard(d, y)), list(variables))


def test_a_padded_convolution_reads_one_copy():
    x, K = sd.tensor("x", (2, 6, 7)), sd.tensor("K", (3, 2, 3, 3))
    y = sd.conv2d(x, K, padding=1)
    by_K = gradients(y, K)[0]
    asking, copies = guarded_sums(y, by_K)
    assert asking == []
    assert [sizes_of(shape) for shape in copies.values()] == [[2, 8, 9]]  # the same for the value and the gradient


def test_the_adjoint_of_a_stride_has_zeros_between_the_entries():
    x, K = sd.tensor("x", (2, 7, 9)), sd.tensor("K", (3, 2, 3, 3))
    asking, copies = guarded_sums(gradients(sd.conv2d(x, K, stride=2), x)[0])
    assert asking == []
    assert [sizes_of(shape) for shape in copies.values()] == [[3, 9, 11]]  # h + k - 1


def test_symbolic_sizes():
    x, K = sd.tensor("x", (c, h, w)), sd.tensor("K", (o, c, 3, 3))
    y = sd.conv2d(x, K, stride=2, padding=1)
    asking, copies = guarded_sums(y, *gradients(y, x, K))
    assert asking == []
    assert len(copies) == 2


@pytest.mark.parametrize(
    "options",
    [{"stride": (2, 3), "padding": 2}, {"stride": 2, "dilation": 2, "padding": 3}, {"stride": 3, "dilation": 2}],
    ids=str,
)
def test_values_stay(options):
    x, K = sd.tensor("x", (2, 9, 8)), sd.tensor("K", (3, 2, 3, 2))
    y = sd.conv2d(x, K, **options)
    found = gradients(y, x, K)
    arrays = inputs(y, *found)
    for value in (y, *found):
        check_value(value, evaluate(value, arrays), arrays)


def test_names_are_not_taken():
    x, K = sd.tensor("padded0", (2, 6, 7)), sd.tensor("K", (3, 2, 3, 3))
    y = sd.conv2d(x, K, padding=1)
    arrays = inputs(y)
    check_value(y, evaluate(y, arrays), arrays)


def test_guards_in_a_sum_over_scalars():
    """A condition on a value is no guard of a place: nothing is copied."""
    x, v = sd.vector("x", h), sd.vector("v", h)
    loss = sd.sum(sd.hadamard(v, sd.where(sd.greater(x, 0), x, 0)))
    assert guarded_sums(loss)[1] == {}
    check_gradient(loss, x, v, sizes={h: 5})


def test_shifts_of_one_axis():
    """The entries are read at i + k - 2, the condition speaks of i + k alone."""
    x, K = sd.tensor("x", (1, h)), sd.tensor("K", (1, 1, 5))
    y = sd.conv1d(x, K, padding=2)
    arrays = inputs(y, sizes={h: 4})
    expected = np.correlate(np.pad(arrays["x"][0], 2), arrays["K"][0, 0], "valid")[None]
    np.testing.assert_allclose(compiled(y, arrays, {h: 4}), expected, rtol=1e-12)
