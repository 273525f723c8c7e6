"""Errors of the command line: one line that says what to do, and an exit code."""

import pytest

from symdl.errors import InputError


@pytest.mark.parametrize("command", ["show", "derive", "train", "check", "kernels"])
def test_unknown_model(symdl, command):
    result = symdl(command, "digits-mpl")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: unknown model 'digits-mpl'; did you mean digits-mlp")
    assert "The models are " in result.stderr
    assert result.stderr.count("\n") == 1


def test_unknown_model_without_a_close_match(symdl):
    assert "did you mean" not in symdl("show", "xyzzy").stderr


def test_unknown_parameter(symdl):
    result = symdl("derive", "linear", "--wrt", "W1")
    assert (result.exit_code, result.stderr) == (2, "error: unknown parameter 'W1'; the parameters are w, b\n")


def test_no_command_and_unknown_command(symdl):
    assert "Commands:" in symdl().output
    result = symdl("run")
    assert result.exit_code == 2
    assert "No such command 'run'" in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "-1"], "epochs: expected an integer of at least 0, found -1"),
        (["--batch-size", "0"], "batch_size: expected an integer of at least 1, found 0"),
        (["--target", "gpu"], "unknown target 'gpu'; expected one of cpu, numpy, cuda"),
        (["--dtype", "float16"], "unknown dtype 'float16'; expected one of float32, float64"),
        (["--alpha", "-1"], "alpha must be a number above 0"),
        (["--seed", "-1"], "seed: expected an integer of at least 0, found -1"),
        (["--threads", "0"], "threads: expected an integer of at least 1, found 0"),
        (["--resume"], "there is no such file"),
        (["--target", "cuda"], "Numba finds no GPU with a driver"),
    ],
)
@pytest.mark.parametrize("model", ["linear", "value-iteration"])
def test_options_that_do_not_fit_are_refused_before_any_work(symdl, tmp_path, model, options, message):
    if "cuda" in options:
        from numba import cuda

        if cuda.is_available():
            pytest.skip("there is a GPU to run on")
    result = symdl("train", model, "--out", tmp_path / "run", *options)
    assert result.exit_code == (2 if "--alpha" in options and model == "value-iteration" else 1)
    expected = {"--resume": "value-iteration cannot be resumed", "--alpha": "value-iteration has no learning rates",
                "--batch-size": "value-iteration has no option 'batch_size'",
                "--threads": "value-iteration has no option 'threads'"}  # fmt: skip
    assert (expected.get(options[0], message) if model == "value-iteration" else message) in result.stderr
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert result.stdout == ""
    assert not (tmp_path / "run").exists()


def test_option_that_is_no_number(symdl):
    result = symdl("train", "linear", "--epochs", "many")
    assert result.exit_code == 2
    assert "Invalid value for '--epochs'" in result.stderr


def test_folder_that_is_a_file(symdl, tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    result = symdl("train", "linear", "--out", file)
    assert result.exit_code == 1
    assert result.stderr == f"error: [Errno 17] File exists: '{file}'\n"


def test_debug_keeps_the_traceback(symdl, tmp_path):
    result = symdl("train", "linear", "--out", tmp_path, "--epochs", "-1", "--debug")
    assert isinstance(result.exception, InputError)


def test_training_that_diverges_keeps_its_results_and_fails(symdl, tmp_path):
    result = symdl("train", "linear", "--out", tmp_path, "--epochs", "200", "--alpha", "1e200")
    assert result.exit_code == 1
    assert result.stderr.startswith("warning: training stopped: the loss is not finite")
    assert "results in" in result.stdout
    assert (tmp_path / "checkpoint.safetensors").exists()
