"""Stable forms: exact rewrites of a system after which floating-point numbers keep their digits.

They are applied to values and to derived gradients alike, once, before kernels are generated; they are never derived.
Each rule is an identity over the reals:

    Σ_k e^{u_k}        = e^m Σ_k e^{u_k - m},  m = max_k u_k     softmax and log-sum-exp do not overflow
    log(e^a·b)         = a + log b                              log-softmax and cross-entropy do not underflow
    log(1 + e^u)       = softplus(u)
    log(1 + u)         = log1p(u),   e^u - 1 = expm1(u)
    Σ_k δ(i,s_k) e^{u_k} likewise, m_i = max over s_k = i        softmax among the rows of a segment
    log σ(u)           = -softplus(-u),   log(1 - σ(u)) = -softplus(u)
    1 - σ(u)           = σ(-u),   1 - 2σ(u) = -tanh(u/2),   e^u σ(-u) = σ(u)
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Pow

from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of, scalars_of
from symdl.ops.masked import MASKED


def stabilise(system: System) -> System:
    """Return an equal system in numerically stable form."""
    return _Stabiliser(system).run()


class _Stabiliser:
    def __init__(self, system: System) -> None:
        self.system = system
        self.bodies: dict[Basic, Expr] = {}
        self.scaled: dict[Basic, tuple[TensorSymbol, TensorSymbol]] = {}
        self.equations: list[Equation] = []
        self.names = {tensor.name for tensor in (*system.inputs, *system.by_target)}
        self.names |= {symbol.name for equation in system.equations for symbol in scalars_of(equation.body)}
        self.exponential: set[Basic] = set()  # pointwise targets that are made of exponentials
        self.exp: Any = SCALAR_OPS["exp"]
        self.log: Any = SCALAR_OPS["log"]
        self.sigmoid: Any = SCALAR_OPS["sigmoid"]

    def run(self) -> System:
        for equation in self.system.equations:
            body = self.rewrite(equation.body)
            self.bodies[equation.target] = body
            if not body.has(Reduce) and (
                body.has(self.exp, self.sigmoid) or any(load.tensor in self.exponential for load in elements_of(body))
            ):
                self.exponential.add(equation.target)
            self.equations.append(replace(equation, body=body))
            self.rescale(equation, body)
        return System(tuple(self.equations), self.system.outputs)

    def rescale(self, equation: Equation, body: Expr) -> None:
        """Give a sum of exponentials a shifted twin that cannot overflow."""
        if not (isinstance(body, Reduce) and body.op == "add"):
            return
        axes, content = body.open()
        content = rebuild(content, self.inline_exp)
        exponents = [factor.args[0] for factor in Mul.make_args(content) if isinstance(factor, self.exp)]
        if len(exponents) != 1 or any(isinstance(factor, Add) for factor in Mul.make_args(content)):
            return
        rest = [factor for factor in Mul.make_args(content) if not isinstance(factor, self.exp)]
        target = equation.target
        chosen = _segment(target, rest, {index for index, _ in axes})
        if rest and chosen is None:
            return
        largest = TensorSymbol(self.unused(f"{target.name}_max"), target.shape)
        shifted = TensorSymbol(self.unused(f"{target.name}_scaled"), target.shape)
        places = [axis_index(k) if size != 1 else Integer(0) for k, size in enumerate(target.shape)]
        inside = exponents[0]
        if chosen is not None:
            position, read = chosen
            inside = SCALAR_OPS["where"](sympy.Eq(places[position], read), inside, MASKED)
            places[position] = read
        power = self.exp(exponents[0] - Element(largest, *places))
        self.equations.append(Equation(largest, Reduce("max", inside, *axes), loop=equation.loop))
        self.equations.append(Equation(shifted, Reduce("add", power * Mul(*rest), *axes), loop=equation.loop))
        self.scaled[target] = (largest, shifted)

    def unused(self, name: str) -> str:
        """Return a name that nothing in the system has."""
        while name in self.names:
            name += "_"
        self.names.add(name)
        return name

    def inline_exp(self, node: Basic) -> Basic | None:
        """Write out an intermediate that is a plain exponential."""
        if isinstance(node, Element):
            body = self.bodies.get(node.tensor)
            if isinstance(body, self.exp):
                return self.open(body, node)
            return node
        return None

    @staticmethod
    def open(body: Expr, load: Element) -> Expr:
        return substitute(body, {axis_index(k): index for k, index in enumerate(load.indices)})

    def rewrite(self, body: Expr) -> Expr:
        body = rebuild(body, self.inside_logs)
        if self.reads_scaled(body):
            body = rebuild(body, self.inline_exp)
            body = rebuild(body, self.use_scaled)
        body = _bottom_up(body, self.combine)
        return body

    def reads_scaled(self, body: Expr) -> bool:
        return any(load.tensor in self.scaled for load in body.atoms(Element))

    def use_scaled(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            twin = self.scaled.get(node.tensor)
            if twin is None:
                return node
            return self.exp(Element(twin[0], *node.indices)) * Element(twin[1], *node.indices)
        return None

    def inside_logs(self, node: Basic) -> Basic | None:
        """Under a logarithm, write out pointwise intermediates: their logarithm is often simpler than they are."""
        if not isinstance(node, self.log):
            return None

        def visit(part: Basic) -> Basic | None:
            if isinstance(part, Element):
                body = self.bodies.get(part.tensor)
                return (
                    part
                    if body is None or part.tensor not in self.exponential
                    else rebuild(self.open(body, part), visit)
                )
            return None

        return self.log(rebuild(node.args[0], visit))

    def combine(self, node: Expr) -> Expr:
        """Apply the identities at one node, its arguments being done."""
        if isinstance(node, Mul):
            return self.product(node)
        if isinstance(node, self.log):
            return self.logarithm(node.args[0])
        if isinstance(node, Add):
            return self.sum(node)
        return node

    def product(self, node: Mul) -> Expr:
        """Join exponentials where one of them is a reciprocal: e^a / e^b = e^{a - b}."""
        exponents: list[Expr] = []
        divides = False
        rest: list[Expr] = []
        for factor in node.args:
            base, power = (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, self.exp) and power.is_Integer:
                exponents.append(power * base.args[0])
                divides = divides or power.is_negative
            else:
                rest.append(factor)
        if len(exponents) > 1 and divides:
            total = Add(*exponents)
            return Mul(*rest, self.exp(total) if total != 0 else Integer(1))
        for position, factor in enumerate(rest):
            if isinstance(factor, self.sigmoid) and self.exp(-factor.args[0]) in node.args:
                others = rest[:position] + rest[position + 1 :]
                left = [exponent for exponent in exponents if exponent != -factor.args[0]]
                return Mul(*others, *(self.exp(exponent) for exponent in left), self.sigmoid(-factor.args[0]))
        return node

    def logarithm(self, argument: Expr) -> Expr:
        terms: list[Expr] = []
        rest: list[Expr] = []
        for factor in Mul.make_args(argument):
            base, power = (factor.base, factor.exp) if isinstance(factor, Pow) else (factor, Integer(1))
            if isinstance(base, self.exp):
                terms.append(power * base.args[0])
            elif isinstance(base, self.sigmoid):
                terms.append(-power * SCALAR_OPS["softplus"](-base.args[0]))
            elif _is_scaled_sum(base, self.scaled):
                terms.append(power * self.log(base))
            else:
                rest.append(factor)
        remaining = Mul(*rest)
        if terms and (remaining.is_positive or remaining == 1):
            return Add(*terms, self.log(remaining) if remaining != 1 else Integer(0))
        if isinstance(argument, Add) and len(argument.args) == 2 and argument.args[0] == 1:
            other = argument.args[1]
            if isinstance(other, self.exp):
                return SCALAR_OPS["softplus"](other.args[0])
            if isinstance(-other, self.sigmoid):
                return -SCALAR_OPS["softplus"]((-other).args[0])
            return SCALAR_OPS["log1p"](other)
        return self.log(argument)

    def sum(self, node: Add) -> Expr:
        number, *others = node.args
        if len(others) != 1 or number not in (1, -1):
            return node
        factor, term = others[0].as_coeff_Mul()
        other = self.meaning(term)
        if number == -factor and isinstance(other, self.exp):  # 1 - e^u and its negative
            return factor * SCALAR_OPS["expm1"](other.args[0])
        if number == -factor and isinstance(other, self.sigmoid):  # 1 - σ(u)
            return number * self.sigmoid(-other.args[0])
        if 2 * number == -factor and isinstance(other, self.sigmoid):  # 1 - 2σ(u)
            return -number * SCALAR_OPS["tanh"](other.args[0] / 2)
        return node

    def meaning(self, term: Expr) -> Expr:
        """Return the exponential or sigmoid that an intermediate is, or the term itself."""
        body = self.bodies.get(term.tensor) if isinstance(term, Element) else None
        return self.open(body, term) if isinstance(body, self.exp | self.sigmoid) else term


def _segment(target: TensorSymbol, rest: list[Expr], bound: set[Index]) -> tuple[int, Element] | None:
    """Return (axis, integer read) where the only other factor is δ(axis, read): the sum of a segment."""
    if len(rest) != 1 or not isinstance(rest[0], sympy.KroneckerDelta):
        return None
    own = [axis_index(k) for k in range(len(target.shape))]
    for axis, read in (rest[0].args, rest[0].args[::-1]):
        if axis in own and isinstance(read, Element) and free_indices(read) <= bound:
            return own.index(axis), read
    return None


def _is_scaled_sum(base: Expr, scaled: dict[Basic, tuple[TensorSymbol, TensorSymbol]]) -> bool:
    return isinstance(base, Element) and any(base.tensor == shifted for _, shifted in scaled.values())


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
