"""What needs equations of its own: shifted sums of exponentials, the rest of a softmax, the variance about the mean."""

from dataclasses import replace
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Pow, Rational

from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of, scalars_of
from symdl.freeze.stable.own_terms import MOST, OwnTerms
from symdl.freeze.stable.rule import Firing, Rule, apply_rule
from symdl.freeze.stable.scalars import ScalarRules, open_at
from symdl.freeze.stable.table import LOG_SHIFTED, OWN_TERM, SLOPE, SOFTMAX_REST, SOFTMAX_SCALE, VARIANCE
from symdl.ops.masked import MASKED

_exp, _log, _log1p, _sigmoid, _where = (SCALAR_OPS[name] for name in ("exp", "log", "log1p", "sigmoid", "where"))
HALF = Rational(1, 2)


def stabilise(system: System, trace: list[Firing] | None = None) -> System:
    """Return an equal system in numerically stable form.

    Args:
        system: A traced system.
        trace: A list to which the uses of rules are appended, in order.
    """
    return _Stabiliser(system, trace if trace is not None else []).run()


class _Stabiliser:
    def __init__(self, system: System, trace: list[Firing]) -> None:
        self.system, self.trace = system, trace
        self.bodies: dict[Basic, Expr] = {}
        self.original: dict[Basic, Equation] = {}
        self.scaled: dict[Basic, tuple[TensorSymbol, TensorSymbol]] = {}
        self.below: dict[Basic, TensorSymbol] = {}
        self.equations: list[Equation] = []
        self.names = {tensor.name for tensor in (*system.inputs, *system.by_target)}
        self.names |= {symbol.name for equation in system.equations for symbol in scalars_of(equation.body)}
        self.exponential: set[Basic] = set()  # pointwise targets that are made of exponentials
        self.current = ""
        self.rules = ScalarRules(self.bodies, self.note, self.log_of_scaled)
        self.own_terms = OwnTerms(self.bodies, self.original, self.equations, self.symbol, self.softmax_axis)

    def note(self, rule: Rule, before: Expr, after: Expr) -> None:
        self.trace.append(Firing(rule, self.current, before, after))

    def run(self) -> System:
        for equation in self.system.equations:
            self.current = equation.target.name
            body = self.rewrite(equation.body)
            if not self.carries(equation):
                self.bodies[equation.target] = body
            self.original[equation.target] = equation
            if not body.has(Reduce) and (
                body.has(_exp, _sigmoid) or any(load.tensor in self.exponential for load in elements_of(body))
            ):
                self.exponential.add(equation.target)
            self.equations.append(replace(equation, body=body))
            self.rescale(equation, body)
        return System(tuple(map(self.with_slopes, self.equations)), self.system.outputs)

    def with_slopes(self, equation: Equation) -> Equation:
        """Compute the slope of a sigmoid, where it is a factor, from one exponential."""
        self.current = equation.target.name

        def visit(node: Basic) -> Basic | None:
            found = apply_rule(SLOPE, node) if isinstance(node, Mul) else None
            if found is None:
                return None
            self.note(SLOPE, node, found)
            return rebuild(found, visit)

        return replace(equation, body=rebuild(equation.body, visit)) if equation.body.has(_sigmoid) else equation

    def carries(self, equation: Equation) -> bool:
        """Tell whether an equation of a loop reads itself or what comes after it, at an earlier time.

        Written out in one another, such equations would have no end.
        """
        return any(load.tensor in self.system.by_target and load.tensor not in self.original for load in equation.loads)

    def rescale(self, equation: Equation, body: Expr) -> None:
        """Give a sum of exponentials a shifted twin that cannot overflow."""
        if not (isinstance(body, Reduce) and body.op == "add"):
            return
        axes, content = body.open()
        content = rebuild(content, self.inline_exp)
        exponents = [factor.args[0] for factor in Mul.make_args(content) if isinstance(factor, _exp)]
        if len(exponents) != 1 or any(isinstance(factor, Add) for factor in Mul.make_args(content)):
            return
        rest = [factor for factor in Mul.make_args(content) if not isinstance(factor, _exp)]
        target = equation.target
        chosen = _segment(target, rest, {index for index, _ in axes})
        if rest and chosen is None:
            return
        places = _places(target)
        largest = self.symbol(f"{target.name}_max", target.shape)
        shifted = self.symbol(f"{target.name}_scaled", target.shape)
        inside = exponents[0]
        if chosen is not None:
            position, read = chosen
            inside = _where(sympy.Eq(places[position], read), inside, MASKED)
            places[position] = read
        power = _exp(exponents[0] - Element(largest, *places))
        self.equations.append(Equation(largest, Reduce("max", inside, *axes), loop=equation.loop))
        self.equations.append(Equation(shifted, Reduce("add", power * Mul(*rest), *axes), loop=equation.loop))
        self.scaled[target] = (largest, shifted)

    def symbol(self, name: str, shape: Any) -> TensorSymbol:
        """Return a target with a name that nothing in the system has."""
        while name in self.names:
            name += "_"
        self.names.add(name)
        return TensorSymbol(name, shape)

    def inline_exp(self, node: Basic) -> Basic | None:
        """Write out an intermediate that is a plain exponential."""
        if isinstance(node, Element):
            body = self.bodies.get(node.tensor)
            return open_at(body, node) if isinstance(body, _exp) else node
        return None

    def rewrite(self, body: Expr) -> Expr:
        body = rebuild(body, self.inside_logs)
        if any(load.tensor in self.scaled for load in body.atoms(Element)):
            before = body
            body = rebuild(body, self.inline_exp)
            body = rebuild(body, self.use_scaled)
            self.note(SOFTMAX_SCALE, before, body)
        body = rebuild(body, self.sums)
        return self.rules(body)

    def use_scaled(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            twin = self.scaled.get(node.tensor)
            if twin is None:
                return node
            return _exp(Element(twin[0], *node.indices)) * Element(twin[1], *node.indices)
        return None

    def log_of_scaled(self, base: Expr) -> Expr | None:
        """Return the logarithm of a shifted sum S = 1 + r, r the terms below the largest one: log1p(r) if r is small.

        Neither branch depends on how a comparison of two nearly equal numbers comes out: with the largest term among
        those of r, or with two largest terms, the conditions do not hold.
        """
        sums = {shifted: largest for largest, shifted in self.scaled.values()}
        if not isinstance(base, Element) or base.tensor not in sums:
            return None
        equation = next(equation for equation in self.equations if equation.target == base.tensor)
        if equation.loop is not None or not isinstance(equation.body, Reduce):
            return _log(base)
        below = self.below.get(base.tensor)
        if below is None:
            axes, content = equation.body.open()
            power = next(factor for factor in Mul.make_args(content) if isinstance(factor, _exp))
            load = next(load for load in elements_of(power) if load.tensor == sums[base.tensor])
            chosen = sympy.Eq(power.args[0] + load, load)
            below = self.below[base.tensor] = self.symbol(f"{base.tensor.name}_below", base.tensor.shape)
            rest = Reduce("add", content / power * _where(chosen, 0, power), *axes)
            self.equations.append(Equation(below, rest))
        r = Element(below, *base.indices)
        self.note(LOG_SHIFTED, _log(base), _log1p(r))
        return _where(sympy.And(r < HALF, base < Rational(7, 4)), _log1p(r), _log(base))

    def inside_logs(self, node: Basic) -> Basic | None:
        """Under a logarithm, write out pointwise intermediates: their logarithm is often simpler than they are."""
        if not isinstance(node, _log):
            return None

        def visit(part: Basic) -> Basic | None:
            if isinstance(part, Element):
                body = self.bodies.get(part.tensor)
                return (
                    part if body is None or part.tensor not in self.exponential else rebuild(open_at(body, part), visit)
                )
            return None

        return _log(rebuild(node.args[0], visit))

    def sums(self, node: Basic) -> Basic | None:
        """Apply the rules of sums that need equations, outermost sums first."""
        if not isinstance(node, Add):
            return None
        found: Expr = Add(*(rebuild(term, self.sums) for term in node.args))
        for rule, rewrite in (
            (VARIANCE, self.variance),
            (SOFTMAX_REST, self.softmax_rest),
            (OWN_TERM, self.own_terms),
        ):
            after = rewrite(found) if isinstance(found, Add) else None
            if after is not None:
                self.note(rule, found, after)
                found = after
        return found

    # p_i - t = (1 - t) p_i - t Σ_{k≠i} p_k

    def softmax_rest(self, node: Add) -> Expr | None:
        """Write c·(p_i - t), p a softmax, without cancellation at p_i = 1 and t = 1."""
        for term in node.args:
            for load in (factor for factor in Mul.make_args(term) if isinstance(factor, Element)):
                if self.softmax_axis(load.tensor) is None:
                    continue
                common = term / load
                for other in node.args:
                    target = None if other is term else _divided(other, -common)
                    if target is None or target.is_number or target.has(load.tensor, _exp, Pow):
                        continue
                    rest = self.rest(load)
                    if rest is not None:
                        left = Add(*(part for part in node.args if part is not term and part is not other))
                        return common * ((1 - target) * load - target * rest) + left
        return None

    def softmax_axis(self, target: Basic) -> int | None:
        """Return along which axis an intermediate is e^{u_i} / Σ_k e^{u_k}, or None."""
        equation = self.original.get(target)
        if equation is None or equation.loop is not None or not isinstance(equation.body, Mul):
            return None
        body = rebuild(equation.body, self.inline_exp)
        top = [factor for factor in body.args if isinstance(factor, _exp)]
        bottom = [factor.base for factor in body.args if isinstance(factor, Pow) and factor.exp == -1]
        if len(body.args) != 2 or len(top) != 1 or len(bottom) != 1 or not isinstance(bottom[0], Element):
            return None
        total = self.original.get(bottom[0].tensor)
        if total is None or bottom[0].tensor not in self.scaled or not isinstance(total.body, Reduce):
            return None
        axes, content = total.body.open()
        content = open_at(rebuild(content, self.inline_exp), bottom[0])
        if len(axes) != 1:
            return None
        index, size = axes[0]
        shape, same = equation.target.shape, free_indices(bottom[0])  # what has a sum of its own is not along its axis
        for axis in range(len(shape)):
            place = axis_index(axis)
            if shape[axis] == size and place not in same and substitute(content, {index: place}) == top[0]:
                return axis
        return None

    def rest(self, load: Element) -> Expr | None:
        """Return 1 - p_i as the sum of the other entries where p_i is large."""
        axis = self.softmax_axis(load.tensor)
        weight = None if axis is None else self.own_terms.softmax(load, axis)
        rest = None if weight is None else self.own_terms.others(weight.entry, weight)
        return None if rest is None else _where(load > MOST, rest, 1 - load)

    # Σ x²/n - (Σ x/n)² = Σ (x - Σ x/n)²/n

    def opened(self, body: Reduce) -> Expr:
        axes, content = body.open()
        return Reduce("add", self.written_out(content), *axes)

    def written_out(self, content: Expr) -> Expr:
        return self.rules.write_out(content, {})

    def variance(self, node: Add) -> Expr | None:
        """Write the mean of squares less the square of the mean as the mean of squared deviations."""
        for square in node.args:
            for factor in Mul.make_args(square):
                if not (isinstance(factor, Pow) and factor.exp == 2 and isinstance(factor.base, Element)):
                    continue
                for other in node.args:
                    found = self.deviations(square, factor.base, other)
                    if found is not None:
                        return found + Add(*(part for part in node.args if part not in (square, other)))
        return None

    def deviations(self, square: Expr, total: Element, other: Expr) -> Expr | None:
        loads = [factor for factor in Mul.make_args(other) if isinstance(factor, Element)]
        first = self.bodies.get(total.tensor)
        for load in loads:
            second = self.bodies.get(load.tensor)
            if not (isinstance(first, Reduce) and isinstance(second, Reduce) and load.indices == total.indices):
                continue
            if (first.op, second.op) != ("add", "add"):
                continue
            axes, content = first.open()
            count = Mul(*(size for _, size in axes))
            if (
                Reduce("add", self.written_out(content) ** 2, *axes) != self.opened(second)
                or sympy.simplify(square / total**2 + other / load / count) != 0
            ):
                continue
            loop = self.original[load.tensor].loop
            if loop is not None:
                continue
            target = self.symbol(f"{load.tensor.name}_about_mean", load.tensor.shape)
            mean = Element(total.tensor, *_places(total.tensor)) / count
            self.equations.append(Equation(target, Reduce("add", (content - mean) ** 2, *axes)))
            self.bodies[target] = self.equations[-1].body
            return other / load * Element(target, *load.indices)
        return None


def _places(target: TensorSymbol) -> list[Any]:
    return [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(target.shape)]


def _divided(term: Expr, common: Expr) -> Expr | None:
    """Return term/common if each factor of ``common`` but numbers is one of the term's."""
    have = list(Mul.make_args(term))
    if all(factor in have for factor in Mul.make_args(common) if not factor.is_number):
        return term / common
    return None


def _segment(target: TensorSymbol, rest: list[Expr], bound: set[Index]) -> tuple[int, Element] | None:
    """Return (axis, integer read) where the only other factor is δ(axis, read): the sum of a segment."""
    if len(rest) != 1 or not isinstance(rest[0], sympy.KroneckerDelta):
        return None
    own = [axis_index(k) for k in range(len(target.shape))]
    for axis, read in (rest[0].args, rest[0].args[::-1]):
        if axis in own and isinstance(read, Element) and free_indices(read) <= bound:
            return own.index(axis), read
    return None


__all__ = ["stabilise"]
