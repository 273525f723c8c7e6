"""The bundled text: alphabet, held-out share and windows."""

import numpy as np
import pytest

import symdl as sd
from symdl.data import as_text, topics, window_split

TEXT = as_text("small", "abracadabra")


def test_topics():
    text = topics()
    assert 400_000 < len(text) < 600_000
    assert "".join(text.characters) == "".join(sorted(set(text.characters)))
    assert "statement" in text.decode(text.codes[:10_000])
    train, test = text.divide()
    assert len(test) == round(len(text) / 10)
    assert train.decode(train.codes) + test.decode(test.codes) == text.decode(text.codes)


def test_codes():
    assert TEXT.characters == ("a", "b", "c", "d", "r")
    np.testing.assert_array_equal(TEXT.encode("bad"), [1, 0, 3])
    assert TEXT.decode(TEXT.codes) == "abracadabra"
    with pytest.raises(sd.errors.InputError, match=r"small: the alphabet of 5 characters does not have \['e', 'z'\]"):
        TEXT.encode("zebra")


def test_windows():
    data = TEXT.windows(4)
    assert [TEXT.decode(row) for row in data.x] == ["abra", "cada"]
    assert [TEXT.decode(row) for row in data.y] == ["brac", "adab"]
    assert [TEXT.decode(row) for row in TEXT.windows(4, 3).x] == ["abra", "acad", "dabr"]
    assert data.classes == TEXT.characters
    assert [TEXT.decode(row) for row in data.take([1]).x] == ["cada"]


def test_split():
    division = window_split(topics(), 64, 16)
    assert division.held_out
    assert division.train.x.shape == division.train.y.shape
    assert division.test.x.shape[1] == 64
    np.testing.assert_array_equal(division.train.x[1, :-16], division.train.x[0, 16:])
    np.testing.assert_array_equal(division.test.x[:, 1:], division.test.y[:, :-1])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: TEXT.divide(1.5), r"held_out must be a share in \(0, 1\), found 1.5"),
        (lambda: TEXT.windows(0), "expected a length and a stride of at least 1, found 0 and 0"),
        (lambda: TEXT.windows(11), "11 characters hold no window of 11 and the one after it"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(sd.errors.InputError, match=message):
        call()
