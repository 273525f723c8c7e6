"""Characters of a text as integers, cut into windows: what a model of the next character is trained on; book §7.1."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from symdl.data.dataset import Dataset, Split
from symdl.errors import InputError


@dataclass(frozen=True)
class Text:
    """A text over an alphabet.

    Attributes:
        name: Its name.
        codes: The characters (n,) as int64: positions in ``characters``.
        characters: The alphabet in the order of code points, so that it depends on the text alone.
        source: Where it is from.
    """

    name: str
    codes: np.ndarray
    characters: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.codes)

    def encode(self, text: str) -> np.ndarray:
        """Return the codes of a string.

        Raises:
            InputError: for a character that is not in the alphabet.
        """
        place = {character: code for code, character in enumerate(self.characters)}
        unknown = sorted(set(text) - set(place))
        if unknown:
            raise InputError(f"{self.name}: the alphabet of {len(place)} characters does not have {unknown}")
        return np.array([place[character] for character in text], dtype=np.int64)

    def decode(self, codes: Iterable[int]) -> str:
        """Return the string of some codes."""
        return "".join(self.characters[code] for code in codes)

    def divide(self, held_out: float = 0.1) -> tuple["Text", "Text"]:
        """Return the text up to its last ``held_out`` share, and that share; both over the same alphabet.

        Raises:
            InputError: unless 0 < held_out < 1.
        """
        if not 0 < held_out < 1:
            raise InputError(f"{self.name}: held_out must be a share in (0, 1), found {held_out}")
        end = len(self) - round(len(self) * held_out)
        return replace(self, codes=self.codes[:end]), replace(self, codes=self.codes[end:])

    def windows(self, length: int, stride: int | None = None) -> Dataset:
        """Return stretches of the text: ``x`` (windows, length), and in ``y`` the character after each of them.

        Both are views of the text without copies; what is left after the last whole window is not among them.

        Args:
            length: The number T of characters in a window.
            stride: How far each window starts behind the one before it; ``length``, if not given, so that each
                character is predicted once.

        Raises:
            InputError: for a length or stride below 1, or a text that holds no window.
        """
        step = length if stride is None else stride
        if length < 1 or step < 1:
            raise InputError(f"{self.name}: expected a length and a stride of at least 1, found {length} and {step}")
        if len(self) <= length:
            raise InputError(f"{self.name}: {len(self)} characters hold no window of {length} and the one after it")
        stretches = np.lib.stride_tricks.sliding_window_view(self.codes, length + 1)[::step]
        return Dataset(self.name, stretches[:, :-1], stretches[:, 1:], (), self.characters, self.source)


def topics() -> Text:
    """Return the help topics of the Python language that the standard library carries, sorted by name.

    About 465 000 characters of 103 kinds; the text differs a little between versions of Python.
    """
    from pydoc_data.topics import topics as found

    return as_text("topics", "\n".join(found[name] for name in sorted(found)), "pydoc_data.topics, standard library")


def as_text(name: str, text: str, source: str = "") -> Text:
    """Return a string as a text over the characters that occur in it."""
    characters = tuple(sorted(set(text)))
    place = {character: code for code, character in enumerate(characters)}
    codes = np.fromiter((place[character] for character in text), np.int64, len(text))
    return Text(name, codes, characters, source)


def window_split(
    text: Text, length: int, stride: int | None = None, held_out: float = 0.1, test_length: int | None = None
) -> Split:
    """Return windows to train on, and windows of the text's last share, each character of which is predicted once.

    Args:
        text: The text.
        length: The number of characters in a window.
        stride: Between the windows to train on; ``length``, if not given.
        held_out: The share at the end that is tested on.
        test_length: The number of characters in a window to test on; ``length``, if not given.
    """
    train, test = text.divide(held_out)
    return Split(train.windows(length, stride), test.windows(test_length or length))
