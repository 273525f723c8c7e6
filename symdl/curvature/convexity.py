"""Convexity, proved from the structure of the Hessian; in doubt nothing is said. Book §2.5 and §3.2."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Mul

from symdl.calculus import hessian, variables_of
from symdl.curvature.low_rank import Piece
from symdl.curvature.signs import nonnegative, positive
from symdl.curvature.smooth import obstacle
from symdl.curvature.structure import deltas, low_rank_piece, separated, summed
from symdl.expr.index import axis_index, free_indices, substitute
from symdl.expr.ingest import as_scalar
from symdl.expr.nodes import Array, Element, Named, Reduce, Tensor, axes_of
from symdl.expr.terms import Axis, Pairs, Product, opened, products_of, terms_of
from symdl.latex import latex


@dataclass(frozen=True)
class Proof:
    """Why a matrix is positive semidefinite; ``strict`` where it is positive definite."""

    reasons: tuple[str, ...]
    strict: bool = False


@dataclass(frozen=True)
class Convexity:
    """What is known about a function's convexity.

    Attributes:
        verdict: ``convex``, ``concave``, ``strictly convex``, ``strictly concave``, or ``unknown``: no proof was found,
            which does not say that it is not convex.
        reasons: Why, one line for each part of the Hessian; LaTeX between dollar signs.
        hessian: The Hessian.
    """

    verdict: str
    reasons: tuple[str, ...]
    hessian: Any

    @property
    def convex(self) -> bool:
        """Whether it is proved to be convex."""
        return self.verdict.endswith("convex")

    @property
    def concave(self) -> bool:
        """Whether it is proved to be concave."""
        return self.verdict.endswith("concave")

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(f"  {reason}" for reason in self.reasons)])

    def _repr_markdown_(self) -> str:
        return "\n".join([f"**{self.verdict}**", "", *(f"- {reason}" for reason in self.reasons)])


def convexity(f: Any, wrt: Any) -> Convexity:
    """Return whether a scalar is convex or concave in one variable or jointly in several, and why.

    The proof goes by the structure of the Hessian: diagonals of non-negative entries, Gram matrices Xᵀ diag(c) X with
    c >= 0, matrices declared positive definite, covariances diag(p) - ppᵀ of a simplex vector, Kronecker products and
    sums of these. A function with kinks, jumps or stopped gradients, or whose domain may be in several parts, is left
    alone: there the Hessian does not tell.

    Raises:
        ShapeError: if ``f`` is not a scalar.
        DerivationError: if it does not depend on a variable.
    """
    value = as_scalar(f, "convexity")
    variables, several = variables_of(wrt, [value], "convexity")
    found = hessian(value, variables)
    why = obstacle(value, variables)
    if why:
        return Convexity("unknown", (why,), found if several else found[0][0])
    for sign, word in ((1, "convex"), (-1, "concave")):
        proof = _joint(found, variables, sign)
        if proof is not None:
            verdict = f"strictly {word}" if proof.strict else word
            return Convexity(verdict, proof.reasons, found if several else found[0][0])
    return Convexity(
        "unknown", ("no proof by the structure of the Hessian was found",), found if several else found[0][0]
    )


def _joint(blocks: Sequence[Sequence[Any]], variables: Sequence[Any], sign: int) -> Proof | None:
    if len(variables) == 1:
        return _proof(blocks[0][0], sign)
    if all(_zero(blocks[a][b]) for a in range(len(blocks)) for b in range(len(blocks)) if a != b):
        proofs = [_proof(blocks[k][k], sign) for k in range(len(blocks))]
        if any(proof is None for proof in proofs):
            return None
        kept = [proof for proof in proofs if proof is not None]
        reasons = tuple(reason for proof in kept for reason in proof.reasons)
        return Proof(("no mixed derivatives", *reasons), all(proof.strict for proof in kept))
    return _joint_gram(blocks, variables, sign)


def _joint_gram(blocks: Sequence[Sequence[Any]], variables: Sequence[Any], sign: int) -> Proof | None:
    """Prove that the whole Hessian is a Gram matrix: its blocks are Σ_k c[k]·u_a[k]·u_b[k] with the same c and k."""
    axes = [axes_of(getattr(variable, "shape", ())) for variable in variables]
    first = next((k for k, own in enumerate(axes) if own), 0)
    pieces = [
        _only_piece(block, axes[first], axes_of([size for _, size in own]))
        for block, own in zip(blocks[first], axes, strict=True)
    ]
    parts = [piece for piece in pieces if piece is not None]
    own = pieces[first]
    if own is None or len(parts) < len(pieces) or not own.gram:
        return None
    if any((part.weights, part.left) != (own.weights, own.left) for part in parts):
        return None
    for a, row in enumerate(blocks):
        for b, block in enumerate(row):
            rows, columns, sums = axes[a], axes_of([size for _, size in axes[b]]), axes_of(own.weights.shape)
            number, weights = _at(own.weights, sums).as_coeff_Mul()
            factors = weights, _at(parts[a].right, [*sums, *rows]), _at(parts[b].right, [*sums, *columns])
            if number * Reduce("add", Mul(*factors), *sums) != _at(block, [*rows, *columns]):
                return None
    sums = axes_of(own.weights.shape)
    weights = sign * _at(own.weights, sums)
    return Proof((_weighted(weights, sums),)) if nonnegative(weights) else None


def _only_piece(block: Any, rows: Sequence[Axis], columns: Sequence[Axis]) -> Piece | None:
    products = products_of(_at(block, [*rows, *columns]))
    return low_rank_piece(rows, columns, products[0]) if len(products) == 1 else None


def _at(value: Any, axes: Sequence[Axis]) -> Expr:
    """Return the element of a tensor, that of an array written out, or a scalar as it is."""
    indices = [index for index, _ in axes]
    if isinstance(value, Array):
        return value.at(*indices)
    return Element(value, *indices) if isinstance(value, Tensor) else value


def _zero(block: Any) -> bool:
    return bool(block.body == 0 if isinstance(block, Array) else block == 0)


def _proof(block: Any, sign: int) -> Proof | None:
    if not isinstance(block, Tensor):
        value = sign * block
        text = f"its second derivative ${latex(block)}$ is never {'negative' if sign > 0 else 'positive'}"
        return Proof((text,), positive(value)) if nonnegative(value) else None
    pairs, body = opened(block)
    return semidefinite(products_of(sign * body), pairs)


def semidefinite(products: Sequence[Product], pairs: Pairs) -> Proof | None:
    """Return a proof that a matrix in index notation is positive semidefinite, or None.

    Args:
        products: Its terms.
        pairs: The indices of its rows and columns; other free indices are parameters.
    """
    shared = sorted(deltas(pairs, products))
    if shared:
        return _blocks(products, pairs, shared)
    terms = terms_of(products, pairs)
    if all(len(term.groups) > 1 for term in terms):
        proofs = [_product(term.groups, pairs) for term in terms]
        return _added(proofs)
    return _added(_parts(list(products), pairs))


def _blocks(products: Sequence[Product], pairs: Pairs, shared: Sequence[int]) -> Proof | None:
    """Prove it for the blocks of a block-diagonal matrix, those of a diagonal one being numbers."""
    body = summed(pairs, products, shared)
    rest = [pair for pair in range(len(pairs)) if pair not in shared]
    if rest:
        rows, columns = pairs.sides(rest)
        proof = semidefinite(products_of(body), Pairs(tuple(rows), tuple(columns)))
        return proof and Proof(("block diagonal", *proof.reasons), proof.strict)
    if not nonnegative(body):
        return None
    kind = "positive" if positive(body) else "non-negative"
    return Proof((f"diagonal, with {kind} entries ${_shown(body)}$",), positive(body))


def _product(groups: Sequence[tuple[frozenset[int], Expr]], pairs: Pairs) -> Proof | None:
    """Prove it for a Kronecker product: all factors are, or an even number of them with the other sign."""
    proofs, turned = [], 0
    for own, body in groups:
        rows, columns = pairs.sides(own)
        inner = Pairs(tuple(rows), tuple(columns))
        proof = semidefinite(products_of(body), inner)
        if proof is None:
            proof, turned = semidefinite(products_of(-body), inner), turned + 1
        if proof is None:
            return None
        proofs.append(proof)
    if turned % 2:
        return None
    reasons = tuple(reason for proof in proofs for reason in proof.reasons)
    return Proof(("Kronecker product of:", *(f"  {reason}" for reason in reasons)), all(p.strict for p in proofs))


def _parts(products: list[Product], pairs: Pairs) -> list[Proof | None]:
    """Prove it for each term of a matrix."""
    found: list[Proof | None] = []
    while products:
        product = products.pop(0)
        if len(deltas(pairs, [product])) == len(pairs):
            covariance = _covariance(product, products, pairs)
            if covariance is not None:
                products.remove(covariance[0])
                found.append(covariance[1])
                continue
            found.append(_blocks([product], pairs, range(len(pairs))))
            continue
        weights = _gram(product, pairs)
        if weights is None:
            found.append(_declared(product, pairs))
        else:
            found.append(Proof((_weighted(weights, product[0]),)) if nonnegative(weights) else None)
    return found


def _gram(product: Product, pairs: Pairs) -> Expr | None:
    """Return c where a product is ``Σ c·u[r]·u[c]``."""
    sides = separated(pairs.rows, pairs.columns, product[1])
    if sides is None:
        return None
    weights, left, right = sides
    same = dict(zip((index for index, _ in pairs.rows), (index for index, _ in pairs.columns), strict=True))
    return weights if substitute(left, {k: v for k, v in same.items() if k != 0}) == right else None


def _covariance(product: Product, others: Sequence[Product], pairs: Pairs) -> tuple[Product, Proof] | None:
    """Prove it for diag(p) - ppᵀ with a simplex vector p, times something non-negative."""
    rows = dict(zip((index for index, _ in pairs.columns), (index for index, _ in pairs.rows), strict=True))
    for other in others:
        if len(pairs) != 1 or _gram(other, pairs) is None:
            continue
        [(row, _)] = pairs.rows
        factors = [factor for factor in other[1] if row in free_indices(factor)]
        if len(factors) != 1 or not isinstance(factors[0], Element) or factors[0].indices[-1] != row:
            continue
        if "simplex" not in _facts(factors[0].tensor):
            continue
        rest = Mul(*(factor for factor in other[1] if not free_indices(factor) & {row, pairs.columns[0][0]}))
        entries = Mul(*(factor for factor in product[1] if factor != pairs.delta(0)))
        same = substitute(entries, dict(rows))
        if product[0] == other[0] and same == -rest * factors[0] and nonnegative(-rest):
            matrix = r"$\operatorname{diag}(p) - p p^{\top}$"
            text = f"the covariance {matrix} of a draw with probabilities $p = {_shown(factors[0])}$"
            return other, Proof((text,))
    return None


def _declared(product: Product, pairs: Pairs) -> Proof | None:
    """Prove it for a matrix declared positive definite, times something positive."""
    sums, factors = product
    own = [factor for factor in factors if pairs.of(factor)]
    rest = Mul(*(factor for factor in factors if factor not in own))
    if sums or len(own) != 1 or not isinstance(own[0], Element) or not nonnegative(rest):
        return None
    axes = dict((*pairs.rows, *pairs.columns))
    places = dict(zip(own[0].indices, own[0].tensor.shape, strict=True))
    whole = len(pairs) == 1 and places == axes  # a block or a shifted part of the matrix need not be definite
    if "positive_definite" not in own[0].tensor.properties or not whole:
        return None
    return Proof((f"${latex(own[0].tensor)}$ is positive definite",), positive(rest))


def _added(proofs: Sequence[Proof | None]) -> Proof | None:
    kept = [proof for proof in proofs if proof is not None]
    if len(kept) < len(proofs) or not kept:
        return None
    return Proof(tuple(reason for proof in kept for reason in proof.reasons), any(proof.strict for proof in kept))


def _weighted(weights: Expr, sums: Sequence[Axis]) -> str:
    free = free_indices(weights)
    if not free:
        return "a Gram matrix" if weights == 1 else f"${latex(weights)}$ times a Gram matrix"
    own = [axis for axis in sums if axis[0] in free]
    shown = f" ${latex(Array(weights, *own))}$" if free == {index for index, _ in own} else ""
    return f"a Gram matrix with the non-negative weights{shown}"


def _shown(body: Expr) -> str:
    """Return the LaTeX of a formula; of a tensor where it is its element."""
    return latex(body.tensor if isinstance(body, Element) else body)


def _facts(tensor: Tensor) -> frozenset[str]:
    """Return what is known about the entries of a tensor, behind its name too."""
    while True:
        if isinstance(tensor, Named):
            tensor = tensor.definition
            continue
        body = getattr(tensor, "body", None)
        places = tuple(axis_index(place) for place in range(tensor.order))
        if not isinstance(body, Element) or body.indices != places:
            return tensor.properties
        tensor = body.tensor
