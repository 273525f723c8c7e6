"""Program -> loop IR."""

from symdl_codegen.lower.equations import lower

__all__ = ["lower"]
