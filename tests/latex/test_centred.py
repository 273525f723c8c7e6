"""The Jacobian of a normalisation as papers write it: (I - 11ᵀ/n - x̄x̄ᵀ/n) / √(σ² + ε), catalogue 5.6 and 7.5."""

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

n = sd.dims("n")
x, epsilon = sd.vector("x", n), sd.scalar("epsilon", positive=True)
MEAN = r"\frac{1}{n} \left(\mathbf{1}^{\top} x\right) \mathbf{1}"
VARIANCE = rf"\frac{{1}}{{n}} \left\lVert x - {MEAN} \right\rVert^{{2}} + \epsilon"
STANDARD = {
    "written out": (x - sd.mean(x)) / sd.sqrt(sd.var(x) + epsilon),
    "layer norm": sd.layer_norm(x, epsilon=epsilon),
}


@pytest.mark.parametrize("name", STANDARD)
def test_the_jacobian_of_a_normalisation(name):
    jacobian = sd.jacobian(STANDARD[name], x)
    outer = rf"\left(x - {MEAN}\right) \left(x - {MEAN}\right)^{{\top}}"
    inside = (
        rf"I - \frac{{1}}{{n \left({VARIANCE}\right)}} {outer} - \frac{{1}}{{n}} \mathbf{{1}} \mathbf{{1}}^{{\top}}"
    )
    assert sd.latex(jacobian) == rf"\frac{{1}}{{\sqrt{{{VARIANCE}}}}} \left({inside}\right)"


CASES = {
    "normalised": (STANDARD["written out"], x),
    "layer norm with a number": (sd.layer_norm(x), x),
    "centred": (sd.sum(sd.power(x - sd.mean(x), 3)) * (x - sd.mean(x)), x),
}


@pytest.mark.parametrize("name", CASES)
def test_printed_jacobians_have_the_value_of_what_they_print(name):
    jacobian = sd.jacobian(*CASES[name])
    given = {"x": np.random.default_rng(0).standard_normal(5), "epsilon": 0.3}
    values = Numbers({"n": 5}, given)
    expected = evaluate(jacobian, given)
    np.testing.assert_allclose(form_value(matrix_form(jacobian), values), expected, rtol=1e-12, atol=1e-12)
    form, letters = index_form(jacobian)
    tex = text(sized(form, values))
    assert katex_error(tex) is None, tex
    names = {"x": given["x"], "n": 5, r"\epsilon": np.float64(0.3)}
    for place in np.ndindex(5, 5):
        env = dict(zip(letters, (k + 1 for k in place), strict=True))
        found = read(tex, names, sizes=letter_sizes(form, values), **env)
        np.testing.assert_allclose(found, expected[place], rtol=1e-9, atol=1e-12, err_msg=tex)
