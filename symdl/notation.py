"""The book's naming habits, in one place."""

import re

_ADJOINTS = {"z": ("delta", r"\delta"), "a": ("zeta", r"\zeta")}
BAR = "_bar"  # the end of the name of an adjoint without a symbol of its own
SUBSCRIPT_DIGITS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def adjoint_name(name: str, latex: str) -> tuple[str, str]:
    r"""Return the name and LaTeX of the adjoint ∂C/∂name: δ for a pre-activation z, ζ for an activation a, else a bar.

    >>> adjoint_name("z1", "z^{[1]}")
    ('delta1', '\\delta^{[1]}')
    """
    base = re.match(r"[^\W\d_]*", name)[0]  # type: ignore[index]  # because the pattern matches every string
    rest = name[len(base) :]
    known = _ADJOINTS.get(base)
    if known is None and not latex:
        return f"{name}{BAR}", ""  # the printer makes accents of the words in a name
    if known is None:
        letter, mark, rest = (latex or name).partition("_")
        return f"{name}{BAR}", rf"\bar{{{letter}}}{mark}{rest}"
    word, symbol = known
    if latex.startswith(base):
        return word + rest, symbol + latex[len(base) :]
    return word + rest, symbol + (f"_{{{rest.strip('_')}}}" if rest else "")
