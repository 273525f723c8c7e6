"""Second derivatives with their structure: factored Hessians, Gauss-Newton and Fisher, convexity, sparsity."""

from symdl.curvature.convexity import Convexity, convexity
from symdl.curvature.products import empirical_fisher, fisher, gauss_newton, hessian_diagonal, hessian_trace
from symdl.curvature.proximal import minimizer_of, prox
from symdl.curvature.sparsity import colouring, sparsity
from symdl.curvature.structure import structure
from symdl.curvature.structured import Structured

__all__ = [
    "Convexity", "Structured", "colouring", "convexity", "empirical_fisher", "fisher", "gauss_newton",
    "hessian_diagonal", "hessian_trace", "minimizer_of", "prox", "sparsity", "structure",
]  # fmt: skip
