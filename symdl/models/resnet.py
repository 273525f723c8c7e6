"""A residual network with batch normalisation on handwritten digits. Book §6.5."""

from collections.abc import Sequence
from typing import Any

from symdl.data import Split, digits, split
from symdl.data.mnist import images
from symdl.errors import InputError
from symdl.expr.declare import named, tensor, vector
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.blocks import Weights, normalised_convolution, residual_block
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import relu
from symdl.ops.reductions import mean
from symdl.ops.softmax import softmax
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

BATCH, EPOCHS = 32, 20  # the settings come from a division of the training samples alone


def resnet(side: int = 8, classes: int = 10, filters: Sequence[int] = (16, 32)) -> Model:
    """Return a residual network: a convolution, residual blocks, and a linear layer; He et al. (2016).

    a^[0] = σ(BN(W^[0] ⋆ x)); a^[ℓ] = σ(u + r(u)) with u = a^[ℓ-1], projected where the shapes differ; and
    ŷ = softmax(W m + b) with m the means of a^[L] over height and width. Each block but the first halves both.

    Args:
        side: Height and width of the images.
        classes: K.
        filters: The number of filters of each block; the first one's is that of a^[0] as well.
    """
    if not filters:
        raise InputError("resnet: filters must hold the number of filters of at least one block")
    x, y = tensor("x", (1, side, side)), vector("y", classes, one_hot=True)
    weights = Weights()
    a: Any = relu(normalised_convolution(x, filters[0], 3, weights, "0"))
    a = named("a0", a, latex="a^{[0]}")
    for layer, count in enumerate(filters, 1):
        a = residual_block(a, count, weights, str(layer), stride=1 if layer == 1 else 2)
    a = named("m", mean(a, (1, 2)), latex="m")
    W, b = weights.declare("W", (classes, a.shape[0]), "W"), weights.declare("b", (classes,), "b")
    y_hat = named("y_hat", softmax(W @ a + b), latex=r"\hat{y}")
    return Model(
        loss=cross_entropy(y, y_hat),
        parameters=weights.declared,
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=weights.init,
    )


def build(division: Split) -> Model:
    """Return the network with two blocks for a division of the digits."""
    return resnet(int(division.train.x.shape[1] ** 0.5), len(division.train.classes))


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(5e-3, steps), weight_decay=1.0)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="resnet",
    title="residual network with batch normalisation on handwritten digits",
    section="6.5",
    build=build,
    splits=lambda: (split(digits(), 0.2),),
    arrays=lambda data: {"x": images(data), "y": data.y},
    settings=settings,
    metric="accuracy",
    reference=0.98,
    tolerance=0.0,
    source="small convolutional networks on these digits: 0.98 to 0.99",
)
