"""Matrix notation as a view of index notation: a body over at most two indices, raised to a matrix form.

A body over (i, j) is read as the matrix with rows i and columns j; over (i,) as a column; over nothing as a scalar.
Where a part has no matrix form it is kept as ``[...]`` with its element in index notation.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import sympy
from sympy import Add, Expr, Integer, KroneckerDelta, Mul, NumberSymbol, Pow, Rel, Symbol
from sympy.logic.boolalg import And, Boolean, BooleanFunction, Not, Or

from symdl.expr.index import Index, axis_index, free_indices, substitute
from symdl.expr.nodes import Array, Call, CompositeOp, Element, Reduce, Tensor
from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.expr.sizes import same_size
from symdl.latex.algebra import ZERO, add, apply, children, cost, power, scale, structure, transpose
from symdl.latex.contraction import Contraction, diagonal_of
from symdl.latex.elements import COMPARISONS, LOGIC, ElementView, is_named, is_plain, leaf, letters_for, size_form
from symdl.latex.forms import (
    Bracket,
    Cases,
    Composite,
    Form,
    Identity,
    Logic,
    Number,
    Relation,
    Slice,
    Transpose,
    Unit,
)
from symdl.latex.linear_algebra import call_form
from symdl.latex.names import used_names
from symdl.latex.patterns import recognised
from symdl.latex.pieces import (
    by_indicator,
    gathered,
    is_choice,
    smaller_or_larger,
    the_same_at_zero,
    without_implied_guards,
)

Places = tuple[Index, ...]


@lru_cache(maxsize=2_000)
def tensor_form(tensor: Tensor) -> Form:
    """Return a tensor's matrix form; from order 3 on a Kronecker product where exact, else elements in brackets."""
    from symdl.latex.convolution import windowed
    from symdl.latex.kronecker import high_order

    if is_named(tensor):
        return leaf(tensor)
    if isinstance(tensor, CompositeOp):
        args = tuple(tensor_form(arg) for arg in tensor.args if isinstance(arg, Tensor))
        rows, columns = (*tensor.shape, Integer(1), Integer(1))[:2]
        return Composite((rows, columns), tensor, args)
    if not isinstance(tensor, Array):
        raise TypeError(f"expected a tensor, found {type(tensor).__name__}")
    sizes = {axis_index(position): size for position, size in enumerate(tensor.shape)}
    sliding = windowed(tensor.body, sizes)
    if sliding is not None:
        return sliding
    if tensor.order > 2:
        return high_order(tensor.body, sizes)
    view = MatrixView(sizes)
    rows, columns = (*(index if size != 1 else None for index, size in sizes.items()), None, None)[:2]
    return view.form(tensor.body, rows, columns)


def scalar_form(body: Expr) -> Form:
    """Return the matrix form of a closed scalar expression."""
    return MatrixView({}).form(body)


class MatrixView:
    """Raises scalar bodies to matrix forms.

    Args:
        sizes: The extents of the open indices.
    """

    def __init__(self, sizes: Mapping[Index, Expr]) -> None:
        self.sizes = dict(sizes)
        self.memo: dict[tuple[Expr, Index | None, Index | None], Form] = {}

    def form(self, expr: Expr, rows: Index | None = None, columns: Index | None = None) -> Form:
        """Return the matrix of a body whose free indices are among ``rows`` and ``columns``; without one, size 1."""
        case = (expr, rows, columns)
        if case not in self.memo:
            if rows is None and columns is not None:
                self.memo[case] = transpose(self.form(expr, columns))
            else:
                self.memo[case] = self.spread(expr, tuple(place for place in (rows, columns) if place is not None))
        return self.memo[case]

    def spread(self, expr: Expr, places: Places) -> Form:
        """Return the form over places of which the body may use only some: the others are filled with ones."""
        own = tuple(place for place in places if place in free_indices(expr))
        if len(own) < len(places):
            network = Contraction(self.sizes)
            network.add(own, self.form(expr, *own))
            found = network.result(places, ())
            return found if found is not None else ZERO
        found = recognised(self, expr, places)
        found = self.raised(expr, places) if found is None else found
        return self.elements(expr, places) if found is None else found

    def elements(self, expr: Expr, places: Places) -> Form:
        """Return the fallback: the elements in index notation."""
        used = used_names(expr) | {symbol.name for place in places for symbol in self.sizes[place].free_symbols}
        letters = letters_for(places, used)
        body = ElementView(letters, used, self.sizes).form(without_implied_guards(expr, self.sizes))
        shape = (*(self.sizes[place] for place in places), Integer(1), Integer(1))
        axes = tuple((place, letters[place], self.sizes[place]) for place in places)
        return Bracket((shape[0], shape[1]), body, axes) if places else body

    def raised(self, expr: Expr, places: Places) -> Form | None:
        """Return the form of a body that uses exactly these places, or None if it has no matrix form."""
        if isinstance(expr, Element):
            return self.element(expr, places)
        if isinstance(expr, Call):
            return self.called(expr, places)
        if isinstance(expr, Add):
            return self.sum(expr, places)
        if isinstance(expr, Mul | KroneckerDelta) or (isinstance(expr, Reduce) and expr.op == "add"):
            return self.product(expr, places)
        if isinstance(expr, Pow):
            if is_plain(expr.exp) and free_indices(expr.exp):
                return None  # a power of the place itself: β^i
            return power(self.operand(expr.base, places), self.operand(expr.exp, places))
        if isinstance(expr, sympy.Number | NumberSymbol):
            return Number(expr)
        if isinstance(expr, Symbol | sympy.Indexed) and not places:
            return size_form(expr)
        if isinstance(expr, ScalarOp | Boolean):
            return self.function(expr, places)
        return None

    def operand(self, expr: Expr, places: Places) -> Form:
        """Return the form of an argument: a scalar stays one, anything else takes the full shape."""
        if isinstance(expr, Boolean) and not isinstance(expr, Symbol):  # SymPy's symbols are Booleans too
            found = self.function(expr, places)
            return self.elements(expr, places) if found is None else found
        return self.form(expr, *places) if free_indices(expr) else self.form(expr)

    def function(self, expr: Expr, places: Places) -> Form | None:
        """Return a function or condition, applied element by element."""
        if isinstance(expr, BooleanFunction) and not isinstance(expr, And | Or | Not):
            return self.function(expr.to_nnf(simplify=False), places)
        if isinstance(expr, Rel) and any(is_plain(side) and free_indices(side) for side in expr.args):
            return None
        if is_choice(expr):
            whole, extreme, product = the_same_at_zero(expr), smaller_or_larger(expr), by_indicator(expr)
            if whole is not None:
                return self.operand(whole, places)
            if extreme is not None:
                return apply(SCALAR_OPS[extreme[0]], [self.operand(part, places) for part in extreme[1:]])
            if product is not None:
                return scale(Integer(1), [self.form(product[0])], (), self.operand(product[1], places))
        args = [self.operand(argument, places) for argument in expr.args]
        if isinstance(expr, Rel):
            return Relation(COMPARISONS[type(expr)], args[0], args[1])
        if isinstance(expr, And | Or | Not):
            return Logic(LOGIC[type(expr)], tuple(sorted(args, key=structure)))
        if isinstance(expr, Boolean):
            return None
        if expr.name == "where":
            by_place = any(isinstance(part, Bracket) for part in (args[0], *children(args[0])))
            return None if by_place else Cases(args[0], args[1], args[2])
        return apply(type(expr), args)

    def element(self, load: Element, places: Places) -> Form | None:
        """Return a name, its transpose, diagonal or part; an unnamed array is read as its body."""
        tensor = load.tensor
        if isinstance(tensor, Array):
            return self.form(tensor.at(*load.indices), *places)
        if tensor.order > 2:
            return None
        base = tensor_form(tensor)
        indices = [index for index, size in zip(load.indices, tensor.shape, strict=True) if size != 1]
        if not indices:
            return base
        if len(indices) == 2 and indices[0] == indices[1] and indices[0] in places:
            return diagonal_of(base)
        if set(indices) == set(places) and len(indices) == len(places):
            sizes = [size for size in tensor.shape if size != 1]
            if all(self.fits(index, size) for index, size in zip(indices, sizes, strict=True)):
                return base if base.shape[0] != 1 and indices[0] == places[0] else transpose(base)
        return self.part(load.indices, tensor.shape, base, places)

    def called(self, call: Call, places: Places) -> Form | None:
        """Return a result of linear algebra, its transpose or its diagonal; None for a batch of them."""
        if call.batch:
            return None
        base = matrix_of(call)
        indices = [index for index, size in zip(call.places, call.result_shape, strict=True) if size != 1]
        if tuple(indices) == places:
            return base
        if tuple(indices[::-1]) == places:
            return transpose(base)
        if len(indices) == 2 and indices[0] == indices[1] in places:
            return diagonal_of(base)
        return self.part(call.places, call.result_shape, base, places)

    def fits(self, index: Index, size: Expr) -> bool:
        """Tell whether an open index runs over a whole axis."""
        return same_size(self.sizes[index], size)

    def part(self, indices: Sequence[Expr], shape: Sequence[Expr], base: Form, places: Places) -> Form | None:
        """Return a slice with unit steps, a row or a column of a vector or matrix."""
        parts: list[object] = []
        found: list[Index] = []
        for index, size in zip(indices, shape, strict=True):
            own = [place for place in places if place in free_indices(index)]
            start = index - own[0] if own else index
            if len(own) > 1 or free_indices(start) or not is_plain(start):
                return None
            if own and not (start.is_nonnegative and _within(start + self.sizes[own[0]], size)):
                return None
            parts.append((start, self.sizes[own[0]]) if own else start)
            found += own
        if set(found) != set(places) or len(found) != len(places) or not places:
            return None
        extents = [part[1] if isinstance(part, tuple) else Integer(1) for part in parts]
        slice_ = Slice((extents[0], extents[1] if len(extents) > 1 else Integer(1)), base, tuple(parts))
        return slice_ if isinstance(parts[0], tuple) and found[0] == places[0] else transpose(slice_)

    def sum(self, expr: Add, places: Places) -> Form:
        """Return a sum; numbers and scalar symbols stand for themselves in every entry."""
        terms = []
        for term in Add.make_args(gathered(expr)):
            plain = not free_indices(term) and is_plain(term)
            terms.append(self.form(term) if plain else self.form(term, *places))
        return add(terms)

    def product(self, expr: Expr, places: Places) -> Form | None:
        """Return a product of factors, or a sum over such a product, as a contraction."""
        bound: list[Index] = []
        return self.contract(self.factors(expr, bound), places, bound)

    def factors(self, expr: Expr, bound: list[Index], alone: bool = True) -> list[Expr]:
        """Return the factors of a product, those inside unnamed arrays and sums included.

        The indices of the sums are appended to ``bound``. A sum of a sum stays a factor, unless it is alone.
        """
        found = []
        parts = Mul.make_args(expr)
        alone = alone and len(parts) == 1
        for factor in parts:
            if isinstance(factor, Element) and isinstance(factor.tensor, Array):
                found += self.factors(factor.tensor.at(*factor.indices), bound, alone)
            elif isinstance(factor, Reduce) and factor.op == "add" and (alone or not _holds_sum(factor.body)):
                axes, content = factor.open()
                self.sizes.update(axes)
                bound += [index for index, _ in axes]
                found += self.factors(content, bound, alone)
            else:
                found.append(factor)
        return found

    def contract(self, factors: Sequence[Expr], places: Places, bound: Sequence[Index]) -> Form | None:
        """Return Σ over ``bound`` of the product of ``factors``, over ``places``."""
        factors, bound = self.without_deltas(list(factors), bound)
        live = (*places, *bound)
        own = [tuple(index for index in live if index in free_indices(factor)) for factor in factors]
        for position, indices in enumerate(own):
            rest = [*factors[:position], *factors[position + 1 :]]
            if bound and isinstance(factors[position], Add) and (len(indices) > 2 or len(factors) == 1):
                return self.distributed(factors[position], rest, places, bound)
            if len(indices) > 2 and isinstance(factors[position], Reduce) and factors[position].op == "add":
                inner: list[Index] = []
                content = self.factors(factors[position], inner)
                return self.contract([*rest, *content], places, [*bound, *inner])
            if len(indices) > 2:
                return None
        return self.network(factors, own).result(places, bound)

    def network(self, factors: Sequence[Expr], own: Sequence[Places]) -> Contraction:
        """Return the factors as a contraction."""
        network = Contraction(self.sizes)
        for factor, indices in zip(factors, own, strict=True):
            if isinstance(factor, KroneckerDelta):
                network.add(*self.delta(factor, indices))
            elif len(indices) == 2:
                straight, turned = self.form(factor, *indices), transpose(self.form(factor, *indices[::-1]))
                network.add(
                    indices, min(straight, turned, key=lambda form: (cost(form), not isinstance(form, Transpose)))
                )
            else:
                network.add(indices, self.form(factor, *indices))
        return network

    def delta(self, delta: KroneckerDelta, indices: Places) -> tuple[Places, Form]:
        """Return a Kronecker delta as an identity, a unit vector or its elements."""
        if set(indices) == set(delta.args):
            first, second = (self.sizes[index] for index in indices)
            if same_size(first, second):
                return indices, Identity((first, second))
        fixed = [arg for arg in delta.args if arg not in indices]
        if len(indices) == 1 and len(fixed) == 1 and not free_indices(fixed[0]):
            return indices, Unit((self.sizes[indices[0]], Integer(1)), fixed[0])
        return indices, self.elements(delta, indices)

    def without_deltas(self, factors: list[Expr], bound: Sequence[Index]) -> tuple[list[Expr], list[Index]]:
        """Use Σ_k δ(k, i) f(k) = f(i) where both indices have the same extent."""
        left = list(bound)
        for delta in [factor for factor in factors if isinstance(factor, KroneckerDelta)]:
            for index, other in (delta.args, delta.args[::-1]):
                if index in left and isinstance(other, Index) and same_size(self.sizes[index], self.sizes[other]):
                    factors.remove(delta)
                    left.remove(index)
                    factors = self.factors(Mul(*(substitute(factor, {index: other}) for factor in factors)), left)
                    return self.without_deltas(factors, left)
        return factors, left

    def distributed(self, total: Expr, rest: Sequence[Expr], places: Places, bound: Sequence[Index]) -> Form | None:
        """Return the sum of a sum term by term, or as a whole where that reads shorter."""
        terms = []
        for term in total.args:
            inner = list(bound)
            terms.append(self.contract(self.factors(Mul(*rest, term), inner), places, inner))
        choices = [] if None in terms else [add(term for term in terms if term is not None)]
        own = tuple(index for index in (*places, *bound) if index in free_indices(total))
        if len(own) <= 2 and all(set(own) == free_indices(term) for term in total.args):
            whole = self.network([total, *rest], [own, *[()] * len(rest)]).result(places, bound)
            choices += [] if whole is None else [whole]
        return min(choices, key=cost) if choices else None


@lru_cache(maxsize=2_000)
def matrix_of(call: Call) -> Form:
    """Return the form of the whole result of a call without a batch."""
    opened = call.open()

    def operand(position: int) -> Form:
        axes, content = opened[position]
        rows, columns = (index if size != 1 else None for index, size in axes)
        return MatrixView(dict(axes)).form(content, rows, columns)

    return call_form(call, operand)


def _within(end: Expr, size: Expr) -> bool:
    """Tell whether a slice is known to stay inside an axis."""
    return bool(sympy.expand(size - end).is_nonnegative)


def _holds_sum(body: Expr) -> bool:
    """Tell whether a body is a sum, written out or as an unnamed array."""
    if isinstance(body, Element) and isinstance(body.tensor, Array):
        return _holds_sum(body.tensor.body)
    return isinstance(body, Add)
