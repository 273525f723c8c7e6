r"""LaTeX as one line of Unicode, for terminals: the subset that symdl prints.

``W^{[1]\top} \delta^{[1]}`` becomes ``W[1]ᵀ δ[1]``. What has no sign of its own is written out, so nothing is lost.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import partial

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[{}^_&]|\s+|[^\\{}^_&\s]", re.DOTALL)
_GREEK = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ϵ", "varepsilon": "ε", "zeta": "ζ", "eta": "η",
    "theta": "θ", "vartheta": "ϑ", "iota": "ι", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "varsigma": "ς", "tau": "τ", "upsilon": "υ", "phi": "φ", "varphi": "φ", "chi": "χ",
    "psi": "ψ", "omega": "ω", "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π",
    "Sigma": "Σ", "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "ell": "ℓ",
}  # fmt: skip
_SIGNS = {
    "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "cdot": "·", "times": "×", "sum": "Σ", "prod": "Π", "leq": "≤",
    "geq": "≥", "neq": "≠", "infty": "∞", "partial": "∂", "nabla": "∇", "dots": "…", "cdots": "…", "ldots": "…",
    "lVert": "‖", "rVert": "‖", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "leftarrow": "←", "to": "→",
    "wedge": "∧", "vee": "∨", "neg": "¬", "in": "∈", "langle": "⟨", "rangle": "⟩", "bmod": "mod", "quad": "  ",
    "qquad": "    ", "top": "ᵀ", "prime": "′", "star": "⋆", "approx": "≈", "mid": "|", "left": "", "right": "",
    "displaystyle": "", "mathord": "", "uparrow": "↑",
}  # fmt: skip
_CELL = "\0"  # between the cells of a row, until the environment is known
_ESCAPED = {
    "{": "{",
    "}": "}",
    ",": "",
    ";": " ",
    ":": " ",
    "!": "",
    " ": " ",
    "\\": "; ",
    "|": "‖",
    "_": "_",
    "%": "%",
}
_ACCENTS = {
    "bar": "\u0304",
    "hat": "\u0302",
    "tilde": "\u0303",
    "dot": "\u0307",
    "overline": "\u0304",
    "widehat": "\u0302",
}
_UP = dict(zip("0123456789+-=()niT′ᵀ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱᵀ′ᵀ", strict=True)) | {"−": "⁻"}
_DOWN = dict(zip("0123456789+-=()aehijklmnoprstuvx,", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ,", strict=True)) | {"−": "₋"}
_PARTS = dict(
    zip(
        ["1/2", "1/3", "2/3", "1/4", "3/4", "1/5", "2/5", "3/5", "4/5", "1/6", "5/6", "1/8", "1/10"],
        "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅒",
        strict=True,
    )
)
_ATOM = re.compile(r"[\w.′\u0300-\u036f]+$|[(‖⌊⌈|][^()‖|]*[)‖⌋⌉|]$")


def plain(latex: str) -> str:
    """Return a formula in Unicode; commands without a sign of their own appear by name."""
    text = re.sub(r"([∂∇]²?) +", r"\1", _Reader(latex).row().replace(_CELL, ", "))
    text = re.sub(r"([‖⌊⌈|]) ([^‖⌋⌉|]*) ([‖⌋⌉|])", r"\1\2\3", text)
    return unicodedata.normalize("NFC", re.sub(r"(?<! ) {2}(?! )", " ", text).strip())


def plain_rows(aligned: str) -> list[str]:
    """Return the rows of a LaTeX ``aligned`` block in Unicode."""
    body = aligned.removeprefix("\\begin{aligned}").removesuffix("\\end{aligned}")
    return [plain(row.replace("&", "", 1)) for row in body.split("\\\\\n")]


def plain_text(text: str) -> str:
    """Return prose with its formulas, between dollar signs, in Unicode."""
    return re.sub(r"\$(.*?)\$", lambda found: plain(found[1]), text)


def width(text: str) -> int:
    """Return how many columns a text takes in a terminal: combining accents take none."""
    return sum(not unicodedata.combining(sign) for sign in text)


class _Reader:
    """Reads tokens one by one; every method returns Unicode."""

    def __init__(self, latex: str) -> None:
        self.tokens = _TOKEN.findall(latex)
        self.place = 0
        self.commands: dict[str, Callable[[], str]] = {
            "frac": self.fraction,
            "sqrt": lambda: f"√{_grouped(self.argument())}",
            "mathbf": self.bold,
            "mathbb": lambda: {"R": "ℝ", "E": "𝔼"}.get(found := self.argument(), found),
            "begin": self.environment,
        }
        for name in ("operatorname", "mathrm", "text", "mathsf", "mathcal", "boldsymbol"):
            self.commands[name] = self.argument
        for name, accent in _ACCENTS.items():
            self.commands[name] = partial(self.accented, accent)

    def row(self, *ends: str) -> str:
        """Read until a token in ``ends``, which is passed over, or the end."""
        parts: list[str] = []
        while self.place < len(self.tokens):
            token = self.tokens[self.place]
            if token in ends:
                self.place += 1
                break
            if token in ("^", "_"):
                self.place += 1
                parts.append(_raised(self.argument()) if token == "^" else _lowered(self.argument()))
            else:
                parts.append(self.unit())
        return "".join(parts)

    def argument(self) -> str:
        """Read a group, or one token, as the argument of a command."""
        while self.place < len(self.tokens) and self.tokens[self.place].isspace():
            self.place += 1
        return self.unit()

    def unit(self) -> str:
        """Read a group, a command with its arguments, or one sign."""
        if self.place >= len(self.tokens):
            return ""
        token = self.tokens[self.place]
        self.place += 1
        if token == "{":
            return self.row("}")
        if not token.startswith("\\"):
            return {"-": "−", "&": _CELL}.get(token, " " if token.isspace() else token)
        name = token[1:]
        if name in self.commands:
            return self.commands[name]()
        if name in ("left", "right") and self.place < len(self.tokens) and self.tokens[self.place] == ".":
            self.place += 1
        return next((table[name] for table in (_GREEK, _SIGNS, _ESCAPED) if name in table), name)

    def accented(self, accent: str) -> str:
        """A letter under an accent."""
        text = self.argument()
        return text[:1] + accent + text[1:] if len(text) < 3 or not text[1:].isalpha() else f"{text}{accent}"

    def fraction(self) -> str:
        """A quotient on one line."""
        top, bottom = self.argument(), self.argument()
        quotient = f"{_grouped(top)}/{_grouped(bottom)}"
        if top.startswith("∂") and bottom.startswith("∂"):
            return f"{top}/{bottom}"
        return _PARTS.get(quotient, quotient)

    def bold(self) -> str:
        """The vector of ones, or a letter."""
        found = self.argument()
        return "𝟏" if found == "1" else found

    def environment(self) -> str:
        """Rows of a matrix or of cases, on one line."""
        name = self.argument()
        body: list[str] = []
        while self.place < len(self.tokens) and self.tokens[self.place] != "\\end":
            body.append(self.row("\\\\") if self._row_ends() else self.row("\\end"))
            if self.tokens[self.place - 1] == "\\end":
                self.place -= 1
        self.place += 1
        self.argument()
        rows = [[cell.strip() for cell in row.split(_CELL)] for row in body]
        if name == "cases":
            return "{" + "; ".join(map(_case, rows)) + "}"
        lines = [", ".join(row) for row in rows]
        return f"({'; '.join(lines)})" if "matrix" in name else "; ".join(lines)

    def _row_ends(self) -> bool:
        depth = 0
        for token in self.tokens[self.place :]:
            depth += (token in ("{", "\\begin")) - (token in ("}", "\\end"))
            if token == "\\\\" and depth == 0:
                return True
            if depth < 0:
                return False
        return False


def _case(cells: list[str]) -> str:
    """Return a row of cases: a value, and when it is taken."""
    value, *rest = cells
    when = ", ".join(rest)
    return f"{value} {when if when.startswith(('if', 'otherwise')) else f'if {when}'}" if when else value


def _grouped(text: str) -> str:
    return text if _ATOM.fullmatch(text) else f"({text})"


def _raised(text: str) -> str:
    """A superscript: marks of layers [1] and times ⟨t⟩ stay as they are, digits and signs are raised."""
    if text.startswith("["):
        mark, _, rest = text.partition("]")
        return f"{mark}]{_raised(rest) if rest else ''}".replace(" ", "")
    text = text.replace(" ", "")
    if text.startswith("⟨"):
        mark, _, rest = text.partition("⟩")
        return f"{mark}⟩{_raised(rest) if rest else ''}"
    if text[:1] in ("⊙", "⊗"):
        raised = _raised(text[1:])
        return f"^{text[0]}{raised[1:]}" if raised.startswith("^") else text[0] + raised
    if all(sign in _UP for sign in text):
        return "".join(_UP[sign] for sign in text)
    return f"^{text}" if len(text) == 1 or (text[0] == "(" and text[-1] == ")") else f"^({text})"


def _lowered(text: str) -> str:
    """A subscript in small letters where they all exist."""
    tight = text.replace(" ", "")
    if all(sign in _DOWN for sign in tight) and not re.search(r"[a-z]{3}", tight):
        return "".join(_DOWN[sign] for sign in tight)
    return f"_{text}" if text.isalnum() else f"_({text})"
