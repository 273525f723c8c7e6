"""A tensor that is called delta beside Kronecker's."""

import pytest

import symdl as sd
from symdl.errors import NameConflictError

n = sd.dims("n")
places = sd.vector("w", n, integer=True)


def test_beside_an_identity_it_prints():
    delta = sd.matrix("delta", n, n)
    assert sd.latex(delta + sd.eye(n)) == r"I + \delta"


def test_beside_kroneckers_delta_it_is_refused():
    with pytest.raises(NameConflictError, match=r"delta: prints as .*, as Kronecker's delta does; give another latex="):
        sd.latex(sd.hadamard(sd.one_hot(places, n), sd.matrix("delta", n, n)))
    named = sd.matrix("delta", n, n, latex=r"\Delta")
    assert r"\delta_{" in sd.latex(sd.hadamard(sd.one_hot(places, n), named))
