"""Environments of gymnasium: those with tables as Markov decision processes, others to be played. Book §8.4."""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import InputError


@dataclass(frozen=True)
class DecisionProcess:
    """A Markov decision process with S states and A actions.

    Attributes:
        name: Its name.
        transitions: P[a, s, s'], the probability that action a leads from s to s' and the episode goes on: (A, S, S). A
            row has a sum below 1 where the episode may end.
        rewards: r[s, a], the expected reward: (S, A).
        start: The probabilities of the first state: (S,).
        source: Where it is from.
    """

    name: str
    transitions: np.ndarray
    rewards: np.ndarray
    start: np.ndarray
    source: str


def decision_process(name: str, **options: Any) -> DecisionProcess:
    """Return the tables of an environment, such as FrozenLake, CliffWalking or Taxi.

    Args:
        name: As for ``environment``.
        **options: Of the environment.

    Raises:
        InputError: if gymnasium is not installed, or the environment is unknown or has no tables.
    """
    made = environment(name, **options)
    table, start = (getattr(made.unwrapped, what, None) for what in ("P", "initial_state_distrib"))
    if table is None or start is None:
        raise InputError(f"decision_process: {name} has no tables of transitions; expected one such as FrozenLake")
    states, actions = int(made.observation_space.n), int(made.action_space.n)
    transitions, rewards = np.zeros((actions, states, states)), np.zeros((states, actions))
    for state in range(states):
        for action in range(actions):
            for probability, following, reward, ends in table[state][action]:
                rewards[state, action] += probability * reward
                if not ends:
                    transitions[action, state, following] += probability
    return DecisionProcess(made.spec.id, transitions, rewards, np.asarray(start, dtype=np.float64), "gymnasium")


def environment(name: str, **options: Any) -> Any:
    """Return an environment of gymnasium, in its newest version unless the name has one: CartPole, CartPole-v1.

    Raises:
        InputError: if gymnasium is not installed, or has no such environment.
    """
    try:
        gymnasium = importlib.import_module("gymnasium")
    except ImportError as error:
        raise InputError("the environments need gymnasium: pip install 'symdl[data]'") from error
    versions = [
        (spec.version or 0, key)
        for key, spec in gymnasium.registry.items()
        if key == name or (spec.name == name and spec.namespace is None)
    ]
    if not versions:
        raise InputError(f"environment: gymnasium has no environment {name!r}; one is FrozenLake")
    return gymnasium.make(max(versions)[1], **options)
