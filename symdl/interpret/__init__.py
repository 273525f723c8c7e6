"""Interpreters of systems, independent of the code generator: oracles for derivatives and kernels.

``grids`` evaluates with NumPy, real or complex, and ``scales`` carries the sum of the absolute terms along; ``precise``
evaluates with mpmath to any number of digits, element by element.
"""

from symdl.interpret.evaluate import evaluate, evaluate_with_scale, kink_distances
from symdl.interpret.samples import sample, sample_inputs

__all__ = ["evaluate", "evaluate_with_scale", "kink_distances", "sample", "sample_inputs"]
