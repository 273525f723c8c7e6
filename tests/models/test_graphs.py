"""Graph networks, catalogue 8.5: their gradients, message passing along edges, and what permutations do."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import karate_club
from symdl.derivation import derivation
from symdl.models import find, gat, gcn


@pytest.fixture(scope="module")
def club():
    return karate_club()


def normalised(adjacency):
    joined = adjacency + np.eye(len(adjacency))
    scale = joined.sum(axis=1) ** -0.5
    return scale[:, None] * joined * scale


@pytest.mark.parametrize("name", ["gcn", pytest.param("gat", marks=pytest.mark.slow)])
def test_the_sides_of_the_club_follow_from_the_leaders(name):
    recipe = find(name)
    outcome = recipe.train(target="numpy")
    assert recipe.reached(outcome.figure)
    assert outcome.figure >= 31 / 34
    assert outcome.report.startswith(f"{round(34 * outcome.figure)} of 34 members")


@pytest.mark.slow
def test_the_sides_of_the_club_whatever_the_seed():
    """The convolution has them from every start; attention in the median of five (one start has 29 of 34)."""
    assert min(find("gcn").train(seed).figure for seed in range(5)) >= 31 / 34
    assert np.median([find("gat").train(seed).figure for seed in range(5)]) >= 31 / 34


def test_gradients_of_the_convolution_are_those_of_the_catalogue(club):
    model, given = gcn.karate()
    W1, W2, X, M = model.values["W1"], model.values["W2"], given["X"], given["M"][:, None]
    A_hat, Y = normalised(club.adjacency), np.eye(2)[club.labels]
    Z1 = A_hat @ X @ W1
    H1 = np.tanh(Z1)
    powers = np.exp(A_hat @ H1 @ W2)
    delta2 = M * (powers / powers.sum(axis=1, keepdims=True) - Y) / M.sum()
    delta1 = (A_hat.T @ delta2 @ W2.T) * (1 - H1**2)
    gradients = sd.compile(list(model.gradients().values()), target="numpy")
    values = {**given, "Y": Y, "W1": W1, "W2": W2}
    for found, expected in zip(gradients(values), ((A_hat @ X).T @ delta1, (A_hat @ H1).T @ delta2), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-14)


def test_the_derivation_of_the_convolution_prints_the_formulas_of_the_catalogue():
    model = gcn.build(34, 2)
    text = [
        " ".join(line.split())
        for line in derivation(model.declared.loss, model.declared.parameters).text().splitlines()
    ]
    for step in (
        "Ã = I + A",
        "Â = diag(d̃) Ã diag(d̃)",
        "Z[1] = Â X W[1]",
        "Z̄[2] = 1/(𝟏ᵀ M) diag(M) (Ŷ − Y)",
        "H̄[1] = Âᵀ Z̄[2] W[2]ᵀ",
        "Z̄[1] = H̄[1] ⊙ (1 − (H[1])⊙²)",
        "∂C/∂W[1] = Xᵀ Âᵀ Z̄[1]",
        "∂C/∂W[2] = H[1]ᵀ Âᵀ Z̄[2]",
    ):
        assert any(step in line for line in text), step


def layer(features=3, width=2):
    H, W = sd.matrix("H", gat.nodes, features), sd.matrix("W", features, width)
    a1, a2 = sd.vector("a1", width), sd.vector("a2", width)
    return gat.attention(H, W, a1, a2, 1), (W, a1, a2, H)


def random_graph(count=7, seed=0):
    rng = np.random.default_rng(seed)
    adjacency = np.triu((rng.random((count, count)) < 0.4).astype(float), 1)
    adjacency += adjacency.T
    given = {"H": rng.normal(size=(count, 3)), "W": rng.normal(size=(3, 2)), "a1": rng.normal(size=2)}
    return adjacency, {**given, "a2": rng.normal(size=2)}


def edges_of(adjacency):
    v, u = np.nonzero(adjacency + np.eye(len(adjacency)))
    return {"v": v, "u": u}


def dense_attention(adjacency, H, W, a1, a2):
    """The same layer with matrices: α_vu over all pairs, 0 where there is no edge."""
    Z = H @ W
    pairs = (Z @ a1)[:, None] + (Z @ a2)[None]
    powers = np.exp(np.where(pairs > 0, pairs, pairs / 5)) * (adjacency + np.eye(len(H)))
    return powers / powers.sum(axis=1, keepdims=True), pairs, Z


def test_attention_along_edges_is_the_dense_form():
    output, _ = layer()
    adjacency, given = random_graph()
    found = sd.compile(output, target="numpy")({**given, **edges_of(adjacency)})
    alpha, _, Z = dense_attention(adjacency, **given)
    np.testing.assert_allclose(found, alpha @ Z, rtol=1e-13, atol=1e-14)


def test_gradients_of_attention_are_those_of_the_catalogue():
    output, variables = layer()
    adjacency, given = random_graph(seed=1)
    R = sd.matrix("R", gat.nodes, 2)
    received = np.random.default_rng(2).normal(size=(7, 2))
    gradients = sd.compile(list(sd.grad(sd.sum(sd.hadamard(R, output)), list(variables))), target="numpy")
    W, a1, a2, H = gradients({**given, **edges_of(adjacency), "R": received})
    alpha, pairs, Z = dense_attention(adjacency, **given)
    alpha_bar = received @ Z.T
    e_bar = alpha * (alpha_bar - (alpha * alpha_bar).sum(axis=1, keepdims=True))
    u_bar = e_bar * np.where(pairs > 0, 1, 0.2)
    np.testing.assert_allclose(a1, u_bar.sum(axis=1) @ Z, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(a2, u_bar.sum(axis=0) @ Z, rtol=1e-10, atol=1e-13)
    Z_bar = alpha.T @ received + np.outer(u_bar.sum(axis=1), given["a1"]) + np.outer(u_bar.sum(axis=0), given["a2"])
    np.testing.assert_allclose(W, given["H"].T @ Z_bar, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(H, Z_bar @ given["W"].T, rtol=1e-10, atol=1e-13)


def test_messages_along_edges_are_a_product_with_the_matrix():
    """Σ_u Â_vu h_u as gather, weight and segment sum; and the gradient of one form is that of the other."""
    n, m = sd.dims("n m")
    H, R, weight = sd.matrix("H", n, 3), sd.matrix("R", n, 3), sd.vector("c", m)
    v, u = sd.vector("v", m, integer=True), sd.vector("u", m, integer=True)
    passed = sd.segment_sum(sd.diag(weight) @ sd.take(H, u), v, n)
    function = sd.compile([passed, sd.grad(sd.sum(sd.hadamard(R, passed)), H)], target="numpy")
    adjacency, given = random_graph(seed=3)
    A_hat, ends = normalised(adjacency), edges_of(adjacency)
    received = np.random.default_rng(4).normal(size=(7, 3))
    forward, backward = function(H=given["H"], R=received, c=A_hat[ends["v"], ends["u"]], **ends)
    np.testing.assert_allclose(forward, A_hat @ given["H"], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(backward, A_hat.T @ received, rtol=1e-13, atol=1e-14)


def test_permuted_nodes_have_permuted_outputs():
    order = np.random.default_rng(5).permutation(34)
    model, given = gcn.karate()
    moved = model.predict({"A": given["A"][np.ix_(order, order)], "X": given["X"][order]}, target="numpy")["Y_hat"]
    still = model.predict({"A": given["A"], "X": given["X"]}, target="numpy")["Y_hat"]
    np.testing.assert_allclose(moved, still[order], rtol=1e-12)
    model, given = gat.karate()
    place = np.argsort(order)
    relabelled = {"X": given["X"][order], "v": place[given["v"]], "u": place[given["u"]]}
    moved = model.predict(relabelled, target="numpy")["Y_hat"]
    still = model.predict({name: given[name] for name in "Xvu"}, target="numpy")["Y_hat"]
    np.testing.assert_allclose(moved, still[order], rtol=1e-12)


def test_repeated_averaging_smooths_everything_out(club):
    """Catalogue 8.5-oversmooth: Âᵏ tends to the projection on √d̃, at the rate of the second eigenvalue."""
    n = sd.dims("n")
    A = sd.matrix("A", n, n)
    A_hat = sd.compile(gcn.normalised(A), target="numpy")(A=club.adjacency)
    np.testing.assert_allclose(A_hat, normalised(club.adjacency), rtol=1e-14)
    root = np.sqrt((club.adjacency + np.eye(34)).sum(axis=1))
    limit = np.outer(root, root) / (root @ root)
    rate = np.sort(np.abs(np.linalg.eigvalsh(A_hat)))[-2]
    assert np.linalg.norm(np.linalg.matrix_power(A_hat, 40) - limit, 2) == pytest.approx(rate**40, rel=1e-6)
