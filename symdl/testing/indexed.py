"""Random models in SymPy's indexed notation: ``IndexedBase``, ``Sum``, ``Product``, ``KroneckerDelta``."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st

from symdl.expr.nodes import TensorSymbol
from symdl.testing.model import SIZES, Model, Part, Pool, finish, start

# Each index has one size, so a part's shape is the tuple of its free indices; arrays have an axis for all three.
INDICES = sp.symbols("i j k", integer=True)
EXTENT = dict(zip(INDICES, SIZES, strict=True))
Move = Callable[[Pool], Part | None]

FUNCTIONS: dict[str, tuple[Any, Any, bool]] = {
    "tanh": (sp.tanh, np.tanh, True),
    "exp": (lambda x: sp.exp(x / 2), lambda u: np.exp(u / 2), True),
    "cos": (sp.cos, np.cos, True),
    "reciprocal": (lambda x: 1 / (1 + sp.exp(x)), lambda u: 1 / (1 + np.exp(u)), True),
    "logarithm": (lambda x: sp.log(x**2 + 2), lambda u: np.log(u * u + 2), True),
    "root": (lambda x: (x**2 + 1) ** sp.Rational(3, 2) / 4, lambda u: (u * u + 1) ** 1.5 / 4, True),
    "square": (lambda x: x**2, lambda u: u * u, True),
    "linear": (lambda x: 2 * x - sp.Rational(1, 3), lambda u: 2 * u - 1 / 3, True),
    "abs": (sp.Abs, lambda u: np.where(np.real(u) < 0, -u, u), False),
    "max": (lambda x: sp.Max(x, 1), lambda u: np.where(np.real(u) > 1, u, 1), False),
    "pieces": (lambda x: sp.Piecewise((x, x < 0), (x**2, True)), lambda u: np.where(np.real(u) < 0, u, u * u), False),
}


def declared(pool: Pool) -> Part:
    """Declare another ``IndexedBase`` and read it at free indices: a vector, a matrix, or one index twice."""
    name = pool.fresh("x")
    places = pool.draw(st.sampled_from([*[(i,) for i in INDICES], *[(i, j) for i in INDICES for j in INDICES]]))
    shape = tuple(EXTENT[index] for index in places)
    base = sp.IndexedBase(name, shape=shape, real=True)
    part = pool.declare(TensorSymbol(name, shape), base, places)
    pool.parts.pop()
    found = read(pool, part, places)
    pool.parts.append(found)
    return found


def read(pool: Pool, part: Part, places: tuple[Any, ...]) -> Part:
    """Read a declared tensor at indices."""
    free = tuple(index for index in INDICES if index in places)

    def numeric(array: Any) -> Any:
        grids = np.ogrid[tuple(slice(0, pool.sizes[str(EXTENT[index])]) for index in INDICES)]
        return np.asarray(array)[tuple(grids[INDICES.index(place)] for place in places)]

    return pool.make(part.expr[places], numeric, part, shape=free)


def again(pool: Pool) -> Part | None:
    """Read a declared tensor at other indices of the same size: transposed where it is square."""
    squares = [base for base in pool.variables if len(base.shape) == 2 and base.shape[0] == base.shape[1]]
    if not squares:
        return None
    base = pool.draw(st.sampled_from(squares))
    name = str(base.label)
    part = Part(base, lambda arrays: arrays[name], pool.arrays[name])
    index = next(index for index in INDICES if EXTENT[index] == base.shape[0])
    return read(pool, part, (index, index))


def applied(pool: Pool, analytic: bool = True) -> Part | None:
    """Apply a function."""
    part = pool.pick()
    name = pool.draw(st.sampled_from([name for name, (*_, smooth) in FUNCTIONS.items() if smooth is analytic]))
    if part is None:
        return None
    symbolic, numeric, smooth = FUNCTIONS[name]
    return pool.make(symbolic(part.expr), numeric, part, analytic=smooth)


def kinked(pool: Pool) -> Part | None:
    """Apply a function with a kink."""
    return applied(pool, analytic=False)


def combined(pool: Pool) -> Part | None:
    """Add or multiply two parts; indices that only one of them has broadcast."""
    left, right = pool.pick(), pool.pick()
    if left is None or right is None:
        return None
    shape = tuple(index for index in INDICES if index in {*left.shape, *right.shape})
    kind = pool.draw(st.sampled_from(["+", "*", "-", "/"]))
    a, b = left.expr, right.expr
    if kind == "/":
        return pool.make(a / (1 + b**2), lambda u, v: u / (1 + v * v), left, right, shape=shape)
    symbolic = {"+": a + b, "*": a * b, "-": a - 2 * b}[kind]
    numeric = {"+": lambda u, v: u + v, "*": lambda u, v: u * v, "-": lambda u, v: u - 2 * v}[kind]
    return pool.make(symbolic, numeric, left, right, shape=shape)


def summed(pool: Pool) -> Part | None:
    """Sum or multiply over a free index; the bound index may have been used and be used again."""
    # SymPy itself moves a Piecewise out of a sum inside a sum, and with it the index that the inner sum binds.
    part = pool.pick(lambda part: len(part.shape) > 0 and not part.expr.has(sp.Piecewise))
    if part is None:
        return None
    index = pool.draw(st.sampled_from(part.shape))
    extent = pool.sizes[str(EXTENT[index])]
    axis = INDICES.index(index)
    shape = tuple(other for other in part.shape if other != index)
    limits = (index, 0, EXTENT[index] - 1)
    if pool.draw(st.integers(0, 3)) == 0:
        return pool.make(
            sp.Product(sp.tanh(part.expr), limits),
            lambda u: np.prod(np.tanh(_spread(u, axis, extent)), axis=axis, keepdims=True),
            part,
            shape=shape,
        )
    if pool.draw(st.integers(0, 3)) == 0:
        return pool.make(
            sp.Sum(part.expr, (index, 1, EXTENT[index] - 1)),
            lambda u: np.sum(np.take(_spread(u, axis, extent), range(1, extent), axis), axis=axis, keepdims=True),
            part,
            shape=shape,
        )
    return pool.make(
        sp.Sum(part.expr, limits),
        lambda u: np.sum(_spread(u, axis, extent), axis=axis, keepdims=True),
        part,
        shape=shape,
    )


def guarded(pool: Pool) -> Part | None:
    """Multiply by a Kronecker delta of two indices, or keep what lies below the diagonal."""
    part = pool.pick()
    if part is None:
        return None
    a, b = pool.draw(st.permutations(INDICES))[:2]
    shape = tuple(index for index in INDICES if index in {*part.shape, a, b})
    grids = np.ogrid[tuple(slice(0, pool.sizes[str(EXTENT[index])]) for index in INDICES)]
    first, second = grids[INDICES.index(a)], grids[INDICES.index(b)]
    if pool.draw(st.booleans()):
        return pool.make(sp.KroneckerDelta(a, b) * part.expr, lambda u: u * (first == second), part, shape=shape)
    return pool.make(
        sp.Piecewise((part.expr, sp.Lt(a, b)), (part.expr / 2, True)),
        lambda u: np.where(first < second, u, u / 2),
        part,
        shape=shape,
    )


def _spread(value: Any, axis: int, extent: int) -> Any:
    shape = list(np.shape(value))
    shape[axis] = extent
    return np.broadcast_to(value, shape)


SMOOTH: list[Move] = [
    declared,
    declared,
    again,
    applied,
    applied,
    combined,
    combined,
    combined,
    summed,
    summed,
    guarded,
]
KINKED: list[Move] = [kinked]


@st.composite
def indexed_models(draw: Any, steps: int = 7, analytic: bool = False) -> Model:
    """Random scalar models written with ``IndexedBase`` and ``Sum``."""
    pool = start(draw, 3)
    declared(pool)
    declared(pool)
    for _ in range(draw(st.integers(1, steps))):
        part = draw(st.sampled_from(SMOOTH if analytic else SMOOTH + KINKED))(pool)
        if part is not None:
            pool.parts.append(part)
    return finish(pool, "indexed", _total(pool))


def _total(pool: Pool) -> Part:
    """Return the sum over all free indices of the last parts."""
    total: Any = sp.Integer(0)
    chosen = pool.parts[-2:]
    for part in chosen:
        limits = [(index, 0, EXTENT[index] - 1) for index in part.shape]
        total += sp.Sum(part.expr * sp.cos(part.expr), *limits) if limits else part.expr

    def numeric(*values: Any) -> Any:
        return sum(_sum(part, value, pool) for part, value in zip(chosen, values, strict=True))

    return pool.make(total, numeric, *chosen, shape=())


def _sum(part: Part, value: Any, pool: Pool) -> Any:
    if not part.shape:
        return np.sum(value)
    for index in part.shape:
        value = _spread(value, INDICES.index(index), pool.sizes[str(EXTENT[index])])
    return np.sum(value * np.cos(value))
