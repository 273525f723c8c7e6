"""Ridge regression, book §2.5: the squared loss and λ‖w‖², on the diabetes data with standardised features."""

from sympy import Rational

from symdl.data import Split
from symdl.expr.declare import named, scalar, vector
from symdl.losses.squared import squared
from symdl.models import linear
from symdl.models.recipe import Supervised
from symdl.ops.elementwise import square
from symdl.ops.reductions import sum as total
from symdl.optimizers.lookahead import Lookahead
from symdl.train import Model

LAMBDA = Rational(1, 10)


def build(division: Split) -> Model:
    """Return the model for the number of features of the data; the intercept b has no penalty.

    λ is that of the book, C + λ‖w‖² with C a mean over the samples; scikit-learn's alpha is nλ.
    """
    p = division.train.x.shape[1]
    x, y = vector("x", p), scalar("y")
    w, b = vector("w", p), scalar("b")
    y_hat = named("y_hat", w @ x + b, latex=r"\hat{y}")
    loss = squared(y, y_hat) + LAMBDA * total(square(w))
    return Model(loss=loss, parameters=[w, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})


RECIPE = Supervised(
    name="ridge",
    title="ridge regression (λ = 0.1) on the diabetes data",
    section="2.5",
    build=build,
    splits=linear.splits,
    arrays=linear.RECIPE.arrays,
    settings={"optimizer": Lookahead(alpha=2.0, beta=0.95), "epochs": 5_000, "dtype": "float64"},
    metric="r2",
    reference=0.5126,
    tolerance=5e-5,
    source="closed form",
)
