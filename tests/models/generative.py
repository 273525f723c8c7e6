"""What the tests of generative models share."""

import numpy as np

import symdl as sd
from symdl.expr.ingest import ingest
from tests.katex import katex_error
from tests.structures.checks import compiled


def assert_prints(value, expected):
    """Assert that ``value`` prints as a text that was written by hand, and that KaTeX reads it."""
    assert sd.latex(value) == expected
    assert katex_error(expected) is None


def assert_values(found, expected, arrays, rtol=1e-10):
    """Assert that compiled expressions have the values that independent code gives, on both backends."""
    for target in ("numpy", "cpu"):
        needed = {symbol.name for value in found for symbol in ingest(value).free_symbols}
        values = compiled(list(found), {name: array for name, array in arrays.items() if name in needed}, target=target)
        for value, number, truth in zip(found, values, expected, strict=True):
            np.testing.assert_allclose(number, truth, rtol=rtol, atol=1e-12, err_msg=f"{target}: {value}")
