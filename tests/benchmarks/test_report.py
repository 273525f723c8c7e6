"""What comes out: the table, the file of figures, the picture; and who is left out."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from symdl.bench import measure as measuring
from symdl.bench.child import Child, ChildError
from symdl.bench.limits import bandwidth, peak, tile_rate
from symdl.bench.measure import Row, Times
from symdl.bench.table import duration
from symdl.cli import bench as command


def row():
    runners = {
        "symdl": Times([2e-6, 3e-6, 9e-6], prepare=0.5),
        "torch-eager": Times([9e-6, 12e-6], prepare=1.0),
        "jax-scan": Times([6e-6], prepare=2.0),
        "jax-step": Times(refused="differs from symdl by 2.0e-03 at step 7", difference=2e-3),
    }
    return Row("mlp", 2, 2000, 1e-6, runners, cold=Times(prepare=3.0))


def test_ratios():
    found = row()
    assert (found.over_floor("symdl"), found.best, found.peak) == (pytest.approx(3.0), "jax-scan", pytest.approx(2e9))
    assert found.faster == pytest.approx(2.0)
    assert Row("mlp", 1, 1, 1.0, {"symdl": Times([1.0])}).faster is None


def test_table_file_and_picture(tmp_path, capsys):
    command.report([row()], tmp_path / "figures.json", tmp_path / "bars.png")
    shown = capsys.readouterr().out
    [line] = [line for line in shown.splitlines() if line.split()[:1] == ["mlp"] and "µs" in line]
    assert line.split() == ["mlp", "2", "1", "µs", "3.00", "10.50", "refused", "6.00", "2.00"]
    assert "mlp, 2 threads: the machine was not quiet: half of symdl's times are above 1.5 times" in shown
    assert "jax-step has no time: differs from symdl by 2.0e-03 at step 7" in shown
    [figures] = json.loads((tmp_path / "figures.json").read_text())["rows"]
    assert figures["runners"]["symdl"]["over_floor"] == pytest.approx(3.0)
    assert figures["runners"]["jax-step"]["seconds"] == []
    command.command(earlier=[tmp_path / "figures.json"], json=None, picture=None)
    again = capsys.readouterr().out
    assert line in again.splitlines()
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_different_losses_give_no_time(tmp_path):
    workload = SimpleNamespace()
    for name, values in {"a": [1.0, 2.0], "b": [1.0, 2.001], "c": [1.0, np.nan]}.items():
        np.save(tmp_path / f"{name}.npy", values)
    found = Times()
    for other, refused in (("a", False), ("b", True), ("c", True)):
        found = Times()
        measuring._compare(found, workload, tmp_path / "a.npy", tmp_path / f"{other}.npy")
        assert bool(found.refused) == refused


def test_peers_that_are_not_installed_are_left_out(monkeypatch):
    monkeypatch.setattr(measuring, "find_spec", lambda name: None if name == "torch" else object())
    workload = SimpleNamespace(peers=("torch-eager", "torch-compile", "jax-scan", "numpy"))
    assert measuring.available(workload, ["torch", "numpy"]) == (["numpy"], ["torch-eager", "torch-compile"])
    assert measuring.available(workload, ["jax"]) == (["jax-scan"], [])


def test_a_runner_that_fails_says_why():
    with pytest.raises(ChildError, match=r"numpy: .*TypeError: numpy runs no training"):
        Child("mlp", "numpy", 1)


def test_limits_are_positive():
    assert peak("float32", 1, 1) > 1e8
    assert tile_rate("float64", 2, 1) > 1e8
    assert bandwidth(1 << 20, "float64", 2, in_place=False, calls=1) > 1e7


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.5, "2.5 s"), (1.234e-3, "1.23 ms"), (4.2e-6, "4.2 µs"), (5e-9, "5 ns")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


def test_words_of_the_command_line(symdl):
    assert command._sorted(["mlp", "jax"], ["torch"]) == (["mlp"], ["numpy", "torch", "jax"])
    assert command._sorted(["mlp"], ["torch,jax"]) == (["mlp"], ["numpy", "torch", "jax"])
    assert "LeNet-5" in symdl("bench", "--list").stdout
    for arguments, message in (
        (["lennet"], "unknown workload 'lennet'; did you mean lenet"),
        (["mlp", "--against", "tensorflow"], "unknown peer 'tensorflow'; the peers are torch, jax, numpy"),
        (["mlp", "--threads", "0"], "--threads: expected numbers of at least 1"),
    ):
        result = symdl("bench", *arguments)
        assert (result.exit_code, result.stdout) == (2, "")
        assert message in result.stderr


@pytest.mark.slow
def test_a_row_as_users_see_it(symdl, tmp_path):
    result = symdl("bench", "hessian", "--threads", "1", "--seconds", "0.1", "--json", tmp_path / "f.json")
    assert result.exit_code == 0, result.output
    [figures] = json.loads((tmp_path / "f.json").read_text())["rows"]
    assert figures["best"] in ("numpy", "numpy-syrk")
    assert figures["cold"]["prepare"] > figures["runners"]["symdl"]["prepare"]
