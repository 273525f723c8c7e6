"""What is printed means what was written: forms and LaTeX text give the numbers of the index body."""

from typing import Any

import numpy as np
from hypothesis import assume, given, reject, settings

from symdl.expr.nodes import Named, Tensor, TensorSymbol
from symdl.expr.system import children
from symdl.latex import latex
from symdl.latex.names import symbol_latex
from symdl.latex.printer import index_form, matrix_form
from symdl.latex.write import text
from tests.katex import katex_error
from tests.latex.form_values import evaluate
from tests.latex.numbers import Numbers
from tests.latex.random_tensors import expressions, numbers
from tests.latex.reader import letter_sizes, read, sized

VALUES = numbers()
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def direct(expr, values: Numbers):
    """Return the value by the definition; vectors as columns."""
    try:
        value = values.tensor(expr) if isinstance(expr, Tensor) else np.asarray(values.scalar(expr, {}))
    except OverflowError:
        reject()
    assume(np.all(np.abs(value) < 1e12))
    if value.ndim > 2:
        return value.reshape(value.shape[0], -1)
    return value.reshape(value.shape[0], -1) if value.ndim and value.size > 1 else value.reshape(-1)[0]


def names_of(expr, values: Numbers) -> dict:
    """Return the values of everything that prints by a name."""
    found: dict[str, Any] = dict(values.sizes)
    stack, seen = [expr], set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, TensorSymbol | Named):
            found[symbol_latex(node)] = values.tensor(node)
        stack += [*node.args, *(children(node) if isinstance(node, Tensor) else ())]
    found |= {"c": values.arrays["c"], r"\lambda": values.arrays["lambda"]}
    return found


@settings(max_examples=200)
@given(expressions())
def test_matrix_form_has_the_value_of_the_index_body(expr):
    expected = direct(expr, VALUES)
    np.testing.assert_allclose(evaluate(matrix_form(expr), VALUES), expected, **CLOSE)


@settings(max_examples=200)
@given(expressions())
def test_printed_matrix_notation_reads_as_the_same_value(expr):
    expected, form = direct(expr, VALUES), matrix_form(expr)
    tex, sizes = text(sized(form, VALUES)), letter_sizes(form, VALUES)
    if sizes is not None:
        value = read(tex, names_of(expr, VALUES), sizes=sizes)
        np.testing.assert_allclose(np.broadcast_to(value, np.shape(expected)), expected, **CLOSE, err_msg=tex)


@settings(max_examples=150)
@given(expressions())
def test_printed_index_notation_reads_as_the_same_value(expr):
    form, letters = index_form(expr)
    tex, sizes = text(sized(form, VALUES)), letter_sizes(form, VALUES)
    names = names_of(expr, VALUES)
    if sizes is None:
        return
    direct(expr, VALUES)
    squeezed = np.squeeze(VALUES.tensor(expr) if isinstance(expr, Tensor) else np.asarray(VALUES.scalar(expr, {})))
    for place in np.ndindex(squeezed.shape):
        env = dict(zip(letters, (k + 1 for k in place), strict=True))
        np.testing.assert_allclose(read(tex, names, sizes=sizes, **env), squeezed[place], **CLOSE, err_msg=tex)


@settings(max_examples=100)
@given(expressions())
def test_printed_formulas_parse_and_show_no_internal_name(expr):
    for notation in ("matrix", "index"):
        tex = latex(expr, notation=notation)
        assert katex_error(tex) is None, tex
        for name in ("Array", "Element", "_k", "i0", "i_{0}", "r0", "r_{0}", "Dummy"):
            assert name not in tex, tex
