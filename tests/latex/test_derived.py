"""Gradients and Hessians of random models print with the value they have, and in presentable form."""

import numpy as np
from hypothesis import assume, given, reject, settings

from symdl.calculus import grad, hessian
from symdl.errors import SymdlError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Tensor
from symdl.latex import latex
from symdl.latex.printer import matrix_form
from symdl.testing import models
from tests.katex import katex_error
from tests.latex.form_values import evaluate
from tests.latex.numbers import Numbers

INTERNAL = ("Array", "Element", "_k", "i0", "i_{0}", "r0", "r_{0}", "Dummy", "Subs", "Derivative")


def check(expr, values):
    """Compare the matrix form with the index body (row by row for Kronecker products), and look at the text."""
    expected = np.asarray(values.tensor(expr) if isinstance(expr, Tensor) else values.scalar(expr, {}))
    assume(np.all(np.isfinite(expected)))
    found = np.asarray(evaluate(matrix_form(expr), values)).ravel()
    found = np.broadcast_to(found, expected.size) if found.size == 1 else found
    np.testing.assert_allclose(found, expected.ravel(), rtol=1e-7, atol=1e-8)
    for notation in ("matrix", "index"):
        tex = latex(expr, notation=notation)
        assert katex_error(tex) is None, tex
        assert not [name for name in INTERNAL if name in tex], tex


def derived(function, model):
    try:
        return function(model.expr, model.variables[0])
    except SymdlError:
        reject()


@settings(max_examples=30)
@given(models())
def test_gradients(model):
    assume(min(model.sizes.values()) > 1)
    values = Numbers(model.sizes, model.arrays)
    check(ingest(model.expr), values)
    check(derived(grad, model), values)


@settings(max_examples=12)
@given(models(steps=3))
def test_hessians(model):
    assume(min(model.sizes.values()) > 1)
    check(derived(hessian, model), Numbers(model.sizes, model.arrays))
