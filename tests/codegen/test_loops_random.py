"""Random recurrences: every backend and every set of passes computes the same, at every length."""

from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from symdl_codegen import build
from symdl_codegen.lower import distribute
from symdl_codegen.pipeline import SWITCHES
from symdl_codegen.program import Axis, Const, Index, Program, Scalar, Size, verify
from tests.codegen.programs import ap, axes, ld
from tests.codegen.test_loops import Recurrence

SIZES = {"i": "n", "j": "m"}
CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large]


class Blocks:
    """Writes one or two random blocks and a few equations around them."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.b = Recurrence("random", T=None, n=None, m=None)
        self.places: dict[str, tuple[str, ...]] = {}  # tensor -> the indices of its axes
        for number in range(3):
            self._input(f"x{number}")
        self.count = 0

    def program(self) -> Program:
        """The program."""
        for block in range(self.random.randint(1, 2)):
            self._block(f"block {block}")
            self._equation((), False)
        used = [name for name in self.b.tensors if name[0] == "y" and self.random.random() < 0.5]
        return self.b.program(*(used or [f"y{self.count - 1}"]))

    def _input(self, name: str) -> None:
        names = self._shape(self.random.random() < 0.6)
        self.places[name] = names
        self.b.input(name, *("T" if index == "t" else SIZES[index] for index in names))

    def _shape(self, timed: bool) -> tuple[str, ...]:
        names = self.random.sample(["i", "j"], self.random.randint(0, 2)) + (["t"] if timed else [])
        self.random.shuffle(names)
        return tuple(names)

    def _block(self, name: str) -> None:
        count = self.random.randint(1, 4)
        shapes = [self._shape(True) for _ in range(count)]
        targets = tuple(f"y{self.count + number}" for number in range(count))
        self.places |= dict(zip(targets, shapes, strict=True))
        self.b.begin(name, reverse=self.random.random() < 0.4)
        for _ in range(count):
            self._equation(targets, True)
        self.b.end()

    def _equation(self, block: tuple[str, ...], timed: bool) -> None:
        target = f"y{self.count}"
        names = self.places.setdefault(target, self._shape(self.random.random() < 0.5))
        kept = tuple(Axis(name, Size("T" if name == "t" else SIZES[name])) for name in names)
        free = [name for name in ("i", "j") if name not in names]
        known = [name for name in self.places if name not in block and name != target]
        value = lambda inner: self._value((*names, *inner), known, block, target, 2)  # noqa: E731 because it is short
        if free and self.random.random() < 0.6:
            inner = tuple(self.random.sample(free, self.random.randint(1, len(free))))
            op = self.random.choice(["add", "add", "add", "max", "min"])
            body = ap("mul", value(inner), value(inner)) if op == "add" else value(inner)
            self.b.eq(target, kept, body, op, axes(**{name: SIZES[name] for name in inner}))
            self.count += 1
            return
        self.b.eq(target, kept, ap("tanh", value(())))
        self.count += 1

    def _value(self, scope: tuple[str, ...], known: list[str], block: tuple[str, ...], own: str, depth: int) -> Scalar:
        inner = lambda: self._value(scope, known, block, own, depth - 1)  # noqa: E731 because it is short
        choice = self.random.random()
        if depth == 0 or choice < 0.4:
            return self._load(scope, known, block, own)
        if choice < 0.6:
            return ap("add", inner(), ap("neg", inner()))
        if choice < 0.75:
            return ap("where", self._condition(scope), inner(), inner())
        return ap("mul", ap("tanh", inner()), 0.75)

    def _condition(self, scope: tuple[str, ...]) -> Scalar:
        options = [ap("lt", Size("n"), 3)]
        if "t" in scope:
            t, last = Index("t"), ap("add", Size("T"), -1)
            options += [ap("eq", t, 0), ap("lt", 1, t), ap("eq", t, last), ap("le", last, ap("add", t, 1))]
            options += [ap("not", ap("lt", t, last)), ap("and", ap("le", 1, t), ap("lt", t, Size("n")))]
        return self.random.choice(options)

    def _load(self, scope: tuple[str, ...], known: list[str], block: tuple[str, ...], own: str) -> Scalar:
        """A load of something known, of an earlier equation of the block now, or of any of it at another time."""
        earlier = [name for name in block if int(name[1:]) < int(own[1:])]
        names = [name for name in (*known, *earlier * 2, *block * 2) if set(self.places[name]) <= set(scope)]
        if not names:
            return Const(0.5)
        name = self.random.choice(names)
        indices = self.places[name]
        if name not in block or (name in earlier and self.random.random() < 0.5):
            return ld(name, *indices)
        steps = self.random.randint(1, 2)
        t = Index("t")
        if self.b.loop.reverse:
            there, inside = ap("add", t, steps), ap("lt", ap("add", t, steps), Size("T"))
        else:
            there, inside = ap("add", t, -steps), ap("le", steps, t)
            if steps == 1 and self.random.random() < 0.5:
                inside = ap("not", ap("eq", t, 0))
        start = [other for other in known if set(self.places[other]) <= set(scope)]
        outside = ld(other := self.random.choice(start), *self.places[other]) if start else Const(0.25)
        return ap("where", inside, ld(name, *(there if index == "t" else index for index in indices)), outside)


def arrays_of(program: Program, sizes: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = {name: tuple(sizes[e.name] for e in program.tensors[name].shape) for name in program.inputs}
    return {name: rng.uniform(-1, 1, shape) for name, shape in shapes.items()}


def same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], relative: float) -> None:
    for name, value in expected.items():
        assert found[name].shape == value.shape
        finite = np.abs(value[np.isfinite(value)])
        scale = max(1.0, float(finite.max()) if finite.size else 1.0)
        np.testing.assert_allclose(found[name], value, rtol=relative, atol=relative * scale, err_msg=name)


@given(st.integers(0, 2**32), st.integers(0, 5), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=40, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_cpu_equals_numpy(seed: int, T: int, n: int, m: int) -> None:
    program = verify(Blocks(Random(seed)).program())
    verify(distribute(program))
    sizes = {"T": T, "n": n, "m": m}
    arrays = arrays_of(program, sizes, seed)
    same(build(program)(arrays, sizes), build(program, "numpy")(arrays, sizes), 1e-11)


@pytest.mark.parametrize("name", [*SWITCHES, "all"])
def test_a_pass_changes_nothing_but_speed(name: str) -> None:
    off = dict.fromkeys(SWITCHES, False) if name == "all" else {name: False}
    for seed in range(4):
        program = Blocks(Random(1000 + seed)).program()
        sizes = {"T": 4, "n": 5, "m": 18}
        arrays = arrays_of(program, sizes, seed)
        same(build(program, passes=off)(arrays, sizes), build(program, "numpy")(arrays, sizes), 1e-11)


@pytest.mark.parametrize("name", ["distribute", "inline", "peel", "subexpressions", "sharing", "dead_code"])
def test_passes_on_the_numpy_target(name: str) -> None:
    for seed in range(20):
        program = Blocks(Random(2000 + seed)).program()
        for T in (0, 1, 3):
            sizes = {"T": T, "n": 2, "m": 3}
            arrays = arrays_of(program, sizes, seed)
            found = build(program, "numpy", passes={name: name not in ("sharing", "dead_code")})(arrays, sizes)
            same(found, build(program, "numpy")(arrays, sizes), 1e-11)
