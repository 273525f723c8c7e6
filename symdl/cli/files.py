"""Files of results: there as a whole or not at all."""

from pathlib import Path


def write(path: Path, content: str | bytes) -> None:
    """Write a file, and the folder it is in, at once or not at all."""
    from symdl.train.files import write_atomically

    write_atomically(path, content.encode() if isinstance(content, str) else content)


def shown(path: Path) -> str:
    """Return a path as a user would type it from here."""
    absolute = path.resolve()
    return str(absolute.relative_to(Path.cwd())) if absolute.is_relative_to(Path.cwd()) else str(absolute)
