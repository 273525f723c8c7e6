"""Minimisation of second order: Newton's method and its relatives, one file each, and an interface to SciPy."""

from symdl.curvature import minimizer_of
from symdl.minimizers.backtracking import Backtracking
from symdl.minimizers.bfgs import BFGS
from symdl.minimizers.conjugate_gradient import ConjugateGradient
from symdl.minimizers.coordinate_descent import CoordinateDescent
from symdl.minimizers.damped_newton import DampedNewton
from symdl.minimizers.exact import Exact
from symdl.minimizers.gauss_newton import GaussNewton
from symdl.minimizers.lbfgs import LBFGS
from symdl.minimizers.levenberg_marquardt import LevenbergMarquardt
from symdl.minimizers.line_search import FullStep, LineSearch
from symdl.minimizers.method import Method
from symdl.minimizers.minimize import Minimum, minimize
from symdl.minimizers.natural_gradient import NaturalGradient
from symdl.minimizers.newton import Newton
from symdl.minimizers.nonlinear_cg import NonlinearCG
from symdl.minimizers.objective import Objective, scipy_objective
from symdl.minimizers.proximal_gradient import ProximalGradient
from symdl.minimizers.steepest_descent import SteepestDescent
from symdl.minimizers.trust_region import TrustRegion
from symdl.minimizers.wolfe import Wolfe

__all__ = [
    "BFGS", "LBFGS", "Backtracking", "ConjugateGradient", "CoordinateDescent", "DampedNewton", "Exact", "FullStep",
    "GaussNewton", "LevenbergMarquardt", "LineSearch", "Method", "Minimum", "NaturalGradient", "Newton", "NonlinearCG",
    "Objective", "ProximalGradient", "SteepestDescent", "TrustRegion", "Wolfe", "minimize", "minimizer_of",
    "scipy_objective",
]  # fmt: skip
