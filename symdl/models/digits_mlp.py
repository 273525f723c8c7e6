"""A fully connected network of any depth and activation, book §5.1 (Model III), on handwritten digits."""

from collections.abc import Sequence
from typing import Any

from symdl.data import Split, digits, split
from symdl.errors import InputError
from symdl.expr.declare import named, vector
from symdl.init import he_normal
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.blocks import Weights, affine
from symdl.models.recipe import Supervised
from symdl.ops import elementwise
from symdl.ops.softmax import softmax
from symdl.optimizers.adamw import AdamW
from symdl.optimizers.schedules import Cosine
from symdl.train import Model

BATCH, EPOCHS = 32, 60  # the settings come from cross validation on the training samples alone


def network(widths: Sequence[Any], activation: str = "relu") -> Model:
    """Return the network z^[ℓ] = W^[ℓ] a^[ℓ-1] + b^[ℓ], a^[ℓ] = σ(z^[ℓ]), ŷ = softmax(z^[L]) with cross entropy.

    Args:
        widths: The widths N_0 = p, N_1, ..., N_L = q of the layers.
        activation: An element-wise function of symdl for the hidden layers.

    Raises:
        InputError: for fewer than two widths or an unknown activation.
    """
    if len(widths) < 2:
        raise InputError(f"widths: expected at least those of the input and the output, found {list(widths)}")
    if activation not in dir(elementwise):
        raise InputError(f"unknown activation {activation!r}; expected an element-wise function such as relu or tanh")
    function = getattr(elementwise, activation)
    x, y = vector("x", widths[0]), vector("y", widths[-1], one_hot=True)
    a: Any = x
    weights, init = Weights(), he_normal() if activation == "relu" else None
    for layer, width in enumerate(widths[1:-1], 1):
        a = named(f"a{layer}", function(affine(a, width, weights, str(layer), init)), latex=f"a^{{[{layer}]}}")
    y_hat = named("y_hat", softmax(affine(a, widths[-1], weights, str(len(widths) - 1))), latex=r"\hat{y}")
    return Model(
        loss=cross_entropy(y, y_hat),
        parameters=weights.declared,
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=weights.init,
    )


def build(division: Split) -> Model:
    """Return the network with one hidden layer of 256 rectified linear units."""
    return network([division.train.x.shape[1], 256, len(division.train.classes)], "relu")


def settings(division: Split) -> dict[str, Any]:
    """Return how to train; the learning rate reaches 0 in the last step."""
    steps = EPOCHS * -(-len(division.train) // BATCH)
    optimizer = AdamW(alpha=Cosine(2e-3, steps), weight_decay=0.1)
    return {"optimizer": optimizer, "epochs": EPOCHS, "batch_size": BATCH, "dtype": "float32"}


RECIPE = Supervised(
    name="digits-mlp",
    title="multi-layer perceptron on handwritten digits",
    section="5.1",
    build=build,
    splits=lambda: (split(digits(), 0.2),),
    arrays=lambda data: {"x": data.x, "y": data.y},
    settings=settings,
    metric="accuracy",
    reference=0.965,
    tolerance=0.0,
    source="scikit-learn's MLPClassifier: 0.969 to 0.975",
)
