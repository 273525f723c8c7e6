"""Divergences between distributions. Book appendix B, §8.1."""

from typing import Any

from sympy import Expr, Gt, Integer, Rational

from symdl.expr.ingest import ingest
from symdl.expr.nodes import Tensor, pointwise
from symdl.expr.operators import operands
from symdl.expr.scalar import SCALAR_OPS
from symdl.ops.reductions import sum as total


def kl_divergence(p: Any, q: Any, axis: int | None = None) -> Any:
    """Kullback–Leibler divergence ``Σ p log(p/q)`` of discrete distributions, with 0 log 0 = 0. Book (B.1).

    Args:
        p: Probabilities.
        q: Probabilities, positive where p is; of the same shape.
        axis: The axis of the outcomes; by default the sum is over all entries.
    """
    log, where = SCALAR_OPS["log"], SCALAR_OPS["where"]

    def term(left: Expr, right: Expr) -> Expr:
        return where(Gt(left, 0), left * (log(left) - log(right)), Integer(0))

    return total(pointwise(term, *operands("kl_divergence", p, q)), axis)


def js_divergence(p: Any, q: Any, axis: int | None = None) -> Any:
    """Jensen–Shannon divergence ``½ D_KL(p‖m) + ½ D_KL(q‖m)`` with ``m = (p + q)/2``, in [0, log 2]; catalogue B.1-js.

    Args:
        p: Probabilities.
        q: Probabilities of the same shape.
        axis: The axis of the outcomes; by default the sum is over all entries.
    """
    half = Rational(1, 2)
    middle = pointwise(lambda left, right: half * (left + right), *operands("js_divergence", p, q))
    return half * kl_divergence(p, middle, axis) + half * kl_divergence(q, middle, axis)


def kl_normal(mean: Any, variance: Any, other_mean: Any = 0, other_variance: Any = 1) -> Expr:
    """Divergence of independent normal numbers from others, the standard ones by default; catalogue 8.1-kl-diag.

    ``½ Σ (σ² + (μ - m)²)/s² - 1 - log(σ²/s²)``; tensors of one shape or scalars, variances positive.
    """
    log = SCALAR_OPS["log"]

    def term(m: Expr, v: Expr, n: Expr, w: Expr) -> Expr:
        return Rational(1, 2) * ((v + (m - n) ** 2) / w - 1 - log(v) + log(w))

    found = ingest(pointwise(term, *operands("kl_normal", mean, variance, other_mean, other_variance)))
    return total(found) if isinstance(found, Tensor) else found
