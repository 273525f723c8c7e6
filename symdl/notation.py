"""The book's naming habits, in one place."""

import re

_ADJOINTS = {"z": ("delta", r"\delta"), "a": ("zeta", r"\zeta")}
BAR = "_bar"  # the end of the name of an adjoint without a symbol of its own

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "varepsilon", "varphi", "vartheta", "ell",
)  # fmt: skip
_CAPITALS = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")
_UNICODE = dict(zip("αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΥΦΨΩ", [*GREEK[:-4], *_CAPITALS], strict=False))
_ACCENTS = {"hat": r"\hat", "bar": r"\bar", "tilde": r"\tilde", "dot": r"\dot"}
_SPECIAL = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "_": r"\_", "^": r"\hat{}", "#": r"\#", "$": r"\$", "%": r"\%",
    "&": r"\&", "~": r"\sim ", " ": r"\ ",
}  # fmt: skip


def adjoint_name(name: str, latex: str) -> tuple[str, str]:
    r"""Return the name and LaTeX of the adjoint ∂C/∂name: δ for a pre-activation z, ζ for an activation a, else a bar.

    >>> adjoint_name("z1", "z^{[1]}"), adjoint_name("u[ell]", r"u^{[\ell]}")
    (('delta1', '\\delta^{[1]}'), ('u_bar[ell]', '\\bar{u}^{[\\ell]}'))
    """
    base = re.match(r"[^\W\d_]*", name)[0]  # type: ignore[index]  # because the pattern matches every string
    rest = name[len(base) :]
    known = _ADJOINTS.get(base)
    if known is None:
        stem, bracket, place = name.partition("[")  # of a layer
        return f"{stem}{BAR}{bracket}{place}", _barred(latex) if latex else ""  # the printer makes accents of words
    word, symbol = known
    if latex.startswith(base):
        return word + rest, symbol + latex[len(base) :]
    return word + rest, symbol + (f"_{{{rest.strip('_')}}}" if rest else "")


def is_bar(name: str) -> bool:
    """Tell whether a name is that of an adjoint without a symbol of its own."""
    return name.partition("[")[0].endswith(BAR)


def _barred(latex: str) -> str:
    """Return a symbol with a bar on what stands before its superscripts and subscripts."""
    depth = 0
    for position, character in enumerate(latex):
        depth += (character == "{") - (character == "}")
        if depth == 0 and character in "_^":
            return rf"\bar{{{latex[:position]}}}{latex[position:]}"
    return rf"\bar{{{latex}}}"


def name_latex(name: str) -> str:
    r"""Return the LaTeX of a name.

    >>> print(*map(name_latex, ["alpha", "x12", "y_hat", "W_out", "loss"]))
    \alpha x_{12} \hat{y} W_{\mathrm{out}} \mathrm{loss}
    """
    base, *parts = [part for part in name.split("_") if part] or [name]
    accents = [part for part in parts if part in _ACCENTS]
    subscripts = [part for part in parts if part not in _ACCENTS]
    digits = re.fullmatch(r"(.*?[^0-9])([0-9]+)", base)
    if digits:
        base, subscripts = digits[1], [digits[2], *subscripts]
    text = _word(base)
    for accent in accents:
        text = f"{_ACCENTS[accent]}{{{text}}}"
    return f"{text}_{{{','.join(map(_word, subscripts))}}}" if subscripts else text


def label_latex(label: str) -> str:
    """Return the LaTeX of a name; what is LaTeX already stays."""
    return name_latex(label) if label.isidentifier() else label


def _word(word: str) -> str:
    if word in GREEK or word in _CAPITALS:
        return f"\\{word}"
    if word in _UNICODE:
        return f"\\{_UNICODE[word]}"
    if (len(word) == 1 and word.isascii() and word.isalnum()) or word.isdigit():
        return word
    return rf"\mathrm{{{''.join(map(_character, word))}}}"


def _character(character: str) -> str:
    if character in _UNICODE:
        return f"\\{_UNICODE[character]} "
    if character in _SPECIAL:
        return _SPECIAL[character]
    return character if character.isascii() and character.isprintable() else rf"\text{{{character}}}"
