"""Each rule is an identity, tested at random numbers to 50 digits; what is no instance of one is left alone."""

import mpmath
import numpy as np
import pytest
from sympy import Expr, Symbol

import symdl as sd
from symdl.expr.ingest import ingest
from symdl.expr.system import System, trace
from symdl.freeze.stable import RULES, stabilise
from symdl.freeze.stable.rule import WILD, apply_rule
from symdl.freeze.stable.table import FUNCTIONS, PRODUCTS, SLOPE, SUMS
from symdl.interpret import evaluate
from tests.stability.families import FAMILIES, n, x, z

DATA = [rule for rule in RULES if isinstance(rule.before, Expr)]
DOMAINS = {"u < 0": (-5, -0.1), "u > 0": (0.1, 5), "v > 0": (0.1, 5), "logit": (0.05, 0.95)}


@pytest.mark.parametrize("rule", DATA, ids=lambda rule: rule.name)
def test_identity(rule):
    rng = np.random.default_rng(3)
    low, high = DOMAINS.get(rule.name, DOMAINS.get(rule.condition, (-5, 5)))
    if rule.before.has(*[sd.log(Symbol("q")).func]) and low < 0 and rule.condition != "u < 0":
        low = 0.1
    symbols = sorted(rule.before.free_symbols, key=str)
    compared = 0
    for _ in range(20):
        arrays = {symbol.name: rng.uniform(low, high) for symbol in symbols}
        with mpmath.workdps(50):
            before, after = (evaluate(side, arrays, precision=50)[()] for side in (rule.before, rule.after))
            if not isinstance(before, mpmath.mpf) or not mpmath.isfinite(before):
                continue
            assert abs(before - after) <= mpmath.mpf(10) ** -45 * (1 + abs(before)), (rule, arrays, before, after)
            compared += 1
    assert compared > 5


@pytest.mark.parametrize("rule", [*SUMS, *PRODUCTS, SLOPE, *FUNCTIONS], ids=lambda rule: rule.name)
def test_a_rule_finds_its_own_left_side(rule):
    fresh = {symbol: Symbol(f"q{k}", real=True) for k, symbol in enumerate(sorted(WILD, key=str))}
    assert apply_rule(rule, rule.before.xreplace(fresh)) is not None


@pytest.mark.parametrize("name", FAMILIES)
def test_the_stable_system_is_equal_to_the_system(name):
    """All rules that fire, those that are no data too: value, gradient and Hessian at 50 digits."""
    family = FAMILIES[name]
    loss = sd.sum(family.formula) if getattr(family.formula, "shape", ()) else family.formula
    formulas = [family.formula, sd.grad(loss, x), sd.hessian(loss, x)]
    system = trace([ingest(formula) for formula in formulas])
    rng = np.random.default_rng(5)
    low, high = (max(family.low, -4.0), min(family.high, 4.0)) if family.low < 4 else (family.low, family.high)
    hot = np.eye(4)[1]
    arrays = {
        "x": rng.uniform(low, high, 4),
        "z": rng.uniform(-3, 3, 4),
        "t": hot,
        "y": hot,
        "p": 2.5,
        "v": rng.uniform(-1, 1, 4),
    }
    stable = stabilise(system)
    assert isinstance(stable, System)
    for found, expected in zip(
        evaluate(stable, arrays, {n: 4}, precision=60), evaluate(system, arrays, {n: 4}, precision=60), strict=True
    ):
        for place in np.ndindex(*expected.shape):
            if mpmath.isnan(expected[place]):
                continue  # a root of a negative number in the branch that is not taken
            size = 1 + abs(expected[place])
            # A Taylor polynomial is as good as float64, the others are exact.
            assert abs(found[place] - expected[place]) <= size * (1e-17 if "sin" in name or "/x" in name else 1e-45)


NOT = {
    "exp(x)/(2 + exp(x)) is no sigmoid": (sd.divide(sd.exp(x), 2 + sd.exp(x)), ("sigmoid",)),
    "log(1 + 2 exp(x)) is no softplus of x": (sd.log(1 + 2 * sd.exp(x)), ("softplus(x[i0])",)),
    "log(2 + exp(x))": (sd.log(2 + sd.exp(x)), ("softplus(x[i0])", "log1p(exp(x[i0]))")),
    "2 - sigmoid": (2 - sd.sigmoid(x), ("sigmoid(-",)),
    "1 - 2 sigmoid²": (1 - sd.square(sd.sigmoid(x)) * 2, ("sigmoid(-",)),
    "1 - 2 tanh²": (1 - 2 * sd.square(sd.tanh(x)), ("sigmoid",)),
    "exp(x) - 2": (sd.exp(x) - 2, ("expm1",)),
    "log(x + 2) - log 3x": (sd.log(x + 2) - sd.log(3 * x), ("/x",)),
    "hazard - another threshold": (sd.normal_hazard(x) - z, ("excess",)),
    "φ(x)/Φ(2x)": (sd.divide(sd.normal_pdf(x), sd.normal_cdf(2 * x)), ("hazard",)),
    "(Φ(x) - t) φ(x)/Φ(x)²": (
        sd.divide(sd.hadamard(sd.normal_cdf(x) - z, sd.normal_pdf(x)), sd.square(sd.normal_cdf(x))),
        ("normal_hazard(x[i0])",),
    ),
    "1 + cos": (1 + sd.cos(x), ("sin",)),
}


@pytest.mark.parametrize("name", NOT)
def test_not_rewritten(name):
    formula, absent = NOT[name]
    text = "\n".join(map(str, stabilise(trace([ingest(formula)])).equations))
    assert not [part for part in absent if part in text], text


def test_the_trace_tells_what_fired():
    fired = []
    stabilise(trace([sd.grad(sd.sum(sd.tanh(x)), x)]), fired)
    assert "1 - tanh²" in {firing.rule.name for firing in fired}
    assert any("tanh(x[i0])**2" in str(firing) for firing in fired)
