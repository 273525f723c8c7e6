"""sd.check draws its points inside the domain of a function, or says that it cannot."""

import numpy as np
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


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([3], "sizes: expected a mapping from names to integers, found list"),
        ({p: 2.5}, "size p: expected an integer of at least 0, found 2.5"),
        ({"p": "3"}, "size p: expected an integer of at least 0, found '3'"),
        ({p: -1}, "size p: expected an integer of at least 0, found -1"),
        ({3: 3}, "expected a name or a declared symbol as a key, found 3"),
    ],
)
def test_sizes_are_integers_by_name(sizes, message):
    for function in (sd.check, sd.stability, lambda f, w, sizes: sd.minimize(f, w, sizes=sizes)):
        with pytest.raises(InputError, match=message):
            function(sd.sum(sd.exp(w)), w, sizes=sizes)


def test_values_are_read_without_loss():
    y = np.ma.array([1.0, 2.0], mask=[True, False])
    for function in (sd.check, sd.stability):
        with pytest.raises(InputError, match="y: expected an array without a mask, found 1 of 2 values masked"):
            function(sd.sum(sd.hadamard(w, sd.vector("y", p))), [w], values={"y": y})
    with pytest.raises(InputError, match="unknown dtype 'float16'; expected one of float32, float64"):
        sd.stability(sd.sum(w), dtypes=("float16",))
