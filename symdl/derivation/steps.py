"""What a derivation consists of, and how it prints: numbered steps as LaTeX, as Unicode text, in Jupyter."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from symdl.derivation.plain import plain, plain_text, width
from symdl.derivation.rules import in_layout
from symdl.expr.nodes import Tensor
from symdl.latex import latex
from symdl.latex.printer import layout_note, turns

FORWARD, BACKWARD, GRADIENT, JACOBIAN, HESSIAN = PARTS = ("forward", "backward", "gradient", "Jacobian", "Hessian")


@dataclass(frozen=True)
class Step:
    """One line of a derivation: ``left = right`` by ``rule``.

    Attributes:
        number: Its number, from 1.
        left: The left side in LaTeX.
        right: The right side in LaTeX.
        rule: Why it holds: prose, with formulas between dollar signs.
        part: ``forward`` (the equations as declared), ``backward`` (adjoints, from the loss back), ``gradient``,
            ``Jacobian`` or ``Hessian``.
        value: The right side as an expression, where it is one.
        turned: The right side transposed, where it is a derivative but no expression.
        derivative: For a derivative, the orders of what is derived and of the variable.
    """

    number: int
    left: str
    right: str
    rule: str
    part: str = GRADIENT
    value: Any = None
    turned: str = ""
    derivative: tuple[int, int] | None = None

    def right_in(self, layout: str) -> str:
        """Return the right side in a layout of derivatives; see ``sd.latex``."""
        if self.value is not None:
            return latex(self.value, layout=layout)
        right = self.turned if turns(layout, self.derivative) else self.right
        return right + layout_note(layout, self.derivative)


@dataclass(frozen=True)
class Derivation:
    """A derivation, printable as text, as LaTeX and in Jupyter; made by ``sd.derivation``.

    Attributes:
        title: What is derived, in LaTeX.
        steps: The numbered steps: forward equations, adjoints from the loss back, results.
        results: The derived gradients, simplified; for order 2 the Hessian.
        notes: The derivatives of functions that were used and the conventions that hold, as ``Step.rule``.
    """

    title: str
    steps: tuple[Step, ...]
    results: tuple[Any, ...]
    notes: tuple[str, ...] = ()

    def latex(self, layout: str = "book") -> str:
        """Return the steps as an ``aligned`` block, each with its number and rule.

        Args:
            layout: How derivatives are arranged, ``"book"``, ``"numerator"`` or ``"denominator"``, as for ``sd.latex``.
                Adjoints that have a name keep the shape of what they belong to.
        """
        return aligned(self.in_layout(layout).steps)

    def in_layout(self, layout: str) -> "Derivation":
        """Return the derivation with the right sides of derivatives as a layout arranges them.

        Raises:
            ExpressionError: for an unknown layout.
        """
        steps = tuple(replace(step, right=step.right_in(layout)) for step in self.steps)
        return replace(self, steps=steps, notes=tuple(in_layout(note, layout) for note in self.notes))

    def parts(self) -> list[tuple[str, tuple[Step, ...]]]:
        """Return the steps by part, in order."""
        found = [(part, tuple(step for step in self.steps if step.part == part)) for part in PARTS]
        return [(part, steps) for part, steps in found if steps]

    def text(self) -> str:
        """Return the derivation in Unicode, a line a step, parts apart, notes at the end."""
        lines = [(step, plain(step.left), plain(step.right)) for step in self.steps]
        left = max((width(line[1]) for line in lines), default=0)
        right = max((width(line[2]) for line in lines if width(line[2]) <= 60), default=0)
        rows, part = [], self.steps[0].part if self.steps else ""
        for step, first, second in lines:
            if step.part != part:
                rows.append("")
            part = step.part
            gap = " " * (left - width(first)), " " * (right - width(second))
            rows.append(f"({step.number:2}) {first}{gap[0]} = {second}{gap[1]}   {plain_text(step.rule)}".rstrip())
        if self.notes:
            rows += ["", *(f"     {plain_text(note)}" for note in self.notes)]
        return "\n".join(rows)

    def html(self) -> str:
        """Return the derivation as a web page that needs no network."""
        from symdl.derivation.page import page

        return page(self)

    def _repr_latex_(self) -> str:
        return f"$$ {self.latex()} $$"

    def __str__(self) -> str:
        return self.text()


@dataclass
class Lines:
    """Steps under construction, numbered as they are added."""

    steps: list[Step] = field(default_factory=list)

    def add(self, part: str, left: str, value: Any, rule: str, turned: str = "", orders: Any = None) -> None:
        """Add a step; ``value`` is an expression, or LaTeX: of a derivative with its transpose and its orders."""
        given = isinstance(value, str)
        right = value if given else latex(value)
        if part == GRADIENT and isinstance(value, Tensor):
            value = value.marked((0, value.order))
        self.steps.append(Step(len(self.steps) + 1, left, right, rule, part, None if given else value, turned, orders))


def aligned(steps: Sequence[Step]) -> str:
    """Return steps as one LaTeX ``aligned`` block."""
    rows = [rf"({step.number})\quad & {step.left} = {step.right} && \text{{{step.rule}}}" for step in steps]
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"
