"""README.md and every page of docs/ do what they say."""

from pathlib import Path

import pytest

from tests.docs.blocks import run, update

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page_runs(page, request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    results = run(text, page)
    if request.config.getoption("--update-docs"):
        page.write_text(update(text, results), encoding="utf-8")
        return
    for block, printed in results:
        assert printed == block.body, f"{page}:{block.line}: pytest tests/docs --update-docs rewrites it"
