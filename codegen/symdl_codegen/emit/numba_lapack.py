"""Operations of linear algebra as text for one CPU core: copies into LAPACK's order, the call, the result and its sign.

A row-major matrix is LAPACK's transpose of it. ``whole`` holds the integers of a call, from ``whole[0]`` on: sizes,
options as characters, the outcome (``info``), and behind ``PIVOTS`` the pivots. A failure sets ``status`` and fills the
results with NaN.
"""

from typing import TYPE_CHECKING

from symdl_codegen.ir import Routine
from symdl_codegen.lower.linear_algebra import BLOCK, INTEGERS
from symdl_codegen.program import Load
from symdl_codegen.scalars import ZERO, offset

if TYPE_CHECKING:
    from symdl_codegen.emit.numba_cpu import _Writer

ROUTINES_OF = {
    "inverse": ("getrf", "getri"),
    "solve": ("gesv",),
    "determinant": ("getrf",),
    "logdet": ("getrf",),
    "cholesky": ("potrf",),
    "eigh": ("syev",),
    "svd": ("gesvd",),
}
# Names that the lines below bind.
LOCALS = frozenset(
    ["rows", "columns", "least", "p", "q", "k", "e", "turn", "chosen", "entry", "largest", "product", "positive",
     "total", "pivots", "status", "a_at", "b_at", "x_at", "w_at", "v_at", "u_at", "s_at", "v_work", "u_work", "s_work",
     "log", "pointer_int32"]
)  # fmt: skip
INFO, PIVOTS = 6, INTEGERS


class RoutineText:
    """Writes one routine into a kernel."""

    def __init__(self, writer: "_Writer", part: Routine) -> None:
        self.writer, self.part = writer, part
        self.work, self.whole = (writer.names(name, "buffer") for name in (part.work, part.whole))

    def write(self, depth: int) -> None:
        """Add the lines."""
        self.depth = depth
        self.set("rows", self.writer.text(self.part.matrices[0][0]))
        getattr(self, f"_{self.part.op}")()

    def line(self, text: str, deeper: int = 0) -> None:
        """Add a line."""
        self.writer.line(self.depth + deeper, text)

    def lines(self, text: str) -> None:
        """Add several lines, indented among themselves."""
        for line in text.splitlines():
            if line.strip():
                self.line(line)

    def set(self, name: str, value: str) -> None:
        """Bind a local name."""
        self.line(f"{name} = {value}")

    def place(self, load: Load) -> tuple[str, str]:
        """The buffer of a matrix and where in it the matrix begins."""
        shape = self.writer.module.buffers[load.tensor].shape
        indices = (*load.indices, *[ZERO] * (len(shape) - len(load.indices)))
        return self.writer.names(load.tensor, "buffer"), self.writer.text(offset(indices, shape))

    def operand(self, position: int, name: str) -> str:
        """Bind where an operand begins; return its buffer."""
        buffer, start = self.place(self.part.operands[position])
        self.set(f"{name}_at", start)
        return buffer

    def result(self, which: int, name: str) -> str | None:
        """Bind where a result begins and return its buffer; None where nobody asks for it."""
        for number, load in self.part.results:
            if number == which:
                buffer, start = self.place(load)
                self.set(f"{name}_at", start)
                return buffer
        return None

    def integers(self, *values: str) -> None:
        """Set the integers of the call; the outcome starts as 0."""
        for place, value in enumerate(values):
            self.line(f"{self.whole}[{place}] = {value}")
        self.line(f"{self.whole}[{INFO}] = 0")

    def at(self, place: int) -> str:
        """The address of an integer."""
        return f"address({self.whole}, {place})"

    def failed(self, *results: tuple[str | None, str, str], when: str = f"whole[{INFO}] != 0") -> None:
        """Note a failure and fill the results (buffer, start, length) with NaN."""
        self.line(f"if {when.replace('whole', self.whole)}:")
        self.line("status[0] = 1", 1)
        for buffer, start, length in results:
            if buffer is not None:
                self.line(f"for e in range({length}):", 1)
                self.line(f"{buffer}[{start} + e] = real(nan)", 2)

    def copied(
        self, target: str, target_at: str, source: str, source_at: str, rows: str, columns: str, turn: bool
    ) -> None:
        """Copy a matrix, transposed if ``turn``."""
        inner = f"q * {rows} + p" if turn else f"p * {columns} + q"
        self.lines(
            f"for p in range({rows}):\n    for q in range({columns}):\n"
            f"        {target}[{target_at} + {inner}] = {source}[{source_at} + p * {columns} + q]"
        )

    def _inverse(self) -> None:
        a, x = self.operand(0, "a"), self.result(0, "x")
        assert x is not None
        self.copied(x, "x_at", a, "a_at", "rows", "rows", turn=False)
        self.integers("rows", f"rows * {BLOCK}")
        n, info, pivots, where = self.at(0), self.at(INFO), self.at(PIVOTS), f"address({x}, x_at)"
        self.line(f"getrf(getrf_code, {n}, {n}, {where}, {n}, {pivots}, {info})")
        self.line(f"if {self.whole}[{INFO}] == 0:")
        work = f"address({self.work}, 0)"
        self.line(f"getri(getri_code, {n}, {where}, {n}, {pivots}, {work}, {self.at(1)}, {info})", 1)
        self.failed((x, "x_at", "rows * rows"))

    def _solve(self) -> None:
        a, b, x = self.operand(0, "a"), self.operand(1, "b"), self.result(0, "x")
        assert x is not None
        self.set("columns", self.writer.text(self.part.matrices[1][1]))
        self.copied(self.work, "0", a, "a_at", "rows", "rows", turn=True)
        self.copied(self.work, "rows * rows", b, "b_at", "rows", "columns", turn=True)
        self.integers("rows", "columns")
        n, info, right = self.at(0), self.at(INFO), f"address({self.work}, rows * rows)"
        self.line(
            f"gesv(gesv_code, {n}, {self.at(1)}, address({self.work}, 0), {n}, {self.at(PIVOTS)}, {right}, {n}, {info})"
        )
        self.copied(x, "x_at", self.work, "rows * rows", "columns", "rows", turn=True)
        self.failed((x, "x_at", "rows * columns"))

    def _factored(self) -> str:
        a, x = self.operand(0, "a"), self.result(0, "x")
        assert x is not None
        self.copied(self.work, "0", a, "a_at", "rows", "rows", turn=False)
        self.integers("rows")
        n = self.at(0)
        self.line(f"getrf(getrf_code, {n}, {n}, address({self.work}, 0), {n}, {self.at(PIVOTS)}, {self.at(INFO)})")
        self.set("pivots", f"pointer_int32(address({self.whole}, {PIVOTS}))")
        return x

    def _determinant(self) -> None:
        x = self._factored()
        self.lines(
            f"product = real(1.0)\nfor p in range(rows):\n    product *= {self.work}[p * rows + p]\n"
            f"    if pivots[p] != p + 1:\n        product = -product\n{x}[x_at] = product"
        )

    def _logdet(self) -> None:
        x = self._factored()
        self.lines(
            f"positive, total = real(1.0), real(0.0)\nfor p in range(rows):\n    entry = {self.work}[p * rows + p]\n"
            f"    total += log(abs(entry))\n    positive *= sign(entry)\n"
            f"    if pivots[p] != p + 1:\n        positive = -positive\n{x}[x_at] = total"
        )
        self.failed((x, "x_at", "1"), when="not positive > real(0.0)")

    def _cholesky(self) -> None:
        a, x = self.operand(0, "a"), self.result(0, "x")
        assert x is not None
        self.copied(x, "x_at", a, "a_at", "rows", "rows", turn=False)
        self.integers("rows", str(ord("U")))
        n = self.at(0)
        self.line(f"potrf(potrf_code, {self.at(1)}, {n}, address({x}, x_at), {n}, {self.at(INFO)})")
        self.lines(
            f"for p in range(rows):\n    for q in range(p + 1, rows):\n        {x}[x_at + p * rows + q] = real(0.0)"
        )
        self.failed((x, "x_at", "rows * rows"))

    def _eigh(self) -> None:
        a, values, vectors = self.operand(0, "a"), self.result(0, "w"), self.result(1, "v")
        self.copied(self.work, "0", a, "a_at", "rows", "rows", turn=False)
        self.integers("rows", str(ord("V" if vectors else "N")), str(ord("U")), f"rows * {BLOCK + 2}")
        n, start = self.at(0), "rows * rows"
        self.line(
            f"syev(syev_code, {self.at(1)}, {self.at(2)}, {n}, address({self.work}, 0), {n}, "
            f"address({self.work}, {start}), address({self.work}, {start} + rows), {self.at(3)}, {self.at(INFO)})"
        )
        if values:
            self.lines(f"for p in range(rows):\n    {values}[w_at + p] = {self.work}[{start} + p]")
        if vectors:
            entry = f"{self.work}[k * rows + p]"
            self.signed("rows", "rows", entry, [(vectors, "v_at", "rows", entry)])
        self.failed((values, "w_at", "rows"), (vectors, "v_at", "rows * rows"))

    def signed(self, count: str, length: str, decides: str, targets: list[tuple[str | None, str, str, str]]) -> None:
        """Copy columns to the targets, with the sign that makes the first large entry of the deciding one positive.

        ``decides`` is entry p of column k; a target is (buffer, start, rows, entry p of column k).
        """
        self.lines(
            f"for k in range({count}):\n    largest = real(0.0)\n    for p in range({length}):\n"
            f"        largest = max(largest, abs({decides}))\n"
            f"    turn, chosen = real(1.0), False\n    for p in range({length}):\n"
            f"        if not chosen and abs({decides}) >= real(0.7) * largest:\n"
            f"            turn, chosen = real(1.0) if {decides} >= real(0.0) else real(-1.0), True"
        )
        for buffer, start, rows, entry in targets:
            if buffer is not None:
                self.lines(f"    for p in range({rows}):\n        {buffer}[{start} + p * {count} + k] = turn * {entry}")

    def _svd(self) -> None:
        """LAPACK sees Aᵀ = V S Uᵀ: its left vectors are V, column by column, and its right ones U, row by row."""
        a = self.operand(0, "a")
        left, values, right = self.result(0, "u"), self.result(1, "s"), self.result(2, "v")
        self.set("columns", self.writer.text(self.part.matrices[0][1]))
        self.set("least", "min(rows, columns)")
        self.copied(self.work, "0", a, "a_at", "rows", "columns", turn=False)
        self.set("v_work", "rows * columns")
        self.set("u_work", "v_work + columns * least")
        self.set("s_work", "u_work + least * rows")
        length = f"(rows + columns) * {BLOCK + 4}"
        self.integers("columns", "rows", "least", str(ord("S")), length)
        info, job = self.at(INFO), self.at(3)
        self.line(
            f"gesvd(gesvd_code, {job}, {job}, {self.at(0)}, {self.at(1)}, address({self.work}, 0), {self.at(0)}, "
            f"address({self.work}, s_work), address({self.work}, v_work), {self.at(0)}, "
            f"address({self.work}, u_work), {self.at(2)}, address({self.work}, s_work + least), {self.at(4)}, {info})"
        )
        if values:
            self.lines(f"for p in range(least):\n    {values}[s_at + p] = {self.work}[s_work + p]")
        if left or right:
            u, v = f"{self.work}[u_work + p * least + k]", f"{self.work}[v_work + k * columns + p]"
            self.signed("least", "rows", u, [(left, "u_at", "rows", u), (right, "v_at", "columns", v)])
        self.failed((left, "u_at", "rows * least"), (values, "s_at", "least"), (right, "v_at", "columns * least"))


__all__ = ["LOCALS", "ROUTINES_OF", "RoutineText"]
