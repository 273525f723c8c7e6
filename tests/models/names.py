"""Names of recipes for parametrised tests."""

from collections.abc import Iterable

import pytest

HEAVY = {"transformer-reversal", "transformer-text"}  # deep enough that each of its tests takes some ten seconds


def each(names: Iterable[str]) -> list:
    """Return names, those of heavy models marked as slow."""
    return [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in names]
