"""Random models of symdl's own tensors."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from sympy import Integer, Rational

from symdl.expr.contract import broadcast, transpose
from symdl.expr.declare import named, tensor
from symdl.expr.scalar import SCALAR_OPS
from symdl.ops import elementwise, reductions, softmax, structure
from symdl.testing.model import SIZES, Model, Part, Pool, finish, start

n, p, m = SIZES
SHAPES: list[tuple[Any, ...]] = [(n,), (p,), (3,), (n, p), (p, n), (n, n), (p, m), (n, 1), (2, p), (n, p, m)]
FACTS = ["", "", "positive", "probability", "simplex", "one_hot", "symmetric", "positive_definite", "diagonal"]
SQUARE = {"symmetric", "positive_definite", "diagonal"}
# Not in random models: values that grow or jump everywhere, and constants that are rounded (no 50 digits).
LEFT_OUT = {"floor", "tan", "cosh", "sinh", "step", "expm1", "asin", "acos", "selu", "leaky_relu", "stop_gradient"}

Move = Callable[[Pool], Part | None]


def unary_ops(analytic: bool) -> list[str]:
    """Return the names of scalar ops of one argument that are defined on all reals."""
    found = [name for name, op in SCALAR_OPS.items() if op.domain == (-np.inf, np.inf) and op.analytic is analytic]
    return sorted(name for name in set(found) - LEFT_OUT if _arity(name) == 1)


def _arity(name: str) -> int:
    parameters = inspect.signature(SCALAR_OPS[name].eval).parameters.values()
    return sum(parameter.default is inspect.Parameter.empty for parameter in parameters)


def declared(pool: Pool) -> Part:
    """Declare another tensor, with or without properties."""
    shape = pool.draw(st.sampled_from(SHAPES))
    square = len(shape) == 2 and shape[0] == shape[1]
    fact = pool.draw(st.sampled_from([fact for fact in FACTS if square or fact not in SQUARE]))
    return pool.declare(tensor(pool.fresh("x"), shape, latex="", **({fact: True} if fact else {})))


def unary(pool: Pool, analytic: bool = True) -> Part | None:
    """Apply a scalar op to every element."""
    name = pool.draw(st.sampled_from(unary_ops(analytic)))
    part = pool.pick()
    if part is None:
        return None
    op = SCALAR_OPS[name]
    function = getattr(elementwise, name)
    return pool.make(function(part.expr), lambda x: op.reference(x), part, analytic=analytic)


def kinked(pool: Pool) -> Part | None:
    """Apply a scalar op with a kink to every element."""
    return unary(pool, analytic=False)


def composed(pool: Pool) -> Part | None:
    """Apply a function that is not one op, its argument kept in its domain."""
    part = pool.pick()
    if part is None:
        return None
    x = part.expr
    kind = pool.draw(st.sampled_from(["log", "sqrt", "reciprocal", "square", "cube", "affine", "power"]))
    if kind == "log":
        return pool.make(elementwise.log(1 + elementwise.square(x)), lambda a: np.log(1 + a * a), part)
    if kind == "sqrt":
        return pool.make(elementwise.sqrt(2 + elementwise.square(x)), lambda a: np.sqrt(2 + a * a), part)
    if kind == "reciprocal":
        return pool.make(elementwise.divide(1, 1 + elementwise.exp(x)), lambda a: 1 / (1 + np.exp(a)), part)
    if kind == "square":
        return pool.make(elementwise.square(x), lambda a: a * a, part)
    if kind == "cube":
        return pool.make(elementwise.power(x, 3), lambda a: a * a * a, part)
    if kind == "power":
        base = elementwise.softplus(x)
        return pool.make(elementwise.power(base, Rational(5, 2)), lambda a: np.log(1 + np.exp(a)) ** 2.5, part)
    a, b = pool.number(), pool.number()
    return pool.make(a * x - b, lambda value: float(a) * value - float(b), part)


def binary(pool: Pool, kinds: tuple[str, ...] = ("+", "-", "hadamard", "divide")) -> Part | None:
    """Combine two tensors of one shape, or a tensor and a scalar."""
    left = pool.pick()
    if left is None:
        return None
    right = pool.pick(lambda part: part.shape == left.shape or not part.shape)
    kind = pool.draw(st.sampled_from(kinds))
    if right is None:
        return None
    a, b = left.expr, right.expr
    smooth = kind in ("+", "-", "hadamard", "divide")
    symbolic: dict[str, Callable[[], Any]] = {
        "+": lambda: a + b,
        "-": lambda: a - b,
        "hadamard": lambda: elementwise.hadamard(a, b),
        "divide": lambda: elementwise.divide(a, 1 + elementwise.square(b)),
        "maximum": lambda: elementwise.maximum(a, b),
        "minimum": lambda: elementwise.minimum(a, b),
        "where": lambda: elementwise.where(elementwise.greater(a, b), elementwise.tanh(a), 2 * b),
    }
    numeric: dict[str, Callable[..., Any]] = {
        "+": lambda u, v: u + v,
        "-": lambda u, v: u - v,
        "hadamard": lambda u, v: u * v,
        "divide": lambda u, v: u / (1 + v * v),
        "maximum": lambda u, v: np.where(np.real(u) >= np.real(v), u, v),
        "minimum": lambda u, v: np.where(np.real(u) <= np.real(v), u, v),
        "where": lambda u, v: np.where(np.real(u) > np.real(v), np.tanh(u), 2 * v),
    }
    return pool.make(symbolic[kind](), numeric[kind], left, right, analytic=smooth)


def choice(pool: Pool) -> Part | None:
    """Choose between two tensors, element by element."""
    return binary(pool, ("maximum", "minimum", "where"))


def product(pool: Pool) -> Part | None:
    """Multiply two tensors by ``@``, in whichever way fits."""
    left = pool.pick(lambda part: len(part.shape) in (1, 2))
    right = pool.pick(lambda part: len(part.shape) in (1, 2))
    if left is None or right is None:
        return None
    a, b = left.expr, right.expr
    if len(left.shape) == 1 and len(right.shape) == 1:
        if left.shape == right.shape and pool.draw(st.booleans()):
            symbolic = a @ b if pool.draw(st.booleans()) else a.T @ b
            return pool.make(symbolic, lambda u, v: np.sum(u * v), left, right, shape=())
        return pool.make(a @ b.T, np.multiply.outer, left, right, shape=(*left.shape, *right.shape))
    if len(left.shape) == 1:
        if left.shape[0] == right.shape[0]:
            return pool.make((a.T @ b)[0, :], lambda u, v: u @ v, left, right, shape=right.shape[1:])
        return None
    if left.shape[-1] != right.shape[0]:
        if left.shape[0] != right.shape[0]:
            return None
        left = pool.make(a.T, np.transpose, left, shape=left.shape[::-1])
    shape = (*left.shape[:-1], *right.shape[1:])
    return pool.make(left.expr @ b, lambda u, v: u @ v, left, right, shape=shape)


def _axes(pool: Pool, part: Part) -> tuple[int, ...] | None:
    axis = pool.draw(st.sampled_from([None, *range(len(part.shape))]))
    return None if axis is None else (axis,)


def _rest(part: Part, axes: tuple[int, ...] | None) -> tuple[Any, ...]:
    return () if axes is None else tuple(size for k, size in enumerate(part.shape) if k not in axes)


def reduction(pool: Pool, kinds: tuple[str, ...] = ("sum", "mean", "norm", "var", "logsumexp", "prod")) -> Part | None:
    """Reduce over all axes or over one."""
    part = pool.pick(lambda part: len(part.shape) > 0)
    kind = pool.draw(st.sampled_from(kinds))
    if part is None:
        return None
    axes = _axes(pool, part)
    axis = None if axes is None else axes[0]
    x = part.expr
    if kind == "norm":
        x = x + 1
        assume(float(np.min(np.linalg.norm(part.value + 1, axis=axis), initial=1)) > 0.1)
    if kind == "prod":
        x = elementwise.tanh(x)
    numeric: dict[str, Callable[[Any], Any]] = {
        "sum": lambda u: np.sum(u, axis=axes),
        "mean": lambda u: np.mean(u, axis=axes),
        "var": lambda u: np.mean((u - np.mean(u, axis=axes, keepdims=True)) ** 2, axis=axes),
        "norm": lambda u: np.sqrt(np.sum((u + 1) * (u + 1), axis=axes)),
        "logsumexp": lambda u: np.log(np.sum(np.exp(u), axis=axes)),
        "prod": lambda u: np.prod(np.tanh(u), axis=axes),
        "max": lambda u: _extreme(u, axis, np.argmax),
        "min": lambda u: _extreme(u, axis, np.argmin),
    }
    functions: dict[str, Any] = {"logsumexp": softmax.logsumexp}
    function = functions.get(kind) or getattr(reductions, kind)
    return pool.make(
        function(x, axis=axis), numeric[kind], part, shape=_rest(part, axes), analytic=kind not in ("max", "min")
    )


def extremum(pool: Pool) -> Part | None:
    """Take the largest or smallest entry, over all axes or along one."""
    return reduction(pool, ("max", "min"))


def _extreme(u: Any, axis: int | None, choose: Any) -> Any:
    u = np.asarray(u)
    if axis is None:
        return u.reshape(-1)[choose(np.real(u).reshape(-1))]
    place = np.expand_dims(choose(np.real(u), axis=axis), axis)
    return np.squeeze(np.take_along_axis(u, place, axis=axis), axis=axis)


def normalised(pool: Pool) -> Part | None:
    """Apply softmax or log-softmax along an axis."""
    part = pool.pick(lambda part: len(part.shape) > 0)
    if part is None:
        return None
    axis = pool.draw(st.integers(0, len(part.shape) - 1))

    def numeric(u: Any) -> Any:
        weights = np.exp(u)
        return weights / np.sum(weights, axis=axis, keepdims=True)

    if pool.draw(st.booleans()):
        return pool.make(softmax.softmax(part.expr, axis=axis), numeric, part)
    return pool.make(softmax.log_softmax(part.expr, axis=axis), lambda u: np.log(numeric(u)), part)


def rearranged(pool: Pool) -> Part | None:
    """Transpose, slice, broadcast, concatenate, stack, take a diagonal or make one."""
    part = pool.pick(lambda part: len(part.shape) > 0)
    if part is None:
        return None
    x, order = part.expr, len(part.shape)
    kind = pool.draw(
        st.sampled_from(["T", "reverse", "stride", "tail", "at", "broadcast", "concat", "stack", "diag", "kron"])
    )
    if kind == "T" and order > 1:
        axes = pool.draw(st.permutations(range(order)))
        shape = [part.shape[axis] for axis in axes]
        return pool.make(transpose(x, axes), lambda u: np.transpose(u, axes), part, shape=shape)
    if kind == "reverse":
        return pool.make(x[::-1], lambda u: u[::-1], part)
    if kind in ("stride", "tail"):
        key = slice(None, None, 2) if kind == "stride" else slice(1, None)
        return pool.make(sliced := x[key], lambda u: u[key], part, shape=sliced.shape)
    if kind == "at":
        place = pool.draw(st.sampled_from([0, -1]))
        return pool.make(x[place], lambda u: u[place], part, shape=part.shape[1:])
    if kind == "broadcast" and order < 3:
        sizes = (2, *part.shape)
        return pool.make(broadcast(x, sizes), lambda u: np.stack([u, u]), part, shape=(Integer(2), *part.shape))
    other = pool.pick(lambda other: other.shape == part.shape)
    assert other is not None
    if kind == "concat":
        joined = structure.concat([x, other.expr, x])
        return pool.make(joined, lambda u, v: np.concatenate([u, v, u]), part, other, shape=joined.shape)
    if kind == "stack" and order < 3:
        joined = structure.stack([x, other.expr], axis=order)
        return pool.make(joined, lambda u, v: np.stack([u, v], axis=-1), part, other, shape=joined.shape)
    if kind == "diag" and order == 1:
        return pool.make(structure.diag(x), np.diag, part, shape=part.shape * 2)
    if kind == "diag" and order == 2 and part.shape[0] == part.shape[1]:
        return pool.make(structure.diag(x), np.diagonal, part, shape=part.shape[:1])
    if kind == "kron" and order == 2 and part.value.size <= 6:
        both = structure.kron(x, other.expr)
        return pool.make(both, np.kron, part, other, shape=both.shape)
    return None


def identity(pool: Pool) -> Part:
    """Make a constant: an identity, ones."""
    size = pool.draw(st.sampled_from([n, p]))
    extent = pool.sizes[str(size)]
    if pool.draw(st.booleans()):
        return pool.make(structure.eye(size), lambda: np.eye(extent), shape=(size, size))
    return pool.make(structure.ones(size), lambda: np.ones(extent), shape=(size,))


def labelled(pool: Pool) -> Part | None:
    """Name an intermediate."""
    part = pool.pick(lambda part: not any(part.expr is variable for variable in pool.variables))
    if part is None:
        return None
    letter = pool.draw(st.sampled_from(["z", "a", "h"]))
    return pool.make(named(pool.fresh(letter), part.expr), lambda u: u, part)


SMOOTH: list[Move] = [
    declared,
    unary,
    unary,
    composed,
    binary,
    binary,
    product,
    product,
    reduction,
    normalised,
    rearranged,
    labelled,
    identity,
]
KINKED: list[Move] = [kinked, choice, extremum]


@st.composite
def tensor_models(draw: Any, steps: int = 7, analytic: bool = False) -> Model:
    """Random scalar models written with ``sd.tensor``, ``@`` and symdl's functions."""
    pool = start(draw, 3)
    declared(pool)
    declared(pool)
    moves = SMOOTH if analytic else SMOOTH + KINKED
    for _ in range(draw(st.integers(1, steps))):
        part = draw(st.sampled_from(moves))(pool)
        if (
            part is not None and part.value.size <= 60
            if part is not None and hasattr(part.value, "size")
            else part is not None
        ):
            pool.parts.append(part)
    return finish(pool, "tensors", total(pool))


def total(pool: Pool, *held: Part) -> Part:
    """Return a weighted sum over the last few parts, and over those that are to be in it."""
    chosen = [*held, *(part for part in pool.parts[-3:] if all(part is not other for other in held))]
    value: Any = Integer(0)
    for part in chosen:
        value = value + (part.expr if not part.shape else reductions.sum(elementwise.sin(part.expr) + part.expr))

    def numeric(*values: Any) -> Any:
        return sum(np.sum(np.sin(v) + v) if part.shape else v for part, v in zip(chosen, values, strict=True))

    return pool.make(value, numeric, *chosen, shape=())
