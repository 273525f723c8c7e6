"""Losses of training beside those of PyTorch from equal weights: attention, recurrences both ways, triplets, graphs."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import digits
from symdl.models import encoder_decoder, gat, gcn, gru_digits, siamese

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.slow
STEPS, RATE = 40, 1e-2


def side_by_side(model, data, cost, rtol=1e-8):
    """Train both by Adam in double precision on all samples at once; ``cost`` is that of PyTorch at some values.

    Parameters that start as 0 get other values, since they would let a ReLU see an exact 0, where the two differ.
    """
    random = np.random.default_rng(0)
    model.initialise(1)
    zeros = [name for name, value in model.values.items() if not value.any()]
    model.set_values({name: random.uniform(0.1, 0.3, model.values[name].shape) for name in zeros})
    at = {name: torch.tensor(np.array(value, np.float64), requires_grad=True) for name, value in model.values.items()}
    x = {name: torch.tensor(np.asarray(array)) for name, array in data.items()}
    player, losses = torch.optim.Adam(at.values(), RATE), []
    for _ in range(STEPS):
        player.zero_grad()
        loss = cost(at, x)
        loss.backward()
        player.step()
        losses.append(loss.item())
    options = {"epochs": STEPS, "dtype": "float64", "progress": False}
    history = sd.fit(model, data, optimizer=sd.optimizers.Adam(alpha=RATE), **options)
    assert losses[-1] < 0.8 * losses[0]
    np.testing.assert_allclose(history.loss, losses, rtol=rtol)


def run(step, x, size, reverse=False):
    """The states of all times of samples x (n, T, p), from zeros."""
    times = range(x.shape[1])
    state, states = torch.zeros(len(x), size, dtype=torch.float64), {}
    for t in reversed(times) if reverse else times:
        state = states[t] = step(x[:, t], state)
    return torch.stack([states[t] for t in times], 1)


SCORES = {
    "inner": lambda at, s, v: torch.einsum("nm,ntm->nt", s, v),
    "general": lambda at, s, v: torch.einsum("na,ab,ntb->nt", s, at["W_s"], v),
    "additive": lambda at, s, v: torch.tanh((s @ at["W_s_a"].T)[:, None] + v @ at["W_s_b"].T) @ at["w_s"],
}


@pytest.mark.parametrize("kind", encoder_decoder.SCORES)
def test_encoder_and_decoder_with_attention(kind):
    """Book (7.22) with the scores of 7.4-scores."""
    symbols, length, size = 5, 6, 8
    text = np.random.default_rng(3).integers(0, symbols, size=(24, length))
    before = np.concatenate([np.full((24, 1), symbols), text[:, :0:-1]], axis=1)
    data = {"x": text, "y": text[:, ::-1].copy(), "y_before": before}

    def cost(at, given):
        x = F.one_hot(given["x"], symbols).double()
        read = F.one_hot(given["y_before"], symbols + 1).double()

        def encode(mark):
            W, U, b = at[f"W_h{mark}_h"], at[f"W_h{mark}_x"], at[f"b_h{mark}"]
            return run(lambda x, h: torch.tanh(h @ W.T + x @ U.T + b), x, size // 2, mark == "r")

        v = torch.cat([encode("f"), encode("r")], 2)

        def decode(y, s):
            u = torch.einsum("nt,ntm->nm", torch.softmax(SCORES[kind](at, s, v), 1), v)
            return torch.tanh(s @ at["W_ss"].T + y @ at["W_sy"].T + u @ at["W_su"].T + at["b_s"])

        z = run(decode, read, size) @ at["W_ys"].T + at["b_y"]
        return F.cross_entropy(z.reshape(-1, symbols), given["y"].reshape(-1))

    side_by_side(encoder_decoder.translator(symbols, length, size, kind), data, cost)


def test_gated_recurrent_units_in_both_directions():
    """Book (7.14) and (7.18) on rows of digits."""
    size, rows = 10, digits().x[:48].reshape(48, 8, 8)

    def cost(at, given):
        def states(mark):
            def step(x, h):
                r, u = (torch.sigmoid(h @ at[f"W_{g}{mark}_h"].T + x @ at[f"W_{g}{mark}_x"].T + at[f"b_{g}{mark}"])
                        for g in "ru")  # fmt: skip
                c = f"tilde_h{mark}"
                new = torch.tanh((r * h) @ at[f"W_{c}_h"].T + x @ at[f"W_{c}_x"].T + at[f"b_{c}"])
                return (1 - u) * h + u * new

            return run(step, given["x"], size, mark == "r")

        h = torch.cat([states("f")[:, -1], states("r")[:, 0]], 1)
        return F.cross_entropy(h @ at["W_y"].T + at["b_y"], given["y"])

    model = gru_digits.sequence_classifier(8, 10, size, bidirectional=True)
    side_by_side(model, {"x": rows, "y": digits().y[:48]}, cost)


def test_siamese_network():
    """Three samples share the parameters: the triplet loss of 6.6 on points of the sphere."""

    def cost(at, given):
        def embedding(x):
            return F.normalize(F.relu(x @ at["W1"].T + at["b1"]) @ at["W2"].T + at["b2"])

        f, near, far = (embedding(given[name]) for name in ("x", "x_p", "x_n"))
        return F.relu(((f - near) ** 2).sum(1) - ((f - far) ** 2).sum(1) + 1).mean()

    data = siamese.triplets(digits().take(slice(0, 100)))
    side_by_side(siamese.siamese(64, 20, 6), data, cost)


def masked(z, given):
    """The mean cross entropy over the nodes whose class is known."""
    return (given["M"] * F.cross_entropy(z, given["Y"], reduction="none")).sum() / given["M"].sum()


def test_graph_convolution():
    def cost(at, given):
        joined = given["A"] + torch.eye(len(given["A"]))
        scale = joined.sum(1) ** -0.5
        A = scale[:, None] * joined * scale
        return masked(A @ torch.tanh(A @ given["X"] @ at["W1"]) @ at["W2"], given)

    side_by_side(*gcn.karate(), cost)


def test_graph_attention():
    def cost(at, given):
        v, u = given["v"], given["u"]

        def layer(H, k):
            Z = H @ at[f"W{k}"]
            weights = torch.exp(F.leaky_relu((Z @ at[f"a1_{k}"])[v] + (Z @ at[f"a2_{k}"])[u], 0.2))
            sums = torch.zeros(len(H)).double().index_add(0, v, weights)
            return torch.zeros_like(Z).index_add(0, v, (weights / sums[v])[:, None] * Z[u])

        return masked(layer(F.elu(layer(given["X"], 1)), 2), given)

    side_by_side(*gat.karate(), cost)
