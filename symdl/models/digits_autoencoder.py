"""The shallow autoencoder, book §3.5: 10 tanh units and a linear output, on handwritten digits."""

from typing import Any

from symdl.data import Split, digits, split
from symdl.expr.declare import matrix, named, vector
from symdl.losses.squared import squared
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import tanh
from symdl.optimizers.adam import Adam
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

BATCH, EPOCHS, CODE = 32, 300, 10


def build(division: Split) -> Model:
    """Return x̃ = tanh(W^[1] x + b^[1]), x̂ = W^[2] x̃ + b^[2] with the cost ‖x − x̂‖²; there are no targets but x."""
    p = division.train.x.shape[1]
    x = vector("x", p)
    W1, b1 = matrix("W1", CODE, p, latex="W^{[1]}"), vector("b1", CODE, latex="b^{[1]}")
    W2, b2 = matrix("W2", p, CODE, latex="W^{[2]}"), vector("b2", p, latex="b^{[2]}")
    z1 = named("z1", W1 @ x + b1, latex="z^{[1]}")
    code = named("x_tilde", tanh(z1), latex=r"\tilde{x}")
    x_hat = named("x_hat", W2 @ code + b2, latex=r"\hat{x}")
    outputs = {"x_hat": x_hat, "x_tilde": code}
    return Model(loss=squared(x, x_hat), parameters=[W1, b1, W2, b2], inputs=[x], outputs=outputs)


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = Adam(alpha=Cosine(3e-3, steps))
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="digits-autoencoder",
    title="shallow autoencoder with 10 tanh units on handwritten digits",
    section="3.5",
    build=build,
    splits=lambda: (split(digits(), 0.2),),
    arrays=lambda data: {"x": data.x},
    settings=settings,
    metric="mse",
    reference=0.0199,
    tolerance=5e-5,
    source="principal components: 0.01977; scikit-learn's tanh-10 autoencoder: 0.0198",
)
