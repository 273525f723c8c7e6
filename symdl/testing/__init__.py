"""Hypothesis strategies for expressions: random sizes, values and whole models in the three notations.

    from hypothesis import given
    from symdl.testing import models

    @given(models())
    def test_gradient(model): ...

    @given(structure_models("attention"))  # or another key of STRUCTURES; any of them by default
    def test_attention(model): ...

Needs hypothesis, which ``pip install symdl[test]`` brings; nothing else of symdl imports this package.
"""

from symdl.testing.indexed import indexed_models
from symdl.testing.matrices import matrix_models
from symdl.testing.model import Model, models
from symdl.testing.structures import IN_A_STEP, PLACES, STRUCTURES, structure_models
from symdl.testing.tensors import tensor_models

__all__ = [
    "IN_A_STEP",
    "PLACES",
    "STRUCTURES",
    "Model",
    "indexed_models",
    "matrix_models",
    "models",
    "structure_models",
    "tensor_models",
]
