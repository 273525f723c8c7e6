r"""Every entry of chapters 3 and 4 and of the appendices A and B: printed as in the book, or why it is not a formula.

Rows of results are in ``test_book``; here are the algorithms of chapter 4, its table of adjoints, and the entries.
"""

import importlib
import re

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.golden.order import canonical, plain
from tests.golden.test_book import BOOK
from tests.katex import katex_error

# The book's equations, each with ←; products g ⊙ g are printed as powers, quotients by vectors with ⊘.
V = r"v\leftarrow\beta v+(1-\beta)g"
S = r"s\leftarrow\gamma s+(1-\gamma)g^{\odot 2}"
G, HATS = r"g\leftarrow\nabla C(\theta)", [
    r"\hat{v}\leftarrow\frac{v}{1-\beta^{t+1}}", r"\hat{s}\leftarrow\frac{s}{1-\gamma^{t+1}}",
]  # fmt: skip
ALGORITHMS = {
    "4.1-gd": ("GradientDescent", [G, r"\theta\leftarrow\theta-\alpha g"]),
    "4.2-sgd": ("SGD", [G, r"\theta\leftarrow\theta-\alpha g"]),
    "4.3-momentum": ("Momentum", [G, V, r"\theta\leftarrow\theta-\alpha v"]),
    "4.3-adagrad": ("Adagrad", [G, r"s\leftarrow s+g^{\odot 2}",
                                r"\theta\leftarrow\theta-\alpha g\oslash(\sqrt{s}+\varepsilon)"]),
    "4.3-rmsprop": ("RMSprop", [G, S, r"\theta\leftarrow\theta-\alpha g\oslash(\sqrt{s}+\varepsilon)"]),
    "4.3-adam": ("Adam", [G, V, S, *HATS, r"\theta\leftarrow\theta-\alpha\hat{v}\oslash(\sqrt{\hat{s}}+\varepsilon)"]),
    "4.5-nesterov": ("Nesterov", [r"g\leftarrow\nabla C(\theta-\alpha\beta v)", V, r"\theta\leftarrow\theta-\alpha v"]),
    "4.5-lookahead": ("Lookahead", [G, V, r"\theta\leftarrow\theta-\alpha(\beta v+(1-\beta)g)"]),
    "4.5-nadam": ("Nadam", [G, V, S, r"\hat{v}\leftarrow\frac{\beta v}{1-\beta^{t+2}}+\frac{(1-\beta)g}{1-\beta^{t+1}}",
                            HATS[1], r"\theta\leftarrow\theta-\alpha\hat{v}\oslash(\sqrt{\hat{s}}+\varepsilon)"]),
    "4.5-adadelta": ("Adadelta", [
        G, S, r"d\leftarrow-(\sqrt{\Delta\theta}+\varepsilon)\odot g\oslash(\sqrt{s}+\varepsilon)",
        r"\Delta\theta\leftarrow\rho\Delta\theta+(1-\rho)d^{\odot 2}", r"\theta\leftarrow\theta+\alpha d"]),
    "4.5-adamax": ("Adamax", [G, V, r"s\leftarrow\max(\gamma s,|g|+\varepsilon)",
                              r"\theta\leftarrow\theta-\frac{\alpha}{1-\beta^{t+1}}v\oslash s"]),
    "4.5-adamw": ("AdamW", [G, V, S, *HATS,
                            r"\theta\leftarrow(1-\alpha\lambda)\theta-\alpha\hat{v}\oslash(\sqrt{\hat{s}}+\varepsilon)"]),
}  # fmt: skip

# The entries of the catalogue. Where an entry is no formula to derive, where it is shown or why it is not here.
ENTRIES = {
    "3": "logodds likelihood hessian irls | neuron bce bcelogits mse-logistic | multinom softmax softmaxjac cce "
    "softmaxgrad softmaxhess map | features | ae linear-ae denoise sparse interp",
    "4": "optimality gd rosenbrock stop rate | sgd minibatch earlystop landscape | ema momentum scaled adagrad rmsprop "
    "adam | numeric symbolic example forward dual hyperdual reverse jvp-vjp hvp nonsmooth checkpoint | nesterov "
    "lookahead nadam adadelta adamax adamw subgrad prox coord ls-exact ls-inexact cg nlcg | newton1 newton damped gn "
    "trust secant bfgs lbfgs natural",
    "A": "norms | gradient matgrad jacobian hessian identities | chain affine jvpvjp | taylor1 taylorn linearisation",
    "B": "kl entropy klcont js chain mle | mvn mvn-entropy mvn-kl",
}
ELSEWHERE = {  # shown by a test that is no golden row
    "4.1-optimality": "tests.curvature.test_convexity:test_verdict",
    "4.1-stop": "tests.minimizers.test_minimize:test_newton_tells_what_is_no_minimum",
    "4.2-earlystop": "tests.train.test_course:test_early_stopping_keeps_the_values_of_the_lowest_validation_loss",
    "4.2-minibatch": "tests.train.test_fit:test_a_short_last_batch_counts_by_its_own_size",
    "4.4-symbolic": "tests.derivation.test_derivation:test_deep_networks_are_quick",
    "4.4-reverse": "tests.golden.test_catalogue:test_adjoint_table",
    "4.4-checkpoint": "tests.structures.test_checkpoints:test_a_training_with_checkpoints_is_that_without",
    "4.4-nonsmooth": "tests.derivation.test_derivation:test_conventions_are_printed",
    "4.5-ls-inexact": "tests.minimizers.test_minimize:test_rosenbrock",
    "4.5-cg": "tests.minimizers.test_minimize:test_conjugate_gradients_end_after_n_steps_on_a_quadratic",
    "4.5-nlcg": "tests.minimizers.test_minimize:test_equations_print",
    "4.6-secant": "tests.golden.test_catalogue:test_secant_condition",
    "4.6-lbfgs": "tests.minimizers.test_minimize:test_rosenbrock",
    "4.4-hyperdual": "tests.golden.test_catalogue:test_second_order_by_two_directions",
}
NO_ROW = {
    "4.1-rate": "an inequality for all functions of a class; symdl derives for one function",
    "A.3-jvpvjp": "refers to 4.4-jvp-vjp",
    "B.1-klcont": "an integral over densities; the closed forms for normal densities are B.2-mvn-kl",
}


def entries():
    """The names of the entries, such as 3.1-logodds; chapters number their sections from 1."""
    first = {"3": 1, "4": 1, "A": 1, "B": 1}
    return [
        f"{chapter}.{first[chapter] + section}-{entry}"
        for chapter, text in ENTRIES.items()
        for section, names in enumerate(text.split("|"))
        for entry in names.split()
    ]


def rows():
    return {key.split(",")[0] for key in BOOK} | set(ALGORITHMS)


def test_there_are_as_many_entries_as_in_the_catalogue():
    assert len(entries()) == len(set(entries())) == 90
    assert [sum(entry.startswith(chapter) for entry in entries()) for chapter in "34AB"] == [21, 48, 12, 9]


@pytest.mark.parametrize("entry", entries())
def test_every_entry_has_a_row_or_a_reason(entry):
    assert (entry in rows()) + (entry in ELSEWHERE) + (entry in NO_ROW) == 1
    if entry in ELSEWHERE:
        module, _, name = ELSEWHERE[entry].partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_nothing_else_is_listed():
    assert rows() | set(ELSEWHERE) | set(NO_ROW) == set(entries())


@pytest.mark.parametrize("entry", ALGORITHMS)
def test_algorithms(entry):
    name, expected = ALGORITHMS[entry]
    text = sd.optimizers.OPTIMIZERS[name]().latex()
    body = re.sub(r"\\(begin|end)\{aligned\}", "", text).replace("&", "")
    assert [canonical(line) for line in body.split("\\\\\n")] == [canonical(line) for line in expected]
    assert katex_error(text) is None


theta = sd.vector("theta", 3)
a1, a2, a3 = (
    sd.named("a1", theta[0] * theta[1]), sd.named("a2", theta[1] + theta[2]), sd.named("a3", -2 * theta[2]),
)  # fmt: skip
running = a3 + sd.named("a4", sd.sin(a1)) + sd.named("a5", sd.exp(a2))


def test_adjoint_table():
    """The tape of the book's running example forward, ζ₅ to ζ₁ backward; its values at (π/6, 2, 5)."""
    derivation = sd.derivation(running, theta)
    lines = [(step.part, plain(step.left), plain(step.right)) for step in derivation.steps]
    assert [line[1:] for line in lines if line[0] == "forward"] == [
        ("a_{1}", r"\theta_{1}\theta_{2}"), ("a_{2}", r"\theta_{2}+\theta_{3}"), ("a_{3}", r"-2\theta_{3}"),
        ("a_{4}", r"\sin(a_{1})"), ("a_{5}", "e^{a_{2}}"), ("C", "a_{3}+a_{4}+a_{5}"),
    ]  # fmt: skip
    table = [
        (r"\zeta_{5}", "1"), (r"\zeta_{4}", "1"), (r"\zeta_{3}", "1"), (r"\zeta_{2}", r"\zeta_{5}e^{a_{2}}"),
        (r"\zeta_{1}", r"\zeta_{4}\cos(a_{1})"),
    ]  # fmt: skip
    found = dict(reversed([line[1:] for line in lines if line[0] == "backward"]))  # the first line of each
    assert list(reversed(found.items())) == table
    [gradient] = [line[2] for line in lines if line[0] == "gradient"]
    parts = [r"\zeta_{1}\theta_{2}", r"\zeta_{1}\theta_{1}+\zeta_{2}", r"\zeta_{2}-2\zeta_{3}"]
    assert gradient == plain(r"\begin{pmatrix}" + r"\\".join(parts) + r"\end{pmatrix}")
    point = {"theta": np.array([np.pi / 6, 2, 5])}
    assert evaluate(running, point) == pytest.approx(1087.499184, abs=5e-7)
    np.testing.assert_allclose(evaluate(derivation.results[0], point), [1, 1096.894958, 1094.633158], rtol=1e-9)


def test_secant_condition():
    """H⁺y = s, whatever H was."""
    from symdl.minimizers.bfgs import UPDATE

    rng = np.random.default_rng(0)
    g = rng.standard_normal((4, 4))
    s, y = rng.standard_normal((2, 4))
    following = evaluate(UPDATE, {"H": g @ g.T, "s": s, "y": y}, {"N": 4})
    np.testing.assert_allclose(following @ y, s, rtol=1e-10)


def test_second_order_by_two_directions():
    """The part of ε₁ε₂ in f(u + ε₁v + ε₂w) is vᵀ∇²f(u)w: the derivative along w of the derivative along v."""
    v, w = sd.vector("v", 3), sd.vector("w", 3)
    second = sd.jvp(sd.jvp(running, {theta: v}), {theta: w})
    rng = np.random.default_rng(0)
    values = {name: rng.standard_normal(3) for name in ("theta", "v", "w")}
    expected = values["v"] @ evaluate(sd.hessian(running, theta), values) @ values["w"]
    assert evaluate(second, values) == pytest.approx(expected, rel=1e-12)
