"""A fully connected network of any depth and activation, book §5.1 (Model III), on handwritten digits."""

from collections.abc import Sequence
from typing import Any

from symdl.data import Split, digits, split
from symdl.errors import InputError
from symdl.expr.declare import matrix, named, vector
from symdl.init import he_normal
from symdl.losses.cross_entropy import cross_entropy
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
    a, depth, parameters, init = x, len(widths) - 1, [], {}
    for layer in range(1, depth + 1):
        level = f"^{{[{layer}]}}"
        W = matrix(f"W{layer}", widths[layer], widths[layer - 1], latex=f"W{level}")
        b = vector(f"b{layer}", widths[layer], latex=f"b{level}")
        z = named(f"z{layer}", W @ a + b, latex=f"z{level}")
        a = named(f"a{layer}", function(z), latex=f"a{level}") if layer < depth else z
        parameters += [W, b]
        if activation == "relu" and layer < depth:
            init[W] = he_normal()
    y_hat = named("y_hat", softmax(a), latex=r"\hat{y}")
    return Model(
        loss=cross_entropy(y, y_hat),
        parameters=parameters,
        inputs=[x],
        targets=[y],
        outputs={"y_hat": y_hat},
        init=init,
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
