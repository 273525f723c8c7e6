"""What ``sd.stability`` found, as a table."""

import html
import math
from dataclasses import dataclass

HEAD = ("formula", "type", "bits lost, as written", "as compiled", "worst at", "rewrites")
BITS = 2.0


@dataclass(frozen=True)
class StabilityRow:
    """One formula in one floating-point type.

    Attributes:
        formula: ``value``, ``gradient x`` or ``Hessian x``.
        dtype: ``float32`` or ``float64``.
        before: Bits lost by the formula as written, each function by its definition; inf for NaN and overflow.
        after: Bits lost by the compiled formula.
        worst: The entry of the variable where the compiled formula loses most, as text.
        rules: Names of the stable forms that were used.
        points: How many results were compared.
    """

    formula: str
    dtype: str
    before: float
    after: float
    worst: str
    rules: tuple[str, ...]
    points: int

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        return (self.formula, self.dtype, bits(self.before), bits(self.after), self.worst, ", ".join(self.rules))


def bits(lost: float) -> str:
    """Return a number of bits as text; what is not finite has lost all of them."""
    return f"{lost:.1f}" if math.isfinite(lost) else "all (not finite)"


@dataclass(frozen=True)
class StabilityReport:
    """The outcome of ``sd.stability``; prints as a table.

    Attributes:
        rows: One for each formula and floating-point type.
        ranges: The ranges of the variables.
    """

    rows: tuple[StabilityRow, ...]
    ranges: dict[str, tuple[float, float]]

    def ok(self, bits: float = BITS) -> bool:
        """Whether no compiled formula loses more bits than that, and something was compared."""
        return not self.failures(bits) and any(row.points for row in self.rows)

    def failures(self, bits: float = BITS) -> tuple[StabilityRow, ...]:
        """The rows in which the compiled formula loses more bits."""
        return tuple(row for row in self.rows if not row.after <= bits)

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of all stable forms that were used."""
        return tuple(dict.fromkeys(rule for row in self.rows for rule in row.rules))

    @property
    def summary(self) -> str:
        """One line: the ranges, and the largest loss."""
        ranges = ", ".join(f"{name} in [{low:g}, {high:g}]" for name, (low, high) in self.ranges.items())
        worst = max((row.after for row in self.rows), default=0.0)
        return f"bits lost beyond rounding of the inputs, {ranges}: at most {bits(worst)} as compiled"

    def __str__(self) -> str:
        table = [HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(cells[k]) for cells in table) for k in range(len(HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([self.summary, *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line(row.cells, "td") for row in self.rows)
        return f"<p>{html.escape(self.summary)}</p><table>{line(HEAD, 'th')}{body}</table>"
