"""Optimizers are equations too: they print like the model does, and are compiled into the same kernels."""

import symdl as sd
from symdl.data import diabetes, standardise
from symdl.data.dataset import Split
from symdl.derivation import plain_rows

data = diabetes()
samples = standardise(Split(data, data)).train
x, w, b, y = sd.vector("x", 10), sd.vector("w", 10), sd.scalar("b"), sd.scalar("y")
y_hat = sd.named("y_hat", w @ x + b, latex=r"\hat{y}")

optimizers = {
    "gradient descent": sd.optimizers.GradientDescent(alpha=0.1),
    "momentum": sd.optimizers.Momentum(alpha=0.5, beta=0.9),
    "Nesterov": sd.optimizers.Nesterov(alpha=0.5, beta=0.9),
    "Adam": sd.optimizers.Adam(alpha=5.0),
}
for name, optimizer in optimizers.items():
    print(f"{name}:")
    for row in plain_rows(optimizer.latex()):
        print("   ", row)

print("\nmean squared error on the diabetes data after 200 epochs (least squares: 2859.7):")
for name, optimizer in optimizers.items():
    model = sd.Model(loss=(y_hat - y) ** 2, parameters=[w, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
    history = sd.fit(model, {"x": samples.x, "y": samples.y}, optimizer=optimizer, epochs=200, dtype="float64")
    print(f"    {name:17} {history.loss[-1]:.1f}")
    assert history.loss[-1] < 2950
