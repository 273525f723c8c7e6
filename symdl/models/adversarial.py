"""What adversarial models have in common, book §8.3: two networks, a game on images, how it is run and judged."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdl.data import Split, digits, split
from symdl.expr.declare import matrix, vector
from symdl.init import normal
from symdl.models.drawing import drawing
from symdl.models.quality import nearest_neighbours, normal_like, table
from symdl.models.recipe import Experiment, Objective, Outcome
from symdl.ops.elementwise import swish, tanh
from symdl.train import Program, fit
from symdl.train.programs import training
from symdl.train.step import Part, Switches

LATENT, HIDDEN = 16, 128


class Generator:
    """x* = f^G_θ(z*): two hidden layers and values in (-1, 1)."""

    def __init__(self, p: int, m: int = LATENT, hidden: int = HIDDEN) -> None:
        self.W1, self.b1 = matrix("G1", hidden, m, latex="G_1"), vector("g1", hidden, latex="g_1")
        self.W2, self.b2 = matrix("G2", hidden, hidden, latex="G_2"), vector("g2", hidden, latex="g_2")
        self.W3, self.b3 = matrix("G3", p, hidden, latex="G_3"), vector("g3", p, latex="g_3")
        self.parameters = [self.W1, self.b1, self.W2, self.b2, self.W3, self.b3]

    def __call__(self, z: Any) -> Any:
        """Return the image of z."""
        return tanh(self.W3 @ swish(self.W2 @ swish(self.W1 @ z + self.b1) + self.b2) + self.b3)


class Critic:
    """f_φ(x), a number: two hidden layers. Its sigmoid is the discriminator f^D_φ(x)."""

    def __init__(self, p: int, hidden: int = HIDDEN) -> None:
        self.W1, self.b1 = matrix("W1", hidden, p, latex="W_1"), vector("b1", hidden, latex="b_1")
        self.W2, self.b2 = matrix("W2", hidden, hidden, latex="W_2"), vector("b2", hidden, latex="b_2")
        self.w3 = vector("w3", hidden, latex="w_3")
        self.parameters = [self.W1, self.b1, self.W2, self.b2, self.w3]
        self.init = {self.w3: normal(std=hidden**-0.5)}

    def __call__(self, x: Any) -> Any:
        """Return the number that x gets."""
        return self.w3 @ swish(self.W2 @ swish(self.W1 @ x + self.b1) + self.b2)


def pictures(program: Program, count: int, seed: int = 0, target: str = "cpu") -> np.ndarray:
    """Return generated images with grey values in [0, 1]; the model's are in [-1, 1]."""
    made: np.ndarray = (program.predict(samples=count, seed=seed, target=target)["x_star"] + 1) / 2
    return made


def game(name: str, build: Callable[[int], Program], settings: Mapping[str, Any], **about: Any) -> Experiment:
    """Return the recipe of a game on handwritten digits.

    Args:
        name: Its name on the command line.
        build: The program for images of some size, with the output ``x_star``.
        settings: Arguments of ``fit``.
        **about: Other fields of the recipe.
    """

    def division() -> Split:
        return split(digits(), 0.2)

    def objectives() -> tuple[Objective, ...]:
        data = division()
        program = build(data.train.x.shape[1])
        declared = program.declared
        values = {**program.values, "x": 2 * data.train.x[0] - 1}
        return tuple(
            Objective(group.loss, group.parameters, values, declared.inputs, name=group.name, symbol=f"C_{number}")
            for number, group in enumerate(declared.groups, start=1)
        )

    def compiled(target: str, dtype: str) -> dict[str, Any]:
        program = build(division().train.x.shape[1])
        where = program.where(target, dtype)
        parts = [Part(group.name, group.parameters, settings["optimizer"]) for group in program.declared.groups]
        together = [parts] if program.declared.order == "simultaneous" else [[part] for part in parts]
        return {
            " and ".join(part.group for part in some): training(program.declared, where, some, Switches()).executable
            for some in together
        }

    def run(seed: int, progress: bool | None, **options: Any) -> Outcome:
        data = division()
        program = build(data.train.x.shape[1])
        history = fit(program, {"x": 2 * data.train.x - 1}, seed=seed, progress=progress, **options)
        real = data.test.x
        made = pictures(program, len(real), target=options["target"])
        train = data.train.x
        kinds = {name: made, "normal distribution": normal_like(train, len(real)), "training samples": train}
        return Outcome(
            figure=nearest_neighbours(made, real),
            history=history,
            model=program,
            split=data,
            programs={part: built.executable for part, built in program.training_programs().items()},
            report=f"{drawing(made[:16])}\n\n{table(kinds, real)}",
        )

    return Experiment(
        name=name,
        section="8.3",
        metric="nearest-neighbour accuracy",
        higher=False,
        measured="test",
        data=(
            "digits: 1437 training and 360 test samples, 64 features",
            "UCI repository, optical recognition of digits",
        ),
        equations=objectives,
        compiled=compiled,
        run=run,
        settings=settings,
        **about,
    )
