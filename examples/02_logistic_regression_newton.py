"""Logistic regression in three notations: one gradient. Then Newton's method with the derived Hessian."""

import numpy as np
import sympy

import symdl as sd

n, p = sd.dims("n p")

# 1. symdl's tensors.
X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
by_tensors = sd.sum(sd.softplus(X @ w) - sd.hadamard(y, X @ w))

# 2. SymPy's matrix expressions: what you have may stay as it is.
t = sympy.Symbol("t")
Xm, ym, wm = sympy.MatrixSymbol("X", n, p), sympy.MatrixSymbol("y", n, 1), sympy.MatrixSymbol("w", p, 1)
softplus = sympy.Lambda(t, sympy.log(1 + sympy.exp(t)))
by_matrices = sympy.OneMatrix(1, n) * (Xm * wm).applyfunc(softplus) - ym.T * Xm * wm

# 3. SymPy's indexed notation, zero-based like all of Python.
i, j = sympy.symbols("i j", integer=True)
Xi, yi, wi = (sympy.IndexedBase(name, shape=shape) for name, shape in (("X", (n, p)), ("y", (n,)), ("w", (p,))))
u = sympy.Sum(Xi[i, j] * wi[j], (j, 0, p - 1))
by_indices = sympy.Sum(sympy.log(1 + sympy.exp(u)) - yi[i] * u, (i, 0, n - 1))

print("The gradient, from each of them:")
for cost, variable in ((by_tensors, w), (by_matrices, wm), (by_indices, w)):
    print("   ", sd.latex(sd.grad(cost, variable)))

print("\nThe derivation:\n")
print(sd.derivation(by_tensors, w, order=2))

# Newton's method: w ← w − H⁻¹ g, with a small ridge that keeps the weights finite on separable data.
ridge = sd.scalar("lambda", positive=True)
cost = by_tensors + ridge / 2 * sd.norm(w) ** 2
step = sd.compile([cost, sd.grad(cost, w), sd.hessian(cost, w)])

rng = np.random.default_rng(1)
features = rng.normal(size=(500, 4))
labels = rng.random(500) < 1 / (1 + np.exp(-features @ [1.5, -2.0, 0.0, 1.0]))
arrays = {"X": features, "y": labels, "lambda": 1.0}

weights = np.zeros(4)
print("\niteration      cost  largest entry of the gradient")
for iteration in range(8):
    value, gradient, hessian = step(arrays, w=weights)
    print(f"{iteration:9d}  {value:8.4f}  {abs(gradient).max():.1e}")
    weights = weights - np.linalg.solve(hessian, gradient)
print("weights", weights.round(2))

assert abs(gradient).max() < 1e-8
