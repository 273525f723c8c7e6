"""Names of recipes for parametrised tests."""

from collections.abc import Iterable

import pytest

HEAVY = {
    "encoder-decoder-additive",  # another score in the network of encoder-decoder
    "encoder-decoder-inner",
    "transformer-reversal",  # deep enough that each of its tests takes some ten seconds
    "transformer-text",
}


def each(names: Iterable[str]) -> list:
    """Return names, those of heavy models marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in names]
