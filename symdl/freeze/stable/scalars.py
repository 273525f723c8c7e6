"""All rules at the nodes of a body, bottom-up; intermediates are looked into where a rule needs them."""

from collections.abc import Callable
from functools import lru_cache

import sympy
from sympy import Add, Basic, Eq, Expr, Integer, Mul, Pow, Rational

from symdl.expr.index import axis_index, rebuild, substitute
from symdl.expr.nodes import Call, Element, Reduce
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import elements_of
from symdl.freeze.stable import algebra, exponentials
from symdl.freeze.stable.exponentials import Step
from symdl.freeze.stable.rule import Rule, apply_rule
from symdl.freeze.stable.table import (
    AT_ZERO,
    CONJUGATE,
    FRACTIONS,
    FUNCTIONS,
    LOG1P,
    LOG_OF_EXP,
    LOG_OF_SIGMOID,
    LOG_RATIO,
    PRODUCTS,
    QUOTIENT,
    SUMS,
)
from symdl.freeze.stable.tails import both_tails
from symdl.freeze.stable.taylor import near_zero

Note = Callable[[Rule, Expr, Expr], None]
_exp, _log, _log1p, _sigmoid, _where = (SCALAR_OPS[name] for name in ("exp", "log", "log1p", "sigmoid", "where"))
LARGEST_OPENED = 40  # operations of an intermediate that is looked into
LARGEST_WRITTEN_OUT = 200  # operations of all that it reads, beyond which it is looked into, but they are not
FINAL = (CONJUGATE, FRACTIONS, LOG_RATIO)  # what comes out has been through algebra: no rule finds more in it
DEEPEST = 8  # uses of rules on what came out of rules; none undoes another, so that this is never reached


class ScalarRules:
    """The rules at nodes. ``bodies`` are those of earlier equations; ``log_of_sum`` takes the log of shifted sums."""

    def __init__(self, bodies: dict[Basic, Expr], note: Note, log_of_sum: Callable[[Expr], Expr | None]) -> None:
        self.bodies, self.note, self.log_of_sum = bodies, note, log_of_sum
        self.sizes: dict[Basic, int] = {}
        self.depth = 0
        self.last: Rule | None = None
        self.done: set[Basic] = set()  # functions in the outcome of rules that use them on a part of the reals

    def __call__(self, body: Expr) -> Expr:
        """Return the body with all rules applied."""
        return _bottom_up(rebuild(rebuild(body, self.taylor), self.tails), self.node)

    def taylor(self, node: Basic) -> Basic | None:
        """Use polynomials at removable singularities, for the largest part that has one."""
        if not isinstance(node, Add | Mul) or not _divides(node):
            return None
        found = self.look_into(node, near_zero)
        return None if found is node else found

    def tails(self, node: Basic) -> Basic | None:
        """Use the two tails of a normal distribution where both divide, before rules of parts take them apart."""
        found = self.look_into(node, both_tails) if isinstance(node, Mul) and _divides(node) else node
        return None if found is node else found

    def node(self, node: Expr) -> Expr:
        """Apply rules at one node, its arguments being done, and at what comes out."""
        if node in self.done:
            return node
        found = self.once(node)
        if found is node or found == node or self.depth >= DEEPEST or self.last in FINAL:
            return found
        self.depth += 1
        try:
            return _bottom_up(found, self.node)
        finally:
            self.depth -= 1

    def once(self, node: Expr) -> Expr:
        """Use the first rule that applies at a node."""
        if isinstance(node, Add):
            return self.look_into(node, _sum)
        if isinstance(node, Mul):
            return self.look_into(node, self.product)
        if isinstance(node, Pow):
            return self.look_into(node, _power)
        if isinstance(node, _log):
            return self.look_into(node, self.logarithm)
        return self.look_into(node, _function) if isinstance(node, _FUNCTIONS) else node

    def look_into(self, node: Expr, rule: Callable[[Expr], Step | None]) -> Expr:
        """Apply a rule to a node, with intermediates written out if it needs them."""
        found = rule(node)
        if found is not None:
            self.fired(found[0], node, found[1])
            return found[1]
        back: dict[Basic, Expr] = {}
        opened = self.write_out(node, back)
        if not back or opened == node:
            return node
        found = rule(opened)
        if found is None:
            return node
        self.fired(found[0], opened, found[1])
        return rebuild(found[1], back.get)

    def fired(self, rule: Rule, before: Expr, after: Expr) -> None:
        """Note the use of a rule; logarithms in branches of its outcome are not to be taken apart again."""
        self.note(rule, before, after)
        self.last = rule
        if after.has(_where):
            self.done |= after.atoms(_log, _log1p)

    def write_out(self, node: Expr, back: dict[Basic, Expr]) -> Expr:
        """Return a node with elements of intermediates replaced by their formulas; ``back`` gets the way back."""

        def visit(part: Basic) -> Basic | None:
            if not isinstance(part, Element):
                return None
            body = self.bodies.get(part.tensor)
            if body is None or not is_short(body):
                return part
            plain = open_at(body, part)
            value = rebuild(plain, visit) if self.operations(part.tensor) <= LARGEST_WRITTEN_OUT else plain
            back[value] = part
            return value

        return rebuild(node, visit)

    def operations(self, tensor: Basic) -> int:
        """Return how many operations an intermediate stands for with all that it reads written out."""
        found = self.sizes.get(tensor)
        if found is None:
            body = self.bodies.get(tensor)
            if body is None or not is_short(body):
                return 0
            found = sympy.count_ops(body) + sum(self.operations(load.tensor) for load in elements_of(body))
            self.sizes[tensor] = found
        return found

    def product(self, node: Expr) -> Step | None:
        """Rules of products: exponentials meet where one of them is a reciprocal, and the table."""
        exponents: list[Expr] = []
        divides = False
        rest: list[Expr] = []
        for factor in Mul.make_args(node):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, _exp) and power.is_Integer:
                exponents.append(power * base.args[0])
                divides = divides or power.is_negative or base.has(SCALAR_OPS["maximum"])
            else:
                rest.append(factor)
        if len(exponents) > 1:
            total = Add(*exponents)
            if divides or total.is_number:
                return QUOTIENT, Mul(*rest, _exp(total) if total != 0 else Integer(1))
        for rule in PRODUCTS:
            found = apply_rule(rule, node)
            if found is not None:
                return rule, found
        if isinstance(node, Mul):
            return exponentials.of_product(node) or algebra.powers(node) or _at_zero(node, self.squares)
        return None

    def squares(self, total: Expr) -> list[Expr]:
        """Return the bases of the squares whose sum a formula or an intermediate is."""
        body = self.bodies.get(total.tensor) if isinstance(total, Element) else None
        if isinstance(body, Reduce) and body.op == "add":
            _, content = body.open()
            return algebra.squares_in(content) if isinstance(content, Pow) else []
        return algebra.squares_in(total)

    def logarithm(self, node: Expr) -> Step | None:
        """Take the logarithm of a product of exponentials, sigmoids and positive factors apart; else the table."""
        argument = node.args[0]
        terms: list[Expr] = []
        rest: list[Expr] = []
        for factor in Mul.make_args(argument):
            base, power = factor.as_base_exp() if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, _exp):
                terms.append(power * base.args[0])
            elif isinstance(base, _sigmoid):
                terms.append(-power * SCALAR_OPS["softplus"](-base.args[0]))
            elif (shifted := self.log_of_sum(base)) is not None and (terms or len(Mul.make_args(argument)) > 1):
                terms.append(power * shifted)
            else:
                rest.append(factor)
        remaining = Mul(*rest)
        if terms and not (len(terms) == 1 and terms[0] == node) and (remaining.is_positive or remaining == 1):
            rule = LOG_OF_EXP if argument.has(_exp) else LOG_OF_SIGMOID
            return rule, Add(*terms, _log(remaining) if remaining != 1 else Integer(0))
        found = _function(node) or exponentials.of_log(argument)
        if found is None and isinstance(argument, Add) and argument.args[0] == 1:
            return LOG1P, _log1p(argument - 1)
        return found


def open_at(body: Expr, load: Element) -> Expr:
    """Return the body of an equation at the indices of a load."""
    return substitute(body, {axis_index(k): index for k, index in enumerate(load.indices)})


_FUNCTIONS = tuple({type(rule.before) for rule in FUNCTIONS})


@lru_cache(maxsize=50_000)
def is_short(body: Expr) -> bool:
    """Tell whether an intermediate is a short pointwise formula, so that rules may fire on what it stands for."""
    return not body.has(Reduce, Call) and bool(sympy.count_ops(body) <= LARGEST_OPENED)


def _divides(node: Expr) -> bool:
    return any(power.exp.is_Integer and power.exp.is_negative for power in node.atoms(Pow))


def _sum(node: Expr) -> Step | None:
    for rule in SUMS:
        found = apply_rule(rule, node)
        if found is not None:
            return rule, found
    if not isinstance(node, Add):
        return None
    return (
        exponentials.of_sum(node)
        or algebra.factored(node)
        or algebra.log_ratio(node)
        or algebra.conjugate(node)
        or algebra.fractions(node)
    )


def _power(node: Expr) -> Step | None:
    return exponentials.of_power(node) if isinstance(node, Pow) else None


def _function(node: Expr) -> Step | None:
    for rule in FUNCTIONS:
        found = apply_rule(rule, node)
        if found is not None:
            return rule, found
    return None


def _at_zero(node: Mul, squares: Callable[[Expr], list[Expr]]) -> Step | None:
    """Give x/√(Σ x²) the value 0 at x = 0, the subgradient of least norm."""
    for factor in node.args:
        if not (isinstance(factor, Pow) and factor.exp == Rational(-1, 2)):
            continue
        bases = squares(factor.base)
        if any(_same(other, base) for other in node.args for base in bases):
            return AT_ZERO, SCALAR_OPS["where"](Eq(factor.base, 0), Integer(0), node)
    return None


def _same(factor: Expr, base: Expr) -> bool:
    """Tell whether a factor is a base of the squares, which may stand at the index of a reduction."""
    if isinstance(factor, Element) and isinstance(base, Element):
        return factor.tensor == base.tensor
    return factor == base


def _bottom_up(expr: Expr, function: Callable[[Expr], Expr]) -> Expr:
    memo: dict[Basic, Basic] = {}

    def go(node: Basic) -> Basic:
        found = memo.get(node)
        if found is None:
            if not node.args or isinstance(node, Element | sympy.core.symbol.Str):
                found = node
            else:
                arguments = [go(argument) for argument in node.args]
                same = all(new is old for new, old in zip(arguments, node.args, strict=True))
                rebuilt = node if same else node.func(*arguments)
                found = function(rebuilt) if isinstance(rebuilt, Expr) else rebuilt
            memo[node] = found
        return found

    return go(expr)
