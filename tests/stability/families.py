"""The families of formulas that lose digits as they are written, with ranges on which they are defined."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

import symdl as sd

(n,) = sd.dims("n,")
x, z, t = sd.vector("x", n), sd.vector("z", n), sd.vector("t", n)
y = sd.vector("y", n, one_hot=True)
p = sd.scalar("p")
BINARY = np.arange(10.0) % 2
ONE_HOT = np.eye(10)[3]


@dataclass(frozen=True)
class Family:
    """A formula and the part of ±200 (float32), ±700 (float64) on which it is defined or representable."""

    formula: Any
    low: float = -np.inf
    high: float = np.inf
    values: dict = field(default_factory=dict)
    order: int = 2

    def ranges(self, limit):
        """Return the ranges of x and z for a limit."""
        pair = (max(self.low, -limit), min(self.high, limit))
        names = {symbol.name for symbol in self.formula.free_symbols}
        return {name: pair for name in ("x", "z") if name in names}


v = sd.vector("v", n)
SLOPES = np.linspace(-1.0, 1.3, 10)
cross_entropy = -sd.sum(sd.hadamard(y, sd.log(sd.softmax(x))))
logistic = -(sd.hadamard(t, sd.log(sd.sigmoid(x))) + sd.hadamard(1 - t, sd.log(1 - sd.sigmoid(x))))
probit = -(sd.hadamard(t, sd.log(sd.normal_cdf(x))) + sd.hadamard(1 - t, sd.log(1 - sd.normal_cdf(x))))

FAMILIES = {
    "exp": Family(sd.exp(x)),
    "exp(x) - 1": Family(sd.exp(x) - 1),
    "log(1 + x)": Family(sd.log(1 + x), 0),
    "sigmoid": Family(sd.sigmoid(x)),
    "tanh": Family(sd.tanh(x)),
    "softplus": Family(sd.softplus(x)),
    "log(1 + exp(x))": Family(sd.log(1 + sd.exp(x))),
    "log sigmoid": Family(sd.log(sd.sigmoid(x))),
    "1 - sigmoid": Family(1 - sd.sigmoid(x)),
    "sigmoid (1 - sigmoid)": Family(sd.hadamard(sd.sigmoid(x), 1 - sd.sigmoid(x))),
    "1 - tanh²": Family(1 - sd.square(sd.tanh(x))),
    "sigmoid, cross-entropy": Family(logistic, values={"t": BINARY}),
    "margin loss": Family(sd.log(1 + sd.exp(-sd.hadamard(2 * t - 1, x))), values={"t": BINARY}),
    "logit": Family(sd.log(sd.divide(x, 1 - x)), 0, 1),
    "log(1 - exp(x))": Family(sd.log(1 - sd.exp(x)), high=0),
    "log(x + 1) - log x": Family(sd.log(x + 1) - sd.log(x), 0),
    "√(1 + x) - 1": Family(sd.sqrt(1 + x) - 1, 0),
    "√(x² + 1) - x": Family(sd.sqrt(sd.square(x) + 1) - x),
    "(exp(x) - 1)/x": Family(sd.divide(sd.exp(x) - 1, x)),
    "sinc": Family(sd.divide(sd.sin(x), x)),
    "1 - cos": Family(1 - sd.cos(x)),
    "cosh - 1": Family(sd.cosh(x) - 1),
    "log cosh": Family(sd.log(sd.cosh(x))),
    "1 - erf": Family(1 - sd.erf(x)),
    "erfc": Family(sd.erfc(x)),
    "log erfc": Family(sd.log(sd.erfc(x))),
    "log Φ": Family(sd.log(sd.normal_cdf(x))),
    "log (1 + erf(x/√2))/2": Family(sd.log((1 + sd.erf(x / sympy.sqrt(2))) / 2)),
    "probit, cross-entropy": Family(probit, values={"t": BINARY}),
    "φ/Φ": Family(sd.divide(sd.normal_pdf(x), sd.normal_cdf(x)), order=1),
    "exp(x)/(2 + exp(x))": Family(sd.divide(sd.exp(x), 2 + sd.exp(x))),
    "log(1 + 2 exp(x))": Family(sd.log(1 + 2 * sd.exp(x))),
    "log(exp(x) + exp(z))": Family(sd.log(sd.exp(x) + sd.exp(z))),
    "tanh by exponentials": Family(sd.divide(sd.exp(x) - sd.exp(-x), sd.exp(x) + sd.exp(-x))),
    "hypot": Family(sd.sqrt(sd.square(x) + sd.square(z))),
    "gelu": Family(sd.gelu(x)),
    "swish": Family(sd.swish(x)),
    "tan": Family(sd.tan(x)),
    "atan": Family(sd.atan(x)),
    "pow": Family(sd.power(x, p), 0, values={"p": 2.5}),
    "logsumexp": Family(sd.logsumexp(x)),
    "softmax": Family(sd.softmax(x)),
    "log-softmax": Family(sd.log_softmax(x)[3]),
    "softmax, cross-entropy": Family(cross_entropy, values={"y": ONE_HOT}),
    "softmax, Hessian times a vector": Family(sd.hvp(cross_entropy, x, v), values={"y": ONE_HOT, "v": SLOPES}, order=0),
    "norm": Family(sd.norm(x)),
    "norm, Hessian times a vector": Family(sd.hvp(sd.norm(x), x, v), values={"v": SLOPES}, order=0),
    "x/‖x‖": Family(x / sd.norm(x)),
    "variance": Family(sd.sum(sd.square(x)) / n - (sd.sum(x) / n) ** 2, 100, 101),
    "where, log": Family(sd.where(sd.greater(x, 0), sd.log(x), x)),
    "where, root": Family(sd.where(sd.greater(x, 0), sd.divide(sd.sqrt(x), 1 + x), 0)),
}
QUICK = ("sigmoid, cross-entropy", "log(1 + exp(x))", "sinc", "√(x² + 1) - x", "log Φ", "probit, cross-entropy")
