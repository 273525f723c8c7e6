"""Real data that come with scikit-learn, their splits and their standardisation."""

from symdl.data.bundled import DATASETS, breast_cancer, diabetes, digits, iris, wine
from symdl.data.dataset import Dataset, Split, folds, split, standardise

__all__ = [
    "DATASETS",
    "Dataset",
    "Split",
    "breast_cancer",
    "diabetes",
    "digits",
    "folds",
    "iris",
    "split",
    "standardise",
    "wine",
]
