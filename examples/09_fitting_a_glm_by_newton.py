"""Fitting a GLM by Newton: logistic regression on ten features of breast cancer, with standard errors.

Run it with ``python examples/09_fitting_a_glm_by_newton.py``; it writes newton.html, the same with typeset formulas.
"""

import importlib.util
from pathlib import Path

import numpy as np

import symdl as sd
from symdl.data import breast_cancer
from symdl.derivation.page import article

# The first ten features; all thirty separate the classes, and then no maximum-likelihood fit exists.
tumours = breast_cancer()
features = tumours.x[:, :10]
design = np.column_stack([np.ones(len(features)), (features - features.mean(0)) / features.std(0)])

n, d = sd.dims("n d")
X, y, theta = sd.matrix("X", n, d), sd.vector("y", n), sd.vector("theta", d)
y_hat = sd.named("y_hat", sd.sigmoid(sd.named("u", X @ theta)))
cost = -sd.sum(sd.hadamard(y, sd.log(y_hat)) + sd.hadamard(1 - y, sd.log(1 - y_hat)))

steps = sd.derivation(cost, theta, order=2)
print("The negative log-likelihood, its gradient and its Hessian:\n")
print(steps)
verdict = sd.convexity(cost, theta)
assert verdict.convex
print(f"\nIt is {verdict.verdict}: {verdict.reasons[0]}.")

# Newton's method; the inverse of the Hessian at the end is the covariance of the estimates.
newton = sd.minimizers.Newton()
fit = sd.minimize(cost, theta, {X: design, y: tumours.y}, method=newton)
print(f"\n{fit.message}; log-likelihood {-fit.value:.6f}\n")
names = ["intercept", *tumours.features[:10]]
estimates, errors = fit.values["theta"], fit.standard_errors["theta"]
table = [("coefficient", "estimate", "standard error", "z")]
for name, estimate, error in zip(names, estimates, errors, strict=True):
    table.append((name, f"{estimate:.4f}", f"{error:.4f}", f"{estimate / error:.2f}"))
for row in table:
    print("{:<24} {:>10} {:>15} {:>7}".format(*row))

compared = "statsmodels is not installed: nothing to compare with."
if importlib.util.find_spec("statsmodels"):
    from statsmodels.discrete.discrete_model import Logit

    peer = Logit(tumours.y, design).fit(method="newton", maxiter=100, tol=1e-10, disp=False)
    apart = abs(estimates - peer.params).max(), abs(errors - peer.bse).max()
    compared = f"Largest differences from statsmodels: estimates {apart[0]:.1e}, standard errors {apart[1]:.1e}."
    assert max(apart) < 1e-8 * abs(peer.params).max()
print(f"\n{compared}")

page = article(
    "Fitting a generalised linear model by Newton's method",
    [
        "Is a tumour benign? Ten measurements of the cell nuclei of 569 patients, standardised, and a column of ones "
        r"are the design matrix $X$; the probability is modelled by $\hat{y} = \sigma_{\mathrm{Sig}}(X\theta)$.",
        "# The likelihood and its derivatives",
        steps,
        f"The cost is {verdict.verdict}, since its Hessian is {verdict.reasons[0]}. So every local minimum is a global "
        "one.",
        "# Newton's method",
        "$$" + newton.equations()[0].replace("&", "") + "$$",
        f"{fit.message[0].upper()}{fit.message[1:]}. The log-likelihood there is {-fit.value:.6f}, and the inverse of "
        "the Hessian gives the standard errors:",
        table,
        compared,
    ],
)
Path("newton.html").write_text(page, encoding="utf-8")
