"""The reference page has every public name, with documentation."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def public_names():
    spec = importlib.util.spec_from_file_location("public_names", DOCS / "public_names.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_name_has_its_part_and_its_documentation(public_names):
    for name in public_names.names():
        assert public_names.part_of(name) in public_names.PARTS
        assert public_names.summary(name)


def test_parts_are_those_of_modules_that_exist(public_names):
    prefixes = [prefix for prefixes in public_names.PARTS.values() for prefix in prefixes]
    assert [prefix for prefix in prefixes if importlib.util.find_spec(prefix) is None] == []
    assert public_names.part_of("recurrence") == public_names.part_of("tensor") == "Declaring"


@pytest.mark.parametrize(
    "name", ["grad", "derivation", "latex", "compile", "Model", "fit", "relu", "softmax", "losses"]
)
def test_names_of_every_kind_are_found(public_names, name):
    assert name in public_names.names()


def test_the_page_asks_for_every_table(public_names):
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    assert set(re.findall(r"{{ (\w+) }}", page)) == set(public_names.tables())
    assert all(f"`sd.{name}`" in "".join(public_names.tables().values()) for name in public_names.names())
