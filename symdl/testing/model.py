"""A random model: an expression, the NumPy function it must equal, and inputs for both."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from sympy import Expr

from symdl.expr.nodes import TensorSymbol
from symdl.expr.sizes import dims
from symdl.interpret.samples import sample

SIZES = dims("n p m")
LARGEST = 30.0  # no intermediate of a random model is larger: higher derivatives stay within reach of float64

Arrays = Mapping[str, Any]


@dataclass(frozen=True)
class Model:
    """A scalar model of any notation.

    Attributes:
        notation: ``tensors``, ``matrices`` or ``indexed``.
        expr: The expression, as a user would write it.
        variables: What it can be derived with respect to, as a user would write them.
        arrays: Values of all inputs by name.
        sizes: Values of all sizes by name.
        reference: The same value by NumPy alone; arrays may be complex.
        analytic: Whether complex steps through ``reference`` make sense.
    """

    notation: str
    expr: Any
    variables: tuple[Any, ...]
    arrays: dict[str, np.ndarray]
    sizes: dict[str, int]
    reference: Callable[[Arrays], Any]
    analytic: bool

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name}: {array.shape}" for name, array in self.arrays.items())
        return f"Model({self.notation}, {self.expr}, sizes={self.sizes}, {shapes})"


@dataclass(frozen=True)
class Part:
    """An expression under construction, with its NumPy function, its value and its shape as sizes."""

    expr: Any
    function: Callable[[Arrays], Any]
    value: Any
    shape: tuple[Any, ...] = ()
    analytic: bool = True


@dataclass
class Pool:
    """The parts made so far and the inputs they are made of.

    ``fed`` is what the next structure is to be applied to, whether it fits or has to be made to. In a recurrence's step
    ``time`` is its index, the length and the number of times.
    """

    draw: Any
    sizes: dict[str, int]
    rng: np.random.Generator
    parts: list[Part] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    variables: list[Any] = field(default_factory=list)
    names: int = 0
    fed: Part | None = None
    time: tuple[Expr, Any, int] | None = None

    def declare(self, symbol: TensorSymbol, variable: Any = None, shape: Any = None) -> Part:
        """Add an input: its array respects the declared properties."""
        name = symbol.name
        self.arrays[name] = sample(symbol, self.sizes, self.rng)
        variable = symbol if variable is None else variable
        self.variables.append(variable)
        part = Part(variable, lambda arrays: arrays[name], self.arrays[name], symbol.shape if shape is None else shape)
        self.parts.append(part)
        return part

    def make(
        self, expr: Any, function: Callable[..., Any], *parts: Part, shape: Any = None, analytic: bool = True
    ) -> Part:
        """Return what ``expr`` and ``function`` make of parts; assumes that values stay moderate."""
        value = function(*(part.value for part in parts))
        assume(bool(np.all(np.isfinite(value))) and float(np.max(np.abs(value), initial=0)) <= LARGEST)
        return Part(
            expr,
            lambda arrays: function(*(part.function(arrays) for part in parts)),
            value,
            parts[0].shape if shape is None else tuple(shape),
            analytic and all(part.analytic for part in parts),
        )

    def pick(self, accept: Callable[[Part], bool] = lambda part: True) -> Part | None:
        """Return one of the parts that fit, later ones being as likely as earlier ones; None if there is none."""
        fitting = [part for part in self.parts if accept(part)]
        return self.draw(st.sampled_from(fitting)) if fitting else None

    def number(self) -> Expr:
        """Return a rational number that is not 0."""
        from sympy import Rational

        return self.draw(st.sampled_from([Rational(1, 2), Rational(-2, 3), Rational(3, 2), Rational(-1), Rational(2)]))

    def fresh(self, letter: str) -> str:
        """Return a name that is not in use."""
        self.names += 1
        return f"{letter}{self.names}"


@st.composite
def sizes(draw: Any, largest: int = 4) -> dict[str, int]:
    """Values of the sizes n, p and m, 1 included."""
    return {str(symbol): draw(st.integers(1, largest)) for symbol in SIZES}


def start(draw: Any, largest: int = 4) -> Pool:
    """Return an empty pool with sizes and a source of randomness."""
    return Pool(draw, draw(sizes(largest)), np.random.default_rng(draw(st.integers(0, 2**16))))


def finish(pool: Pool, notation: str, last: Part) -> Model:
    """Return the model of a scalar part, its variables being the inputs that occur in it."""
    from symdl.expr.ingest import ingest

    names = {symbol.name for symbol in getattr(ingest(last.expr), "free_symbols", set()) if hasattr(symbol, "name")}
    variables = [variable for variable in pool.variables if _name(variable) in names]
    assume(bool(variables))
    return Model(notation, last.expr, tuple(variables), pool.arrays, pool.sizes, last.function, last.analytic)


def _name(variable: Any) -> str:
    return str(getattr(variable, "name", None) or getattr(variable, "label", variable))


def models(**options: Any) -> st.SearchStrategy[Model]:
    """Random models of all three notations.

    Args:
        **options: ``steps``: how many operations at most; ``analytic=True``: only analytic ones.
    """
    from symdl.testing.indexed import indexed_models
    from symdl.testing.matrices import matrix_models
    from symdl.testing.tensors import tensor_models

    return st.one_of(tensor_models(**options), matrix_models(**options), indexed_models(**options))
