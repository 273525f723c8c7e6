"""LeNet-5, a convolutional network for small grey images, on handwritten digits. Book chapter 6."""

from collections.abc import Sequence
from typing import Any

from symdl.data import Split, split
from symdl.data.mnist import images, mnist
from symdl.expr.declare import named, tensor, vector
from symdl.init import he_normal
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.blocks import Weights, affine, per_channel
from symdl.models.recipe import Supervised
from symdl.ops.convolution import conv2d
from symdl.ops.elementwise import relu
from symdl.ops.pooling import max_pool
from symdl.ops.rearrange import reshape
from symdl.ops.softmax import softmax
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

BATCH, EPOCHS = 32, 20  # the settings come from a division of the training samples alone


def lenet(
    side: int = 28, classes: int = 10, filters: Sequence[int] = (6, 16), widths: Sequence[int] = (120, 84)
) -> Model:
    """Return LeNet-5: two convolutional layers with pooling, then a fully connected network; LeCun et al. (1998).

    a^[ℓ] = maxpool(σ(W^[ℓ] ⋆ a^[ℓ-1] + b^[ℓ])) for ℓ = 1, 2, with cross-correlation as ⋆, windows of 5×5, and a padding
    of 2 in the first layer; a^[ℓ] = σ(W^[ℓ] a^[ℓ-1] + b^[ℓ]) after that, and ŷ = softmax(z^[5]). σ is the ReLU.

    Args:
        side: Height and width of the images, a multiple of 4, at least 12.
        classes: K.
        filters: The numbers of filters of the convolutional layers.
        widths: The widths of the fully connected ones, save for the last.
    """
    x, y = tensor("x", (1, side, side)), vector("y", classes, one_hot=True)
    a: Any = x
    weights = Weights()
    for layer, count in enumerate(filters, 1):
        level = f"^{{[{layer}]}}"
        W = weights.declare(f"W{layer}", (count, a.shape[0], 5, 5), f"W{level}", he_normal())
        b = weights.declare(f"b{layer}", (count,), f"b{level}")
        z = conv2d(a, W, padding=2 if layer == 1 else 0)
        z = named(f"z{layer}", z + per_channel(b, z), latex=f"z{level}")
        a = named(f"a{layer}", max_pool(relu(z), 2), latex=f"a{level}")
    a = reshape(a, -1)
    for layer, width in enumerate(widths, len(filters) + 1):
        z = affine(a, width, weights, str(layer), he_normal())
        a = named(f"a{layer}", relu(z), latex=f"a^{{[{layer}]}}")
    last = affine(a, classes, weights, str(len(filters) + len(widths) + 1), he_normal())
    y_hat = named("y_hat", softmax(last), latex=r"\hat{y}")
    return Model(
        loss=cross_entropy(y, y_hat),
        parameters=weights.declared,
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=weights.init,
    )


def build(division: Split) -> Model:
    """Return LeNet-5 for a division of the digits."""
    return lenet(int(division.train.x.shape[1] ** 0.5), len(division.train.classes))


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(2e-3, steps), weight_decay=0.5)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="lenet",
    title="LeNet-5 on handwritten digits",
    section="6.4",
    build=build,
    splits=lambda: (split(mnist(), 0.2),),
    arrays=lambda data: {"x": images(data), "y": data.y},
    settings=settings,
    metric="accuracy",
    reference=0.96,
    tolerance=0.0,
    source="the book's course notebook: 0.9628 with 5000 samples",
)
