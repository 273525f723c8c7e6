"""Programs kept between runs: the same bits as without, another key for whatever else, and never a wrong one."""

import dataclasses
import json
import os
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.optimizers.optimizer import Optimizer
from symdl.train import kept
from symdl.train.programs import Where, evaluation, prediction, training
from symdl.train.step import Part, Switches
from tests.train.models import line, regression


@pytest.fixture
def keeping(tmp_path, monkeypatch):
    """Programs are kept, in a folder of their own."""
    monkeypatch.setenv("SYMDL_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("SYMDL_PROGRAM_CACHE")
    return tmp_path


def noisy():
    """A regression with dropout: its draws must be the same."""
    x, y, w = sd.vector("x", 3), sd.scalar("y"), sd.vector("w", 3)
    return sd.Model(sd.square(sd.dropout(w, 0.5) @ x - y) + sd.sum(sd.square(w)), parameters=w, inputs=x, targets=y)


def train(make=regression, **options):
    model = make()
    settings = {"optimizer": sd.optimizers.Adam(alpha=0.05), "batch_size": 8, "epochs": 4, "target": "cpu", **options}
    return model, sd.fit(model, line(), **settings)


def built(model=None, optimizer=None, switches=None, where=None):
    declared = (model or regression()).declared
    [group] = declared.groups
    part = Part(group.name, group.parameters, optimizer or sd.optimizers.SGD())
    return training(declared, where or Where((), "numpy"), [part], switches or Switches())


@pytest.mark.parametrize("make", [regression, noisy])
@pytest.mark.parametrize("target", ["cpu", "numpy"])
def test_same_bits_as_without(keeping, make, target, monkeypatch):
    first, cold = train(make, target=target)
    second, warm = train(make, target=target)
    assert "derive" in cold.timings
    assert "derive" not in warm.timings
    assert {"read", "compile"} <= set(warm.timings)
    assert warm.timings["cached"] is True
    monkeypatch.setenv("SYMDL_PROGRAM_CACHE", "0")
    third, without = train(make, target=target)
    assert "derive" in without.timings
    assert cold.loss == warm.loss == without.loss
    for name in first.values:
        np.testing.assert_array_equal(first.values[name], second.values[name])
        np.testing.assert_array_equal(first.values[name], third.values[name])


def test_what_it_depends_on_has_another_key(keeping):
    def key(model=None, what=("training",), optimizer=None):
        declared = (model or regression()).declared
        [group] = declared.groups
        return kept.key(declared, what, [Part(group.name, group.parameters, optimizer or sd.optimizers.SGD())])

    def changed(**options):
        x, y, w = (
            sd.vector("x", options.get("n", 3)),
            sd.scalar("y"),
            sd.vector("w", options.get("n", 3), **options.get("facts", {})),
        )
        loss = options.get("factor", 1) * sd.square(w @ x - y)
        return sd.Model(loss, parameters=w, inputs=x, targets=y, outputs=options.get("outputs", {}))

    x, w = sd.vector("x", 3), sd.vector("w", 3)
    keys = [
        key(),
        key(what=("evaluation",)),
        key(optimizer=sd.optimizers.Adam()),
        key(noisy()),
        *(
            key(changed(**options))
            for options in (
                {},
                {"n": 4},
                {"factor": 2},
                {"factor": 2.5},
                {"facts": {"positive": True}},
                {"outputs": {"f": w @ x}},
            )
        ),
    ]
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key(optimizer=sd.optimizers.SGD(alpha=0.5)) == keys[0]  # the number is an input of the program
    assert key(optimizer=sd.optimizers.SGD(alpha=lambda step: 1.0 / (step + 1))) == keys[0]
    assert key(noisy()) == keys[3]  # declared again, its draws have other streams until they are numbered anew


def test_settings_have_another_key(keeping):
    [one, *others] = (
        built(where=where, switches=switches)
        for where, switches in (
            (Where((), "numpy"), Switches()),
            (Where((), "numpy", "float64"), Switches()),
            (Where((), "numpy"), Switches(clip_norm=True)),
            (Where((), "numpy"), Switches(whole=True)),
        )
    )
    assert "derive" in one.seconds
    assert all("derive" in other.seconds for other in others)
    again = built()
    assert "derive" not in again.seconds
    assert (again.updates, again.count) == (one.updates, one.count)
    assert built(switches=Switches(whole=True)).count == others[2].count
    declared = regression().declared
    for make in (prediction, evaluation):
        assert "freeze" in make(declared, Where((), "numpy")).seconds
        assert "freeze" not in make(declared, Where((), "numpy")).seconds


@pytest.mark.parametrize("setting", [("_code", "another source"), ("_settings", "SYMDL_ANYTHING")])
def test_another_source_has_another_key(keeping, monkeypatch, setting):
    built()
    if setting[0] == "_code":
        monkeypatch.setattr(kept, "_code", lambda: setting[1])
    else:
        monkeypatch.setenv(setting[1], "1")
    assert "derive" in built().seconds


def test_the_source_is_all_of_it(tmp_path, monkeypatch):
    files = {
        path
        for folder in (tmp_path / "symdl", tmp_path / "symdl_codegen")
        for path in (folder / "a.py", folder / "b" / "c.py")
    }
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    monkeypatch.setattr(kept, "__file__", str(tmp_path / "symdl" / "train" / "kept.py"))
    monkeypatch.setattr(kept.symdl_codegen, "__file__", str(tmp_path / "symdl_codegen" / "__init__.py"))
    found = {kept._code.__wrapped__()}
    for path in files:
        path.write_text("x = 2\n")
        found.add(kept._code.__wrapped__())
    assert len(found) == 5


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: b"",
        lambda text: text[:-20],
        lambda text: text.replace(b"training.loss", b"training.lost"),
        lambda text: b"{}\n[]",
    ],
)
def test_damaged_files_are_made_anew(keeping, damage):
    one = built()
    [file] = keeping.rglob("*.program")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    again = built()
    assert "derive" in again.seconds
    assert again.executable.source == one.executable.source
    assert "derive" not in built().seconds


def test_a_file_of_another_shape_is_made_anew(keeping):
    built()
    [file] = keeping.rglob("*.program")
    for about, content in (({}, b"[]"), ({"rates": {}, "updates": [], "count": None}, b'["x"]'), ([], b"{}")):
        kept.save(file.stem, content, about)
        assert "derive" in built().seconds


class Foreign(sd.optimizers.SGD):
    """An optimizer of the user's own."""


def test_what_is_not_ours_is_not_kept(keeping, monkeypatch):
    declared = regression().declared
    [group] = declared.groups
    assert kept.key(declared, ["training"], [Part(group.name, group.parameters, Foreign())]) is None
    relu = sd.relu(sd.scalar("y")).func
    x, y, w = sd.vector("x", 3), sd.scalar("y"), sd.vector("w", 3)
    other = sd.Model(sd.relu(w @ x - y), parameters=w, inputs=x, targets=y).declared
    assert kept.key(other, ["training"]) is not None
    monkeypatch.setattr(relu, "__module__", "my_ops")
    assert kept.key(other, ["training"]) is None


def test_numbers_of_our_optimizers_do_not_enter():
    """Every field that is no hyper-parameter with a symbol is part of the key."""
    for cls in (cls for cls in Optimizer.__subclasses__() if cls.__module__.startswith("symdl.")):
        part = Part("loss", (), cls())
        text = json.dumps(kept._optimizer(part))
        for field in dataclasses.fields(cls):
            assert (f"'{field.name}'" in text) == (field.name not in kept.SYMBOLS)


CODE = """
import sys
import symdl as sd
from tests.train.models import line, regression
history = sd.fit(regression(), line(), optimizer=sd.optimizers.Adam(), epochs=2, batch_size=8)
print(history.loss, "derive" in history.timings, "numba" in sys.modules)
"""


def test_processes_share_programs(keeping):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    options = {"env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    together = [subprocess.Popen([sys.executable, "-c", CODE], **options) for _ in range(2)]
    outputs = [process.communicate(timeout=100) for process in together]
    warm = subprocess.run([sys.executable, "-c", CODE], **options, timeout=100)
    assert [process.returncode for process in together] == [0, 0], outputs
    assert not list(keeping.rglob("*.part"))
    loss, derived, numba = warm.stdout.rpartition("]")[0], *warm.stdout.split()[-2:]
    assert (derived, numba) == ("False", "False")
    assert all(output.rpartition("]")[0] == loss for output, _ in outputs)
