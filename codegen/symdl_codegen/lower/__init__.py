"""Program -> loop IR."""

from symdl_codegen.lower.equations import lower
from symdl_codegen.lower.recurrences import distribute

__all__ = ["distribute", "lower"]
