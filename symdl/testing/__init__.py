"""Hypothesis strategies for expressions: random sizes, values and whole models in the three notations.

    from hypothesis import given
    from symdl.testing import models

    @given(models())
    def test_gradient(model): ...

Needs hypothesis, which ``pip install symdl[test]`` brings; nothing else of symdl imports this package.
"""

from symdl.testing.indexed import indexed_models
from symdl.testing.matrices import matrix_models
from symdl.testing.model import Model, models
from symdl.testing.tensors import tensor_models

__all__ = ["Model", "indexed_models", "matrix_models", "models", "tensor_models"]
