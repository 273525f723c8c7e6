"""Program -> loop IR."""

from symdl_codegen.lower.equations import lower
from symdl_codegen.lower.lengths import lengths_as_sizes
from symdl_codegen.lower.recurrences import distribute

__all__ = ["distribute", "lengths_as_sizes", "lower"]
