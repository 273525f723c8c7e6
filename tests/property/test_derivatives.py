"""Random systems in three notations: every way to a derivative gives the same one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from symdl.testing import indexed_models, matrix_models, tensor_models
from tests.property.witness import check_first_order, check_second_order, check_value

NOTATIONS = {"tensors": tensor_models, "matrices": matrix_models, "indexed": indexed_models}
seeds = st.integers(0, 2**16)


def first_order(notation, examples):
    @settings(max_examples=examples)
    @given(NOTATIONS[notation](), seeds)
    def run(model, seed):
        check_first_order(model, np.random.default_rng(seed))

    run()


def second_order(notation, examples):
    @settings(max_examples=examples)
    @given(NOTATIONS[notation](steps=4), st.integers(0, 3), seeds)
    def run(model, place, seed):
        check_second_order(model, np.random.default_rng(seed), place)

    run()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_values(notation):
    @settings(max_examples=100)
    @given(NOTATIONS[notation]())
    def run(model):
        check_value(model)

    run()


@pytest.mark.parametrize("notation", NOTATIONS)
def test_first_order(notation):
    first_order(notation, 40)


@pytest.mark.parametrize("notation", NOTATIONS)
def test_second_order(notation):
    second_order(notation, 15)


@pytest.mark.slow
@pytest.mark.parametrize("notation", NOTATIONS)
def test_first_order_of_many(notation):
    first_order(notation, 500)


@pytest.mark.slow
@pytest.mark.parametrize("notation", NOTATIONS)
def test_second_order_of_many(notation):
    second_order(notation, 200)
