"""Scores of attention: how much a query has to do with a key. Book §7.4, catalogue 7.4-scores."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Rational

from symdl.errors import ShapeError
from symdl.expr.nodes import Element, Reduce, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import same_size, shape_text
from symdl.ops.windows import tensor_of

Feature = Callable[[Expr], Expr]  # the entry of one query or key, by the index of the feature


class Score(ABC):
    """A score function s(z_q, z_k) of two vectors of features."""

    @abstractmethod
    def between(self, query: Feature, key: Feature, sizes: tuple[Expr, Expr]) -> Expr:
        """Return the score of one query and one key.

        Args:
            query: Its entries.
            key: Its entries.
            sizes: The numbers of entries of a query and of a key.

        Raises:
            ShapeError: if the sizes do not fit.
        """


@dataclass(frozen=True)
class Inner(Score):
    """``z_qᵀ z_k · scale``; the scale is 1/√m by default, m being the number of features."""

    scale: Any = None

    def between(self, query: Feature, key: Feature, sizes: tuple[Expr, Expr]) -> Expr:
        """Return the scaled inner product."""
        if not same_size(*sizes):
            raise ShapeError(
                f"attention: a query has {sizes[0]} features and a key {sizes[1]}; an inner product needs as many; "
                "use sd.scores.General(W)"
            )
        [(j, size)] = axes_of(sizes[:1])
        scale = size ** Rational(-1, 2) if self.scale is None else self.scale
        return scale * Reduce("add", query(j) * key(j), (j, size))


@dataclass(frozen=True)
class General(Score):
    """``z_qᵀ W z_k``, W of shape (features of a query, features of a key)."""

    W: Any

    def between(self, query: Feature, key: Feature, sizes: tuple[Expr, Expr]) -> Expr:
        """Return the bilinear form."""
        weights = _weights(self.W, "W", sizes)
        (a, _), (b, _) = axes = axes_of(sizes)
        return Reduce("add", query(a) * Element(weights, a, b) * key(b), *axes)


@dataclass(frozen=True)
class Additive(Score):
    """``wᵀ tanh(W_q z_q + W_k z_k)``: w (m̃,), W_q (m̃, features of a query), W_k (m̃, features of a key)."""

    w: Any
    W_q: Any
    W_k: Any

    def between(self, query: Feature, key: Feature, sizes: tuple[Expr, Expr]) -> Expr:
        """Return the score of the one-layer network."""
        w = tensor_of(self.w, "attention: w", 1)
        width = w.shape[0]
        parts = []
        [(j, _)] = axes_of([width])
        for name, given, feature, size in (
            ("W_q", self.W_q, query, sizes[0]),
            ("W_k", self.W_k, key, sizes[1]),
        ):
            weights = _weights(given, name, (width, size))
            [(a, _)] = axes_of([size])
            parts.append(Reduce("add", Element(weights, j, a) * feature(a), (a, size)))
        return Reduce("add", Element(w, j) * SCALAR_OPS["tanh"](parts[0] + parts[1]), (j, width))


def _weights(value: Any, name: str, shape: tuple[Expr, Expr]) -> Tensor:
    found = tensor_of(value, f"attention: {name}", 2)
    if not all(map(same_size, found.shape, shape)):
        raise ShapeError(f"attention: {name}: expected shape {shape_text(shape)}, found {shape_text(found.shape)}")
    return found
