"""Why a step holds: the chain rule with what it goes through, derivatives of functions, declared facts, conventions."""

from collections.abc import Iterable, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Symbol

from symdl.expr.declare import vector
from symdl.expr.index import free_indices
from symdl.expr.nodes import Call, CompositeOp, Element, Named, Reduce, Tensor
from symdl.expr.scalar import ScalarOp
from symdl.expr.sizes import dims
from symdl.expr.system import elements_of, trace
from symdl.expr.walk import wholes_first
from symdl.latex import latex, latex_scalar

JACOBIAN = (
    "Jacobians have the rows of what is derived and the columns of the variable; "
    "a matrix counts row by row. Functions of vectors and matrices act element by element."
)
LAYOUT = "Gradients have the shape of their variable; functions of vectors and matrices act element by element."
_LAYOUTS = {  # what stands in the place of these two in other layouts
    "numerator": "Numerator layout: the rows of what is derived come first, so that the gradient by a vector is a row. "
    "Functions of vectors and matrices act element by element.",
    "denominator": "Denominator layout: the rows of the variable come first, so that a Jacobian is transposed. "
    "Functions of vectors and matrices act element by element.",
}
_FACTS = {"entries sum to 1": "probabilities sum to 1"}
_LONGEST = 120


def in_layout(note: str, layout: str) -> str:
    """Return a note as it reads in a layout."""
    return _LAYOUTS.get(layout, note) if note in (LAYOUT, JACOBIAN) else note


def through(users: Sequence[Tensor], cost: Basic) -> str:
    """Return the chain rule with the quantities it goes through; ``cost`` is the output."""
    names = [f"${latex(user)}$" for user in users if user != cost]
    directly = " and directly" if names and cost in users else ""
    return f"chain rule through {', '.join(names)}{directly}" if names else "derivative of the loss"


def with_facts(rule: str, fired: Iterable[str]) -> str:
    """Return a rule with the exact simplifications worth telling."""
    return "; ".join([rule, *dict.fromkeys(_FACTS[name] for name in fired if name in _FACTS)])


def local_rule(definition: Tensor, source: Basic) -> str:
    """Return the rule by which a definition is derived by something that it reads."""
    system = trace([definition])
    depends = system.depends([source])
    steps = [equation for equation in system.equations if equation.target in depends]
    if any(isinstance(equation.body, Call) for equation in steps):
        return "derivative of a matrix function"
    rules = []
    for equation in steps:
        body = equation.body
        content = body.body if isinstance(body, Reduce) else body
        reads = [load for load in elements_of(content) if load.tensor == source or load.tensor in depends]
        if isinstance(body, Reduce) and body.op in ("max", "min", "mul"):
            rules.append({"max": "maximum", "min": "minimum", "mul": "product"}[body.op])
        ops = [op for op in content.atoms(ScalarOp) if any(op.has(load) for load in reads)]
        rules += sorted(f"derivative of {op.name}" for op in ops if op.name != "where")
        powers = [part for part in content.atoms(sympy.Pow) if any(part.has(load) for load in reads)]
        rules += ["quotient rule" if part.exp.could_extract_minus_sign() else "power rule" for part in powers]
        for term in sympy.Add.make_args(content):
            factors = [part for part in sympy.Mul.make_args(term) if any(part.has(load) for load in reads)]
            rules += ["product rule"] if len(factors) > 1 and not powers else []
    return ", ".join(dict.fromkeys(rules)) or "linear"


def notes_for(*losses: tuple[Any, Iterable[Basic]], jacobian: bool = False) -> tuple[str, ...]:
    """Return the derivatives of the functions between variables and losses, and the conventions at their kinks."""
    derivatives, conventions = [], []
    for op in [op for loss, variables in losses for op in _ops(loss, set(variables))]:
        if isinstance(op, ScalarOp):
            derivatives += _scalar_rule(op)
            conventions += _at_kinks(op)
        elif isinstance(op, CompositeOp):
            derivatives += _composite_rule(op)
        elif isinstance(op, Reduce):
            extreme = {"max": "largest", "min": "smallest"}[op.op]
            conventions.append(f"Among equal {extreme} entries the derivative goes to the first.")
    layout = JACOBIAN if jacobian else LAYOUT
    return (*dict.fromkeys(derivatives), layout, *dict.fromkeys(conventions))


def _ops(loss: Any, variables: set[Basic]) -> list[Basic]:
    """Return the functions that act on something that depends on the variables, outermost first."""

    def depending(node: Basic) -> list[Basic]:
        if isinstance(node, Named | Element):
            parts = [node.definition if isinstance(node, Named) else node.tensor]
        else:
            parts = [part for part in node.args if isinstance(part, Expr | Tensor)]
        return [part for part in parts if not variables.isdisjoint(part.free_symbols)]

    nodes = wholes_first([] if variables.isdisjoint(loss.free_symbols) else [loss], depending)
    return [node for node in nodes if isinstance(node, ScalarOp | CompositeOp) or _is_extremum(node)]


def _is_extremum(node: Basic) -> bool:
    return isinstance(node, Reduce) and node.op in ("max", "min")


def _plain(op: ScalarOp) -> Expr:
    """Return the op of a plain symbol, its other arguments kept where they are numbers."""
    _first, *rest = op.args
    return op.func(Symbol("u", real=True), *(part if part.is_number else Symbol("v", real=True) for part in rest))


def _scalar_rule(op: ScalarOp) -> list[str]:
    plain = _plain(op)
    if not isinstance(plain, ScalarOp) or op.name in ("where", "maximum", "minimum"):
        return []
    left, right = latex_scalar(plain), latex_scalar(plain.derivative(0))
    text = rf"$\frac{{d}}{{du}} {left} = {right}$"
    return [text] if len(text) <= _LONGEST else []


def _at_kinks(op: ScalarOp) -> list[str]:
    if op.name in ("maximum", "minimum"):
        return [f"At a tie the derivative of ${latex_scalar(_plain(op))}$ goes to $u$."]
    plain = _plain(op)
    if not isinstance(plain, ScalarOp) or op.name == "where":
        return []
    found = []
    for kink in op.kinks:
        value = plain.derivative(0).subs(Symbol("u", real=True), sympy.nsimplify(kink))
        if value.is_number:
            at = latex_scalar(sympy.nsimplify(kink))
            found.append(
                rf"Convention: $\frac{{d}}{{du}} {latex_scalar(plain)} = {latex_scalar(value)}$ at $u = {at}$."
            )
    return found


def _composite_rule(op: CompositeOp) -> list[str]:
    """Return the Jacobian of an op of one vector, derived like everything else."""
    from symdl.calculus import jacobian

    operands = [part for part in op.args if isinstance(part, Tensor)]
    if len(operands) != 1 or operands[0].order != 1 or op.order != 1:
        return []
    u = vector("u", dims("n"))
    plain = op.func(*(u if isinstance(part, Tensor) else part for part in op.args))
    text = rf"$\frac{{\partial}}{{\partial u}} {latex(plain)} = {latex(jacobian(plain, u))}$"
    return [text] if len(text) <= 2 * _LONGEST and not free_indices(plain) else []
