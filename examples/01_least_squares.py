"""Least squares: the gradient, the Hessian and the normal equations, then the numbers.

Run it with ``python examples/01_least_squares.py``.
"""

import numpy as np

import symdl as sd

# The model as a textbook writes it. The sizes n and p are symbols and stay symbols.
n, p = sd.dims("n p")
X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
cost = sd.norm(X @ w - y) ** 2 / 2

print("The derivation, to second order:\n")
print(sd.derivation(cost, w, order=2))

gradient, hessian = sd.grad(cost, w), sd.hessian(cost, w)
print("\nIn LaTeX:", sd.latex(gradient), "and", sd.latex(hessian))

# The same expressions as a function of arrays. Any n and p will do: nothing is compiled again.
function = sd.compile([cost, gradient, hessian])

rng = np.random.default_rng(0)
truth = np.array([2.0, -1.0, 0.5])
data = rng.normal(size=(200, 3))
arrays = {"X": data, "y": data @ truth + 0.1 * rng.normal(size=200)}

# The cost is quadratic: one step of Newton's method from anywhere solves it.
_, slope, curvature = function(arrays, w=np.zeros(3))
solution = -np.linalg.solve(curvature, slope)
value, slope, _ = function(arrays, w=solution)
print(f"\nthe truth     {truth}")
print(f"one step      {solution.round(3)}")
print(f"cost there    {value:.4f}, largest entry of the gradient {abs(slope).max():.1e}")

assert np.allclose(solution, np.linalg.lstsq(data, arrays["y"], rcond=None)[0])
