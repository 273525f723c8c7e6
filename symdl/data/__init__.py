"""Real data that come with Python and its libraries, their splits and their standardisation."""

from symdl.data.bundled import DATASETS, breast_cancer, diabetes, digits, iris, wine
from symdl.data.dataset import Dataset, Split, folds, split, standardise
from symdl.data.text import Text, as_text, topics, window_split

__all__ = [
    "DATASETS",
    "Dataset",
    "Split",
    "Text",
    "as_text",
    "breast_cancer",
    "diabetes",
    "digits",
    "folds",
    "iris",
    "split",
    "standardise",
    "topics",
    "window_split",
    "wine",
]
