"""Sums of products that feed each other run in the same tiles: gates of a cell, sums of several products."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.errors import UnsupportedError
from symdl_codegen.ir import Contract, statements
from symdl_codegen.program import Const
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.test_loops import Recurrence, before, first, same


def gates(m=20, p=6, *more):
    """The cell h[t] = tanh(V x[t] + W h[t-1]) * exp(-|U x[t] + S h[t-1]|)."""
    b = Recurrence("gates", T=None, N=None)
    for name, width in (("V", p), ("W", m), ("U", p), ("S", m)):
        b.input(name, m, width)
    b.input("x", "T", "N", p)
    over = {"t": "T", "n": "N", "i": m}
    past = first(Const(0.0), ld("h", before(), "n", "j"))
    for name in "VU":
        b.eq(f"{name}x", axes(**over), ap("mul", ld(name, "i", "j"), ld("x", "t", "n", "j")), "add", axes(j=p))
    b.begin("scan")
    for name in "WS":
        b.eq(f"{name}h", axes(**over), ap("mul", ld(name, "i", "j"), past), "add", axes(j=m))
    one, other = (ap("add", ld(f"{k}x", "t", "n", "i"), ld(f"{l}h", "t", "n", "i")) for k, l in ("VW", "US"))
    b.eq("h", axes(**over), ap("mul", ap("tanh", one), ap("exp", ap("neg", ap("abs", other)))))
    b.end()
    return b.program("h", *more)


def cell_arrays(T, N, m=20, p=6):
    rng = np.random.default_rng(N)
    lengths = {"x": (T, N, p), "V": (m, p), "W": (m, m), "U": (m, p), "S": (m, m)}
    return {name: 0.3 * rng.normal(size=length) for name, length in lengths.items()}


def contractions(fn):
    parts = [part for kernel in fn.module.kernels for part in kernel.body]
    tops = [part for part in statements(tuple(parts)) if isinstance(part, Contract)]
    return [part for part in tops if not any(part in other.more for other in tops)]


@pytest.mark.parametrize(("T", "N", "m"), [(0, 3, 20), (1, 3, 20), (4, 1, 20), (4, 61, 20), (3, 50, 70)])
def test_the_gates_of_a_cell_are_one_kernel(T, N, m):
    program, arrays = gates(m), cell_arrays(T, N, m)
    plain = build(program, "numpy")(arrays)
    built = {on: build(program, passes={"products": on}) for on in (True, False)}
    for fn in built.values():
        same(fn(arrays), plain, 1e-13)
    later = max(contractions(built[True]), key=lambda part: len(part.products))
    assert len(later.products) == 4
    assert len({part.local for part in later.products}) == 2  # what is only added up is one sum
    assert "Vx" not in built[True].module.buffers
    assert "Vx" in built[False].module.buffers


def test_the_same_bits_for_every_number_of_workers():
    arrays = cell_arrays(4, 61, 70)
    fn = build(gates(70), dtype="float32")
    found = {}
    for count in (1, 2, 3, 4):
        fn.threads = count
        found[count] = fn(arrays)["h"]
    for count in (2, 3, 4):
        np.testing.assert_array_equal(found[count], found[1])


def test_what_is_an_output_is_not_moved_into_the_loop():
    program, arrays = gates(20, 6, "Vx"), cell_arrays(3, 5)
    fn = build(program)
    same(fn(arrays), build(program, "numpy")(arrays), 1e-13)
    assert "Vx" in fn.module.buffers


def test_a_large_operand_is_read_once_and_not_at_every_step():
    fn = build(gates(70, 1000))
    assert "Vx" in fn.module.buffers
    arrays = cell_arrays(2, 3, 70, 1000)
    same(fn(arrays), build(gates(70, 1000), "numpy")(arrays), 1e-13)


def sum_of_products(depths=(7, 33, 5), m=19, n=50, deep=None):
    """The sum y = A0 B0 + A1 B1 + ... + c, with the right operands in turn as they are and transposed."""
    b = Builder("sum", **({} if deep is None else {"k": None}))
    terms = []
    for number, depth in enumerate(depths):
        depth = "k" if number == deep else depth
        b.input(f"A{number}", m, depth)
        b.input(f"B{number}", *((depth, n) if number % 2 else (n, depth)))
        right = ld(f"B{number}", "r", "j") if number % 2 else ld(f"B{number}", "j", "r")
        b.eq(f"t{number}", axes(i=m, j=n), ap("mul", ld(f"A{number}", "i", "r"), right), "add", axes(r=depth))
        terms.append(ld(f"t{number}", "i", "j"))
    b.input("c", n)
    b.eq("y", axes(i=m, j=n), ap("add", *terms, ld("c", "j")))
    return b.program("y")


def sum_arrays(program, k=3):
    rng = np.random.default_rng(0)
    sizes = {"k": k}
    inputs = [tensor for tensor in program.tensors.values() if tensor.role == "input"]
    extent = lambda e: sizes[e.name] if hasattr(e, "name") else e.value  # noqa: E731 because it is one line
    return {tensor.name: rng.normal(size=[extent(e) for e in tensor.shape]) for tensor in inputs}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("depths", [(7, 33), (1, 40, 5), (300, 2, 2, 17)])
def test_a_sum_of_products_is_one_sum(depths, dtype):
    program = sum_of_products(depths)
    fn = build(program, dtype=dtype)
    arrays = sum_arrays(program)
    same(fn(arrays), build(program, "numpy", dtype)(arrays), 1e-5 if dtype == "float32" else 1e-13)
    (part,) = contractions(fn)
    assert len(part.products) == len(depths)
    assert len({product.local for product in part.products}) == 1
    assert not any(name.startswith("t") and name[1:].isdigit() for name in fn.module.buffers)


def test_a_product_of_any_depth_stays_alone():
    program = sum_of_products((7, 33, 5), deep=1)
    fn = build(program)
    for k in (0, 1, 2000):
        arrays = sum_arrays(program, k)
        same(fn(arrays), build(program, "numpy")(arrays), 1e-12)
    assert sorted(len(part.products) for part in contractions(fn)) == [1, 2]


def test_too_many_arguments_are_refused(monkeypatch):
    monkeypatch.setattr("symdl_codegen.emit.numba_cpu.MOST_ARGUMENTS", 8)
    with pytest.raises(UnsupportedError, match="arguments, expected at most 8"):
        build(gates())


def test_what_a_loop_reads_at_every_step_lies_with_room_between_its_rows():
    program, arrays = gates(128), cell_arrays(3, 50, 128)
    fn = build(program)
    same(fn(arrays), build(program, "numpy")(arrays), 1e-13)
    loop = [part for part in contractions(fn) if len(part.products) == 4]
    fixed = [one.right.tensor for part in loop for one in part.products if one.right.tensor not in ("x", "h")]
    assert fixed
    assert {fn.module.buffers[name].shape[-1] for name in fixed} == {Const(144)}
