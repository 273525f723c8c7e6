"""Attention, and the positions of tokens, as equations. Book §7.4 and §7.5."""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Eq, Expr, Integer, Le

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.conditions import Condition
from symdl.expr.contract import transpose
from symdl.expr.nodes import Array, Element, Tensor, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.ops.elementwise import where
from symdl.ops.masked import MASKED
from symdl.ops.rearrange import reshape
from symdl.ops.scores import Inner, Score
from symdl.ops.softmax import softmax
from symdl.ops.windows import tensor_of


def attention(
    q: Any,
    k: Any,
    v: Any,
    mask: Any = None,
    token_axis: int = -2,
    score: Score | None = None,
    heads: int = 1,
) -> Tensor:
    """Attention: for each query the mean of the values, weighted by the softmax of its scores. Book (7.20), (7.24).

    Args:
        q: Queries, (T, m), or (m, T) with ``token_axis=-1``; leading axes, such as one for the heads, are kept.
        k: Keys, (S, m) or (m, S).
        v: Values, (S, d) or (d, S).
        mask: Which keys a query may read: ``"causal"``: those that are not later, the last query seeing the last key;
            or a tensor that is 1 for a pair that counts and 0 for one that does not, of shape (T, S), that is (S, T)
            with ``token_axis=-1``, or (S,) for all queries, or a condition on tensors of
            such a shape, as ``positions < length``. Masked weights are exactly 0, and so are all weights of a
            query that may read nothing.
        token_axis: The axis of tokens, the last one (the book's columns) or the one before it.
        score: The score function; by default the inner product divided by √m.
        heads: Number of heads: the features of q, k and v are divided among them, each of them attends for itself, and
            their results are joined again.

    Returns:
        Shape (T, d), or (d, T).

    Raises:
        ShapeError: if shapes do not fit.
        ExpressionError: for an unknown mask.
    """
    parts = [tensor_of(part, f"attention: {name}") for part, name in ((q, "q"), (k, "k"), (v, "v"))]
    columns = _columns(parts, token_axis)
    if heads != 1:
        queries, keys, values = (_split(part, heads, columns) for part in parts)
        return _joined(attention(queries, keys, values, mask, -1 if columns else -2, score), columns)
    _check(parts, columns)
    queries, keys, values = parts
    weights = attention_weights(queries, keys, mask, -1 if columns else -2, score)
    return values @ weights if columns else weights @ values


def attention_weights(q: Any, k: Any, mask: Any = None, token_axis: int = -2, score: Score | None = None) -> Tensor:
    """Weights α of ``attention``: shape (..., T, S) with rows that sum to 1, or (..., S, T) with such columns."""
    queries, keys = parts = [tensor_of(part, f"attention: {name}") for part, name in ((q, "q"), (k, "k"))]
    columns = _columns(parts, token_axis)
    _check(parts, columns)
    scores = _scores(queries, keys, score or Inner(), columns)
    weights = softmax(_masked(scores, mask, columns), axis=-2 if columns else -1)
    if mask is None:
        return weights
    axes = axes_of(weights.shape)
    if isinstance(mask, str):
        shown, later = _shown(axes, columns)
        if later.is_nonnegative:  # every query may read the first key
            return weights
        allowed: Expr = SCALAR_OPS["where"](shown, Integer(1), Integer(0))
    else:
        allowed, axes = _pairs(mask, weights, columns)
    return Array(Element(weights, *(index for index, _ in axes)) * allowed, *axes)


def _columns(parts: Sequence[Tensor], token_axis: int) -> bool:
    """Tell whether tokens are columns."""
    order = parts[0].order
    if order < 2 or any(part.order != order for part in parts):
        shapes = ", ".join(shape_text(part.shape) for part in parts)
        raise ShapeError(f"attention: expected tensors of one order, at least 2, found shapes {shapes}")
    if isinstance(token_axis, bool) or token_axis not in (-1, -2, order - 1, order - 2):
        raise ShapeError(f"attention: token_axis {token_axis!r} is none of the last two axes")
    return token_axis in (-1, order - 1)


def _check(parts: Sequence[Tensor], columns: bool) -> None:
    token = -1 if columns else -2
    queries, keys, *rest = parts
    fits = all(same_size(keys.shape[token], other.shape[token]) for other in rest) and all(
        same_size(a, b) for part in parts for a, b in zip(part.shape[:-2], queries.shape[:-2], strict=True)
    )
    if not fits:
        shapes = ", ".join(shape_text(part.shape) for part in parts)
        raise ShapeError(f"attention: shapes {shapes}: leading axes must agree, and keys be as many as values")


def _scores(queries: Tensor, keys: Tensor, score: Score, columns: bool) -> Tensor:
    """Return the scores, (..., T, S) or (..., S, T)."""
    token, feature = (-1, -2) if columns else (-2, -1)
    head = axes_of(queries.shape[:-2])
    query, key = axes_of([queries.shape[token], keys.shape[token]])
    outer = [index for index, _ in head]

    def entry(tensor: Tensor, place: Expr) -> Any:
        return lambda j: Element(tensor, *outer, *((j, place) if columns else (place, j)))

    sizes = (queries.shape[feature], keys.shape[feature])
    body = score.between(entry(queries, query[0]), entry(keys, key[0]), sizes)
    return Array(body, *head, *((key, query) if columns else (query, key)))


def _masked(scores: Tensor, mask: Any, columns: bool) -> Tensor:
    """Return the scores plus −∞ where a pair is masked."""
    if mask is None:
        return scores
    where = SCALAR_OPS["where"]
    if isinstance(mask, str):
        if mask != "causal":
            raise ExpressionError(f'attention: unknown mask {mask!r}; expected "causal" or a tensor of zeros and ones')
        axes = axes_of(scores.shape)
        shift = where(_shown(axes, columns)[0], Integer(0), MASKED)
    else:
        allowed, axes = _pairs(mask, scores, columns)
        shift = where(Eq(allowed, 0), MASKED, Integer(0))
    return Array(Element(scores, *(index for index, _ in axes)) + shift, *axes)


def _shown(axes: list[Any], columns: bool) -> tuple[Any, Expr]:
    """Return whether the causal mask shows a key to a query, and how many more keys than queries there are."""
    (key, keys), (query, queries) = axes[-2:] if columns else axes[:-3:-1]
    return Le(key, query + keys - queries), sympy.expand(keys - queries)


def _pairs(mask: Any, scores: Tensor, columns: bool) -> tuple[Expr, list[Any]]:
    """Return the mask's element for a pair, and the axes of the scores."""
    given = tensor_of(where(mask, 1, 0) if isinstance(mask, Condition) else mask, "attention: mask")
    axes = axes_of(scores.shape)
    own = axes[-given.order :] if given.order != 1 else [axes[-2 if columns else -1]]
    if given.order > len(axes) or not all(same_size(a, b) for a, (_, b) in zip(given.shape, own, strict=True)):
        raise ShapeError(
            f"attention: the mask has shape {shape_text(given.shape)}, the scores {shape_text(scores.shape)}; a vector "
            "is for the keys"
        )
    return Element(given, *(index for index, _ in own)), axes


def _split(x: Tensor, heads: int, columns: bool) -> Tensor:
    """Return the features divided among heads, which become the axis before the last two."""
    if isinstance(heads, bool) or not isinstance(heads, int) or heads < 1:
        raise ShapeError(f"attention: heads: expected a positive integer, found {heads!r}")
    *head, rows, width = x.shape
    features, tokens = (rows, width) if columns else (width, rows)
    if (features / heads).is_integer is not True:
        raise ShapeError(f"attention: {features} features do not provably divide among {heads} heads")
    if columns:
        return reshape(x, (*head, heads, features / heads, tokens))
    order = len(head)
    parts = reshape(x, (*head, tokens, heads, features / heads))
    return transpose(parts, (*range(order), order + 1, order, order + 2))


def _joined(x: Tensor, columns: bool) -> Tensor:
    """Return the heads' features side by side."""
    *head, heads, rows, width = x.shape
    if columns:
        return reshape(x, (*head, heads * rows, width))
    order = len(head)
    return reshape(transpose(x, (*range(order), order + 1, order, order + 2)), (*head, rows, heads * width))


def positional_encoding(tokens: Any, features: Any, base: Any = 10_000, token_axis: int = -2, first: int = 1) -> Tensor:
    """Sinusoidal positions of tokens, book (7.29): sin(t/M^{2i/p}) in coordinate 2i, cos of it in coordinate 2i + 1.

    Args:
        tokens: The number of tokens T.
        features: The number of coordinates p.
        base: M.
        token_axis: -2 for shape (T, p), -1 for (p, T).
        first: The position t of the first token: 1 as in the book; many programs count from 0.

    Raises:
        ShapeError: for another token axis.
    """
    if token_axis not in (-2, -1, 0, 1):
        raise ShapeError(f"positional_encoding: token_axis {token_axis!r} is none of the two axes")
    (t, _), (j, size) = token, feature = axes_of(
        [as_size(tokens, "positional_encoding"), as_size(features, "positional_encoding")]
    )
    angle = (t + first) * sympy.sympify(base) ** (-2 * sympy.floor(j / 2) / size)
    body = SCALAR_OPS["where"](Eq(sympy.Mod(j, 2), 0), SCALAR_OPS["sin"](angle), SCALAR_OPS["cos"](angle))
    return Array(body, *((feature, token) if token_axis in (-1, 1) else (token, feature)))
