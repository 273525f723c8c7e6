"""The blocks of a transformer as equations, book §7.5: tokens are columns, every parameter stands for itself."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from symdl.errors import InputError
from symdl.expr.contract import broadcast
from symdl.expr.declare import matrix, named, tensor, vector
from symdl.expr.nodes import Array, Element, Reduce, Tensor, axes_of
from symdl.init import constant
from symdl.ops import elementwise
from symdl.ops.attention import attention, positional_encoding
from symdl.ops.gather import take
from symdl.ops.normalisation import layer_norm

Part = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Sizes:
    """The widths of a transformer.

    Attributes:
        features: The number p of features of a token.
        heads: The number H of heads.
        hidden: The number N_1 of hidden units of the feedforward network.
        width: The number m of features of a query and a key in each head.
        values: The number m_v of features of a value in each head.
    """

    features: int
    heads: int
    hidden: int
    width: int
    values: int

    @classmethod
    def of(cls, features: int, heads: int, hidden: int) -> "Sizes":
        """Return the usual ones, where the features are divided among the heads: m = m_v = p/H.

        Raises:
            InputError: if they cannot be divided.
        """
        if features % heads:
            raise InputError(f"transformer: {features} features cannot be divided among {heads} heads")
        return cls(features, heads, hidden, features // heads, features // heads)

    @property
    def attention(self) -> int:
        """The number of parameters of multi-head attention, H(2mp + 2m_v p)."""
        return self.heads * (2 * self.width + 2 * self.values) * self.features

    @property
    def encoder(self) -> int:
        """The number of parameters of an encoder block, 4p + 2N_1 p + N_1 + p + H(2mp + 2m_v p)."""
        p, hidden = self.features, self.hidden
        return 4 * p + 2 * hidden * p + hidden + p + self.attention

    @property
    def decoder(self) -> int:
        """The number of parameters of a decoder block, which adds cross attention and a normalisation."""
        return self.encoder + self.attention + 2 * self.features


class Transformer:
    """Writes the equations of blocks and collects their parameters.

    A part of a block, f, joins its input a as LN(a + f(a)) where ``norm`` is "post", the book's (7.32), and as
    a + f(LN(a)) where it is "pre", which trains without warm-up.

    Attributes:
        parameters: Those declared so far.
        init: How those are drawn that differ from the default.
    """

    def __init__(self, sizes: Sizes, norm: str = "post", activation: str = "relu", depth: int = 1) -> None:
        """Begin.

        Args:
            sizes: The widths.
            norm: "post" or "pre".
            activation: An element-wise function of symdl, for the feedforward network.
            depth: The number of blocks one after the other; what they add to a token starts small where it is large.

        Raises:
            InputError: for another norm.
        """
        if norm not in ("post", "pre"):
            raise InputError(f'transformer: norm must be "post" or "pre", found {norm!r}')
        self.sizes, self.norm, self.activation = sizes, norm, getattr(elementwise, activation)
        self.damping = (2 * depth) ** -0.5
        self.parameters: list[Any] = []
        self.init: dict[Any, Any] = {}

    def encoder(self, a: Tensor, mark: str, mask: Any = None) -> Tensor:
        """Return the output of an encoder block, (7.31) and (7.32), for its input a (p, T).

        Args:
            a: The tokens.
            mark: What distinguishes the block's parameters: "[1]".
            mask: As in ``attention``; "causal" makes it a block of a language model.
        """
        u = self.joined(a, lambda x: self.attend(x, x, mark, mask), 1, mark)
        return self.joined(u, partial(self.feedforward, mark=mark), 3, mark)

    def decoder(self, a: Tensor, code: Tensor, mark: str) -> Tensor:
        """Return the output of a decoder block for its input a (p, T) and the encoder's output ``code`` (p, S).

        A token reads the tokens up to itself, then the whole code, (7.33).
        """
        u = self.joined(a, lambda x: self.attend(x, x, mark, "causal"), 1, mark)
        u = self.joined(u, lambda x: self.attend(x, code, mark, None, cross=True), 3, mark)
        return self.joined(u, partial(self.feedforward, mark=mark), 5, mark)

    def joined(self, a: Tensor, part: Part, stage: int, mark: str) -> Tensor:
        """Return LN(a + part(a)) or a + part(LN(a)), the stages u_[k] and u_[k+1] of a block."""
        if self.norm == "post":
            u = self.stage(part(a), stage, mark)
            return self.stage(self.normalised(a + u, stage + 1, mark), stage + 1, mark)
        u = self.stage(self.normalised(a, stage, mark), stage, mark)
        return self.stage(a + part(u), stage + 1, mark)

    def stage(self, u: Tensor, number: int, mark: str) -> Tensor:
        """Name a stage of a block."""
        found: Tensor = named(plain(f"u{number}{mark}"), u, latex=f"u_{{[{number}]}}^{{{mark}}}")
        return found

    def normalised(self, u: Tensor, stage: int, mark: str) -> Tensor:
        """Return layer normalisation of each token, with its own scale γ and shift β."""
        gamma = self.declared(f"gamma{stage}{mark}", (u.shape[0],), rf"\gamma_{{[{stage}]}}^{{{mark}}}", constant(1.0))
        beta = self.declared(f"beta{stage}{mark}", (u.shape[0],), rf"\beta_{{[{stage}]}}^{{{mark}}}")
        return layer_norm(u, gamma, beta, axis=0)

    def attend(self, x: Tensor, read: Tensor, mark: str, mask: Any, cross: bool = False) -> Tensor:
        """Return multi-head attention, (7.26): Σ_h W_c^h u^h; queries from x (p, T), keys and values from ``read``."""
        s, tilde = self.sizes, r"\tilde{W}" if cross else "W"
        p, prefix = s.features, "X" if cross else "W"

        def weights(unit: str, shape: tuple[int, int], draw: Any) -> Any:
            return self.declared(f"{prefix}_{unit}{mark}", (s.heads, *shape), f"{tilde}_{unit}^{{{mark}}}", draw)

        W_q, W_k, W_v = (weights(u, (m, p), by_inputs()) for u, m in (("q", s.width), ("k", s.width), ("v", s.values)))
        W_c = weights("c", (p, s.values), by_inputs(self.damping, s.heads))
        u = attention(W_q @ x, W_k @ read, W_v @ read, mask, token_axis=-1)
        (h, _), (i, _), (j, _), (t, _) = axes = axes_of((s.heads, p, s.values, x.shape[1]))
        return Array(Reduce("add", Element(W_c, h, i, j) * Element(u, h, j, t), axes[0], axes[2]), axes[1], axes[3])

    def feedforward(self, u: Tensor, mark: str) -> Tensor:
        """Return the position-wise network W^[2] S(W^[1] u + b^[1]) + b^[2]."""
        z = self.affine(u, self.sizes.hidden, f"_1{mark}", f"_1^{{{mark}}}", by_inputs())
        return self.affine(
            self.activation(z), self.sizes.features, f"_2{mark}", f"_2^{{{mark}}}", by_inputs(self.damping)
        )

    def affine(self, u: Tensor, size: Any, name: str, latex: str, draw: Any) -> Tensor:
        """Return W u + b for each token u."""
        W = self.declared(f"W{name}", (size, u.shape[0]), f"W{latex}", draw)
        b = self.declared(f"b{name}", (size,), f"b{latex}")
        return W @ u + broadcast(b, (u.shape[1], size)).T

    def embedded(self, x: Tensor, symbols: int, mark: str = "", positions: str = "learned") -> Tensor:
        """Return the tokens of integers x (T,): their embeddings plus their positions, (p, T).

        Args:
            x: Integers below ``symbols``.
            symbols: The size of the alphabet.
            mark: What distinguishes the parameters.
            positions: "learned": a vector for each place, (7.28); "sinusoidal": (7.29).

        Raises:
            InputError: for other positions.
        """
        p, (length,) = self.sizes.features, x.shape
        E = self.declared(f"E{mark}", (symbols, p), f"E^{{{mark}}}" if mark else "E", embedding())
        if positions == "learned":
            R = self.declared(f"R{mark}", (p, length), f"R^{{{mark}}}" if mark else "R", embedding())
        elif positions == "sinusoidal":
            R = positional_encoding(length, p, token_axis=-1)
        else:
            raise InputError(f'transformer: positions must be "learned" or "sinusoidal", found {positions!r}')
        found: Tensor = named(plain(f"a{mark}"), take(E, x).T + R, latex=f"a_{{\\mathrm{{in}}}}^{{{mark}}}")
        return found

    def output(self, a: Tensor, symbols: int) -> Tensor:
        """Return the scores z (symbols, T) of the next symbol after each token, normalised first where norms are."""
        if self.norm == "pre":
            a = self.normalised(a, 0, "")
        return self.affine(a, symbols, "_o", "_o", by_inputs())

    def declared(self, name: str, shape: tuple[Any, ...], latex: str, draw: Any = None) -> Any:
        """Declare a parameter."""
        kinds: dict[int, Callable[..., Any]] = {1: vector, 2: matrix}
        declare, name = kinds.get(len(shape)), plain(name)
        symbol = declare(name, *shape, latex=latex) if declare else tensor(name, shape, latex=latex)
        self.parameters.append(symbol)
        if draw is not None:
            self.init[symbol] = draw
        return symbol


def plain(name: str) -> str:
    r"""Return a name without its LaTeX: "E{\mathrm{enc}}" is "Eenc"."""
    return re.sub(r"\\mathrm|[{}]", "", name)


def by_inputs(scale: float = 1.0, heads: int = 1) -> Any:
    """Return normal draws with variance scale²/inputs: the last axis is the input, ``heads`` of them are summed."""
    return lambda shape, random: random.normal(0.0, scale / np.sqrt(heads * shape[-1]), shape)


def embedding(std: float = 0.1) -> Any:
    """Return normal draws for what a token starts from."""
    return lambda shape, random: random.normal(0.0, std, shape)
