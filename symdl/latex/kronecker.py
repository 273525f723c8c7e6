"""Tensors of order 3 and more: Kronecker products and their sums where exact, else elements in brackets."""

from collections.abc import Mapping, Sequence

from sympy import Expr, Integer, Mul, Symbol

from symdl.expr.index import Index, free_indices, substitute
from symdl.expr.terms import Axis, Pairs, Product, Term, products_of, terms_of
from symdl.latex.algebra import add, scale, split
from symdl.latex.elements import letter, size_form
from symdl.latex.forms import BigOp, Bracket, Form, Kron
from symdl.latex.view import MatrixView

# How the axes of a tensor of order 3 or 4 are rows and columns of a matrix, and the subscript that says so.
SPLITS = {
    3: (((0, 1), (2,), r"\left(ij\right), k"), ((0,), (1, 2), r"i, \left(jk\right)")),
    4: (((0, 1), (2, 3), r"\left(ij\right), \left(kl\right)"),),
}


def high_order(body: Expr, sizes: Mapping[Index, Expr]) -> Form:
    """Return the form of a body over three or more indices.

    Over (i, j, k, l) a body Σ f(i, k) g(j, l) is the matrix Σ F ⊗ G with row (i, j) and column (k, l), both counted
    row by row; over (i, j, k) it has row (i, j) and column k, or row i and column (j, k).
    """
    found = kronecker_products(body, sizes)
    return MatrixView(sizes).elements(body, tuple(sizes)) if found is None else found[0]


def kronecker_products(body: Expr, sizes: Mapping[Index, Expr]) -> tuple[Form, str] | None:
    """Return a body as a sum of Kronecker products, and which indices count rows and columns; None where it is none."""
    if any(size == 1 for size in sizes.values()) or len(sizes) not in SPLITS:
        return None
    axes = list(sizes.items())
    for first, second, label in SPLITS[len(sizes)]:
        rows, columns = [axes[place] for place in first], [axes[place] for place in second]
        form = _products(body, rows, columns)
        if form is not None:
            return form, label
    return None


def _products(body: Expr, rows: Sequence[Axis], columns: Sequence[Axis]) -> Form | None:
    products = products_of(body)
    if len(rows) == len(columns):
        return paired_products(products, Pairs(tuple(rows), tuple(columns)), "ijkl")
    return _together([_kron(sums, factors, rows, columns) for sums, factors in products])


def paired_products(products: Sequence[Product], pairs: Pairs, taken: str = "") -> Form | None:
    """Return a sum of products as Kronecker products of one factor for each pair of axes; None where it is none.

    Args:
        products: The terms.
        pairs: The indices of rows and columns.
        taken: Letters that the indices of sums must avoid.
    """
    rest, common = _without_common(products)
    total = _together([_term(term, pairs, taken) for term in terms_of(rest, pairs)])
    return None if total is None else scale(Integer(1), (MatrixView({}).form(common),), (), total)


def _together(forms: Sequence[Form | None]) -> Form | None:
    kept = [form for form in forms if form is not None]
    return add(kept) if kept and len(kept) == len(forms) else None


def _without_common(products: Sequence[Product]) -> tuple[list[Product], Expr]:
    """Return products without the scalar factors that all of them have, and those factors."""
    common = [
        factor
        for factor in (products[0][1] if len(products) > 1 else ())
        if not free_indices(factor) and factor != -1 and all(factor in factors for _, factors in products)
    ]
    if not common:
        return list(products), Integer(1)
    rest = [(sums, [factor for factor in factors if factor not in common]) for sums, factors in products]
    return rest, Mul(*common)


def _term(term: Term, pairs: Pairs, taken: str = "") -> Form | None:
    """Return Σ F ⊗ G ⊗ …, one factor for each pair of axes, with letters not in ``taken`` for the indices of the sum.

    None where a factor is over several pairs, or lacks one of its indices.
    """
    if len(term.groups) != len(pairs):
        return None
    used = set(taken) | {symbol.name for _, body in term.groups for symbol in body.free_symbols}
    used |= {symbol.name for _, size in (*pairs.rows, *pairs.columns, *term.sums) for symbol in size.free_symbols}
    letters: dict[Index, Symbol] = {}
    for index, _ in term.sums:
        letters[index] = Symbol(letter(used), integer=True, positive=True)
        used.add(letters[index].name)
    places = {index: symbol - 1 for index, symbol in letters.items()}
    factors = []
    for own, body in term.groups:
        [(row, size)], [(column, width)] = pairs.sides(own)
        if not {row, column} <= free_indices(body):
            return None
        factors.append(MatrixView({row: size, column: width}).form(substitute(body, places), row, column))
    product = _kronecker(factors)
    if product is None or not term.sums:
        return product
    limits = tuple((letters[index], letters[index].name, size_form(size)) for index, size in term.sums)
    number, num, den, rest = split(product)
    return scale(number, num, den, None if rest is None else BigOp("add", limits, rest))


def _kron(sums: Sequence[Axis], factors: Sequence[Expr], rows: Sequence[Axis], columns: Sequence[Axis]) -> Form | None:
    """Return F ⊗ G where one side has two indices: each goes with one of them, the other side's index with either."""
    both, [single] = (rows, columns) if len(rows) == 2 else (columns, rows)
    sides: list[list[Expr]] = [[], []]
    loose: list[Expr] = []
    for factor in factors:
        free = free_indices(factor)
        own = [place for place, (index, _) in enumerate(both) if index in free]
        if len(own) > 1 or sums:
            return None
        (loose if not own and single[0] in free else sides[own[0] if own else 0]).append(factor)
    if not all(both[place][0] in free_indices(Mul(*side)) for place, side in enumerate(sides)):
        return None
    holders = [side for side in sides if single[0] in free_indices(Mul(*side))]
    if len(holders) != 1:
        return None
    holders[0].extend(loose)
    forms = []
    for (index, size), side in zip(both, sides, strict=True):
        view = MatrixView({index: size, single[0]: single[1]})
        joint = single[0] if side is holders[0] else None
        places = (index, joint) if both is rows else (joint, index)
        forms.append(view.form(Mul(*side), *places))
    return _kronecker(forms)


def _kronecker(factors: Sequence[Form]) -> Form | None:
    """Return a Kronecker product, scalar factors in front; None where a factor has no matrix form."""
    parts = [split(factor) for factor in factors]
    product = parts[0][3]
    for part in parts[1:]:
        product = None if product is None or part[3] is None else Kron(product, part[3])
    if product is None or any(isinstance(part[3], Bracket) for part in parts):
        return None
    number = Mul(*(part[0] for part in parts))
    return scale(number, [item for part in parts for item in part[1]], [item for part in parts for item in part[2]],
                 product)  # fmt: skip


__all__ = ["SPLITS", "high_order", "kronecker_products", "paired_products"]
