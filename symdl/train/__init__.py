"""Training: a model's equations, data and an optimizer in; values and a history out."""

from symdl.train.checkpoint import load
from symdl.train.declaration import Group
from symdl.train.fit import fit
from symdl.train.history import History
from symdl.train.model import Model
from symdl.train.options import EarlyStopping
from symdl.train.program import Program

__all__ = ["EarlyStopping", "Group", "History", "Model", "Program", "fit", "load"]
