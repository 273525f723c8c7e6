"""Reinforcement learning, catalogue 8.4: Bellman's equations, temporal differences, policy gradients."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import DecisionProcess, decision_process
from symdl.models import find, policy_gradient, q_learning, value_iteration


@pytest.fixture(scope="module")
def iteration():
    return value_iteration.compiled("numpy", "float64")["iteration"]


@pytest.fixture(scope="module")
def lake():
    return decision_process("FrozenLake")


@pytest.mark.parametrize(
    ("name", "discount", "sweeps", "value", "digits"),
    [
        ("FrozenLake", 0.99, 2_500, 0.54203, 5),
        ("FrozenLake", 1.0, 4_000, 0.82353, 5),
        ("CliffWalking", 1.0, 50, -13.0, 12),
        ("Taxi", 1.0, 50, 7.93, 12),
    ],
)
def test_values_of_the_environments(iteration, name, discount, sweeps, value, digits):
    found = value_iteration.solve(decision_process(name), discount, sweeps, iteration)
    assert round(float(found["J"]), digits) == value
    assert np.abs(found["V"][-1] - found["V"][-2]).max() < 1e-10


def random_walk(price):
    """States 1 to 10, up with probability 1/2 or, for a price, 3/4; reflecting ends; the reward is the state."""
    transitions = np.zeros((2, 10, 10))
    for action, up in enumerate((0.5, 0.75)):
        for state in range(10):
            transitions[action, state, min(state + 1, 9)] += up
            transitions[action, state, max(state - 1, 0)] += 1 - up
    rewards = np.arange(1.0, 11.0)[:, None] - price * np.array([0.0, 1.0])
    return DecisionProcess("walk", transitions, rewards, np.eye(10)[0], "catalogue 8.4-engage")


@pytest.mark.parametrize(
    ("price", "policy"),
    [(0, [1] * 10), (0.5, [1] * 9 + [0]), (1, [0, 1, 1, 1, 1, 1, 1, 1, 0, 0]), (1.5, [0] * 10), (3, [0] * 10)],
)
def test_actions_of_the_random_walk(iteration, price, policy):
    found = value_iteration.solve(random_walk(price), 0.75, 150, iteration)
    assert found["policy"].tolist() == policy


PASSIVE = [
    7.287785, 9.479642, 12.657927, 16.274830, 20.074954, 23.925046, 27.725170, 31.342073, 34.520358, 36.712215,
]  # fmt: skip


def test_values_of_the_passive_random_walk(iteration):
    found = value_iteration.solve(random_walk(100), 0.75, 150, iteration)
    np.testing.assert_allclose(found["V"][-1], PASSIVE, atol=5e-7)


def evaluated(process, policy, discount, length):
    pi = sd.matrix("pi", value_iteration.states, value_iteration.actions)
    function = sd.compile(value_iteration.policy_value(pi, value_iteration.sweeps), target="numpy")
    return function(P=process.transitions, r=process.rewards, pi=policy, gamma=discount, T=length)


def test_the_value_of_a_policy_is_the_solution_of_its_linear_system(lake):
    policy = np.random.default_rng(0).dirichlet(np.ones(4), 16)
    found = evaluated(lake, policy, 0.9, 300)
    P = np.einsum("sa,asz->sz", policy, lake.transitions)
    expected = np.linalg.solve(np.eye(16) - 0.9 * P, (policy * lake.rewards).sum(axis=1))
    np.testing.assert_allclose(found[-1], expected, atol=1e-12)


def test_the_best_policy_has_the_best_value_and_bellmans_operator_contracts(iteration, lake):
    found = value_iteration.solve(lake, 0.99, 2_500, iteration)
    greedy = np.eye(4)[found["policy"].astype(int)]
    np.testing.assert_allclose(evaluated(lake, greedy, 0.99, 2_500)[-1], found["V"][-1], atol=1e-9)
    changes = np.abs(np.diff(found["V"], axis=0)).max(axis=1)
    assert (changes[1:] <= 0.99 * changes[:-1] + 1e-15).all()


def test_the_gradient_by_the_rewards_counts_discounted_visits(iteration):
    """The envelope theorem: J is linear in r while the policy stays, so J = Σ r ∂J/∂r, and visits sum to Σ γᵗ."""
    walk = random_walk(0.7)
    found = value_iteration.solve(walk, 0.75, 60, iteration)
    assert found["J"] == pytest.approx((walk.rewards * found["visits"]).sum(), rel=1e-12)
    assert found["visits"].sum() == pytest.approx((1 - 0.75**60) / 0.25, rel=1e-12)
    direction, step = np.random.default_rng(1).normal(size=(10, 2)), 1e-6
    ends = []
    for sign in (1, -1):
        moved = DecisionProcess("", walk.transitions, walk.rewards + sign * step * direction, walk.start, "")
        ends.append(value_iteration.solve(moved, 0.75, 60, iteration)["J"])
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx((found["visits"] * direction).sum(), rel=1e-6)


def test_value_iteration_reaches_its_figure_and_draws_the_lake():
    recipe = find("value-iteration")
    outcome = recipe.train(target="numpy")
    assert recipe.reached(outcome.figure)
    assert round(outcome.figure, 5) == 0.54203
    assert outcome.report.splitlines()[0] == "0.5420 ←   0.4988 ↑   0.4707 ↑   0.4569 ↑"
    assert outcome.history.epochs == 2_500


def test_q_learning_is_the_update_of_the_book_one_transition_after_the_other():
    rng, count = np.random.default_rng(0), 40
    s, following = rng.integers(0, 5, (2, count))
    a, r, c = rng.integers(0, 3, count), rng.normal(size=count), (rng.random(count) < 0.8).astype(float)
    Q, N = rng.normal(size=(5, 3)), rng.integers(0, 4, (5, 3)).astype(float)
    learning = q_learning.compiled("numpy", "float64")["learning"]
    found = learning(Q=Q, N=N, s=s, a=a, r=r, c=c, s_next=following, gamma=0.9, omega=0.7)
    differences = r + 0.9 * c * Q[following].max(axis=1) - Q[s, a]
    for k in range(count):
        N[s[k], a[k]] += 1
        alpha = N[s[k], a[k]] ** -0.7
        Q[s[k], a[k]] = (1 - alpha) * Q[s[k], a[k]] + alpha * (r[k] + 0.9 * c[k] * Q[following[k]].max())
    np.testing.assert_allclose(found[0], Q, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(found[1], N)
    assert found[2] == pytest.approx(np.mean(differences**2) / 2, rel=1e-13)


def test_the_goal_of_a_temporal_difference_is_a_constant():
    [objective] = q_learning.objectives()
    [Q] = objective.variables
    printed = sd.latex(sd.grad(objective.loss, Q))
    assert printed.endswith(r"\mathbf{e}_{s + 1} \mathbf{e}_{a + 1}^{\top}")
    assert "max" in printed


def test_returns_of_several_episodes_in_a_row():
    r, c = np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    found = sd.compile(policy_gradient.returns(), target="numpy")(r=r, c=c, gamma=0.5)
    np.testing.assert_allclose(found, [2.0, 2.0, 3 + 0.5 * (4 + 2.5), 6.5, 5.0], rtol=1e-15)


def test_the_policy_gradient_is_that_of_the_expected_reward():
    """∇ Σ_a π_a r_a = Σ_a π_a r_a ∇ log π_a, whatever baseline is taken off the rewards; ∇_z log π_a = e_a − π."""
    z, r, b = sd.vector("z", 4), sd.vector("r", 4), sd.scalar("b")
    pi = sd.softmax(z)
    expected = sd.grad(pi @ r, z)
    score = [sd.grad(sd.log_softmax(z)[k], z) for k in range(4)]
    estimate = sum((pi[k] * (r[k] - b) * score[k] for k in range(1, 4)), pi[0] * (r[0] - b) * score[0])
    surrogate = sd.grad(sd.sum(sd.hadamard(sd.stop_gradient(pi), r, sd.log_softmax(z))), z)
    left, right, third, last = sd.compile([expected, estimate, surrogate, score[2]], target="numpy")(
        z=[0.3, -1.0, 0.5, 2.0], r=[1.0, -2.0, 0.5, 3.0], b=0.7
    )
    np.testing.assert_allclose(left, right, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(left, third, rtol=1e-13, atol=1e-15)
    weights = np.exp([0.3, -1.0, 0.5, 2.0])
    np.testing.assert_allclose(last, np.eye(4)[2] - weights / weights.sum(), atol=1e-15)


def test_the_gradient_of_the_policy_does_not_pass_through_the_advantage():
    """∂C/∂b^[2] = A (π − a) for the policy, and ∂C/∂c^[2] = −A for the baseline."""
    model = policy_gradient.build()
    [objective] = policy_gradient.objectives()
    chosen = {symbol.name: symbol for symbol in objective.variables}
    b2, c2 = sd.grad(objective.loss, [chosen["b2"], chosen["c2"]])
    outputs = model.predict({"s": objective.values["s"][None]}, target="numpy")
    values = objective.values
    found = sd.compile([b2, c2], target="numpy")
    by_policy, by_baseline = found({name: values[name] for name in found.inputs})
    advantage = -float(by_baseline)
    np.testing.assert_allclose(by_policy, advantage * (outputs["pi"][0] - values["a"]), rtol=1e-12)
    assert advantage == pytest.approx(0.5 - np.tanh(values["V1"] @ values["s"]) @ values["v2"], rel=1e-12)


def test_episodes_are_the_same_for_the_same_seed_and_end_at_the_limit():
    discounted = sd.compile(policy_gradient.returns(), target="numpy")
    batches = []
    for _ in range(2):
        episodes = policy_gradient.Episodes(policy_gradient.build(), discounted, seed=3)
        [batch] = list(episodes)
        batches.append(batch)
        assert episodes.scores == [len(batch["G"]) / policy_gradient.EPISODES]
    assert all(np.array_equal(batches[0][name], batches[1][name]) for name in "saG")
    assert ((batches[0]["G"] > 0) & (batches[0]["G"] <= 1)).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_the_cart_pole_is_balanced_whatever_the_seed(seed):
    recipe = find("policy-gradient")
    assert recipe.reached(recipe.train(seed).figure)
