"""Directions in which a variable may move: all of them, or those that keep what was declared about it."""

import numpy as np
from sympy import Basic

from symdl.expr.nodes import TensorSymbol
from symdl.interpret.samples import dyadic

MANY = 30  # a variable with more entries is tested in a few random directions, not entry by entry
RANDOM = 3


def directions(variable: Basic, array: np.ndarray, rng: np.random.Generator, few: bool) -> list[np.ndarray]:
    """Return unit vectors for a small array, else a few random signs; directions in its space for a structured matrix.

    The gradient of a symmetric or diagonal matrix is one in that space: only directions in it tell something.
    """
    if getattr(variable, "properties", frozenset()) & {"symmetric", "diagonal"}:
        found = (tangent(variable, array, rng) for _ in range(1 if few else RANDOM))
        return [direction for direction in found if direction is not None]
    if array.size <= MANY and not few:
        return list(np.eye(array.size).reshape(-1, *array.shape))
    return [rng.choice([-1.0, 1.0], size=array.shape) for _ in range(1 if few else RANDOM)]


def tangent(variable: Basic, array: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Return a random direction along which the declared facts keep to first order; None if there is none.

    Simplification uses those facts, so second derivatives have a meaning in such directions only.
    """
    facts = variable.properties if isinstance(variable, TensorSymbol) else frozenset()
    if facts & {"one_hot", "integer"} or getattr(variable, "is_integer", False):
        return None
    found = rng.standard_normal(array.shape)
    if "diagonal" in facts:
        return found * np.eye(len(found))
    if "orthogonal" in facts:
        return array @ (found - found.T)
    if "symmetric" in facts:
        return found + found.T
    if "simplex" in facts:
        found = dyadic(found)
        found[..., -1] -= found.sum(axis=-1)
    return found
