"""Names of quotients: u/‖u‖ that is called û is found again in u uᵀ/‖u‖³, as û ûᵀ/‖u‖, and in sums.

What a normalisation is derived to has the factors of the name's body scattered: the numerators under sums and in
products, the norms joined to one power.
"""

from collections.abc import Callable, Sequence

from sympy import Basic, Expr, Integer, Mul, Rational

from symdl.expr.index import Index, free_indices, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol, opened
from symdl.simplify.recognise import match

Meaning = Callable[[Element], Expr | None]
Names = Sequence[tuple[Expr, TensorSymbol]]
Powers = dict[Expr, Expr]


def fold_products(expr: Expr, names: Names, meaning: Meaning) -> Expr:
    """Replace the factors of named quotients, wherever all of them stand in one product, by elements of the name.

    Args:
        expr: A body.
        names: Bodies and the targets that they define.
        meaning: Gives the body that an element stands for, None for inputs.
    """
    quotients = [(body, target) for body, target in names if _is_quotient(body)]
    if not quotients:
        return expr

    def visit(node: Basic) -> Basic | None:
        if not isinstance(node, Mul):  # bodies of names and what elements stand for bind indices of their own
            return opened(node, lambda content: rebuild(content, visit))
        found = node
        for body, target in quotients:
            while (step := _step(found, body, target, meaning)) is not None:
                found = step
        return found if found is not node else None

    return rebuild(expr, visit)


def _is_quotient(body: Expr) -> bool:
    """Tell whether a body divides by a tensor's entries, or a root of them."""
    powers = (factor.as_base_exp() for factor in Mul.make_args(body)) if isinstance(body, Mul) else ()
    return any(exponent.is_negative and base.has(Element) for base, exponent in powers)


def _powers(product: Expr) -> Powers:
    found: Powers = {}
    for factor in Mul.make_args(product):
        base, exponent = factor.as_base_exp()
        found[base] = found.get(base, Integer(0)) + exponent
    return found


def _product(powers: Powers) -> Expr:
    return Mul(*(base**exponent for base, exponent in powers.items()))


def _step(product: Expr, body: Expr, target: TensorSymbol, meaning: Meaning) -> Expr | None:
    """Return the product with one more element of the name in it, or None."""
    powers = _powers(product)
    for base, exponent in powers.items():
        if exponent == 1 and (inside := _sum(base, meaning)) is not None:
            axes, content = inside
            inner = _powers(content)
            taken = _take(inner, powers, body, target, {index for index, _ in axes})
            if taken is not None:
                del powers[base]
                return _product(powers) * Reduce("add", _product(inner) * taken, *axes)
    taken = _take(powers, powers, body, target, set())
    return None if taken is None else _product(powers) * taken


def _sum(factor: Expr, meaning: Meaning) -> tuple[list[tuple[Index, Expr]], Expr] | None:
    """Return the axes and the content of a factor that is a sum, or stands for one."""
    found = meaning(factor) if isinstance(factor, Element) else factor
    return found.open() if isinstance(found, Reduce) and found.op == "add" else None


def _take(inner: Powers, outer: Powers, body: Expr, target: TensorSymbol, bound: set[Index]) -> Expr | None:
    """Take the factors of a body out of powers, the one with all its indices from ``inner``; return the element."""
    parts = list(_powers(body).items())
    wanted = sum(size != 1 for size in target.shape)
    for key, power in parts:
        if len(free_indices(key)) != wanted or power != 1:
            continue
        for base in [base for base, exponent in inner.items() if exponent.is_Integer and exponent.is_positive]:
            for sign in (1, -1):
                places: dict[Index, Expr] = {}
                if not match(sign * key, base, places) or len(places) != wanted:
                    continue
                rest = [(substitute(other, dict(places)), need) for other, need in parts if other != key]
                if _remove([(base, Integer(1)), *rest], inner, outer, bound):
                    own = (places.get(Index(f"i{axis}"), Integer(0)) for axis in range(target.order))
                    return sign * Element(target, *own)
    return None


def _remove(needs: list[tuple[Expr, Expr]], inner: Powers, outer: Powers, bound: set[Index]) -> bool:
    """Take powers out of the products, the first one of the inner one, if all are there; tell whether they were."""
    left = [dict(inner)] if inner is outer else [dict(inner), dict(outer)]
    for number, (base, need) in enumerate(needs):
        choices = left[:1] if number == 0 or free_indices(base) & bound else left
        place = next((powers for powers in choices if _holds(powers.get(base), need)), None)
        if place is None:
            return False
        place[base] -= need
        if place[base] == 0:
            del place[base]
    for powers, kept in zip((inner, outer), left, strict=False):
        powers.clear()
        powers.update(kept)
    return True


def _holds(exponent: Expr | None, need: Expr) -> bool:
    return (
        isinstance(exponent, Rational)
        and isinstance(need, Rational)
        and exponent * need > 0
        and (abs(exponent) >= abs(need))
    )
