"""Deriving backpropagation: from two layers written down as equations to the book's δ and ζ, checked with numbers.

Run it with ``python examples/07_deriving_backpropagation.py``; it writes backpropagation.html, the same with typeset
formulas.
"""

from pathlib import Path

import numpy as np
import sympy

import symdl as sd
from symdl.derivation.page import article

# One sample x with its one-hot label y goes through two layers. Every size is a symbol.
p, m, q = sd.dims("p m q")
x, y = sd.vector("x", p), sd.vector("y", q, one_hot=True)
W1, b1 = sd.matrix("W1", m, p, latex="W^{[1]}"), sd.vector("b1", m, latex="b^{[1]}")
W2, b2 = sd.matrix("W2", q, m, latex="W^{[2]}"), sd.vector("b2", q, latex="b^{[2]}")

z1 = sd.named("z1", W1 @ x + b1, latex="z^{[1]}")
a1 = sd.named("a1", sd.relu(z1), latex="a^{[1]}")
z2 = sd.named("z2", W2 @ a1 + b2, latex="z^{[2]}")
y_hat = sd.named("y_hat", sd.softmax(z2))
cost = -sd.sum(sd.hadamard(y, sd.log(y_hat)))

parameters = [W1, b1, W2, b2]
two_layers = sd.derivation(cost, parameters)
print("Two layers:\n")
print(two_layers)

# Nothing above depends on there being two of them. With the depth a symbol L the same derivation is a recursion.
N, L = sd.widths("N"), sympy.Symbol("L", integer=True, positive=True)
ell = sympy.Symbol("ell", integer=True, positive=True)
layer = sd.layers(ell, L)
W, b = layer.matrix("W", N[ell], N[ell - 1]), layer.vector("b", N[ell])
first, label = sd.vector("x", N[0]), sd.vector("y", N[L], one_hot=True)
output = layer.recur("a", first, lambda a: layer.named("a", sd.tanh(layer.named("z", W @ a + b))))
any_depth = sd.derivation(-sd.sum(sd.hadamard(label, sd.log_softmax(output))), [W, b])
print("\nAny depth:\n")
print(any_depth)

# Is it right? Move all parameters a little along a random direction, and compare the change of the cost.
function = sd.compile([cost, *sd.grad(cost, parameters)])
rng = np.random.default_rng(0)
shapes = {"W1": (6, 4), "b1": (6,), "W2": (3, 6), "b2": (3,)}
arrays = {name: rng.normal(size=shape) for name, shape in shapes.items()}
arrays |= {"x": rng.normal(size=4), "y": np.eye(3)[1]}
value, *gradients = function(arrays)
direction = {name: rng.normal(size=shape) for name, shape in shapes.items()}
ends = [
    function({**arrays, **{name: arrays[name] + h * change for name, change in direction.items()}})[0]
    for h in (1e-6, -1e-6)
]
difference = (ends[0] - ends[1]) / 2e-6
derived = sum((gradient * direction[name]).sum() for name, gradient in zip(shapes, gradients, strict=True))
print(f"\nThe cost is {value:.6f}. Along a random direction it changes by")
print(f"  {derived:.8f} per unit, by the derived gradients;")
print(f"  {difference:.8f} per unit, by differences.")
assert abs(derived - difference) < 1e-6

page = article(
    "Deriving backpropagation",
    [
        "A network of two layers is five equations. Backpropagation is what the chain rule makes of them when it is "
        "applied from the last equation to the first: each named quantity has an adjoint, the derivative of the cost "
        r"$C$ by it. Adjoints of activations $a$ are called $\zeta$, those of pre-activations $z$ are called $\delta$.",
        "# Two layers",
        two_layers,
        "# Any number of layers",
        r"The depth $L$ and all widths $N_0, \dots, N_L$ may stay symbols. What is derived is then a recursion: where "
        r"$\zeta$ starts at layer $L$, and one layer's step from $\zeta^{[\ell+1]}$ to $\zeta^{[\ell]}$.",
        any_depth,
        "# A check",
        f"Moved along a random direction, the cost changes by {derived:.8f} per unit by the derived gradients, and by "
        f"{difference:.8f} by differences of its values.",
    ],
)
Path("backpropagation.html").write_text(page, encoding="utf-8")
