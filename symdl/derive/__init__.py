"""Derivation: partial derivatives of a body, transposed index maps, reverse and forward mode of a system."""

from symdl.derive.forward import forward
from symdl.derive.reverse import reverse

__all__ = ["forward", "reverse"]
