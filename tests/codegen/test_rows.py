"""Rows: chains of equations over the same outer axes become one nest; results, structure and limits."""

from random import Random
from typing import Any

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.ir import Kernel, Store, scalars_of, statements
from symdl_codegen.lower import lower
from symdl_codegen.passes import run_passes
from symdl_codegen.program import Index, Program, Size, verify
from symdl_codegen.scalars import text
from symdl_codegen.schedule import schedule
from symdl_codegen.schedule.rows import FEWEST
from tests.codegen.programs import Builder, ap, axes, ld


def kernels_of(program: Program, **switches: bool) -> list[Kernel]:
    """The kernels of a program as they are emitted."""
    return list(schedule(run_passes(lower(verify(program)), switches), switches).kernels)


def softmax(b: Builder, x: str, over: dict[str, Any], k: Any, name: str) -> str:
    """``name[..., k] = softmax over k of x[..., k]``."""
    kept = tuple(over)
    b.eq(f"{name}_max", axes(**over), ld(x, *kept, "k"), "max", axes(k=k))
    shifted = ap("exp", ap("add", ld(x, *kept, "k"), ap("neg", ld(f"{name}_max", *kept))))
    b.eq(f"{name}_sum", axes(**over), shifted, "add", axes(k=k))
    return b.eq(name, axes(**over, k=k), ap("div", shifted, ld(f"{name}_sum", *kept)))


def layer_norm(b: Builder, x: str, n: Any, i: Any, t: Any) -> str:
    """``y[n, i, t]``: ``x`` normalised over i, the axis in the middle."""
    b.eq("total", axes(n=n, t=t), ld(x, "n", "i", "t"), "add", axes(i=i))
    centred = ap("add", ld(x, "n", "i", "t"), ap("neg", ap("div", ld("total", "n", "t"), ap("real", Size(i)))))
    b.eq("square", axes(n=n, t=t), ap("mul", centred, centred), "add", axes(i=i))
    variance = ap("add", ap("div", ld("square", "n", "t"), ap("real", Size(i))), 1e-5)
    return b.eq("y", axes(n=n, i=i, t=t), ap("div", centred, ap("sqrt", variance)))


def compared(program: Program, sizes: dict[str, int], dtype: str = "float64", tolerance: float = 1e-13) -> None:
    """Check the joined kernels against NumPy's text and against the same kernels one by one."""
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.normal(size=tuple(sizes[e.name] if isinstance(e, Size) else e.value for e in tensor.shape))
        for name, tensor in program.tensors.items()
        if tensor.role == "input"
    }
    expected = build(program, "numpy")(arrays, {n: sizes[n] for n in program.sizes})
    for passes in ({}, {"rows": False}):
        found = build(program, dtype=dtype, passes=passes)(arrays, {n: sizes[n] for n in program.sizes})
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=tolerance)


def test_softmax_is_one_kernel_that_takes_each_exponential_once():
    b = Builder("softmax", n=None, k=None)
    b.input("x", "n", "k")
    program = b.program(softmax(b, "x", {"i": "n"}, "k", "y"))
    (kernel,) = kernels_of(program)
    assert text_of(kernel).count("exp(") == 1
    compared(program, {"n": 9, "k": 37})
    compared(program, {"n": 9, "k": 37}, "float32", 3e-6)


def test_what_only_the_chain_reads_is_scratch_or_a_local():
    b = Builder("softmax", n=None, k=None)
    b.input("x", "n", "k")
    program = b.program(softmax(b, "x", {"i": "n"}, "k", "y"))
    module = schedule(run_passes(lower(verify(program)), {}), {})
    assert {buffer.role for buffer in module.buffers.values()} == {"input", "temporary", "scratch"}
    assert [name for name, buffer in module.buffers.items() if buffer.role == "temporary"] == ["y"]


def test_an_output_keeps_its_buffer():
    b = Builder("softmax", n=None, k=None)
    b.input("x", "n", "k")
    softmax(b, "x", {"i": "n"}, "k", "y")
    program = b.program("y", "y_sum", "y_max")
    assert len(kernels_of(program)) == 1
    compared(program, {"n": 9, "k": 37})


def test_layer_norm_takes_each_root_once_a_row():
    b = Builder("norm", n=None, i=None, t=None)
    b.input("x", "n", "i", "t")
    program = b.program(layer_norm(b, "x", "n", "i", "t"))
    (kernel,) = kernels_of(program)
    (root,) = [part for part in statements(kernel.body) if isinstance(part, Store) and "sqrt" in str(part.value)]
    assert len(root.indices) == 1
    compared(program, {"n": 3, "i": 11, "t": 18})
    compared(program, {"n": 3, "i": 11, "t": 18}, "float32", 2e-5)


def attention(heads: Any) -> Program:
    """Softmax of products of queries and keys, times values."""
    b = Builder("attention", n=None, h=None, t=None, s=None, d=None)
    for name, length in (("q", "t"), ("k", "s"), ("v", "s")):
        b.input(name, "n", heads, length, "d")
    over = {"n": "n", "h": heads, "i": "t"}
    b.eq(
        "score",
        axes(**over, j="s"),
        ap("mul", ld("q", "n", "h", "i", "d"), ld("k", "n", "h", "j", "d")),
        "add",
        axes(d="d"),
    )
    softmax(b, "score", over, "s", "p")
    product = ap("mul", ld("p", "n", "h", "i", "j"), ld("v", "n", "h", "j", "d"))
    b.eq("y", axes(**over, d="d"), product, "add", axes(j="s"))
    return b.program("y")


def test_attention_is_one_kernel_without_the_matrix_of_weights():
    program = attention("h")
    module = schedule(run_passes(lower(verify(program)), {}), {})
    assert len(module.kernels) == 1
    assert [name for name, buffer in module.buffers.items() if buffer.role == "temporary"] == ["y"]
    for t, s, d in ((1, 1, 1), (7, 19, 5), (50, 49, 33)):
        compared(program, {"n": 2, "h": 3, "t": t, "s": s, "d": d}, tolerance=1e-12)


def test_what_is_long_is_not_joined():
    b = Builder("long", n=None, k=None)
    b.input("x", "n", 300, 1000)
    b.eq("a", axes(i="n", j=300), ld("x", "i", "j", "k"), "max", axes(k=1000))
    moved = ap("exp", ap("add", ld("x", "i", "j", "k"), ap("neg", ld("a", "i", "j"))))
    b.eq("y", axes(i="n", k=1000), moved, "add", axes(j=300))
    assert len(kernels_of(b.program("y"))) == 2


@pytest.mark.parametrize(("extent", "count"), [(FEWEST - 1, 3), (FEWEST, 1)])
def test_few_iterations_are_left_to_all_workers(extent: int, count: int) -> None:
    b = Builder("few", k=None)
    b.input("x", extent, "k")
    program = b.program(softmax(b, "x", {"i": extent}, "k", "y"))
    assert len(kernels_of(program)) == count
    compared(program, {"k": 20})


def test_other_rows_are_read_after_all_are_written():
    b = Builder("shifted", n=None, k=None)
    b.input("x", "n", "k")
    b.eq("a", axes(i="n"), ap("exp", ld("x", "i", "k")), "add", axes(k="k"))
    above = ap("where", ap("lt", 0, Index("i")), ld("a", ap("add", Index("i"), -1)), 0.0)
    b.eq("y", axes(i="n", k="k"), ap("add", ap("mul", ld("x", "i", "k"), ld("a", "i")), above))
    program = b.program("y")
    assert len(kernels_of(program)) == 2
    compared(program, {"n": 9, "k": 20})


def text_of(kernel: Kernel) -> str:
    """All scalars of a kernel as text."""
    return "\n".join(text(scalar) for scalar in scalars_of(kernel.body))


def random_chain(random: Random) -> Program:
    """Reductions and pointwise equations over subsets of four axes, each reading some of those before it."""
    b = Builder("chain", n=None, m=None, k=None)
    extents = {"a": "n", "b": random.choice([3, 8, "m"]), "c": "k", "d": random.choice(["k", 5])}
    places: dict[str, tuple[str, ...]] = {}
    for number in range(2):
        places[f"x{number}"] = tuple(random.choice(["abc", "abd", "acd", "bcd", "cba", "ac"]))
        b.input(f"x{number}", *(extents[index] for index in places[f"x{number}"]))
    for number in range(random.randint(3, 8)):
        base = random.choice([*places, *places, list(places)[-1]])
        scope = list(dict.fromkeys([*places[base], *random.sample("abcd", random.choice([0, 0, 1]))]))
        random.shuffle(scope)
        inner = tuple(random.sample(scope, random.choice([0, 0, 1]) if len(scope) > 1 else 0))
        kept = tuple(index for index in scope if index not in inner)
        known = [name for name, indices in places.items() if set(indices) <= set(scope)]
        loads = [ld(name, *places[name]) for name in (base, *random.choices(known, k=random.randint(0, 2)))]
        body = ap("add", *loads, 0.5)
        body = random.choice([body, ap("exp", ap("tanh", body)), ap("div", loads[0], ap("add", 1.5, ap("abs", body)))])
        name = f"t{number}"
        over = axes(**{index: extents[index] for index in kept})
        if inner:
            op = random.choice(["add", "max", "min"])
            body = ap("tanh", body) if op == "add" else body
            b.eq(name, over, body, op, axes(**{index: extents[index] for index in inner}))
        else:
            b.eq(name, over, body)
        places[name] = kept
    made = [name for name in places if name[0] == "t"]
    return b.program(*{*made[-2:], *random.sample(made, random.randint(0, len(made)))})


@pytest.mark.parametrize("seed", range(12))
def test_random_chains(seed: int) -> None:
    compared(random_chain(Random(seed)), {"n": 4, "m": 6, "k": 19}, tolerance=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 220))
def test_more_random_chains(seed: int) -> None:
    compared(random_chain(Random(seed)), {"n": 4, "m": 6, "k": 19}, tolerance=1e-12)


def test_the_random_chains_are_joined():
    joined = sum(
        len(kernels_of(random_chain(Random(seed)))) < len(kernels_of(random_chain(Random(seed)), rows=False))
        for seed in range(12)
    )
    assert joined >= 6
