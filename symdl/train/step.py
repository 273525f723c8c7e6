"""One training step as equations: the gradient, what is done to it, and the optimizer's update, derived and joined."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import sympy
from sympy import Add, Basic, Expr, Mul, Symbol

from symdl.calculus import adjoints
from symdl.expr.declare import named, scalar
from symdl.expr.index import free_indices, rebuild
from symdl.expr.nodes import Element, Tensor
from symdl.expr.replace import as_expr, replaced, rewritten
from symdl.expr.state import State
from symdl.expr.system import elements_of, scalars_of
from symdl.ops.elementwise import clip, maximum, sqrt, square
from symdl.ops.reductions import sum as total
from symdl.optimizers.optimizer import HYPER, STEP, Optimizer
from symdl.simplify import simplify
from symdl.train.objective import Cost, Objective

LOSS = "training.loss"
CLIP_NORM = scalar("clip.norm", positive=True, latex="c")
CLIP_VALUE = scalar("clip.value", positive=True, latex="c")
DECAY = "weight.decay"


@dataclass(frozen=True)
class Switches:
    """What is part of a training step.

    Attributes:
        clip_norm: g ← g · min(1, c / ‖g‖) with the norm over all parameters. Book §5.4.
        clip_value: Each element of g is limited to [-c, c], before its norm is.
        decay: Names of the parameters with weight decay, g ← g + λθ, after clipping.
        weighted: Samples have weights.
        whole: Every step sees all samples, so that no rows are gathered.
    """

    clip_norm: bool = False
    clip_value: bool = False
    decay: tuple[str, ...] = ()
    weighted: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Part:
    """What a step changes: parameters, by an optimizer, to lower the cost of a group."""

    group: str
    parameters: tuple[Any, ...]
    optimizer: Optimizer


@dataclass(frozen=True)
class Step:
    """The equations of a training step.

    Attributes:
        outputs: The loss, then the next value of each parameter and state, by name.
        updates: (state, output) pairs.
        rates: For each group by its name: what each ``step`` input stands for, an expression in hyper-parameters.
        seconds: Time of each stage.
    """

    outputs: dict[str, Any]
    updates: tuple[tuple[str, str], ...]
    rates: dict[str, dict[str, Expr]]
    seconds: dict[str, float]


def training_step(goal: Objective, parts: Sequence[Part], switches: Switches, states: Sequence[State] = ()) -> Step:
    """Derive the step that changes parameters and states; everything is taken at the values before the step.

    The gradient is (1/n) ∂/∂θ Σ C_i + ∂R/∂θ: the adjoints are those of a sum over samples, as in the book, and the
    factor 1/n comes last.

    Args:
        goal: The costs of a batch.
        parts: The parameters to train; others in a cost stay as they are. The numbers of optimizers do not enter.
        switches: What is done to the gradient before.
        states: The states whose next values the goal has.
    """
    clock = perf_counter()
    descents = [_Descent(part, goal.costs[part.group]) for part in parts]
    derived = [descent.derive() for descent in descents]
    spent, clock = perf_counter() - clock, perf_counter()
    values = simplify([value for group in derived for value in group] + list(goal.updates.values()), keep=True).values
    seconds, clock = {"simplify": perf_counter() - clock}, perf_counter()
    costs, outputs, rates = {}, {}, {}
    for descent, group in zip(descents, derived, strict=True):
        mine, values = values[: len(group)], values[len(group) :]
        name = descent.part.group
        found, rates[name] = descent.descend(list(mine), switches, f"{name}." if len(parts) > 1 else "")
        costs[name] = found.pop(LOSS)
        outputs.update(found)
    carried = dict(zip(goal.updates, values, strict=True))
    after = {theta: outputs[theta.name] for part in parts for theta in part.parameters}
    late = [state.name for state in states if state.when == "after"]
    carried |= dict(zip(late, replaced([carried[name] for name in late], after), strict=True))
    outputs |= carried
    recorded = {LOSS: Add(*costs.values())}
    if len(costs) > 1:
        recorded |= {f"{LOSS}.{name}": cost for name, cost in costs.items()}
    following = {f"{name}.next": value for name, value in outputs.items()}
    seconds["derive"] = spent + perf_counter() - clock
    return Step({**recorded, **following}, tuple((name, f"{name}.next") for name in outputs), rates, seconds)


class _Descent:
    """The equations by which an optimizer lowers one cost."""

    def __init__(self, part: Part, cost: Cost) -> None:
        self.part, self.cost = part, cost
        self.states = {theta.name: part.optimizer.state(theta) for theta in part.parameters}
        self.points = {theta: part.optimizer.point(theta, self.states[theta.name]) for theta in part.parameters}
        self.terms = [(term, _present(term, part.parameters)) for term in (cost.total, cost.rest)]

    def derive(self) -> list[Any]:
        """Return the cost and its adjoints, at the points where the optimizer takes them."""
        moved = {theta: point for theta, point in self.points.items() if theta != point}
        gradients = [gradient for term, present in self.terms if present for gradient in adjoints(term, present)]
        return replaced([self.cost.value, *gradients], moved)

    def descend(self, derived: list[Any], switches: Switches, prefix: str) -> tuple[dict[str, Any], dict[str, Expr]]:
        """Return the cost and the next value of each parameter and state of the optimizer; and the rates in them."""
        cost, outputs = derived.pop(0), {}
        gradients: dict[str, Any] = {}
        for (_, present), factor in zip(self.terms, (1 / self.cost.size, 1), strict=True):
            for theta in present:
                gradient = derived.pop(0)
                gradient = factor * (gradient if isinstance(theta, Tensor) else as_expr(gradient))
                gradients[theta.name] = gradients[theta.name] + gradient if theta.name in gradients else gradient
        gradients = _clipped(gradients, switches, prefix)
        for theta, point in self.points.items():
            g, state = gradients[theta.name], self.states[theta.name]
            g = g + scalar(f"{DECAY}.{theta.name}") * point if theta.name in switches.decay else g
            outputs[theta.name], following = self.part.optimizer.update(theta, g, state, STEP)
            outputs.update({state[key].name: value for key, value in following.items()})
        hyper = {*HYPER, CLIP_NORM, CLIP_VALUE, *(scalar(f"{DECAY}.{name}") for name in switches.decay)}
        values, rates = hoisted([cost, *outputs.values()], hyper, prefix)
        return dict(zip([LOSS, *outputs], values, strict=True)), rates


def _present(part: Expr, parameters: Sequence[Any]) -> list[Any]:
    return [theta for theta in parameters if theta in part.free_symbols]


def _clipped(gradients: dict[str, Any], switches: Switches, prefix: str) -> dict[str, Any]:
    if switches.clip_value:
        gradients = {name: clip(g, -CLIP_VALUE, CLIP_VALUE) for name, g in gradients.items()}
    if switches.clip_norm:
        squares = [total(square(g)) if isinstance(g, Tensor) else square(g) for g in gradients.values()]
        size = named(f"{prefix}gradient.norm", sqrt(Add(*squares)), latex=r"\left\Vert g\right\Vert")
        gradients = {name: CLIP_NORM / maximum(size, CLIP_NORM) * g for name, g in gradients.items()}
    return gradients


def hoisted(values: Sequence[Any], hyper: set[Symbol], prefix: str = "") -> tuple[list[Any], dict[str, Expr]]:
    """Replace every part that holds hyper-parameters only by one scalar, computed outside in double precision.

    β^{t+1} is a power in double precision then, whatever the type of the data, and the step has no numbers in it whose
    change would need compiling again.

    Args:
        values: Tensors and scalar expressions.
        hyper: The hyper-parameters.
        prefix: What the names of new scalars begin with.

    Returns:
        The values, and what each new scalar stands for.
    """
    rates: dict[Expr, Symbol] = {}

    def rate(part: Expr) -> Symbol:
        if part not in rates:
            rates[part] = scalar(prefix + (part.name if isinstance(part, Symbol) else f"rate.{len(rates)}"))
        return rates[part]

    def constant(part: Basic) -> bool:
        if not isinstance(part, Expr) or elements_of(part) or free_indices(part):
            return False
        return bool(scalars_of(part)) and scalars_of(part) <= hyper

    def transform(node: Basic) -> Basic | None:
        if isinstance(node, Element) or hyper.isdisjoint(scalars_of(node)):
            return node
        if constant(node):
            return rate(node)
        if isinstance(node, Mul | Add):
            parts = [part for part in node.args if constant(part)]
            if len(parts) > 1:
                rest = [rebuild(part, transform) for part in node.args if not constant(part)]
                return node.func(rate(node.func(*parts)), *rest)
        return None

    results = rewritten(values, lambda body: rebuild(body, transform))
    return results, {symbol.name: part for part, symbol in rates.items()}


class Rates:
    """The ``step`` inputs of a program as functions of the hyper-parameters."""

    def __init__(self, rates: Mapping[str, Expr]) -> None:
        self.expressions, self.names = dict(rates), tuple(rates)
        self.symbols = sorted({symbol for part in rates.values() for symbol in part.free_symbols}, key=str)
        self.function = sympy.lambdify(self.symbols, list(rates.values()), "numpy")

    def __call__(self, numbers: Mapping[Symbol, np.ndarray], steps: int) -> dict[str, np.ndarray]:
        """Return the value of every rate at each of ``steps`` steps, in double precision."""
        with np.errstate(all="ignore"):
            values = self.function(*(numbers[symbol] for symbol in self.symbols))
        arrays = [np.broadcast_to(np.asarray(value, dtype=np.float64), (steps,)) for value in values]
        return {name: np.array(array) for name, array in zip(self.names, arrays, strict=True)}
