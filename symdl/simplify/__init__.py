"""Exact simplification of systems: algebra, Kronecker deltas, sums, declared facts, recognition of named functions."""

from symdl.simplify.simplify import Simplified, simplify

__all__ = ["Simplified", "simplify"]
