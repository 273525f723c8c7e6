"""What an optimizer is: equations with state, over symbols for its hyper-parameters."""

import dataclasses
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from sympy import Symbol

from symdl.errors import ExpressionError, InputError
from symdl.expr.declare import named, scalar, tensor, vector
from symdl.expr.nodes import Array, Named, Tensor, TensorSymbol
from symdl.expr.sizes import dims
from symdl.expr.system import children
from symdl.expr.walk import parts_first
from symdl.optimizers.schedules import Schedule

Rate = float | Schedule | Callable[[int], float]

# Symbols for hyper-parameters: a compiled step serves all their values. Dots keep them apart from a model's names.
ALPHA = scalar("optimizer.alpha", latex=r"\alpha")
BETA = scalar("optimizer.beta", latex=r"\beta")
GAMMA = scalar("optimizer.gamma", latex=r"\gamma")
RHO = scalar("optimizer.rho", latex=r"\rho")
EPSILON = scalar("optimizer.epsilon", latex=r"\varepsilon")
LAMBDA = scalar("optimizer.lambda", latex=r"\lambda")
STEP = scalar("optimizer.t", latex="t", integer=True, nonnegative=True)

SYMBOLS = {"alpha": ALPHA, "beta": BETA, "gamma": GAMMA, "rho": RHO, "epsilon": EPSILON, "weight_decay": LAMBDA}
HYPER = frozenset({*SYMBOLS.values(), STEP})
_FRACTIONS = ("beta", "gamma", "rho")  # in [0, 1)


class Optimizer(ABC):
    """One step of a descent method. A subclass is a frozen dataclass of hyper-parameters in one file of this folder.

    Attributes:
        alpha: The learning rate α > 0: a number, a schedule, or a function from the step (from 0) to a number.
        states: Names of its state, each of the parameter's shape and 0 at the start.
        nonnegative: Those among them that are never negative.
    """

    alpha: Rate
    states: ClassVar[tuple[str, ...]] = ()
    nonnegative: ClassVar[tuple[str, ...]] = ()
    state_latex: ClassVar[dict[str, str]] = {}

    def __new__(cls, *args: Any, **named: Any) -> Self:
        """Return a new optimizer; ExpressionError for an argument that it has not."""
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]  # because every subclass is a dataclass
        unknown = [name for name in named if name not in names]
        if unknown:
            raise ExpressionError(
                f"{cls.__name__}: there is no argument {unknown[0]!r}; expected some of {', '.join(names)}, of which "
                "alpha is the learning rate"
            )
        return super().__new__(cls)

    @abstractmethod
    def update(self, theta: Any, g: Any, state: dict[str, Any], t: Any) -> tuple[Any, dict[str, Any]]:
        """Return the next parameter and the next state.

        Args:
            theta: The parameter θ⁽ᵗ⁾, a tensor or a scalar.
            g: The gradient at ``point``, of the same shape.
            state: The state by name, each of the same shape.
            t: The step, from 0.
        """

    def point(self, theta: Any, state: dict[str, Any]) -> Any:
        """Return where the gradient is taken: at ``theta``, unless a method looks ahead."""
        return theta

    def state(self, theta: Any) -> dict[str, Any]:
        """Return the symbols of the state that belongs to a parameter."""
        return {name: self._symbol(name, theta) for name in self.states}

    def _symbol(self, name: str, theta: Any) -> Any:
        facts = {"nonnegative": True} if name in self.nonnegative else {}
        latex = self.state_latex.get(name, name)
        if isinstance(theta, TensorSymbol):
            return tensor(f"{theta.name}.{name}", theta.shape, latex=latex, **facts)
        return scalar(f"{theta.name}.{name}", latex=latex, **facts)

    def rates(self, steps: np.ndarray) -> dict[Symbol, np.ndarray]:
        """Return the value of every hyper-parameter and of t for each of the steps, in double precision."""
        steps = np.asarray(steps, dtype=np.int64)
        found: dict[Symbol, np.ndarray] = {STEP: steps.astype(np.float64)}
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # because every subclass is a dataclass
            value = getattr(self, field.name)
            if field.name not in SYMBOLS:
                continue
            if callable(value):
                array = np.array([float(value(int(step))) for step in steps])
                if not (np.isfinite(array).all() and (array >= 0).all()):
                    raise InputError(f"{field.name}: the schedule gives values that are negative or not finite")
            else:
                array = np.full(len(steps), float(value))
            found[SYMBOLS[field.name]] = array
        return found

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # because every subclass is a dataclass
            if field.name in SYMBOLS and not (field.name == "alpha" and callable(self.alpha)):
                _check(type(self).__name__, field.name, getattr(self, field.name))

    def algorithm(self) -> list[tuple[str, Any]]:
        """Return the assignments of one step in order, as (LaTeX of the left side, right side)."""
        theta = vector("theta", dims("d"), latex=r"\theta")
        g, state = vector("g", dims("d")), self.state(theta)
        after, following = self.update(theta, g, state, STEP)
        values = [value if isinstance(value, Tensor) else Array(value) for value in (*following.values(), after)]
        tensors = parts_first(values, lambda tensor: children(tensor)[::-1])  # numerators before denominators
        steps = [(tensor.latex_name, tensor.definition) for tensor in tensors if isinstance(tensor, Named)]
        return [*steps, (r"\theta", after)]

    def latex(self) -> str:
        """Return the algorithm as a LaTeX block with one assignment a line."""
        from symdl.latex import latex

        theta = vector("theta", dims("d"), latex=r"\theta")
        at = latex(self.point(theta, self.state(theta)))
        lines = [rf"g &\leftarrow \nabla C\left({at}\right)"]
        lines += [rf"{left} &\leftarrow {latex(right)}" for left, right in self.algorithm()]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


def let(name: str, theta: Any, value: Any, latex: str = "") -> Any:
    """Name an intermediate of a parameter's update, as the algorithm does."""
    return named(f"{theta.name}.{name}.next", value, latex=latex or name)


def optimizers_in(module: Any) -> dict[str, type[Optimizer]]:
    """Return the optimizers a module defines, by name."""
    return {
        name: item
        for name, item in vars(module).items()
        if inspect.isclass(item)
        and issubclass(item, Optimizer)
        and item.__module__ == module.__name__
        and not inspect.isabstract(item)
    }


def _check(owner: str, name: str, value: Any) -> None:
    expected = "a number above 0" if name == "alpha" else "a number of at least 0"
    expected = "a number in [0, 1)" if name in _FRACTIONS else expected
    if isinstance(value, bool) or not isinstance(value, int | float | np.number) or not math.isfinite(value):
        remedy = " or a schedule" if name == "alpha" else ""
        raise InputError(f"{owner}: {name} must be {expected}{remedy}, found {value!r}")
    if value < 0 or (name == "alpha" and value == 0) or (name in _FRACTIONS and value >= 1):
        raise InputError(f"{owner}: {name} must be {expected}, found {value}")
