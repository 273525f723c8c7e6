"""Every example runs, prints formulas and numbers, and what it asserts holds."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
PRINTS = {
    "01_least_squares": ["∂C/∂w      = Xᵀ (X w − y)", "Xᵀ X"],
    "02_logistic_regression_newton": ["diag(σ_Sig(X w) ⊙ (1 − σ_Sig(X w))) X", r"X^{\top} \left(\sigma_{"],
    "03_digits_mlp": ["δ[2]     = ŷ − y", "ζ[1]     = W[2]ᵀ δ[2]", "test accuracy 0.9"],
    "04_backpropagation_of_symbolic_depth": ["∂a[ℓ+1]/∂a[ℓ] ζ[ℓ+1] if ℓ < L", "∂C/∂W[ℓ]      = δ[ℓ] a[ℓ−1]ᵀ"],
    "05_optimizers_are_equations": ["θ ← θ − α g", "s ← (1 − γ) g⊙² + γ s"],
    "07_deriving_backpropagation": ["δ[1]     = ζ[1] ⊙ 𝟏{z[1] ≥ 0}", "W[ℓ+1]ᵀ δ[ℓ+1] if ℓ < L", "1 at u = 0"],
    "08_softmax_regression_gradient_to_hessian": ["∂ŷ/∂z = diag(ŷ) − ŷ ŷᵀ", "⊗ X", "sum of Kronecker", "is convex"],
    "09_fitting_a_glm_by_newton": ["Xᵀ diag(ŷ ⊙ (1 − ŷ)) X", "log-likelihood -73.065", "mean texture"],
    "06_what_is_printed_is_what_runs": ["def t1(", "np.tanh", "largest difference"],
}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(example), run_name="__main__")
    printed = capsys.readouterr().out
    assert [text for text in PRINTS[example.stem] if text not in printed] == []


def test_examples_are_numbered_and_described():
    assert [path.stem.split("_")[0] for path in EXAMPLES] == [f"{k:02}" for k in range(1, len(EXAMPLES) + 1)]
    assert set(PRINTS) == {path.stem for path in EXAMPLES}
    for path in EXAMPLES:
        assert path.read_text(encoding="utf-8").startswith('"""'), f"{path.name} says what it shows"
