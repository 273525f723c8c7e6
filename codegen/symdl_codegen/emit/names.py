"""Identifiers for emitted text: readable, ASCII, unique."""

import keyword
import re
import unicodedata


class Names:
    """Gives each name of a program an identifier of its own, the same one every time it is asked."""

    def __init__(self, reserved: frozenset[str] = frozenset()) -> None:
        self.reserved = reserved
        self.given: dict[tuple[str, str], str] = {}

    def __call__(self, name: str, kind: str = "") -> str:
        """The identifier of ``name``; ``kind`` separates name spaces (a size and an index may share a name)."""
        key = (kind, name)
        if key not in self.given:
            base, number = identifier(name), 2
            candidate = base
            taken = set(self.given.values())
            while candidate in taken or candidate in self.reserved or keyword.iskeyword(candidate):
                candidate, number = f"{base}_{number}", number + 1
            self.given[key] = candidate
        return self.given[key]


def identifier(name: str) -> str:
    """``name`` as an ASCII identifier: Greek letters by their names, all else that does not fit as underscores."""
    spelled = "".join(char if char.isascii() else _spelled(char) for char in name)
    cleaned = re.sub(r"\W+", "_", spelled).strip("_") or "x"
    return f"_{cleaned}" if cleaned[0].isdigit() else cleaned


def _spelled(char: str) -> str:
    words = unicodedata.name(char, "x").lower().split()
    return words[-1] if "letter" in words else "_"
