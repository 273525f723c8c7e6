r"""Learning rates α⁽ᵗ⁾ that change with the step t = 0, 1, …: equations in t, printed and evaluated as such."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import sympy
from sympy import Expr, Float, Symbol

from symdl.errors import InputError

_T = Symbol("t", integer=True, nonnegative=True)


class Schedule(ABC):
    """A learning rate as a function of the step. A subclass is a frozen dataclass that gives its equation."""

    @abstractmethod
    def equation(self, t: Expr) -> Expr:
        """Return α⁽ᵗ⁾ as an expression in ``t``."""

    def __call__(self, t: int) -> float:
        """Return the value at step ``t``, in double precision."""
        return float(_function(self)(int(t)))

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle \alpha^{{(t)}} = {sympy.latex(self.equation(_T))}$"


@cache
def _function(schedule: Schedule) -> Callable[[int], float]:
    return sympy.lambdify([_T], schedule.equation(_T), "math")


@dataclass(frozen=True)
class Constant(Schedule):
    """α⁽ᵗ⁾ = α."""

    alpha: float

    def __post_init__(self) -> None:
        _positive("Constant", alpha=self.alpha)

    def equation(self, t: Expr) -> Expr:
        """Return α."""
        return Float(self.alpha)


@dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """α⁽ᵗ⁾ = α γᵗ; book §4.1 uses γ = 0.99."""

    alpha: float
    gamma: float = 0.99

    def __post_init__(self) -> None:
        _positive("ExponentialDecay", alpha=self.alpha, gamma=self.gamma)

    def equation(self, t: Expr) -> Expr:
        """Return α γᵗ."""
        return Float(self.alpha) * Float(self.gamma) ** t


@dataclass(frozen=True)
class StepDecay(Schedule):
    """α⁽ᵗ⁾ = α γ^⌊t / every⌋: the rate is multiplied by γ after each ``every`` steps."""

    alpha: float
    every: int
    gamma: float = 0.5

    def __post_init__(self) -> None:
        _positive("StepDecay", alpha=self.alpha, every=self.every, gamma=self.gamma)

    def equation(self, t: Expr) -> Expr:
        """Return α γ^⌊t / every⌋."""
        return Float(self.alpha) * Float(self.gamma) ** sympy.floor(t / int(self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """α⁽ᵗ⁾ falls from α to ``end`` along half a cosine in ``steps`` steps, and stays there."""

    alpha: float
    steps: int
    end: float = 0.0

    def __post_init__(self) -> None:
        _positive("Cosine", alpha=self.alpha, steps=self.steps)

    def equation(self, t: Expr) -> Expr:
        """Return end + (α - end)(1 + cos(π min(t, steps) / steps)) / 2."""
        share = sympy.Min(t, int(self.steps)) / int(self.steps)
        return Float(self.end) + Float(self.alpha - self.end) * (1 + sympy.cos(sympy.pi * share)) / 2


@dataclass(frozen=True)
class Warmup(Schedule):
    """Another schedule, multiplied by (t + 1) / steps during its first ``steps`` steps."""

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        _positive("Warmup", steps=self.steps)
        if not isinstance(self.schedule, Schedule):
            raise InputError(f"Warmup: expected a schedule such as Constant(0.01), found {self.schedule!r}")

    def equation(self, t: Expr) -> Expr:
        """Return min(1, (t + 1) / steps) times the schedule."""
        return sympy.Min(1, (t + 1) / int(self.steps)) * self.schedule.equation(t)


def _positive(owner: str, **values: float) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
            raise InputError(f"{owner}: {name} must be a number above 0, found {value!r}")
