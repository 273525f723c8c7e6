"""The library of models: each is declared in the book's notation, prints, and reaches its reference figure."""

from dataclasses import replace

import numpy as np
import pytest

import symdl as sd
from symdl.models import RECIPES, find
from symdl.models.digits_mlp import network
from tests.katex import katex_error

NAMES = ["digits-autoencoder", "digits-mlp", "digits-softmax", "linear", "logistic", "ridge", "softmax"]


def test_the_library():
    assert sorted(RECIPES) == NAMES
    with pytest.raises(sd.errors.InputError, match="unknown model 'mlp'; expected one of digits-autoencoder"):
        find("mlp")


@pytest.mark.parametrize("name", NAMES)
def test_declaration(name):
    recipe = find(name)
    division = recipe.splits()[0]
    model = recipe.build(division)
    text = model._repr_latex_().strip("$")
    assert katex_error(text) is None
    assert r"\hat{" in text
    arrays = recipe.arrays(division.test)
    assert set(arrays) == {symbol.name for symbol in model.declared.data}
    outputs = model.predict({"x": division.test.x[:3]}, target="numpy")
    assert all(len(array) == 3 for array in outputs.values())
    assert recipe.title
    assert recipe.section


@pytest.mark.parametrize("name", NAMES)
def test_a_few_epochs_lower_the_cost(name):
    recipe = find(name)
    division = recipe.splits()[0]
    outcome = recipe.train_on(division, epochs=3, target="numpy")
    assert outcome.history.loss[-1] < outcome.history.loss[0]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "digits-mlp"])
@pytest.mark.slow
def test_reference_figure(name):
    recipe = find(name)
    outcome = recipe.train()
    assert recipe.reached(outcome.figure), (outcome.figure, recipe.reference)


def test_the_network_reads_digits():
    outcome = find("digits-mlp").train()
    assert outcome.figure >= 0.965
    assert sum(outcome.history.seconds) < 60


@pytest.mark.slow
def test_the_network_reads_digits_whatever_the_seed():
    """No seed and no epoch is chosen on the test set: the median of five."""
    assert np.median([find("digits-mlp").train(seed).figure for seed in range(5)]) >= 0.967


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "digits-softmax"])
def test_convex_models_reach_their_optimum(name):
    """The probabilities are those of scikit-learn's solver, run to the end on the same cost."""
    linear_model = pytest.importorskip("sklearn.linear_model")
    recipe = find(name)
    division = recipe.splits()[0]
    outcome = recipe.train_on(division)
    peer = linear_model.LogisticRegression(C=1.0, max_iter=100_000, tol=1e-12)
    expected = peer.fit(division.train.x, division.train.y).predict_proba(division.test.x)
    found = outcome.model.predict({"x": division.test.x})["y_hat"]
    np.testing.assert_allclose(found, expected if found.ndim == 2 else expected[:, 1], atol=1e-5)


@pytest.mark.slow
def test_softmax_regression_of_digits():
    assert round(find("digits-softmax").train().figure * 360) >= 348


@pytest.mark.slow
def test_likelihood_of_the_iris_model():
    outcome = find("softmax").train()
    assert round(outcome.history.loss[-1], 4) <= 0.0397


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid", "softplus"])
def test_networks_of_any_depth_and_activation(activation):
    model = network([5, 4, 4, 3], activation)
    random = np.random.default_rng(0)
    data = {"x": random.normal(size=(30, 5)), "y": random.integers(0, 3, 30)}
    history = sd.fit(model, data, epochs=20, optimizer=sd.optimizers.Adam(alpha=0.02), target="numpy")
    assert history.loss[-1] < history.loss[0]
    assert len(model.values) == 6
    assert "z^{[3]}" in model._repr_latex_()


def test_networks_that_cannot_be():
    with pytest.raises(sd.errors.InputError, match=r"widths: expected at least those of the input and the output"):
        network([3])
    with pytest.raises(sd.errors.InputError, match="unknown activation 'spike'"):
        network([3, 2], "spike")


@pytest.mark.parametrize(("name", "epochs", "alpha"), [("digits-mlp", 60, 2e-3), ("digits-autoencoder", 300, 3e-3)])
def test_the_learning_rate_falls_over_the_whole_training(name, epochs, alpha):
    recipe = find(name)
    division = recipe.splits()[0]
    steps = epochs * -(-len(division.train) // 32)
    assert recipe.training["optimizer"].alpha == sd.optimizers.schedules.Cosine(alpha, steps)
    half = replace(division, train=division.train.take(slice(None, None, 2)))
    assert recipe.settings(half)["optimizer"].alpha.steps == epochs * -(-len(half.train) // 32) < steps


def test_figures_are_compared_up_to_the_tolerance():
    recipe = find("linear")
    assert recipe.reached(0.517748)
    assert not recipe.reached(0.51773)
    assert find("digits-autoencoder").reached(0.01990)
    assert not find("digits-autoencoder").reached(0.0200)
    exact = replace(recipe, reference=0.5, tolerance=0.0)
    assert exact.reached(0.5)
    assert not exact.reached(0.4999)
    assert replace(recipe, reference=1e-7, tolerance=5e-9, metric="mse").reached(1.04e-7)
    assert not replace(recipe, reference=1e-7, tolerance=5e-9, metric="mse").reached(1.06e-7)
