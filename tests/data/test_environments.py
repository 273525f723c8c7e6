"""Environments and graphs of installed libraries."""

import sys

import numpy as np
import pytest

from symdl.data import decision_process, environment, karate_club
from symdl.errors import InputError


def test_tables_of_the_frozen_lake():
    lake = decision_process("FrozenLake")
    assert lake.transitions.shape == (4, 16, 16)
    assert lake.rewards.shape == (16, 4)
    sums = lake.transitions.sum(axis=2)
    assert ((sums >= 0) & (sums <= 1 + 1e-12)).all()
    assert sums[:, 0] == pytest.approx(1)  # from the first field nobody falls in
    assert sums[:, 15] == pytest.approx(0)  # the goal ends the episode
    assert lake.rewards.sum() == pytest.approx(1.0)  # three of the four actions beside the goal reach it with 1/3
    assert lake.start.tolist() == [1.0] + [0.0] * 15


def test_options_reach_the_environment():
    sums = decision_process("FrozenLake", is_slippery=False).transitions.max(axis=2)
    assert set(np.unique(sums)) == {0.0, 1.0}


def test_the_newest_version_is_taken_unless_there_is_one_in_the_name():
    assert environment("CartPole").spec.id == "CartPole-v1"
    assert environment("CartPole-v1").spec.id == "CartPole-v1"


def test_environments_that_do_not_fit():
    with pytest.raises(InputError, match="gymnasium has no environment 'Pond'"):
        environment("Pond")
    with pytest.raises(InputError, match="CartPole has no tables of transitions"):
        decision_process("CartPole")


def test_the_karate_club():
    club = karate_club()
    assert (len(club), club.adjacency.sum() / 2) == (34, 78)
    assert (club.adjacency == club.adjacency.T).all()
    assert (club.labels[0], club.labels[33], club.labels.sum()) == (0, 1, 17)
    ends, others = club.edges
    assert len(ends) == len(others) == 2 * 78 + 34


@pytest.mark.parametrize(
    ("module", "load"), [("gymnasium", lambda: environment("CartPole")), ("networkx", karate_club)]
)
def test_libraries_that_are_missing_are_named_with_the_remedy(monkeypatch, module, load):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError, match=rf"need.? {module}: pip install 'symdl\[data\]'"):
        load()
