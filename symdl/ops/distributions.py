"""Distributions: what ``sd.expectation`` averages over. Densities and draws are equations."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import sympy
from sympy import Expr

from symdl.errors import ShapeError
from symdl.expr.contract import broadcast
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Tensor, pointwise
from symdl.expr.operators import operands
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import same_size, shape_text
from symdl.ops import random
from symdl.ops.elementwise import divide, hadamard, square
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import log_softmax
from symdl.ops.windows import tensor_of

DISTRIBUTIONS: dict[str, type["Distribution"]] = {}


class Distribution(ABC):
    """A distribution of independent entries, or of one class. Its parameters are tensors of one shape, or scalars.

    Attributes:
        parameters: Its parameters.
        shape: The shape of a draw; () for a number.
        reparametrised: Whether a draw is a function of the parameters and of noise, through which gradients pass.
        symbol: Its LaTeX.
    """

    reparametrised: ClassVar[bool] = False
    symbol: ClassVar[str]

    def __init__(self, *parameters: Any) -> None:
        self.parameters = tuple(ingest(parameter) for parameter in parameters)
        shapes = [item.shape for item in self.parameters if isinstance(item, Tensor)]
        self.shape: tuple[Expr, ...] = shapes[0] if shapes else ()
        for shape in shapes[1:]:
            if len(shape) != len(self.shape) or not all(map(same_size, shape, self.shape)):
                raise ShapeError(
                    f"{type(self).__name__}: parameters of one shape, or scalars, are due, found shapes "
                    f"{shape_text(self.shape)} and {shape_text(shape)}"
                )

    def __init_subclass__(cls) -> None:
        DISTRIBUTIONS[cls.__name__] = cls

    @abstractmethod
    def draws(self, count: Expr, stream: Any, shared: bool) -> Tensor:
        """Return independent draws, of shape ``(count, *shape)``."""

    @abstractmethod
    def log_density(self, z: Any) -> Expr:
        """Return the logarithm of the density, or of the probability, at ``z`` of the shape of a draw."""

    def written(self, parameters: Sequence[str]) -> str:
        """Return its LaTeX from that of its parameters."""
        return rf"{self.symbol}\left({', '.join(parameters)}\right)"

    def _repeated(self, parameter: Any, count: Expr) -> Any:
        """Return a parameter once for each draw."""
        return broadcast(parameter, (count, *parameter.shape)) if isinstance(parameter, Tensor) else parameter


class Normal(Distribution):
    """Independent normal numbers with given means and standard deviations; book appendix B.

    Args:
        mean: μ, a tensor or a scalar.
        std: σ > 0, likewise.
    """

    reparametrised = True
    symbol = r"\mathcal{N}"

    def __init__(self, mean: Any, std: Any) -> None:
        super().__init__(mean, std)

    def draws(self, count: Expr, stream: Any, shared: bool) -> Tensor:
        """Return μ + σ ⊙ ε with standard normal ε: the reparametrisation of catalogue 8.1-reparam."""
        mean, std = (self._repeated(parameter, count) for parameter in self.parameters)
        found: Tensor = random.normal((count, *self.shape), mean, std, stream=stream, shared=shared)
        return found

    def log_density(self, z: Any) -> Expr:
        """Return -Σ ½((z - μ)/σ)² + log σ + ½ log 2π."""
        mean, std = self.parameters
        deviation = z - mean
        terms = square(divide(deviation, std)) if self.shape else (deviation / std) ** 2
        constant = log(2 * sympy.pi) / 2
        return -_sum(terms, self.shape) / 2 - _sum(log(std), self.shape) - _sum(constant, self.shape)

    def written(self, parameters: Sequence[str]) -> str:
        """Return 𝒩(μ, σ²)."""
        mean, std = parameters
        variance = f"{std}^{{2}}" if re.fullmatch(r"\\?[A-Za-z]+(_\{?\w+\}?)?", std) else rf"\left({std}\right)^{{2}}"
        known = self.parameters[1]
        return super().written([mean, str(known**2) if getattr(known, "is_Integer", False) else variance])


class Bernoulli(Distribution):
    """Independent numbers that are 1 with probability p, else 0.

    Args:
        p: A tensor of probabilities in (0, 1), or a scalar.
    """

    symbol = r"\operatorname{Bernoulli}"

    def __init__(self, p: Any) -> None:
        super().__init__(p)

    def draws(self, count: Expr, stream: Any, shared: bool) -> Tensor:
        """Return zeros and ones."""
        found: Tensor = random.bernoulli(
            self._repeated(self.parameters[0], count), (count, *self.shape), stream=stream, shared=shared
        )
        return found

    def log_density(self, z: Any) -> Expr:
        """Return Σ z log p + (1 - z) log(1 - p)."""
        p = self.parameters[0]
        if not self.shape:
            return z * log(p) + (1 - z) * log(1 - p)
        return total(hadamard(z, log(p)) + hadamard(1 - z, log(1 - p)))


class Categorical(Distribution):
    """One of K classes as a one-hot vector, with probabilities softmax(logits).

    Args:
        logits: A vector; log p for probabilities p.
    """

    symbol = r"\operatorname{Categorical}"

    def __init__(self, logits: Any) -> None:
        super().__init__(tensor_of(logits, "Categorical", 1))

    def written(self, parameters: Sequence[str]) -> str:
        """Return Categorical(softmax(logits))."""
        return super().written([rf"S_{{\mathrm{{Softmax}}}}\left({parameters[0]}\right)"])

    def draws(self, count: Expr, stream: Any, shared: bool) -> Tensor:
        """Return one-hot rows, the largest of logits and Gumbel noise."""
        logits = self._repeated(self.parameters[0], count)
        found: Tensor = random.categorical(logits, 1, one_hot=True, stream=stream, shared=shared)
        return found

    def log_density(self, z: Any) -> Expr:
        """Return zᵀ log softmax(logits)."""
        found: Expr = z @ log_softmax(self.parameters[0])
        return found


def log(value: Any) -> Any:
    """Return the logarithm, element by element."""
    return pointwise(SCALAR_OPS["log"], *operands("log", value))


def _sum(value: Any, shape: tuple[Expr, ...]) -> Expr:
    """Return the sum of terms over a shape; one that is a scalar counts for every entry."""
    return total(value) if isinstance(value, Tensor) else value * sympy.prod(shape)
