"""What a newcomer mistypes first."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError, ShapeError


def test_a_misspelt_name_suggests_the_right_one():
    with pytest.raises(AttributeError, match="symdl has no attribute 'sigmod'; did you mean 'sigmoid'"):
        _ = sd.sigmod


def test_sizes_need_names():
    with pytest.raises(ShapeError, match="dims: expected the names of sizes"):
        sd.dims("")


def test_predict_takes_a_mapping():
    x, w, y = sd.vector("x", 2), sd.vector("w", 2), sd.scalar("y")
    model = sd.Model(loss=(w @ x - y) ** 2, parameters=[w], inputs=[x], targets=[y], outputs={"y_hat": w @ x})
    with pytest.raises(InputError, match="mapping"):
        model.predict(np.ones((3, 2)), target="numpy")
