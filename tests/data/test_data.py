"""The bundled data, their splits and their scale."""

import sys

import numpy as np
import pytest

import symdl as sd
from symdl.data import DATASETS, Split, folds, split, standardise

SIZES = {"diabetes": (442, 10), "breast_cancer": (569, 30), "iris": (150, 4), "wine": (178, 13), "digits": (1797, 64)}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    data = DATASETS[name]()
    assert data.x.shape == SIZES[name]
    assert len(data) == len(data.y) == SIZES[name][0]
    assert len(data.features) == SIZES[name][1]
    assert set(DATASETS) == set(SIZES)
    if data.classes:
        assert set(data.y) == set(range(len(data.classes)))
    else:
        assert data.y.dtype == np.float64


def test_digits_are_scaled():
    assert sd.data.digits().x.max() == 1.0
    assert sd.data.digits().x.min() == 0.0


def test_a_split_keeps_the_shares_of_classes():
    division = split(sd.data.digits(), 0.2)
    assert len(division.test) == 360
    assert division.held_out
    shares = [np.bincount(part.y) / len(part) for part in (division.train, division.test)]
    np.testing.assert_allclose(*shares, atol=0.003)


def test_splits_depend_on_the_seed_alone():
    first, again, other = (split(sd.data.diabetes(), 0.3, seed).test.x for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_folds_cover_the_data():
    data = sd.data.iris()
    parts = folds(data, 5)
    assert [len(part.test) for part in parts] == [30] * 5
    assert sum(part.test.x.sum() for part in parts) == pytest.approx(data.x.sum())


def test_standardisation_uses_the_training_part_only():
    division = standardise(split(sd.data.wine(), 0.2))
    np.testing.assert_allclose(division.train.x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(division.train.x.std(axis=0), 1)
    assert abs(division.test.x.mean(axis=0)).max() > 0.01
    data = sd.data.digits()
    both = standardise(Split(data, data))
    assert not both.held_out
    constant = data.x.std(axis=0) == 0
    assert constant.any()
    assert (both.train.x[:, constant] == 0).all()


def test_some_columns():
    data = sd.data.wine()
    scaled = standardise(Split(data, data), columns=[0, 2]).train
    np.testing.assert_allclose(scaled.x[:, 0].std(), 1)
    np.testing.assert_array_equal(scaled.x[:, 1], data.x[:, 1])


def test_bad_arguments():
    with pytest.raises(sd.errors.InputError, match=r"split: test must be a share in \(0, 1\), found 2"):
        split(sd.data.iris(), 2)
    with pytest.raises(sd.errors.InputError, match="folds: expected at least 2, found 1"):
        folds(sd.data.iris(), 1)


def test_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(sd.errors.InputError, match=r"need scikit-learn: pip install 'symdl\[data\]'"):
        sd.data.iris()
