"""The README's two commands are exactly what continuous integration runs."""

import re

import pytest

from tests.architecture.source import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
SCRIPT = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
COMMAND = re.compile(r"<!-- command: (\w+) -->\n```sh\n(.*?)\n```\n", re.DOTALL)
FUNCTION = {"test": "tests", "run": "main_job"}


def readme_commands() -> dict[str, list[str]]:
    """Name of a README command -> its parts between ``&&``."""
    return {name: [part.strip() for part in command.split("&&")] for name, command in COMMAND.findall(README)}


def script_commands(function: str) -> list[str]:
    """The commands of a function of .ci/run as a reader of the README would type them."""
    body = re.search(rf"^{function}\(\) [({{].*?\n(.*?)^[)}}]$", SCRIPT, re.DOTALL | re.MULTILINE)
    assert body, f".ci/run has no function {function}"
    parts = [part.strip() for line in body[1].splitlines() for part in line.split("&&") if part.strip()]
    surroundings = {"venv=$work/test-venv", "venv=$work/train-venv", 'cd "$work"'}
    return [re.sub(r'"\$venv(/bin/\w+)?"', r".venv\1", part) for part in parts if part not in surroundings]


def test_every_shell_block_is_a_named_command():
    assert len(re.findall(r"^```(?:sh|bash|shell|console)$", README, re.MULTILINE)) == len(readme_commands())
    assert set(readme_commands()) == set(FUNCTION)


@pytest.mark.parametrize("name", FUNCTION)
def test_ci_runs_what_the_readme_says(name):
    assert script_commands(FUNCTION[name]) == readme_commands()[name]


@pytest.mark.parametrize("function", FUNCTION.values())
def test_ci_calls_the_function(function):
    assert re.search(rf'^step "[\w ]+" {function}$', SCRIPT, re.MULTILINE)


def test_contributing_gives_the_same_test_command():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert " && ".join(readme_commands()["test"]) in text


def test_linked_files_exist():
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
