"""A small diffusion model, book §8.2, on handwritten digits: a network learns the noise that was added to an image."""

from typing import Any

import numpy as np
from sympy import Expr, Integer, Rational, Symbol, sqrt

from symdl.data import Split, digits, split
from symdl.expr.declare import matrix, named, vector
from symdl.expr.recur import recurrence
from symdl.models.drawing import drawing
from symdl.models.quality import nearest_neighbours, normal_like, table
from symdl.models.recipe import Supervised
from symdl.ops import random
from symdl.ops.elementwise import cos, exp, floor, sin, square, swish
from symdl.ops.reductions import sum as total
from symdl.ops.structure import array, concat
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

STEPS = 100  # T
FIRST, LAST = Rational(1, 10), Integer(10)  # T β_t at t = 0 and t = T
HIDDEN, FREQUENCIES, BATCH, EPOCHS = 256, 16, 64, 1500


def level(t: Any) -> Any:
    """Return ᾱ_t, by which the square of an image shrinks in t steps, for any t in [0, T].

    The product Π_{s≤t} (1 - β_s) with β_s from ``FIRST``/T to ``LAST``/T on a line, in its limit of many small steps:
    exp(-∫β). Song et al. (2021), Score-based generative modeling through stochastic differential equations.
    """
    part = t / Integer(STEPS)
    return exp(-FIRST * part - (LAST - FIRST) / 2 * part**2)


def noise(x: Any, t: Any, hidden: int = HIDDEN) -> tuple[Any, list[Any]]:
    """Return ε_θ(x_t, t) = √(1 - ᾱ_t) x_t + √ᾱ_t f_θ(x_t, t), and θ.

    f_θ is a network with two hidden layers, the second one residual, that sees t by sines and cosines as positions are
    seen in §7.5. The first term is what is best for large t; with it f_θ need not copy its input.
    """
    p = x.shape[0]
    W1, U1, b1 = matrix("W1", hidden, p), matrix("U1", hidden, 2 * FREQUENCIES), vector("b1", hidden)
    W2, U2, b2 = matrix("W2", hidden, hidden), matrix("U2", hidden, 2 * FREQUENCIES), vector("b2", hidden)
    W3, b3 = matrix("W3", p, hidden), vector("b3", p)
    k = Symbol("k", integer=True)
    angles = t * array(Integer(10000) ** (-k / Integer(FREQUENCIES)), (k, FREQUENCIES))
    e = named("e", concat([sin(angles), cos(angles)]))
    a1 = named("a1", swish(W1 @ x + U1 @ e + b1))
    a2 = named("a2", a1 + swish(W2 @ a1 + U2 @ e + b2))
    found = sqrt(1 - level(t)) * x + sqrt(level(t)) * (W3 @ a2 + b3)
    return named("epsilon_theta", found, latex=r"\epsilon_\theta"), [W1, U1, b1, W2, U2, b2, W3, b3]


def denoiser(p: int, hidden: int = HIDDEN, ancestral: bool = True) -> Model:
    """Return the model with the cost C = ‖ε - ε_θ(√ᾱ_t x + √(1 - ᾱ_t) ε, t)‖² of one sample; ε and t are drawn anew.

    t is uniform on 1, ..., T. The output x_0 is a new sample: x_T ~ N(0, I) with the noise taken out in T steps. Each
    of them adds a little that is new, unless ``ancestral`` is False (DDIM).
    """
    x = vector("x", p)
    t = named("t", 1 + floor(STEPS * random.uniform(stream="time")))
    epsilon = named("epsilon", random.normal(p, stream="epsilon"))
    x_t = named("x_t", sqrt(level(t)) * x + sqrt(1 - level(t)) * epsilon, latex="x_t")
    predicted, theta = noise(x_t, t, hidden)
    return Model(
        loss=total(square(epsilon - predicted)),
        parameters=theta,
        inputs=[x],
        outputs={"x_0": samples(p, hidden, ancestral)},
    )


def previous(x: Any, t: Any, fresh: Any, hidden: int = HIDDEN) -> Any:
    """Return x_{t-1} from x_t: μ_θ(x_t, t) + σ̃_t z with the variance of the posterior, σ̃_t² = β̃_t; catalogue 8.2.

    Args:
        x: x_t.
        t: The number of the step, from T down to 1.
        fresh: z, standard normal numbers; or None for the deterministic step with the same ε_θ (DDIM).
        hidden: The width of the network.
    """
    bar, before = level(t), level(t - 1)
    alpha = bar / before
    beta = 1 - alpha
    epsilon = noise(x, t, hidden)[0]
    if fresh is None:
        return sqrt(before) * (x - sqrt(1 - bar) * epsilon) / sqrt(bar) + sqrt(1 - before) * epsilon
    mean = (x - beta / sqrt(1 - bar) * epsilon) / sqrt(alpha)
    return mean + sqrt((1 - before) / (1 - bar) * beta) * fresh


def samples(p: int, hidden: int = HIDDEN, ancestral: bool = True) -> Any:
    """Return x_0, made from x_T ~ N(0, I) in T steps: a recurrence that runs from the last time to the first.

    Args:
        p: The size of an image.
        hidden: The width of the network.
        ancestral: Whether each step adds noise; else the path is determined by x_T (DDIM).
    """
    fresh = random.normal((STEPS, p), stream="steps")

    def step(k: Expr, x: Any) -> Any:
        return previous(x, k + 1, fresh[k] if ancestral else None, hidden)

    return recurrence(step, random.normal(p, stream="start"), STEPS, names="x", reverse=True)[0]


def pictures(model: Model, count: int, seed: int = 0) -> np.ndarray:
    """Return generated images with grey values in [0, 1]; the model's are in [-1, 1]."""
    found: np.ndarray = np.clip((model.predict(samples=count, seed=seed)["x_0"] + 1) / 2, 0, 1)
    return found


def report(model: Model) -> str:
    """Return some images, and how all compare with the test samples, beside those that a normal distribution gives."""
    division = split(digits(), 0.2)
    real, train = division.test.x, division.train.x
    made = pictures(model, len(real))
    kinds = {"diffusion": made, "normal distribution": normal_like(train, len(real)), "training samples": train}
    return f"{drawing(made[:16])}\n\n{table(kinds, real)}"


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    return {"optimizer": Adam(alpha=Cosine(3e-3, steps)), "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="diffusion",
    title="denoising diffusion model of handwritten digits",
    section="8.2",
    build=lambda division: denoiser(division.train.x.shape[1]),
    splits=lambda: (split(digits(), 0.2),),
    arrays=lambda data: {"x": 2 * data.x - 1},
    settings=settings,
    metric="nearest-neighbour accuracy",
    reference=0.789,
    tolerance=0.0,
    source="that of samples of a normal distribution with the mean and covariance of the digits: 0.79; the best: 0.5",
    higher=False,
    figure=lambda model, division: nearest_neighbours(pictures(model, len(division.test)), division.test.x),
    report=report,
)
