"""Derivatives of functions written with slices: no choices by place where blocks or ranges say the same."""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from symdl.latex.printer import index_form, matrix_form
from symdl.latex.write import text
from tests.katex import katex_error
from tests.latex.form_values import evaluate as form_value
from tests.latex.numbers import Numbers
from tests.latex.reader import letter_sizes, read, sized

n, m = sd.dims("n m")


def rosenbrock(x):
    return sd.sum(100 * sd.power(x[1:] - sd.power(x[:-1], 2), 2) + sd.power(1 - x[:-1], 2))


def differences(x):
    return sd.sum(sd.exp(x[2:] - x[:-2]))


LENGTHS = {"symbolic": n, "given": 5}
FUNCTIONS = {
    "rosenbrock": rosenbrock, "differences": differences,
    "autocorrelation": lambda x: sd.sum(sd.hadamard(x[1:], x[:-1])),
    "one end": lambda x: sd.sum(sd.power(x[1:], 3)),
    "middle": lambda x: sd.sum(sd.power(x[1:-1], 3)) + sd.sum(x[:-1]),
}  # fmt: skip


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("derive", [sd.grad, sd.hessian])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_printed_derivatives_have_the_value_of_what_they_print(name, derive, length):
    x = sd.vector("x", LENGTHS[length])
    derivative = derive(FUNCTIONS[name](x), x)
    for size in (5, 6, 3) if length == "symbolic" else (5,):
        given = np.random.default_rng(size).uniform(0.5, 1.5, size)
        values = Numbers({"n": size}, {"x": given})
        expected = evaluate(derivative, {"x": given}, {"n": size})
        form = matrix_form(derivative)
        found = form_value(form, values)
        np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-12, atol=1e-12)
        form, letters = index_form(derivative)
        tex = text(sized(form, values))
        assert katex_error(tex) is None, tex
        sizes = letter_sizes(form, values)
        for place in np.ndindex(expected.shape):
            env = dict(zip(letters, (k + 1 for k in place), strict=True))
            found = read(tex, {"x": given, "n": size}, sizes=sizes, **env)
            np.testing.assert_allclose(found, expected[place], rtol=1e-12, atol=1e-12, err_msg=tex)


def test_rosenbrock_as_a_textbook_writes_it():
    """The rows of SciPy's tutorial on optimisation: first, inner and last components; the Hessian is tridiagonal."""
    x = sd.vector("x", n)
    gradient, hessian = sd.grad(rosenbrock(x), x), sd.hessian(rosenbrock(x), x)
    first = r"400 x_{i}^{3} - 400 x_{i + 1} x_{i} + 2 x_{i} - 2"
    last = r"200 \left(x_{i} - x_{i - 1}^{2}\right)"
    printed = sd.latex(gradient, notation="index")
    for row in (rf"{first} & \text{{if }} i = 1 < n", r"& \text{if } 1 < i < n", rf"{last} & \text{{if }} i = n > 1"):
        assert row in printed
    printed = sd.latex(hessian, notation="index")
    assert printed.endswith(r"\delta_{ij} - 400 x_{i} \delta_{i, j - 1} - 400 x_{j} \delta_{i, j + 1}")
    assert r"1200 x_{i}^{2} - 400 x_{i + 1} + 202 & \text{if } 1 < i < n" in printed
    for derivative in (gradient, hessian):
        assert "cases" not in sd.latex(derivative)
    diagonal = r"\operatorname{diag}\left(x_{1:n - 1}\right)"
    assert rf"- 400 \begin{{pmatrix}} 0 & 0 \\ {diagonal} & 0 \end{{pmatrix}}" in sd.latex(hessian)
    assert rf"- 400 \begin{{pmatrix}} 0 & {diagonal} \\ 0 & 0 \end{{pmatrix}}" in sd.latex(hessian)
