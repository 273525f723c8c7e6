"""What a training leaves behind: losses, metrics and seconds, epoch by epoch."""

import math
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class History:
    """The course of a training; lists have one element for each finished epoch.

    Attributes:
        loss: Mean cost of the training samples over the epoch, each batch at the values it was met with.
        losses: In a ``Program`` the loss of each group by its name, over its own steps of the epoch; NaN where it made
            none. ``loss`` is their sum.
        step_loss: Cost of each batch of the last finished epoch, in order.
        validation_loss: Cost of the validation samples after the epoch; empty without validation data.
        metrics: Metrics after the epoch by name, on the validation data where there are some, else on those trained on.
        seconds: Time of each epoch, evaluation included.
        timings: Seconds of the stages before the first epoch: derive, simplify, freeze, lower, ..., compile, or read
            and compile where the program was kept; and ``cached``, whether all kernels were there already.
        best_epoch: The epoch (from 0) with the lowest validation loss, or None.
        stopped: Why training ended before its last epoch, or an empty string.
        diverged: Whether it ended because the loss was no longer finite.
    """

    loss: list[float] = field(default_factory=list)
    losses: dict[str, list[float]] = field(default_factory=dict)
    step_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    metrics: dict[str, list[float]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    timings: dict[str, Any] = field(default_factory=dict)
    best_epoch: int | None = None
    stopped: str = ""
    diverged: bool = False

    @property
    def epochs(self) -> int:
        """The number of finished epochs."""
        return len(self.loss)

    def record(self, epochs: list[dict[str, float]]) -> None:
        """Append the loss of each group, by its name, in some epochs."""
        for costs in epochs:
            self.loss.append(sum(cost for cost in costs.values() if not math.isnan(cost)))
            for name, cost in costs.items() if len(costs) > 1 else ():
                self.losses.setdefault(name, []).append(cost)

    def cut(self, epochs: int) -> None:
        """Forget all but the first ``epochs`` epochs."""
        for values in (self.loss, self.validation_loss, self.seconds, *self.metrics.values(), *self.losses.values()):
            del values[epochs:]
        if self.best_epoch is not None and self.best_epoch >= epochs:
            losses = self.validation_loss
            self.best_epoch = losses.index(min(losses)) if losses else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything as plain lists and numbers, for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        last = f", loss {self.loss[-1]:.6g}" if self.loss else ""
        if self.validation_loss:
            last += f", validation loss {self.validation_loss[-1]:.6g}"
        last += "".join(f", {name} {values[-1]:.4g}" for name, values in self.metrics.items() if values)
        return f"<History of {self.epochs} epochs{last}{', stopped: ' + self.stopped if self.stopped else ''}>"
