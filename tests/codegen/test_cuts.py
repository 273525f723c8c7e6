"""Sums over windows that leave out what is zero by its place: the same numbers as with all of it."""

from dataclasses import replace

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.errors import VerificationError
from symdl_codegen.ir import Contract, Nest, statements
from symdl_codegen.ir_print import module_text
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.pipeline import scheduled
from symdl_codegen.program import Index, Program
from tests.codegen.programs import Builder, ap, axes, ld

OUT, TAPS, MAPS, COUNT = 24, 5, 16, 6


def window(border: int, every: int, factor: int, inner: int = 5, left: bool = False, last: bool = False) -> Program:
    """Sums over ``TAPS`` places of a tensor of ``inner`` entries with zeros between and around them."""
    b = Builder("window", n=None)
    filled = (inner - 1) * every + 1
    side = filled + 2 * border
    low = 0 if factor > 0 else -factor * (TAPS - 1)
    high = OUT - 1 + max(factor, 0) * (TAPS - 1)
    side = max(side, high + 1 + low)  # every place that is read
    b.input("d", *((MAPS, inner, "n") if last else ("n", MAPS, inner)))
    b.input("w", MAPS, COUNT, TAPS)
    at = ap("add", Index("i"), -border)
    inside = ap("and", ap("le", 0, at), ap("lt", at, filled))
    if every > 1:
        inside = ap("and", *inside.arguments, ap("eq", ap("mod", at, every), 0))
        at = ap("floordiv", at, every)
    b.eq(
        "p",
        axes(o=MAPS, i=side, n="n"),
        ap("where", inside, ld("d", *(("o", at, "n") if last else ("n", "o", at))), 0.0),
    )
    place = ap("add", Index("y"), ap("mul", factor, Index("k")), low)
    factors = [ld("w", "o", "c", "k"), ld("p", "o", place, "n")]
    body = ap("mul", *(factors[::-1] if left else factors))
    b.eq("z", axes(c=COUNT, y=OUT, n="n"), body, "add", axes(o=MAPS, k=TAPS))
    b.eq("t", axes(c=COUNT, y=OUT, n="n"), ap("tanh", ld("z", "c", "y", "n")))
    return b.program("z", "t")


def expected(d: np.ndarray, w: np.ndarray, border: int, every: int, factor: int) -> np.ndarray:
    """The same sum, entry by entry of ``d``."""
    low = 0 if factor > 0 else -factor * (TAPS - 1)
    z = np.zeros((COUNT, OUT, len(d)))
    for i in range(d.shape[2]):
        for k in range(TAPS):
            y = border + every * i - factor * k - low
            if 0 <= y < OUT:
                z[:, y] += np.einsum("oc,no->cn", w[:, :, k], d[:, :, i])
    return z


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("border", "every", "factor"),
    [(4, 1, -1), (4, 1, 1), (0, 3, -1), (2, 2, 1), (7, 1, -2), (5, 1, 3), (3, 4, 1), (11, 2, -1), (9, 1, -3)],
)
def test_zeros_are_left_out(border: int, every: int, factor: int, dtype: str) -> None:
    program = window(border, every, factor)
    fn = build(program, dtype=dtype)
    (part,) = (part for kernel in fn.module.kernels for part in statements(kernel.body) if isinstance(part, Contract))
    (cut,) = part.cuts
    assert (cut.first, cut.every) == (border, every)
    rng = np.random.default_rng(0)
    tolerance = 1e-12 if dtype == "float64" else 1e-4
    for n in (0, 1, 31, 70):
        d, w = rng.normal(size=(n, MAPS, 5)).astype(dtype), rng.normal(size=(MAPS, COUNT, TAPS)).astype(dtype)
        found = fn({"d": d, "w": w})
        z = expected(d.astype(float), w.astype(float), border, every, factor)
        np.testing.assert_allclose(found["z"], z, rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(found["t"], np.tanh(z), rtol=tolerance, atol=tolerance)


def test_either_operand_may_have_zeros() -> None:
    d, w = np.random.default_rng(0).normal(size=(33, MAPS, 5)), np.random.default_rng(1).normal(size=(MAPS, COUNT, 5))
    found = build(window(4, 2, -1, left=True))({"d": d, "w": w})["z"]
    np.testing.assert_allclose(found, expected(d, w, 4, 2, -1), rtol=1e-12, atol=1e-12)


def test_threads_and_switches_change_nothing() -> None:
    program, rng = window(4, 2, -1), np.random.default_rng(0)
    arrays = {"d": rng.normal(size=(65, MAPS, 5)), "w": rng.normal(size=(MAPS, COUNT, TAPS))}
    one = build(program)
    found = one(arrays)["z"]
    np.testing.assert_allclose(build(program, passes={"windows": False})(arrays)["z"], found, rtol=1e-12, atol=1e-12)
    assert " where 4 <= " in module_text(one.module)
    assert " in steps of 2" in module_text(one.module)
    assert "start0" not in build(program, passes={"windows": False}).source


def test_a_cut_depends_on_loops_around_its_tile_alone() -> None:
    module = scheduled(window(4, 2, -1), "float64")
    (kernel,) = (kernel for kernel in module.kernels if "Cut(" in repr(kernel.body))
    (nest,) = kernel.body
    (part,) = nest.body
    moved = Nest((), (replace(part, columns=(*nest.axes, *part.columns)),))
    kernels = tuple(replace(kernel, body=(moved,)) if other is kernel else other for other in module.kernels)
    with pytest.raises(VerificationError, match="depends on more than loops around its tile"):
        verify_module(replace(module, kernels=kernels))


@pytest.mark.parametrize(("border", "every", "factor"), [(4, 1, -1), (3, 1, 2), (4, 2, -1)])
def test_a_padded_copy_that_nothing_else_reads_is_not_made(border: int, every: int, factor: int) -> None:
    fn = build(window(border, every, factor, last=True))
    assert ("p" in fn.module.kernels[0].writes) == (every > 1), "gaps are copied"
    assert "p" in build(window(border, every, factor)).module.kernels[0].writes, "the copy is laid out for the sum"
    rng = np.random.default_rng(0)
    d, w = rng.normal(size=(33, MAPS, 5)), rng.normal(size=(MAPS, COUNT, TAPS))
    found = fn({"d": np.moveaxis(d, 0, 2).copy(), "w": w})["z"]
    np.testing.assert_allclose(found, expected(d, w, border, every, factor), rtol=1e-12, atol=1e-12)
