"""Random models of SymPy's own matrix expressions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import strategies as st
from sympy.matrices import expressions as mx

from symdl.expr.nodes import TensorSymbol
from symdl.testing.model import SIZES, Model, Part, Pool, finish, start

n, p, m = SIZES
SHAPES = [(n, p), (p, n), (n, n), (p, p), (p, m), (n, 1), (1, p), (p, 1), (2, p)]
Move = Callable[[Pool], Part | None]

# name: (SymPy function of an element, NumPy function, analytic)
FUNCTIONS: dict[str, tuple[Any, Any, bool]] = {
    "tanh": (sp.tanh, np.tanh, True),
    "exp": (sp.exp, np.exp, True),
    "sin": (sp.sin, np.sin, True),
    "atan": (sp.atan, np.arctan, True),
    "erf": (lambda x: sp.tanh(x) * sp.cos(x), lambda u: np.tanh(u) * np.cos(u), True),
    "sigmoid": (lambda x: 1 / (1 + sp.exp(-x)), lambda u: 1 / (1 + np.exp(-u)), True),
    "softplus": (lambda x: sp.log(1 + sp.exp(x)), lambda u: np.log(1 + np.exp(u)), True),
    "logarithm": (lambda x: sp.log(x**2 + 1), lambda u: np.log(u * u + 1), True),
    "root": (lambda x: sp.sqrt(x**2 + 1), lambda u: np.sqrt(u * u + 1), True),
    "cube": (lambda x: x**3 / 2, lambda u: u * u * u / 2, True),
    "abs": (sp.Abs, lambda u: np.where(np.real(u) < 0, -u, u), False),
    "relu": (lambda x: sp.Max(x, 0), lambda u: np.where(np.real(u) > 0, u, 0), False),
    "hinge": (lambda x: sp.Min(1 - x, x), lambda u: np.where(np.real(1 - u) < np.real(u), 1 - u, u), False),
    "pieces": (lambda x: sp.Piecewise((x**2, x > sp.Rational(1, 3)), (sp.sin(x), True)),
               lambda u: np.where(np.real(u) > 1 / 3, u * u, np.sin(u)), False),
}  # fmt: skip


def declared(pool: Pool) -> Part:
    """Declare another ``MatrixSymbol``."""
    shape = pool.draw(st.sampled_from(SHAPES))
    name = pool.fresh("A")
    return pool.declare(TensorSymbol(name, shape), mx.MatrixSymbol(name, *shape), shape)


def elementwise(pool: Pool, analytic: bool = True) -> Part | None:
    """Apply a function to every element; not of a 1-by-1 matrix, to which SymPy applies it as a whole, or fails."""
    part = pool.pick(lambda part: part.shape != (1, 1))
    name = pool.draw(st.sampled_from([name for name, (*_, smooth) in FUNCTIONS.items() if smooth is analytic]))
    if part is None:
        return None
    symbolic, numeric, smooth = FUNCTIONS[name]
    entry = sp.Dummy("x", real=True)
    return pool.make(part.expr.applyfunc(sp.Lambda(entry, symbolic(entry))), numeric, part, analytic=smooth)


def kinked(pool: Pool) -> Part | None:
    """Apply a function with a kink to every element."""
    return elementwise(pool, analytic=False)


def product(pool: Pool) -> Part | None:
    """Multiply two matrices, transposed if need be."""
    left, right = pool.pick(), pool.pick()
    if left is None or right is None:
        return None
    a, b = left, right
    if a.shape[1] != b.shape[0]:
        if a.shape[0] == b.shape[0]:
            a = transposed(pool, a)
        elif a.shape[1] == b.shape[1]:
            b = transposed(pool, b)
        else:
            return None
    return pool.make(a.expr * b.expr, lambda u, v: u @ v, a, b, shape=(a.shape[0], b.shape[1]))


def transposed(pool: Pool, part: Part) -> Part:
    """Return the transpose of a part."""
    return pool.make(part.expr.T, np.transpose, part, shape=part.shape[::-1])


def pairwise(pool: Pool) -> Part | None:
    """Add or multiply element by element, or combine linearly with numbers."""
    left = pool.pick()
    right = pool.pick(lambda part: left is not None and part.shape == left.shape)
    if left is None or right is None:
        return None
    kind = pool.draw(st.sampled_from(["sum", "hadamard", "scaled"]))
    if kind == "sum":
        return pool.make(left.expr + right.expr, lambda u, v: u + v, left, right)
    if kind == "hadamard":
        return pool.make(mx.HadamardProduct(left.expr, right.expr).doit(), lambda u, v: u * v, left, right)
    a, b = pool.number(), pool.number()
    return pool.make(a * left.expr - b * right.expr, lambda u, v: float(a) * u - float(b) * v, left, right)


def special(pool: Pool) -> Part | None:
    """Powers, constants, diagonals, slices, blocks, and factors that are traces."""
    part = pool.pick()
    if part is None:
        return None
    x, (rows, columns) = part.expr, part.shape
    kind = pool.draw(
        st.sampled_from(["power", "identity", "ones", "diagonal", "slice", "blocks", "trace", "quadratic"])
    )
    if kind == "power" and rows == columns:
        return pool.make(x**2, lambda u: u @ u, part)
    if kind == "identity" and rows == columns:
        return pool.make(x + 2 * mx.Identity(rows), lambda u: u + 2 * np.eye(len(u)), part)
    if kind == "ones":
        return pool.make(x - mx.OneMatrix(rows, columns), lambda u: u - 1, part)
    if kind == "diagonal" and columns == 1:
        return pool.make(mx.DiagMatrix(x), lambda u: np.diag(u[:, 0]), part, shape=(rows, rows))
    if kind == "slice" and rows == 2:
        return pool.make(x[1:2, :], lambda u: u[1:2, :], part, shape=(sp.Integer(1), columns))
    if kind == "trace" and rows == columns:
        return pool.make(mx.Trace(x) * x, lambda u: np.trace(u) * u, part)
    if kind == "blocks":
        return pool.make(mx.BlockMatrix([[x, 2 * x]]), lambda u: np.hstack([u, 2 * u]), part, shape=(rows, 2 * columns))
    if kind == "quadratic":
        total = mx.Trace(x.T * x)
        return pool.make(total * x / 4, lambda u: np.sum(u * u) * u / 4, part)
    return None


SMOOTH: list[Move] = [declared, elementwise, elementwise, product, product, pairwise, pairwise, special]
KINKED: list[Move] = [kinked]


@st.composite
def matrix_models(draw: Any, steps: int = 6, analytic: bool = False) -> Model:
    """Random scalar models written with ``MatrixSymbol`` and SymPy's matrix operations."""
    pool = start(draw, 3)
    declared(pool)
    declared(pool)
    for _ in range(draw(st.integers(1, steps))):
        part = draw(st.sampled_from(SMOOTH if analytic else SMOOTH + KINKED))(pool)
        if part is not None and part.value.size <= 40:
            pool.parts.append(part)
    return finish(pool, "matrices", _total(pool))


def _total(pool: Pool) -> Part:
    """Return a sum over the last parts of what makes a scalar of a matrix."""
    chosen = pool.parts[-2:]
    total: Any = sp.Integer(0)
    kinds = [pool.draw(st.sampled_from(["trace", "ones", "sum"])) for _ in chosen]
    for part, kind in zip(chosen, kinds, strict=True):
        x, (rows, columns) = part.expr, part.shape
        if kind == "trace":
            total += mx.Trace(x.T * x)
        elif kind == "ones":
            total += mx.Trace(mx.OneMatrix(1, rows) * x * mx.OneMatrix(columns, 1))
        else:
            entry = sp.Dummy("x", real=True)
            total += mx.Trace(mx.OneMatrix(columns, rows) * x.applyfunc(sp.Lambda(entry, sp.sin(entry))))

    def numeric(*values: Any) -> Any:
        functions: dict[str, Callable[[Any], Any]] = {"trace": lambda v: v * v, "ones": lambda v: v, "sum": np.sin}
        return sum(np.sum(functions[kind](value)) for kind, value in zip(kinds, values, strict=True))

    return pool.make(total, numeric, *chosen, shape=())
