"""A graph attention network, book §8.5: messages along the edges of the karate club, weighed by a softmax per node."""

from typing import Any

import numpy as np
from sympy import Rational

from symdl.data import karate_club
from symdl.expr.declare import matrix, named, vector
from symdl.expr.sizes import dims
from symdl.models import gcn
from symdl.models.gcn import masked_cross_entropy, nodes
from symdl.ops.elementwise import elu, leaky_relu
from symdl.ops.gather import take
from symdl.ops.segments import segment_softmax, segment_sum
from symdl.ops.softmax import softmax
from symdl.ops.structure import diag
from symdl.optimizers.adam import Adam
from symdl.train import Model

HIDDEN, EPOCHS = 8, 200
edges = dims("m")
v, u = vector("v", edges, integer=True), vector("u", edges, integer=True)  # edge e brings the message of u_e to v_e


def attention(H: Any, W: Any, a1: Any, a2: Any, layer: int) -> Any:
    """Return Σ_u α_vu W h_u for each node v, with α the softmax over u of LeakyReLU(a₁ᵀ W h_v + a₂ᵀ W h_u).

    This is aᵀ[W h_v, W h_u] with a = [a₁, a₂]. H has a row for each node; W is used as H W, so that shapes follow.
    """
    level = f"^{{[{layer}]}}"
    Z = named(f"Z{layer}", H @ W, latex=f"Z{level}")
    pairs = take(Z @ a1, v) + take(Z @ a2, u)
    pairs = named(f"e{layer}", leaky_relu(pairs, Rational(1, 5)), latex=f"e{level}")
    alpha = named(f"alpha{layer}", segment_softmax(pairs, v, nodes), latex=rf"\alpha{level}")
    return segment_sum(diag(alpha) @ take(Z, u), v, nodes)


def build(features: int, classes: int, seed: int = 0) -> Model:
    """Return two layers of attention, H^[1] with ELU and Ŷ with softmax; the loss is that of ``gcn``."""
    X, M, Y = matrix("X", nodes, features), vector("M", nodes), matrix("Y", nodes, classes, one_hot=True)
    parameters, H = [], X
    for layer, (before, after) in enumerate([(features, HIDDEN), (HIDDEN, classes)], 1):
        level = f"^{{[{layer}]}}"
        W = matrix(f"W{layer}", before, after, latex=f"W{level}")
        a1, a2 = (vector(f"a{k}_{layer}", after, latex=f"a_{k}{level}") for k in (1, 2))
        parameters += [W, a1, a2]
        message = attention(H, W, a1, a2, layer)
        H = named(f"H{layer}", elu(message) if layer == 1 else message, latex=f"H{level}")
    Y_hat = named("Y_hat", softmax(H, axis=1), latex=r"\hat{Y}")
    return Model(
        loss=masked_cross_entropy(M, Y, Y_hat),
        parameters=parameters,
        inputs=[X, v, u],
        targets=[M, Y],
        outputs={"Y_hat": Y_hat},
        batch=nodes,
        seed=seed,
    )


def karate() -> tuple[Model, dict[str, np.ndarray]]:
    """Return the network for the karate club, and the arrays of the club with its edges as a list."""
    graph = karate_club()
    given = gcn.arrays(graph)
    del given["A"]
    given["v"], given["u"] = graph.edges
    return build(len(graph), len(graph.classes)), given


RECIPE = gcn.node_recipe(
    "gat",
    "graph attention network on the karate club, from its two leaders",
    karate,
    {"optimizer": Adam(alpha=0.01), "epochs": EPOCHS, "target": "cpu", "dtype": "float64"},
    "as for gcn",
)
