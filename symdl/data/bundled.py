"""Scikit-learn's bundled data sets. Nothing is downloaded."""

from collections.abc import Callable

import numpy as np

from symdl.data.dataset import Dataset, library


def diabetes() -> Dataset:
    """Return 442 patients: 10 features as they come (each column scaled to norm 1), progression after one year."""
    return _load("diabetes", "Efron et al. (2004), Least angle regression")


def breast_cancer() -> Dataset:
    """Return 569 tumours: 30 features, malignant (0) or benign (1)."""
    return _load("breast_cancer", "Wisconsin diagnostic breast cancer, UCI repository")


def iris() -> Dataset:
    """Return 150 flowers: 4 lengths in cm, 3 species."""
    return _load("iris", "Fisher (1936)")


def wine() -> Dataset:
    """Return 178 wines: 13 chemical features, 3 cultivars."""
    return _load("wine", "UCI repository")


def digits() -> Dataset:
    """Return 1797 handwritten digits: 8×8 grey values, scaled to [0, 1], and the digit."""
    data = _load("digits", "Optical recognition of handwritten digits, UCI repository")
    return Dataset(data.name, data.x / 16.0, data.y, data.features, data.classes, data.source)


DATASETS: dict[str, Callable[[], Dataset]] = {
    "diabetes": diabetes, "breast_cancer": breast_cancer, "iris": iris, "wine": wine, "digits": digits,
}  # fmt: skip


def _load(name: str, source: str) -> Dataset:
    found = getattr(library("datasets"), f"load_{name}")()
    classes = tuple(str(label) for label in getattr(found, "target_names", ()))
    y = np.asarray(found.target, dtype=np.int64 if classes else np.float64)
    return Dataset(
        name, np.asarray(found.data, dtype=np.float64), y, tuple(map(str, found.feature_names)), classes, source
    )
