"""Rules that are wrong are found by ``sd.check``: each rule corrupted, on an expression in which it is used."""

import sys

import pytest
import sympy as sp

import symdl as sd
from symdl.expr.index import rebuild
from symdl.expr.scalar import SCALAR_OPS
from symdl.simplify.known_sums import KnownSums
from symdl.simplify.recognise import Softmaxes

simplifier = sys.modules["symdl.simplify.simplify"]
algebra = sys.modules["symdl.simplify.algebra"]
partial = sys.modules["symdl.derive.reverse"]

n, p = sd.dims("n p")
X, w, y = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n)


@pytest.fixture(autouse=True)
def forgotten_forms():
    """Forms that are remembered must not outlive the corruption."""
    algebra._tidy.cache_clear()
    yield
    algebra._tidy.cache_clear()


def flipped(expr):
    """σ(u) for σ(-u)."""
    sigmoid = SCALAR_OPS["sigmoid"]
    return rebuild(expr, lambda node: sigmoid(-node.args[0]) if isinstance(node, sigmoid) else None)


def without_delta(expr):
    """A contracted product without its delta."""
    return expr.xreplace({delta: sp.Integer(1) for delta in expr.atoms(sp.KroneckerDelta)})


def unguarded(expr):
    """The value of a guarded formula where its guard holds."""
    where = SCALAR_OPS["where"]
    return rebuild(expr, lambda node: node.args[1] if isinstance(node, where) else None)


def twice(expr):
    return 2 * expr


logistic = sd.sum(sd.log(1 + sd.exp(-sd.hadamard(y, X @ w))))
centred = sd.sum(sd.square(y - sd.sum(y) / n))

# (where the rule is, its name, what the corrupted rule makes of its outcome, an expression in which it is used)
CORRUPTED = {
    "sigmoid": (simplifier, "sigmoids", flipped, logistic),
    "softmax": (Softmaxes, "__call__", twice, sd.logsumexp(w)),
    "deltas": (algebra, "contract_deltas", without_delta, sd.logsumexp(w)),
    "deviations from a mean": (KnownSums, "cancel", lambda expr: expr + 1, centred),
    "sums": (simplifier, "simplify_reduce", lambda expr: -expr, sd.sum(sd.tanh(X @ w))),
    "distributive law": (simplifier, "merge_sums", twice, w.T @ sd.matrix("A", p, p) @ w),
    "guards": (simplifier, "drop_guards", twice, sd.sum(sd.square(sd.pad(w, [(1, 1)])))),
    "names": (simplifier, "fold", twice, sd.sum(sd.square(sd.named("a", sd.sigmoid(X @ w)) - y))),
}


@pytest.mark.parametrize("name", CORRUPTED)
def test_a_corrupted_rule_is_found(name, monkeypatch):
    place, attribute, corrupt, f = CORRUPTED[name]
    right = getattr(place, attribute)
    method = isinstance(place, type)
    uses = []

    def wrong(*arguments):
        before, after = arguments[1 if method else 0], right(*arguments)
        if after == before:
            return after
        uses.append(after)
        return corrupt(after)

    assert sd.check(f, second_order=False).ok
    algebra._tidy.cache_clear()
    monkeypatch.setattr(place, attribute, wrong)
    report = sd.check(f, second_order=name == "deltas")  # where second derivatives have deltas
    assert uses, "the rule is not used"
    assert not report.ok, str(report)


def test_a_forgotten_index_map_is_found(monkeypatch):
    """An adjoint that is added where the loop is, and not where the element was read."""
    right = partial.transpose

    def wrong(value, axes, places, targets):
        return right(
            value, axes, tuple(target for target, _ in zip([i for i, _ in axes], places, strict=True)), targets
        )

    i = sp.Symbol("i", integer=True)
    x = sp.IndexedBase("x", shape=(n,))
    f = sp.Sum(sp.sin(x[i]) * x[n - 1 - i], (i, 0, n - 1))
    assert sd.check(f, sizes={n: 4}).ok
    monkeypatch.setattr(partial, "transpose", wrong)
    report = sd.check(f, sizes={n: 4}, second_order=False)
    assert {"forward mode", "differences, 50 digits"} <= {row.against for row in report.failures}
