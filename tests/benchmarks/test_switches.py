"""Techniques that can be left out by name, and what that costs."""

import pytest

from symdl.bench.runners import RUNNERS
from symdl.bench.switches import Variant, measure_switches, switches_table
from symdl.bench.workload import CURVE
from symdl.bench.workloads import WORKLOADS
from symdl.errors import ExpressionError
from symdl_codegen.pipeline import SWITCHES
from tests.benchmarks.tiny import tiny


def prepared(name, runner="symdl"):
    found = RUNNERS[runner](threads=1)
    found.imports()
    found.prepare(tiny(name))
    return found


def test_switches_by_the_environment(monkeypatch):
    whole = prepared("mlp")
    names = whole.switches()
    assert "fuse" in names
    assert "memory" in names
    assert "peel" not in names  # there is no recurrence
    assert set(names) <= set(SWITCHES)
    monkeypatch.setenv("SYMDL_OFF", "fuse")
    part = prepared("mlp")
    assert len(part.executable().kernels) > len(whole.executable().kernels)
    assert part.results() == pytest.approx(whole.results(), rel=1e-4)
    monkeypatch.setenv("SYMDL_OFF", "fusion")
    with pytest.raises(ExpressionError, match="unknown pass fusion; expected some of"):
        prepared("mlp")


def test_steps_from_python_are_those_of_the_native_epoch():
    whole, steps = prepared("mlp").results(), prepared("mlp", "symdl-steps").results()
    assert len(whole) == CURVE
    assert steps == pytest.approx(whole, rel=1e-6)


def test_table():
    from rich.console import Console

    found = [
        Variant("mlp", 1, "fuse", 2.0, 0.0),
        Variant("mlp", 1, "dead", 9.0, 0.5),
        Variant("lstm", 2, "peel", 3.0, 0.0),
    ]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(switches_table(found))
    lines = [line.split() for line in captured.get().splitlines() if line.strip()]
    assert ["fuse", "2.00"] in lines
    assert ["peel", "3.00"] in lines
    assert ["dead", "differs", "5e-01"] in lines


@pytest.mark.slow
def test_a_technique_is_worth_something():
    found = {variant.name: variant for variant in measure_switches(WORKLOADS["mlp-small"], 1, 0.2)}
    assert found["contractions"].slower > 1.5
    assert found["native epoch"].slower > 2
    assert all(variant.difference < 1e-4 for variant in found.values())
