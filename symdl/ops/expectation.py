"""Expectations as nodes, with the pathwise and the score-function gradient. Design §3; book §8.1, §8.4."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from sympy import Basic, Expr, Integer, Symbol
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.batch import batched
from symdl.expr.batch_mean import BatchMean
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Tensor, TensorSymbol, pointwise
from symdl.expr.random import SEED, stream_number
from symdl.expr.replace import as_expr, replaced
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, same_size, shape_text
from symdl.expr.structure import symbols_of
from symdl.expr.system import trace
from symdl.ops.distributions import DISTRIBUTIONS, Distribution
from symdl.ops.reductions import mean
from symdl.ops.stop_gradient import stop_gradient

METHODS = ("reparametrisation", "score")


class Expectation(CompositeOp):
    """``Expectation(f, z, kind, method, samples, stream, shared, baseline, parameters...)``: 𝔼 of f(z) over draws of z.

    Defined as the mean over draws, in such a way that its derivatives estimate those of the expectation without bias.
    """

    stream_place = 5  # of the stream among its arguments
    symbol = r"\mathbb{E}"

    @property
    def variable(self) -> Any:
        """The symbol z, which is bound."""
        return _scalar(self.args[1])

    @property
    def distribution(self) -> Distribution:
        """What z is drawn from."""
        return DISTRIBUTIONS[str(self.args[2])](*map(_scalar, self.args[8:]))

    @property
    def method(self) -> str:
        """How gradients pass."""
        return str(self.args[3])

    @cached_property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the definition: z is none of them."""
        return symbols_of(self.definition)

    def define(self) -> Tensor:
        """Return the mean over draws.

        By reparametrisation it is (1/n) Σ f(z_s), where gradients pass through z_s. By the score function z_s is
        constant, and the mean is that of (f(z_s) - b) e^{log p(z_s) - sg log p(z_s)} + b: it has the value of f, and
        the derivative ∇f + (f - b) ∇log p; derivatives of any order are right.
        """
        count, stream, shared = self.args[4], self.args[5], bool(self.args[6])
        distribution, z, f = self.distribution, self.variable, _scalar(self.args[0])
        drawn = distribution.draws(count, stream, shared)
        if self.method == "score":
            drawn = stop_gradient(drawn)
        name, latex = (z.name, getattr(z, "latex_name", ""))
        drawn = Named(f"{name}.drawn", drawn, latex or name)
        values = _at(f, z, drawn, count)
        if self.method == "score":
            score = _at(distribution.log_density(z), z, drawn, count)
            values = pointwise(_surrogate, values, score, stop_gradient(score), _scalar(self.args[7]))
        return Array(mean(values) if isinstance(values, Tensor) else values)

    def written(self, operands: Sequence[str]) -> str:
        """Return its LaTeX from that of f, z, the baseline and the parameters."""
        f, z, _, *parameters = operands
        return rf"\mathbb{{E}}_{{{z} \sim {self.distribution.written(parameters)}}}\left[{f}\right]"


def _surrogate(value: Expr, score: Expr, fixed: Expr, baseline: Expr) -> Expr:
    return (value - baseline) * SCALAR_OPS["exp"](score - fixed) + baseline


def expectation(
    f: Any,
    z: Any,
    distribution: Distribution,
    *,
    method: str | None = None,
    samples: Any = 1,
    baseline: Any = 0,
    stream: Any = None,
    shared: bool = False,
) -> Expr:
    """The expectation of f(z), estimated with draws: a scalar that prints as 𝔼, and whose gradient is unbiased.

    ``reparametrisation``: z = μ + σ ⊙ ε, and gradients pass through z; catalogue 8.1-reparam. ``score``:
    ∇𝔼[f] = 𝔼[∇f + (f - b) ∇log p(z)], for any distribution and for functions without a derivative; catalogue 8.4-pg.

    Args:
        f: A scalar that holds z.
        z: A declared tensor or scalar that stands for a draw.
        distribution: One of ``sd.distributions``, whose parameters may be any expressions.
        method: ``"reparametrisation"`` or ``"score"``; the former where the distribution has it, by default.
        samples: The number of draws.
        baseline: b, a scalar that does not hold z: it changes no mean, and may lower the variance. It is taken as a
            constant. Only for ``score``.
        stream: A name for the stream of draws; a new stream by default.
        shared: Whether all samples of a batch have the same draws.

    Raises:
        ExpressionError: for an unknown method, one that the distribution has not, a z that is no symbol, a baseline
            that holds z, and several draws of an f that has draws or means over the batch of its own.
        ShapeError: if z has not the shape of a draw, or f is no scalar.
    """
    value, symbol, level = as_scalar(f, "expectation"), ingest(z), as_scalar(baseline, "expectation: baseline")
    if not isinstance(distribution, Distribution):
        raise ExpressionError(f"expectation: expected one of sd.distributions, found {distribution!r}")
    if not isinstance(symbol, TensorSymbol | Symbol):
        raise ExpressionError(f"expectation: z must be a declared tensor or scalar, found {z}")
    shape = getattr(symbol, "shape", ())
    if len(shape) != len(distribution.shape) or not all(map(same_size, shape, distribution.shape)):
        raise ShapeError(
            f"expectation: {symbol.name} has shape {shape_text(shape)}, a draw {shape_text(distribution.shape)}"
        )
    chosen = method or METHODS[0 if distribution.reparametrised else 1]
    if chosen not in METHODS:
        raise ExpressionError(f"expectation: method={method!r}; expected one of {', '.join(METHODS)}")
    if chosen == METHODS[0] and not distribution.reparametrised:
        raise ExpressionError(
            f"expectation: {type(distribution).__name__} has no reparametrisation; use method='score'"
        )
    if symbol in level.free_symbols or (level != 0 and chosen != METHODS[1]):
        raise ExpressionError("expectation: a baseline belongs to method='score' and does not hold z")
    count = as_size(samples, "expectation: samples")
    if count != 1 and any(
        SEED in equation.body.free_symbols or equation.body.has(BatchMean) for equation in trace([value]).equations
    ):
        raise ExpressionError(
            "expectation: f has random draws or means over the batch of its own; use samples=1, or average outside"
        )
    parts = (Str(type(distribution).__name__), Str(chosen), count, stream_number(stream), Integer(shared))
    operands = [_tensor(item) for item in (value, symbol)]
    parameters = [_tensor(item) for item in (level, *distribution.parameters)]
    return Element(Expectation(*operands, *parts, *parameters))


def _at(f: Expr, z: Any, drawn: Tensor, count: Expr) -> Any:
    """Return f at each draw: a vector, or a scalar for one draw."""
    if count == 1:
        one = drawn[0]
        return replaced([f], {z: one})[0]
    [found] = batched([f], [z], count)
    if not isinstance(found, Tensor):
        return found
    return replaced([found], {TensorSymbol(z.name, (count, *getattr(z, "shape", ()))): drawn})[0]


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else Array(value)


def _scalar(value: Any) -> Any:
    """Return a tensor of order 0 as a scalar expression."""
    return as_expr(value) if isinstance(value, Tensor) and not value.order else value
