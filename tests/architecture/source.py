"""The source files of the repository, parsed once, for the tests of their rules."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"symdl": ROOT / "symdl", "symdl_codegen": ROOT / "codegen" / "symdl_codegen"}


@dataclass(frozen=True)
class SourceFile:
    """One Python file. ``module`` is its dotted name, empty outside the two packages."""

    path: Path
    module: str = ""

    @property
    def name(self) -> str:
        """Path from the root of the repository."""
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self) -> str:
        """The file's content."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The file's syntax tree."""
        return ast.parse(self.text, filename=str(self.path))

    def imports(self, at_once: bool = False) -> Iterator[tuple[int, str]]:
        """Line and absolute name of everything imported, also inside functions and under TYPE_CHECKING.

        ``from a.b import c`` gives ``a.b.c``: c may be a module. With ``at_once``, only top-level statements.
        """
        for node in self.tree.body if at_once else ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = self._absolute(node)
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)

    def _absolute(self, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        package = self.module.split(".")
        # A package's __init__ is its own parent: one dot names the package itself.
        drop = node.level - (self.path.name == "__init__.py")
        return ".".join(package[: len(package) - drop] + ([node.module] if node.module else []))


def package_files(package: str) -> list[SourceFile]:
    """The files of ``symdl`` or ``symdl_codegen``."""
    folder = PACKAGES[package]
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = (package, *path.relative_to(folder).with_suffix("").parts)
        found.append(SourceFile(path, ".".join(parts[:-1] if parts[-1] == "__init__" else parts)))
    return found


def all_files() -> list[SourceFile]:
    """The files of both packages, then tests and examples."""
    rest = [SourceFile(path) for folder in ("tests", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]
    return package_files("symdl") + package_files("symdl_codegen") + rest
