"""Book §8.3, catalogue entries 8.3: adversarial losses and the gradient penalty, against formulas in NumPy."""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.models.generative import assert_prints, assert_values
from tests.structures.checks import check_gradient

p, m, h, n = 4, 3, 5, sd.dims("n")
x, z = sd.vector("x", p), sd.vector("z", m, latex="z^*")
W1, b1, w2 = sd.matrix("W1", h, p, latex="W_1"), sd.vector("b1", h, latex="b_1"), sd.vector("w2", h, latex="w_2")
theta, lam = sd.matrix("theta", p, m), sd.scalar("lambda")


def score(at):
    """The logit of the discriminator, or the critic: one hidden layer, f = w_2ᵀ tanh(W_1 x + b_1)."""
    return w2 @ sd.tanh(W1 @ at + b1)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    shapes = {"x": p, "z": m, "W1": (h, p), "b1": h, "w2": h, "theta": (p, m)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {"lambda": 10.0}


def slope_of_score(a, at):
    """The score and its gradient, by hand."""
    activation = np.tanh(a["W1"] @ at + a["b1"])
    return a["w2"] @ activation, a["W1"].T @ (a["w2"] * (1 - activation**2))


def test_the_generator_in_the_minimax_game(arrays):
    """8.3-minimax: ∇_θ log(1 - D) = -(∂G/∂θ) ∇D/(1 - D); by logits it is the softplus form."""
    fake = theta @ z
    plain = sd.log(1 - sd.sigmoid(score(fake)))
    stable = -sd.softplus(score(fake))
    given = {name: arrays[name] for name in arrays if name not in ("x", "lambda")}
    logit, slope = slope_of_score(arrays, arrays["theta"] @ arrays["z"])
    D = 1 / (1 + np.exp(-logit))
    expected = -np.outer(D * (1 - D) * slope, arrays["z"]) / (1 - D)
    for value in (plain, stable):
        (gradient,) = check_gradient(value, theta, arrays=given)
        assert_values([value, gradient], [np.log(1 - D), expected], given)
    inner = r"w_2 \odot \left(1 - \tanh^{2}\left(W_1 \theta z^* + b_1\right)\right)"
    assert_prints(
        sd.grad(stable, theta),
        r"-\sigma_{\mathrm{Sig}}\left(w_2^{\top} \tanh\left(W_1 \theta z^* + b_1\right)\right) "
        rf"W_1^{{\top}} \left({inner}\right) \left(z^*\right)^{{\top}}",
    )


def test_the_generator_that_does_not_saturate(arrays):
    """8.3-nonsat: the ratio of its gradient to that of the game is (1 - D)/D, and finite where D is 0 in floats."""
    fake = theta @ z
    value = sd.softplus(-score(fake))
    given = {name: arrays[name] for name in arrays if name not in ("x", "lambda")}
    (gradient,) = check_gradient(value, theta, arrays=given)
    logit, slope = slope_of_score(arrays, arrays["theta"] @ arrays["z"])
    D = 1 / (1 + np.exp(-logit))
    assert_values([value, gradient], [-np.log(D), -(1 - D) * np.outer(slope, arrays["z"])], given)
    game = evaluate(sd.grad(-sd.softplus(score(fake)), theta), given)
    np.testing.assert_allclose(evaluate(gradient, given), (1 - D) / D * game, rtol=1e-10)
    far = {**given, "w2": -1000 * np.abs(given["w2"]) * np.sign(np.tanh(given["W1"] @ given["theta"] @ given["z"]))}
    assert np.isfinite(sd.compile(gradient, dtype="float32")(far)).all()


def test_the_discriminator_and_the_generator_see_only_their_own_parameters(arrays):
    """8.3-minimax: the gradient in φ has the fake sample held fixed; stop_gradient makes θ's part vanish."""
    real, fake = score(x), score(sd.stop_gradient(theta @ z))
    C = sd.softplus(-real) + sd.softplus(fake)
    given = {name: arrays[name] for name in arrays if name != "lambda"}
    by_w2 = sd.grad(C, w2)
    at = arrays["theta"] @ arrays["z"]
    hidden = [np.tanh(arrays["W1"] @ place + arrays["b1"]) for place in (arrays["x"], at)]
    D = [1 / (1 + np.exp(-arrays["w2"] @ one)) for one in hidden]
    assert_values([by_w2], [-(1 - D[0]) * hidden[0] + D[1] * hidden[1]], given)
    # the generator's parameters have no part in it
    np.testing.assert_array_equal(evaluate(sd.grad(C, theta), given), np.zeros((p, m)))


def test_the_best_discriminator():
    """8.3-optD: a log u + b log(1 - u) is largest at a/(a + b), and the game is then 2 JSD - log 4."""
    a, b = sd.vector("a", n, probability=True), sd.vector("b", n, probability=True)
    u = sd.vector("u", n, probability=True)
    V = sd.sum(sd.hadamard(a, sd.log(u)) + sd.hadamard(b, sd.log(1 - u)))
    rng = np.random.default_rng(1)
    data, model = (weights / weights.sum() for weights in rng.uniform(0.1, 1, (2, 6)))
    at = {"a": data, "b": model, "u": rng.uniform(0.1, 0.9, 6)}
    (gradient,) = check_gradient(V, u, arrays=at)
    assert_values([gradient], [data / at["u"] - model / (1 - at["u"])], at)
    best = {**at, "u": data / (data + model)}
    middle = (data + model) / 2
    divergence = (np.sum(data * np.log(data / middle)) + np.sum(model * np.log(model / middle))) / 2
    assert_values([gradient, V], [np.zeros(6), 2 * divergence - np.log(4)], best)
    assert_values([sd.js_divergence(a, b)], [divergence], at)
    assert_prints(gradient, r"a \oslash u - b \oslash \left(1 - u\right)")


def test_least_squares_and_hinge(arrays):
    """8.3-variants: gradients by the two scores."""
    real, fake = sd.scalar("r"), sd.scalar("f")
    at = {"r": 0.3, "f": -0.4}
    squares = (real - 1) ** 2 / 2 + fake**2 / 2
    assert_values(sd.grad(squares, [real, fake]), [0.3 - 1, -0.4], at)
    hinge = sd.relu(1 - real) + sd.relu(1 + fake)
    assert_values([hinge, *sd.grad(hinge, [real, fake])], [0.7 + 0.6, -1, 1], at)
    assert_values(sd.grad(hinge, [real, fake]), [0, 0], {"r": 1.5, "f": -2.0})


@pytest.mark.parametrize("slope", [0.25, 1.0])
def test_the_dirac_game_turns(slope):
    """8.3-dirac: the Jacobian of simultaneous ascent and descent at the equilibrium has eigenvalues ± i f'(0)."""
    state = sd.vector("state", 2)
    V = sd.sin(slope * state[0] * state[1])
    by_state = sd.grad(V, state)
    flow = sd.hadamard(sd.concat([-sd.ones(1), sd.ones(1)]), by_state)
    jacobian = evaluate(sd.jacobian(flow, state), {"state": np.zeros(2)})
    np.testing.assert_allclose(np.sort_complex(np.linalg.eigvals(jacobian)), [-1j * slope, 1j * slope], atol=1e-12)
    step = np.array([0.5, 0.5])
    lengths = []
    for _ in range(5):
        lengths.append(np.linalg.norm(step))
        step = step + 0.3 * evaluate(flow, {"state": step})
    assert np.all(np.diff(lengths) > 0)  # discrete steps spiral out


def penalty_by_hand(a, at):
    """8.3-wgangp, one hidden layer: value and gradients by w_2, b_1, W_1 as the catalogue has them."""
    activation = np.tanh(a["W1"] @ at + a["b1"])
    first, second = 1 - activation**2, -2 * activation * (1 - activation**2)
    g = a["W1"].T @ (a["w2"] * first)
    size = np.linalg.norm(g)
    v = 2 * (size - 1) / size * g
    r = a["W1"] @ v
    by_W1 = np.outer(a["w2"] * first, v) + np.outer(a["w2"] * second * r, at)
    return (size - 1) ** 2, first * r, a["w2"] * second * r, by_W1


def test_the_gradient_penalty(arrays):
    """8.3-wgangp: reverse over reverse gives σ̇ ⊙ r, w_2 ⊙ σ̈ ⊙ r and (w_2 ⊙ σ̇) vᵀ + (w_2 ⊙ σ̈ ⊙ r) xᵀ, r = W_1 v."""
    g = sd.named("g", sd.grad(score(x), x))
    penalty = (sd.norm(g) - 1) ** 2
    given = {name: arrays[name] for name in ("x", "W1", "b1", "w2")}
    by_w2, by_b1, by_W1 = check_gradient(penalty, w2, b1, W1, arrays=given)
    assert_values([penalty, by_w2, by_b1, by_W1], penalty_by_hand(arrays, arrays["x"]), given)
    hidden = r"\tanh\left(W_1 x + b_1\right)"
    slope = r"\left(1 - \tanh^{2}\left(W_1 x + b_1\right)\right)"
    factor = r"\left(1 - \frac{1}{\left\lVert g \right\rVert}\right)"  # v = 2 (1 - 1/‖g‖) g
    curve = rf"4 {factor} \left(w_2 \odot {hidden} \odot {slope} \odot W_1 g\right)"
    assert_prints(by_w2, rf"2 {factor} \left({slope} \odot W_1 g\right)")
    assert_prints(by_b1, f"-{curve}")
    assert_prints(by_W1, rf"2 {factor} \left(w_2 \odot {slope}\right) g^{{\top}} - {curve} x^{{\top}}")


def test_the_penalty_is_the_product_of_a_hessian_and_a_vector(arrays):
    """8.3-wgangp: ∇_φ GP = ∂/∂φ (vᵀ ∇_x f) with v held fixed."""
    v = sd.vector("v", p)
    mixed = sd.grad(v @ sd.grad(score(x), x), [w2, b1, W1])
    _, slope = slope_of_score(arrays, arrays["x"])
    size = np.linalg.norm(slope)
    at = {**arrays, "v": 2 * (size - 1) / size * slope}
    assert_values(mixed, penalty_by_hand(arrays, arrays["x"])[1:], at)


def test_the_penalty_of_rectified_units(arrays):
    """8.3-wgangp: σ̈ = 0, so that b_1 has no part."""
    penalty = (sd.norm(sd.grad(w2 @ sd.relu(W1 @ x + b1), x)) - 1) ** 2
    by_b1, by_W1 = sd.grad(penalty, [b1, W1])
    on = (arrays["W1"] @ arrays["x"] + arrays["b1"] > 0).astype(float)
    g = arrays["W1"].T @ (arrays["w2"] * on)
    size = np.linalg.norm(g)
    expected = np.outer(arrays["w2"] * on, 2 * (size - 1) / size * g)
    assert_values([by_b1, by_W1], [np.zeros(h), expected], arrays)


@pytest.mark.parametrize("epsilon", [1e-12, 1e-2])
def test_the_penalty_where_the_gradient_vanishes(arrays, epsilon):
    """8.3-wgangp: with ε under the root nothing is divided by 0."""
    g = sd.grad(score(x), x)
    penalty = (sd.sqrt(sd.sum(sd.square(g)) + epsilon) - 1) ** 2
    at = {**arrays, "w2": np.zeros(h)}
    for dtype in ("float32", "float64"):
        found = sd.compile(list(sd.grad(penalty, [w2, b1, W1])), dtype=dtype)
        for gradient in found({name: at[name] for name in found.inputs}):
            np.testing.assert_array_equal(gradient, np.zeros_like(gradient))
