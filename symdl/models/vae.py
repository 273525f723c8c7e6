"""A variational autoencoder with normal noise, book §8.1, on handwritten digits."""

from typing import Any

import numpy as np
import sympy

from symdl.data import Split, digits, split
from symdl.expr.declare import matrix, named, scalar, vector
from symdl.models.drawing import drawing
from symdl.models.recipe import Supervised
from symdl.ops import random
from symdl.ops.divergences import kl_normal
from symdl.ops.elementwise import exp, hadamard, square, swish
from symdl.ops.reductions import sum as total
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

CODE, HIDDEN, BATCH, EPOCHS = 10, 128, 32, 300
DRAWS = 20  # of z for each sample, where the bound is reported


def autoencoder(p: int, m: int = CODE, hidden: int = HIDDEN) -> Model:
    """Return the model q_φ(z|x) = N(μ_φ(x), diag ς²_φ(x)), p_θ(x|z) = N(f_θ(z), σ² I) with one hidden layer each.

    The cost of one sample is C = ‖x − x̂‖²/2σ² + (p/2) log 2πσ² + D_KL(q_φ(z|x) ‖ N(0, I)), where x̂ = f_θ(z) with
    z = μ + ς ⊙ ε, and ε is drawn anew in each step. The output x* = f_θ(z*) is made of z* drawn from N(0, I).
    """
    x = vector("x", p)
    V1, c1 = matrix("V1", hidden, p, latex="V_1"), vector("c1", hidden, latex="c_1")
    V2, c2 = matrix("V2", m, hidden, latex=r"V_{\mu}"), vector("c2", m, latex=r"c_{\mu}")
    V3, c3 = matrix("V3", m, hidden, latex=r"V_{\varsigma}"), vector("c3", m, latex=r"c_{\varsigma}")
    tau = scalar("tau", latex=r"\log\sigma^2")
    a = named("a", swish(V1 @ x + c1))
    mu = named("mu", V2 @ a + c2)
    s = named("s", V3 @ a + c3, latex=r"\log\varsigma^2")
    epsilon = named("epsilon", random.normal(m, stream="epsilon"))
    z = named("z", mu + hadamard(exp(s / 2), epsilon))
    x_hat, theta = decoder(z, p, hidden)
    rest = sympy.Rational(p, 2) * (sympy.log(2 * sympy.pi) + tau) + kl_normal(mu, exp(s))
    return Model(
        loss=total(square(x - x_hat)) / (2 * exp(tau)) + rest,
        parameters=[V1, c1, V2, c2, V3, c3, *theta, tau],
        inputs=[x],
        outputs={"x_star": decoder(random.normal(m, stream="prior"), p, hidden)[0]},
    )


def decoder(z: Any, p: int, hidden: int = HIDDEN) -> tuple[Any, list[Any]]:
    """Return f_θ(z), and θ."""
    W1, b1 = matrix("W1", hidden, z.shape[0], latex="W_1"), vector("b1", hidden, latex="b_1")
    W2, b2 = matrix("W2", p, hidden, latex="W_2"), vector("b2", p, latex="b_2")
    h = named("h", swish(W1 @ z + b1))
    return named("x_hat", W2 @ h + b2, latex=r"\hat{x}"), [W1, b1, W2, b2]


def bound(model: Model, division: Split) -> float:
    """Return the mean lower bound on log p(x) over the test samples, in nats, with ``DRAWS`` draws of z for each."""
    return -float(np.mean([model.evaluate({"x": division.test.x}, seed=seed)["loss"] for seed in range(DRAWS)]))


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(5e-3, steps), weight_decay=0.1)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="vae",
    title="variational autoencoder with 10 latent dimensions on handwritten digits",
    section="8.1",
    build=lambda division: autoencoder(division.train.x.shape[1]),
    splits=lambda: (split(digits(), 0.2),),
    arrays=lambda data: {"x": data.x},
    settings=settings,
    metric="bound",
    reference=17.452,
    tolerance=0.0,
    source="what a linear one can reach on the data it is trained on: 17.452 nats; on the test samples: 16.63",
    figure=bound,
    report=lambda model: drawing(model.predict(samples=16)["x_star"]),
)
