"""What a model of the library is: equations, data, how it is trained, and the figure it should reach."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from symdl.data import Dataset, Split
from symdl.errors import InputError
from symdl.expr.batch_mean import BatchMean
from symdl.expr.system import trace
from symdl.models.objectives import Objective
from symdl.train import History, Model, fit
from symdl.train.checkpoint import read
from symdl.train.options import check_settings

SAMPLES_CHECKED = 4  # where the equations are those of a batch
LOWER = ("loss", "mse", "rmse", "mae")  # metrics of which less is better


class Program(Protocol):
    """Anything that was compiled."""

    @property
    def source(self) -> str:
        """The emitted text."""

    @property
    def ir_text(self) -> str:
        """The loop IR it was emitted from."""


def training_step(model: Model, options: Mapping[str, Any], target: str, dtype: str) -> Program:
    """Compile the step that ``fit`` would make with these options; sizes that data carry must be known to the model."""
    from symdl.train.programs import training
    from symdl.train.step import Part, Switches

    switches = Switches(
        clip_norm=options.get("clip_norm") is not None,
        clip_value=options.get("clip_value") is not None,
        whole=options.get("batch_size") is None,
    )
    parts = [Part(group.name, group.parameters, options["optimizer"]) for group in model.declared.groups]
    return training(model.declared, model.where(target, dtype), parts, switches).executable


@dataclass(frozen=True)
class Outcome:
    """A trained model of the library.

    Attributes:
        figure: The recipe's metric, a mean where there are several divisions of the data.
        history: The course of its training, on the first division.
        model: What was trained, with ``values`` and ``save(path)``; None where nothing is kept but the figure.
        split: The first division of the data; None where there are none.
        programs: What ran, by name.
        figures: Further figures by name.
        report: What it made, as text: a table of values, sampled sentences.
        divisions: Over how many divisions of the data the figure is a mean.
    """

    figure: float
    history: History
    model: Any = None
    split: Split | None = None
    programs: Mapping[str, Program] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    report: str = ""
    divisions: int = 1


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """A model of the library. Its kinds are ``Supervised`` and ``Experiment``.

    Attributes:
        name: Its name on the command line.
        title: One line about it.
        section: Where the book treats it.
        metric: What is reported, such as accuracy, r2, mse, loss (the cost), return.
        reference: The value that the metric should reach, from ``source``.
        tolerance: By how much the metric may be worse: half a unit of the last digit of a reference that is rounded.
        source: Where the reference is from.
        higher: Whether more is better; None where the metric tells (it does for those of ``LOWER``).
    """

    name: str
    title: str
    section: str
    metric: str
    reference: float
    tolerance: float
    source: str
    higher: bool | None = None

    @property
    @abstractmethod
    def training(self) -> Mapping[str, Any]:
        """The recommended options of ``train``; "optimizer", if it is one of them, prints its step."""

    @property
    @abstractmethod
    def judged(self) -> str:
        """What the metric is measured on, such as "test"; may be empty."""

    @abstractmethod
    def objectives(self) -> tuple[Objective, ...]:
        """Return what is derived."""

    @abstractmethod
    def programs(self, target: str, dtype: str) -> Mapping[str, Program]:
        """Compile what ``train`` runs, by name, with the recommended options."""

    @abstractmethod
    def about(self) -> Iterator[str]:
        """Yield lines about the data."""

    @abstractmethod
    def train(
        self,
        seed: int = 0,
        *,
        progress: bool | None = False,
        checkpoint: Path | None = None,
        resume: bool = False,
        **options: Any,
    ) -> Outcome:
        """Train with the recommended options and return the outcome.

        Args:
            seed: Of everything that is random.
            progress: Whether to show a progress bar; None for terminals only.
            checkpoint: A file for the values so far, written on the way and when training is interrupted.
            resume: Whether to go on from that file.
            **options: Options that replace those recommended.
        """

    def check(self, seed: int = 0, *, checkpoint: Path | None = None, resume: bool = False, **options: Any) -> None:
        """Check arguments of ``train``, as far as that is no work.

        Raises:
            InputError: for an option that cannot be.
            CheckpointError: for a checkpoint that cannot be read.
        """
        check_settings({**options, "seed": seed})
        if resume and checkpoint is not None:
            read(checkpoint)

    def reached(self, figure: float) -> bool:
        """Tell whether a figure is as good as the reference, up to the tolerance."""
        short = self.reference - figure if self.sense == "≥" else figure - self.reference
        return short <= self.tolerance

    @property
    def sense(self) -> str:
        """How figures that are good compare with the reference: ≥ or ≤."""
        return "≥" if (self.metric not in LOWER if self.higher is None else self.higher) else "≤"


@dataclass(frozen=True, kw_only=True)
class Supervised(Recipe):
    """A model that ``fit`` trains on samples.

    Attributes:
        build: The model for a division of the data.
        splits: The divisions of its data, each into training and test samples.
        arrays: The arrays by symbol of some samples.
        settings: Arguments of ``fit``, or a function that returns them for a division of the data.
        figure: The metric of a trained model on a division; by default ``model.evaluate`` on the test samples.
        report: What a trained model makes, as text.
    """

    build: Callable[[Split], Model]
    splits: Callable[[], tuple[Split, ...]]
    arrays: Callable[[Dataset], dict[str, np.ndarray]]
    settings: Mapping[str, Any] | Callable[[Split], Mapping[str, Any]]
    figure: Callable[[Model, Split], float] | None = None
    report: Callable[[Model], str] | None = None

    @cached_property
    def _divisions(self) -> tuple[Split, ...]:
        return self.splits()

    @cached_property
    def training(self) -> Mapping[str, Any]:
        """Arguments of ``fit`` for the first division of the data."""
        return self._settings(self._divisions[0])

    @property
    def judged(self) -> str:
        """Whether the metric is measured on test samples or on those trained on."""
        return "test" if self._divisions[0].held_out else "training"

    def _settings(self, division: Split) -> Mapping[str, Any]:
        found = self.settings(division) if callable(self.settings) else self.settings
        return {**found, "batch_size": found.get("batch_size")}

    def objectives(self) -> tuple[Objective, ...]:
        """Return the loss of one sample, at the initial values and the first training sample.

        Where the equations hold means over the batch, it is the cost of a batch, here of the first training samples.
        """
        division = self._divisions[0]
        model = self.build(division)
        if model.declared.batch is not None:
            return (Objective.of(model, {}),)
        whole = any(equation.body.has(BatchMean) for equation in trace([model.declared.loss]).equations)
        rows = self._first_samples(model, division, SAMPLES_CHECKED if whole else 1)
        if not whole:
            return (Objective.of(model, {name: values[0] for name, values in rows.items()}),)
        return (Objective.of_batch(model, rows),)

    def _first_samples(self, model: Model, division: Split, count: int) -> dict[str, Any]:
        """Return the first training samples, labels as one-hot rows."""
        arrays = self.arrays(division.train.take(slice(0, count)))
        values = {}
        for symbol in model.declared.data:
            rows = np.asarray(arrays[symbol.name])[:count]
            if "one_hot" in getattr(symbol, "properties", ()) and rows.ndim == 1:
                rows = np.eye(int(symbol.shape[0]))[rows.astype(int)]
            values[symbol.name] = rows
        return values

    def programs(self, target: str, dtype: str) -> Mapping[str, Program]:
        """Compile the training step."""
        return {"training": training_step(self.build(self._divisions[0]), self.training, target, dtype)}

    def about(self) -> Iterator[str]:
        """Yield the name of the data, the number of samples, features and classes, and where they are from."""
        division = self._divisions[0]
        train, test = division.train, division.test
        held_out = f" and {len(test)} test" if division.held_out else ""
        shape = " × ".join(map(str, train.x.shape[1:]))
        features = f", {shape} features" if shape else ""
        classes = f", {len(train.classes)} classes" if train.classes else ""
        yield f"{train.name}: {len(train)} training{held_out} samples{features}{classes}"
        yield train.source

    def train(
        self,
        seed: int = 0,
        *,
        progress: bool | None = False,
        checkpoint: Path | None = None,
        resume: bool = False,
        **options: Any,
    ) -> Outcome:
        """Train on every division of the data; what is kept besides the figure is that of the first.

        Options are arguments of ``fit``. Where an epoch has many steps, a checkpoint is written after each; otherwise
        when training is interrupted.
        """
        own: dict[str, Any] = {
            "progress": progress,
            "checkpoint": checkpoint,
            "resume": checkpoint if resume else False,
        }
        outcomes = [
            self.train_on(division, seed, **({} if number else own), **options)
            for number, division in enumerate(self._divisions)
        ]
        figure = float(np.mean([outcome.figure for outcome in outcomes]))
        return replace(outcomes[0], figure=figure, divisions=len(outcomes))

    def train_on(self, division: Split, seed: int = 0, checkpoint: Path | None = None, **options: Any) -> Outcome:
        """Train on one division of the data; options are arguments of ``fit``."""
        model = self.build(division)
        options = {**self._settings(division), "progress": False, **options, "seed": seed}
        if options.get("batch_size") is not None:
            options["checkpoint"] = checkpoint
        try:
            history = fit(model, self.arrays(division.train), **options)
        except KeyboardInterrupt:
            if checkpoint is not None and (options.get("checkpoint") is None or not checkpoint.exists()):
                model.save(checkpoint)
            raise
        return Outcome(
            figure=self.score(model, division),
            history=history,
            model=model,
            split=division,
            programs={"training": model.training_program().executable},
            report=self.report(model) if self.report else "",
        )

    def score(self, model: Model, division: Split) -> float:
        """Return the metric of a model on a division of the data."""
        if self.figure is not None:
            return float(self.figure(model, division))
        metrics = () if self.metric == "loss" else (self.metric,)
        return model.evaluate(self.arrays(division.test), metrics)[self.metric]


@dataclass(frozen=True, kw_only=True)
class Experiment(Recipe):
    """A model with a training of its own: reinforcement learning, a game of two networks, a fixed point.

    Attributes:
        equations: What is derived.
        compiled: What ``run`` runs, by name, for a target and a dtype, compiled with the recommended options.
        run: Trains: takes ``seed``, ``progress``, and every setting by its name.
        settings: The options of ``run`` with their recommended values; among them "target" and "dtype". "epochs" is the
            number of rounds. If "checkpoint" and "resume" are among them (both None), training can be resumed.
        data: Lines about the data.
        measured: What the metric is measured on; may be empty.
    """

    equations: Callable[[], tuple[Objective, ...]]
    compiled: Callable[[str, str], Mapping[str, Program]]
    run: Callable[..., Outcome]
    settings: Mapping[str, Any]
    data: tuple[str, ...]
    measured: str = ""

    def __post_init__(self) -> None:
        missing = [key for key in ("target", "dtype") if key not in self.settings]
        if missing:
            raise InputError(f"{self.name}: settings has no {missing[0]!r}; every experiment runs somewhere")

    @property
    def training(self) -> Mapping[str, Any]:
        """The recommended options of ``run``."""
        return self.settings

    @property
    def judged(self) -> str:
        """What the metric is measured on."""
        return self.measured

    def objectives(self) -> tuple[Objective, ...]:
        """Return what is derived."""
        return self.equations()

    def programs(self, target: str, dtype: str) -> Mapping[str, Program]:
        """Compile what ``run`` runs."""
        return self.compiled(target, dtype)

    def check(self, seed: int = 0, *, checkpoint: Path | None = None, resume: bool = False, **options: Any) -> None:
        """Check arguments of ``train``; InputError also for an option that the experiment does not have."""
        known = [key for key in self.settings if key not in ("checkpoint", "resume")]
        for key in options:
            if key not in known:
                raise InputError(f"{self.name} has no option {key!r}; its options are seed, {', '.join(known)}")
        if resume and "checkpoint" not in self.settings:
            raise InputError(f"{self.name} cannot be resumed: its training leaves no state on the way")
        super().check(seed, checkpoint=checkpoint, resume=resume, **options)

    def about(self) -> Iterator[str]:
        """Yield lines about the data."""
        yield from self.data

    def train(
        self,
        seed: int = 0,
        *,
        progress: bool | None = False,
        checkpoint: Path | None = None,
        resume: bool = False,
        **options: Any,
    ) -> Outcome:
        """Run it.

        Raises:
            InputError: for an option that it does not have.
        """
        self.check(seed, checkpoint=checkpoint, resume=resume, **options)
        more = dict(options)
        if "checkpoint" in self.settings:
            more |= {"checkpoint": checkpoint, "resume": checkpoint if resume else None}
        return self.run(seed=seed, progress=progress, **{**self.settings, **more})


__all__ = ["Experiment", "Objective", "Outcome", "Program", "Recipe", "Supervised", "training_step"]
