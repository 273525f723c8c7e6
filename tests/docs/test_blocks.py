"""The harness that runs the documentation: it must not let a broken page pass."""

from pathlib import Path

import pytest

from tests.docs.blocks import blocks, run, update

PAGE = Path("page.md")


def page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def python(code: str) -> str:
    return f"```python\n{code}\n```"


def test_blocks_share_a_namespace_and_results_are_compared():
    text = page(python("a = 2"), "prose", python("print(a + 1)"), "<!-- prints -->\n```text\n3\n```")
    ((block, printed),) = run(text, PAGE)
    assert printed == block.body == "3\n"


def test_update_writes_what_is_printed():
    old = page(
        python("print(1)"), "<!-- prints -->\n```text\nx\ny\n```", python("print(2)"), "<!-- prints -->\n```\n```"
    )
    new = update(old, run(old, PAGE))
    assert new == page(python("print(1)"), "<!-- prints -->\n```text\n1\n```") + "\n" + page(
        python("print(2)"), "<!-- prints -->\n```\n2\n```"
    )
    assert update(new, run(new, PAGE)) == new


def test_an_exception_names_the_page_and_line():
    with pytest.raises(ZeroDivisionError) as caught:
        run(page("# Title", python("a = 0\n1 / a")), PAGE)
    last = caught.traceback[-1]
    assert (Path(last.path).name, last.lineno + 1) == (PAGE.name, 5)


def test_a_skip_needs_a_reason():
    assert run(page("<!-- skip: needs a GPU -->\n" + python("1 / 0")), PAGE) == []
    for mark in ("skip", "skip:"):
        with pytest.raises(ValueError, match="give the reason"):
            run(page(f"<!-- {mark} -->\n" + python("1 / 0")), PAGE)


def test_a_result_needs_a_block_that_ran():
    result = "<!-- prints -->\n```text\n3\n```"
    with pytest.raises(ValueError, match="no Python block"):
        run(page(result), PAGE)
    with pytest.raises(ValueError, match="no Python block"):
        run(page(python("print(3)"), "<!-- skip: slow -->\n" + python("print(3)"), result), PAGE)


def test_other_languages_are_not_run():
    (block,) = blocks(page("```sh\nexit 1\n```"))
    assert (block.language, block.body, block.line) == ("sh", "exit 1\n", 2)
    assert run(page("```sh\nexit 1\n```"), PAGE) == []
