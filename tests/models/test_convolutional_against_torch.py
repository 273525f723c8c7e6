"""Convolutional networks beside the same ones in PyTorch: equal weights, the loss of each of 50 steps. Needs torch."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import digits
from symdl.data.mnist import images, mnist
from symdl.models.lenet import lenet
from symdl.models.resnet import resnet

torch = pytest.importorskip("torch")
F = torch.nn.functional
pytestmark = pytest.mark.slow
SAMPLES, STEPS, RATE = 192, 50, 1e-3


def side_by_side(model, data, network, dtype, rtol):
    """Train both by Adam on one batch; at 0 the derivative of ReLU differs between them, which does not matter here.

    Parameters that start as 0 get other values, since they would let a ReLU see an exact 0.
    """
    model.initialise(1)
    random = np.random.default_rng(0)
    model.set_values(
        {key: random.uniform(0.1, 0.5, value.shape) for key, value in model.values.items() if not value.any()}
    )
    kind = {"float32": torch.float32, "float64": torch.float64}[dtype]
    at = {key: torch.tensor(np.array(value), dtype=kind, requires_grad=True) for key, value in model.values.items()}
    rows = random.permutation(len(data))[:SAMPLES]
    pixels, labels = images(data)[rows], data.y[rows]
    x, y = torch.tensor(pixels, dtype=kind), torch.tensor(labels)
    player, losses = torch.optim.Adam(at.values(), RATE), []
    for _ in range(STEPS):
        player.zero_grad()
        loss = F.cross_entropy(network(at, x), y)
        loss.backward()
        player.step()
        losses.append(loss.item())
    options = {"epochs": STEPS, "batch_size": SAMPLES, "shuffle": False, "dtype": dtype, "progress": False}
    history = sd.fit(model, {"x": pixels, "y": labels}, optimizer=sd.optimizers.Adam(alpha=RATE), **options)
    assert losses[-1] < losses[0] / 2
    np.testing.assert_allclose(history.loss, losses, rtol=rtol)


def lenet_in_torch(at, x):
    for layer, padding in ((1, 2), (2, 0)):
        x = F.max_pool2d(F.relu(F.conv2d(x, at[f"W{layer}"], at[f"b{layer}"], padding=padding)), 2)
    x = x.flatten(1)
    for layer in (3, 4):
        x = F.relu(x @ at[f"W{layer}"].T + at[f"b{layer}"])
    return x @ at["W5"].T + at["b5"]


def resnet_in_torch(at, x):
    def layer(x, name, stride=1):
        kernel = at[f"W{name}"]
        z = F.conv2d(x, kernel, None, stride, kernel.shape[-1] // 2)
        return F.batch_norm(z, None, None, at[f"gamma{name}"], at[f"beta{name}"], training=True)

    a = F.relu(layer(x, "0"))
    a = F.relu(a + layer(F.relu(layer(a, "1.1")), "1.2"))
    a = F.relu(layer(a, "2.p", 2) + layer(F.relu(layer(a, "2.1", 2)), "2.2"))
    return a.mean((2, 3)) @ at["W"].T + at["b"]


def test_lenet():
    side_by_side(lenet(), mnist(), lenet_in_torch, "float32", 1e-4)


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-4), ("float64", 1e-8)])
def test_resnet(dtype, rtol):
    side_by_side(resnet(), digits(), resnet_in_torch, dtype, rtol)
