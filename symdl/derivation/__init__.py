"""Derivations step by step: intermediates named as a book does, each adjoint with its rule, then the closed form."""

from symdl.derivation.gradient import derivation
from symdl.derivation.plain import plain, plain_rows, plain_text
from symdl.derivation.steps import PARTS, Derivation, Step, aligned

__all__ = ["PARTS", "Derivation", "Step", "aligned", "derivation", "plain", "plain_rows", "plain_text"]
