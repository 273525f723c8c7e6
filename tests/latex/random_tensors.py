"""Random expressions over a few tensors, as a hypothesis strategy."""

from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st

from symdl.errors import SymdlError
from symdl.expr.declare import matrix, named, scalar, vector
from symdl.expr.nodes import Array, CompositeOp, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.sizes import dims
from symdl.expr.structure import fingerprint
from symdl.ops import elementwise, reductions, softmax, structure
from tests.latex.numbers import Numbers

n, p = dims("n p")
SIZES = {"n": 4, "p": 3}
X, Y, A, B, S = (matrix("X", n, p), matrix("Y", n, p), matrix("A", p, p), matrix("B", p, p),
                 matrix("S", p, p, symmetric=True))  # fmt: skip
Q, w, v, y, z = matrix("Q", n, n), vector("w", p), vector("v", p), vector("y", n), vector("z", n)
u = matrix("u", n, 1)
W1 = matrix("W1", p, n, latex="W^{[1]}")
c, d = scalar("c"), scalar("lambda")
LEAVES = [X, Y, A, B, S, Q, w, v, y, z, u, W1]
SCALARS = [c, d, n, sympy.Integer(2), sympy.Rational(1, 2), sympy.Integer(-1), sympy.Rational(-3, 2), 1 / n]
OPS = ["exp", "tanh", "sigmoid", "relu", "abs", "softplus", "expm1", "log1p", "gelu", "sign", "floor", "sin"]


def numbers(seed: int = 0) -> Numbers:
    """Return values of all symbols, all positive."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Any] = {}
    for leaf in LEAVES:
        arrays[leaf.name] = rng.uniform(0.2, 1.2, [SIZES.get(str(size), 1) for size in leaf.shape])
    arrays["S"] = arrays["S"] + arrays["S"].T
    arrays |= {"c": 0.7, "lambda": 1.3}
    return Numbers(SIZES, arrays)


def unary(draw: Any, value: Tensor) -> Any:
    kinds = [
        *OPS, "log", "sqrt", "square", "reciprocal", "T", "neg", "sum", "mean",
        "norm", "rows", "max", "softmax", "diag", "trace", "where", "named", "slice", "row", "affine", "one_minus",
        "logsumexp", "argument", "columns"]  # fmt: skip
    kind = draw(st.sampled_from(kinds))
    if kind in OPS:
        return getattr(elementwise, kind)(value)
    if kind in ("log", "sqrt"):
        return getattr(elementwise, kind)(1 + elementwise.square(value))
    index = draw(st.sampled_from([0, 1]))
    simple = {
        "square": lambda: elementwise.square(value), "T": lambda: value.T, "neg": lambda: -value,
        "reciprocal": lambda: elementwise.divide(1, 1 + elementwise.exp(value)),
        "sum": lambda: reductions.sum(value), "mean": lambda: reductions.mean(value),
        "norm": lambda: reductions.norm(value),
        "rows": lambda: reductions.sum(value, axis=1), "columns": lambda: reductions.sum(value, axis=0),
        "max": lambda: reductions.max(value, axis=draw(st.sampled_from([None, 0]))),
        "softmax": lambda: softmax.softmax(value, axis=value.order - 1), "diag": lambda: structure.diag(value),
        "trace": lambda: reductions.trace(value), "logsumexp": lambda: softmax.logsumexp(value),
        "where": lambda: elementwise.where(elementwise.greater(value, draw(st.sampled_from([1, c]))), value, index),
        "named": lambda: named(f"h_{fingerprint(value)}", value, latex=f"h^{{[{int(fingerprint(value)[:5], 16)}]}}"),
        "slice": lambda: value[1:], "row": lambda: value[index], "affine": lambda: 2 * value - 1,
        "one_minus": lambda: 1 - value,
        "argument": lambda: elementwise.tanh(value - draw(st.sampled_from(SCALARS)) * value),
    }  # fmt: skip
    return simple[kind]()


def binary(draw: Any, left: Any, right: Any) -> Any:
    kinds = ["+", "-", "@", "hadamard", "divide", "outer", "scale", "@T", "T@", "diag@", "sandwich"]
    kind = draw(st.sampled_from(kinds))
    if kind == "+":
        return left + right
    if kind == "-":
        return left - right
    if kind == "@":
        return left @ right
    if kind == "@T":
        return left @ right.T
    if kind == "T@":
        return left.T @ right
    if kind == "diag@":
        return structure.diag(left) @ right
    if kind == "sandwich":
        return left.T @ structure.diag(right) @ left
    if kind == "hadamard":
        return elementwise.hadamard(left, right)
    if kind == "divide":
        return elementwise.divide(left, 1 + elementwise.square(right))
    if kind == "outer":
        return structure.outer(left, right)
    return left * right


def summed(draw: Any) -> Any:
    """A sum over products of elements with randomly chosen indices: traces, hyperedges, Kronecker deltas and all."""
    axes = axes_of([p, p, p, p])
    indices = [index for index, _ in axes]
    pool = [A, B, S, w, v]
    factors: list[Any] = []
    for _ in range(draw(st.integers(1, 4))):
        tensor = draw(st.sampled_from(pool))
        factors.append(Element(tensor, *(draw(st.sampled_from(indices)) for _ in tensor.shape)))
        if draw(st.booleans()) and draw(st.booleans()):
            factors[-1] = elementwise.exp(factors[-1]) + draw(st.sampled_from([0, factors[0]]))
    if draw(st.booleans()) and draw(st.booleans()):
        pair = st.lists(st.sampled_from(indices), min_size=2, max_size=2, unique=True)
        factors.append(sympy.KroneckerDelta(*draw(pair)))
    free = draw(st.integers(0, 2))
    bound = [axis for axis in axes[free:] if draw(st.booleans())] or axes[3:]
    body = sympy.Mul(*factors)
    for index in indices[free:]:
        if index not in [name for name, _ in bound]:
            from symdl.expr.index import substitute

            body = substitute(body, {index: bound[0][0]})
    reduced = Reduce("add", body, *bound)
    return Array(reduced, *axes[:free]) if free else reduced


@st.composite
def expressions(draw: Any) -> Any:
    """Draw a tensor or scalar expression."""
    pool: list[Any] = list(LEAVES)
    for _ in range(draw(st.integers(1, 7))):
        latest = draw(st.sampled_from(pool[-4:] if draw(st.booleans()) else pool))
        try:
            kind = draw(st.integers(0, 5))
            if kind == 0:
                found = summed(draw)
            elif kind <= 2:
                found = unary(draw, latest)
            else:
                found = binary(draw, latest, draw(st.sampled_from([*pool, *SCALARS])))
        except (SymdlError, TypeError, AttributeError, IndexError):
            continue
        if 0 in getattr(found, "shape", ()):
            continue
        if isinstance(found, sympy.Basic) and not isinstance(found, TensorSymbol) and getattr(found, "order", 0) <= 3:
            pool.append(found)
    return pool[-1]


__all__ = ["CompositeOp", "expressions", "numbers"]
