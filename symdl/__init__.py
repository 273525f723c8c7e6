"""symdl: write a model as the book writes it, read its derivation, run it at the machine's limit."""

import difflib
import importlib
import os
from typing import Any

os.environ.setdefault("SYMPY_CACHE_SIZE", "30000")  # SymPy reads it once, when it is imported; 1000 is too few for us

from symdl.calculus import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from symdl.check import check
from symdl.compile import compile
from symdl.curvature import (
    colouring,
    convexity,
    empirical_fisher,
    fisher,
    gauss_newton,
    hessian_diagonal,
    hessian_trace,
    prox,
    sparsity,
    structure,
)
from symdl.derivation import derivation
from symdl.expr.batch_mean import batch_mean
from symdl.expr.contract import broadcast, transpose
from symdl.expr.declare import matrix, named, scalar, tensor, vector
from symdl.expr.layers import layers, widths
from symdl.expr.mode import by_mode, in_mode
from symdl.expr.recur import recurrence
from symdl.expr.sizes import dims
from symdl.expr.state import state
from symdl.latex import latex
from symdl.ops import distributions, random, scores
from symdl.ops import elementwise as _elementwise
from symdl.ops.attention import attention, attention_weights, positional_encoding
from symdl.ops.batch_norm import batch_moments, batch_norm
from symdl.ops.convolution import conv1d, conv2d, conv3d, conv_transpose2d
from symdl.ops.divergences import js_divergence, kl_divergence, kl_normal
from symdl.ops.dropout import dropout
from symdl.ops.expectation import expectation
from symdl.ops.gather import one_hot, take
from symdl.ops.linalg import cholesky, det, eigh, inv, logdet, norm, solve, svd
from symdl.ops.normalisation import group_norm, layer_norm, rms_norm
from symdl.ops.pooling import avg_pool, max_pool
from symdl.ops.rearrange import flip, pad, reshape
from symdl.ops.reductions import argmax, max, mean, min, prod, std, sum, trace, var
from symdl.ops.segments import segment_max, segment_mean, segment_softmax, segment_sum
from symdl.ops.similarity import contrastive_loss, triplet_loss
from symdl.ops.softmax import log_softmax, logsumexp, softmax
from symdl.ops.stop_gradient import stop_gradient
from symdl.ops.structure import array, concat, diag, eye, kron, matrix_power, ones, outer, stack, zeros
from symdl.simplify.closed_form import closed_form
from symdl.stability import stability

__version__ = "0.1.0"

# Names whose modules are only loaded when they are used.
_LATE: dict[str, str] = {
    "Group": "symdl.train",
    "Model": "symdl.train",
    "Program": "symdl.train",
    "fit": "symdl.train",
    "load": "symdl.train",
    "History": "symdl.train",
    "minimize": "symdl.minimizers",
    "minimizers": "symdl.minimizers",
    "optimizers": "symdl.optimizers",
    "scipy_objective": "symdl.minimizers",
    "losses": "symdl.losses",
    "init": "symdl.init",
    "data": "symdl.data",
    "models": "symdl.models",
}

__all__ = [
    "argmax",
    "array",
    "attention",
    "attention_weights",
    "avg_pool",
    "batch_mean",
    "batch_moments",
    "batch_norm",
    "broadcast",
    "by_mode",
    "check",
    "cholesky",
    "closed_form",
    "colouring",
    "compile",
    "concat",
    "contrastive_loss",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "convexity",
    "derivation",
    "det",
    "diag",
    "dims",
    "distributions",
    "dropout",
    "eigh",
    "empirical_fisher",
    "expectation",
    "eye",
    "fisher",
    "flip",
    "gauss_newton",
    "grad",
    "group_norm",
    "hessian",
    "hessian_diagonal",
    "hessian_trace",
    "hvp",
    "in_mode",
    "inv",
    "jacobian",
    "js_divergence",
    "jvp",
    "kl_divergence",
    "kl_normal",
    "kron",
    "latex",
    "layer_norm",
    "layers",
    "log_softmax",
    "logdet",
    "logsumexp",
    "matrix",
    "matrix_power",
    "max",
    "max_pool",
    "mean",
    "min",
    "named",
    "norm",
    "one_hot",
    "ones",
    "outer",
    "pad",
    "positional_encoding",
    "prod",
    "prox",
    "random",
    "recurrence",
    "reshape",
    "rms_norm",
    "scalar",
    "scores",
    "segment_max",
    "segment_mean",
    "segment_softmax",
    "segment_sum",
    "softmax",
    "solve",
    "sparsity",
    "stability",
    "stack",
    "state",
    "std",
    "stop_gradient",
    "structure",
    "sum",
    "svd",
    "take",
    "tensor",
    "trace",
    "transpose",
    "triplet_loss",
    "value_and_grad",
    "var",
    "vector",
    "vjp",
    "widths",
    "zeros",
    *dir(_elementwise),
]


def __getattr__(name: str) -> Any:
    """Element-wise functions by op name, and parts that are loaded late."""
    module = _LATE.get(name)
    if module is not None:
        found = importlib.import_module(module)
        return found if module == f"symdl.{name}" else getattr(found, name)
    if name in dir(_elementwise):
        return getattr(_elementwise, name)
    near = difflib.get_close_matches(name, __all__, n=1)
    raise AttributeError(f"symdl has no attribute {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
