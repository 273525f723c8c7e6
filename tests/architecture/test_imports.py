"""Imports point one way, along the order in which data meets the folders."""

import pytest

from tests.architecture.source import SourceFile, package_files

# The whole rule. A part may import itself and what stands before it; a package's __init__ may import everything in it.
# A new file or folder at the top of a package gets its place here.
ORDER = {
    "symdl": [
        "errors", "collector", "notation", "expr", "ops", "derive", "simplify", "latex", "arrays", "interpret",
        "calculus", "curvature", "derivation", "testing", "declared", "check", "init", "losses",
        "optimizers", "freeze", "refusals", "compile", "minimizers", "stability",
        "train", "data", "models", "bench", "cli", "__main__",
    ],
    "symdl_codegen": [
        "errors", "primitives", "program", "ir", "scalars", "bounds", "ir_access", "ir_print", "ir_verify", "lower",
        "passes", "schedule", "intrinsics", "emit", "runtime", "pipeline",
    ],
}  # fmt: skip
# The parts of symdl that may import symdl_codegen, which itself never imports symdl.
BRIDGE = {"freeze", "refusals", "compile", "minimizers", "stability", "train", "bench", "cli"}
# Exceptions: (importing part, imported part) of symdl -> the reason. Such an import stands inside a function.
EXCEPTIONS = {
    ("expr", "latex"): "SymPy and Jupyter ask a node for its LaTeX (_latex, _repr_latex_); layout lives in the printer",
}


def part_of(module: str) -> str:
    """``symdl.ops.relu`` -> ``ops``; empty for the package itself."""
    return [*module.split("."), ""][1]


def forbidden(package: str, importer: str, imported: str) -> str | None:
    """Why the module ``importer`` must not import the name ``imported``, or None."""
    root, target, own = imported.split(".")[0], part_of(imported), part_of(importer)
    order = ORDER[package]
    if root == "codegen":
        return "codegen/ is a folder, not a package: import symdl_codegen"
    if (root == "tests") or (package == "symdl_codegen" and root == "symdl"):
        return f"{package} never imports {root}"
    if package == "symdl" and root == "symdl_codegen":
        return None if own in BRIDGE else f"only {sorted(BRIDGE)} may use symdl_codegen"
    if root != package or not own or (own, target) in EXCEPTIONS:
        return None
    if target not in order:
        return f"imports {package} itself, and so everything: name the module that is needed"
    return None if order.index(target) <= order.index(own) else f"{target} stands after {own}"


def violations(package: str, file: SourceFile) -> list[str]:
    return [
        f"{file.name}:{line}: {imported}: {why}"
        for line, imported in file.imports()
        if (why := forbidden(package, file.module, imported))
    ]


@pytest.mark.parametrize("package", ORDER)
def test_every_part_has_its_place(package):
    files = package_files(package)
    assert files, f"no files found for {package}"
    parts = {part_of(file.module) for file in files} - {""}
    assert parts <= set(ORDER[package]), "give these a place in ORDER"


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_downward(package):
    assert [line for file in package_files(package) for line in violations(package, file)] == []


def test_exceptions_are_needed_and_wait_for_the_call():
    files = package_files("symdl")
    assert set(EXCEPTIONS) <= {(part_of(file.module), part_of(name)) for file in files for _, name in file.imports()}
    at_import = [
        f"{file.name}: {imported}"
        for file in files
        for _, imported in file.imports(at_once=True)
        if (part_of(file.module), part_of(imported)) in EXCEPTIONS
    ]
    assert at_import == []


@pytest.mark.parametrize(
    ("package", "importer", "imported", "allowed"),
    [
        ("symdl", "symdl.ops.relu", "symdl.expr.nodes.Load", True),
        ("symdl", "symdl.ops.relu", "symdl.ops.tanh", True),
        ("symdl", "symdl.ops.relu", "symdl.derive.vjp", False),
        ("symdl", "symdl.ops.relu", "symdl.grad", False),
        ("symdl", "symdl.ops.relu", "symdl_codegen.primitives", False),
        ("symdl", "symdl.freeze", "symdl_codegen.program", True),
        ("symdl", "symdl", "symdl.cli", True),
        ("symdl", "symdl.cli", "codegen.symdl_codegen.ir", False),
        ("symdl_codegen", "symdl_codegen.ir", "symdl.errors", False),
        ("symdl_codegen", "symdl_codegen.emit.numpy", "symdl_codegen.intrinsics.fma", True),
        ("symdl_codegen", "symdl_codegen.passes.fuse", "symdl_codegen.schedule.tile", False),
    ],
)
def test_the_rule_itself(package, importer, imported, allowed):
    assert (forbidden(package, importer, imported) is None) == allowed


def test_relative_imports_are_resolved(tmp_path):
    cases = {"relu.py": "symdl.ops.relu", "__init__.py": "symdl.ops"}
    for name, module in cases.items():
        path = tmp_path / name
        path.write_text("from . import tanh\nfrom ..expr.nodes import Load\nfrom .. import errors\n")
        names = [imported for _, imported in SourceFile(path, module).imports()]
        assert names == ["symdl.ops.tanh", "symdl.expr.nodes.Load", "symdl.errors"]
