"""Formulas as MathML: nothing of the LaTeX is left over, and the known gaps of the converter are closed."""

from xml.etree import ElementTree

import pytest

from symdl.latex import latex
from symdl.latex.mathml import mathml
from tests.latex.test_precedence import CASES
from tests.latex.test_textbook import DECLARED, DERIVED

FORMULAS = {name: build for table in (DECLARED, DERIVED, CASES) for name, (build, _) in table.items()}


def texts(markup):
    return [text for text in ElementTree.fromstring(markup).itertext() if text.strip()]


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("notation", ["matrix", "index"])
def test_everything_printed_converts(name, notation):
    found = texts(mathml(latex(FORMULAS[name](), notation=notation)))
    assert found
    assert not [text for text in found if "\\" in text or "&" in text or (text in "{}_^" and len(text) > 1)]


def test_aligned_becomes_a_table():
    markup = mathml(r"\begin{aligned} z &= W x \\ a &= z \end{aligned}", display=True)
    assert markup.count("<mtr>") == 2
    assert "&" not in "".join(texts(markup))
    assert 'display="block"' in markup
    assert markup.count("text-align: right") == markup.count("text-align: left") == 2


def test_ones_are_bold():
    assert texts(mathml(r"\mathbf{1}^{\top} w")) == ["𝟏", "⊤", "w"]


def test_the_place_of_an_extremum():
    assert "arg" in texts(mathml(r"\arg\max_{j} w_{j}"))[0]


def test_accents_sit_on_their_letter():
    assert mathml(r"\dot{\sigma}").count('<mover accent="true">') == 1
