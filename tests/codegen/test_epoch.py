"""Training: epochs against single steps, short batches, the guard, simultaneous updates, interruption."""

import threading
from dataclasses import replace

import numpy as np
import pytest

import symdl_codegen.runtime.engine_cpu as engine_cpu
from symdl_codegen import build
from symdl_codegen.errors import ArgumentError
from tests.codegen.programs import Builder, ap, axes, ld, mlp

WIDTHS = (6, 9, 4)
SAMPLES, BATCH = 23, 5
TARGETS = ("numpy", "cpu")


def start(program, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    state = {}
    for name, tensor in program.tensors.items():
        if tensor.role == "state":
            lengths = tuple(program.sizes[e.name] for e in tensor.shape)
            state[name] = (rng.normal(size=lengths) * 0.3 if name[0] in "Wb" else np.zeros(lengths)).astype(dtype)
    x = rng.normal(size=(SAMPLES, WIDTHS[0])).astype(dtype)
    y = np.eye(WIDTHS[-1])[rng.integers(0, WIDTHS[-1], SAMPLES)].astype(dtype)
    steps = -(-SAMPLES // BATCH)
    schedule = {"alpha": np.linspace(0.1, 0.05, steps), "t": np.arange(1.0, steps + 1)}
    return state, {"x": x, "y": y}, rng.permutation(SAMPLES), schedule


def copied(state):
    return {name: array.copy() for name, array in state.items()}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", TARGETS)
def test_epoch_equals_its_steps_to_the_bit(target, dtype):
    program = mlp(WIDTHS)
    fn = build(program, target, dtype)
    state, data, order, schedule = start(program, dtype)
    single = copied(state)
    result = fn.epoch(state, data, order, BATCH, schedule)
    losses = []
    for step in range(result.completed_steps):
        rows = order[step * BATCH : (step + 1) * BATCH]
        values = {name: array[step] for name, array in schedule.items()}
        losses.append(fn.step(single, {**{n: a[rows] for n, a in data.items()}, **values})["loss"])
    assert result.completed_steps == 5
    np.testing.assert_array_equal(result.recorded["loss"], losses)
    for name in state:
        np.testing.assert_array_equal(state[name], single[name])


def test_targets_agree():
    program = mlp(WIDTHS)
    found = {}
    for target in TARGETS:
        state, data, order, schedule = start(program)
        for _ in range(3):
            result = build(program, target).epoch(state, data, order, BATCH, schedule)
        found[target] = {**state, "loss": result.recorded["loss"]}
    for name, value in found["numpy"].items():
        np.testing.assert_allclose(found["cpu"][name], value, rtol=1e-12, atol=1e-14)


def test_training_learns():
    program = mlp(WIDTHS)
    fn = build(program, "cpu", "float32")
    state, data, order, schedule = start(program, "float32")
    losses = [fn.epoch(state, data, order, BATCH, schedule).recorded["loss"].mean() for _ in range(40)]
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("batch", [1, SAMPLES, SAMPLES + 10])
def test_any_batch_size(batch):
    program = mlp(WIDTHS, adam=False)
    steps = -(-SAMPLES // batch)
    found = []
    for target in TARGETS:
        state, data, order, _ = start(program)
        schedule = {"alpha": np.full(steps, 0.1), "t": np.ones(steps)}
        result = build(program, target).epoch(state, data, order, batch, schedule)
        assert result.completed_steps == steps
        found.append(state)
    for name in found[0]:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("target", TARGETS)
def test_guard_stops_before_the_update(target):
    program = mlp(WIDTHS)
    fn = build(program, target)
    state, data, order, schedule = start(program)
    data["x"][order[2 * BATCH]] = np.inf
    expected = copied(state)
    result = fn.epoch(state, data, order, BATCH, schedule)
    assert result.completed_steps == 2
    assert not np.isfinite(result.recorded["loss"][2])
    fn.epoch(expected, data, order[: 2 * BATCH], BATCH, {name: array[:2] for name, array in schedule.items()})
    for name in state:
        np.testing.assert_array_equal(state[name], expected[name])
    rows = {**{n: a[order[2 * BATCH : 3 * BATCH]] for n, a in data.items()}, **{n: a[2] for n, a in schedule.items()}}
    assert fn.step(state, rows) is None
    for name in state:
        np.testing.assert_array_equal(state[name], expected[name])


def states_program(name):
    """States a and b with updates that read each other's old values."""
    b = Builder(name, n=None)
    b.input("a", "n", role="state")
    b.input("b", "n", role="state")
    b.input("x", role="step")
    return b


@pytest.mark.parametrize("target", TARGETS)
def test_states_swap(target):
    fn = build(states_program("swap").program(updates=(("a", "b"), ("b", "a"))), target)
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    fn.step(state, {"x": 0.0})
    np.testing.assert_array_equal(state["a"], [3, 4])
    np.testing.assert_array_equal(state["b"], [1, 2])


@pytest.mark.parametrize("target", TARGETS)
def test_updates_read_old_states(target):
    b = states_program("cross")
    b.eq("a1", axes(i="n"), ap("add", ld("a", "i"), ld("b", "i")))
    b.eq("b1", axes(i="n"), ap("mul", ld("a", "i"), ld("b", "i"), ld("x")))
    fn = build(b.program(updates=(("a", "a1"), ("b", "b1"))), target)
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
    fn.step(state, {"x": 10.0})
    np.testing.assert_array_equal(state["a"], [4, 6])
    np.testing.assert_array_equal(state["b"], [30, 80])


@pytest.mark.parametrize("target", TARGETS)
def test_update_that_reads_other_elements_is_not_in_place(target):
    b = states_program("reversed")
    size = b.tensors["a"].shape[0]
    b.eq("a1", axes(i="n"), ld("a", ap("add", size, ap("neg", ap("add", ld_index("i"), 1)))))
    fn = build(b.program("a1", updates=(("a", "a1"),)), target)
    state = {"a": np.arange(5.0), "b": np.zeros(5)}
    found = fn.step(state, {"x": 0.0})
    np.testing.assert_array_equal(state["a"], [4, 3, 2, 1, 0])
    np.testing.assert_array_equal(found["a1"], [4, 3, 2, 1, 0])


def ld_index(name):
    from symdl_codegen.program import Index

    return Index(name)


def test_a_plain_call_changes_no_state():
    program = mlp(WIDTHS)
    fn = build(program)
    state, data, _, schedule = start(program)
    before = copied(state)
    values = {name: array[0] for name, array in schedule.items()}
    fn({**state, **data, **values})
    for name in state:
        np.testing.assert_array_equal(state[name], before[name])


def test_updates_are_in_place_in_the_gradient_kernel():
    text = build(mlp(WIDTHS)).ir_text
    assert "gW1[" not in text.split("kernel gW1")[1], "the gradient is never stored"
    assert "W1_next(" not in text, "the new weights have no buffer of their own"


def test_states_of_another_type_or_layout_are_updated_in_place():
    program = mlp(WIDTHS)
    fn = build(program)
    state, data, order, schedule = start(program)
    other = {n: np.asfortranarray(a) if a.ndim == 2 else np.repeat(a, 2)[::2] for n, a in copied(state).items()}
    fn.epoch(state, data, order, BATCH, schedule)
    fn.epoch(other, data, order, BATCH, schedule)
    for name in state:
        np.testing.assert_array_equal(other[name], state[name])


def test_interrupt_leaves_whole_steps(monkeypatch):
    program = mlp(WIDTHS)
    fn = build(program)
    state, data, order, schedule = start(program)
    calls, native = [], fn.engine.epoch_loop

    def interrupted(*arguments):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return native(*arguments)

    monkeypatch.setattr(fn.engine, "epoch_loop", interrupted)
    monkeypatch.setattr(engine_cpu, "CHUNK_SECONDS", 0.0)
    expected = copied(state)
    with pytest.raises(KeyboardInterrupt):
        fn.epoch(state, data, order, BATCH, schedule)
    monkeypatch.undo()
    fn.epoch(expected, data, order[:BATCH], BATCH, {n: a[:1] for n, a in schedule.items()})
    for name in state:
        np.testing.assert_array_equal(state[name], expected[name])


def test_threads_share_one_executable():
    program = mlp(WIDTHS)
    fn = build(program)
    state, data, order, schedule = start(program)
    expected = copied(state)
    fn.epoch(expected, data, order, BATCH, schedule)
    states = [copied(state) for _ in range(4)]
    threads = [threading.Thread(target=fn.epoch, args=(own, data, order, BATCH, schedule)) for own in states]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for own in states:
        np.testing.assert_array_equal(own["W1"], expected["W1"])


def test_epoch_arguments_are_checked():
    program = mlp(WIDTHS)
    fn = build(program)
    state, data, order, schedule = start(program)
    with pytest.raises(ArgumentError, match=r"order: expected rows 0 to 22, found"):
        fn.epoch(state, data, order + 1, BATCH, schedule)
    with pytest.raises(ArgumentError, match=r"alpha: expected one value for each of 5 steps, found shape \(4,\)"):
        fn.epoch(state, data, order, BATCH, {**schedule, "alpha": np.ones(4)})
    with pytest.raises(ArgumentError, match=r"data: missing y; expected exactly x, y"):
        fn.epoch(state, {"x": data["x"]}, order, BATCH, schedule)
    with pytest.raises(ArgumentError, match=r"batch_size: expected at least 1, found 0"):
        fn.epoch(state, data, order, 0, schedule)
    with pytest.raises(ArgumentError, match="expected as many rows in each array, found x 23, y 22"):
        fn.epoch(state, {**data, "y": data["y"][1:]}, order[:3], 1, {n: a[:3] for n, a in schedule.items()})
    frozen = copied(state)
    frozen["W1"].flags.writeable = False
    with pytest.raises(ArgumentError, match="state W1: expected a writable NumPy array"):
        fn.epoch(frozen, data, order, BATCH, schedule)


def test_an_empty_epoch_makes_no_step():
    program = mlp(WIDTHS)
    for target in TARGETS:
        state, data, order, schedule = start(program)
        none = {name: array[:0] for name, array in schedule.items()}
        result = build(program, target).epoch(state, data, order[:0], BATCH, none)
        assert result.completed_steps == 0
        assert result.recorded["loss"].shape == (0,)


@pytest.mark.parametrize("target", TARGETS)
def test_outputs_that_are_states_old_and_new(target):
    b = states_program("old_and_new")
    b.eq("a1", axes(i="n"), ap("add", ld("a", "i"), ld("b", "i")))
    fn = build(b.program("a", "a1", updates=(("a", "a1"), ("b", "a"))), target)
    state = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 5.0])}
    plain = fn({**state, "x": 0.0})
    np.testing.assert_array_equal([plain["a"], plain["a1"]], [[1, 2], [4, 7]])
    np.testing.assert_array_equal([state["a"], state["b"]], [[1, 2], [3, 5]])
    found = fn.step(state, {"x": 0.0})
    np.testing.assert_array_equal([found["a"], found["a1"]], [[1, 2], [4, 7]])
    np.testing.assert_array_equal([state["a"], state["b"]], [[4, 7], [1, 2]])
    state["a"][:] = 0
    np.testing.assert_array_equal(found["a1"], [4, 7])


def test_outputs_that_are_new_states_do_not_stop_updates_in_place():
    program = mlp(WIDTHS)
    outputs = (*program.outputs, *(value for _, value in program.updates))
    fn, usual = build(replace(program, outputs=outputs)), build(program)
    assert [kernel.source for kernel in fn.kernels] == [kernel.source for kernel in usual.kernels]
    state, data, order, schedule = start(program)
    arrays = {**{n: a[order[:BATCH]] for n, a in data.items()}, **{n: a[0] for n, a in schedule.items()}}
    before = copied(state)
    plain = fn({**state, **arrays})
    for name in state:
        np.testing.assert_array_equal(state[name], before[name])
    found = fn.step(state, arrays)
    for name, value in program.updates:
        np.testing.assert_array_equal(found[value], state[name])
        np.testing.assert_array_equal(plain[value], state[name])
