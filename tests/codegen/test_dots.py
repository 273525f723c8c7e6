"""Contractions whose vectors run along the depth: every remainder and number of depths gives the same sums."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.program import Index, Program
from symdl_codegen.schedule import dots
from tests.codegen.programs import Builder, ap, axes, ld


@pytest.fixture(autouse=True)
def whatever_it_costs(monkeypatch):
    monkeypatch.setattr(dots, "product_cost", lambda *_: float("inf"))


SIZES = [(1, 1, 1, 1), (4, 6, 3, 16), (6, 5, 7, 64), (5, 7, 2, 15), (9, 13, 4, 33), (3, 2, 5, 8), (0, 3, 2, 5)]


def gradient(output: str) -> Program:
    """G[o,k] = sum over y, n of d[o,y,n]*x[y+k,n]; with n last, no column is contiguous. Then e = tanh(g + c)."""
    b = Builder("gradient", o=None, w=None, h=None, r=None, n=None)
    b.input("d", "o", "h", "n")
    b.input("x", "r", "n")
    b.input("c", "w")
    body = ap("mul", ld("d", "o", "y", "n"), ld("x", ap("add", Index("y"), Index("k")), "n"))
    b.eq("g", axes(o="o", k="w"), body, "add", axes(y="h", n="n"))
    b.eq("e", axes(o="o", k="w"), ap("tanh", ap("add", ld("g", "o", "k"), ld("c", "k"))))
    return b.program(output)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("output", ["g", "e"])
def test_every_remainder(output: str, dtype: str) -> None:
    fn = build(gradient(output), dtype=dtype)
    assert "dots(" in fn.source
    for o, w, h, n in SIZES:
        rng = np.random.default_rng(n)
        d, x, c = rng.normal(size=(o, h, n)), rng.normal(size=(h + w, n)), rng.normal(size=w)
        windows = np.stack([x[k : k + h] for k in range(w)])
        expected = np.einsum("oyn,kyn->ok", d.astype(dtype), windows.astype(dtype), dtype=np.float64)
        expected = np.tanh(expected + c) if output == "e" else expected
        found = fn({"d": d, "x": x, "c": c}, {"w": w})[output]
        tolerance = 8 * np.finfo(dtype).eps * (h * n + 1) ** 0.5
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * 10)


def test_three_depths_and_loops_around() -> None:
    b = Builder("deep", s=2, o=3, c=4, h=3, w=5, p=5, q=7, n=None)
    b.input("d", "s", "o", "h", "w", "n")
    b.input("x", "s", "c", "p", "q", "n")
    place = ap("add", Index("y"), Index("k")), ap("add", Index("z"), Index("l"))
    body = ap("mul", ld("d", "s", "o", "y", "z", "n"), ld("x", "s", "c", *place, "n"))
    b.eq("g", axes(s="s", o="o", c="c", k=3, l=3), body, "add", axes(y="h", z="w", n="n"))
    fn = build(b.program("g"))
    assert "dots(" in fn.source
    rng = np.random.default_rng(0)
    for n in (1, 8, 21):
        d, x = rng.normal(size=(2, 3, 3, 5, n)), rng.normal(size=(2, 4, 5, 7, n))
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 5), (2, 3))
        expected = np.einsum("soyzn,scklnyz->sockl", d, windows)
        np.testing.assert_allclose(fn({"d": d, "x": x})["g"], expected, rtol=1e-11, atol=1e-11)


def test_nothing_outside_is_read() -> None:
    """What lies behind a row belongs to the next one, and may not be a number."""
    fn = build(gradient("g"), dtype="float32")
    d, x = np.full((4, 3, 37), np.nan, np.float32), np.full((9, 37), np.nan, np.float32)
    d[1], x[2:5] = 1.0, 2.0
    found = fn({"d": d, "x": x, "c": np.zeros(6)})["g"]
    assert found[1, 2] == 2.0 * 3 * 37
    assert np.isnan(np.delete(found.ravel(), 1 * 6 + 2)).all()
