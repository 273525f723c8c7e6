"""``sd.check``: the derivatives of an expression against independent ones."""

from symdl.check.check import check
from symdl.check.report import Report, Row

__all__ = ["Report", "Row", "check"]
