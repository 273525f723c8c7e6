"""Every read and write of a Program stays inside its tensor: shown for each tuple of sizes, or refused."""

from symdl_codegen.bounds.accesses import Bounds

__all__ = ["Bounds"]
