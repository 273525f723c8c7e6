"""Value iteration, book §8.4: Bellman's optimality equation as a recurrence, on the frozen lake."""

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import numpy as np

from symdl.calculus import grad
from symdl.compile import CompiledFunction, compile
from symdl.data import DecisionProcess, decision_process
from symdl.expr.contract import transpose
from symdl.expr.declare import matrix, scalar, tensor, vector
from symdl.expr.recur import recurrence
from symdl.expr.sizes import dims
from symdl.models.recipe import Experiment, Objective, Outcome
from symdl.ops.elementwise import hadamard
from symdl.ops.reductions import argmax
from symdl.ops.reductions import max as largest
from symdl.ops.reductions import sum as total
from symdl.ops.structure import zeros
from symdl.train import History

GAMMA, SWEEPS = 0.99, 2_500  # the error after t sweeps is below γᵗ max|r| / (1 − γ), which is then 4e-10
states, actions, sweeps = dims("S A T")
P, r = tensor("P", (actions, states, states)), matrix("r", states, actions)
gamma, rho = scalar("gamma", latex=r"\gamma"), vector("rho", states, latex=r"\rho")


def look_ahead(value: Any) -> Any:
    """Return Q(s, a) = r(s, a) + γ Σ_s' P^(a)(s, s') V(s')."""
    return r + gamma * transpose(P @ value)


def equations() -> dict[str, Any]:
    """Return V after each sweep, V^⟨t⟩(s) = max_a Q(s, a) from V^⟨0⟩ = 0; the value J of the start; ∂J/∂r; the policy.

    ∂J/∂r(s, a) is how often, discounted, the best policy takes a in s: J = Σ r ∂J/∂r.
    """
    V = recurrence(lambda t, value: largest(look_ahead(value), axis=1), zeros(states), sweeps, names="V")
    J = rho @ V[-1]
    return {"V": V, "J": J, "visits": grad(J, r), "policy": argmax(look_ahead(V[-1]), axis=1)}


def policy_value(policy: Any, length: Any) -> Any:
    """Return V^⟨t⟩(s) = Σ_a π(s, a) Q(s, a) from V^⟨0⟩ = 0, the value of a policy (S, A) over t steps."""
    return recurrence(
        lambda t, value: total(hadamard(policy, look_ahead(value)), axis=1), zeros(states), length, names="V"
    )


def solve(process: DecisionProcess, discount: float, length: int, iteration: CompiledFunction) -> dict[str, Any]:
    """Return V, J, visits and policy of a decision process after ``length`` sweeps, with the compiled equations."""
    given = {"P": process.transitions, "r": process.rewards, "rho": process.start, "gamma": discount, "T": length}
    return dict(zip(equations(), iteration(given), strict=True))


def objectives() -> tuple[Objective, ...]:
    """Return J, to be derived by the rewards."""
    process = decision_process("FrozenLake")
    values = {"P": process.transitions, "r": process.rewards, "rho": process.start, "gamma": GAMMA}
    return (Objective(equations()["J"], (r,), values, inputs=(P, rho, gamma)),)


def compiled(target: str, dtype: str) -> Mapping[str, CompiledFunction]:
    """Compile the iteration, for any number of states, actions and sweeps."""
    return {"iteration": compile(list(equations().values()), target=target, dtype=dtype)}


def run(seed: int, progress: bool | None, epochs: int, target: str, dtype: str) -> Outcome:
    """Iterate ``epochs`` times in one call; nothing is random. The loss is the largest change of a value."""
    programs = compiled(target, dtype)
    began = perf_counter()
    found = solve(decision_process("FrozenLake"), GAMMA, epochs, programs["iteration"])
    seconds = perf_counter() - began
    changes = np.abs(np.diff(found["V"], axis=0, prepend=0)).max(axis=1)
    history = History(loss=changes.tolist(), seconds=[seconds / epochs] * epochs)
    return Outcome(float(found["J"]), history, programs=programs, report=table(found["V"][-1], found["policy"]))


def table(values: np.ndarray, policy: np.ndarray) -> str:
    """Return the values and the actions on the square of the lake, as text."""
    side = int(len(values) ** 0.5)
    cells = [
        f"{value:.4f} {'←↓→↑'[int(action)] if value else '·'}" for value, action in zip(values, policy, strict=True)
    ]
    return "\n".join("   ".join(cells[start : start + side]) for start in range(0, len(cells), side))


RECIPE = Experiment(
    name="value-iteration",
    title="value iteration on the frozen lake",
    section="8.4",
    equations=objectives,
    compiled=compiled,
    run=run,
    settings={"epochs": SWEEPS, "target": "cpu", "dtype": "float64"},
    data=("FrozenLake of gymnasium: 16 states, 4 actions, γ = 0.99, slippery",),
    metric="value",
    reference=0.54203,
    tolerance=5e-6,
    source="exact dynamic programming",
)
