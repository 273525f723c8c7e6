"""Recognition: formulas that are a named function in disguise, and intermediates that already have a name."""

from typing import Any

import sympy
from sympy import Add, Basic, Expr, Mul, Pow

from symdl.expr.index import Index, free_indices, rebuild, substitute
from symdl.expr.nodes import Array, Call, Element, Reduce, Tensor
from symdl.expr.scalar import SCALAR_OPS
from symdl.simplify.scope import Scope, rebuild_in_scope


def sigmoids(expr: Expr) -> Expr:
    """Use e^u/(1+e^u) = σ(u), 1/(1+e^u) = σ(-u), 1 - σ(-u) = σ(u) and 1 - σ(u) kept; e^u/(2+e^u) is none."""
    exp, sigmoid = SCALAR_OPS["exp"], SCALAR_OPS["sigmoid"]

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Add):
            return _complement(Add(*(rebuild(term, visit) for term in node.args)), sigmoid)
        if not isinstance(node, Mul | Pow):
            return None
        factors = [
            rebuild(factor, visit) if not isinstance(factor, Mul | Pow) else factor for factor in Mul.make_args(node)
        ]
        for position, factor in enumerate(factors):
            if not (isinstance(factor, Pow) and factor.exp.is_Integer and factor.exp.is_negative):
                continue
            argument = _one_plus_exp(factor.base, exp)
            if argument is None:
                continue
            power = -factor.exp
            rest = factors[:position] + factors[position + 1 :]
            top = next((k for k, part in enumerate(rest) if _base(part) == exp(argument)), None)
            if top is None:
                return _slopes([*rest, sigmoid(-argument) ** power], sigmoid)
            have = rest[top].exp if isinstance(rest[top], Pow) else 1
            used = min(int(have), int(power))
            rest[top] = exp(argument) ** (have - used)
            return _slopes([*rest, sigmoid(argument) ** used, sigmoid(-argument) ** (power - used)], sigmoid)
        for position, factor in enumerate(factors):  # e^u σ(-u) = σ(u)
            if isinstance(factor, exp):
                partner = sigmoid(-factor.args[0])
                other = next((k for k, part in enumerate(factors) if _base(part) == partner), None)
                if other is not None:
                    rest = [part for k, part in enumerate(factors) if k not in (position, other)]
                    return visit(Mul(*rest, factors[other] / partner, sigmoid(factor.args[0]))) or Mul(
                        *rest, factors[other] / partner, sigmoid(factor.args[0])
                    )
        return _slopes(factors, sigmoid) if isinstance(node, Mul) else None

    return rebuild(expr, visit)


def _complement(total: Expr, sigmoid: Any) -> Expr:
    """Use 1 - σ(-u) = σ(u), and -(1 - σ(-u)) likewise."""
    for term in Add.make_args(total):
        number, part = term.as_coeff_Mul()
        turned = isinstance(part, sigmoid) and part.args[0].could_extract_minus_sign()
        if turned and abs(number) == 1 and -number in Add.make_args(total):
            return total - term + number - number * sigmoid(-part.args[0])
    return total


def _slopes(factors: list[Expr], sigmoid: Any) -> Expr:
    """Return a product, with σ(u)σ(-u) in it as σ(u)(1 - σ(u))."""
    bases = {_base(factor) for factor in factors}
    found = []
    for factor in factors:
        base = _base(factor)
        turned = isinstance(base, sigmoid) and base.args[0].could_extract_minus_sign()
        partner = sigmoid(-base.args[0]) if turned else base
        found.append(factor.xreplace({base: 1 - partner}) if turned and partner in bases else factor)
    return Mul(*found)


def _base(factor: Expr) -> Expr:
    return factor.base if isinstance(factor, Pow) else factor


def _one_plus_exp(base: Expr, exp: Any) -> Expr | None:
    if isinstance(base, Add) and len(base.args) == 2 and base.args[0] == 1 and isinstance(base.args[1], exp):
        return base.args[1].args[0]
    return None


class Softmaxes:
    """Finds e^{u_i} / Σ_k e^{u_k}; the caller says what a normaliser's equation is and makes softmax tensors."""

    def __init__(self, definition: Any, make: Any) -> None:
        self.definition, self.make = definition, make

    def __call__(self, expr: Expr, scope: Scope) -> Expr:
        """Return ``expr`` with each recognised quotient replaced by an element of a softmax."""
        return rebuild_in_scope(expr, scope, self._visit)

    def _visit(self, node: Basic, scope: Scope) -> Basic | None:
        if not isinstance(node, Mul):
            return None
        factors = [rebuild_in_scope(factor, scope, self._visit) for factor in node.args]
        exp = SCALAR_OPS["exp"]
        changed = False
        for position, factor in enumerate(factors):
            if not (isinstance(factor, Pow) and factor.exp.is_Integer and factor.exp.is_negative):
                continue
            total = self.definition(factor.base)
            if total is None or total.op != "add" or len(total.axes) != 1:
                continue
            [(index, size)], content = total.open()
            if not isinstance(content, exp):
                continue
            for other, part in enumerate(factors):
                exponent = part.exp if isinstance(part, Pow) else sympy.Integer(1)
                if not isinstance(_base(part), exp) or factors[position] == 1:
                    continue
                if not (exponent.is_Integer and exponent.is_positive):
                    continue  # a root of e^u is no e^u
                power = int(exponent)
                left = -int(factors[position].exp) if isinstance(factors[position], Pow) else 0
                used = min(power, left)
                place = unify(content.args[0], _base(part).args[0], index)
                if place is None or used <= 0 or not scope.fits(place, size):
                    continue
                element = self.make(content.args[0], index, size, place, scope)
                if element is None:
                    continue
                factors[other] = _base(part) ** (power - used) * element**used
                factors[position] = factor.base ** (used - left)
                changed = True
            if factors[position] == factor:
                changed |= self._mean(factors, position, content.args[0], (index, size), scope)
        same = not changed and all(a is b for a, b in zip(factors, node.args, strict=True))
        return node if same else Mul(*factors)

    def _mean(self, factors: list[Expr], position: int, scores: Expr, axis: tuple[Index, Expr], scope: Scope) -> bool:
        """Use Σ_k f_k e^{u_k} / Σ_k e^{u_k} = Σ_k f_k softmax(u)_k in a product; tell whether it was there."""
        exp, (index, size) = SCALAR_OPS["exp"], axis
        for other, part in enumerate(factors):
            total = self.definition(part)
            if total is None or total.op != "add" or len(total.axes) != 1 or total.axes[0][1] != size:
                continue
            [(place, _)], content = total.open()
            weight = exp(substitute(scores, {index: place}))
            if weight not in Mul.make_args(content):
                continue
            element = self.make(scores, index, size, place, scope.within([(place, size)]))
            if element is None:
                continue
            factors[other] = Reduce("add", content / weight * element, (place, size))
            factors[position] *= factors[position].base
            return True
        return False


def unify(pattern: Expr, expr: Expr, index: Index) -> Expr | None:
    """Return the place p with ``pattern[index -> p] == expr``, or None."""
    if index not in free_indices(pattern):
        return None
    for place in sorted(free_indices(expr), key=str):
        if substitute(pattern, {index: place}) == expr:
            return place
    return None


def match(pattern: Basic, node: Basic, found: dict[Index, Expr]) -> bool:
    """Match a pattern with indices against an expression, position by position, and collect the indices' values."""
    if isinstance(pattern, Index):
        if pattern.name.startswith("i"):
            return found.setdefault(pattern, node) == node
        return pattern == node
    if isinstance(pattern, Tensor) or not pattern.args:
        return pattern == node
    if type(pattern) is not type(node) or len(pattern.args) != len(node.args) or isinstance(node, Reduce | Array):
        return False
    return all(match(a, b, found) for a, b in zip(pattern.args, node.args, strict=True))


def covers(pattern: Expr, size: Any, index: Index) -> bool:
    """Tell whether a place at which ``pattern`` can be read is certain to be below ``size``.

    So it is where the pattern reads, under no condition, an element at ``index`` itself of an axis of that size.
    """
    if isinstance(pattern, Element):
        return any(
            place == index and extent == size
            for place, extent in zip(pattern.indices, pattern.tensor.shape, strict=True)
        )
    if isinstance(pattern, Call):
        return (index, size) in zip(pattern.places, pattern.result_shape, strict=True)
    if isinstance(pattern, Tensor | Reduce) or not pattern.args:
        return False
    parts = pattern.args[:1] if isinstance(pattern, SCALAR_OPS["where"]) else pattern.args
    return any(covers(part, size, index) for part in parts)


def fold(expr: Expr, patterns: list[tuple[Expr, Any]]) -> Expr:
    """Replace each part that is the body of a named equation by an element of its target."""
    if not patterns:
        return expr

    def visit(node: Basic) -> Basic | None:
        if isinstance(node, Element | Reduce) or not node.args:
            return None
        for body, target in patterns:
            found: dict[Index, Expr] = {}
            if (
                type(body) is type(node)
                and match(body, node, found)
                and len(found) == len([size for size in target.shape if size != 1])
            ):
                return Element(target, *(found.get(Index(f"i{k}"), 0) for k in range(len(target.shape))))
        return None

    return rebuild(expr, visit)
