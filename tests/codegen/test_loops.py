"""Recurrences: every target against plain Python, at every length, in both directions, with everything on and off."""

from dataclasses import replace

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.errors import ArgumentError, VerificationError
from symdl_codegen.ir import substitute
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.program import Axis, Const, Equation, Index, Load, Loop, Program, Scalar, Size, verify
from tests.codegen.programs import Builder, ap, axes, ld

TARGETS = ("numpy", "cpu")
LENGTHS = (0, 1, 2, 5)


class Recurrence(Builder):
    """A builder whose equations belong to a loop over the index ``t`` between ``begin`` and ``end``."""

    loop: Loop | None = None

    def begin(self, name: str, reverse: bool = False) -> None:
        """Equations from here on are computed one time step after the other."""
        self.loop = Loop(name, "t", reverse)

    def end(self) -> None:
        """The recurrence is complete."""
        self.loop = None

    def eq(self, target: str, over: tuple[Axis, ...], body: Scalar, *rest: object, **more: object) -> str:
        super().eq(target, over, body, *rest, **more)
        equation = self.equations.pop()
        fields = (equation.target, equation.axes, equation.body, equation.reduction, equation.reduced, equation.at)
        self.equations.append(Equation(*fields, loop=self.loop))
        return target


def before(t: str = "t", steps: int = 1) -> Scalar:
    return ap("add", Index(t), -steps)


def after(t: str = "t") -> Scalar:
    return ap("add", Index(t), 1)


def first(start: Scalar, rest: Scalar) -> Scalar:
    return ap("where", ap("eq", Index("t"), 0), start, rest)


def last(end: Scalar, rest: Scalar, length: str = "T") -> Scalar:
    return ap("where", ap("eq", Index("t"), ap("add", Size(length), -1)), end, rest)


def linear() -> Program:
    """h[t] = a h[t-1] + x[t], elementwise, from zero."""
    b = Recurrence("linear", T=None, m=None)
    b.input("a", "m")
    b.input("x", "T", "m")
    b.begin("scan")
    past = first(Const(0.0), ld("h", before(), "i"))
    b.eq("h", axes(t="T", i="m"), ap("add", ap("mul", ld("a", "i"), past), ld("x", "t", "i")))
    b.end()
    return b.program("h")


def rnn(length: int | None = None, batch_first: bool = False) -> Program:
    """An RNN's states, the sum of their squares, and its gradients with respect to W, U and the inputs."""
    b = Recurrence("rnn", T=length, N=None, m=None, p=None)
    time, over = ("n", "t"), {"n": "N", "t": "T"}
    if not batch_first:
        time, over = ("t", "n"), {"t": "T", "n": "N"}
    at = lambda moment: tuple(moment if name == "t" else name for name in time)  # noqa: E731 because it is one line
    b.input("x", *(over[name] for name in time), "p")
    b.input("h0", "N", "m")
    b.input("W", "m", "m")
    b.input("U", "m", "p")
    b.begin("forward")
    b.eq("c", axes(**over, i="m"), ap("mul", ld("U", "i", "j"), ld("x", *at("t"), "j")), "add", axes(j="p"))
    past = first(ld("h0", "n", "j"), ld("h", *at(before()), "j"))
    b.eq("r", axes(**over, i="m"), ap("mul", ld("W", "i", "j"), past), "add", axes(j="m"))
    b.eq("z", axes(**over, i="m"), ap("add", ld("r", *at("t"), "i"), ld("c", *at("t"), "i")))
    b.eq("h", axes(**over, i="m"), ap("tanh", ld("z", *at("t"), "i")))
    b.eq("s", axes(**over), ap("mul", ld("h", *at("t"), "i"), ld("h", *at("t"), "i")), "add", axes(i="m"))
    b.end()
    b.eq("loss", (), ld("s", *time), "add", axes(**over))
    b.begin("through time", reverse=True)
    later = ap("mul", ld("d", *at(after()), "k"), ld("W", "k", "i"))
    later = ap("where", ap("lt", Index("t"), ap("add", Size("T"), -1)), later, 0.0)
    b.eq("e", axes(**over, i="m"), later, "add", axes(k="m"))
    slope = ap("add", 1.0, ap("neg", ap("pow", ld("h", *at("t"), "i"), 2.0)))
    sensitivity = ap("add", ap("mul", 2.0, ld("h", *at("t"), "i")), ld("e", *at("t"), "i"))
    b.eq("d", axes(**over, i="m"), ap("mul", sensitivity, slope))
    b.end()
    b.eq("dW", axes(i="m", j="m"), ap("mul", ld("d", *time, "i"), past), "add", axes(**over))
    b.eq("dU", axes(i="m", j="p"), ap("mul", ld("d", *time, "i"), ld("x", *time, "j")), "add", axes(**over))
    b.eq("dx", axes(**over, j="p"), ap("mul", ld("d", *time, "i"), ld("U", "i", "j")), "add", axes(i="m"))
    return b.program("h", "loss", "dW", "dU", "dx")


def rnn_arrays(T: int, N: int = 3, m: int = 5, p: int = 4, batch_first: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(T)
    lengths = {"x": (T, N, p), "h0": (N, m), "W": (m, m), "U": (m, p)}
    arrays = {name: rng.normal(size=length) * 0.5 for name, length in lengths.items()}
    if batch_first:
        arrays["x"] = np.ascontiguousarray(arrays["x"].swapaxes(0, 1))
    return arrays


def rnn_by_hand(x, h0, W, U, batch_first=False):
    x = x.swapaxes(0, 1) if batch_first else x
    h, states = h0, []
    for value in x:
        h = np.tanh(h @ W.T + value @ U.T)
        states.append(h)
    states = np.array(states).reshape(len(x), *h0.shape)
    previous = np.concatenate([h0[None], states])[: len(x)]
    d, later = np.zeros_like(states), np.zeros_like(h0)
    for t in reversed(range(len(x))):
        d[t] = (2 * states[t] + later) * (1 - states[t] ** 2)
        later = d[t] @ W
    dx = d @ U
    found = {"h": states, "loss": np.sum(states**2), "dW": np.einsum("tni,tnj->ij", d, previous)}
    found |= {"dU": np.einsum("tni,tnj->ij", d, x), "dx": dx}
    if batch_first:
        found |= {"h": states.swapaxes(0, 1), "dx": dx.swapaxes(0, 1)}
    return found


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], relative: float) -> None:
    for name, value in expected.items():
        assert found[name].shape == np.shape(value)
        np.testing.assert_allclose(found[name], value, rtol=relative, atol=relative, err_msg=name)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", TARGETS)
def test_linear_recurrence(target, dtype):
    fn = build(linear(), target, dtype)
    for T in LENGTHS:
        rng = np.random.default_rng(T)
        a, x = rng.normal(size=3), rng.normal(size=(T, 3))
        h, states = np.zeros(3), np.zeros((T, 3))
        for t in range(T):
            h = states[t] = a * h + x[t]
        same(fn({"a": a, "x": x}), {"h": states}, 1e-14 if dtype == "float64" else 1e-5)


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", TARGETS)
def test_rnn_and_its_gradients(target, dtype, batch_first):
    fn = build(rnn(batch_first=batch_first), target, dtype)
    for T in LENGTHS:
        arrays = rnn_arrays(T, batch_first=batch_first)
        same(fn(arrays), rnn_by_hand(**arrays, batch_first=batch_first), 1e-12 if dtype == "float64" else 1e-4)


@pytest.mark.parametrize("name", [*SWITCHES, "all"])
def test_a_pass_changes_nothing_but_speed(name):
    off = dict.fromkeys(SWITCHES, False) if name == "all" else {name: False}
    fn = build(rnn(), passes=off)
    for T in (1, 4):
        arrays = rnn_arrays(T, N=9, m=33, p=17)
        same(fn(arrays), rnn_by_hand(**arrays), 1e-11)


@pytest.mark.parametrize("name", ["distribute", "inline", "peel", "subexpressions", "sharing", "dead_code"])
def test_passes_on_the_numpy_target(name):
    fn = build(rnn(), "numpy", passes={name: name not in ("sharing", "dead_code")})
    for T in LENGTHS:
        arrays = rnn_arrays(T)
        same(fn(arrays), rnn_by_hand(**arrays), 1e-12)


@pytest.mark.parametrize("target", TARGETS)
def test_two_carried_tensors_in_reverse_with_reductions(target):
    """u[t] = max_j (u[t+1,j] - v[t+2,j]) + x[t], v[t] = u[t] + mean of v[t+1]: loads one and two steps back."""
    b = Recurrence("pair", T=None, m=None)
    b.input("x", "T", "m")
    b.begin("pair", reverse=True)
    u = ap("where", ap("lt", ap("add", Index("t"), 1), Size("T")), ld("u", after(), "j"), 0.5)
    v = ap("where", ap("lt", ap("add", Index("t"), 2), Size("T")), ld("v", ap("add", 2, Index("t")), "j"), -0.5)
    b.eq("top", axes(t="T"), ap("add", u, ap("neg", v)), "max", axes(j="m"))
    b.eq("u", axes(t="T", i="m"), ap("add", ld("top", "t"), ld("x", "t", "i")))
    past = ap("where", ap("eq", ap("add", Size("T"), ap("neg", Index("t"))), 1), 0.0, ld("v", after(), "j"))
    b.eq("mean", axes(t="T"), ap("div", past, ap("real", Size("m"))), "add", axes(j="m"))
    b.eq("v", axes(t="T", i="m"), ap("add", ld("u", "t", "i"), ld("mean", "t")))
    b.end()
    fn = build(b.program("u", "v", "top"), target)
    for T in LENGTHS:
        x = np.random.default_rng(T).normal(size=(T, 3))
        u, v, top = np.full((T + 2, 3), 0.5), np.full((T + 2, 3), -0.5), np.zeros(T)
        for t in reversed(range(T)):
            top[t] = np.max(u[t + 1] - v[t + 2])
            u[t] = top[t] + x[t]
            v[t] = u[t] + (v[t + 1].mean() if t + 1 < T else 0.0)
        same(fn({"x": x}), {"u": u[:T], "v": v[:T], "top": top}, 1e-13)


@pytest.mark.parametrize("target", TARGETS)
def test_both_ends_in_one_loop(target):
    """Conditions at the first and the last step: at length 1 they meet."""
    b = Recurrence("ends", T=None)
    b.input("x", "T")
    b.begin("ends")
    b.eq("y", axes(t="T"), ap("add", first(Const(3.0), ld("y", before())), last(Const(10.0), ld("x", "t"))))
    b.end()
    fn = build(b.program("y"), target)
    for T in LENGTHS:
        x, y, value = np.arange(1.0, T + 1), np.zeros(T), 3.0
        for t in range(T):
            value = y[t] = value + (10.0 if t == T - 1 else x[t])
        same(fn({"x": x}), {"y": y}, 1e-15)


@pytest.mark.parametrize("target", TARGETS)
def test_a_scatter_in_a_loop(target):
    """Counts decay and grow where each step's words are: a[t,v] += 1 at v = w[t,k], s[t] = s[t-1]/2 + a[t]."""
    b = Recurrence("counts", T=None, k=None, v=None)
    b.input("w", "T", "k", kind="int")
    b.input("start", "v")
    b.begin("counts")
    read = first(Const(1.0), ld("s", before(), 0))
    extents = (Size("T"), Size("v"))
    b.eq("a", axes(t="T", k="k"), ap("add", 1.0, read), at=(Index("t"), ld("w", "t", "k")), extents=extents)
    past = first(ld("start", "i"), ld("s", before(), "i"))
    b.eq("s", axes(t="T", i="v"), ap("add", ap("mul", 0.5, past), ld("a", "t", "i")))
    b.end()
    fn = build(b.program("s", "a"), target)
    for T in LENGTHS:
        w, start = np.random.default_rng(T).integers(0, 3, (T, 4)), np.array([0.5, 0.0, 2.0])
        a, s, past = np.zeros((T, 3)), np.zeros((T, 3)), start
        for t in range(T):
            np.add.at(a[t], w[t], 1.0 + (s[t - 1, 0] if t else 1.0))
            past = s[t] = 0.5 * past + a[t]
        same(fn({"w": w, "start": start}), {"s": s, "a": a}, 1e-14)


def test_kernels_do_not_depend_on_the_length():
    texts = {T: build(rnn(T)).source for T in (1, 28, 280)}
    dynamic = build(rnn())
    assert len(set(texts.values())) == 1
    assert dynamic.source == texts[28]
    build(rnn(28))
    again = build(rnn(280))
    assert again.timings["cached"]
    assert again.engine.compiled == 0


def test_loops_keep_what_needs_no_time_outside():
    text = build(rnn()).ir_text
    before_loop, _, rest = text.partition("loop forward")
    inside, _, after_loop = rest.rpartition("loop through time")
    assert "kernel c " in before_loop
    assert "kernel c" not in inside
    assert "\nkernel dW " in after_loop
    assert "for tiles of" in inside


def test_what_a_loop_keeps_is_contiguous_at_each_step():
    shapes = {
        on: {
            name: buffer.shape
            for name, buffer in build(rnn(batch_first=True), passes={"time_first": on}).module.buffers.items()
        }
        for on in (True, False)
    }
    by_step, as_declared = (Size("T"), Size("N"), Size("m")), (Size("N"), Size("T"), Size("m"))
    for name in ("c", "d"):
        assert (shapes[True][name], shapes[False][name]) == (by_step, as_declared)
    assert shapes[True]["h"] == as_declared  # an output


def test_contractions_of_a_loop_are_tiles_at_every_step():
    lines = build(rnn()).ir_text.splitlines()
    tiles = [line for line in lines if "(panel" in line]
    assert len(tiles) == 7  # c, r at the first step and later, e before the last step, dW, dU, dx
    assert not any("where" in line for line in tiles)


def test_what_a_loop_stores_lives_through_it():
    fn, unshared = build(rnn()), build(rnn(), passes={"memory": False})
    lives = fn.engine.lives
    kernels = fn.module.kernels
    backward = [n for n, kernel in enumerate(kernels) if kernel.span and kernel.span.loop == "through time"]
    assert lives["d"].first == backward[0]
    assert lives["r_right"].last < backward[0]
    sizes = {"T": 50, "N": 8, "m": 16, "p": 16}
    assert fn.arena_bytes(sizes) < unshared.arena_bytes(sizes)


@pytest.mark.parametrize("target", TARGETS)
def test_an_epoch_trains_through_time(target):
    """States W, U with gradient descent: an epoch equals its steps to the bit, and the loss falls."""
    b = Recurrence("train", T=None, N=None, m=4, p=3)
    b.input("x", "N", "T", "p", role="batch")
    b.input("h0", "m")
    b.input("rate", role="step")
    b.input("W", "m", "m", role="state")
    b.input("U", "m", "p", role="state")
    source = rnn(batch_first=True)
    for equation in source.equations[:-1]:
        b.tensors[equation.target] = source.tensors[equation.target]
        b.equations.append(equation)
    lone = {Load("h0", (Index("n"), Index("j"))): ld("h0", "j")}
    b.equations = [replace(e, body=substitute(e.body, lone)) for e in b.equations]
    for name, over in (("W", axes(i="m", j="m")), ("U", axes(i="m", j="p"))):
        step = ap("neg", ap("mul", ld("rate"), ld(f"d{name}", "i", "j")))
        b.eq(f"{name}_next", over, ap("add", ld(name, "i", "j"), step))
    program = b.program("loss", updates=(("W", "W_next"), ("U", "U_next")), guard="loss", batch="N")
    fn = build(program, target)
    rng = np.random.default_rng(3)
    state = {"W": rng.normal(size=(4, 4)) * 0.5, "U": rng.normal(size=(4, 3)) * 0.5}
    single = {name: array.copy() for name, array in state.items()}
    data, fixed = {"x": rng.normal(size=(10, 6, 3))}, {"h0": rng.normal(size=4)}
    losses = []
    for _ in range(3):
        result = fn.epoch(state, data, np.arange(10), 4, {"rate": np.full(3, 0.01)}, fixed)
        assert result.completed_steps == 3
        losses.append(result.recorded["loss"])
        for step in range(3):
            rows = data["x"][4 * step : 4 * step + 4]
            assert fn.step(single, {"x": rows, **fixed, "rate": 0.01})["loss"] == losses[-1][step]
    for name, array in state.items():
        np.testing.assert_array_equal(array, single[name])
    assert np.sum(losses[-1]) < np.sum(losses[0])


def broken(change) -> Program:
    program = linear()
    (equation,) = program.equations
    return replace(program, equations=tuple(change(equation)))


def reading(equation: Equation, index: Scalar) -> Equation:
    return replace(equation, body=ap("add", ld("x", "t", "i"), ld("h", index, "i")))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: [replace(e, loop=None)], "'h' is read before it is defined"),
        (lambda e: [reading(e, Index("t"))], "in loop 'scan' it reads 'h' before it is computed"),
        (lambda e: [reading(e, after())], "in loop 'scan' it reads 'h' before it is computed"),
        (lambda e: [reading(e, Const(0))], "expected its axis 0 at an earlier time"),
        (lambda e: [replace(reading(e, before()), loop=Loop("scan", "t", True))], "reads 'h' before it is computed"),
        (lambda e: [replace(e, loop=Loop("scan", "u"))], "its time index 'u' is no axis"),
    ],
)
def test_a_recurrence_that_reads_ahead_is_refused(change, message):
    with pytest.raises(VerificationError, match=message):
        verify(broken(change))


def test_blocks_are_contiguous_and_of_one_length_and_direction():
    b = Recurrence("two", T=None, S=None)
    b.input("x", "T")
    b.begin("a")
    b.eq("y", axes(t="T"), ld("x", "t"))
    b.end()
    b.eq("z", axes(t="T"), ld("y", "t"))
    b.begin("a")
    b.eq("w", axes(t="T"), ld("z", "t"))
    with pytest.raises(VerificationError, match="do not follow each other"):
        verify(b.program("w"))
    middle = b.equations.pop(1)
    b.equations[-1] = replace(b.equations[-1], body=ld("y", "t"))
    del b.tensors[middle.target]
    verify(b.program("w"))
    b.begin("a", reverse=True)
    b.eq("v", axes(t="T"), ld("y", "t"))
    with pytest.raises(VerificationError, match="direction or length of time differ within loop 'a'"):
        verify(b.program("v"))


@pytest.mark.parametrize("target", TARGETS)
def test_an_unguarded_boundary_is_refused_at_the_call(target):
    b = Recurrence("open", T=None)
    b.input("x", "T")
    b.begin("open")
    b.eq("y", axes(t="T"), ap("add", ld("x", "t"), ld("y", before())))
    fn = build(b.program("y"), target)
    with pytest.raises(ArgumentError, match=r"the read of y\[\(t \+ -1\)\] may reach from -1|reaches from -1"):
        fn({"x": np.ones(3)})
