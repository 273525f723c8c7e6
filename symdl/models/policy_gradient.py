"""The policy gradient (REINFORCE) with a learned baseline, book §8.4, on the cart-pole."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from symdl.compile import CompiledFunction, compile
from symdl.data import environment
from symdl.expr.declare import matrix, named, scalar, vector
from symdl.expr.recur import recurrence
from symdl.expr.sizes import dims
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.recipe import Experiment, Objective, Outcome, training_step
from symdl.ops.elementwise import tanh
from symdl.ops.random import categorical
from symdl.ops.reductions import sum as total
from symdl.ops.softmax import softmax
from symdl.ops.stop_gradient import stop_gradient
from symdl.ops.structure import zeros
from symdl.optimizers.adam import Adam
from symdl.optimizers.optimizer import Optimizer
from symdl.train import History, Model, fit

GAMMA, HIDDEN, EPISODES, LIMIT, ROUNDS = 0.99, 32, 10, 500, 150
Episode = list[tuple[np.ndarray, int, float, bool]]  # state, action, reward, and whether the episode went on


def build(seed: int = 0) -> Model:
    """Return the policy π(·|s) and the baseline b(s) with C = −log π(a|s) (G − b(s)) + ½ (G − b(s))².

    In the first term, whose gradient is the policy gradient, G − b(s) counts as a constant. A sample is a step of an
    episode; G is its discounted return, times 1 − γ. The action is drawn from π.
    """
    s, a, G = vector("s", 4), vector("a", 2, one_hot=True), scalar("G")
    W1, b1 = matrix("W1", HIDDEN, 4, latex="W^{[1]}"), vector("b1", HIDDEN, latex="b^{[1]}")
    W2, b2 = matrix("W2", 2, HIDDEN, latex="W^{[2]}"), vector("b2", 2, latex="b^{[2]}")
    V1, c1 = matrix("V1", HIDDEN, 4, latex="V^{[1]}"), vector("c1", HIDDEN, latex="c^{[1]}")
    v2, c2 = vector("v2", HIDDEN, latex="v^{[2]}"), scalar("c2", latex="c^{[2]}")
    z = named("z", W2 @ tanh(W1 @ s + b1) + b2)
    pi = named("pi", softmax(z), latex=r"\pi")
    advantage = named("A", G - (v2 @ tanh(V1 @ s + c1) + c2))
    return Model(
        loss=stop_gradient(advantage) * cross_entropy(a, pi) + advantage**2 / 2,
        parameters=[W1, b1, W2, b2, V1, c1, v2, c2],
        inputs=[s],
        targets=[a, G],
        outputs={"pi": pi, "action": categorical(z, stream="action")},
        seed=seed,
    )


def returns() -> Any:
    """Return G_t = r_t + γ c_t G_(t+1) for T steps of several episodes in a row, c_t being 0 at the end of each."""
    steps = dims("T")
    r, c, gamma = vector("r", steps), vector("c", steps), scalar("gamma", latex=r"\gamma")
    later = recurrence(lambda t, G: r[t] + gamma * c[t] * G, zeros(1), steps, reverse=True, names="G")
    return total(later, axis=1)


def objectives() -> tuple[Objective, ...]:
    """Return the loss of one step."""
    sample = {"s": np.array([0.01, 0.02, 0.03, 0.04]), "a": np.array([1.0, 0.0]), "G": 0.5}
    return (Objective.of(build(), sample),)


def compiled(target: str, dtype: str) -> Mapping[str, Any]:
    """Compile the training step and the returns."""
    step = training_step(build(), RECIPE.settings, target, dtype)
    return {"training": step, "returns": compile(returns(), target=target, dtype=dtype)}


class Episodes:
    """Batches of episodes that the policy plays when they are asked for: an epoch is one batch.

    Attributes:
        scores: The mean return of the episodes of each batch.
    """

    def __init__(self, model: Model, discounted: CompiledFunction, seed: int) -> None:
        self.model, self.discounted, self.target = model, discounted, discounted.target
        self.environments = [environment("CartPole") for _ in range(EPISODES)]
        self.seeds = np.random.default_rng(seed)
        self.scores: list[float] = []

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Play episodes and yield their steps."""
        episodes = self.play()
        self.scores.append(float(np.mean([len(episode) for episode in episodes])))
        s, a, r, c = (np.array(column) for column in zip(*(step for one in episodes for step in one), strict=True))
        G = (1 - GAMMA) * self.discounted(r=r, c=c, gamma=GAMMA)
        yield {"s": s, "a": a, "G": G}

    def play(self) -> list[Episode]:
        """Play an episode in each environment, all at once."""
        episodes: list[Episode] = [[] for _ in self.environments]
        places = [one.reset(seed=int(self.seeds.integers(2**31)))[0] for one in self.environments]
        running = list(range(len(places)))
        while running:
            states = np.array([places[number] for number in running], dtype=np.float64)
            draw = int(self.seeds.integers(2**31))
            actions = self.model.predict({"s": states}, target=self.target, seed=draw)["action"]
            for number, action in list(zip(running, actions.astype(int), strict=True)):
                before = places[number]
                places[number], reward, ended, cut, _ = self.environments[number].step(action)
                goes_on = not (ended or cut)
                episodes[number].append((before, int(action), float(reward), goes_on))
                if not goes_on:
                    running.remove(number)
        return episodes


def run(
    seed: int,
    progress: bool | None,
    epochs: int,
    optimizer: Optimizer,
    clip_norm: float,
    target: str,
    dtype: str,
) -> Outcome:
    """Train on ``epochs`` batches of 10 episodes; the figure is the mean return of 100 new episodes of the policy.

    Training ends early when the policy reached the limit of 500 steps in all but a hundredth of the last five batches.
    """
    discounted = compile(returns(), target=target, dtype=dtype)
    model = build(seed)
    episodes = Episodes(model, discounted, seed)

    def note(_: Model, history: History) -> bool:
        history.metrics.setdefault("return", []).append(episodes.scores[-1])
        return len(episodes.scores) > 5 and min(episodes.scores[-5:]) >= 0.99 * LIMIT

    history = fit(
        model,
        episodes,
        optimizer=optimizer,
        epochs=epochs,
        clip_norm=clip_norm,
        target=target,
        dtype=dtype,
        seed=seed,
        callbacks=[note],
        progress=progress,
    )
    judged = Episodes(model, discounted, seed + 1_000_003)
    lengths = [len(episode) for _ in range(100 // EPISODES) for episode in judged.play()]
    programs = {"training": model.training_program().executable, "returns": discounted}
    return Outcome(float(np.mean(lengths)), history, model, programs=programs)


RECIPE = Experiment(
    name="policy-gradient",
    title="policy gradient with a learned baseline on the cart-pole",
    section="8.4",
    equations=objectives,
    compiled=compiled,
    run=run,
    settings={
        "optimizer": Adam(alpha=1e-2),
        "epochs": ROUNDS,
        "clip_norm": 1.0,
        "target": "cpu",
        "dtype": "float32",
    },
    data=("CartPole of gymnasium: 4 features, 2 actions, at most 500 steps; 10 episodes in each epoch",),
    metric="return",
    reference=475.0,
    tolerance=0.0,
    source="gymnasium's threshold, a mean over 100 episodes",
)
