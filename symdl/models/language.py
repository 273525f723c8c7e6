"""Language models by transformers, book §7.5: the next character; one sequence into another; generation."""

from typing import Any

import numpy as np

from symdl.data import Text
from symdl.errors import InputError
from symdl.expr.declare import named, vector
from symdl.models.transformer import Sizes, Transformer
from symdl.ops.elementwise import hadamard, log
from symdl.ops.gather import one_hot
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.train import Model


def language_model(
    symbols: int,
    length: int,
    sizes: Sizes,
    depth: int,
    norm: str = "pre",
    activation: str = "relu",
    positions: str = "learned",
) -> Model:
    """Return a model of the next symbol: ŷ⟨t⟩ = softmax(W_o a⟨t⟩ + b_o), a from ``depth`` causal blocks.

    Its input x and its target y are integers (T,), y⟨t⟩ being what follows x⟨t⟩; its output ``y_hat`` is (T, symbols).
    All places are trained at once: the loss is their mean cross entropy.

    Args:
        symbols: The size of the alphabet.
        length: The number T of places.
        sizes: The widths.
        depth: The number of blocks.
        norm: "pre" or "post".
        activation: Of the feedforward networks.
        positions: "learned" or "sinusoidal".
    """
    x, y = vector("x", length, integer=True), vector("y", length, integer=True)
    net = Transformer(sizes, norm, activation, depth)
    a = net.embedded(x, symbols, positions=positions)
    for level in range(1, depth + 1):
        a = net.encoder(a, f"[{level}]", "causal")
    return _predicting(net, a, [x], y, symbols)


def encoder_decoder(
    symbols: tuple[int, int], lengths: tuple[int, int], sizes: Sizes, depth: int, norm: str = "pre"
) -> Model:
    """Return a model of one sequence by another: an encoder of x (S,), and a decoder of what y begins with.

    Its inputs are x and ``y_before`` (T,), the target y one place later, with whatever symbol begins a sequence; all
    places are trained at once (teacher forcing). Its output ``y_hat`` is (T, symbols of y).

    Args:
        symbols: The sizes of the alphabets of x and of y.
        lengths: S and T.
        sizes: The widths.
        depth: The number of blocks of the encoder, and of the decoder.
        norm: "pre" or "post".
    """
    x, before, y = (
        vector(name, length, integer=True, latex=latex)
        for name, length, latex in (
            ("x", lengths[0], ""),
            ("y_before", lengths[1], r"y^{\langle t-1\rangle}"),
            ("y", lengths[1], ""),
        )
    )
    net = Transformer(sizes, norm, depth=depth)
    code = net.embedded(x, symbols[0], r"{\mathrm{enc}}")
    for level in range(1, depth + 1):
        code = net.encoder(code, rf"[{level}]\mathrm{{enc}}")
    code = named("code", code, latex=r"z^{\star}")
    a = net.embedded(before, symbols[1], r"{\mathrm{dec}}")
    for level in range(1, depth + 1):
        a = net.decoder(a, code, f"[{level}]")
    return _predicting(net, a, [x, before], y, symbols[1])


def _predicting(net: Transformer, a: Any, inputs: list[Any], y: Any, symbols: int) -> Model:
    z = named("z", net.output(a, symbols).T)
    y_hat = named("y_hat", softmax(z, axis=1), latex=r"\hat{y}")
    return Model(
        loss=-total(hadamard(one_hot(y, symbols), log(y_hat))) / y.shape[0],
        parameters=net.parameters,
        inputs=inputs,
        targets=[y],
        outputs={"y_hat": y_hat},
        init=net.init,
    )


def draw(y_hat: np.ndarray, random: np.random.Generator, temperature: float = 1.0, top_k: int | None = None) -> int:
    """Draw a symbol from softmax(z/temperature), given ŷ = softmax(z), among the ``top_k`` likeliest; book §7.5.

    Args:
        y_hat: Probabilities.
        random: The generator.
        temperature: At least 0; 0 takes the likeliest one.
        top_k: How many are candidates; all by default.

    Raises:
        InputError: for a negative temperature, or no candidates.
    """
    if temperature < 0 or (top_k is not None and top_k < 1):
        raise InputError(f"expected temperature ≥ 0 and top_k ≥ 1, found temperature={temperature} and top_k={top_k}")
    if temperature == 0:
        return int(np.argmax(y_hat))
    with np.errstate(divide="ignore"):
        z = np.log(y_hat.astype(np.float64)) / temperature
    if top_k is not None and top_k < len(z):
        z[np.argsort(z, kind="stable")[:-top_k]] = -np.inf
    weights = np.exp(z - z.max())
    return int(random.choice(len(z), p=weights / weights.sum()))


def generate(
    model: Model,
    text: Text,
    prompt: str,
    length: int = 200,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
) -> str:
    """Go on with a text, one symbol after the other, each read by the next prediction; book (7.34).

    Args:
        model: A language model: ``x`` (T,) in, ``y_hat`` (T, symbols) out, causal.
        text: Its alphabet.
        prompt: How the text begins; at least one character. What is further back than T does not count.
        length: How many characters are added.
        temperature: 0 takes the likeliest character, 1 draws from ŷ; more is more random.
        top_k: Draw among that many likeliest characters; all by default.
        seed: Of the draws.

    Returns:
        The prompt with the characters that follow.

    Raises:
        InputError: for an empty prompt, characters that are not in the alphabet, and as ``draw``.
    """
    codes = list(text.encode(prompt))
    if not codes:
        raise InputError("generate: the prompt is empty; begin with at least one character")
    random = np.random.default_rng(seed)
    places = int(model.declared.by_name["x"].shape[0])
    for _ in range(length):
        window = codes[-places:]
        padded = np.zeros((1, places), np.int64)
        padded[0, : len(window)] = window
        y_hat = model.predict({"x": padded})["y_hat"][0, len(window) - 1]
        codes.append(draw(y_hat, random, temperature, top_k))
    return text.decode(codes)
