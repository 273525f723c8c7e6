"""Q-learning, book §8.4: the temporal difference as a loss whose goal is not derived, on the frozen lake."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np
from sympy import Symbol

from symdl.calculus import grad
from symdl.compile import CompiledFunction, compile
from symdl.data import decision_process, environment
from symdl.expr.declare import matrix, scalar, vector
from symdl.expr.recur import recurrence
from symdl.models import value_iteration as planning
from symdl.models.recipe import Experiment, Objective, Outcome
from symdl.models.value_iteration import actions, gamma, states, sweeps
from symdl.ops.elementwise import hadamard, maximum, power
from symdl.ops.reductions import max as largest
from symdl.ops.reductions import mean
from symdl.ops.stop_gradient import stop_gradient
from symdl.ops.structure import array
from symdl.train import History
from symdl.train.progress import progress as progress_bar

ROUND, ROUNDS, LIMIT = 100, 1_500, 100  # transitions of a round; rounds; the environment's limit of steps
GAMMA, OMEGA = 0.99, 0.7


def loss(Q: Any, s: Any, a: Any, r: Any, c: Any, following: Any) -> Any:
    """Return C = ½ (r + γ c max_a' Q(s', a') − Q(s, a))² of one transition; the goal counts as a constant.

    c is 0 where the episode ended with the transition, else 1.
    """
    goal = stop_gradient(r + gamma * c * largest(Q[following, :]))
    return (goal - Q[s, a]) ** 2 / 2


def learning() -> tuple[Any, Any, Any]:
    """Return Q, N and the mean loss of T transitions, learned from one by one; the loss is that of the first Q.

    Q ← Q − α ∂C/∂Q with α = N(s, a)^(−ω), where N is how often (s, a) was met. Σ α diverges and Σ α² does not for
    ½ < ω ≤ 1.
    """
    s, a, following = (vector(name, sweeps, integer=True) for name in ("s", "a", "s_next"))
    r, c, omega = vector("r", sweeps), vector("c", sweeps), scalar("omega", positive=True)

    def step(t: Any, Q: Any, N: Any) -> tuple[Any, Any]:
        met = N + grad(Q[s[t], a[t]], Q)
        alpha = power(maximum(met, 1), -omega)
        return Q - hadamard(alpha, grad(loss(Q, s[t], a[t], r[t], c[t], following[t]), Q)), met

    start = matrix("Q", states, actions), matrix("N", states, actions)
    Q, N = recurrence(step, start, sweeps, names=["Q", "N"])
    i = Symbol("i", integer=True)
    losses = array(loss(start[0], s[i], a[i], r[i], c[i], following[i]), (i, sweeps))
    return Q[-1], N[-1], mean(losses)


def objectives() -> tuple[Objective, ...]:
    """Return the loss of one transition."""
    Q = matrix("Q", 16, 4)
    integers: dict[str, Any] = {"integer": True, "nonnegative": True}
    s, a, following = scalar("s", **integers), scalar("a", **integers), scalar("s_next", latex="s'", **integers)
    r, c = scalar("r"), scalar("c")
    values = {"Q": np.zeros((16, 4)), "s": 14, "a": 2, "s_next": 15, "r": 1.0, "c": 0.0, "gamma": GAMMA}
    return (Objective(loss(Q, s, a, r, c, following), (Q,), values, inputs=(s, a, r, c, following, gamma)),)


def compiled(target: str, dtype: str) -> Mapping[str, CompiledFunction]:
    """Compile the updates by a sequence of transitions, and the exact value of a policy."""
    policy = matrix("pi", states, actions, latex=r"\pi")
    value = planning.policy_value(policy, sweeps)[-1]
    kind: dict[str, Any] = {"target": target, "dtype": dtype}
    return {"learning": compile(list(learning()), **kind), "evaluation": compile(planning.rho @ value, **kind)}


def run(
    seed: int, progress: bool | None, epochs: int, epsilon: float, omega: float, target: str, dtype: str
) -> Outcome:
    """Play rounds of 100 transitions and learn from each; the figure is the exact return of the greedy policy.

    The share of random actions falls linearly from 1 to ``epsilon``. The loss of a round is that of its transitions at
    the table they were met with.
    """
    programs, process = compiled(target, dtype), decision_process("FrozenLake")
    lake, rng = environment("FrozenLake"), np.random.default_rng(seed)
    Q: Any = np.zeros(process.rewards.shape)
    N: Any = np.zeros(process.rewards.shape)
    state, _ = lake.reset(seed=seed)
    history = History()
    with progress_bar(epochs, progress) as show:
        for epoch in range(epochs):
            began = perf_counter()
            share = 1 - (1 - epsilon) * epoch / max(epochs - 1, 1)
            transitions: list[tuple[Any, ...]] = []
            for _ in range(ROUND):
                action = int(rng.integers(Q.shape[1])) if rng.random() < share else greedy(Q[state], rng)
                following, reward, ended, cut, _ = lake.step(action)
                transitions.append((state, action, float(reward), float(not ended), following))
                state = lake.reset()[0] if ended or cut else following
            s, a, r, c, after = (np.array(column) for column in zip(*transitions, strict=True))
            given = {"s": s, "a": a, "r": r, "c": c, "s_next": after, "gamma": GAMMA, "omega": omega}
            Q, N, cost = programs["learning"](given, Q=Q, N=N)
            history.loss.append(float(cost))
            history.seconds.append(perf_counter() - began)
            show(epoch + 1, history)
    lake.close()
    policy = np.eye(Q.shape[1])[Q.argmax(axis=1)]
    tables = {"P": process.transitions, "r": process.rewards, "rho": process.start}
    figure = float(programs["evaluation"](tables, pi=policy, gamma=1.0, T=LIMIT))
    return Outcome(figure, history, programs=programs, report=planning.table(Q.max(axis=1), Q.argmax(axis=1)))


def greedy(values: np.ndarray, rng: np.random.Generator) -> int:
    """Return a best action, one at random among equal ones."""
    return int(rng.choice(np.flatnonzero(values == values.max())))


RECIPE = Experiment(
    name="q-learning",
    title="Q-learning on the frozen lake",
    section="8.4",
    equations=objectives,
    compiled=compiled,
    run=run,
    settings={"epochs": ROUNDS, "epsilon": 0.1, "omega": OMEGA, "target": "cpu", "dtype": "float64"},
    data=("FrozenLake of gymnasium: 16 states, 4 actions, slippery, at most 100 steps; 100 transitions in each epoch",),
    metric="return",
    reference=0.70,
    tolerance=0.0,
    source="gymnasium's threshold for a solved lake; the best policy has 0.740",
)
