"""Does KaTeX parse it? KaTeX runs in an embedded JavaScript engine; nothing is fetched."""

from functools import cache
from importlib.metadata import files

from py_mini_racer import MiniRacer

_PARSE = """
function katexError(tex, displayMode) {
  try {
    katex.renderToString(tex, {displayMode, throwOnError: true, strict: "error", trust: false});
    return null;
  } catch (error) {
    return String(error.message || error);
  }
}
"""


@cache
def _engine() -> MiniRacer:
    # The documentation's Sphinx extension carries KaTeX.
    script = next(path for path in files("sphinxcontrib-katex") or () if path.name == "katex.min.js")
    engine = MiniRacer()
    engine.eval(script.locate().read_text(encoding="utf-8"))
    engine.eval(_PARSE)
    return engine


def katex_error(tex: str, display: bool = True) -> str | None:
    """Parse and typeset ``tex`` (without its ``$``) strictly.

    Returns:
        None if KaTeX accepts it, else KaTeX's message, which says where it stumbled.
    """
    return _engine().call("katexError", tex, display)
