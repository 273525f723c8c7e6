r"""The book's derivations, chapters 3 and 4, appendices A and B: derived, printed as there, and true.

A row is (entry, result, expected, value). The expected text is written by hand from the book's form, not taken from the
output, and is compared up to white space, the size of parentheses and the order of what commutes; numbers that stand
side by side come in the printer's order. A row whose name says "expanded" has another form than the book. The value is
the book's formula in NumPy.
"""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.golden.book_appendices import APPENDICES
from tests.golden.book_chapters import CHAPTERS
from tests.golden.book_values import ALIKE, NUMPY, SIZES, values
from tests.golden.order import canonical
from tests.katex import katex_error

BOOK = {**CHAPTERS, **APPENDICES}


@pytest.mark.parametrize("entry", BOOK)
def test_printed_as_in_the_book(entry):
    result, expected, _ = BOOK[entry]
    found = sd.latex(result())
    assert canonical(found) == canonical(expected)
    assert katex_error(found) is None


@pytest.mark.parametrize("entry", BOOK)
def test_the_value_is_that_of_the_formula(entry):
    result, _, formula = BOOK[entry]
    expression = result()
    own, alike = values()
    arrays = {}
    for symbol in expression.free_symbols:
        name = ALIKE.get((symbol.name, tuple(getattr(symbol, "shape", ()))), symbol.name)
        definite = "positive_definite" in getattr(symbol, "properties", ()) and symbol.name == "A"
        arrays[symbol.name] = alike["P"] if definite else alike[name] if name in alike else own.get(name)
    found = evaluate(expression, {name: value for name, value in arrays.items() if value is not None}, SIZES)
    expected = eval(formula, {**NUMPY, **own, **alike, "S": own["Sigma"], "S1": own["Sigma1"], "S2": own["Sigma2"]})
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
