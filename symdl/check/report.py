"""What a check found, as a table."""

import html
from dataclasses import dataclass

HEAD = ("variable", "derivative", "against", "error", "allowed", "")


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        variable: Name of the variable.
        derivative: What was tested: ``gradient, closed form``, ``Hessian`` ...
        against: The independent witness.
        error: The largest difference, relative to the sum of absolute terms.
        allowed: The error that is allowed.
        remark: Why the comparison does not count, for instance a kink nearby; empty where it counts.
    """

    variable: str
    derivative: str
    against: str
    error: float
    allowed: float
    remark: str = ""

    @property
    def ok(self) -> bool:
        """Whether the error is allowed, or does not count."""
        return bool(self.remark) or self.error <= self.allowed  # NaN is not allowed

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        mark = self.remark or ("ok" if self.ok else "FAILED")
        return (self.variable, self.derivative, self.against, f"{self.error:.1e}", f"{self.allowed:.1e}", mark)


@dataclass(frozen=True)
class Report:
    """The outcome of ``sd.check``; prints as a table.

    Attributes:
        rows: The comparisons.
        sizes: The sizes they were made with.
        remarks: What a reader should know: kinks nearby, comparisons left out.
    """

    rows: tuple[Row, ...]
    sizes: dict[str, int]
    remarks: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all comparisons that count agree, and there is at least one."""
        return all(row.ok for row in self.rows) and any(not row.remark for row in self.rows)

    @property
    def failures(self) -> tuple[Row, ...]:
        """The comparisons that do not agree."""
        return tuple(row for row in self.rows if not row.ok)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        table = [HEAD, *(row.cells for row in self.rows)]
        widths = [max(len(cells[k]) for cells in table) for k in range(len(HEAD))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip() for cells in table
        ]
        lines.insert(1, "  ".join("-" * width for width in widths[:-1]))
        return "\n".join([self.summary, *lines, *self.remarks])

    @property
    def summary(self) -> str:
        """One line: how many comparisons agree, and at which sizes."""
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        verdict = "all agree" if self.ok else f"{len(self.failures)} FAILED"
        return f"{len(self.rows)} comparisons of derivatives{' with ' + sizes if sizes else ''}: {verdict}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "".join(line(row.cells, "td") for row in self.rows)
        remarks = "".join(f"<p>{html.escape(remark)}</p>" for remark in self.remarks)
        return f"<p>{html.escape(self.summary)}</p><table>{line(HEAD, 'th')}{body}</table>{remarks}"
