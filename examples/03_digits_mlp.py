"""A network that reads handwritten digits: its equations, its backpropagation, its training."""

import symdl as sd
from symdl.data import digits, split

# One sample, layer by layer, as the book writes it. Names given here are the names of the derivation.
x, y = sd.vector("x", 64), sd.vector("y", 10, one_hot=True)
W1, b1 = sd.matrix("W1", 128, 64, latex="W^{[1]}"), sd.vector("b1", 128, latex="b^{[1]}")
W2, b2 = sd.matrix("W2", 10, 128, latex="W^{[2]}"), sd.vector("b2", 10, latex="b^{[2]}")

z1 = sd.named("z1", W1 @ x + b1, latex="z^{[1]}")
a1 = sd.named("a1", sd.tanh(z1), latex="a^{[1]}")
z2 = sd.named("z2", W2 @ a1 + b2, latex="z^{[2]}")
y_hat = sd.named("y_hat", sd.softmax(z2), latex=r"\hat{y}")
cost = sd.losses.cross_entropy(y, y_hat)

print("Backpropagation:\n")
print(sd.derivation(cost, [W1, b1, W2, b2]))

model = sd.Model(loss=cost, parameters=[W1, b1, W2, b2], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
data = split(digits(), test=0.2)
samples, held_out = ({"x": part.x, "y": part.y} for part in (data.train, data.test))

optimizer = sd.optimizers.Adam(alpha=2e-3)
history = sd.fit(model, samples, optimizer=optimizer, epochs=30, batch_size=32, validation=0.1, metrics=["accuracy"])
print(f"\n{history}")
print(f"{sum(history.seconds):.2f} s for {history.epochs} epochs")

accuracy = model.evaluate(held_out, ["accuracy"])["accuracy"]
print(f"test accuracy {accuracy:.3f}")

assert accuracy > 0.95
