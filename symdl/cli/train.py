"""``symdl train NAME``: trains a model and leaves everything about it in a folder."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from symdl.cli.files import shown, write
from symdl.cli.library import Name, find
from symdl.cli.outcome import FAILED

if TYPE_CHECKING:
    from symdl.data import Split
    from symdl.models import Recipe
    from symdl.train import History, Model

STAGES = {  # as they are reported: the parts whose time each sums up
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
        int | None, typer.Option("--threads", help="For later use: kernels run on one thread today.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint in DIR.")] = False,
    progress: Annotated[bool, typer.Option("--progress/--no-progress", help="Show the epochs.")] = True,
) -> None:
    """Train a model and leave its results in a folder.

    The folder then holds the derivation (LaTeX, and a web page that needs no network), the source of the kernels, the
    metrics, the loss curve and a checkpoint.
    """
    recipe = find(name)
    given = {"epochs": epochs, "batch_size": batch_size, "target": target, "dtype": dtype, "threads": threads}
    options = {**recipe.training, "seed": seed, **{key: value for key, value in given.items() if value is not None}}
    if alpha is not None:
        import dataclasses

        options["optimizer"] = dataclasses.replace(options["optimizer"], alpha=alpha)
    run = _Run(recipe, Path("runs") / name if out is None else out, options, progress)
    run.derive()
    history, figure = run.train(resume)
    run.leave(history, figure)
    typer.echo(f"{run.judged} {recipe.metric} {number(recipe.metric, figure)}")
    typer.echo(f"results in {shown(run.folder)}")
    if history.diverged:
        raise typer.Exit(FAILED)


def number(metric: str, value: float) -> str:
    """Return a figure with the digits that mean something."""
    return f"{value:.3f}" if metric == "accuracy" else f"{value:.5f}" if metric == "r2" else f"{value:.4g}"


class _Run:
    """One call of ``symdl train``: a model of the library, options for ``fit``, and the folder of the results."""

    def __init__(self, recipe: "Recipe", folder: Path, options: dict[str, Any], progress: bool) -> None:
        self.recipe, self.folder, self.options, self.progress = recipe, folder, options, progress
        self.divisions: tuple[Split, ...] = recipe.splits()
        self.model: Model = recipe.build(self.divisions[0])
        self.judged = "test" if self.divisions[0].held_out else "training"
        self.checkpoint = folder / "checkpoint.safetensors"
        folder.mkdir(parents=True, exist_ok=True)
        typer.echo(f"{recipe.name}: {recipe.title}")

    def derive(self) -> None:
        """Write the derivation of the gradients of all parameters."""
        from symdl.cli.page import derivation_page, derivation_tex
        from symdl.derivation import derivation

        began = perf_counter()
        found = derivation(self.model.declared.loss, list(self.model.declared.parameters))
        write(self.folder / "derivation.tex", derivation_tex(self.recipe, found))
        write(self.folder / "derivation.html", derivation_page(self.recipe, found))
        steps = f"{len(found.steps)} steps"
        typer.echo(f"derived the gradients in {steps}, printed in {perf_counter() - began:.2f} s")

    def train(self, resume: bool) -> tuple["History", float]:
        """Train on every division of the data; the results that are kept are those of the first."""
        figures = []
        for number, division in enumerate(self.divisions):
            model = self.recipe.build(division) if number else self.model
            history = self.fit(model, division, resume and not number, first=not number)
            figures.append(self.recipe.score(model, division))
            if not number:
                kept = history
                self.say(history)
        if len(figures) > 1:
            typer.echo(f"the mean over {len(figures)} divisions of the data:")
        return kept, sum(figures) / len(figures)

    def fit(self, model: "Model", division: "Split", resume: bool, first: bool) -> "History":
        """Train one model; where an epoch has many steps, a checkpoint is written after each.

        Otherwise one is written when training ends, be it by Ctrl-C.
        """
        from symdl.train import fit

        options = dict(self.options)
        if first and options.get("batch_size") is not None:
            options["checkpoint"] = self.checkpoint
        if resume:
            options["resume"] = self.checkpoint
        options["progress"] = None if self.progress and first else False
        try:
            return fit(model, self.recipe.arrays(division.train), **options)
        except KeyboardInterrupt:
            if first and ("checkpoint" not in options or not self.checkpoint.exists()):
                model.save(self.checkpoint)
            typer.echo(f"the values so far are in {shown(self.checkpoint)}", err=True)
            raise

    def say(self, history: "History") -> None:
        """Print how long each stage took, and the training."""
        seconds = dict(history.timings)
        cached = seconds.pop("cached", False)
        stages = {stage: sum(seconds.get(part, 0.0) for part in parts) for stage, parts in STAGES.items()}
        each = ", ".join(f"{key} {value:.2f}" for key, value in stages.items())
        state = "from the cache" if cached else "cold"
        typer.echo(f"compiled the training step in {sum(stages.values()):.2f} s ({state}): {each}")
        loss = f", loss {history.loss[-1]:.4g}" if history.loss else ""
        typer.echo(f"trained {history.epochs:,} epochs in {sum(history.seconds):.2f} s{loss}")

    def leave(self, history: "History", figure: float) -> None:
        """Write kernels, metrics, loss curve and checkpoint."""
        from symdl.cli.picture import loss_curve
        from symdl.cli.summary import summary

        self.model.save(self.checkpoint)
        write(self.folder / "kernels.py", self.model.training_program().executable.source)
        write(
            self.folder / "metrics.json", summary(self.recipe, self.model, self.options, self.judged, history, figure)
        )
        write(self.folder / "loss.png", loss_curve(history, self.recipe.title))
