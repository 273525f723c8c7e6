"""The linear variational autoencoder, book §8.1: its best bound is the likelihood of probabilistic components."""

from typing import Any

import sympy

from symdl.data import Split, digits
from symdl.expr.declare import matrix, named, scalar, vector
from symdl.models.recipe import Supervised
from symdl.ops import random
from symdl.ops.divergences import kl_normal
from symdl.ops.elementwise import exp, hadamard, square
from symdl.ops.reductions import sum as total
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

CODE, BATCH, EPOCHS = 10, 32, 500


def autoencoder(p: int, m: int = CODE) -> Model:
    """Return the model q(z|x) = N(μ, diag ς²) with μ = V x + d, and p(x|z) = N(W z + b, σ² I).

    The cost of one sample is C = ‖x − x̂‖²/2σ² + (p/2) log 2πσ² + D_KL(q(z|x) ‖ N(0, I)) with x̂ = W z + b and
    z = μ + ς ⊙ ε, where ε is drawn anew in each step. The variances are parameters by their logarithms. The output
    ``bound`` is the lower bound on log p(x), in nats, with the expectation over z taken exactly: it is not trained.
    """
    x = vector("x", p)
    V, d, s = matrix("V", m, p), vector("d", m), vector("s", m, latex=r"\log\varsigma^2")
    W, b, tau = matrix("W", p, m), vector("b", p), scalar("tau", latex=r"\log\sigma^2")
    mu = named("mu", V @ x + d)
    epsilon = named("epsilon", random.normal(m, stream="epsilon"))
    z = named("z", mu + hadamard(exp(s / 2), epsilon))
    x_hat = named("x_hat", W @ z + b, latex=r"\hat{x}")
    rest = sympy.Rational(p, 2) * (sympy.log(2 * sympy.pi) + tau) + kl_normal(mu, exp(s))
    spread = total(hadamard(exp(s), total(square(W), axis=0)))  # E ‖W z − W μ‖²
    expected = (total(square(x - W @ mu - b)) + spread) / (2 * exp(tau)) + rest
    return Model(
        loss=total(square(x - x_hat)) / (2 * exp(tau)) + rest,
        parameters=[V, d, s, W, b, tau],
        inputs=[x],
        outputs={"mu": mu, "bound": -expected},
    )


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    return {"optimizer": Adam(alpha=Cosine(2e-2, steps)), "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


def every_digit() -> tuple[Split, ...]:
    """Return all samples to train on, and the same ones to be judged by."""
    data = digits()
    return (Split(data, data),)


RECIPE = Supervised(
    name="linear-vae",
    title="linear variational autoencoder with 10 latent dimensions on handwritten digits",
    section="8.1",
    build=lambda division: autoencoder(division.train.x.shape[1]),
    splits=every_digit,
    arrays=lambda data: {"x": data.x},
    settings=settings,
    metric="bound",
    reference=17.452,
    tolerance=0.17,
    source="log-likelihood of probabilistic principal components, the best there is: 17.452 nats",
    figure=lambda model, division: model.predict({"x": division.test.x}, dtype="float64")["bound"].mean(),
)
