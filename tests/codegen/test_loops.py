"""Recurrences: every target against plain Python, at every length, in both directions, with everything on and off."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.program import Axis, Const, Equation, Index, Loop, Program, Scalar, Size
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
