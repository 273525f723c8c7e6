"""Random systems in three notations: every way to a derivative gives the same one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.testing import indexed_models, matrix_models, tensor_models
from tests.property.witness import check_first_order, check_second_order, check_value

NOTATIONS = {"tensors": tensor_models, "matrices": matrix_models, "indexed": indexed_models}
seeds = st.integers(0, 2**16)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_values(notation):
    @settings(max_examples=150)
    @given(NOTATIONS[notation]())
    def check(model):
        check_value(model)

    check()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_first_order(notation):
    @settings(max_examples=60)
    @given(NOTATIONS[notation](), seeds)
    def check(model, seed):
        check_first_order(model, np.random.default_rng(seed))

    check()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_second_order(notation):
    @settings(max_examples=30)
    @given(NOTATIONS[notation](steps=4), st.integers(0, 3), seeds)
    def check(model, place, seed):
        check_second_order(model, np.random.default_rng(seed), place)

    check()
