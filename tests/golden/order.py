r"""LaTeX up to the order of what commutes: terms of a sum, ⊙ and ⊘. So a book's formula need not know a printer's.

Products by juxtaposition keep their order, as matrices do not commute.
"""

import re

CLOSING = {"{": "}", "(": ")", "[": "]", "|": "|", r"\lVert": r"\rVert"}
ENTRYWISE = {r"\odot", r"\oslash"}
ORDERED = {"&", r"\\", ",", "=", "<", ">", r"\leftarrow", r"\geq", r"\le", r"\quad"}
SIZES = {r"\left", r"\right"}


def plain(tex):
    """Return LaTeX without white space and sizes of parentheses."""
    return re.sub(r"\s|\\left|\\right|\{\}", "", tex.replace(r"\text{", r"\mathrm{"))


def canonical(tex):
    """Return LaTeX with the terms of sums and the factors of ⊙ and ⊘ sorted on all levels, its signs apart."""
    text = tex.replace(r"\text{", r"\mathrm{").replace("{}", "")
    tokens = re.findall(r"\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\\S|\S", text)
    tokens = [token for token in tokens if token not in SIZES]
    return _written(_grouped(tokens, None))


def _grouped(tokens, closing):
    """Take tokens up to ``closing``, groups in parentheses written."""
    found = []
    while tokens and tokens[0] != closing:
        token = tokens.pop(0)
        if token in CLOSING:
            found.append(f"{token} {_written(_grouped(tokens, CLOSING[token]))} {CLOSING[token]}")
        else:
            found.append(token)
    assert tokens or closing is None, f"no {closing}"
    if tokens:
        tokens.pop(0)
    return found


def _written(items):
    """Write items, what stands between marks such as = and & for itself."""
    pieces = _split(items, lambda item: item in ORDERED or item.startswith((r"\begin{", r"\end{")))
    return " ".join(" ".join([mark, *sorted(map(_term, _split(piece, "+-".__contains__)))]) for mark, piece in pieces)


def _split(items, is_mark):
    """Return (mark before it, part) for the parts between marks; without a first part that is empty."""
    found = [("", [])]
    for item in items:
        if is_mark(item):
            found.append((item, []))
        else:
            found[-1][1].append(item)
    return found if found[0][1] else found[1:]


def _term(signed):
    """Write a term: its sign, its number or the learning rate α, and its factors in order."""
    sign, items = signed
    if items[:1] == [r"\odot"]:  # an exponent
        return " ".join(items)
    parts = [(mark, " ".join(part)) for mark, part in _split(items, ENTRYWISE.__contains__)]
    number, first = re.fullmatch(r"((?:\d ?|\\alpha )*(?:\\frac \{[^{}]*\} \{[^{}]*\} ?)?)(.*)", parts[0][1]).groups()
    factors = sorted([(r"\odot", first), *parts[1:]]) if parts[1:] else [("", first)]
    return " ".join([sign or "+", number, *(f"{mark} {part}" for mark, part in factors)])
