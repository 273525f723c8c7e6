"""Real data that come with Python and its libraries, their splits and their standardisation."""

from symdl.data.bundled import DATASETS, breast_cancer, diabetes, digits, iris, wine
from symdl.data.dataset import Dataset, Split, folds, split, standardise
from symdl.data.environments import DecisionProcess, decision_process, environment
from symdl.data.karate import Graph, karate_club
from symdl.data.text import Text, as_text, topics, window_split

__all__ = [
    "DATASETS",
    "Dataset",
    "DecisionProcess",
    "Graph",
    "Split",
    "Text",
    "as_text",
    "breast_cancer",
    "decision_process",
    "diabetes",
    "digits",
    "environment",
    "folds",
    "iris",
    "karate_club",
    "split",
    "standardise",
    "topics",
    "window_split",
    "wine",
]
