"""A network of L layers, L a symbol: the recursion in δ and ζ is derived, not looked up. Then L = 3, in numbers."""

import numpy as np
import sympy

import symdl as sd

# The widths N[0], N[1], ..., N[L] and the depth L stay symbols.
N, L = sd.widths("N"), sympy.Symbol("L", integer=True, positive=True)
ell = sympy.Symbol("ell", integer=True, positive=True)

layer = sd.layers(ell, L)
W, b = layer.matrix("W", N[ell], N[ell - 1]), layer.vector("b", N[ell])
x, y = sd.vector("x", N[0]), sd.vector("y", N[L], one_hot=True)

output = layer.recur("a", x, lambda a: layer.named("a", sd.tanh(layer.named("z", W @ a + b))))
cost = -sd.sum(sd.hadamard(y, sd.log_softmax(output)))

print("For any depth:\n")
print(sd.derivation(cost, [W, b]))

# With a depth, the layers are ordinary equations with parameters W1, b1, W2, ...
three = cost.xreplace({L: sympy.Integer(3)})
parameters = sorted((symbol for symbol in three.free_symbols if symbol.name[0] in "Wb"), key=lambda item: item.name)
print("\nFor L = 3 the parameters are", ", ".join(f"{item.name} {item.shape}" for item in parameters))

function = sd.compile([three, *sd.grad(three, parameters)])
rng = np.random.default_rng(0)
sizes = {"N0": 5, "N1": 7, "N2": 6, "N3": 4}
arrays = {item.name: 0.5 * rng.normal(size=[sizes[size.name] for size in item.shape]) for item in parameters}
arrays |= {"x": rng.normal(size=5), "y": np.eye(4)[2]}
value, *gradients = function(arrays)

# Two-sided differences along a random direction confirm the derived gradients.
direction = {item.name: rng.normal(size=arrays[item.name].shape) for item in parameters}
steps = [{**arrays, **{name: arrays[name] + h * change for name, change in direction.items()}} for h in (1e-5, -1e-5)]
difference = (function(steps[0])[0] - function(steps[1])[0]) / 2e-5
derived = sum((g * direction[item.name]).sum() for g, item in zip(gradients, parameters, strict=True))
print(f"cost {value:.6f}; along a direction: derived {derived:.8f}, by differences {difference:.8f}")

assert abs(derived - difference) < 1e-7
