"""Index notation: a scalar body as a form over elements, with letters for its indices.

Indices are zero-based in symdl and one-based in print, as in the book: an index ``i`` with 0 <= i < n is printed as the
letter i running from 1 to n, an index expression is shifted to match (``x[i + 1]`` is x_{i+1}, ``x[0]`` is x_1 and
``x[n - 1]`` is x_n), and an index used as a number is printed as i - 1. An index that is read from data, as in
``E[w[t], d]``, is printed as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import sympy
from sympy import Add, Basic, Expr, Integer, KroneckerDelta, Mul, Number, NumberSymbol, Pow, Rel, Symbol
from sympy.logic.boolalg import And, BooleanFalse, BooleanFunction, BooleanTrue, Not, Or

from symdl.expr.index import Index, free_indices, substitute
from symdl.expr.nodes import Array, Call, CompositeOp, Element, Reduce, Tensor
from symdl.expr.scalar import ScalarOp
from symdl.latex import algebra
from symdl.latex.algebra import add, apply, power, scale, structure
from symdl.latex.forms import At, BigOp, Bracket, Cases, Delta, Form, Leaf, Listed, Logic, Place, Relation
from symdl.latex.forms import Number as NumberForm
from symdl.latex.linear_algebra import call_form
from symdl.latex.names import LETTERS, symbol_latex
from symdl.latex.pieces import bound, gathered, is_choice
from symdl.notation import name_latex

COMPARISONS = {sympy.Eq: "==", sympy.Ne: "!=", sympy.Lt: "<", sympy.Le: "<=", sympy.Gt: ">", sympy.Ge: ">="}
_ARITHMETIC = (Add, Mul, Pow, sympy.floor, sympy.ceiling, sympy.Mod, sympy.Min, sympy.Max)
LOGIC = {And: "and", Or: "or", Not: "not"}


def letter(taken: Iterable[str]) -> str:
    """Return the first index letter that is not taken."""
    known = set(taken)
    numbered = (f"i_{{{number}}}" for number in range(1, 1000))
    return next(name for name in (*LETTERS, *numbered) if name not in known)


def letters_for(indices: Iterable[Index], used: set[str]) -> dict[Index, str]:
    """Return letters for free indices, in order."""
    found: dict[Index, str] = {}
    for index in indices:
        found[index] = letter(used | set(found.values()))
    return found


class ElementView:
    """Writes scalar bodies in index notation.

    Args:
        letters: The letters of the free indices.
        used: Names that letters of sums must avoid.
        sizes: The extents of the free indices, where they are known.
    """

    def __init__(
        self, letters: Mapping[Symbol, str], used: set[str], sizes: Mapping[Index, Expr] | None = None
    ) -> None:
        self.letters, self.used, self.sizes = dict(letters), used, dict(sizes or {})

    def form(self, expr: Expr) -> Form:
        """Return the form of a scalar expression or condition whose free indices all have letters."""
        if isinstance(expr, Number | NumberSymbol):
            return NumberForm(expr)
        if isinstance(expr, Symbol):
            if expr in self.letters:
                return self.number(expr)
            return Leaf(algebra.ONE.shape, symbol_latex(expr), expr)
        if isinstance(expr, Element):
            return self.element(expr)
        if isinstance(expr, sympy.Indexed):  # the width of a layer
            places = ",".join(sympy.latex(place) for place in expr.indices)
            return Leaf(algebra.ONE.shape, f"{name_latex(str(expr.base.label))}_{{{places}}}", expr)
        if isinstance(expr, Add):
            return self.number(expr) if self.is_index(expr) else self.sum(gathered(expr))
        if isinstance(expr, Mul):
            return scale(Integer(1), map(self.form, expr.args))
        if isinstance(expr, Pow):
            return power(self.form(expr.base), self.form(expr.exp))
        if isinstance(expr, Reduce):
            return self.reduce(expr)
        if isinstance(expr, Call):
            return self.called(expr)
        if isinstance(expr, KroneckerDelta):
            return Delta(*map(self.place, expr.args))
        return self.function(expr)

    def function(self, expr: Expr) -> Form:
        """Return the form of a function or a condition."""
        if isinstance(expr, Rel):
            chosen = self.chosen(expr) if isinstance(expr, sympy.Eq) else None
            if chosen is not None:
                return chosen
            return self.side(expr) or Relation(COMPARISONS[type(expr)], *self.sides(expr))
        if isinstance(expr, And | Or | Not):
            return Logic(LOGIC[type(expr)], tuple(map(self.form, sorted(expr.args, key=str))))
        if isinstance(expr, BooleanTrue | BooleanFalse):
            return NumberForm(Integer(1 if expr else 0))
        if isinstance(expr, BooleanFunction):
            return self.form(expr.to_nnf(simplify=False))
        if isinstance(expr, ScalarOp) and expr.name == "where":
            return Cases(*map(self.form, expr.args))
        return apply(type(expr), tuple(map(self.form, expr.args)))

    def chosen(self, relation: sympy.Eq) -> Form | None:
        """Return (u, v) = argmax for an equation that says so by the numbers of entries; None for any other."""
        sides = [*map(_unfold, relation.args)]
        for own, other in (sides, sides[::-1]):
            found = extremum(other)
            places = digits_of(own, [size for _, size in found[1]]) if found is not None and len(found[1]) > 1 else None
            if found is not None and places is not None:
                shown = Listed(tuple(map(self.place, places)))
                return Relation("==", Place(own, shown), Place(other, self.big(*found)))
        return None

    def side(self, relation: Rel) -> Form | None:
        """Return on which side of a fixed place an index is, in the shorter of two ways; None for other comparisons."""
        places = [place for place in free_indices(relation) if place in self.letters]
        found = bound(relation, places[0]) if len(places) == 1 else None
        if found is None or not is_plain(found[0]):
            return None
        limit, below = found
        exclusive, inclusive = (limit + 1, limit) if below else (limit, limit + 1)
        strict = len(Add.make_args(exclusive)) <= len(Add.make_args(inclusive))
        sign = ("<" if below else ">") + ("" if strict else "=")
        return Relation(sign, self.place(places[0]), self.count(exclusive if strict else inclusive))

    def count(self, number: Expr) -> Place:
        """Return a number that is compared with places as they are printed: one-based."""
        return Place(number - 1, self.form(number))

    def sum(self, expr: Expr) -> Form:
        """Return a sum; what is added up to a place and from another one on is written range by range."""
        terms = list(Add.make_args(expr))
        choices = [term for term in terms if is_choice(term) and term.args[2] == 0]
        places = free_indices(And(*(term.args[0] for term in choices))) & set(self.letters)
        if len(choices) == 2 and len(places) == 1:
            found = self.ranges(choices, next(iter(places)))
            if found is not None:
                return add([*(self.form(term) for term in terms if term not in choices), found])
        return add(map(self.form, terms))

    def ranges(self, choices: Sequence[Expr], place: Index) -> Form | None:
        """Return f·1{place < b} + g·1{place >= a} as f, f + g and g on their ranges."""
        sides = {found[1]: (found[0], choice) for choice in choices if (found := bound(choice.args[0], place))}
        if len(sides) < 2:
            return None
        (end, head), (start, tail) = sides[True], sides[False]
        only, rest = self.form(head.args[1]), self.form(tail.args[1])
        letter = self.place(place)
        low, high = self.form(head.args[0]), self.count(start)
        within = Logic("and", (Relation("<", high, letter), low))
        if sympy.expand(end - start).is_nonnegative:
            first = Relation("==" if start == 1 else "<=", letter, high)
            return Cases(first, only, Cases(within, add([only, rest]), rest))
        if start != 1 or place not in self.sizes or sympy.expand(self.sizes[place] - end) != 1:
            return None
        size = self.count(self.sizes[place])
        alone = Logic("and", (Relation("==", letter, high), Relation("<", high, size)))
        last = Logic("and", (Relation("==", letter, size), Relation(">", size, high)))
        return Cases(alone, only, Cases(within, add([only, rest]), Cases(last, rest, NumberForm(Integer(0)))))

    def sides(self, relation: Rel) -> tuple[Form, Form]:
        """Return both sides of a comparison; indices on both are compared as they are printed."""
        left, right = map(_unfold, relation.args)
        if isinstance(left, sympy.Mod) and is_plain(left) and right.is_Integer:  # a remainder is a number, no place
            return self.number(left), self.number(right)
        if self.is_distance(left - right) and (left.is_Integer or right.is_Integer):
            return self.number(left), self.number(right)
        if all(self.is_index(side) or side.is_Integer or extremum(side) for side in (left, right)):
            return self.place(left), self.place(right)
        return self.form(left), self.form(right)

    def element(self, load: Element) -> Form:
        """Return an element; elements of unnamed arrays are written out."""
        tensor = load.tensor
        if isinstance(tensor, Array):
            return self.form(tensor.at(*load.indices))
        places = tuple(index for index, size in zip(load.indices, tensor.shape, strict=True) if size != 1)
        base = self.base(tensor)
        if not places:
            return base
        if "symmetric" in tensor.properties:
            places = tuple(sorted(places, key=lambda place: structure(self.place(place))))
        return At(base, places, tuple(map(self.place, places)))

    def called(self, call: Call) -> Form:
        """Return an element of a result of linear algebra; matrices of a batch are written by their elements."""
        if call.batch:
            base = call_form(call, lambda position: self.operand(*call.open()[position]))
        else:
            from symdl.latex.view import matrix_of

            base = matrix_of(call)
        places = tuple(index for index, size in zip(call.places, call.result_shape, strict=True) if size != 1)
        return At(base, places, tuple(map(self.place, places))) if places else base

    def operand(self, axes: Sequence[tuple[Index, Expr]], content: Expr) -> Form:
        """Return a matrix by its elements."""
        inner = ElementView(self.letters, self.used)
        shown = []
        for index, size in axes:
            if size != 1:
                inner.letters[index] = letter(self.used | set(inner.letters.values()))
                shown.append((index, inner.letters[index], size))
        return Bracket((axes[0][1], axes[1][1]), inner.form(content), tuple(shown))

    def base(self, tensor: Tensor) -> Form:
        """Return what the subscript is attached to."""
        if isinstance(tensor, CompositeOp) and not is_named(tensor):
            from symdl.latex.view import tensor_form

            return tensor_form(tensor)
        return leaf(tensor)

    def place(self, index: Expr) -> Place:
        """Return an index expression as it is printed: one-based."""
        argument = extremum(index)
        if argument is not None and len(argument[1]) == 1:
            return Place(index, self.big(*argument))
        return Place(index, self.shown(index, 1) if is_plain(index) else self.form(index))

    def number(self, index: Expr) -> Form:
        """Return an index that is used as a number."""
        return Place(index, self.shown(index, 0))

    def shown(self, index: Expr, offset: int) -> Form:
        """Return the form of an index expression over one-based letters, plus ``offset``."""
        shift = {symbol: symbol - 1 for symbol in self.letters}
        names = {symbol: Leaf(algebra.ONE.shape, name, symbol) for symbol, name in self.letters.items()}
        return FormView(names).form(_rounded(sympy.expand(index.xreplace(shift) + offset, deep=False)))

    def is_distance(self, expr: Expr) -> bool:
        """Tell whether an expression is the same for places counted from 0 and from 1: a difference of two."""
        letters = expr.free_symbols & set(self.letters)
        slopes = [sympy.expand(expr).coeff(place) for place in letters]
        return is_plain(expr) and bool(letters) and sympy.Add(*slopes) == 0 and not expr.has(sympy.Mod, sympy.floor)

    def is_index(self, expr: Expr) -> bool:
        """Tell whether an expression is made of indices and sizes only, with at least one index."""
        return is_plain(expr) and bool(expr.free_symbols & set(self.letters))

    def reduce(self, expr: Reduce) -> Form:
        """Return a reduction with letters for its indices."""
        argument = extremum(expr)
        if argument is not None and len(argument[1]) == 1:
            return add([self.big(*argument), NumberForm(Integer(-1))])
        axes, content = expr.open()
        number, rest = content.as_coeff_Mul() if expr.op == "add" else (Integer(1), content)
        return scale(number, [self.big(expr.op, axes, rest)])

    def big(self, op: str, axes: Sequence[tuple[Index, Expr]], content: Expr) -> BigOp:
        """Return a reduction over opened axes."""
        inner = ElementView(self.letters, self.used)
        limits = []
        for index, size in axes:
            inner.letters[index] = letter(self.used | set(inner.letters.values()))
            limits.append((index, inner.letters[index], self.form(size)))
        return BigOp(op, tuple(limits), inner.form(content))


class FormView(ElementView):
    """Writes an expression over placeholders, each of which stands for a form."""

    def __init__(self, forms: Mapping[Expr, Form]) -> None:
        super().__init__({}, set())
        self.forms = forms

    def form(self, expr: Expr) -> Form:
        """Return the form of an expression over the placeholders."""
        return self.forms[expr] if expr in self.forms else super().form(expr)


def _rounded(index: Expr) -> Expr:
    """Return 1 + ⌊(j - 1)/m⌋ as ⌈j/m⌉, and (j + m - 1) mod m as (j - 1) mod m."""
    for remainder in sorted(index.atoms(sympy.Mod), key=str):
        value, size = remainder.args
        less = sympy.expand(value - size)
        if less.as_coeff_Add()[0] == -1:
            index = index.xreplace({remainder: sympy.Mod(less, size, evaluate=False)})
    for rounded in sorted(index.atoms(sympy.floor), key=str):
        top, below = sympy.fraction(sympy.together(rounded.args[0]))
        up = sympy.ceiling(sympy.expand(top + 1) / below, evaluate=False)
        factor = index.coeff(rounded)
        other = sympy.expand(index - factor * (rounded + 1)) + factor * up
        if factor.is_Integer and _terms(other, up) <= _terms(index, rounded):
            index = other
    return index


def _terms(index: Expr, rounded: Expr) -> int:
    return len(Add.make_args(index)) + len(Add.make_args(sympy.expand(sympy.fraction(rounded.args[0])[0])))


def extremum(expr: Expr) -> tuple[str, list[tuple[Index, Expr]], Expr] | None:
    """Return ("argmax" or "argmin", axes, body) if a minimum is that of the places where an extremum is attained.

    Over several axes it is the least of the numbers that the entries have in row-major order.
    """
    if not isinstance(expr, Reduce) or expr.op != "min":
        return None
    axes, choice = expr.open()
    number, count = Integer(0), Integer(1)
    for index, size in axes:
        number, count = sympy.expand(number * size + index), count * size
    if not (isinstance(choice, ScalarOp) and choice.name == "where" and choice.args[1:] == (number, count)):
        return None
    condition, sizes = choice.args[0], [size for _, size in axes]
    if isinstance(condition, sympy.Eq):
        for body, value in (condition.args, condition.args[::-1]):
            best = _unfold(value)
            if isinstance(best, Reduce) and best.op in ("max", "min") and [length for _, length in best.axes] == sizes:
                others, content = best.open()
                renamed = {other: index for (other, _), (index, _) in zip(others, axes, strict=True)}
                if _unfold(substitute(content, renamed)) == _unfold(body):
                    return f"arg{best.op}", axes, body
    return None


def digits_of(number: Expr, sizes: Sequence[Expr]) -> list[Expr] | None:
    """Return (a, b, ...) of a sum a·m·… + b·… + …, its digits in a mixed radix with these sizes; None if it is none."""
    found: list[Expr] = []
    for size in reversed(sizes[1:]):
        higher = [term for term in Add.make_args(sympy.expand(number)) if (term / size).as_coeff_Mul()[0].is_Integer]
        found.append(sympy.expand(number - Add(*higher)))
        number = sympy.expand(Add(*higher) / size)
    found.append(number)
    whole = all(term.as_coeff_Mul()[0].is_Integer for place in found for term in Add.make_args(place))
    return found[::-1] if whole and all(not place.is_Number for place in found) else None


def _unfold(expr: Expr) -> Expr:
    while isinstance(expr, Element) and isinstance(expr.tensor, Array):
        expr = expr.tensor.at(*expr.indices)
    return expr


def size_form(size: Expr) -> Form:
    """Return the form of a size."""
    return ElementView({}, set()).form(size)


@lru_cache(maxsize=50_000)
def is_plain(expr: Basic) -> bool:
    """Tell whether an expression is arithmetic of numbers and symbols: no element, reduction, op or Kronecker delta."""
    if isinstance(expr, sympy.Indexed):
        return True
    return (not expr.args or isinstance(expr, _ARITHMETIC)) and all(map(is_plain, expr.args))


def is_named(tensor: Tensor) -> bool:
    """Tell whether a tensor prints as a name."""
    return hasattr(tensor, "latex_name")


def leaf(tensor: Tensor) -> Leaf:
    """Return a tensor's name; its shape is that of a matrix, or a column, if it has at most two axes."""
    shape = (*tensor.shape, Integer(1), Integer(1))
    symmetric = "symmetric" in tensor.properties
    return Leaf((shape[0], shape[1]), symbol_latex(tensor), tensor, symmetric)
