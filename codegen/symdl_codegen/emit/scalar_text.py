"""Scalars as Python text with no more parentheses than needed; shared by every backend that emits Python."""

from collections.abc import Callable
from dataclasses import dataclass

from symdl_codegen.ir import Apply, Scalar

# Python's binding strength, weakest first.
CHOICE, NOT, COMPARE, OR, AND, SUM, PRODUCT, NEGATIVE, ATOM = range(9)


@dataclass(frozen=True, slots=True)
class Infix:
    """An operator of the emitted language and how strongly it binds."""

    symbol: str
    strength: int


@dataclass(frozen=True, slots=True)
class Prefix:
    """A prefix operator of the emitted language."""

    symbol: str
    strength: int


Entry = str | Infix | Prefix  # a string is a call; the arguments stand for {0}, {1}, ...; a variadic one is nested


class ScalarText:
    """Writes scalars by a table over the primitives and a callback for everything that is not an Apply."""

    def __init__(
        self,
        table: dict[str, Entry],
        leaf: Callable[[Scalar], tuple[str, int]],
        special: Callable[[Apply], tuple[str, int] | None] = lambda scalar: None,
    ) -> None:
        self.table, self.leaf, self.special = table, leaf, special

    def __call__(self, scalar: Scalar, strength: int = CHOICE) -> str:
        """``scalar`` as text that may stand where an operand of at least ``strength`` is expected."""
        text, own = self.write(scalar)
        return f"({text})" if own < strength else text

    def write(self, scalar: Scalar) -> tuple[str, int]:
        """``scalar`` as text with its binding strength."""
        if not isinstance(scalar, Apply):
            return self.leaf(scalar)
        special = self.special(scalar)
        if special is not None:
            return special
        entry = self.table[scalar.primitive]
        if isinstance(entry, Prefix):
            return f"{entry.symbol}{self(scalar.arguments[0], entry.strength)}", entry.strength
        if isinstance(entry, Infix):
            return self._infix(scalar, entry), entry.strength
        parts = [self(argument) for argument in scalar.arguments]
        if "{2}" in entry or "{1}" not in entry:
            return entry.format(*parts), ATOM
        text = parts[0]
        for part in parts[1:]:
            text = entry.format(text, part)
        return text, ATOM

    def _infix(self, scalar: Apply, entry: Infix) -> str:
        first, *rest = scalar.arguments
        text = self(first, entry.strength + (entry.strength == COMPARE))
        for argument in rest:
            if scalar.primitive == "add" and isinstance(argument, Apply) and argument.primitive == "neg":
                text += f" - {self(argument.arguments[0], entry.strength + 1)}"
            else:
                text += f" {entry.symbol} {self(argument, entry.strength + 1)}"
        return text
