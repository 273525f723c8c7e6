"""Transformers: parameter counts, the blocks against plain NumPy, depth without new kernels, text that goes on."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import as_text
from symdl.interpret import evaluate, sample_inputs
from symdl.models.language import draw, encoder_decoder, generate, language_model
from symdl.models.transformer import Sizes, Transformer
from symdl.optimizers.adam import Adam
from symdl.train.objective import objective
from symdl.train.programs import Where, training
from symdl.train.step import Part, Switches, training_step

SMALL = Sizes(features=6, heads=2, hidden=5, width=4, values=3)


def softmax(z):
    powers = np.exp(z - z.max(0))
    return powers / powers.sum(0)


def norm(u, gamma, beta):
    return gamma[:, None] * (u - u.mean(0)) / np.sqrt(u.var(0) + 1e-5) + beta[:, None]


def heads(v, unit, mark, x, read, causal):
    """Σ_h W_c^h u^h, head by head (7.25)."""
    total = 0
    for h in range(len(v[f"{unit}_q{mark}"])):
        W_q, W_k, W_v, W_c = (v[f"{unit}_{part}{mark}"][h] for part in "qkvc")
        S = (W_k @ read).T @ (W_q @ x) / np.sqrt(len(W_q))
        if causal:
            S[np.arange(len(S))[:, None] > np.arange(S.shape[1])] = -np.inf
        total = total + W_c @ (W_v @ read) @ softmax(S)
    return total


def feedforward(v, mark, u):
    hidden = np.maximum(v[f"W_1{mark}"] @ u + v[f"b_1{mark}"][:, None], 0)
    return v[f"W_2{mark}"] @ hidden + v[f"b_2{mark}"][:, None]


def block(v, mark, a, parts, order):
    """Join parts, functions of tokens, as (7.32) does, or before each of them."""
    for stage, part in zip((1, 3, 5), parts, strict=False):
        at = stage + (order == "post")
        scale = v[f"gamma{at}{mark}"], v[f"beta{at}{mark}"]
        a = norm(a + part(a), *scale) if order == "post" else a + part(norm(a, *scale))
    return a


@pytest.mark.parametrize("sizes", [Sizes.of(512, 8, 2048), SMALL], ids=["book", "small"])
def test_parameter_counts(sizes):
    counts = []
    for write in (
        lambda net: net.encoder(sd.matrix("a", sizes.features, 3), "[1]"),
        lambda net: net.decoder(sd.matrix("a", sizes.features, 3), sd.matrix("z", sizes.features, 4), "[1]"),
    ):
        net = Transformer(sizes)
        write(net)
        counts.append(sum(int(np.prod([int(size) for size in symbol.shape])) for symbol in net.parameters))
    assert counts == [sizes.encoder, sizes.decoder]
    if sizes.features == 512:
        assert counts == [3_150_336, 4_199_936]


@pytest.mark.parametrize("order", ["post", "pre"])
def test_blocks(order):
    """7.5-block and 7.5-decblock, values and gradients."""
    a, z = sd.matrix("a", 6, 4), sd.matrix("z", 6, 3)
    net = Transformer(SMALL, order)
    encoded, decoded = net.encoder(a, "[1]"), net.decoder(a, z, "[2]")
    v = sample_inputs({a, z, *net.parameters}, {}, 3)
    expected = block(
        v, "[1]", v["a"], [lambda x: heads(v, "W", "[1]", x, x, False), lambda u: feedforward(v, "[1]", u)], order
    )
    np.testing.assert_allclose(evaluate(encoded, v), expected, rtol=1e-12, atol=1e-13)
    parts = [
        lambda x: heads(v, "W", "[2]", x, x, True),
        lambda x: heads(v, "X", "[2]", x, v["z"], False),
        lambda u: feedforward(v, "[2]", u),
    ]
    np.testing.assert_allclose(evaluate(decoded, v), block(v, "[2]", v["a"], parts, order), rtol=1e-12, atol=1e-13)
    loss = sd.sum(sd.sin(decoded))
    wrt = [a, z, *(symbol for symbol in net.parameters if symbol.name.endswith("[2]"))]
    directions = {
        symbol.name: np.random.default_rng(k).normal(size=v[symbol.name].shape) for k, symbol in enumerate(wrt)
    }
    gradients = zip(wrt, sd.grad(loss, wrt), strict=True)
    slope = sum(np.sum(evaluate(gradient, v) * directions[symbol.name]) for symbol, gradient in gradients)
    moved = v | {name: v[name] + 1e-30j * direction for name, direction in directions.items()}
    truth = np.imag(evaluate(loss, moved, dtype=np.complex128)) / 1e-30
    np.testing.assert_allclose(slope, truth, rtol=1e-10)


def test_the_code_is_read_by_every_decoder_block():
    """7.5-cross: the adjoint of z* sums over the blocks."""
    a, z, other = sd.matrix("a", 6, 4), sd.matrix("z", 6, 3), sd.matrix("other", 6, 3)
    net = Transformer(SMALL)

    def loss(first, second):
        return sd.sum(sd.sin(net.decoder(net.decoder(a, first, "[1]"), second, "[2]")))

    shared, apart = loss(z, z), loss(z, other)
    v = sample_inputs({a, z, *net.parameters}, {}, 4)
    parts = [evaluate(gradient, {**v, "other": v["z"]}) for gradient in sd.grad(apart, [z, other])]
    np.testing.assert_allclose(evaluate(sd.grad(shared, z), v), parts[0] + parts[1], rtol=1e-10, atol=1e-12)


def test_permutation_equivariance():
    """7.5-perm: without positions and mask f(aΠ) = f(a)Π, for a whole block."""
    a = sd.matrix("a", 6, 5)
    net = Transformer(SMALL)
    y = net.encoder(a, "[1]")
    v = sample_inputs({a, *net.parameters}, {}, 5)
    order = np.array([3, 0, 4, 1, 2])
    moved = evaluate(y, {**v, "a": v["a"][:, order]})
    np.testing.assert_allclose(moved, evaluate(y, v)[:, order], rtol=1e-11, atol=1e-12)


def test_all_places_at_once_equal_one_after_the_other():
    """7.5-parallel: what stands after a place has no influence on it, nor on its gradient."""
    model = language_model(7, 6, SMALL, 2)
    codes = np.array([[3, 1, 4, 1, 5, 2]])
    whole = model.predict({"x": codes}, dtype="float64")["y_hat"][0]
    for t in range(1, 6):
        changed = codes.copy()
        changed[0, t:] = 6 - changed[0, t:]
        part = model.predict({"x": changed}, dtype="float64")["y_hat"][0]
        np.testing.assert_array_equal(part[:t], whole[:t])
        assert not np.array_equal(part[t:], whole[t:])


@pytest.mark.parametrize("positions", ["learned", pytest.param("sinusoidal", marks=pytest.mark.slow)])
def test_a_language_model_learns(positions):
    text = as_text("count", "abcdefgh" * 40)
    data = text.windows(8, 3)
    model = language_model(8, 8, Sizes.of(8, 2, 16), 1, positions=positions)
    history = sd.fit(
        model, {"x": data.x, "y": data.y}, optimizer=Adam(alpha=2e-2), epochs=30, batch_size=16, seed=1, target="numpy"
    )
    assert history.loss[0] > 1.2
    assert history.loss[-1] < 0.1
    assert generate(model, text, "cd", 12, temperature=0) == "cdefghabcdefgh"
    assert generate(model, text, "f", 9, top_k=1, seed=3) == "fghabcdefg"
    drawn = [generate(model, text, "a", 12, temperature=3.0, seed=seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_drawing():
    y_hat, random = np.array([0.1, 0.6, 0.0, 0.3]), np.random.default_rng(0)
    assert draw(y_hat, random, temperature=0) == 1
    assert {draw(y_hat, random, top_k=2) for _ in range(100)} == {1, 3}
    counts = np.bincount([draw(y_hat, random, temperature=2.0) for _ in range(4000)], minlength=4) / 4000
    roots = np.sqrt(y_hat) / np.sqrt(y_hat).sum()
    np.testing.assert_allclose(counts, roots, atol=0.03)
    with pytest.raises(sd.errors.InputError, match="temperature ≥ 0 and top_k ≥ 1, found temperature=-1"):
        draw(y_hat, random, temperature=-1)
    with pytest.raises(sd.errors.InputError, match="the prompt is empty"):
        generate(language_model(3, 2, SMALL, 1), as_text("t", "abc"), "")


def test_an_encoder_decoder_reverses():
    """The adjoints of both sides, and the decoder alone: the first symbols come without the later ones."""
    model = encoder_decoder((5, 6), (4, 3), SMALL, 1)
    assert set(model.predict({"x": np.ones((2, 4), int), "y_before": np.zeros((2, 3), int)})) == {"y_hat"}
    x, before = np.array([[1, 2, 3, 4]]), np.array([[5, 1, 2]])
    first = model.predict({"x": x, "y_before": before}, dtype="float64")["y_hat"][0]
    later = model.predict({"x": x, "y_before": np.array([[5, 1, 0]])}, dtype="float64")["y_hat"][0]
    np.testing.assert_array_equal(first[:2], later[:2])
    assert not np.array_equal(first[2], later[2])
    other = model.predict({"x": x[:, ::-1], "y_before": before}, dtype="float64")["y_hat"][0]
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sizes.of(6, 4, 8), "6 features cannot be divided among 4 heads"),
        (lambda: Transformer(SMALL, "both"), "norm must be"),
        (lambda: language_model(3, 4, SMALL, 1, positions="none"), "positions must be"),
    ],
)
def test_errors(make, message):
    with pytest.raises(sd.errors.InputError, match=message):
        make()


def kernels(depth):
    """The number of distinct kernels of a training step, and the seconds that it takes to derive and emit it."""
    declared = language_model(9, 5, Sizes.of(4, 2, 6), depth).declared
    [group] = declared.groups
    built = training(declared, Where(()), [Part(group.name, group.parameters, Adam())], Switches())
    return len(built.executable.kernels), len(built.executable.module.kernels)


@pytest.mark.slow
def test_kernels_do_not_grow_with_depth():
    """Equal layers share kernels; the issue asks for at most 1.5 times as many."""
    two, twelve = kernels(2), kernels(12)
    assert twelve[1] > 4 * two[1]
    assert twelve[0] <= two[0] + 2


@pytest.mark.slow
def test_twelve_blocks_are_derived():
    """The graph is some thousand tensors deep: no walk over it may recurse from tensor to tensor."""
    model = language_model(9, 5, Sizes.of(4, 2, 6), 12)
    [group] = model.declared.groups
    step = training_step(objective(model.declared), [Part(group.name, group.parameters, Adam())], Switches())
    assert len(step.updates) == 3 * len(model.declared.parameters)
