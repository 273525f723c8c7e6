"""The constructors of forms: they keep products flat, numbers in front, and transposes on names."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import gcd
from typing import Any

from sympy import Expr, Integer

from symdl.expr.scalar import SCALAR_OPS
from symdl.latex.forms import (
    Apply,
    At,
    BigOp,
    Bracket,
    Composite,
    Diag,
    Form,
    Hadamard,
    Identity,
    Inverse,
    Leaf,
    MatMul,
    Norm,
    Number,
    Ones,
    Place,
    Power,
    Scale,
    Slice,
    Sum,
    Transpose,
)

ZERO, ONE, TWO = Number(Integer(0)), Number(Integer(1)), Number(Integer(2))
_RANK = {Leaf: 0, Slice: 0, At: 0, Bracket: 4, MatMul: 2, Sum: 3, BigOp: 4}


def scale(number: Expr, num: Iterable[Form] = (), den: Iterable[Form] = (), arg: Form | None = None) -> Form:
    """Return ``number · num / den · arg``, flat: numbers multiplied, scalars sorted, nested multiples merged."""
    top: list[Form] = []
    bottom: list[Form] = []
    for forms, same, other in ((num, top, bottom), (den, bottom, top)):
        stack = list(forms)[::-1]
        while stack:
            form = stack.pop()
            if isinstance(form, Number) and (form.value != 0 or same is top):
                number = number * form.value if same is top else number / form.value
            elif isinstance(form, Scale) and form.arg is None:
                number = number * form.number if same is top else number / form.number
                stack.extend(form.num)
                other.extend(form.den)
            else:
                same.append(form)
    for form in list(top):
        if form in bottom:
            top.remove(form)
            bottom.remove(form)
    if arg is not None and arg.is_scalar:
        return scale(number, (*top, arg), bottom)
    if isinstance(arg, Scale):
        return scale(number * arg.number, (*top, *arg.num), (*bottom, *arg.den), arg.arg)
    if number == 0:
        return ZERO
    if not top and not bottom:
        if arg is None or isinstance(arg, Number):
            return Number(number)
        if number == 1:
            return arg
    if number == 1 and arg is None and len(top) == 1 and not bottom:
        return top[0]
    return Scale(number, tuple(sorted(top, key=key)), tuple(sorted(bottom, key=key)), arg)


def add(terms: Iterable[Form]) -> Form:
    """Return a sum, flat, like terms added up."""
    alike: dict[Form, Expr] = {}
    for term in terms:
        for part in _parts(term):
            number = part.value if isinstance(part, Number) else part.number if isinstance(part, Scale) else Integer(1)
            rest = ONE if isinstance(part, Number) else scale(1 / number, arg=part) if number != 1 else part
            alike[rest] = alike.get(rest, Integer(0)) + number
    alike = {rest: number for rest, number in alike.items() if number != 0}
    flat = [scale(number, arg=rest) for rest, number in alike.items()]
    if len(flat) > 1 and (size := _common(flat, list(alike.values()))) != 1:
        rest = add(scale(1 / size, arg=term) for term in flat)
        return scale(size, (rest,)) if rest.is_scalar else scale(size, arg=rest)
    if not flat:
        return ZERO
    return flat[0] if len(flat) == 1 else Sum(tuple(sorted(flat, key=key)))


def _common(terms: Sequence[Form], numbers: Sequence[Expr]) -> Expr:
    """Return the number to put in front of a sum all of whose terms have it, up to sign; of scalars, an integer."""
    size = abs(numbers[0])
    if not size.is_Rational or any(abs(number) != size for number in numbers):
        return Integer(1)
    if all(term.is_scalar for term in terms):
        return size if size.is_Integer else Integer(1)
    bare = not any(isinstance(term, Scale) and (term.num or term.den) for term in terms)
    return size if bare and not any(term.is_scalar for term in terms) else Integer(1)


def _parts(term: Form) -> tuple[Form, ...]:
    """Return the terms of a sum, of a subtracted sum too."""
    if isinstance(term, Sum):
        return term.terms
    if isinstance(term, Scale) and isinstance(term.arg, Sum) and term == Scale(Integer(-1), (), (), term.arg):
        return tuple(scale(Integer(-1), arg=part) for part in term.arg.terms)
    return (term,)


def split(form: Form) -> tuple[Expr, tuple[Form, ...], tuple[Form, ...], Form | None]:
    """Return (number, num, den, rest): the scalar factors of a form, the content of a sum included."""
    if isinstance(form, Scale):
        number, num, den, arg = form.number, form.num, form.den, form.arg
        if isinstance(arg, Sum):
            inner, _, _, arg = split(arg)
            number = number * inner
        return number, num, den, arg
    if isinstance(form, Number):
        return form.value, (), (), None
    if isinstance(form, Sum):
        content = _content(form)
        if content != 1:
            rest = add(scale(1 / content, arg=term) for term in form.terms)
            return (content, (rest,), (), None) if rest.is_scalar else (content, (), (), rest)
    if form.is_scalar:
        return Integer(1), (form,), (), None
    return Integer(1), (), (), form


def _content(form: Sum) -> Expr:
    numbers = [
        term.value if isinstance(term, Number) else term.number if isinstance(term, Scale) else Integer(1)
        for term in form.terms
    ]
    if not all(number.is_Rational for number in numbers):
        return Integer(1)
    sign = -1 if all(number.is_negative for number in numbers) else 1
    if all(abs(number) == abs(numbers[0]) for number in numbers):
        return sign * abs(numbers[0])
    if all(number.is_Integer for number in numbers):
        return Integer(sign * gcd(*map(int, numbers)))
    return Integer(sign)


def matmul(*factors: Form) -> Form:
    """Return a matrix product; scalars of the factors go in front, identities vanish.

    Every factor that is no scalar must fit its neighbours; the product of a row and a column is a scalar.
    """
    number: Expr = Integer(1)
    num: list[Form] = []
    den: list[Form] = []
    flat: list[Form] = []
    for factor in factors:
        value, top, bottom, rest = split(factor)
        number *= value
        num += top
        den += bottom
        if rest is not None:
            flat += rest.factors if isinstance(rest, MatMul) else (rest,)
    kept = [form for form in flat if not isinstance(form, Identity)] or flat[:1]
    if len(kept) == 2 and kept[0].shape[0] == 1 and kept[0] == transpose(kept[1]):
        return scale(number, (*num, squared_norm(kept[1])), den)
    arg = None if not kept else kept[0] if len(kept) == 1 else MatMul(tuple(kept))
    return scale(number, num, den, arg)


def hadamard(num: Sequence[Form], den: Sequence[Form] = ()) -> Form:
    """Return the element-wise product of forms of one shape (scalars apart), divided by those in ``den``."""
    number: Expr = Integer(1)
    scalars: tuple[list[Form], list[Form]] = ([], [])
    tensors: tuple[list[Form], list[Form]] = ([], [])
    for forms, same in ((num, 0), (den, 1)):
        for form in forms:
            value, top, bottom, rest = split(form)
            number = number / value if same else number * value
            scalars[same].extend(top)
            scalars[1 - same].extend(bottom)
            if isinstance(rest, Hadamard):
                tensors[same].extend(rest.num)
                tensors[1 - same].extend(rest.den)
            elif rest is not None:
                tensors[same].append(rest)
    for side in tensors:
        if len(tensors[0]) + len(tensors[1]) > 1:
            for form in [form for form in side if isinstance(form, Ones)]:
                if len(tensors[0]) + len(tensors[1]) > 1:
                    side.remove(form)
    if not tensors[0] and not tensors[1]:
        return scale(number, *scalars)
    if len(tensors[0]) == 1 and not tensors[1]:
        return scale(number, *scalars, tensors[0][0])
    product = Hadamard(tuple(sorted(tensors[0], key=entry_key)), tuple(sorted(tensors[1], key=entry_key)))
    return scale(number, *scalars, product)


def apply(op: Any, args: Sequence[Form]) -> Form:
    """Return a function applied element by element; expm1 and log1p are written in full."""
    name = getattr(op, "name", "")
    if name == "expm1":
        return add((Apply(SCALAR_OPS["exp"], tuple(args)), Number(Integer(-1))))
    if name == "log1p":
        return Apply(SCALAR_OPS["log"], (add((ONE, args[0])),))
    return Apply(op, tuple(args))


def power(base: Form, exponent: Form) -> Form:
    """Return an element-wise power; negative exponents become divisions."""
    if isinstance(exponent, Number):
        value = exponent.value
        if value == 1:
            return base
        if value.is_negative:
            below = power(base, Number(-value))
            return scale(Integer(1), (), (below,)) if base.is_scalar else hadamard((), (below,))
        if isinstance(base, Power) and isinstance(base.base, Norm) and isinstance(base.exponent, Number):
            return power(base.base, Number(base.exponent.value * value))
        if isinstance(base, Apply) and base.op.name == "exp":
            return Apply(base.op, (matmul(exponent, base.args[0]),))
        if isinstance(base, Number) and value.is_Integer:
            return Number(base.value**value)
    return Power(base, exponent)


def squared_norm(form: Form) -> Form:
    """Return the square of the Euclidean or Frobenius norm; a numerical factor goes in front."""
    inner = form.arg if isinstance(form, Transpose) else form
    number, num, den, rest = split(inner)
    if rest is None or num or den:
        return power(Norm(inner), TWO)
    return scale(number**2, (power(Norm(rest), TWO),))


@lru_cache(maxsize=20_000)
def transpose(form: Form) -> Form:
    """Return the transpose: distributed over products, pushed into a sum or a function where that is shorter."""
    if form.is_scalar or isinstance(form, Diag | Identity):
        return form
    if isinstance(form, Transpose):
        return form.arg
    if isinstance(form, Leaf) and form.symmetric:
        return form
    if isinstance(form, Inverse) and transpose(form.arg) == form.arg:
        return form
    if isinstance(form, MatMul):
        return MatMul(tuple(transpose(factor) for factor in reversed(form.factors)))
    if isinstance(form, Scale) and form.arg is not None:
        return scale(form.number, form.num, form.den, transpose(form.arg))
    inside = _inside(form)
    if inside is not None and (cost(inside) < cost(form) or inside == form):
        return inside
    return Transpose(form)


def _inside(form: Form) -> Form | None:
    if isinstance(form, Sum):
        return add(transpose(term) for term in form.terms)
    if isinstance(form, Hadamard):
        return hadamard([transpose(part) for part in form.num], [transpose(part) for part in form.den])
    if isinstance(form, Power):
        return Power(transpose(form.base), transpose(form.exponent))
    if isinstance(form, Apply):
        return Apply(form.op, tuple(transpose(arg) for arg in form.args))
    return None


@lru_cache(maxsize=20_000)
def cost(form: Form) -> int:
    """Return how long a form is to read; a transpose costs more the larger its argument."""
    if isinstance(form, Transpose):
        plain = isinstance(form.arg, Leaf | Ones) or (isinstance(form.arg, Inverse) and isinstance(form.arg.arg, Leaf))
        return cost(form.arg) + (1 if plain else 2 if isinstance(form.arg, Sum | Hadamard) else 3)
    return 1 + sum(map(cost, children(form)))


def children(form: Form) -> tuple[Form, ...]:
    """Return the forms directly inside a form."""
    found: list[Form] = []
    for value in vars(form).values():
        if isinstance(value, Form):
            found.append(value)
        elif isinstance(value, tuple):
            stack = list(value)[::-1]
            while stack:
                part = stack.pop()
                if isinstance(part, Form):
                    found.append(part)
                elif isinstance(part, tuple):
                    stack.extend(part[::-1])
    return tuple(found)


@lru_cache(maxsize=20_000)
def key(form: Form) -> tuple[int, str]:
    """Return a sort key for factors: names, then functions, products, sums; alphabetical among equals."""
    inner = form.base if isinstance(form, Power) else form.arg if isinstance(form, Transpose) else form
    return _RANK.get(type(inner), 1), structure(form)


def entry_key(form: Form) -> tuple[int, str]:
    """Return a sort key for element-wise factors: matrix products last, so that σ ⊙ (1 - σ) stays together."""
    rank, text = key(form)
    return rank if rank != _RANK[MatMul] else _RANK[BigOp], text


@lru_cache(maxsize=20_000)
def structure(form: Form) -> str:
    """Return a text that two forms share only if they print alike; the same in every process."""
    if isinstance(form, Leaf):
        return form.tex
    if isinstance(form, Number):
        return str(form.value)
    if isinstance(form, Place):
        return structure(form.shown)
    own = [str(value) for value in vars(form).values() if isinstance(value, str | Expr)]
    own += [value.__name__ for value in vars(form).values() if isinstance(value, type)]
    if isinstance(form, Composite):
        own.append(type(form.meaning).__name__)
    return f"{','.join(map(structure, children(form)))}:{type(form).__name__}{','.join(own)}"
