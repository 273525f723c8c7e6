"""LaTeX of expressions, in matrix notation where one exists and in index notation else."""

from symdl.latex import typeset as typeset
from symdl.latex import typeset_entries as typeset_entries
from symdl.latex.printer import latex, latex_scalar

__all__ = ["latex", "latex_scalar"]
