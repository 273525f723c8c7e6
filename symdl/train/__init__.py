"""Training: a model's equations, data and an optimizer in; values and a history out."""

from symdl.train.checkpoint import load
from symdl.train.fit import fit
from symdl.train.history import History
from symdl.train.model import Model
from symdl.train.options import EarlyStopping

__all__ = ["EarlyStopping", "History", "Model", "fit", "load"]
