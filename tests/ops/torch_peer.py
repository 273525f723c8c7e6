"""PyTorch as a peer: values, gradients and products with the Hessian, in double precision."""

import zlib

import numpy as np
import pytest

import symdl as sd
from tests.structures.checks import compiled, inputs

torch = pytest.importorskip("torch")
EXACT = 1e-10


def agree(found, expected, what):
    """Assert that two arrays differ by at most 1e-10 of the largest entry, or of 1."""
    expected = expected.detach().numpy()
    assert found.shape == expected.shape, (what, found.shape, expected.shape)
    bound = EXACT * max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    assert np.all(np.abs(found - expected) <= bound), (what, found, expected)


def compare(value, other, names, given=None):
    """Compare a tensor or scalar, the gradient of the sum of its sines and the Hessian's product with a direction.

    All three are compiled for NumPy, the first two also for the processor.

    Args:
        value: The expression; its loss is Σ sin(value).
        other: A function of torch tensors, by the names of the inputs, with the same value.
        names: The variables, by all of which the loss is derived together.
        given: Arrays of inputs that are not to be random: integers, above all.
    """
    arrays = {name: np.asarray(array) for name, array in (inputs(value) | (given or {})).items()}
    symbols = {symbol.name: symbol for symbol in value.free_symbols}
    rng = np.random.default_rng(5)
    directions = {name: rng.standard_normal(arrays[name].shape) for name in names}
    tensors = {name: torch.tensor(array, requires_grad=name in names) for name, array in arrays.items()}
    expected = other(**tensors)
    variables = [tensors[name] for name in names]
    slopes = torch.autograd.grad(torch.sin(expected).sum(), variables, create_graph=True)
    along = sum((slope * torch.tensor(directions[name])).sum() for name, slope in zip(names, slopes, strict=True))
    products = torch.autograd.grad(along, variables)
    loss = sd.sum(sd.sin(value)) if getattr(value, "shape", ()) else sd.sin(value)
    chosen = [symbols[name] for name in names]
    vectors = [sd.tensor(f"v_{symbol.name}", symbol.shape) if symbol.shape else sd.scalar(f"v_{symbol.name}")
               for symbol in chosen]  # fmt: skip
    gradients = sd.grad(loss, chosen)
    arrays |= {f"v_{name}": direction for name, direction in directions.items()}
    truths = [expected, *slopes, *products]
    labels = ["value", *(f"gradient, {name}" for name in names), *(f"product, {name}" for name in names)]
    for target, values in (
        ("numpy", [value, *gradients, *sd.hvp(loss, chosen, vectors)]),
        ("cpu", [value, *gradients]),
    ):
        for label, found, truth in zip(labels, compiled(values, arrays, target=target), truths, strict=False):
            agree(found, truth, f"{label}, {target}")


def reseed(rng, request):
    """Let random numbers depend on the test alone, not on which tests ran before it."""
    rng.bit_generator.state = np.random.default_rng(zlib.crc32(request.node.name.encode())).bit_generator.state


def random_sizes(rng, *ranges):
    """Return a random integer from each range, both ends included."""
    return [int(rng.integers(low, high + 1)) for low, high in ranges]
