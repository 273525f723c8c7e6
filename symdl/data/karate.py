"""Zachary's karate club, of networkx: who met whom outside the club, and which side each took when it split."""

import importlib
from dataclasses import dataclass

import numpy as np

from symdl.errors import InputError


@dataclass(frozen=True)
class Graph:
    """An undirected graph whose nodes have labels.

    Attributes:
        name: Its name.
        adjacency: A, symmetric, 1 where two nodes are joined: (n, n).
        labels: Integers from 0 on: (n,).
        classes: Names of the labels.
        source: Where it is from.
    """

    name: str
    adjacency: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """The two ends of each edge, in both directions and with a loop at every node: integers (e,), (e,)."""
        ends, others = np.nonzero(self.adjacency + np.eye(len(self)))
        return ends, others


def karate_club() -> Graph:
    """Return 34 members and 78 friendships; labels say who stayed with Mr. Hi (0) and who left with the officer (1).

    Mr. Hi is node 0 and the officer node 33.

    Raises:
        InputError: if networkx is not installed.
    """
    try:
        networkx = importlib.import_module("networkx")
    except ImportError as error:
        raise InputError("the karate club needs networkx: pip install 'symdl[data]'") from error
    graph = networkx.karate_club_graph()
    sides = ("Mr. Hi", "Officer")
    labels = np.array([sides.index(graph.nodes[node]["club"]) for node in graph], dtype=np.int64)
    adjacency = (networkx.to_numpy_array(graph) > 0).astype(np.float64)
    return Graph("karate club", adjacency, labels, sides, "Zachary (1977), J. Anthropol. Res. 33")
