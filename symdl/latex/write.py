r"""Forms as LaTeX text: parentheses where precedence asks for them, and nowhere else.

From loose to tight: sums; element-wise products and quotients; products by juxtaposition; powers; names and functions.
So ``y \odot X w`` is y ⊙ (X w).
"""

from dataclasses import dataclass
from functools import lru_cache, singledispatch

from symdl.latex.forms import Form, Sum

SUM, HADAMARD, PRODUCT, POWER, ATOM = range(5)


def text(form: Form) -> str:
    """Return the LaTeX of a form."""
    return write(form)[0]


def parenthesised(content: str) -> str:
    """Return text in parentheses that grow with it."""
    return rf"\left({content}\right)"


def within(form: Form, level: int) -> str:
    """Return the LaTeX of a part, in parentheses unless it binds at least as tightly as ``level``."""
    content, own = write(form)
    return content if own >= level else parenthesised(content)


def entry(form: Form) -> Form:
    """Return an operand of an element-wise operation: there a number is added to a matrix without being spelled out."""
    return Entrywise(form) if isinstance(form, Sum) and form.is_matrix else form


@dataclass(frozen=True)
class Entrywise(Form):
    """A sum of matrices inside an element-wise operation."""

    arg: Sum


@lru_cache(maxsize=20_000)
def write(form: Form) -> tuple[str, int]:
    """Return the LaTeX of a form and how tightly it binds."""
    return typeset(form)


@singledispatch
def typeset(form: Form) -> tuple[str, int]:
    """Return the LaTeX and precedence of one kind of form; the kinds register themselves."""
    raise TypeError(f"{type(form).__name__} has no LaTeX")
