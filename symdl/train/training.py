"""The course of a training: state, epochs, validation, stopping. One native call makes an epoch, or many short ones."""

import warnings
from collections.abc import Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import CheckpointError, InputError
from symdl.expr.random import STEP
from symdl.optimizers.optimizer import Optimizer
from symdl.train.dataset import Samples, prepare
from symdl.train.history import History
from symdl.train.identity import differences, identity
from symdl.train.metrics import resolve
from symdl.train.model import Model
from symdl.train.options import Options
from symdl.train.programs import Built, numbered, seeded, training
from symdl.train.progress import Show
from symdl.train.state import TrainingState
from symdl.train.step import CLIP_NORM, CLIP_VALUE, DECAY, LOSS, Part, Rates, Switches

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
    """

    def __init__(self, model: Model, data: Any, validation: Any, weights: Any, options: Options) -> None:
        self.model, self.options, self.validation = model, options, validation
        self.metrics = resolve(options.metrics, model.declared)
        self.samples: Samples = prepare(model, data, validation, weights, options)
        if options.early_stopping is not None and self.samples.validation is None:
            raise InputError("early_stopping: needs validation data; pass validation=0.1 or validation={...}")
        if model.parameters.pristine and not options.resume:
            model.initialise(options.seed)
        self.carried = list(model.states)
        self.where = model.where(options.target, options.dtype)
        self.trained = [symbol for symbol in model.declared.parameters if symbol.name not in options.frozen]
        if not self.trained:
            raise InputError("frozen: every parameter is frozen; there is nothing to train")
        resumed = self._resumed() if options.resume else None
        self.built = self._compile()
        self.history = History(timings=dict(self.built.seconds))
        self.epoch = self.step = 0
        self.best: tuple[int, dict[str, np.ndarray]] | None = None
        values = {**model.values, **model.states} if resumed is None else resumed[1]
        self.fixed = {name: self._cast(values[name]) for name in options.frozen}
        if resumed is not None:
            self._continue(resumed[0])
            values |= resumed[0].states
        self.state = {name: self._initial(name, values) for name, _ in self.built.updates}
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

    def _round(self, count: int) -> tuple[list[float], int]:
        """Make ``count`` epochs in one native call: one, or several where each is a single step over all samples.

        Returns:
            The mean loss of each finished epoch, and the number of steps made.
        """
        if self.samples.stream is not None:
            return self._batches()
        order, size = self.samples.order(self.epoch, count, self.options)
        losses, done = self._steps(order, size, self.samples.fixed)
        if self.samples.whole:
            return [float(loss) for loss in losses], done
        steps = -(-len(order) // size)
        lengths = np.full(steps, size)
        lengths[-1] = len(order) - size * (steps - 1)
        return [float(losses @ lengths / len(order))] if done == steps else [], done

    def _batches(self) -> tuple[list[float], int]:
        """Make an epoch over batches that come one after the other."""
        total, samples, steps = 0.0, 0, 0
        for arrays, count in self.samples.stream or ():
            losses, done = self._steps(np.zeros(1, dtype=np.int64), 1, {**arrays, **numbered(count, samples)})
            if not done:
                return [], steps
            total, samples, steps = total + float(losses[0]) * count, samples + count, steps + 1
        return [total / samples], steps

    def _steps(self, order: np.ndarray, size: int, data: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
        """Make steps in one native call; return the loss of each that was made, and their number."""
        steps = -(-len(order) // size)
        rates: dict[str, np.ndarray] = {}
        for found in self.built.rates.values():
            rates |= found(self._numbers(found, self.options.optimizer, self.step, steps), steps)
        varying = self.built.taken("step", {**rates, STEP.name: np.arange(self.step, self.step + steps)})
        fixed = self.built.taken("input", {**seeded(self.options.seed), **data, **self.fixed})
        rows = self.built.taken("batch", self.samples.rows)
        sizes = {self.built.count: 1} if self.built.count else None
        result = self.built.executable.epoch(self.state, rows, order, size, varying, fixed, sizes)
        self.step += result.completed_steps
        losses = np.asarray(result.recorded[LOSS], dtype=np.float64)
        return losses[: result.completed_steps], result.completed_steps

    def _numbers(self, rates: Rates, optimizer: Optimizer, first: int, steps: int) -> dict[Any, np.ndarray]:
        """Return the value of every hyper-parameter at ``steps`` steps, from ``first`` on."""
        options = self.options
        hyper = {CLIP_NORM.name: options.clip_norm, CLIP_VALUE.name: options.clip_value}
        hyper |= {f"{DECAY}.{name}": value for name, value in options.weight_decay.items()}
        constant = {
            symbol: np.full(steps, float(hyper[symbol.name] or 0.0)) for symbol in rates.symbols if symbol.name in hyper
        }
        return {**optimizer.rates(np.arange(first, first + steps)), **constant}

    def _finished(self, losses: list[float], began: float) -> None:
        """Record finished epochs, look at the validation data, write the checkpoint, call the callbacks."""
        self.epoch += len(losses)
        self.history.loss += losses
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

    def _compile(self) -> Built:
        options = self.options
        switches = Switches(
            clip_norm=options.clip_norm is not None,
            clip_value=options.clip_value is not None,
            decay=tuple(name for name in options.weight_decay if name not in options.frozen),
            weighted=self.samples.weighted,
            whole=self.samples.whole,
        )
        declared, optimizer = self.model.declared, options.optimizer
        [group] = declared.groups
        key = ("training", self.where, type(optimizer), tuple(self.trained), switches)
        parts = [Part(group.name, tuple(self.trained), optimizer)]
        return self.model.program(key, lambda: training(declared, self.where, parts, switches))

    def _cast(self, array: np.ndarray) -> np.ndarray:
        return np.array(array, dtype=self.options.dtype, order="C")

    def _initial(self, name: str, values: Mapping[str, np.ndarray]) -> np.ndarray:
        if name in values:
            return self._cast(values[name])
        return np.zeros(values[name.rpartition(".")[0]].shape, dtype=self.options.dtype)

    def _values(self) -> dict[str, np.ndarray]:
        """Return the parameters that are trained, and the states of the model."""
        return {name: self.state[name] for name in (*(symbol.name for symbol in self.trained), *self.carried)}

    def _finite(self) -> bool:
        return all(np.isfinite(self.state[symbol.name]).all() for symbol in self.trained)

    def _snapshot(self) -> Snapshot:
        return Snapshot(self.epoch, self.step, {name: array.copy() for name, array in self.state.items()})

    def _diverged(self, losses: list[float], steps: int, current: Snapshot, previous: Snapshot) -> None:
        """Go back to the last values that had a finite loss, and say what happened.

        A step's loss is that of the values before it: after at least one step those at the beginning were good.
        """
        failed = self.epoch + len(losses)
        self.epoch, self.step, arrays = current if steps else previous
        for name, array in arrays.items():
            self.state[name][...] = array
        if self.samples.whole and len(losses) > 1:  # the same steps again, up to the last good one
            self.history.loss += self._round(len(losses) - 1)[0]
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
        return identity(self.options, self.validation, self.samples.weighted, steps)

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
