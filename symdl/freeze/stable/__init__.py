"""Stable forms: exact rewrites of a system after which floating-point numbers keep their digits.

They are applied to values and to derived gradients alike, once, before kernels are generated; they are never derived.
``rules`` has the identities of scalars as data, ``exponentials``, ``algebra`` and ``taylor`` those that take a
computation to find, and ``system`` what needs equations of its own: shifted sums of exponentials, what is left of a
softmax beside one entry, the variance about the mean.
"""

from symdl.freeze.stable.rule import Firing, Rule
from symdl.freeze.stable.system import stabilise
from symdl.freeze.stable.table import RULES

__all__ = ["RULES", "Firing", "Rule", "stabilise"]
