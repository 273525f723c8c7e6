"""A graph convolutional network, book §8.5: two layers on the karate club, of whom only the two leaders are known."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sympy import Rational

from symdl.data import Graph, karate_club
from symdl.expr.declare import matrix, named, vector
from symdl.expr.sizes import dims
from symdl.models.recipe import Experiment, Objective, Outcome, training_step
from symdl.ops.elementwise import hadamard, log, power, tanh
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.ops.structure import diag, eye
from symdl.optimizers.adam import Adam
from symdl.train import Model, fit

HIDDEN, EPOCHS = 16, 200
LEADERS = [0, 33]  # Mr. Hi and the officer
nodes = dims("n")


def normalised(A: Any) -> Any:
    """Return Â = D̃^(-1/2) (A + I) D̃^(-1/2), D̃ with the degrees of A + I."""
    joined = named("A_tilde", A + eye(nodes), latex=r"\tilde{A}")
    D = named("d", power(total(joined, axis=1), Rational(-1, 2)), latex=r"\tilde{d}")
    return named("A_hat", diag(D) @ joined @ diag(D), latex=r"\hat{A}")


def masked_cross_entropy(M: Any, Y: Any, Y_hat: Any) -> Any:
    """Return the cross entropy of the nodes that M (n,) has a 1 for, a mean over them."""
    return -total(diag(M) @ hadamard(Y, log(Y_hat))) / total(M)


def build(features: int, classes: int, seed: int = 0) -> Model:
    """Return H^[1] = tanh(Â X W^[1]), Ŷ = softmax(Â H^[1] W^[2]) with the cross entropy of the labelled nodes."""
    A, X, M = matrix("A", nodes, nodes), matrix("X", nodes, features), vector("M", nodes)
    Y = matrix("Y", nodes, classes, one_hot=True)
    W1, W2 = matrix("W1", features, HIDDEN, latex="W^{[1]}"), matrix("W2", HIDDEN, classes, latex="W^{[2]}")
    A_hat = normalised(A)
    Z1 = named("Z1", A_hat @ X @ W1, latex="Z^{[1]}")
    H1 = named("H1", tanh(Z1), latex="H^{[1]}")
    Z2 = named("Z2", A_hat @ H1 @ W2, latex="Z^{[2]}")
    Y_hat = named("Y_hat", softmax(Z2, axis=1), latex=r"\hat{Y}")
    return Model(
        loss=masked_cross_entropy(M, Y, Y_hat),
        parameters=[W1, W2],
        inputs=[A, X],
        targets=[M, Y],
        outputs={"Y_hat": Y_hat},
        batch=nodes,
        seed=seed,
    )


def arrays(graph: Graph) -> dict[str, np.ndarray]:
    """Return A, X = I (nothing is known of a member but who it is), M with 1 for the leaders, and the labels."""
    known = np.zeros(len(graph))
    known[LEADERS] = 1.0
    return {"A": graph.adjacency, "X": np.eye(len(graph)), "M": known, "Y": graph.labels}


def karate() -> tuple[Model, dict[str, np.ndarray]]:
    """Return the network for the karate club, and the arrays of the club."""
    graph = karate_club()
    return build(len(graph), len(graph.classes)), arrays(graph)


def node_recipe(name: str, title: str, prepare: Any, settings: Mapping[str, Any], source: str) -> Experiment:
    """Return the recipe of a network that labels the members of the karate club.

    Args:
        name: Its name.
        title: One line about it.
        prepare: A function that returns the model and its arrays; outputs are the probabilities ``Y_hat`` (n, K).
        settings: How it is trained: arguments of ``fit``.
        source: Where the reference is from.
    """

    def objectives() -> tuple[Objective, ...]:
        model, given = prepare()
        values = {**given, "Y": np.eye(2)[given["Y"]]}
        return (Objective.of(model, values),)

    def compiled(target: str, dtype: str) -> Mapping[str, Any]:
        model, given = prepare()
        model.check(given, model.declared.data, name)
        return {"training": training_step(model, settings, target, dtype)}

    def run(seed: int, progress: bool | None, **options: Any) -> Outcome:
        model, given = prepare()
        history = fit(model, given, seed=seed, progress=progress, **options)
        inputs = {symbol.name: given[symbol.name] for symbol in model.declared.inputs}
        sides = model.predict(inputs, target=options["target"])["Y_hat"].argmax(axis=1)
        right = sides == given["Y"]
        wrong = ", ".join(map(str, np.flatnonzero(~right))) or "none"
        report = f"{right.sum()} of {len(right)} members on their side; on the other: {wrong}"
        programs = {"training": model.training_program().executable}
        return Outcome(float(right.mean()), history, model, programs=programs, report=report)

    return Experiment(
        name=name,
        title=title,
        section="8.5",
        equations=objectives,
        compiled=compiled,
        run=run,
        settings=settings,
        data=("karate club: 34 members, 78 friendships, 2 labelled; features: who it is", "Zachary (1977), networkx"),
        metric="accuracy",
        measured="members",
        reference=31 / 34,
        tolerance=1e-9,
        source=source,
    )


RECIPE = node_recipe(
    "gcn",
    "graph convolutional network on the karate club, from its two leaders",
    karate,
    {"optimizer": Adam(alpha=0.01), "epochs": EPOCHS, "target": "cpu", "dtype": "float64"},
    "31 of 34; the harmonic function from the leaders has 31 of the 32 others",
)
