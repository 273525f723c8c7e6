"""Random contractions, against einsum: axes in any order, windows, steps, batches, several rows, columns and depths."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl_codegen import build
from symdl_codegen.ir import Contract, statements
from symdl_codegen.program import Const, Index
from tests.codegen.programs import Builder, ap, axes, ld

EXTENTS = st.one_of(st.integers(1, 6), st.sampled_from([7, 8, 9, 15, 16, 17, 24, 33, 50]))
LARGEST = 3_000_000  # products of one example


@st.composite
def contractions(draw):
    """Axes of the rows, the columns, both and the depth, and the order in which each tensor has its axes.

    Some depth axes are windows: the tensor has one axis along ``step * kept + depth``.
    """
    extents, names = {}, iter("abcdefghijklmnop")

    def some(least, most):
        found = "".join(next(names) for _ in range(draw(st.integers(least, most))))
        extents.update({name: draw(EXTENTS) for name in found})
        return found

    rows, columns, both, depth = some(1, 2), some(1, 3), some(0, 1), some(1, 3)
    windows = {}  # depth axis of the right operand -> (kept axis, step)
    for axis, kept in zip(depth, columns, strict=False):
        if draw(st.booleans()):
            windows[axis] = (kept, draw(st.integers(1, 2)))
    left = draw(st.permutations(rows + both + depth))
    plain = set(depth) - set(windows)
    right = draw(
        st.permutations(sorted(set(columns) - {k for k, _ in windows.values()} | set(both) | plain | set(windows)))
    )
    result = draw(st.permutations(rows + columns + both))
    while np.prod([extents[name] for name in extents], dtype=float) > LARGEST:
        largest = max(extents, key=extents.__getitem__)
        extents[largest] = (extents[largest] + 1) // 2
    return extents, "".join(left), "".join(right), "".join(result), depth, windows


def program(case, scaled):
    extents, left, right, result, depth, windows = case
    b = Builder("random")
    b.input("x", *(extents[a] for a in left))
    moved = {a: ap("add", ap("mul", Const(step), Index(kept)), Index(a)) for a, (kept, step) in windows.items()}
    sizes = {a: step * (extents[kept] - 1) + extents[a] for a, (kept, step) in windows.items()}
    b.input("w", *(sizes.get(a, extents[a]) for a in right))
    value = ap("mul", ld("x", *left), ld("w", *(moved.get(a, a) for a in right)))
    over = axes(**{a: extents[a] for a in result})
    b.eq("c", over, value, "add", axes(**{a: extents[a] for a in depth}))
    if not scaled:
        return b.program("c")
    b.input("s", *(extents[a] for a in result[-1:]))
    b.eq("y", over, ap("add", ld("c", *result), ld("s", *result[-1:])))
    return b.program("y")


def windowed(w, case):
    """The right operand with an axis for each kept and each depth axis, by indexing."""
    extents, _, right, _, _, windows = case
    names = list(right)
    for a, (kept, step) in windows.items():
        place = names.index(a)
        where = step * np.arange(extents[kept])[:, None] + np.arange(extents[a])
        w = np.take(w, where, axis=place)
        names[place : place + 1] = [kept, a]
    return w, "".join(names)


@settings(max_examples=24, deadline=None)
@given(contractions(), st.sampled_from(["float32", "float64"]), st.booleans(), st.integers(0, 99))
def test_any_contraction_is_what_einsum_gives(case, dtype, scaled, seed):
    function = build(program(case, scaled), dtype=dtype)
    parts = [part for kernel in function.module.kernels for part in statements(kernel.body)]
    assert any(isinstance(part, Contract) for part in parts)
    rng = np.random.default_rng(seed)
    arrays = {
        name: rng.integers(-4, 5, tuple(int(extent.value) for extent in tensor.shape)).astype(dtype)
        for name, tensor in function.program.tensors.items()
        if tensor.role == "input"
    }
    w, names = windowed(arrays["w"], case)
    expected = np.einsum(f"{case[1]},{names}->{case[3]}", arrays["x"], w, optimize=True)
    (found,) = function(arrays).values()
    np.testing.assert_array_equal(found, expected + arrays["s"] if scaled else expected)  # sums of integers are exact
