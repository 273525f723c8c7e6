"""Rules every file keeps: small, finished, no hand-written backward pass, no suppression without a reason."""

import ast
import re

import pytest

from tests.architecture.source import ROOT, SourceFile, all_files, package_files

FILES = all_files()
PACKAGE_FILES = package_files("symdl") + package_files("symdl_codegen")
MAX_LINES = 400
BACKWARD = re.compile(r"backward|bprop|pullback|_vjp|vjp_")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX)\b")
SUPPRESSION = re.compile(r"#\s*(?P<kind>noqa|type:\s*ignore)(?P<rest>.*)")
# A rule's name, then why it does not hold here.
REASONED = {"noqa": r": ?[A-Z]+\d+(, ?[A-Z]+\d+)* .*\w+ \w+", "type": r"\[[\w, -]+\]\s+# .*\w+ \w+"}


def ids(file):
    return file.name


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_file_is_small(file):
    lines = len(file.text.splitlines())
    assert lines < MAX_LINES, f"{file.name} has {lines} lines; split it"


def hand_written(file):
    """Return what is a backward pass by its name, and derivatives that a composite op states rather than has."""
    found = []
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        own = "" if node.name.startswith("test_") else node.name.lower()
        if BACKWARD.search(own):
            found.append(f"{file.name}:{node.lineno}: {node.name}")
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).endswith("CompositeOp") for base in node.bases):
            methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
            found += [f"{file.name}:{part.lineno}: {part.name}" for part in methods if "derivative" in part.name]
    return found


@pytest.mark.parametrize("file", FILES, ids=ids)
def test_no_hand_written_backward_pass(file):
    assert hand_written(file) == [], "derivatives are derived from the op's equations"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("def conv_backward(x, g): ...", ["conv_backward"]),
        ("class Pool:\n    def Backward(self): ...", ["Backward"]),
        ("def layer():\n    async def softmax_vjp(g): ...", ["softmax_vjp"]),
        ("class Norm(nodes.CompositeOp):\n    def derivative(self, k): ...", ["derivative"]),
        ("class Norm(CompositeOp):\n    def define(self): ...", []),
    ],
)
def test_a_planted_backward_pass_is_found(text, names, tmp_path):
    path = ROOT / f"{tmp_path.name}.py"  # read from nowhere
    file = SourceFile(path)
    file.__dict__["text"] = text
    assert [line.rpartition(" ")[2] for line in hand_written(file)] == names


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=ids)
def test_nothing_is_left_unfinished(file):
    marks = [f"{file.name}:{n}: {line}" for n, line in enumerate(file.text.splitlines(), 1) if UNFINISHED.search(line)]
    # Catching NotImplementedError is fine: SymPy raises it.
    raised = [
        f"{file.name}:{node.lineno}: raises NotImplementedError"
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Raise) and node.exc is not None and "NotImplementedError" in ast.unparse(node.exc)
    ]
    assert marks + raised == [], "finish it, make the class abstract, or file an issue"


@pytest.mark.parametrize("file", PACKAGE_FILES, ids=ids)
def test_every_suppression_has_its_reason(file):
    bare = [
        f"{file.name}:{number}: {line.strip()}"
        for number, line in enumerate(file.text.splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and not re.match(REASONED[found["kind"].split(":")[0]], found["rest"])
    ]
    assert bare == [], "name the rule and the reason: '# noqa: E731 because …', '# type: ignore[code]  # because …'"
