"""Random inputs that respect what was declared about them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sympy import Basic, Symbol

from symdl.arrays import name_of, sizes_by_name
from symdl.expr.nodes import TensorSymbol
from symdl.interpret.binding import Binding


def sample(symbol: Any, sizes: Mapping[Any, int], rng: np.random.Generator) -> np.ndarray:
    """Return a random array for a declared tensor or scalar, with entries of size about 1 and its declared properties.

    Args:
        symbol: A ``TensorSymbol``, or a SymPy scalar symbol with its assumptions.
        sizes: The sizes, by name or symbol.
        rng: The source of randomness.
    """
    if isinstance(symbol, TensorSymbol):
        shape = Binding(sizes=sizes_by_name(sizes, "sample")).shape(symbol)
        return _structured(shape, symbol.properties, rng)
    facts = {fact for fact in ("positive", "nonnegative", "integer") if getattr(symbol, f"is_{fact}")}
    return _entries((), frozenset(facts), rng)


def sample_inputs(symbols: Iterable[Basic], sizes: Mapping[Any, int], seed: int = 0) -> dict[str, np.ndarray]:
    """Return random arrays by name for the symbols of an expression, those that are sizes left out."""
    rng = np.random.default_rng(seed)
    known = {name_of(key) for key in sizes}
    chosen = [symbol for symbol in symbols if isinstance(symbol, TensorSymbol | Symbol) and symbol.name not in known]
    return {symbol.name: sample(symbol, sizes, rng) for symbol in sorted(chosen, key=lambda symbol: symbol.name)}


def dyadic(array: np.ndarray) -> np.ndarray:
    """Return moderate numbers rounded to 24 binary places: sums of them are exact, as declared facts are."""
    return np.round(array * 2.0**24) / 2.0**24


def trial_sizes(symbols: Any) -> Iterator[tuple[str, int]]:
    """Yield small and mostly different values for sizes that were not given."""
    values = (3, 2, 4, 5)
    for position, name in enumerate(sorted({symbol.name for symbol in symbols})):
        yield name, values[position % len(values)]


def _entries(shape: tuple[int, ...], facts: frozenset[str], rng: np.random.Generator) -> np.ndarray:
    if "integer" in facts:
        low = 1 if "positive" in facts else 0 if facts & {"nonnegative", "probability"} else -3
        return rng.integers(low, 2 if "probability" in facts else 4, shape).astype(float)
    if "probability" in facts:
        return rng.uniform(0.05, 0.95, shape)
    if facts & {"positive", "nonnegative"}:
        return np.exp(0.5 * rng.standard_normal(shape))
    return rng.standard_normal(shape)


def _structured(shape: tuple[int, ...], facts: frozenset[str], rng: np.random.Generator) -> np.ndarray:
    if "one_hot" in facts:
        found = np.zeros(shape)
        np.put_along_axis(found, rng.integers(0, shape[-1], (*shape[:-1], 1)), 1.0, axis=-1)
        return found
    if "simplex" in facts:
        weights = np.exp(rng.standard_normal(shape))
        found = dyadic(weights / weights.sum(axis=-1, keepdims=True))
        found[..., -1] += 1 - found.sum(axis=-1)
        return found
    entries = _entries(shape, facts, rng)
    if "orthogonal" in facts:
        return np.linalg.qr(rng.standard_normal(shape))[0]
    if "diagonal" in facts:
        return np.diag(np.abs(np.diag(entries)) + 0.5 if "positive_definite" in facts else np.diag(entries))
    if "positive_definite" in facts:
        return entries @ entries.T / shape[0] + np.eye(shape[0])
    if "symmetric" in facts:
        return np.triu(entries) + np.triu(entries, 1).T
    return entries
