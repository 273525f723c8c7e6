"""The course of a training: state, epochs, validation, stopping. One native call makes an epoch, or many short ones."""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import CheckpointError, InputError
from symdl.expr.random import STEP
from symdl.optimizers.optimizer import Optimizer
from symdl.refusals import REFUSALS
from symdl.train.alone import check_alone
from symdl.train.cycle import Cycle, Phase
from symdl.train.dataset import Samples, prepare
from symdl.train.history import History
from symdl.train.identity import differences, identity
from symdl.train.metrics import resolve
from symdl.train.model import Model
from symdl.train.options import Options
from symdl.train.programs import numbered, seeded, training
from symdl.train.progress import Show
from symdl.train.state import TrainingState
from symdl.train.step import CLIP_NORM, CLIP_VALUE, DECAY, LOSS, Part, Rates, Switches
from symdl_codegen.runtime.memory import aligned

ROUND_SECONDS = 0.1


class Snapshot(NamedTuple):
    """Parameters and optimizer state after some epochs and steps."""

    epoch: int
    step: int
    arrays: dict[str, np.ndarray]


class Training:
    """A model, its data and the arrays that change: parameters and optimizer state.

    Attributes:
        state: Parameters and optimizer state by name, in the training's floating type, changed in place.
        epoch: The number of finished epochs.
        step: The number of steps made, which is the time of schedules and bias corrections.
        history: What has been recorded.
        met: The loss of each step of the last epoch.
    """

    def __init__(self, model: Model, data: Any, validation: Any, weights: Any, options: Options) -> None:
        self.model, self.options, self.validation = model, options, validation
        self.metrics = resolve(options.metrics, model.declared)
        self.samples: Samples = prepare(model, data, validation, weights, options)
        if options.early_stopping is not None and self.samples.validation is None:
            raise InputError("early_stopping: needs validation data; pass validation=0.1 or validation={...}")
        if model.parameters.pristine and not options.resume:
            model.initialise(options.seed)
        if self.samples.least(options) == 1:
            check_alone(model.declared, f"{options.batch_size} of {self.samples.count} samples")
        self.carried = list(model.states)
        self.where = replace(model.where(options.target, options.dtype), threads=options.threads)
        self.trained = [symbol for symbol in model.declared.parameters if symbol.name not in options.frozen]
        if not self.trained:
            raise InputError("frozen: every parameter is frozen; there is nothing to train")
        resumed = self._resumed() if options.resume else None
        self.cycle = self._compile()
        self.history = History(timings=_timings([phase.built.seconds for phase in self.cycle.phases]))
        self.epoch = self.step = 0
        self.met = np.zeros(0)
        self.best: tuple[int, dict[str, np.ndarray]] | None = None
        values = {**model.values, **model.states} if resumed is None else resumed[1]
        self.fixed = {name: self._cast(values[name]) for name in options.frozen}
        if resumed is not None:
            self._continue(resumed[0])
            values |= resumed[0].states
        updates = [name for phase in self.cycle.phases for name, _ in phase.built.updates]
        self.state = {name: self._initial(name, values) for name in dict.fromkeys(updates)}
        model.history = self.history

    # The loop

    def run(self, show: Show) -> History:
        """Train to the last epoch, or until something stops it."""
        previous = current = self._snapshot()
        length = 1
        try:
            while self.epoch < self.options.epochs and not self.history.stopped:
                began = perf_counter()
                count = min(length, self.options.epochs - self.epoch)
                losses, steps = self._round(count)
                if len(losses) < count or not self._finite():
                    self._diverged(losses, steps, current, previous)
                    break
                self._finished(losses, began)
                previous, current = current, self._snapshot()
                length = self._next_length(length, perf_counter() - began)
                show(self.epoch, self.history)
        except KeyboardInterrupt:
            self._keep(None)
            raise
        return self._end()

    def _round(self, count: int) -> tuple[list[dict[str, float]], int]:
        """Make ``count`` epochs, one, or several where each is a single step over all samples.

        Returns:
            The mean loss of each group in each finished epoch, and the number of steps made.
        """
        if self.samples.stream is not None:
            return self._batches()
        order, size = self.samples.order(self.epoch, count, self.options)
        losses, done = self._steps(order, size, self.samples.rows, self.samples.fixed)
        self.met = _together(losses)[-1:] if self.samples.whole else _together(losses)
        if self.samples.whole:
            return [{name: float(found[step]) for name, found in losses.items()} for step in range(done)], done
        steps = -(-len(order) // size)
        lengths = np.full(steps, size)
        lengths[-1] = len(order) - size * (steps - 1)
        return [{name: _mean(found, lengths) for name, found in losses.items()}] if done == steps else [], done

    def _batches(self) -> tuple[list[dict[str, float]], int]:
        """Make an epoch over batches that come one after the other."""
        lengths: list[int] = []
        found: dict[str, list[np.ndarray]] = {name: [] for name in self.options.optimizers}
        for arrays, counts in self._given():
            if 1 in counts:
                check_alone(self.model.declared, f"batch {len(lengths) + counts.index(1)} of the data")
            given = {**arrays, **numbered(sum(counts), sum(lengths))}
            if self.samples.whole:
                losses, done = self._steps(np.zeros(1, dtype=np.int64), 1, {}, given)
            else:
                losses, done = self._steps(np.arange(sum(counts)), counts[0], given, {})
            if done < len(counts):
                return [], len(lengths) + done
            lengths += counts
            for name, values in losses.items():
                found[name].append(values)
        if not lengths:
            raise InputError(f"data: there are no batches in epoch {self.epoch}; each time it has to begin anew")
        joined = {name: np.concatenate(part) for name, part in found.items()}
        self.met = _together(joined)
        return [{name: _mean(part, np.array(lengths)) for name, part in joined.items()}], len(lengths)

    def _given(self) -> Iterator[tuple[dict[str, np.ndarray], list[int]]]:
        """Yield the arrays of each batch with its number of samples, or the rows of several with their numbers."""
        stream = self.samples.stream
        assert stream is not None
        return ((arrays, [count]) for arrays, count in stream) if self.samples.whole else stream.joined()

    def _steps(
        self, order: np.ndarray, size: int, rows: dict[str, np.ndarray], data: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray], int]:
        """Make steps, in one native call for each turn of a phase.

        Returns:
            For each group its loss at each step, NaN where it was not its turn; and the number of steps made.
        """
        steps, made = -(-len(order) // size), 0
        losses = {name: np.full(steps, np.nan) for name in self.options.optimizers}
        for phase, count in self.cycle.turns(self.step, steps):
            now = order[made * size : (made + count) * size]
            recorded, done = self._turn(phase, count, now, size, rows, data)
            for name in phase.groups:
                losses[name][made : made + done] = recorded[LOSS if len(phase.groups) == 1 else f"{LOSS}.{name}"][:done]
            made += done
            if done < count:
                break
        return losses, made

    def _turn(
        self,
        phase: Phase,
        steps: int,
        order: np.ndarray,
        size: int,
        rows: dict[str, np.ndarray],
        data: dict[str, np.ndarray],
    ) -> tuple[dict[str, np.ndarray], int]:
        """Let a phase make steps in one native call; return what it recorded, and how many it made."""
        built, first = phase.built, self.cycle.made(phase, self.step)
        varying = {STEP.name: np.arange(self.step, self.step + steps)}
        for name, found in built.rates.items():
            varying |= found(self._numbers(found, self.options.optimizers[name], first, steps), steps)
        states = {name: self.state[name] for name, _ in built.updates}
        fixed = built.taken("input", {**seeded(self.options.seed), **data, **self.fixed, **self.state})
        rows, sizes = built.taken("batch", rows), {built.count: 1} if built.count else None
        given = built.taken("step", varying), fixed, sizes
        with REFUSALS:  # as where linear algebra had no result, and the loss does not show it
            result = built.executable.epoch(states, rows, order, size, *given)
        self.step += result.completed_steps
        return result.recorded, result.completed_steps

    def _numbers(self, rates: Rates, optimizer: Optimizer, first: int, steps: int) -> dict[Any, np.ndarray]:
        """Return the value of every hyper-parameter at ``steps`` steps, from ``first`` on."""
        options = self.options
        hyper = {CLIP_NORM.name: options.clip_norm, CLIP_VALUE.name: options.clip_value}
        hyper |= {f"{DECAY}.{name}": value for name, value in options.weight_decay.items()}
        constant = {
            symbol: np.full(steps, float(hyper[symbol.name] or 0.0)) for symbol in rates.symbols if symbol.name in hyper
        }
        return {**optimizer.rates(np.arange(first, first + steps)), **constant}

    def _finished(self, losses: list[dict[str, float]], began: float) -> None:
        """Record finished epochs, look at the validation data, write the checkpoint, call the callbacks."""
        self.epoch += len(losses)
        self.history.record(losses)
        self.history.step_loss = self.met.tolist()
        if self.samples.validation is not None or self.metrics:
            self._evaluate()
        self.history.seconds += [(perf_counter() - began) / len(losses)] * len(losses)
        if self.options.checkpoint is not None or self.options.callbacks:
            self._keep(self.epoch)
        if self.options.checkpoint is not None:
            self.model.save(self.options.checkpoint)
        answers = [callback(self.model, self.history) for callback in self.options.callbacks]
        if any(answers) and not self.history.stopped:
            self.history.stopped = f"a callback ended the training after {self.epoch} epochs"

    def _evaluate(self) -> None:
        chosen = self.samples.validation or self.samples.training
        assert chosen is not None  # a stream without validation data has no metrics
        arrays, count = chosen
        values = {**self.fixed, **self._values()}
        costs, outputs = self.model.cost(arrays, count, self.where, values, self.options.seed)
        loss = sum(costs.values())
        if self.samples.validation is not None:
            self.history.validation_loss.append(loss)
            self._compare(loss)
        for name, metric in self.metrics.items():
            self.history.metrics.setdefault(name, []).append(metric(outputs, arrays))

    def _compare(self, loss: float) -> None:
        """Note the best epoch so far, and stop when there was none for long enough."""
        rule, last = self.options.early_stopping, self.history.best_epoch
        lowest = np.inf if last is None else self.history.validation_loss[last]
        if loss < lowest - (rule.min_delta if rule else 0.0):
            self.history.best_epoch = self.epoch - 1
            if rule:
                self.best = (self.epoch, {name: array.copy() for name, array in self._values().items()})
        elif rule and self.epoch - 1 - (-1 if last is None else last) >= rule.patience:
            self.history.stopped = (
                f"early stopping after {self.epoch} epochs: the validation loss was lowest in epoch {last}"
            )

    def _next_length(self, length: int, seconds: float) -> int:
        """Make more epochs in the next call where each is a single step and nothing is to be done between them."""
        busy = self.samples.validation is not None or self.metrics or self.options.callbacks or self.options.checkpoint
        if not self.samples.whole or self.samples.stream is not None or busy:
            return 1
        return 2 * length if seconds < ROUND_SECONDS else length

    # Beginning and end

    def _compile(self) -> Cycle:
        options, declared = self.options, self.model.declared
        switches = Switches(
            clip_norm=options.clip_norm is not None,
            clip_value=options.clip_value is not None,
            decay=tuple(name for name in options.weight_decay if name not in options.frozen),
            weighted=self.samples.weighted,
            whole=self.samples.whole,
        )
        steps = {group.name: group.steps for group in declared.groups}
        parts = [
            Part(group.name, tuple(symbol for symbol in group.parameters if symbol in self.trained),
                 options.optimizers[group.name])
            for group in declared.groups
        ]  # fmt: skip
        parts = [part for part in parts if part.parameters]

        def phase(*members: Part) -> Phase:
            kinds = tuple((part.group, type(part.optimizer), part.parameters) for part in members)
            key = ("training", self.where, kinds, switches)
            built = self.model.program(key, lambda: training(declared, self.where, members, switches))
            built.executable.threads = options.threads
            return Phase(tuple(part.group for part in members), built, steps[members[0].group])

        return Cycle((phase(*parts),) if declared.order == "simultaneous" else tuple(map(phase, parts)))

    def _cast(self, array: np.ndarray) -> np.ndarray:
        found = aligned(np.shape(array), self.options.dtype)
        found[...] = array
        return found

    def _initial(self, name: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
        if name in values:
            return self._cast(values[name])
        return aligned(values[name.rpartition(".")[0]].shape, self.options.dtype)

    def _values(self) -> dict[str, np.ndarray]:
        """Return the parameters that are trained, and the states of the model."""
        return {name: self.state[name] for name in (*(symbol.name for symbol in self.trained), *self.carried)}

    def _finite(self) -> bool:
        return all(np.isfinite(self.state[symbol.name]).all() for symbol in self.trained)

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.epoch, self.step, {name: array.copy() for name, array in self.state.items()})

    def _diverged(self, losses: list[dict[str, float]], steps: int, current: Snapshot, previous: Snapshot) -> None:
        """Go back to the last values that had a finite loss, and say what happened.

        A step's loss is that of the values before it: after at least one step those at the beginning were good.
        """
        failed = self.epoch + len(losses)
        self.epoch, self.step, arrays = current if steps else previous
        for name, array in arrays.items():
            self.state[name][...] = array
        if self.samples.whole and len(losses) > 1:  # the same steps again, up to the last good one
            self.history.record(self._round(len(losses) - 1)[0])
            self.epoch += len(losses) - 1
        self.history.cut(self.epoch)
        self.history.diverged = True
        self.history.stopped = (
            f"the loss is not finite in epoch {failed} (of 0 to {self.options.epochs - 1}); the values after "
            f"{self.epoch} epochs are kept. Lower the learning rate alpha, clip the gradient (clip_norm=1.0), scale "
            "the inputs, or use dtype='float64'"
        )
        warnings.warn(f"training stopped: {self.history.stopped}", RuntimeWarning, stacklevel=4)

    def _end(self) -> History:
        self._keep(self.epoch)
        if self.best is not None:
            self.state |= self.best[1]
            self._keep(None)
        return self.history

    def _keep(self, epoch: int | None) -> None:
        """Hand the values to the model, and with them the state of training unless it is in the middle of an epoch."""
        values = self._values()
        self.model.parameters.store({**self.fixed, **values})
        states = {name: array.copy() for name, array in self.state.items() if name not in values}
        about = self._identity(self.step), self.history.as_dict(), self.best
        self.model.training = None if epoch is None else TrainingState(epoch, self.step, states, *about)

    def _identity(self, steps: int) -> dict[str, Any]:
        return identity(self.model.declared, self.options, self.validation, self.samples.weighted, steps)

    def _resumed(self) -> tuple[TrainingState, dict[str, np.ndarray]]:
        """Return the training to resume and the values it left; the model is as it was if this is refused."""
        from symdl.train.checkpoint import found_training

        found, values = found_training(self.model, self.options)
        differing = differences(self._identity(found.step), found.identity)
        if differing:
            raise CheckpointError(
                f"resume: the checkpoint belongs to another training: other settings of {', '.join(differing)}; "
                "continue with the same ones, or start anew from its values with sd.load"
            )
        return found, values

    def _continue(self, found: TrainingState) -> None:
        self.epoch, self.step, self.best = found.epoch, found.step, found.best
        again = {"timings": self.history.timings, "stopped": "", "diverged": False}
        self.history = History(**{**found.history, **again})


def _mean(losses: np.ndarray, lengths: np.ndarray) -> float:
    """Return the mean over samples of the losses of steps, NaN where a group had no turn; NaN if it had none at all."""
    own = ~np.isnan(losses)
    return float(losses[own] @ lengths[own] / lengths[own].sum()) if own.any() else float("nan")


def _together(losses: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the sum over groups of the losses of steps, of those that had a turn."""
    return np.nansum(list(losses.values()), axis=0) if len(losses) > 1 else next(iter(losses.values()))


def _timings(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the seconds of each stage over several programs, and under ``cached`` whether all kernels were there."""
    stages = dict.fromkeys(stage for part in parts for stage in part)
    found: dict[str, Any] = {stage: sum(part.get(stage, 0) for part in parts) for stage in stages if stage != "cached"}
    return {**found, "cached": all(part["cached"] for part in parts)} if "cached" in stages else found
