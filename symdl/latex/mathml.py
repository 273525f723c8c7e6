r"""LaTeX as MathML, so that a page shows formulas without a network: latex2mathml, its gaps closed.

The gaps: ``aligned`` keeps its ``&``; ``\arg`` is unknown; bold digits are not bold in browsers (MathML Core knows no
bold variant, so Unicode's bold digits stand in); accents are set as terms, names of functions and parentheses with too
much or too little space; columns are centred.
"""

import re

_THIN = "0.167em"
_BEFORE = (
    (r"\begin{aligned}", r"\begin{align*}"),
    (r"\end{aligned}", r"\end{align*}"),
    (r"\arg\max", r"\text{arg max}"),
    (r"\arg\min", r"\text{arg min}"),
)
_AFTER = (
    (r"<mover>", r'<mover accent="true">'),
    # As an accent a bar touches its letter: the browser's font draws it low.
    (r'<mover accent="true">((?:(?!</?mover).)*<mo stretchy="true">&#x000AF;)', r"<mover>\1"),
    (r"<m[io]>([a-z]{2,})</m[io]>", rf'<mo lspace="{_THIN}" rspace="{_THIN}">\1</mo>'),
    (rf' rspace="{_THIN}">([a-z]+</mo>(?:</mrow>)?<mrow><mo stretchy="true" fence="true")', r' rspace="0">\1'),
    (r'(<mo stretchy="true" fence="true")', r'\1 lspace="0" rspace="0"'),
    (r'columnalign="left"><mi />', r'style="text-align: left; padding-left: 0">'),
    (r'columnalign="right"', r'style="text-align: right; padding-right: 0"'),
    (r'columnalign="left"', r'style="text-align: left"'),
)
_BOLD_ZERO = ord("𝟎")


def mathml(tex: str, display: bool = False) -> str:
    """Return a ``<math>`` element.

    Args:
        tex: A formula as symdl prints it, without dollar signs.
        display: Set as a block of its own.
    """
    from latex2mathml.converter import convert

    for found, replacement in _BEFORE:
        tex = tex.replace(found, replacement)
    markup = convert(tex.strip(), display="block" if display else "inline")
    markup = re.sub(r'<mn mathvariant="bold">(\d+)</mn>', _bold, markup)
    for pattern, replacement in _AFTER:
        markup = re.sub(pattern, replacement, markup)
    return markup


def _bold(match: re.Match[str]) -> str:
    return f"<mn>{''.join(chr(_BOLD_ZERO + int(digit)) for digit in match[1])}</mn>"
