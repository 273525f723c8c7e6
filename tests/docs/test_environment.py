"""Every variable of the environment that the source reads has its row in docs/conventions.md, and no other has one."""

import ast
import re

from tests.architecture.source import ROOT, package_files


def test_variables_are_documented():
    texts = [
        node.value
        for package in ("symdl", "symdl_codegen")
        for file in package_files(package)
        for node in ast.walk(file.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    read = {text for text in texts if re.fullmatch(r"SYMDL_[A-Z_]*[A-Z]", text)}
    page = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    assert read
    assert set(re.findall(r"^\| `(SYMDL_\w+)` \|", page, re.MULTILINE)) == read
