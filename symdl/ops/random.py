"""Random tensors: each element is a draw with an identity, so that results depend on nothing else. Design §2.

Draws depend on the integers ``seed`` and ``step``, inputs of whatever is compiled. In the equations of one sample, each
sample has draws of its own unless they are ``shared``. Two calls are two streams; a stream with a name is the same
wherever it is declared.
"""

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Eq, Expr, Integer, Lt

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Tensor, axes_of, pointwise
from symdl.expr.operators import operands
from symdl.expr.random import SEED, STEP, Uniform, stream_number
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import as_size, shape_text
from symdl.ops.reductions import argmax
from symdl.ops.softmax import axis_number
from symdl.ops.windows import tensor_of

__all__ = ["SEED", "STEP", "bernoulli", "categorical", "gumbel", "normal", "uniform"]

Shape = Sequence[Any] | Any


def _axes(shape: Shape, what: str) -> list[Any]:
    sizes = shape if isinstance(shape, tuple | list | sympy.Tuple) else (shape,)
    return axes_of([as_size(size, f"random.{what}") for size in sizes])


def _draw(axes: list[Any], stream: Integer, shared: bool, part: int = 0) -> Expr:
    places = [Integer(0) if size == 1 else index for index, size in axes]
    return Uniform(SEED, STEP, stream, Integer(-1 if shared else 0), Integer(part), *places)


def _filled(body: Expr, axes: list[Any]) -> Any:
    return Array(body, *axes) if axes else body


def _moved(draws: Any, low: Any, factor: Any, what: str) -> Any:
    """Return ``low + factor · draws``, element by element."""
    return pointwise(lambda u, a, b: a + b * u, *operands(f"random.{what}", draws, low, factor))


def uniform(shape: Shape = (), low: Any = 0, high: Any = 1, *, stream: Any = None, shared: bool = False) -> Any:
    """Numbers drawn uniformly between ``low`` and ``high``, neither of them included.

    Args:
        shape: Sizes of the tensor; () for a scalar.
        low: A number, a scalar expression or a tensor of that shape; gradients pass (reparametrisation).
        high: Likewise.
        stream: A name for the stream of numbers; a new stream by default.
        shared: Whether all samples of a batch have the same numbers.
    """
    axes = _axes(shape, "uniform")
    low, high = ingest(low), ingest(high)
    draws = _filled(_draw(axes, stream_number(stream), shared), axes)
    return draws if (low, high) == (0, 1) else _moved(draws, low, high - low, "uniform")


def normal(shape: Shape = (), mean: Any = 0, std: Any = 1, *, stream: Any = None, shared: bool = False) -> Any:
    """Normal numbers, ``mean + std · z``: gradients pass to mean and std, the reparametrisation of catalogue 8.1.

    Args:
        shape: Sizes of the tensor; () for a scalar.
        mean: A number, a scalar expression or a tensor of that shape.
        std: The standard deviation, likewise.
        stream: A name for the stream of numbers; a new stream by default.
        shared: Whether all samples of a batch have the same numbers.
    """
    axes, number = _axes(shape, "normal"), stream_number(stream)
    radius, turn = _draw(axes, number, shared), _draw(axes, number, shared, 1)
    log, cos = SCALAR_OPS["log"], SCALAR_OPS["cos"]
    z = _filled(sympy.sqrt(-2 * log(radius)) * cos(2 * sympy.pi * turn), axes)  # Box and Muller
    mean, std = ingest(mean), ingest(std)
    return z if (mean, std) == (0, 1) else _moved(z, mean, std, "normal")


def bernoulli(p: Any, shape: Shape | None = None, *, stream: Any = None, shared: bool = False) -> Any:
    """1 with probability p and 0 else; no gradient passes.

    Args:
        p: A number or scalar expression, or a tensor of probabilities.
        shape: Sizes of the tensor, those of p by default.
        stream: A name for the stream of numbers; a new stream by default.
        shared: Whether all samples of a batch have the same numbers.

    Raises:
        ShapeError: if p is a tensor of another shape.
    """
    probability = ingest(p)
    own = probability.shape if isinstance(probability, Tensor) else ()
    axes = _axes(own if shape is None else shape, "bernoulli")
    draws = _filled(_draw(axes, stream_number(stream), shared), axes)
    where = SCALAR_OPS["where"]
    return pointwise(
        lambda u, limit: where(Lt(u, limit), Integer(1), Integer(0)), *operands("random.bernoulli", draws, probability)
    )


def gumbel(shape: Shape = (), *, stream: Any = None, shared: bool = False) -> Any:
    """Numbers with the distribution of Gumbel, -log(-log u); arguments as for ``uniform``."""
    log = SCALAR_OPS["log"]
    return pointwise(lambda u: -log(-log(u)), uniform(shape, stream=stream, shared=shared))


def categorical(
    logits: Any, axis: int | None = None, *, one_hot: bool = False, stream: Any = None, shared: bool = False
) -> Any:
    """Classes drawn with probabilities softmax(logits): the largest of the logits plus Gumbel numbers; no gradient.

    Args:
        logits: A tensor; log p for probabilities p.
        axis: The axis of classes; required above order 1.
        one_hot: Return 1 at the class drawn and 0 elsewhere, in the shape of the logits, rather than its number.
        stream: A name for the stream of numbers; a new stream by default.
        shared: Whether all samples of a batch have the same numbers.

    Raises:
        ShapeError: for an axis that the logits have not.
    """
    value = tensor_of(logits, "random.categorical")
    number = axis_number(value, axis, "random.categorical")
    noisy = value + gumbel(value.shape, stream=stream, shared=shared)
    drawn = argmax(noisy, number)
    if not one_hot:
        return drawn
    axes = axes_of(value.shape)
    rest = [index for position, (index, _) in enumerate(axes) if position != number]
    winner = Element(drawn, *rest) if isinstance(drawn, Tensor) else drawn
    return Array(SCALAR_OPS["where"](Eq(winner, axes[number][0]), Integer(1), Integer(0)), *axes)


def keeping(x: Tensor, rate: Any, stream: Any, shared: bool) -> Tensor:
    """Return x with entries set to 0 with probability ``rate``, the others divided by 1 - rate.

    Raises:
        ExpressionError: for a rate outside [0, 1).
        ShapeError: for a rate that is a tensor.
    """
    keep = 1 - (sympy.nsimplify(rate, rational=True) if isinstance(rate, float) else ingest(rate))
    if isinstance(keep, Tensor):
        raise ShapeError(f"dropout: the rate is a number, found shape {shape_text(keep.shape)}")
    if keep.is_number and not 0 < keep <= 1:
        raise ExpressionError(f"dropout: the rate must be at least 0 and below 1, found {rate}")
    mask = bernoulli(keep, x.shape, stream=stream, shared=shared)
    return pointwise(lambda entry, kept: entry * kept / keep, x, mask)
