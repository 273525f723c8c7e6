"""What a reverse sweep reads of a tensor is stored where the tensor is made, if it shares a costly function there."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.program import Const
from tests.codegen.programs import Builder, ap, axes, ld

X = np.array([-100.0, -3.0, -0.5, 0.0, 1e-8, 0.4, 2.0, 50.0])
G = np.linspace(-2.0, 2.0, len(X))


def read_back(activation, slope, *more):
    """The program z = 2 x; a = activation(z), s = its sum; d = slope(z) times g s."""
    b = Builder("slopes", n=None)
    b.input("x", "n")
    b.input("g", "n")
    b.eq("z", axes(i="n"), ap("mul", Const(2.0), ld("x", "i")))
    b.eq("a", axes(i="n"), activation(ld("z", "i")))
    b.eq("s", (), ld("a", "r"), "add", axes(r="n"))
    b.eq("d", axes(i="n"), slope(ld("z", "i"), ap("mul", ld("g", "i"), ld("s"))))
    return b.program("d", "s", *more)


def decay(x):
    return ap("exp", ap("neg", ap("abs", x)))


def sigmoid_slope(z, factor):
    """The reverse sweep writes factors as they come: (e^-|z| u) / (1 + e^-|z|)²."""
    below = ap("add", decay(ap("neg", z)), Const(1.0))
    return ap("div", ap("mul", decay(ap("neg", z)), factor), ap("mul", below, below))


CASES = {
    "sigmoid": (lambda z: ap("div", Const(1.0), ap("add", Const(1.0), decay(z))), sigmoid_slope),
    "erfc": (lambda z: ap("mul", z, ap("erfc", z)), lambda z, u: ap("mul", ap("add", ap("erfc", z), z), u)),
    "tanh": (
        lambda z: ap("tanh", z),
        lambda z, u: ap("mul", ap("exp", ap("neg", ap("abs", ap("mul", z, Const(-2.0))))), u),
    ),
}


def outcomes(program):
    switches = {"inline": False, "recompute": False}
    built = {on: build(program, passes={**switches, "slopes": on}) for on in (True, False)}
    plain = build(program, "numpy")({"x": X, "g": G})
    for fn in built.values():
        found = fn({"x": X, "g": G})
        for name, value in plain.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-13, atol=1e-300)
    return [set(fn.module.buffers) for fn in built.values()]


@pytest.mark.parametrize("case", CASES)
def test_the_slope_is_stored_instead_of_the_tensor(case):
    with_pass, without = outcomes(read_back(*CASES[case]))
    assert "z_slope" in with_pass
    assert "z" not in with_pass
    assert "z" in without


def test_what_is_an_output_stays():
    with_pass, _ = outcomes(read_back(*CASES["erfc"], "z"))
    assert "z" in with_pass
    assert "z_slope" not in with_pass


def test_what_shares_nothing_costly_stays():
    with_pass, _ = outcomes(read_back(lambda z: ap("mul", z, z), CASES["erfc"][1]))
    assert "z_slope" not in with_pass


def test_two_functions_of_it_stay():
    with_pass, _ = outcomes(read_back(CASES["erfc"][0], lambda z, u: ap("add", ap("mul", z, u), ap("erfc", z), u)))
    assert "z_slope" not in with_pass


def test_factors_that_may_overflow_keep_their_order():
    """(u e^z) / (1 + e^z)² would be 0/0 or inf/inf as a function of z alone where u makes it finite."""
    rising = lambda z: ap("exp", z)  # noqa: E731 because it is a case's activation
    slope = lambda z, u: ap("div", ap("mul", ap("exp", z), u), ap("mul", ap("exp", z), ap("exp", z)))  # noqa: E731 because it is a case's slope
    with_pass, _ = outcomes(read_back(rising, slope))
    assert "z_slope" not in with_pass
