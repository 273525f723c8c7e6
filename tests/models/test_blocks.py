"""Blocks of convolutional networks: sizes, numbers of weights, and what they compute. Catalogue 6.5."""

import numpy as np
import pytest

import symdl as sd
from symdl.expr.system import trace
from symdl.models.blocks import Weights, convolution, inception_block, residual_block
from symdl.models.lenet import lenet


def test_the_inception_module_of_the_book():
    weights = Weights()
    out = inception_block(sd.tensor("x", (192, 28, 28)), (64, (96, 128), (16, 32), 32), weights, "1")
    assert out.shape == (256, 28, 28)
    counts = [np.prod([int(size) for size in parameter.shape]) for parameter in weights.declared]
    assert sum(counts[0::2]) == 163_328
    assert sum(counts[1::2]) == 368


def test_a_residual_block_projects_where_shapes_differ():
    plain, projected = Weights(), Weights()
    u = sd.tensor("u", (4, 6, 6))
    assert residual_block(u, 4, plain, "1").shape == (4, 6, 6)
    assert residual_block(u, 8, projected, "1", stride=2).shape == (8, 3, 3)
    assert [symbol.name for symbol in projected.declared if symbol not in plain.declared][-3:] == [
        "W1.p",
        "gamma1.p",
        "beta1.p",
    ]
    starts = {symbol.name: start for symbol, start in plain.init.items()}
    assert starts["gamma1.2"] == 0
    assert starts["gamma1.1"] == 1


def test_even_windows_are_refused():
    with pytest.raises(sd.errors.InputError, match="convolution 1: the size must be odd"):
        convolution(sd.tensor("x", (1, 4, 4)), 2, 2, Weights(), "1")


def test_a_hidden_layer_as_wide_as_the_output_has_its_activation():
    model = lenet(12, 10, (2, 3), (10, 7))
    named = {equation.target.name for equation in trace([model.declared.loss]).equations if equation.named}
    assert named == {"z1", "a1", "z2", "a2", "z3", "a3", "z4", "a4", "z5", "y_hat"}
