"""Rules as data, and how a rule is found in a formula: in a sum up to a common factor, in a product up to the rest."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Add, Basic, Expr, Integer, Mul, Pow, Symbol

Found = dict[Symbol, Expr]

U, V, T = (Symbol(name, real=True) for name in ("u", "v", "t"))  # stand for any formula in ``before`` and ``after``
WILD = frozenset((U, V, T))


@dataclass(frozen=True)
class Rule:
    """An identity over the reals that is used from left to right, because the right side keeps more digits.

    Attributes:
        name: What it is called in traces.
        before: The left side, a formula in u, v and t, or its text where finding it takes more than a pattern.
        after: The right side, likewise.
        when: Tells for what u, v, t stand for whether the rule applies; always, if None.
        condition: The same in words.
    """

    name: str
    before: Any
    after: Any
    when: Callable[[Mapping[Symbol, Expr]], bool] | None = None
    condition: str = ""

    def __str__(self) -> str:
        condition = f", {self.condition}" if self.condition else ""
        return f"{self.name}: {self.before} = {self.after}{condition}"

    def allows(self, found: Mapping[Symbol, Expr]) -> bool:
        """Tell whether the rule applies to what was found."""
        return self.when is None or self.when(found)


@dataclass(frozen=True)
class Firing:
    """One use of a rule: in the equation of which target, and what was rewritten as what."""

    rule: Rule
    target: str
    before: Expr
    after: Expr

    def __str__(self) -> str:
        return f"{self.target}: {self.rule.name}: {self.before} = {self.after}"


def apply_rule(rule: Rule, node: Expr) -> Expr | None:
    """Return a node after one use of a rule at its root, or None."""
    if isinstance(rule.before, Add):
        return _in_sum(rule, node) if isinstance(node, Add) else None
    if isinstance(rule.before, Mul):
        return _in_product(rule, node) if isinstance(node, Mul) else None
    for found in match(rule.before, node, {}):
        if rule.allows(found):
            return rule.after.xreplace(found)
    return None


def match(pattern: Basic, expr: Basic, found: Found) -> Iterator[Found]:
    """Yield the ways in which a pattern is the formula, each as what its wildcards stand for."""
    if isinstance(pattern, Symbol) and pattern in WILD:
        known = found.get(pattern)
        if known is None:
            yield {**found, pattern: expr}
        elif known == expr:
            yield found
    elif not pattern.args or isinstance(pattern, Symbol):
        if pattern == expr:
            yield found
    elif isinstance(pattern, Mul) and pattern.args[0].is_Number:
        yield from match(Mul(*pattern.args[1:]), expr / pattern.args[0], found)
    elif type(pattern) is type(expr) and len(pattern.args) == len(expr.args):
        commutes = isinstance(pattern, Add | Mul)
        for arguments in itertools.permutations(expr.args) if commutes else [expr.args]:
            yield from _all(list(zip(pattern.args, arguments, strict=True)), found)


def _all(pairs: list[tuple[Basic, Basic]], found: Found) -> Iterator[Found]:
    if not pairs:
        yield found
        return
    for more in match(*pairs[0], found):
        yield from _all(pairs[1:], more)


def _in_sum(rule: Rule, node: Add) -> Expr | None:
    """Find c·before among the terms: one term anchors it and gives c, the others are then known up to a wildcard."""
    numbers = [term for term in rule.before.args if term.is_Number]
    wild = [term for term in rule.before.args if _is_wild(term)]
    anchors = [term for term in rule.before.args if term not in numbers and term not in wild]
    anchor, rest = anchors[0], [*anchors[1:], *numbers]
    coefficient, function = anchor.as_coeff_Mul()
    power = function.exp if isinstance(function, Pow) else Integer(1)
    inner = function.base if isinstance(function, Pow) else function
    for term in node.args:
        for factor in Mul.make_args(term):
            base, have = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
            if not (have.is_Integer and have >= power):
                continue
            for found in match(inner, base, {}):
                common = term / (coefficient * base**power)
                used = [term, *(common * part.xreplace(found) for part in rest)]
                others = [other for other in node.args if other not in used]
                if len(others) != len(node.args) - len(used):
                    continue
                for full, taken in _rest(wild, common, others, found):
                    if rule.allows(full):
                        left = [other for other in others if other is not taken]
                        return Add(common * rule.after.xreplace(full), *left)
    return None


def _rest(wild: list[Expr], common: Expr, others: list[Expr], found: Found) -> Iterator[tuple[Found, Expr | None]]:
    """Yield what the wildcard of a sum may stand for: a term divided by the common factor, if it has that factor."""
    if not wild:
        yield found, None
        return
    sign, symbol = wild[0].as_coeff_Mul()
    need = [factor for factor in Mul.make_args(common) if not factor.is_number]
    for other in others:
        have = list(Mul.make_args(other))
        value = other / (sign * common)
        if all(factor in have for factor in need) and found.get(symbol, value) == value:
            yield {**found, symbol: value}, other


def _is_wild(term: Expr) -> bool:
    return term.as_coeff_Mul()[1] in WILD


def _in_product(rule: Rule, node: Mul) -> Expr | None:
    """Find the factors of ``before`` among the powers of a product."""
    pattern = [factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1)) for factor in rule.before.args]
    have = dict(factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1)) for factor in node.args)
    for (anchor, _), base in itertools.product(pattern, have):
        for found in match(anchor, base, {}):
            needed = [(factor.xreplace(found), exponent) for factor, exponent in pattern]
            if all(_enough(have.get(factor), exponent) for factor, exponent in needed) and rule.allows(found):
                times = min(abs(int(have[factor] / exponent)) for factor, exponent in needed)
                rest = Mul(*(factor ** (-times * exponent) for factor, exponent in needed))
                return node * rest * rule.after.xreplace(found) ** times
    return None


def _enough(have: Expr | None, exponent: Expr) -> bool:
    return have is not None and have.is_Integer is True and have / exponent >= 1
