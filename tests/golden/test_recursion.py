r"""Backpropagation through symbolic depth, as the book prints it: (5.22)-(5.26) and figure 5.9.

The expected text is written by hand from the book's form; the same recursion, in NumPy, gives the gradients of the
network with its layers written out.
"""

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.golden.order import plain
from tests.katex import katex_error


def network(activation, cost):
    """A stack of L fully connected layers of widths N_0, ..., N_L."""
    N, net = sd.widths("N"), sd.layers("ell", "L")
    ell, L = net.index, net.depth
    W, b = net.matrix("W", N[ell], N[ell - 1]), net.vector("b", N[ell])
    a = net.recur("a", sd.vector("x", N[0]), lambda below: net.named("a", activation(net.named("z", W @ below + b))))
    return cost(a, N[L]), [W, b], L


def squares(a, size):
    return sd.norm(a - sd.vector("y", size)) ** 2


def entropy(a, size):
    return -sd.sum(sd.hadamard(sd.vector("y", size, one_hot=True), sd.log(a)))


def entropy_of_logits(a, size):
    return entropy(sd.softmax(a), size)


def lines(derivation):
    """The steps after the loss, as left side and right side."""
    return [(plain(step.left), plain(step.right)) for step in derivation.steps if step.part != "forward"]


def cases(last, below):
    return rf"\begin{{cases}}{last}&\ell=L\\{below}&\ell<L\end{{cases}}"


SLOPE = r"\frac{\partial a^{[\ell+1]}}{\partial a^{[\ell]}}"
GRADIENTS = [
    (r"\frac{\partial C}{\partial W^{[\ell]}}", r"\delta^{[\ell]}a^{[\ell-1]\top}"),
    (r"\frac{\partial C}{\partial b^{[\ell]}}", r"\delta^{[\ell]}"),
]
ABOVE = r"W^{[\ell+1]\top}\delta^{[\ell+1]}"
BOOK = {
    # ζ[ℓ] = Ċ(a[L]) at the top, ḟ_a ζ[ℓ+1] below: the matrix on the left of the adjoint. δ[ℓ] = σ̇(z[ℓ]) ⊙ Wᵀ δ[ℓ+1].
    "sigmoid, squares": (
        sd.sigmoid,
        squares,
        [
            (SLOPE, r"W^{[\ell+1]\top}\operatorname{diag}(a^{[\ell+1]}\odot(1-a^{[\ell+1]}))"),
            (r"\zeta^{[\ell]}", cases("2(a^{[L]}-y)", rf"{SLOPE}\zeta^{{[\ell+1]}}")),
            (r"\delta^{[\ell]}", r"\zeta^{[\ell]}\odot a^{[\ell]}\odot(1-a^{[\ell]})"),
            (
                r"\delta^{[\ell]}",
                cases(
                    r"2a^{[L]}\odot(1-a^{[L]})\odot(a^{[L]}-y)",
                    rf"a^{{[\ell]}}\odot(1-a^{{[\ell]}})\odot {ABOVE}",
                ),
            ),
            *GRADIENTS,
        ],
    ),
    "tanh, cross entropy of a softmax on top": (
        sd.tanh,
        entropy_of_logits,
        [
            (SLOPE, r"W^{[\ell+1]\top}\operatorname{diag}(1-(a^{[\ell+1]})^{\odot 2})"),
            (r"\zeta^{[\ell]}", cases(r"S_{\text{Softmax}}(a^{[L]})-y", rf"{SLOPE}\zeta^{{[\ell+1]}}")),
            (r"\delta^{[\ell]}", r"\zeta^{[\ell]}\odot(1-(a^{[\ell]})^{\odot 2})"),
            (
                r"\delta^{[\ell]}",
                cases(
                    r"(1-(a^{[L]})^{\odot 2})\odot(S_{\text{Softmax}}(a^{[L]})-y)",
                    rf"(1-(a^{{[\ell]}})^{{\odot 2}})\odot {ABOVE}",
                ),
            ),
            *GRADIENTS,
        ],
    ),
    "relu, squares": (
        sd.relu,
        squares,
        [
            (SLOPE, r"W^{[\ell+1]\top}\operatorname{diag}(\mathbf{1}\{z^{[\ell+1]}\geq 0\})"),
            (r"\zeta^{[\ell]}", cases("2(a^{[L]}-y)", rf"{SLOPE}\zeta^{{[\ell+1]}}")),
            (r"\delta^{[\ell]}", r"\zeta^{[\ell]}\odot\mathbf{1}\{z^{[\ell]}\geq 0\}"),
            (
                r"\delta^{[\ell]}",
                cases(
                    r"2\mathbf{1}\{z^{[L]}\geq 0\}\odot(a^{[L]}-y)",
                    rf"\mathbf{{1}}\{{z^{{[\ell]}}\geq 0\}}\odot {ABOVE}",
                ),
            ),
            *GRADIENTS,
        ],
    ),
    # The identity: ζ[ℓ] = (Wᵀ)^{L-ℓ} ζ[L], equations (5.34) and (5.35).
    "identity, squares": (
        lambda z: z,
        squares,
        [
            (SLOPE, r"W^{[\ell+1]\top}"),
            (r"\zeta^{[\ell]}", cases("2(a^{[L]}-y)", rf"{SLOPE}\zeta^{{[\ell+1]}}")),
            (GRADIENTS[0][0], r"\zeta^{[\ell]}a^{[\ell-1]\top}"),
            (GRADIENTS[1][0], r"\zeta^{[\ell]}"),
        ],
    ),
}


def scalar_chain():
    """Catalogue 5.4-scalarchain: hidden units that are numbers, a[ℓ] = σ(θ[ℓ] a[ℓ-1])."""
    p, net = sd.dims("p"), sd.layers("ell", "L")
    theta, start = net.scalar("theta"), sd.sigmoid(sd.vector("w", p) @ sd.vector("x", p))
    a = net.recur("a", start, lambda below: net.named("a", sd.sigmoid(net.named("z", theta * below))))
    return (a - sd.scalar("y")) ** 2, theta, net.depth


def test_numbers_as_layers():
    """∂C/∂θ[ℓ] = Ċ (Π_{j>ℓ} θ[j] σ̇(z[j])) σ̇(z[ℓ]) a[ℓ-1], by ζ[ℓ] and δ[ℓ]."""
    loss, theta, _ = scalar_chain()
    derivation = sd.derivation(loss, theta)
    slope = r"\theta^{[%s]}a^{[%s]}(1-a^{[%s]})"
    expected = {
        SLOPE: slope % ((r"\ell+1",) * 3),
        r"\zeta^{[\ell]}": r"2(a^{[L]}-y)\prod_{j=\ell+1}^{L}" + slope % (("j",) * 3),
        r"\delta^{[\ell]}": r"\zeta^{[\ell]}a^{[\ell]}(1-a^{[\ell]})",
        r"\frac{\partial C}{\partial\theta^{[\ell]}}": r"\delta^{[\ell]}a^{[\ell-1]}",
    }
    found = lines(derivation)
    assert [(plain(left), plain(right)) in found for left, right in expected.items()] == [True] * len(expected)
    assert katex_error(derivation.latex()) is None


def test_the_product_over_numbers_as_layers():
    """The gradients of five layers, against the product in NumPy and differences."""
    loss, _, L = scalar_chain()
    unrolled = loss.xreplace({L: 5})
    rng = np.random.default_rng(0)
    values = {"x": rng.standard_normal(3), "w": rng.standard_normal(3), "y": 0.3}
    values |= {f"theta{layer}": rng.standard_normal() for layer in range(1, 6)}
    parameters = sorted((s for s in unrolled.free_symbols if s.name.startswith("theta")), key=lambda s: s.name)
    found = [evaluate(gradient, values) for gradient in sd.grad(unrolled, parameters)]
    a = [1 / (1 + np.exp(-values["w"] @ values["x"]))]
    for layer in range(1, 6):
        a.append(1 / (1 + np.exp(-values[f"theta{layer}"] * a[-1])))
    slopes = [a[layer] * (1 - a[layer]) for layer in range(6)]
    for layer in range(1, 6):
        above = np.prod([values[f"theta{j}"] * slopes[j] for j in range(layer + 1, 6)])
        assert found[layer - 1] == pytest.approx(2 * (a[5] - 0.3) * above * slopes[layer] * a[layer - 1], rel=1e-12)
        ends = [evaluate(unrolled, {**values, f"theta{layer}": values[f"theta{layer}"] + h}) for h in (1e-6, -1e-6)]
        assert found[layer - 1] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-4, abs=1e-12)


def test_words_as_names_of_layers():
    """Greek letters stay Greek in layers and adjoints; the recursion of an adjoint without a symbol goes up a layer."""
    N, net = sd.widths("N"), sd.layers("ell", "L")
    W = net.matrix("Omega", N[net.index], N[net.index - 1])
    mu = net.recur("mu", sd.vector("x", N[0]), lambda below: net.named("mu", sd.sigmoid(net.named("xi", W @ below))))
    text = plain(sd.derivation(sd.sum(sd.square(mu)), W).latex())
    assert plain(r"\xi^{[\ell]}&=\Omega^{[\ell]}\mu^{[\ell-1]}").replace("&", "") in text.replace("&", "")
    assert plain(r"\Omega^{[\ell+1]\top}\bar{\xi}^{[\ell+1]}&\ell<L") in text
    assert plain(r"\bar{\xi}^{[\ell]}\mu^{[\ell-1]\top}") in text


@pytest.mark.parametrize("entry", BOOK)
def test_printed_as_in_the_book(entry):
    activation, cost, expected = BOOK[entry]
    loss, parameters, _ = network(activation, cost)
    derivation = sd.derivation(loss, parameters)
    assert lines(derivation) == [(plain(left), plain(right)) for left, right in expected]
    assert katex_error(derivation.latex()) is None
    assert "for $\\ell = L, \\dots, 1$" in derivation.latex()


def test_the_top_of_a_softmax_with_cross_entropy():
    """δ[L] = ŷ - y."""
    loss, parameters, _ = network(sd.softmax, entropy)
    [line] = [right for left, right in lines(sd.derivation(loss, parameters)) if "cases" in right and "delta" in left]
    assert line.startswith(plain(r"\begin{cases}a^{[L]}-y&\ell=L\\"))


def softmax(z):
    return np.exp(z) / np.exp(z).sum()


SLOPES = {
    "sigmoid, squares": (lambda z: 1 / (1 + np.exp(-z)), lambda z, a: a * (1 - a), lambda a, y: 2 * (a - y)),
    "tanh, cross entropy of a softmax on top": (np.tanh, lambda z, a: 1 - a**2, lambda a, y: softmax(a) - y),
    "relu, squares": (lambda z: np.maximum(z, 0), lambda z, a: (z >= 0) * 1.0, lambda a, y: 2 * (a - y)),
    "identity, squares": (lambda z: z, lambda z, a: np.ones_like(z), lambda a, y: 2 * (a - y)),
}


@pytest.mark.parametrize("entry", BOOK)
def test_the_recursion_gives_the_gradients_of_the_layers_written_out(entry):
    activation, cost, _ = BOOK[entry]
    loss, _, L = network(activation, cost)
    depth, sizes = 4, [3, 5, 2, 4, 3]
    unrolled = loss.xreplace({L: depth})
    rng = np.random.default_rng(0)
    values = {"x": rng.standard_normal(3), "y": np.eye(3)[1]}
    for layer in range(1, depth + 1):
        values[f"W{layer}"] = rng.standard_normal((sizes[layer], sizes[layer - 1]))
        values[f"b{layer}"] = rng.standard_normal(sizes[layer])
    symbols = {symbol.name: symbol for symbol in unrolled.free_symbols}
    names = [f"{kind}{layer}" for layer in range(1, depth + 1) for kind in "Wb"]
    extents = {f"N{layer}": size for layer, size in enumerate(sizes)}
    gradients = sd.grad(unrolled, [symbols[name] for name in names])
    found = [evaluate(gradient, values, extents) for gradient in gradients]

    forward, slope, top = SLOPES[entry]
    a, z = [values["x"]], [None]
    for layer in range(1, depth + 1):
        z.append(values[f"W{layer}"] @ a[-1] + values[f"b{layer}"])
        a.append(forward(z[-1]))
    expected, zeta = {}, top(a[depth], values["y"])
    for layer in range(depth, 0, -1):
        delta = zeta * slope(z[layer], a[layer])
        expected[f"W{layer}"], expected[f"b{layer}"] = np.outer(delta, a[layer - 1]), delta
        zeta = values[f"W{layer}"].T @ delta
    for name, gradient in zip(names, found, strict=True):
        np.testing.assert_allclose(gradient, expected[name], rtol=1e-11, atol=1e-13, err_msg=name)
