"""``symdl train NAME``: trains a model and leaves everything about it in a folder."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.files import shown, write
from symdl.cli.kernels import joined
from symdl.cli.library import Name, find
from symdl.cli.outcome import FAILED, UsageError

if TYPE_CHECKING:
    from symdl.models import Outcome, Recipe
    from symdl.train import History

CHECKPOINT = "checkpoint.safetensors"
STAGES = {  # as they are reported: the parts whose time each sums up
    "read": ("read",),
    "derive": ("derive",),
    "simplify": ("simplify",),
    "lower": ("freeze", "verify", "lower", "passes", "schedule"),
    "emit": ("emit",),
    "compile": ("compile",),
}


def command(
    name: Name,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="DIR", help="Where results go; runs/NAME by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the initial values and the order of the samples.")] = 0,
    epochs: Annotated[int | None, typer.Option("--epochs", help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option("--batch-size", help="Samples for each step.")] = None,
    alpha: Annotated[float | None, typer.Option("--alpha", help="The learning rate, a constant.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="cpu, numpy or cuda.")] = None,
    dtype: Annotated[str | None, typer.Option("--dtype", help="float32 or float64.")] = None,
    threads: Annotated[
        int | None, typer.Option("--threads", help="On the CPU; as many as there are processors by default.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in DIR.")] = False,
    progress: Annotated[bool, typer.Option("--progress/--no-progress", help="Show the epochs.")] = True,
) -> None:
    """Train a model and leave its results in a folder.

    The folder then holds the derivation (LaTeX, and a web page that needs no network), the source of the kernels, the
    metrics, the loss curve, a checkpoint, and what the trained model made (report.txt) where it makes something.
    """
    recipe = find(name)
    given = {"epochs": epochs, "batch_size": batch_size, "target": target, "dtype": dtype, "threads": threads}
    options = {key: value for key, value in given.items() if value is not None}
    if alpha is not None:
        options |= learning_rate(recipe, alpha)
    folder = Path("runs") / name if out is None else out
    recipe.check(seed, checkpoint=folder / CHECKPOINT, resume=resume, **options)
    run = _Run(recipe, folder, seed, options)
    run.derive()
    outcome = run.train(resume, progress)
    run.leave(outcome)
    typer.echo(" ".join(filter(None, [recipe.judged, recipe.metric, number(recipe.metric, outcome.figure)])))
    typer.echo(f"results in {shown(run.folder)}")
    if outcome.history.diverged:
        raise typer.Exit(FAILED)


def learning_rate(recipe: "Recipe", alpha: float) -> dict[str, Any]:
    """Return the options that set the learning rate.

    Raises:
        UsageError: if the recipe has not exactly one.
    """
    import dataclasses

    from symdl.optimizers.optimizer import Optimizer

    if "alpha" in recipe.training:
        return {"alpha": alpha}
    found: dict[str, Any] = {key: value for key, value in recipe.training.items() if isinstance(value, Optimizer)}
    if len(found) != 1:
        raise UsageError(f"--alpha: {recipe.name} has {len(found) or 'no'} learning rates; expected one")
    [(key, optimizer)] = found.items()
    return {key: dataclasses.replace(optimizer, alpha=alpha)}


def number(metric: str, value: float) -> str:
    """Return a figure with the digits that mean something."""
    return f"{value:.3f}" if metric == "accuracy" else f"{value:.5f}" if metric == "r2" else f"{value:.5g}"


class _Run:
    """One call of ``symdl train``: a model of the library, options of its training, and the folder of the results."""

    def __init__(self, recipe: "Recipe", folder: Path, seed: int, options: dict[str, Any]) -> None:
        self.recipe, self.folder, self.seed, self.options = recipe, folder, seed, options
        self.checkpoint = folder / CHECKPOINT
        folder.mkdir(parents=True, exist_ok=True)
        typer.echo(f"{recipe.name}: {recipe.title}")

    def derive(self) -> None:
        """Write the derivation of all gradients."""
        from symdl.cli.page import derivation_page, derivation_tex
        from symdl.derivation import derivation

        began = perf_counter()
        found = [(part.name, derivation(part.loss, list(part.variables))) for part in self.recipe.objectives()]
        write(self.folder / "derivation.tex", derivation_tex(self.recipe, found))
        write(self.folder / "derivation.html", derivation_page(self.recipe, found))
        steps = f"{sum(len(derived.steps) for _, derived in found)} steps"
        typer.echo(f"derived the gradients in {steps}, printed in {perf_counter() - began:.2f} s")

    def train(self, resume: bool, progress: bool) -> "Outcome":
        """Train, and say how it went."""
        before = self._written()
        from symdl_codegen.runtime.executable import Executable

        try:
            outcome = self.recipe.train(
                self.seed,
                progress=None if progress else False,
                checkpoint=self.checkpoint,
                resume=resume,
                **self.options,
            )
        except KeyboardInterrupt:
            if self._written() != before:
                typer.echo(f"the values so far are in {shown(self.checkpoint)}", err=True)
            raise
        self.say(outcome.history)
        for name, program in outcome.programs.items():
            if isinstance(program, Executable) and program.planned_bytes:
                typer.echo(f"{name}: {_planned(program)}")
        if outcome.divisions > 1:
            typer.echo(f"the mean over {outcome.divisions} divisions of the data:")
        if outcome.report:
            typer.echo(outcome.report)
        return outcome

    def _written(self) -> int:
        return self.checkpoint.stat().st_mtime_ns if self.checkpoint.exists() else 0

    def say(self, history: "History") -> None:
        """Print how long each stage took, and the training."""
        seconds = dict(history.timings)
        if seconds:
            cached = seconds.pop("cached", False)
            found = {stage: [seconds[part] for part in parts if part in seconds] for stage, parts in STAGES.items()}
            stages = {stage: sum(times) for stage, times in found.items() if times}
            each = ", ".join(f"{key} {value:.2f}" for key, value in stages.items())
            state = "from the cache" if cached else "cold"
            typer.echo(f"compiled the training step in {sum(stages.values()):.2f} s ({state}): {each}")
        loss = f", loss {history.loss[-1]:.4g}" if history.loss else ""
        typer.echo(f"trained {history.epochs:,} epochs in {sum(history.seconds):.2f} s{loss}")

    def leave(self, outcome: "Outcome") -> None:
        """Write kernels, metrics, loss curve, and what else there is: a checkpoint, a report."""
        from symdl.cli.picture import loss_curve
        from symdl.cli.summary import summary

        if outcome.model is not None:
            outcome.model.save(self.checkpoint)
        sources = {name: program.source for name, program in outcome.programs.items()}
        write(self.folder / "kernels.py", joined(sources))
        options = {**self.recipe.training, **self.options, "seed": self.seed}
        write(self.folder / "metrics.json", summary(self.recipe, options, outcome))
        write(self.folder / "loss.png", loss_curve(outcome.history, self.recipe.title))
        if outcome.report:
            write(self.folder / "report.txt", outcome.report + "\n")


def _planned(program: Any) -> str:
    """What memory a compiled program takes, and what of it each thread has to itself."""
    text = f"{program.planned_bytes / 2**20:.2f} MiB planned for all intermediates"
    threads, own = program.planned_rooms
    if not own:
        return text
    owner = "the thread" if threads == 1 else f"each of {threads} threads"
    return f"{text}, of which {own / 2**20:.2f} MiB of its own for {owner}"
