"""A gradient by the score function reads as books write it: the mean of (f - b) ∇ log p, without a weight of one."""

import symdl as sd
from symdl.latex.stopped import without_weights
from symdl.simplify import simplify

n = sd.dims("n")
x = sd.vector("x", n)


def test_the_score_of_a_normal_distribution():
    mu, z = sd.vector("mu", n), sd.vector("z", n)
    normal = sd.distributions.Normal(mu, 1)
    value = sd.expectation(sd.sum(sd.square(z)), z, normal, method="score", samples=1000, baseline=7, stream="z")
    deviation, reward = r"\left(z^{\top} - \mu \mathbf{1}^{\top}\right)", r"\left(z^{\odot 2} \mathbf{1} - 7\right)"
    assert sd.latex(sd.grad(value, mu)) == rf"\frac{{1}}{{1000}} {deviation} {reward}"


def test_only_weights_of_one_are_left_out():
    for other in (sd.exp(x - 2 * sd.stop_gradient(x)), sd.exp(x - sd.stop_gradient(sd.sin(x))), sd.stop_gradient(x)):
        written = simplify([other]).values[0].body
        assert without_weights(written) == written
        assert "sg" in sd.latex(other)
    one = simplify([sd.exp(sd.sin(x) - sd.stop_gradient(sd.sin(x)))]).values[0]
    assert without_weights(one.body) == 1 != one.body
