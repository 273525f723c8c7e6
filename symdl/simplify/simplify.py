"""The driver: simplify a system equation by equation, from the inputs on, and return tensors again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Mul, Pow

from symdl.derive.guards import keep_under_guards
from symdl.expr.equations import tensors_of_block
from symdl.expr.index import Index, axis_index, free_indices, rebuild, substitute
from symdl.expr.nodes import Array, Call, Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of, trace
from symdl.ops.softmax import Softmax
from symdl.simplify.algebra import complexity, tidy
from symdl.simplify.growth import may_expand
from symdl.simplify.guards import drop_guards, drop_signs
from symdl.simplify.known_sums import KnownSums
from symdl.simplify.linear_algebra import cancel, simplify_call
from symdl.simplify.named_products import fold_products
from symdl.simplify.recognise import Softmaxes, covers, fold, sigmoids
from symdl.simplify.reductions import merge_sums, simplify_reduce
from symdl.simplify.rewriting import Rewriting
from symdl.simplify.scope import Scope

LARGEST_INLINED = 300


@dataclass
class Simplified:
    """The outcome: one value for each one given, and the rules that fired, in order, by equation."""

    values: list[Any]
    rules: list[tuple[str, str]] = field(default_factory=list)


def simplify(values: Sequence[Any], keep: bool = False, record: list[Rewriting] | None = None) -> Simplified:
    """Simplify tensors and scalar expressions exactly.

    Args:
        values: Tensors or scalar expressions, already ingested.
        keep: Keep intermediates that are shared, rather than write each result as one closed form: the choice for
            training programs.
        record: A list to which each use of a rule outside of loops is appended, in order, so that it can be tested.

    Returns:
        Values equal to those given wherever both are defined.
    """
    return _Simplifier(trace(values), keep, record).run(values)


class _Simplifier:
    def __init__(self, system: System, keep: bool, record: list[Rewriting] | None) -> None:
        self.system, self.keep, self.trace = system, keep, record
        self.full: dict[Basic, Expr] = {}  # bodies with every pointwise intermediate written out
        self.best: dict[Basic, Expr] = {}  # bodies as they will be returned
        self.tensors: dict[Basic, Tensor] = {}
        self.known: dict[Tensor, TensorSymbol] = {}
        self.softmax: dict[Any, TensorSymbol] = {}
        self.names: list[tuple[Expr, TensorSymbol]] = []
        self.rules: list[tuple[str, str]] = []
        self.uses: dict[Basic, int] = {}
        self.names_used = any(equation.named for equation in system.equations)
        for equation in system.equations:
            for load in equation.loads:
                self.uses[load.tensor] = self.uses.get(load.tensor, 0) + 1
        for output in system.outputs:
            self.uses[output] = self.uses.get(output, 0) + 1
        self.current: Any = ""
        self.sums = KnownSums()
        self.recognise = Softmaxes(self.normaliser, self.make_softmax)

    def run(self, values: Sequence[Any]) -> Simplified:
        for block in self.system.blocks:
            if block[0].loop is None:
                self.equation(block[0])
            else:
                self.loop(block)
        results = []
        for value, output in zip(values, self.system.outputs, strict=True):
            tensor = self.tensors.get(output, output)
            if isinstance(value, Tensor):
                results.append(_like(tensor, value))
            else:
                results.append(tensor.body if isinstance(tensor, Array) else Element(tensor))
        return Simplified(results, self.rules)

    def loop(self, block: Sequence[Equation]) -> None:
        """Simplify the bodies of a block; its targets stay, since a body may read them at other times."""
        arrays = []
        for equation in block:
            self.current = equation.target
            body = fold(self.rewrite(rebuild(equation.body, self.inline_best)), self.names)
            if isinstance(body, Element):
                self.best[equation.target] = self.full[equation.target] = body
            arrays.append(Array(rebuild(body, self.to_tensors), *equation.axes))
        self.tensors.update(tensors_of_block(block, arrays))

    def note(self, rule: str) -> None:
        self.rules.append((self.current, rule))

    def record(self, rule: str, before: Expr, after: Expr, scope: Scope) -> Expr:
        """Return what came out of a rule, noted in the trace if there is one."""
        if self.trace is not None and before != after and self.system.by_target[self.current].loop is None:
            axes = [axis for axis in scope.extents if axis[0] in free_indices(before) | free_indices(after)]
            forms = [Array(rebuild(form, self.to_tensors), *axes) for form in (before, after)]
            self.trace.append(Rewriting(rule, self.current.name, before, after, *forms))
        return after

    def equation(self, equation: Equation) -> None:
        target = self.current = equation.target
        inlined = self.rewrite(rebuild(equation.body, self.inline_full))
        if complexity(inlined) > LARGEST_INLINED:
            inlined = self.rewrite(rebuild(equation.body, self.inline_best))
        chosen = inlined
        if self.keep or self.names_used:
            short = self.rewrite(rebuild(equation.body, self.inline_best))
            if complexity(short) < complexity(inlined):
                chosen = short
        chosen = fold(chosen, self.names)
        chosen = chosen if self.keep else self.with_quotients(inlined, chosen, Scope(equation.axes))
        self.record("definitions written out", equation.body, chosen, Scope(equation.axes))
        if self.keep and self.quotients(chosen):  # with names in it, the written-out form may divide by less
            named = fold(self.rewrite(fold(inlined, self.names)), self.names)
            chosen = min(chosen, named, key=lambda form: (self.quotients(form), complexity(form)))
        self.full[target], self.best[target] = inlined if equation.named else self.without_factors(inlined), chosen
        self.sums.add(target, inlined)
        body = rebuild(keep_under_guards(chosen), self.to_tensors)
        tensor = Array(body, *equation.axes)
        if equation.named:
            tensor = Named(target.name, tensor, target.latex_name)
            for pattern in dict.fromkeys((self.full[target], chosen)):  # written out, and over other names
                whole = all(size == 1 or covers(pattern, size, index) for index, size in equation.axes)
                if whole and not isinstance(pattern, Add | Reduce | Element) and pattern.args:
                    self.names.append((pattern, target))
            own = [0 if size == 1 else index for index, size in equation.axes]
            if chosen in [Element(symbol, *own) for symbol in self.softmax.values() if symbol.shape == target.shape]:
                key = next(key for key, symbol in self.softmax.items() if symbol == chosen.tensor)
                self.softmax[key] = target
        self.tensors[target] = tensor

    def with_quotients(self, inlined: Expr, chosen: Expr, scope: Scope) -> Expr:
        """Return the written-out form of a body with the names of quotients in it; the chosen form if there are none.

        The factors of a name may stand on both sides of a parenthesis, so that the form is tried multiplied out too.
        """
        found = []
        for form in (inlined, sympy.expand_mul(inlined) if self.names and may_expand(inlined) else inlined):
            folded = fold_products(form, self.names, self.meaning)
            if folded != form:
                found.append(tidy(folded, scope))
        return min(found, key=complexity, default=chosen)

    def without_factors(self, body: Expr) -> Expr:
        """Return f·Σ with the sum as an element of a target of its own, so that f can meet other factors elsewhere.

        In a softmax's derivative the normaliser divides a sum, and is to be joined with an exponential outside of it.
        """
        factors = Mul.make_args(body)
        sums = [factor for factor in factors if isinstance(factor, Reduce | Call)]
        rest = Mul(*(factor for factor in factors if not isinstance(factor, Reduce | Call)))
        simple = rest == 1 or not (rest.has(Element) or isinstance(sums[0] if sums else None, Call))
        if len(sums) != 1 or simple or rest.has(Reduce, Call):
            return body
        own = free_indices(sums[0])
        axes = [axis for axis in self.system.by_target[self.current].axes if axis[0] in own]
        array = Array(sums[0], *axes)
        symbol = TensorSymbol(f"§sum of {self.current.name}", array.shape)
        self.full[symbol] = self.best[symbol] = array.body
        self.tensors[symbol] = Array(rebuild(array.body, self.to_tensors), *array.args[1:])
        self.uses[symbol] = 2
        return rest * Element(symbol, *(index for index, _ in axes))

    def quotients(self, expr: Expr) -> int:
        """Return by how many tensor entries a form divides, in itself and in the intermediates that it reads."""
        read = [self.best[load.tensor] for load in elements_of(expr) if load.tensor in self.best]
        return sum(
            1
            for part in (expr, *read)
            for power in part.atoms(Pow)
            if power.exp.could_extract_minus_sign() and power.base.has(Element)
        )

    def inline_full(self, node: Basic) -> Basic | None:
        return self.inline(node, self.full, always=True)

    def inline_best(self, node: Basic) -> Basic | None:
        return self.inline(node, self.best, always=False)

    def inline(self, node: Basic, bodies: dict[Basic, Expr], always: bool) -> Basic | None:
        """Replace an element by the body of its equation, where that is pointwise."""
        if not isinstance(node, Element):
            return None
        indices = [rebuild(index, lambda part: self.inline(part, bodies, always)) for index in node.indices]
        element = Element(node.tensor, *indices)
        body = bodies.get(node.tensor)
        if body is None or body.has(Reduce, Call):
            return element
        simple = isinstance(body, Element) or body.is_Atom
        equation = self.system.by_target.get(node.tensor)
        named = equation is not None and equation.named
        if named and (simple or isinstance(body, Add) or not always):
            return element  # the book's name says more than its formula, and no formula gets shorter without it
        if simple or always or not self.keep or self.uses[node.tensor] == 1:
            return substitute(body, {axis_index(k): index for k, index in enumerate(indices)})
        return element

    def rewrite(self, body: Expr) -> Expr:
        """Apply all rules to one body."""
        scope = Scope(self.system.by_target[self.current].axes)
        if isinstance(body, Call):
            contents = [(axes, self.pointwise(content, scope.within(axes))) for axes, content in body.open()]
            call = body.over(contents)
            found = tidy(simplify_call(call, self.meaning, self.note), scope)
            return self.record("linear algebra", call, found, scope)
        if isinstance(body, Reduce):
            axes, content = body.open()
            content = self.pointwise(content, scope.within(axes))
            while body.op == "add" and (met := cancel(axes, content, self.meaning)) is not None:
                self.note("linear algebra")
                self.record("linear algebra", Reduce("add", content, *axes), Reduce("add", met[1], *met[0]), scope)
                axes, content = met
            found = simplify_reduce(body.op, axes, content, self.note, scope)
            return self.finish(self.record("sums", Reduce(body.op, content, *axes), found, scope), scope)
        return self.finish(self.pointwise(self.join_sums(body), scope), scope)

    def meaning(self, load: Element) -> Expr | None:
        """Return the body that an element stands for, in its indices."""
        body = self.full.get(load.tensor)
        return None if body is None else substitute(body, {axis_index(k): i for k, i in enumerate(load.indices)})

    def pointwise(self, body: Expr, scope: Scope) -> Expr:
        """Return the shortest form of a body, named functions recognised in it as it is and term by term."""
        body = self.record("guards", body, drop_signs(drop_guards(body, dict(scope.extents))), scope)
        expanded = sympy.expand(body, power_base=False, log=False) if may_expand(body) else body
        tidied = self.record("algebra", body, tidy(body, scope), scope)
        found = []
        for candidate in dict.fromkeys((tidied, self.record("algebra", body, expanded, scope))):
            form = self.record("softmax", candidate, self.recognise(candidate, scope), scope)
            form = self.record("sigmoid", form, sigmoids(form), scope)
            found.append(self.record("algebra", form, tidy(form, scope), scope))
        return min(found, key=complexity)

    def finish(self, body: Expr, scope: Scope) -> Expr:
        body = self.record("known sums", body, self.sums.cancel(body, scope), scope)
        body = self.record("softmax", body, self.recognise(body, scope), scope)
        if not isinstance(body, Add):
            return body
        body = self.record("algebra", body, tidy(body, scope), scope)
        return tidy(self.record("distributive law", body, merge_sums(body, self.note), scope), scope)

    def join_sums(self, body: Expr) -> Expr:
        """Bring sums that are used once, as terms of a sum, into the body, where like terms can meet."""
        terms, joined = [], 0
        for term in Add.make_args(body):
            for load in [part for part in Mul.make_args(term) if isinstance(part, Element)]:
                definition = self.full.get(load.tensor)
                if definition is None or not definition.has(Reduce) or self.uses[load.tensor] != 1:
                    continue
                if self.system.by_target[load.tensor].named:
                    continue
                mapping: dict[Index, Any] = {axis_index(k): index for k, index in enumerate(load.indices)}
                term = term.xreplace({load: substitute(definition, mapping)})
                joined += 1
            terms.append(term)
        return Add(*terms) if joined > 1 else body

    def normaliser(self, base: Expr) -> Reduce | None:
        """Return the sum that a factor stands for, in the factor's indices."""
        if isinstance(base, Reduce):
            return base
        if isinstance(base, Element):
            body = self.full.get(base.tensor)
            if isinstance(body, Reduce):
                found = substitute(body, {axis_index(k): index for k, index in enumerate(base.indices)})
                return found if isinstance(found, Reduce) else None
        return None

    def make_softmax(self, content: Expr, index: Index, size: Expr, place: Expr, scope: Scope) -> Expr | None:
        """Return an element of the softmax along ``index`` of the tensor with entries ``content``.

        None where the extents of its other indices are not known, or entries exist under a condition only.
        """
        if any(
            load.tensor in self.system.by_target and load.tensor not in self.tensors for load in elements_of(content)
        ):
            return None  # inside a loop: its targets are no tensors yet
        free = sorted(free_indices(content) - {index}, key=lambda other: other.name)
        others = [(other, scope.extent(other)) for other in free]
        if any(extent is None for _, extent in others):
            return None
        axes = [*others, (index, size)]
        content = fold(content, self.names)
        if scope.guarded and not scope.within(axes).loads_fit(content):
            return None
        if (
            isinstance(content, Element)
            and {index, *dict(others)} == set(content.indices)
            and len(set(content.indices)) == len(content.indices)
            and all(
                dict(axes)[part] == extent for part, extent in zip(content.indices, content.tensor.shape, strict=True)
            )
        ):  # softmax along an axis of a tensor as it is
            operand: Tensor = content.tensor
            axis = content.indices.index(index)
            indices = [place if part == index else part for part in content.indices]
        else:
            operand = Array(content, *axes)
            axis = len(others)
            indices = [*(other for other, _ in others), place]
        key = (operand, axis)
        symbol = self.softmax.get(key)
        if symbol is None:
            self.note("softmax")
            value = Softmax(self.over_tensors(operand), axis)
            symbol = TensorSymbol(f"§softmax{len(self.softmax)}", operand.shape, value.properties)
            self.softmax[key] = symbol
            self.tensors[symbol] = value
        return Element(symbol, *indices)

    def over_tensors(self, tensor: Tensor) -> Tensor:
        if isinstance(tensor, TensorSymbol):
            return self.tensors.get(tensor, tensor)
        return Array(rebuild(tensor.args[0], self.to_tensors), *tensor.args[1:])

    def to_tensors(self, node: Basic) -> Basic | None:
        if isinstance(node, Element):
            tensor = self.tensors.get(node.tensor, node.tensor)
            return Element(tensor, *(rebuild(index, self.to_tensors) for index in node.indices))
        # SymPy brings its own Abs in by itself: sqrt(x**2) is Abs(x), as soon as powers meet.
        return SCALAR_OPS["abs"](rebuild(node.args[0], self.to_tensors)) if isinstance(node, sympy.Abs) else None


def _like(tensor: Tensor, value: Tensor) -> Tensor:
    """Return the result as a row where the value was one."""
    if value.is_row and not tensor.is_row:
        axes = [(axis_index(k), size) for k, size in enumerate(tensor.shape)]
        indices = [0 if size == 1 else index for index, size in axes]
        return Array(Element(tensor, *indices), *axes, row=True)
    return tensor
