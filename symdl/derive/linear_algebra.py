"""Derivatives of linear algebra: one tangent rule for each operation, as a formula; its transpose follows.

With X = A⁻¹, L = chol(A), A v = λ v, A = U S Vᵀ:

    inverse        dX = -X dA X                                       A X = I
    solve          dX = A⁻¹ (dB - dA X)                               A X = B
    determinant    d det A = det A · tr(A⁻¹ dA)
    logdet         d log det A = tr(A⁻¹ dA)
    cholesky       dL = L Φ(L⁻¹ dA L⁻ᵀ),  Φ: lower triangle, half of the diagonal        L Lᵀ = A
    eigh           dλ_i = v_iᵀ dA v_i,  dV = V (F ∘ Vᵀ dA V),  F_ij = 1/(λ_j - λ_i), 0 for i = j
    svd            ds_i = u_iᵀ dA v_i,  dU = U (F ∘ (P S + S Pᵀ)) + (I - U Uᵀ) dA V S⁻¹,
                   dV = V (F ∘ (S P + Pᵀ S)) + (I - V Vᵀ) dAᵀ U S⁻¹,  P = Uᵀ dA V,  F_ij = 1/(s_j² - s_i²)

Forward mode evaluates these. Reverse mode is the reverse sweep over the same formulas, linear in the tangents; it needs
one rule more, for the right side of a solve: B̄ = A⁻ᵀ X̄. Sources: Giles 2008, *Collected matrix derivative
results*; Murray 2016 for Cholesky; Townsend 2016 for the SVD.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sympy import Basic, Eq, Expr, Gt, Integer, KroneckerDelta, Rational

from symdl.expr.calls import OPERATIONS, Axes, Call
from symdl.expr.index import Index, rebuild, substitute
from symdl.expr.nodes import Array, Element, Reduce, Tensor, TensorSymbol, axes_of
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import System, trace

Entry = Callable[..., Expr]
Tangents = Mapping[int, Entry]  # by position of the operand; an operand that does not move is left out


def tangent(call: Call, tangents: Tangents, places: Sequence[Expr]) -> Expr:
    """Return the tangent of a call's result at ``places``, given those of its operands."""
    return _RULES[call.op](call.at(*places), tangents, *places)


def operand_adjoints(
    call: Call, batch: Axes, active: Sequence[int], adjoint: Tensor, extra: Sequence[Expr], reverse: Callable[..., Any]
) -> dict[int, Tensor]:
    """Return, for each active operand, its adjoint of shape ``extra + batch + operand shape``.

    Args:
        call: A call whose operands are free in the indices of ``batch`` only.
        batch: Those indices, with their extents.
        active: Positions of the operands asked for.
        adjoint: The result's adjoint, of shape ``extra + batch + result shape``.
        extra: Sizes of leading axes.
        reverse: ``symdl.derive.reverse.reverse``.
    """
    sizes = tuple(size for _, size in batch)
    stand_ins = [TensorSymbol(f"§{k}", (*sizes, *shape)) for k, shape in enumerate(call.operand_shapes)]
    received = TensorSymbol("§received", (*extra, *sizes, *call.result_shape))
    actual: dict[Basic, Tensor] = {received: adjoint}
    for stand_in, (axes, content) in zip(stand_ins, call.open(), strict=True):
        actual[stand_in] = Array(content, *batch, *axes)
    found = _transposed(
        call.op, call.which, tuple(stand_ins), received, tuple(active), tuple(extra), len(batch), reverse
    )
    return {position: _with(system, actual) for position, system in found.items()}


@lru_cache(maxsize=1_000)
def _transposed(
    op: str,
    which: int,
    operands: tuple[TensorSymbol, ...],
    received: TensorSymbol,
    active: tuple[int, ...],
    extra: tuple[Expr, ...],
    leading: int,
    reverse: Callable[..., Any],
) -> dict[int, System]:
    """Return the adjoints of operands that are symbols, as systems over them and the adjoint received."""
    batch = axes_of(operands[0].shape[:leading])
    front = [index for index, _ in batch]
    contents = []
    for operand in operands:
        axes = axes_of(operand.shape[leading:])
        contents.append((Element(operand, *front, *(index for index, _ in axes)), *axes))
    node = Call(op, which, contents, [Integer(0)] * (len(received.shape) - len(extra) - leading))
    if op == "solve" and active == (1,):
        return {1: trace([_solve_transposed(node, received, batch, extra)])}
    found: dict[int, System] = {}
    for position in active:
        if op == "solve" and position == 1:
            found |= _transposed(op, which, operands, received, (1,), extra, leading, reverse)
            continue
        moving = TensorSymbol("§d", operands[position].shape)
        axes = axes_of(node.result_shape)
        body = tangent(node, {position: lambda i, j, moving=moving: Element(moving, *front, i, j)}, _of(axes))
        system = trace([Array(body, *batch, *axes)])
        found[position] = trace([reverse(system, {system.outputs[0]: received}, [moving], extra)[moving]])
    return found


def _solve_transposed(node: Call, received: TensorSymbol, batch: Axes, extra: Sequence[Expr]) -> Tensor:
    """B̄ = A⁻ᵀ X̄."""
    outer, axes = axes_of(extra), axes_of(node.result_shape)
    matrix, rows, columns = node.operands[0]
    inner = axes_of(node.result_shape)
    right = Element(received, *_of(outer), *_of(batch), *_of(inner))
    body = Call("solve", 0, [(matrix, columns, rows), (right, *inner)], _of(axes))
    return Array(body, *outer, *batch, *axes)


def _with(system: System, actual: Mapping[Basic, Tensor]) -> Tensor:
    """Return the output of a system without loops, its inputs being the tensors given."""
    tensors = dict(actual)

    def load(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(tensors[node.tensor], *(rebuild(index, load) for index in node.indices))
        return None

    for equation in system.equations:
        tensors[equation.target] = Array(rebuild(equation.body, load), *equation.axes)
    return tensors[system.outputs[0]]


def _of(axes: Axes) -> list[Index]:
    return [index for index, _ in axes]


def _operand(call: Call, position: int) -> Entry:
    content, (row, _), (column, _) = call.operands[position]
    return lambda i, j: substitute(content, {row: i, column: j})


def _other(call: Call, op: str) -> Entry:
    """Return another operation on the first operand, as a function of places."""
    node = Call(op, 0, call.args[2][:1], ())
    return lambda *places: node.at(*places)


def _sum(content: Callable[..., Expr], *sizes: Expr) -> Expr:
    axes = axes_of(sizes)
    return Reduce("add", content(*_of(axes)), *axes)


def _symmetric(direction: Entry) -> Entry:
    return lambda i, j: Rational(1, 2) * (direction(i, j) + direction(j, i))


def _inverse(call: Call, tangents: Tangents, i: Expr, j: Expr) -> Expr:
    inverse, n = call.at, call.operand_shapes[0][0]
    return -_sum(lambda k, l: inverse(i, k) * tangents[0](k, l) * inverse(l, j), n, n)


def _solve(call: Call, tangents: Tangents, i: Expr, j: Expr) -> Expr:
    (n, _), (_, m) = call.operand_shapes
    rows = axes_of((n, m))
    right: Expr = Integer(0)
    if 1 in tangents:
        right += tangents[1](*_of(rows))
    if 0 in tangents:
        right -= _sum(lambda k: tangents[0](rows[0][0], k) * call.at(k, rows[1][0]), n)
    return Call("solve", 0, [call.operands[0], (right, *rows)], (i, j))


def _logdet(call: Call, tangents: Tangents) -> Expr:
    inverse, n = _other(call, "inverse"), call.operand_shapes[0][0]
    return _sum(lambda k, l: inverse(l, k) * tangents[0](k, l), n, n)


def _determinant(call: Call, tangents: Tangents) -> Expr:
    return call * _logdet(call, tangents)


def _cholesky(call: Call, tangents: Tangents, i: Expr, j: Expr) -> Expr:
    n, factor, direction = call.operand_shapes[0][0], call.at, _symmetric(tangents[0])
    [(row, _), (column, _)] = axes = axes_of((n, n))
    inverse = Call("inverse", 0, [(call.at(row, column), *axes)], ()).at

    def inner(k: Expr, l: Expr) -> Expr:
        return lower_half(k, l) * _sum(lambda p, q: inverse(k, p) * direction(p, q) * inverse(l, q), n, n)

    return _sum(lambda k: factor(i, k) * inner(k, j), n)


def lower_half(i: Expr, j: Expr) -> Expr:
    """Return 1 below the diagonal, 1/2 on it and 0 above."""
    where = SCALAR_OPS["where"]
    return where(Gt(i, j), Integer(1), Rational(1, 2) * KroneckerDelta(i, j))


def _eigh(call: Call, tangents: Tangents, i: Expr, *rest: Expr) -> Expr:
    values, vectors, direction = call.result(0), call.result(1), _symmetric(tangents[0])
    n = call.operand_shapes[0][0]
    if call.which == 0:
        return _sum(lambda k, l: vectors(k, i) * tangents[0](k, l) * vectors(l, i), n, n)
    [j] = rest

    def turned(k: Expr) -> Expr:
        inside = _sum(lambda p, q: vectors(p, k) * direction(p, q) * vectors(q, j), n, n)
        return gap(k, j, values(j) - values(k)) * inside

    return _sum(lambda k: vectors(i, k) * turned(k), n)


def gap(i: Expr, j: Expr, difference: Expr) -> Expr:
    """Return the reciprocal of a difference of eigenvalues, 0 for i = j; infinite where two of them are equal."""
    return SCALAR_OPS["where"](Eq(i, j), Integer(0), 1 / difference)


def _svd(call: Call, tangents: Tangents, i: Expr, *rest: Expr) -> Expr:
    left, values, right = (call.result(which) for which in range(3))
    direction = tangents[0]
    (m, n), [k] = call.operand_shapes[0], OPERATIONS["svd"].shapes(*call.operand_shapes)[1]
    if call.which == 1:
        return _sum(lambda p, q: left(p, i) * direction(p, q) * right(q, i), m, n)
    [j] = rest

    def middle(a: Expr, b: Expr) -> Expr:  # Uᵀ dA V
        return _sum(lambda p, q: left(p, a) * direction(p, q) * right(q, b), m, n)

    if call.which == 0:
        own, size, moved = left, m, lambda p: _sum(lambda q: direction(p, q) * right(q, j), n)

        def inside(a: Expr) -> Expr:
            return middle(a, j) * values(j) + values(a) * middle(j, a)
    else:
        own, size, moved = right, n, lambda q: _sum(lambda p: direction(p, q) * left(p, j), m)

        def inside(a: Expr) -> Expr:
            return values(a) * middle(a, j) + middle(j, a) * values(j)

    within = _sum(lambda a: own(i, a) * gap(a, j, values(j) ** 2 - values(a) ** 2) * inside(a), k)
    if size == k:
        return within  # the columns span everything
    outside = moved(i) - _sum(lambda a: own(i, a) * _sum(lambda p: own(p, a) * moved(p), size), k)
    return within + outside / values(j)


_RULES: dict[str, Callable[..., Expr]] = {
    "inverse": _inverse,
    "solve": _solve,
    "determinant": _determinant,
    "logdet": _logdet,
    "cholesky": _cholesky,
    "eigh": _eigh,
    "svd": _svd,
}
