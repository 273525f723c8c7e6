"""Derivations: the steps a reader expects, each of them true, all of them LaTeX."""

import numpy as np
import pytest

import symdl as sd
from symdl.derivation import PARTS, plain, plain_text
from symdl.derivation.gradient import _Chain
from symdl.errors import DerivationError, ShapeError
from symdl.expr.ingest import ingest
from symdl.interpret import evaluate
from tests.derivation.models import COSTS, arrays_for, factorisation, logistic, network, symbolic_depth
from tests.katex import katex_error

X = sd.vector("x", 3)


def steps_of(derivation, part):
    """The steps of a part as Unicode text."""
    return [f"{plain(step.left)} = {plain(step.right)}" for step in derivation.steps if step.part == part]


def value_of(expression):
    """A step's right side as a number, by the plain NumPy backend."""
    function = sd.compile(expression, target="numpy")
    symbols = ingest(expression).free_symbols
    shapes = {symbol.name: getattr(symbol, "shape", ()) for symbol in symbols}
    sizes = {name: {"n": 6, "p": 4, "q": 3, "h": 5, "k": 2}[name] for name in function.inputs if name not in shapes}
    return function({**arrays_for([name for name in function.inputs if name in shapes], shapes), **sizes})


def test_logistic_regression():
    derivation = sd.derivation(*logistic())
    assert steps_of(derivation, "forward") == ["u = X w", "C = 𝟏ᵀ (softplus(u) − u ⊙ y)"]
    assert steps_of(derivation, "backward") == ["ū = σ_Sig(u) − y"]
    assert steps_of(derivation, "gradient") == ["∂C/∂w = Xᵀ ū", "∂C/∂w = Xᵀ (σ_Sig(X w) − y)"]
    assert [plain_text(step.rule) for step in derivation.steps] == [
        "abbreviation",
        "loss",
        "∂C/∂u, derivative of the loss",
        "chain rule through u",
        "names written out",
    ]


def test_a_network_is_backpropagation_in_the_names_of_the_book():
    derivation = sd.derivation(*network())
    assert steps_of(derivation, "forward") == [
        "z[1] = W[1] x + b[1]",
        "a[1] = tanh(z[1])",
        "z[2] = W[2] a[1] + b[2]",
        "ŷ = S_Softmax(z[2])",
        "C = −yᵀ log(ŷ)",
    ]
    assert steps_of(derivation, "backward")[-3:] == [
        "δ[2] = ŷ − y",
        "ζ[1] = W[2]ᵀ δ[2]",
        "δ[1] = ζ[1] ⊙ (1 − (a[1])⊙²)",
    ]
    assert steps_of(derivation, "gradient") == [
        "∂C/∂W[1] = δ[1] xᵀ",
        "∂C/∂b[1] = δ[1]",
        "∂C/∂W[2] = δ[2] a[1]ᵀ",
        "∂C/∂b[2] = δ[2]",
    ]
    assert any("probabilities sum to 1" in step.rule for step in derivation.steps)


def test_symbolic_depth_is_the_recursion():
    derivation = sd.derivation(*symbolic_depth())
    assert steps_of(derivation, "backward") == [
        "∂a[ℓ+1]/∂a[ℓ] = W[ℓ+1]ᵀ diag(1 − (a[ℓ+1])⊙²)",
        "ζ[ℓ] = {S_Softmax(a[L]) − y if ℓ = L; ∂a[ℓ+1]/∂a[ℓ] ζ[ℓ+1] if ℓ < L}",
        "δ[ℓ] = ζ[ℓ] ⊙ (1 − (a[ℓ])⊙²)",
        "δ[ℓ] = {(1 − (a[L])⊙²) ⊙ (S_Softmax(a[L]) − y) if ℓ = L; (1 − (a[ℓ])⊙²) ⊙ W[ℓ+1]ᵀ δ[ℓ+1] if ℓ < L}",
    ]
    assert steps_of(derivation, "gradient") == ["∂C/∂W[ℓ] = δ[ℓ] a[ℓ−1]ᵀ", "∂C/∂b[ℓ] = δ[ℓ]"]
    assert "for ℓ = L, …, 1" in plain_text(derivation.steps[-5].rule)


def test_hessian_by_way_of_named_quantities():
    derivation = sd.derivation(*logistic(), order=2)
    assert steps_of(derivation, "Hessian") == [
        "∂u/∂w = X",
        "∂ū/∂w = diag(σ_Sig(u) ⊙ (1 − σ_Sig(u))) X",
        "∂²C/∂w ∂wᵀ = Xᵀ diag(σ_Sig(X w) ⊙ (1 − σ_Sig(X w))) X",
    ]
    assert derivation.results[0] == sd.hessian(logistic()[0], sd.vector("w", sd.dims("p")))


def logistic_with_an_intercept():
    n, p = sd.dims("n p")
    X, y, w, c = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p), sd.scalar("c")
    y_hat = sd.named("y_hat", sd.sigmoid(sd.named("z", X @ w + c * sd.ones(n))))
    return -sd.sum(sd.hadamard(y, sd.log(y_hat)) + sd.hadamard(1 - y, sd.log(1 - y_hat))), [w, c]


def test_hessian_in_several_variables():
    derivation = sd.derivation(*logistic_with_an_intercept(), order=2)
    assert steps_of(derivation, "Hessian") == [
        "∂z/∂w = X",
        "∂ŷ/∂w = diag(ŷ ⊙ (1 − ŷ)) X",
        "∂δ/∂w = diag(ŷ ⊙ (1 − ŷ)) X",
        "∂z/∂c = 𝟏",
        "∂ŷ/∂c = ŷ ⊙ (1 − ŷ)",
        "∂δ/∂c = ŷ ⊙ (1 − ŷ)",
        "∂²C/∂w ∂wᵀ = Xᵀ diag(ŷ ⊙ (1 − ŷ)) X",
        "∂²C/∂w ∂c = Xᵀ (ŷ ⊙ (1 − ŷ))",
        "∂²C/∂c² = ŷᵀ (1 − ŷ)",
    ]
    assert derivation.steps[-2].rule.endswith("the opposite block is its transpose")


def bilinear():
    p = sd.dims("p")
    A, v, w = sd.matrix("A", p, p), sd.vector("v", p), sd.vector("w", p)
    return sd.exp(v @ w) + v.T @ A @ w, [v, w]


@pytest.mark.parametrize("make", [logistic_with_an_intercept, bilinear, factorisation, network])
def test_blocks_of_the_hessian_are_true(make):
    cost, variables = make()
    derivation = sd.derivation(cost, variables, order=2)
    assert derivation.results == sd.hessian(cost, variables)
    blocks = [step for step in derivation.steps if step.rule.startswith("derivative of the gradient")]
    count = len(variables)
    assert len(blocks) == count * (count + 1) // 2
    assert katex_error(derivation.latex()) is None
    gradients = sd.grad(cost, variables)
    places = [(row, column) for row in range(count) for column in range(row, count)]
    for (row, column), step in zip(places, blocks, strict=True):
        expected = sd.jacobian(gradients[row], variables[column])
        np.testing.assert_allclose(value_of(step.value), value_of(expected), rtol=1e-9, atol=1e-12, err_msg=step.left)


def test_jacobian_by_the_derivative_of_each_quantity():
    n, p = sd.dims("n p")
    W, b, x = sd.matrix("W", n, p), sd.vector("b", n), sd.vector("x", p)
    derivation = sd.derivation(sd.relu(sd.named("u", W @ x + b)), x)
    assert steps_of(derivation, "forward") == ["u = W x + b", "f = σ_ReLU(u)"]
    assert steps_of(derivation, "Jacobian") == [
        "∂u/∂x = W",
        "∂f/∂u = diag(𝟏{u ≥ 0})",
        "∂f/∂x = ∂f/∂u ∂u/∂x",
        "∂f/∂x = diag(𝟏{u ≥ 0}) W",
    ]
    rules = ["definition", "what is derived", "linear", "derivative of relu", "chain rule"]
    assert [step.rule for step in derivation.steps][:-1] == rules
    assert plain_text(derivation.notes[-1]) == "Convention: d/du σ_ReLU(u) = 1 at u = 0."
    assert derivation.results == (sd.jacobian(sd.relu(sd.named("u", W @ x + b)), x),)


def test_jacobian_by_several_ways():
    n = sd.dims("n")
    x, g = sd.vector("x", n), sd.scalar("gamma")
    mu = sd.named("mu", sd.mean(x))
    derivation = sd.derivation(g * (x - mu * sd.ones(n)), [x, g])
    assert steps_of(derivation, "Jacobian") == [
        "∂μ/∂x = 1/n 𝟏",
        "∂f/∂μ = −γ 𝟏",
        "∂f/∂x = γ I",
        "∂f/∂γ = x − μ 𝟏",
        "df/dx = ∂f/∂μ ∂μ/∂x + ∂f/∂x",
        "df/dx = γ (I − 1/n 𝟏 𝟏ᵀ)",
        "∂f/∂γ = x − μ 𝟏",
    ]


def test_jacobian_of_a_matrix_function():
    A = sd.matrix("A", 3, 3)
    [step] = sd.derivation(sd.inv(A), A).parts()[-1][1]
    assert (plain(step.right), step.rule) == ("(−A⁻¹ ⊗ A⁻ᵀ)₍ᵢⱼ₎,₍ₖₗ₎", "derivative of a matrix function")


def test_log_loss_of_a_named_prediction():
    n, p = sd.dims("n p")
    X, y, w = sd.matrix("X", n, p), sd.vector("y", n), sd.vector("w", p)
    y_hat = sd.named("y_hat", sd.sigmoid(sd.named("u", X @ w)))
    cost = -sd.sum(sd.hadamard(y, sd.log(y_hat)) + sd.hadamard(1 - y, sd.log(1 - y_hat)))
    derivation = sd.derivation(cost, w, order=2)
    assert steps_of(derivation, "backward")[-1] == "ū = ŷ − y"
    assert steps_of(derivation, "Hessian") == [
        "∂u/∂w = X",
        "∂ŷ/∂w = diag(ŷ ⊙ (1 − ŷ)) X",
        "∂ū/∂w = diag(ŷ ⊙ (1 − ŷ)) X",
        "∂²C/∂w ∂wᵀ = Xᵀ diag(ŷ ⊙ (1 − ŷ)) X",
    ]


def test_html_holds_every_step():
    derivation = sd.derivation(*logistic(), order=2)
    page = derivation.html()
    assert page.startswith("<!DOCTYPE html>")
    assert page.count('class="number"') == len(derivation.steps)
    assert "http" not in page.replace("http://www.w3.org", "")


@pytest.mark.parametrize("make", COSTS, ids=lambda make: make.__name__)
def test_every_step_is_true(make):
    """Formulas for the same left side agree; the last for each gradient is what ``sd.grad`` returns."""
    cost, variables = make()
    derivation = sd.derivation(cost, variables)
    values = {}
    for step in derivation.steps:
        if step.part != "forward":
            values.setdefault(step.left, []).append(value_of(step.value))
    for left, found in values.items():
        for other in found[1:]:
            np.testing.assert_allclose(found[0], other, rtol=1e-10, atol=1e-12, err_msg=left)
    gradients = sd.grad(cost, variables)
    assert derivation.results == gradients
    for variable, gradient in zip(variables, gradients, strict=True):
        left = rf"\frac{{\partial C}}{{\partial {sd.latex(variable)}}}"
        np.testing.assert_allclose(values[left][-1], value_of(gradient), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("make", [*COSTS, symbolic_depth], ids=lambda make: make.__name__)
def test_everything_printed_is_latex_and_unicode(make):
    derivation = sd.derivation(*make())
    assert katex_error(derivation.latex()) is None
    for step in derivation.steps:
        assert katex_error(f"{step.left} = {step.right}") is None
        assert katex_error(rf"\text{{{step.rule}}}") is None
    for note in derivation.notes:
        assert katex_error(rf"\text{{{note}}}") is None
    assert "\\" not in str(derivation)
    assert "{" not in str(derivation).replace("𝟏{", "").replace("= {", "")  # but for indicators and cases
    assert derivation._repr_latex_() == f"$$ {derivation.latex()} $$"


def test_steps_are_numbered_and_parts_in_order():
    derivation = sd.derivation(*network())
    assert [step.number for step in derivation.steps] == list(range(1, len(derivation.steps) + 1))
    assert [part for part, _ in derivation.parts()] == list(PARTS[:3])
    assert [step for _, steps in derivation.parts() for step in steps] == list(derivation.steps)


def test_names_that_are_taken_are_not_used():
    n = sd.dims("n")
    u, C, w = sd.vector("u", n), sd.scalar("C"), sd.vector("w", n)
    derivation = sd.derivation(C * sd.sum(sd.exp(u - w)), w)
    assert steps_of(derivation, "forward") == ["v = u − w", "f = C 𝟏ᵀ e^v"]


def test_names_of_scalars_are_not_used_either():
    x, u = sd.vector("x", 3), sd.scalar("u")
    steps = sd.derivation(sd.sum(sd.tanh(u * x)), x).steps
    assert "u" not in [step.left for step in steps]


def test_recurrences_stay_whole():
    """Nothing inside the block is named, since a name for one of its times would cut its loop."""
    n, T = sd.dims("n T")
    W, r, rho = sd.matrix("W", n, n), sd.vector("r", n), sd.vector("rho", n)
    h = sd.recurrence(lambda t, h: sd.tanh(r + W @ h), sd.zeros(n), T, names="h")
    cost = rho @ h[-1]
    random = np.random.default_rng(0)
    values = {"W": random.normal(size=(3, 3)), "r": random.normal(size=3), "rho": random.normal(size=3)}
    derived = _Chain(ingest(cost), [r]).derived[r]
    found, expected = (evaluate(value, values, {"n": 3, "T": 5}) for value in (derived, sd.grad(cost, r)))
    np.testing.assert_allclose(found, expected, rtol=1e-14)
    slope = [evaluate(cost, {**values, "r": values["r"] + sign * 1e-6}, {"n": 3, "T": 5}) for sign in (1, -1)]
    assert found.sum() == pytest.approx(float(slope[0] - slope[1]) / 2e-6, rel=1e-7)


def test_the_name_of_a_loss_is_not_derived():
    cost, variables = logistic()
    named = sd.named("loss", cost)
    assert [step.right for step in sd.derivation(named, variables).steps] == [
        step.right for step in sd.derivation(cost, variables).steps
    ]


def test_conventions_are_printed():
    x = sd.vector("x", sd.dims("n"))
    notes = [plain_text(note) for note in sd.derivation(sd.sum(sd.relu(x)), x).notes]
    assert notes[-1] == "Convention: d/du σ_ReLU(u) = 1 at u = 0."
    notes = [plain_text(note) for note in sd.derivation(sd.sum(sd.relu(x, at_zero=0)), x).notes]
    assert notes[-1].endswith("= 0 at u = 0.")
    assert sd.derivation(sd.max(x), x).notes[-1] == "Among equal largest entries the derivative goes to the first."
    assert sd.derivation(sd.sum(sd.maximum(x, 0)), x).notes[-1].startswith("At a tie")


def test_functions_that_do_not_depend_on_the_variable_are_not_explained():
    x, y = sd.vector("x", 3), sd.vector("y", 3)
    notes = sd.derivation(x @ sd.relu(y), x).notes
    assert len(notes) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((X, X, 2), ShapeError, "derivation: expected a scalar, found a tensor of shape (3,)"),
        ((sd.sum(X), sd.vector("y", 3)), DerivationError, "derivation: the expression does not depend on y"),
        ((sd.sum(X), X, 3), DerivationError, "expected order 1 (the gradient) or 2"),
        ((*symbolic_depth(), 2), DerivationError, "a loss without a stack of symbolic depth"),
    ],
)  # fmt: skip
def test_errors(arguments, error, message):
    with pytest.raises(error) as caught:
        sd.derivation(*arguments)
    assert message in str(caught.value)


def test_layouts():
    """Derivatives turn, and so does the order of their product; adjoints with a name keep their shape."""
    n, p = sd.dims("n p")
    X, w = sd.matrix("X", n, p), sd.vector("w", p)
    steps = sd.derivation(sd.tanh(X @ sd.sigmoid(w)), w)
    chain = {layout: steps.in_layout(layout).steps[4].right for layout in ("book", "numerator", "denominator")}
    outer, inner = r"\frac{\partial f}{\partial u}", r"\frac{\partial u}{\partial w}"
    assert chain["book"] == f"{outer} {inner}"
    assert chain["numerator"].startswith(f"{outer} {inner}\\quad")
    assert chain["denominator"].startswith(f"{inner} {outer}\\quad")
    loss, variables = logistic()
    numerator = sd.derivation(loss, variables).in_layout("numerator")
    assert [step.right for step in numerator.steps if step.part == "backward"] == [
        r"\sigma_{\mathrm{Sig}}\left(u\right) - y"
    ]
    rights = [step.right for step in numerator.steps if step.part == "gradient"]
    assert rights[0] == r"\bar{u}^{\top} X\quad\text{(numerator layout)}"
    assert "Numerator layout" in numerator.text()
    assert r"\text{(numerator layout)}" in sd.derivation(loss, variables).latex("numerator")
    with pytest.raises(sd.errors.ExpressionError, match="unknown layout"):
        sd.derivation(loss, variables).latex("rows")


def test_layouts_through_time():
    """Words as names of recurrences are Greek letters, and the sum over time is turned as a whole."""
    T, p = sd.dims("T p")
    A, x = sd.matrix("A", p, p), sd.matrix("X", T, p)
    mu = sd.recurrence(lambda t, mu: sd.tanh(A @ mu + x[t]), sd.zeros(p), T, names="mu")
    steps = sd.derivation(sd.sum(sd.square(mu)), A)
    right = r"\sum_{t=1}^{T} \delta^{\langle t \rangle} \mu^{\langle t-1 \rangle\top}"
    assert steps.steps[-1].right == right
    assert (
        steps.in_layout("numerator").steps[-1].right
        == rf"\left({right}\right)^{{\top}}\quad\text{{(numerator layout)}}"
    )
    assert katex_error(steps.latex("numerator")) is None


def test_deep_networks_are_quick():
    """Linear in the depth: every quantity is simplified once."""
    from time import perf_counter

    def seconds(depth):
        x = a = sd.vector("x", 4)
        parameters = []
        for layer in range(1, depth + 1):
            W = sd.matrix(f"W{layer}", 4, 4)
            z = sd.named(f"z{layer}", W @ a)
            a = sd.named(f"a{layer}", sd.tanh(z))
            parameters.append(W)
        began = perf_counter()
        sd.derivation(sd.norm(a - x) ** 2, parameters)
        return perf_counter() - began

    seconds(2)
    assert seconds(12) < 12 * max(seconds(4), 0.5)
