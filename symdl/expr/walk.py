"""Walks over graphs: each distinct node once, in a loop, so that sharing costs nothing and depth no stack."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from sympy import Basic

Node = TypeVar("Node", bound=Basic)


def arguments(node: Basic) -> Sequence[Basic]:
    """Return what SymPy has a node made of."""
    return node.args


def wholes_first(roots: Iterable[Basic], parts: Callable[[Basic], Sequence[Basic]] = arguments) -> Iterator[Basic]:
    """Yield each node before its parts, and the first part before the second.

    Args:
        roots: Where to begin.
        parts: What a node is made of, as far as it is to be looked into; all its arguments by default.
    """
    seen: set[Basic] = set()
    stack = [*roots][::-1]
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            yield node
            stack.extend(reversed(parts(node)))


def parts_first(
    roots: Iterable[Node], parts: Callable[[Node], Sequence[Node]], seen: set[Node] | None = None
) -> Iterator[Node]:
    """Yield each node after its parts, the first part before the second: an order of computation.

    Args:
        roots: Where to begin.
        parts: What a node is made of.
        seen: Nodes that are left out, with what they are made of; those that are met are added.
    """
    seen = set() if seen is None else seen
    stack = [(root, False) for root in [*roots][::-1]]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((part, False) for part in reversed(parts(node)))
