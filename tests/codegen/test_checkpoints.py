"""Checkpoints: time in blocks gives the same values in less memory, whatever is made of the recurrences."""

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl_codegen import build
from symdl_codegen.program import Index, Program, Size
from tests.codegen.programs import ap, axes, ld
from tests.codegen.test_loops import rnn, rnn_arrays
from tests.codegen.test_loops_random import CHECKS, Blocks, arrays_of, same


def marked(program: Program, *widths: int) -> Program:
    """``program`` with checkpoints in its loops, of each width in turn."""
    names = list(dict.fromkeys(e.loop.name for e in program.equations if e.loop))
    width = {name: widths[number % len(widths)] for number, name in enumerate(names)}
    equations = (
        replace(e, loop=replace(e.loop, checkpoint=width[e.loop.name])) if e.loop else e for e in program.equations
    )
    return replace(program, equations=tuple(equations))


class Uses(Blocks):
    """Random blocks, and after them sums and maxima over time, the ends of time, neighbours, reversals, scatters."""

    def program(self) -> Program:
        """The program."""
        made = [name for name in super().program().tensors if name[0] == "y"]
        timed = [name for name in made if "t" in self.places[name]]
        outputs = []
        for number in range(self.random.randint(1, 4)):
            one, other = self.random.choice(timed), self.random.choice(timed)
            names = tuple(dict.fromkeys(self.places[one] + self.places[other]))
            rest = {name: {"i": "n", "j": "m"}[name] for name in names if name != "t"}
            outputs.append(name := f"z{number}")
            self._use(name, one, other, rest)
        return replace(self.b.program(*outputs, *self.random.sample(made, self.random.choice([0, 0, 1]))), name="uses")

    def _use(self, name: str, one: str, other: str, rest: dict[str, str]) -> None:
        t, end = Index("t"), ap("add", Size("T"), -1)
        at = lambda tensor, time: ld(tensor, *(time if i == "t" else i for i in self.places[tensor]))  # noqa: E731 because it is short
        guarded = lambda tensor, inside, time: ap("where", inside, at(tensor, time), 0.5)  # noqa: E731 because it is short
        choice = self.random.randint(0, 6)
        if choice < 2:  # a sum of products with a neighbour, as gradients by weights are
            before = guarded(other, ap("le", 1, t), ap("add", t, -1))
            after = guarded(other, ap("lt", ap("add", t, 1), Size("T")), ap("add", t, 1))
            self.b.eq(name, axes(**rest), ap("mul", at(one, t), (before, after)[choice]), "add", axes(t="T"))
        elif choice == 2:
            self.b.eq(name, axes(**rest), ap("mul", at(one, t), at(other, t)), "max", axes(t="T"))
        elif choice == 3:
            self.b.eq(name, axes(**rest), ap("add", guarded(one, ap("lt", 0, Size("T")), end), at(other, end)))
        elif choice == 4:
            self.b.eq(name, axes(**rest), ap("mul", at(one, 0), at(other, end)))
        elif choice == 5:  # time reversed: no neighbours
            turned = at(other, ap("add", Size("T"), -1, ap("neg", t)))
            self.b.eq(name, axes(**rest), ap("mul", at(one, t), turned), "add", axes(t="T"))
        else:  # every time with every other
            self.b.eq(name, axes(**rest), ap("mul", at(one, t), at(other, Index("s"))), "add", axes(t="T", s="T"))


def check_random(seed: int, T: int, width: int, other: int) -> None:
    program = Uses(Random(seed)).program()
    sizes = {"T": T, "n": 3, "m": 4}
    arrays = arrays_of(program, sizes, seed)
    same(build(marked(program, width, other))(arrays, sizes), build(program, "numpy")(arrays, sizes), 1e-11)


@pytest.mark.parametrize(("seed", "T", "width", "other"), [(6, 2, 1, 1), (1, 7, 3, 2), (2, 9, 2, 2), (3, 8, 4, 4)])
def test_a_random_recurrence(seed, T, width, other):
    check_random(seed, T, width, other)


@pytest.mark.slow
@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(1, 5), st.integers(1, 5))
@settings(max_examples=60, deadline=None, suppress_health_check=CHECKS, derandomize=True)
def test_random_recurrences(seed: int, T: int, width: int, other: int) -> None:
    check_random(seed, T, width, other)


def only_gradients(batch_first: bool = False) -> Program:
    return replace(rnn(batch_first=batch_first), outputs=("loss", "dW", "dU"))


@pytest.mark.parametrize(("width", "batch_first"), [(1, False), (3, True), (20, False)])
def test_an_rnn_of_any_length(width, batch_first):
    program = only_gradients(batch_first)
    plain, saving = build(program), build(marked(program, width))
    for T in (0, 1, 2, 5, 6, 7, 12):
        arrays = rnn_arrays(T, batch_first=batch_first)
        same(saving(arrays), plain(arrays), 1e-13)


def test_memory_grows_with_the_number_of_blocks_and_the_steps_of_one():
    """States of a block and of the ends of blocks: bytes as counted by hand, beside what does not depend on T."""
    program = only_gradients()
    plain = build(program)
    sizes = {"N": 8, "m": 64, "p": 64}
    state = 8 * 64 * 8
    for width in (8, 16, 32):
        saving = build(marked(program, width))
        bytes_of = {T: saving.arena_bytes({**sizes, "T": T}) for T in (128, 256, 1024)}
        assert bytes_of[256] - bytes_of[128] == 128 // width * state
        assert bytes_of[1024] - bytes_of[256] == 768 // width * state
    assert plain.arena_bytes({**sizes, "T": 1024}) > 16 * bytes_of[1024]


def test_what_is_computed_again_shares_native_code():
    """All but what is fused with a copy for the backward sweep."""
    saving = build(marked(only_gradients(), 4))
    again = [kernel.name for kernel in saving.module.kernels if "_again" in kernel.name]
    assert len([kernel for kernel in saving.kernels if "_again" in kernel.name]) < len(again)


def test_the_ir_tells_of_strips():
    text = build(marked(only_gradients(), 4)).ir_text
    assert "strip sweep0, blocks of 4 of T steps, first first:" in text
    assert "strip sweep1, blocks of 4 of T steps, last first:" in text
