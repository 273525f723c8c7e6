"""sd.check draws its points inside the domain of a function, or says that it cannot."""

import pytest

import symdl as sd
from symdl.errors import InputError

p = sd.dims("p")
w = sd.vector("w", p)


@pytest.mark.parametrize("f", [sd.sum(sd.log(w)), sd.sum(sd.power(w, 1.5)), sd.sum(sd.sqrt(w))], ids=str)
def test_functions_with_a_domain(f):
    assert sd.check(f, wrt=[w], sizes={p: 3}).ok


def test_an_empty_domain_asks_for_values():
    with pytest.raises(InputError, match="not finite at random inputs, nor at positive ones; pass values="):
        sd.check(sd.sum(sd.log(-1 - sd.power(w, 2))), wrt=[w], sizes={p: 3})
