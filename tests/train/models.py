"""Small models and data for the tests of training."""

import numpy as np

import symdl as sd

P, H, K = 3, 4, 3


def classifier(**options):
    """A network with one hidden layer and the softmax of book §5.1; x (3,), y one-hot (3,)."""
    x, y = sd.vector("x", P), sd.vector("y", K, one_hot=True)
    W1, b1 = sd.matrix("W1", H, P), sd.vector("b1", H)
    W2, b2 = sd.matrix("W2", K, H), sd.vector("b2", K)
    z1 = sd.named("z1", W1 @ x + b1, latex="z^{[1]}")
    a1 = sd.named("a1", sd.tanh(z1), latex="a^{[1]}")
    z2 = sd.named("z2", W2 @ a1 + b2, latex="z^{[2]}")
    y_hat = sd.named("y_hat", sd.softmax(z2), latex=r"\hat{y}")
    loss = sd.losses.cross_entropy(y, y_hat)
    return sd.Model(
        loss=loss, parameters=[W1, b1, W2, b2], inputs=[x], targets=[y], outputs={"y_hat": y_hat}, **options
    )


def labelled(n=50, seed=0):
    """Three clouds of points and their labels."""
    random = np.random.default_rng(seed)
    y = random.integers(0, K, n)
    return {"x": random.normal(size=(n, P)) + 2 * np.eye(K)[y], "y": y}


def regression(penalty=0.0, **options):
    """Linear regression with a ridge penalty: (ŷ − y)² + λ‖w‖²."""
    x, y, w, b = sd.vector("x", P), sd.scalar("y"), sd.vector("w", P), sd.scalar("b")
    y_hat = sd.named("y_hat", w @ x + b)
    loss = (y_hat - y) ** 2 + penalty * sd.sum(sd.square(w))
    return sd.Model(loss=loss, parameters=[w, b], inputs=[x], targets=[y], outputs={"y_hat": y_hat}, **options)


def line(n=40, seed=0, noise=0.1):
    """Points near a plane."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, P))
    return {"x": x, "y": x @ [1.0, -2.0, 0.5] + 0.7 + noise * random.normal(size=n)}


def cost_and_gradient(w, b, x, y, penalty=0.0, weights=None):
    """The cost of ``regression`` on a batch and its gradient, by hand."""
    weights = np.ones(len(x)) if weights is None else weights
    r = x @ w + b - y
    cost = np.mean(weights * r**2) + penalty * w @ w
    return cost, 2 * x.T @ (weights * r) / len(x) + 2 * penalty * w, 2 * np.mean(weights * r)
