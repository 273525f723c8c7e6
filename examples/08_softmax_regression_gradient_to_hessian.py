"""Softmax regression, gradient to Hessian: the sum of Kronecker products, used as such, on the iris data.

Run it with ``python examples/08_softmax_regression_gradient_to_hessian.py``; it writes softmax_regression.html, the
same with typeset formulas.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import symdl as sd
from symdl.derivation.page import article

# n samples with p features each are the rows of X, their one-hot labels those of Y; W has a row for each of K classes.
n, p, K = sd.dims("n p K")
X, Y, W = sd.matrix("X", n, p), sd.matrix("Y", n, K, one_hot=True), sd.matrix("W", K, p)
Z = sd.named("Z", X @ W.T)
Y_hat = sd.named("Y_hat", sd.softmax(Z, axis=1))
cost = sd.losses.cross_entropy(Y, Y_hat) / n

# What makes the Hessian is the Jacobian of one sample's softmax.
z = sd.vector("z", K)
one_sample = sd.derivation(sd.named("y_hat", sd.softmax(z)), z)
print("The Jacobian of the softmax:\n")
print(one_sample)

steps = sd.derivation(cost, W, order=2)
print("\nFrom the cost to its Hessian:\n")
print(steps)

# The Hessian has (Kp)² entries, and never has to be written down: its structure is applied to a matrix as it is.
gradient, hessian = sd.grad(cost, W), sd.hessian(cost, W)
structure = sd.structure(hessian)
print("\nThe Hessian is a", structure.kind)
print("  ", structure.latex())
verdict = sd.convexity(cost, W)
print("The cost is", verdict.verdict)
for reason in verdict.reasons:
    print("  ", reason.strip())

# In numbers: Newton's method with a small ridge on the iris data, the step by the dense Hessian.
iris = load_iris()
features = (iris.data - iris.data.mean(0)) / iris.data.std(0)
data = {"X": np.column_stack([np.ones(150), features]), "Y": np.eye(3)[iris.target]}
D = sd.matrix("D", K, p)
function = sd.compile([cost, gradient, hessian])
product = sd.compile([structure.product(D)])

ridge, weights = 1e-3, np.zeros((3, 5))
table = [("iteration", "cost", "largest entry of the gradient")]
for iteration in range(12):
    value, slope, curvature = function(data, W=weights)
    value, slope = value + ridge / 2 * (weights**2).sum(), slope + ridge * weights
    table.append((iteration, f"{value:.8f}", f"{abs(slope).max():.1e}"))
    if abs(slope).max() < 1e-10:
        break
    matrix = curvature.reshape(15, 15) + ridge * np.eye(15)
    weights = weights - np.linalg.solve(matrix, slope.reshape(15)).reshape(3, 5)
print()
for row in table:
    print("{:>9}  {:>11}  {}".format(*row))

direction = np.random.default_rng(0).normal(size=(3, 5))
[by_structure] = product(X=data["X"], W=weights, D=direction)
by_matrix = np.einsum("ijkl,kl->ij", function(data, W=weights)[2], direction)
accuracy = ((data["X"] @ weights.T).argmax(1) == iris.target).mean()
print(f"accuracy on the training data {accuracy:.3f}")
print(f"product by structure and by matrix differ by {abs(by_structure - by_matrix).max():.1e}")
assert np.allclose(by_structure, by_matrix, rtol=1e-10, atol=1e-12)
assert abs(slope).max() < 1e-10

page = article(
    "Softmax regression, gradient to Hessian",
    [
        r"The model gives sample $i$, row $x_i$ of $X$, the probabilities $\hat{y}_i$: the softmax of the scores "
        r"$W x_i$. All of them are the rows of $\hat{Y}$. The cost is the mean cross entropy.",
        "# The Jacobian of the softmax",
        "Everything that is special about the Hessian is in this matrix. It is symmetric, and its rows sum to 0, since "
        "a softmax does not change when the same number is added to all scores.",
        one_sample,
        "# From the cost to its Hessian",
        steps,
        "# Its structure",
        f"The Hessian is a {structure.kind}, with rows and columns counted row by row:",
        f"$${structure.latex()}$$",
        f"The cost is {verdict.verdict}, as the structure proves. {verdict.reasons[0]}",
        *(f"• {reason.strip()}" for reason in verdict.reasons[1:]),
        "# Newton's method on the iris data",
        r"With a ridge $\frac{\lambda}{2} \lVert W \rVert_F^2$, $\lambda = 10^{-3}$, that makes the minimum unique:",
        table,
    ],
)
Path("softmax_regression.html").write_text(page, encoding="utf-8")
