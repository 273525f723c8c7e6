"""Commands that print: list, show, derive, kernels, check, and help."""

import re

import pytest

from symdl.cli import COMMANDS
from symdl.derivation.page import HEADINGS
from symdl.models import RECIPES
from tests.katex import katex_error
from tests.models.names import each


def test_help_names_every_command(symdl):
    result = symdl("--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if not re.search(rf"^ +{name} ", result.stdout, re.MULTILINE)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(symdl, name):
    result = symdl(name, "-h")
    assert result.exit_code == 0
    assert "--debug" in result.stdout


def test_version(symdl):
    from symdl import __version__

    assert symdl("--version").stdout == f"symdl {__version__}\n"


def test_list_names_one_per_line(symdl):
    assert symdl("list", "--names").stdout.split("\n") == [*RECIPES, ""]


def test_list_has_title_section_and_reference(symdl):
    printed = symdl("list").stdout
    for recipe in RECIPES.values():
        row = next(line for line in printed.splitlines() if line.split()[:1] == [recipe.name])
        assert recipe.title in row
        assert f"§{recipe.section}" in row
        assert f"{recipe.reference:g}" in row


@pytest.mark.parametrize("name", each(RECIPES))
def test_show_gives_equations_sizes_data_and_reference(symdl, name):
    result = symdl("show", name)
    assert result.exit_code == 0, result.output
    assert re.search(r"^  C[ᵢ₁₂]? = ", result.stdout, re.MULTILINE)
    assert re.search(r"^parameters +[\d,]+ numbers$", result.stdout, re.MULTILINE)
    for part in ("inputs", "data", "training", "reference"):
        assert re.search(rf"^{part} ", result.stdout, re.MULTILINE)
    assert "\\" not in result.stdout


def test_show_the_network(symdl):
    printed = symdl("show", "digits-mlp").stdout
    assert "  z[1] = W[1] x + b[1]\n" in printed
    assert "  ŷ = S_Softmax(z[2])\n" in printed
    assert "targets     y (10, one-hot)\n" in printed


def test_derive_prints_the_steps(symdl):
    result = symdl("derive", "digits-mlp", "--wrt", "W1")
    assert result.exit_code == 0
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    for step in ("δ[2] = ŷ − y", "ζ[1] = W[2]ᵀ δ[2]", "∂C/∂W[1] = δ[1] xᵀ chain rule through z[1]"):
        assert any(step in line for line in lines), step
    assert "∂C/∂b[1]" not in result.stdout


def test_derive_takes_several_parameters(symdl):
    printed = symdl("derive", "digits-mlp", "--wrt", "W1,b1", "--wrt", "b2").stdout
    assert [name in printed for name in ("∂C/∂W[1]", "∂C/∂b[1]", "∂C/∂W[2]", "∂C/∂b[2]")] == [True, True, False, True]


@pytest.mark.parametrize("name", each(RECIPES))
def test_derivation_is_latex_and_a_page_that_needs_no_network_and_has_no_leftovers(symdl, name, tmp_path):
    file = tmp_path / "pages" / "derivation.html"
    result = symdl("derive", name, "--latex", "--html", file)
    assert result.exit_code == 0, result.output
    first, _, formulas = result.stdout.partition("\n")
    assert first == f"written to {file}"
    parts = formulas.split("\\begin{aligned}")[1:]
    assert len(parts) == len(RECIPES[name].objectives())
    for part in parts:
        assert katex_error("\\begin{aligned}" + part) is None
    page = file.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|href=|<script|<link|@import|url\(", page)
    text = re.sub(r"<annotation.*?</annotation>", "", page)
    assert re.findall(r"\\\w+", text) == [], "LaTeX that was not understood"
    assert text.count("<math") == text.count("</math>") >= 4
    for heading in (HEADINGS["forward"], HEADINGS["gradient"]):
        assert heading in page
    assert list(file.parent.iterdir()) == [file]


def test_hessian_of_one_parameter_and_of_all(symdl):
    result = symdl("derive", "ridge", "--wrt", "w", "--hessian")
    assert "2 x xᵀ + ⅕ I" in result.stdout
    result = symdl("derive", "ridge", "--hessian")  # with bias: C = (w'x + b - y)² + ‖w‖²/10
    assert result.exit_code == 0
    for block in ("∂²C/∂w ∂wᵀ = 2 x xᵀ + ⅕ I", "∂²C/∂w ∂b  = 2 x ", "∂²C/∂b²    = 2 "):
        assert block in result.stdout


@pytest.mark.parametrize("target", ["cpu", "numpy", "cuda"])
def test_kernels_are_source_under_its_equations(symdl, target):
    result = symdl("kernels", "linear", "--target", target)
    assert result.exit_code == 0, result.output
    compile(result.stdout, "kernels.py", "exec")
    assert "# y_hat[i0] = b + t1[i0]" in result.stdout


def test_loop_ir(symdl):
    printed = symdl("kernels", "linear", "--ir").stdout
    assert printed.startswith("module training\n")
    assert "kernel " in printed


def test_check_compares_the_derivatives(symdl):
    result = symdl("check", "linear")
    assert result.exit_code == 0, result.output
    assert "w" in result.stdout
