"""What every node keeps: it is a SymPy object, equal formulas are equal, and results are the same in every process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sympy
from hypothesis import given, settings

import symdl as sd
from symdl.calculus import adjoints
from symdl.expr.index import fresh_index
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Element, Reduce, Tensor
from symdl.expr.system import trace
from symdl.interpret import evaluate
from symdl.simplify import simplify
from symdl.testing import indexed_models, matrix_models, tensor_models

ROOT = Path(__file__).resolve().parents[2]
NOTATIONS = {"tensors": tensor_models, "matrices": matrix_models, "indexed": indexed_models}


def nodes_of(value):
    """Return the distinct nodes of a graph."""
    seen, queue = set(), [value]
    while queue:
        node = queue.pop()
        if node not in seen:
            seen.add(node)
            queue.extend(node.args)
    return seen


@pytest.mark.parametrize("notation", NOTATIONS)
def test_every_node(notation):
    @settings(max_examples=40)
    @given(NOTATIONS[notation]())
    def run(model):
        value = ingest(model.expr)
        inputs = {symbol for symbol in value.free_symbols if isinstance(symbol, Tensor)}
        for node in nodes_of(value):
            assert not node.args or node.func(*node.args) == node, type(node)
            assert isinstance(hash(node), int)
            if isinstance(node, Tensor | Element | Reduce):
                assert isinstance(sympy.srepr(node), str)
                assert isinstance(str(node), str)
                assert {symbol for symbol in node.free_symbols if isinstance(symbol, Tensor)} <= inputs
                assert node.xreplace({}) == node

    run()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_replacing_inputs(notation):
    """Renaming the inputs by xreplace renames them in the value."""

    @settings(max_examples=25)
    @given(NOTATIONS[notation](steps=5))
    def run(model):
        value = as_scalar(model.expr, "test")
        tensors = [symbol for symbol in value.free_symbols if isinstance(symbol, Tensor)]
        renamed = {symbol: sd.tensor(f"new_{symbol.name}", symbol.shape, **dict.fromkeys(symbol.properties, True))
                   for symbol in tensors}  # fmt: skip
        other = value.xreplace(renamed)
        arrays = {f"new_{name}": array for name, array in model.arrays.items()}
        found, expected = evaluate(other, arrays, model.sizes), evaluate(value, model.arrays, model.sizes)
        assert abs(found - expected) <= 1e-12 * (1 + abs(expected))
        back = other.xreplace({new: old for old, new in renamed.items()})
        assert back == value

    run()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_equal_formulas_are_equal_objects(notation):
    """Tracing back and forth, and other fresh indices, change nothing."""

    @settings(max_examples=25)
    @given(NOTATIONS[notation](steps=5))
    def run(model):
        value = as_scalar(model.expr, "test")
        first = trace([value])
        for _ in range(7):
            fresh_index()
        assert str(trace([value])) == str(first)
        again = trace([first.tensor(first.outputs[0])])
        assert len(again.equations) <= len(first.equations)
        simple = simplify([value]).values[0]
        assert str(simplify([value]).values[0]) == str(simple)

    run()


def test_a_formula_declared_twice_is_one_object():
    def declare():
        n, p = sd.dims("n p")
        X, w, y = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n)
        return sd.sum(sd.square(sd.tanh(X @ w) - y)) + w.T @ X.T @ X @ w

    first = declare()
    for _ in range(100):
        fresh_index()
        assert declare() == first


PROGRAM = """
import sympy as sp, symdl as sd
from symdl.calculus import adjoints
from symdl.expr.ingest import ingest
from symdl.expr.system import trace
n, p, m = sd.dims("n p m")
X, w, y = sd.matrix("X", n, p), sd.vector("w", p), sd.vector("y", n)
A = sp.MatrixSymbol("A", n, p)
i, j = sp.symbols("i j", integer=True)
x = sp.IndexedBase("x", shape=(n, p))
z = sd.named("z", X @ w)
losses = [
    sd.sum(sd.hadamard(y, sd.log(sd.softmax(z)))) + sd.norm(w) * sd.logsumexp(X),
    sp.Trace(A.T * A * A.T * A) + sp.Trace((A.T * A).applyfunc(sp.tanh)),
    sp.Sum(sp.exp(x[i, j]) * sp.cos(x[i, j] + x[0, j]), (i, 0, n - 1), (j, 0, p - 1)) / n,
    sd.sum(sd.exp(X[:m] + sd.matrix("Y", m, p))) * sd.max(X),
]
for loss, variable in zip(losses, [[w, X], [A], [x], [X]]):
    print(trace([ingest(loss)]))
    print(trace(adjoints(ingest(loss), sd.calculus.variables_of(variable, [ingest(loss)], "t")[0])))
    print(trace([ingest(g) for g in sd.grad(loss, variable)]))
    print(sd.latex(sd.grad(loss, variable[0])))
"""


def test_results_are_the_same_in_every_process():
    outputs = set()
    for seed in ("0", "1", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}:{ROOT / 'codegen'}"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        outputs.add(done.stdout)
    assert len(outputs) == 1


def test_a_gradient_does_not_depend_on_what_was_made_before():
    n, p = sd.dims("n p")
    X, w = sd.matrix("X", n, p), sd.vector("w", p)
    f = sd.sum(sd.square(sd.tanh(X @ w))) * sd.logsumexp(X.T @ sd.exp(X @ w))
    first = str(trace(adjoints(as_scalar(f, "t"), [X, w])))
    for _ in range(1001):
        fresh_index()
    assert str(trace(adjoints(as_scalar(f, "t"), [X, w]))) == first
