"""``symdl train``: what it prints and what it leaves."""

import dataclasses
import json
import re

import numpy as np
import pytest

import symdl as sd
from symdl.train.options import EarlyStopping
from tests.models.test_models import small_experiment

FILES = {"derivation.tex", "derivation.html", "kernels.py", "metrics.json", "loss.png", "checkpoint.safetensors"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    from typer.testing import CliRunner

    from symdl.cli import app

    folder = tmp_path_factory.mktemp("digits") / "run"
    return CliRunner().invoke(app, ["train", "digits-mlp", "--out", str(folder), "--epochs", "8"]), folder


def test_it_ends_with_the_figure_and_the_folder(trained):
    result, folder = trained
    assert result.exit_code == 0, result.output
    figure, place = result.stdout.splitlines()[-2:]
    assert re.fullmatch(r"test accuracy 0\.\d{3}", figure)
    assert float(figure.split()[-1]) > 0.93
    assert place == f"results in {folder}"


def test_it_says_what_compiling_took(trained):
    stages = r"derive \d+\.\d\d, simplify \d+\.\d\d, lower \d+\.\d\d, emit \d+\.\d\d, compile \d+\.\d\d"
    assert re.search(
        rf"^compiled the training step in \d+\.\d\d s \((cold|from the cache)\): {stages}$",
        trained[0].stdout,
        re.MULTILINE,
    )


def test_it_says_what_memory_is_planned(trained):
    said = r"^training: 0\.\d\d MiB planned for all intermediates, of which 0\.\d\d MiB of its own for (.*)$"
    found = re.search(said, trained[0].stdout, re.MULTILINE)
    assert found
    assert re.fullmatch(r"the thread|each of \d+ threads", found.group(1))


def test_it_leaves_these_files_and_no_others(trained):
    assert {path.name for path in trained[1].iterdir()} == FILES


def test_metrics(trained):
    found = json.loads((trained[1] / "metrics.json").read_text(encoding="utf-8"))
    assert found["model"] == "digits-mlp"
    assert f"test accuracy {found['test_accuracy']:.3f}\n" in trained[0].stdout
    assert len(found["history"]["loss"]) == found["training"]["epochs"] == 8
    assert found["history"]["timings"]["compile"] >= 0
    assert found["parameters"]["W1"][1] == 64
    assert found["reference"]["reached"] == (found["test_accuracy"] >= 0.965)


def test_kernels_are_the_source_with_equations(trained):
    source = (trained[1] / "kernels.py").read_text(encoding="utf-8")
    compile(source, "kernels.py", "exec")
    assert "# z1[i0, i1] = b1[i1] + " in source


def test_derivation_as_latex_and_page(trained):
    page = (trained[1] / "derivation.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "http" not in page
    tex = (trained[1] / "derivation.tex").read_text(encoding="utf-8")
    assert r"\delta^{[2]} = \hat{y} - y" in tex
    assert tex.endswith("\\end{document}\n")
    assert tex.isascii()


def test_loss_curve_is_a_picture(trained):
    assert (trained[1] / "loss.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_checkpoint_has_the_figure(trained):
    recipe = sd.models.find("digits-mlp")
    model = sd.load(trained[1] / "checkpoint.safetensors")
    figure = recipe.score(model, recipe.splits()[0])
    assert f"test accuracy {figure:.3f}\n" in trained[0].stdout


def test_resumed_training_is_the_uninterrupted_one(symdl, tmp_path):
    for arguments in (["a", "--epochs", 4], ["b", "--epochs", 2], ["b", "--epochs", 4, "--resume"]):
        result = symdl("train", "digits-mlp", "--out", tmp_path / arguments[0], *arguments[1:])
        assert result.exit_code == 0, result.output
    a, b = (sd.load(tmp_path / name / "checkpoint.safetensors").values for name in "ab")
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_options_reach_the_training(symdl, tmp_path):
    options = ["--epochs", 3, "--seed", 5, "--alpha", 0.01, "--target", "numpy", "--dtype", "float32", "--no-progress"]
    result = symdl("train", "linear", "--out", tmp_path, *options)
    assert result.exit_code == 0, result.output
    assert re.search(r"^training r2 -?\d+\.\d{5}$", result.stdout, re.MULTILINE)
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert {key: found["training"][key] for key in ("epochs", "seed", "target", "dtype")} == {
        "epochs": 3, "seed": 5, "target": "numpy", "dtype": "float32",
    }  # fmt: skip
    assert "alpha=0.01" in found["training"]["optimizer"]
    assert "np." in (tmp_path / "kernels.py").read_text(encoding="utf-8")


def test_early_stopping_is_no_failure(symdl, tmp_path, monkeypatch):
    recipe = sd.models.find("linear")
    early = {**recipe.settings, "validation": 0.2, "early_stopping": EarlyStopping(1, min_delta=1e9)}
    monkeypatch.setattr("symdl.cli.train.find", lambda name: dataclasses.replace(recipe, settings=early))
    result = symdl("train", "linear", "--out", tmp_path, "--epochs", 50, "--target", "numpy")
    assert result.exit_code == 0, result.output
    assert "early stopping" in json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["history"]["stopped"]


def test_folder_by_default(symdl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = symdl("train", "linear", "--epochs", 2)
    assert result.stdout.endswith("\nresults in runs/linear\n")
    assert {path.name for path in (tmp_path / "runs" / "linear").iterdir()} == FILES


def test_several_divisions_give_their_mean(symdl, tmp_path):
    printed = symdl("train", "logistic", "--out", tmp_path, "--epochs", 100).stdout
    assert "the mean over 5 divisions of the data:\ntest accuracy 0.9" in printed


@pytest.fixture
def root(monkeypatch):
    recipe = small_experiment()
    for command in ("train", "derive", "show", "kernels", "check"):
        monkeypatch.setattr(f"symdl.cli.{command}.find", lambda name: recipe)
    return recipe


def test_experiments_leave_the_same_folder_and_a_report(symdl, root, tmp_path):
    result = symdl("train", "root", "--out", tmp_path, "--epochs", 50)
    assert result.exit_code == 0, result.output
    assert "\nx = 1.414\nroot 1.4142\n" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == FILES - {"checkpoint.safetensors"} | {"report.txt"}
    found = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))
    assert (found["root"], found["seed"]) == (pytest.approx(2**0.5, abs=1e-5), 0)
    assert found["training"] == {"epochs": 50, "target": "numpy", "dtype": "float64", "seed": 0}
    assert (tmp_path / "report.txt").read_text(encoding="utf-8") == "x = 1.414\n"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--batch-size", 4], "root has no option 'batch_size'; its options are seed, epochs, target, dtype"),
        (["--alpha", 0.1], "--alpha: root has no learning rates; expected one"),
        (["--resume"], "root cannot be resumed"),
    ],
)
def test_options_that_an_experiment_does_not_have(symdl, root, tmp_path, option, message):
    result = symdl("train", "root", "--out", tmp_path, *option)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_several_objectives_are_shown_derived_and_checked_under_their_names(symdl, root):
    assert "other:\n  C = x⁴\n" in symdl("show", "root").stdout
    assert re.search(r"^root, other: .*x⁴", symdl("derive", "root").stdout, re.MULTILINE)
    printed = symdl("check", "root")
    assert printed.exit_code == 0, printed.output
    assert "\nother:\n" in printed.stdout
    assert symdl("kernels", "root", "--target", "numpy").stdout.startswith('"""function in NumPy')
