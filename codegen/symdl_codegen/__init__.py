"""symdl_codegen: Programs (plain equations) to kernels. ``build`` in ``pipeline.py`` is all of it on one page."""

from typing import Any

__all__ = ["build"]


def __getattr__(name: str) -> Any:
    if name == "build":  # deferred, so that importing symdl_codegen.program stays light
        from symdl_codegen.pipeline import build

        return build
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
