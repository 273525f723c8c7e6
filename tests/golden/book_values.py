"""Arrays for the formulas of the book, by the names of their symbols."""

import numpy as np

import symdl as sd
from symdl.minimizers.method import N

n, p, k, m, K = sd.dims("n p k m K")
SIZES = {"n": 6, "p": 4, "k": 3, "m": 2, "K": 3, "T": 5, "N": 4}


def values():
    """Arrays by the names of the symbols; what two symbols are called alike, by its own name for NumPy's text."""
    rng = np.random.default_rng(5)
    draw = rng.standard_normal
    definite = [(lambda g: g @ g.T + np.eye(len(g)))(draw((size, size))) for size in (4, 3, 3, 3)]
    own = {
        "X": draw((6, 4)), "y": rng.integers(0, 2, 6) * 1.0, "theta": draw(4), "x": draw(4), "w": draw(4), "b": 0.3,
        "q": 0.7, "Y": np.eye(3)[rng.integers(0, 3, 6)], "W": draw((3, 4)), "z": draw(3), "W1": draw((2, 4)),
        "W2": draw((4, 2)), "u": draw(4), "v": draw(4), "a": draw(4), "r": draw(2), "d": draw(4), "alpha": 0.4,
        "A": draw((4, 4)), "B": draw((4, 4)), "M": draw((2, 4)), "D": draw((4, 4)), "p": rng.dirichlet(np.ones(3)),
        "sigma": rng.uniform(0.5, 2, 3), "mu": draw(3), "mu1": draw(3), "mu2": draw(3),
        "Sigma": definite[1], "Sigma1": definite[2], "Sigma2": definite[3], "e": draw(4), "rho": 0.2, "w1": 0.4,
        "w2": -1.3, "h": 0.2, "Delta": 0.8, "dw1": 0.2, "dw2": 0.6, "U": draw((5, 4)), "beta": 0.9, "g": draw(4),
        "H": definite[0],
        "optimizer.alpha": 0.4, "optimizer.beta": 0.9, "optimizer.gamma": 0.999, "optimizer.epsilon": 1e-3,
    }  # fmt: skip
    alike = {
        "y0": 1.0, "z0": 1.7, "y1": np.eye(3)[1], "bK": draw(3), "bm": draw(2), "bp": draw(4), "P": definite[0],
        "qk": rng.dirichlet(np.ones(3)), "xk": draw(3), "t": np.array([0.2, -0.3]), "t3": np.array([np.pi / 6, 2, 5]),
        "x0": -0.8, "mu0": 0.5, "u0": 0.6, "r4": draw(4), "xn": draw(6), "rn": draw(6), "lam": 0.3,
        "s4": draw(4), "y4": draw(4), "ak": draw(3), "Bk": definite[2],
        "rates": rng.uniform(0.1, 0.9, 2), "PK": rng.dirichlet(np.ones(9)).reshape(3, 3),
    }  # fmt: skip
    return own, alike


# Symbols that share a name with another one: (name, shape) -> the name of its value.
ALIKE = {
    ("y", ()): "y0", ("z", ()): "z0", ("y", (K,)): "y1", ("b", (K,)): "bK", ("b", (m,)): "bm", ("b", (p,)): "bp",
    ("q", (k,)): "qk", ("x", (k,)): "xk", ("theta", (2,)): "t", ("theta", (3,)): "t3", ("theta", ()): "z0",
    ("x", ()): "x0", ("mu", ()): "mu0", ("u", ()): "u0", ("r", (p,)): "r4", ("x", (n,)): "xn", ("r", (n,)): "rn",
    ("lambda", ()): "lam", ("a", (k,)): "ak", ("B", (k, k)): "Bk", ("P", (k, k)): "PK",
    ("s", (N,)): "s4", ("y", (N,)): "y4",
}  # fmt: skip
NUMPY = {
    "np": np, "inv": np.linalg.inv, "norm": np.linalg.norm, "logdet": lambda g: np.linalg.slogdet(g)[1],
    "sig": lambda g: 1 / (1 + np.exp(-g)), "soft": lambda g: np.exp(g) / np.exp(g).sum(),
    "rows": lambda g: np.exp(g) / np.exp(g).sum(1, keepdims=True),
    "f": lambda g: np.exp(g) / (1 + np.exp(g)) ** 2, "S": None, "lse": lambda g: np.log(np.exp(g).sum()), **SIZES,
}  # fmt: skip
