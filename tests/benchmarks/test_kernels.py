"""Kernels alone: small cases give what NumPy gives, and have floors."""

import io

import numpy as np
import pytest

from symdl.bench.kernel_rows import kernel_rows_table, measure_kernels
from symdl.bench.kernels import GROUPS, convolution, gemm, rows, streams
from symdl.bench.runners.kernels import Kernels

SMALL = [
    *gemm.cases((5,), ("float64",)),
    *convolution.cases((convolution.Shape(2, 6, 7, 3, 4, 3, 2, 1, 2),)),
    *rows.cases(((4, 9),)),
    *streams.cases((37,)),
]


def measured(cases, *families):
    runner = Kernels(1)
    runner.imports()
    runner.prepare(cases)
    return [runner.measure(str(number), *families) for number in range(len(cases))]


def test_products_and_streams_agree_with_numpy():
    cases = [case for case in SMALL if "numpy" in case.peers]
    for case, found in zip(cases, measured(cases, "numpy"), strict=True):
        assert found["refused"] == {}, case.name
        assert set(found["seconds"]) == {"symdl", "numpy"}
        assert found["floor"] > 0


@pytest.mark.slow
def test_all_agree_with_torch():
    pytest.importorskip("torch")
    cases = [case for case in SMALL if "torch" in case.peers]
    assert len(cases) == 6
    for case, found in zip(cases, measured(cases, "torch"), strict=True):
        assert found["refused"] == {}, case.name
        assert set(found["seconds"]) == {"symdl", "torch"}


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_lists_at_full_size_are_declared(group):
    names = [case.name for case in GROUPS[group].cases()]
    assert len(set(names)) == len(names) > 5


def test_wrong_results_have_no_time():
    case = gemm.cases((5,), ("float64",))[0]
    wrong = {"numpy": lambda given: lambda: {"C": given["A"] @ given["B"] + 1e-3 * np.eye(5)}}
    [found] = measured([type(case)(**{**vars(case), "peers": wrong})], "numpy")
    assert "differs from symdl by" in found["refused"]["numpy"]
    assert set(found["seconds"]) == {"symdl"}


def test_operations_of_convolutions():
    """The forward one by its loops; the gradients have as many products."""
    shape = convolution.Shape(2, 6, 7, 3, 4, 3, 2, 1, 2)
    assert shape.out == (3, 4)
    assert {case.flops for case in convolution.cases((shape,))} == {2 * 2 * 3 * 4 * 4 * 3 * 3 * 2}


def test_a_group_in_a_process_of_its_own():
    from rich.console import Console

    found = measure_kernels("gemm", 1, ["numpy"], "32 nn")
    assert [row.case for row in found] == ["32 nn", "32 nn float64"]
    console = Console(width=120, file=io.StringIO())
    console.print(kernel_rows_table(found))
    assert "32 nn float64" in console.file.getvalue()
