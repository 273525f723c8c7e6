"""``sd.stability``: the bits that values, gradients and Hessians lose, with and without stable forms."""

from symdl.stability.measure import stability
from symdl.stability.report import StabilityReport, StabilityRow

__all__ = ["StabilityReport", "StabilityRow", "stability"]
