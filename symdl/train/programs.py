"""The compiled programs of a model: prediction, evaluation, training step. Each stage is timed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any

import numpy as np
from sympy import Symbol

from symdl.collector import paused
from symdl.compile import check_dtype, check_target
from symdl.errors import CheckpointError
from symdl.expr.random import SAMPLE, SEED, STEP
from symdl.expr.sizes import dims
from symdl.freeze import freeze
from symdl.refusals import REFUSALS
from symdl.train import kept
from symdl.train.declaration import Declaration, shape_of
from symdl.train.objective import WEIGHT, objective
from symdl.train.step import LOSS, Part, Rates, Switches, training_step


@dataclass(frozen=True)
class Where:
    """Where and in which numbers a program runs: the static sizes, target and floating type; and how many threads.

    The same program serves every number of threads.
    """

    sizes: tuple[tuple[Symbol, int], ...]
    target: str = "cpu"
    dtype: str = "float32"
    threads: int | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        check_target(self.target)
        check_dtype(self.dtype)

    @property
    def settings(self) -> list[Any]:
        """All of it as plain data."""
        return [[[symbol.name, value] for symbol, value in self.sizes], self.target, self.dtype]


@dataclass(frozen=True)
class Built:
    """A compiled program.

    Attributes:
        executable: What runs it.
        seconds: Time of each stage, and under ``cached`` whether all kernels were there already.
        rates: For each group of parameters by its name: what its ``step`` inputs stand for.
        updates: (state, output) pairs.
        count: In a program that makes many steps over the same samples, the name of the number of steps.
    """

    executable: Any
    seconds: Mapping[str, Any]
    rates: Mapping[str, Rates] = field(default_factory=dict)
    updates: tuple[tuple[str, str], ...] = ()
    count: str | None = None

    def taken(self, role: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return those of the arrays that the program takes in a role: input, batch or step."""
        tensors = self.executable.tensors
        return {name: array for name, array in arrays.items() if name in tensors and tensors[name].role == role}


def prediction(declared: Declaration, where: Where) -> Built:
    """Compile the outputs, with what differs between training and prediction as it is in prediction."""

    def make() -> Built:
        return _build("prediction", objective(declared, "predict").outputs, where, {}, mode="predict")

    return _kept(kept.key(declared, ["prediction", where.settings]), where, make)


def evaluation(declared: Declaration, where: Where) -> Built:
    """Compile the cost and the outputs, with what differs between the two as it is in prediction."""

    def make() -> Built:
        goal = objective(declared, "predict")
        costs = {f"{LOSS}.{name}": cost.value for name, cost in goal.costs.items()}
        return _build("evaluation", {**costs, **goal.outputs}, where, {}, mode="predict")

    return _kept(kept.key(declared, ["evaluation", where.settings]), where, make)


def training(declared: Declaration, where: Where, parts: Sequence[Part], switches: Switches) -> Built:
    """Compile a step that trains some parameters."""
    key = kept.key(declared, ["training", where.settings, asdict(switches)], parts)
    return _kept(key, where, lambda: _training(declared, where, parts, switches))


def _training(declared: Declaration, where: Where, parts: Sequence[Part], switches: Switches) -> Built:
    goal = objective(declared, "train", switches.weighted)
    step = training_step(goal, parts, switches, declared.states)
    names = [name for rates in step.rates.values() for name in rates]
    roles = dict.fromkeys([*names, STEP.name], "step") | {state: "state" for state, _ in step.updates}
    batch, count = goal.size, None
    if switches.whole:
        batch = dims("training.steps")
        count = batch.name
    else:
        roles |= dict.fromkeys([*(symbol.name for symbol in batch_data(declared)), WEIGHT.name, SAMPLE.name], "batch")
    options = {"roles": roles, "updates": step.updates, "guard": LOSS, "batch": batch}
    built = _build("training", step.outputs, where, step.seconds, **options)
    rates = {name: Rates(found) for name, found in step.rates.items()}
    return Built(built.executable, built.seconds, rates, step.updates, count)


def batch_data(declared: Declaration) -> list[Any]:
    """Return the data of which a mini-batch takes rows."""
    if declared.batch is None:
        return list(declared.data)
    return [symbol for symbol in declared.data if shape_of(symbol)[:1] == (declared.batch,)]


@paused()
def _kept(key: str | None, where: Where, make: Callable[[], Built]) -> Built:
    """Return the program that is kept under a key; or else make it, and keep it if there is a key."""
    from symdl_codegen import pipeline
    from symdl_codegen.runtime.ahead import compile_ahead

    began = perf_counter()
    found = kept.load(key) if key else None
    if found is not None:
        with suppress(ValueError, KeyError, TypeError, CheckpointError):  # not readable: made anew
            program, about = found
            rates = kept.rates_from_text(about["rates"])
            updates = tuple((state, output) for state, output in about["updates"])
            read = perf_counter() - began
            with REFUSALS:
                executable = pipeline.read(program)
            return Built(executable, {"read": read, **executable.timings}, rates, updates, about["count"])
    if where.target == "cpu":
        with REFUSALS:  # as of a variable of the environment
            compile_ahead(where.dtype)
    built = make()
    texts = kept.rates_as_text(built.rates) if key else None
    if key and texts is not None:
        about = {"rates": texts, "updates": built.updates, "count": built.count}
        kept.save(key, pipeline.written(built.executable), about)
    return built


def _build(name: str, outputs: Mapping[str, Any], where: Where, seconds: Mapping[str, float], **options: Any) -> Built:
    from symdl_codegen import pipeline

    clock = perf_counter()
    program = freeze(outputs, name=name, sizes=dict(where.sizes), **options)
    spent = {**seconds, "freeze": perf_counter() - clock}
    with REFUSALS:
        executable = pipeline.build(program, where.target, where.dtype)
    return Built(executable, {**spent, **executable.timings})


def needed(
    built: Built, arrays: Mapping[str, np.ndarray], count: int, known: Mapping[Symbol, int]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the arrays that a program takes, out of those at hand, and the sizes that none of them carries.

    Args:
        built: The program.
        arrays: Those at hand.
        count: The length of the batch.
        known: Other sizes.
    """
    executable = built.executable
    given = {name: arrays[name] for name in executable.tensors if name in arrays}
    lengths = {size.name: value for size, value in known.items()}
    return given, {name: lengths.get(name, count) for name in executable.free_sizes}


def draws(seed: int, count: int) -> dict[str, np.ndarray]:
    """Return what identifies the random draws of ``count`` samples outside of training: the step is 0."""
    return {**seeded(seed), STEP.name: np.zeros((), np.int64), **numbered(count)}


def seeded(seed: int) -> dict[str, np.ndarray]:
    """Return the seed of random draws, of which 31 bits count."""
    return {SEED.name: np.array(seed % 2**31, np.int64)}


def numbered(count: int, first: int = 0) -> dict[str, np.ndarray]:
    """Return the numbers of samples, by which their random draws differ."""
    return {SAMPLE.name: np.arange(first, first + count)}
