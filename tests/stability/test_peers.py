"""What other libraries lose on formulas as one writes them: the table of docs/stability.md. Needs torch and jax."""

from pathlib import Path

import numpy as np
import pytest

from symdl.interpret import evaluate
from tests.stability.peers import CASES, HOT, bits_lost, by_jax, by_symdl, by_torch, formula_of

PAGE = Path(__file__).parents[2] / "docs" / "stability.md"


def exact(case, dtype):
    """Return the result at 400 digits; derivatives that do not exist are 0, the subgradient of least norm."""
    point = np.asarray(case.point, dtype=dtype).astype(float)
    if not point.any():
        return np.zeros(len(point))
    return evaluate(formula_of(case), {"x": point, "y": HOT}, precision=400)


def row(name, torch, jax):
    """Return a row of the table of the page."""
    texts = (" / ".join("no number" if np.isinf(bits) else f"{bits:.0f}" for bits in pair) for pair in (torch, jax))
    return f"| {name} | {' | '.join(texts)} |"


@pytest.mark.parametrize("name", CASES)
def test_symdl_keeps_the_digits(name):
    for dtype in ("float32", "float64"):
        assert bits_lost(by_symdl(CASES[name], dtype), exact(CASES[name], dtype), dtype) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_peers_lose_what_the_page_says(name):
    pytest.importorskip("torch")
    pytest.importorskip("jax")
    case = CASES[name]
    types = ("float32", "float64")
    torch, jax = (
        [bits_lost(peer(case, dtype), exact(case, dtype), dtype) for dtype in types] for peer in (by_torch, by_jax)
    )
    assert min(torch[0], jax[0]) > 8
    line = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| {name} |"))
    assert line == row(name, torch, jax)
