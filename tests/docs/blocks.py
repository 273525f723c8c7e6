"""Python blocks of Markdown files: found, run in order in one namespace per file, their printed results compared.

A line before a fence can mark it: ``<!-- prints -->`` (the block is what the Python block before it prints) or
``<!-- skip: the reason -->`` (a Python block that is not run).
"""

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:^<!-- *(?P<mark>.*?) *-->\n)?^(?P<ticks>`{3,})(?P<language>[^\n`]*)\n(?P<body>.*?)^(?P=ticks)$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; ``start`` and ``end`` delimit its body in the file's text."""

    language: str
    mark: str
    body: str
    start: int
    end: int
    line: int

    @property
    def skip_reason(self) -> str | None:
        """Why it is not run; None if it is."""
        return self.mark.removeprefix("skip").lstrip(": ") if self.mark.startswith("skip") else None


def blocks(text: str) -> Iterator[Block]:
    """All fenced blocks of a Markdown text, in order."""
    for found in FENCE.finditer(text):
        line = text.count("\n", 0, found.start("body")) + 1
        language = found["language"].strip()
        yield Block(language, found["mark"] or "", found["body"], found.start("body"), found.end("body"), line)


def run(text: str, file: Path) -> list[tuple[Block, str]]:
    """Execute the Python blocks; return each ``prints`` block with what was really printed.

    Raises:
        ValueError: a skip without a reason, or a ``prints`` block after no Python block.
        Exception: whatever a block raises; its traceback shows the Markdown file and line.
    """
    namespace: dict[str, object] = {"__name__": "__main__"}
    printed: str | None = None
    results = []
    for block in blocks(text):
        if block.mark == "prints":
            if printed is None:
                raise ValueError(f"{file}:{block.line}: no Python block that was run stands before this one")
            results.append((block, printed))
        elif block.language == "python" and block.skip_reason is None:
            printed = _execute(block, file, namespace)
        elif block.mark.rstrip(":") == "skip":
            raise ValueError(f"{file}:{block.line}: give the reason: <!-- skip: the reason -->")
        elif block.language == "python":
            printed = None
    return results


def _execute(block: Block, file: Path, namespace: dict[str, object]) -> str:
    # Blank lines in front make the line numbers of a traceback those of the Markdown file.
    code = compile("\n" * (block.line - 1) + block.body, str(file), "exec")
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(code, namespace)
    return output.getvalue()


def update(text: str, results: list[tuple[Block, str]]) -> str:
    """The text with every ``prints`` block replaced by what was printed."""
    for block, printed in reversed(results):
        text = text[: block.start] + printed + text[block.end :]
    return text
