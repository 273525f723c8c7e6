"""The operations of the floor are those of the equations."""

import pytest

from symdl.bench.workload import Training
from symdl.bench.workloads import WORKLOADS
from symdl.train import fit
from tests.benchmarks.counting import flops
from tests.benchmarks.tiny import TINY, tiny


def counted(workload: Training) -> int:
    model = workload.model()
    data = {name: array[: 2 * workload.batch] for name, array in workload.samples().items()}
    fit(model, data, epochs=0, batch_size=workload.batch, target="numpy", progress=False)
    return flops(model.training_program().executable.program, workload.batch)


def borders(workload: Training) -> int:
    """What the derived gradient of a convolution's input sums beyond its image: zeros, which no floor counts."""
    if not workload.name.startswith("lenet"):
        return 0
    _, channels, filters, side = workload.maps()[1]
    return 2 * workload.batch * channels * filters * 25 * ((side + 4) ** 2 - side**2)


@pytest.mark.parametrize("name", ["mlp", "lenet", "lstm"])
def test_stated_operations_are_those_of_the_equations(name):
    """At small sizes, where what is beside the products weighs more: biases and losses are a few per cent."""
    workload = tiny(name)
    assert counted(workload) - borders(workload) == pytest.approx(workload.flops, rel=0.06)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, workload in WORKLOADS.items() if isinstance(workload, Training)])
def test_stated_operations_at_full_size(name):
    workload = WORKLOADS[name]
    assert counted(workload) - borders(workload) == pytest.approx(workload.flops, rel=1e-3)


def test_operations_are_those_that_the_marks_are_stated_for():
    """As listed where the marks come from, in millions."""
    listed = {"mlp": 26.2, "mlp-small": 0.98, "mlp-large": 308, "lenet": 97, "lstm": 1610, "transformer": 3960}
    listed["hessian"] = 2000
    listed |= {"mlp-gradient": 308, "mlp-hvp": 582, "hessian-quadratic": 4.194, "hessian-mf": 0.14}
    for name, millions in listed.items():
        assert WORKLOADS[name].flops / 1e6 == pytest.approx(millions, rel=5e-3), name


def test_every_kind_has_a_small_size():
    kinds = {type(workload) for workload in WORKLOADS.values()}
    assert {type(WORKLOADS[name]) for name in TINY} == kinds
