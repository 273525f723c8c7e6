"""The mean over the batch inside equations of one sample, as batch normalisation needs it. Design §2."""

from typing import Any

from sympy import Expr

from symdl.errors import DerivationError, ExpressionError
from symdl.expr.declare import scalar
from symdl.expr.nodes import pointwise
from symdl.expr.operators import operands
from symdl.expr.scalar import ScalarOp

BATCH_SIZE = scalar("batch.size", positive=True, integer=True, latex="n_b")  # the number of samples that are averaged


class BatchMean(ScalarOp):
    """The mean of a scalar over the samples of the batch; ``symdl.expr.batch.batched`` turns it into a reduction.

    It has neither derivative nor kernel of its own: the equations of one sample do not say what the others are.
    """

    symbol = r"\hat{\mathbb{E}}"
    source = "book §5.6"
    analytic = False

    @classmethod
    def eval(cls, x: Expr) -> Expr | None:
        """A number is its own mean, and so is a mean."""
        return x if x.is_Number or isinstance(x, cls) else None

    def derivative(self, position: int) -> Expr:
        """Raise DerivationError."""
        raise DerivationError(
            f"{self}: the mean over a batch is derived once the batch is there; train the equations with sd.Model, or "
            "give them a batch axis and batch_axis=0"
        )

    def definition(self) -> Expr:
        """Raise ExpressionError."""
        raise ExpressionError(
            f"{self}: the equations of one sample cannot be evaluated; use sd.Model, or give them a batch axis and "
            "batch_axis=0"
        )

    def _sympystr(self, printer: Any) -> str:
        return f"batch_mean({printer._print(self.args[0])})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = rf"{self.symbol}\left[{printer._print(self.args[0])}\right]"
        return text if exp is None else rf"{text}^{{{exp}}}"


def batch_mean(x: Any) -> Any:
    """Return the mean of ``x`` over the samples of the batch, element by element; ``x`` is written for one sample.

    The result is the same for all samples. It has a meaning where a batch is formed: in ``sd.Model``.
    """
    return pointwise(BatchMean, *operands("batch_mean", x))
