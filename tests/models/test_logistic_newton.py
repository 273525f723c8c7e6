"""Logistic regression by Newton's method: the fit and the standard errors are those of statsmodels to 1e-8."""

import numpy as np
import pytest

from symdl.errors import InputError
from symdl.models import find, logistic_newton


def test_fit_and_standard_errors_are_those_of_statsmodels():
    models = pytest.importorskip("statsmodels.discrete.discrete_model")
    design, labels, names = logistic_newton.data()
    peer = models.Logit(labels, design).fit(method="newton", maxiter=100, tol=1e-12, disp=False)
    found = logistic_newton.fitted(50, "numpy")
    assert found.converged
    scale = abs(peer.params).max()
    np.testing.assert_allclose(found.values["theta"], peer.params, rtol=1e-8, atol=1e-8 * scale)
    np.testing.assert_allclose(found.standard_errors["theta"], peer.bse, rtol=1e-8, atol=1e-8 * scale)
    assert found.value == pytest.approx(-peer.llf, abs=1e-8)
    assert find("logistic-newton").reference == pytest.approx(-peer.llf, abs=1e-9)
    report = logistic_newton.table(found)
    for name, estimate, error in zip(names, peer.params, peer.bse, strict=True):
        [line] = [line for line in report.splitlines() if line.startswith(f"{name} ")]
        assert line.split()[-3:-1] == [f"{estimate:.4f}", f"{error:.4f}"]


def test_single_precision_is_refused():
    with pytest.raises(InputError, match="expected dtype='float64', found 'float32'"):
        logistic_newton.run(0, None, 5, "numpy", "float32")
