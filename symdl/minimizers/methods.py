"""The methods that need no more than the function, by name."""

from symdl.minimizers.bfgs import BFGS
from symdl.minimizers.conjugate_gradient import ConjugateGradient
from symdl.minimizers.coordinate_descent import CoordinateDescent
from symdl.minimizers.damped_newton import DampedNewton
from symdl.minimizers.lbfgs import LBFGS
from symdl.minimizers.method import Method
from symdl.minimizers.newton import Newton
from symdl.minimizers.nonlinear_cg import NonlinearCG
from symdl.minimizers.steepest_descent import SteepestDescent
from symdl.minimizers.trust_region import TrustRegion

METHODS: dict[str, type[Method]] = {
    "newton": Newton,
    "damped-newton": DampedNewton,
    "conjugate-gradient": ConjugateGradient,
    "trust-region": TrustRegion,
    "bfgs": BFGS,
    "lbfgs": LBFGS,
    "nonlinear-cg": NonlinearCG,
    "steepest-descent": SteepestDescent,
    "coordinate-descent": CoordinateDescent,
}
