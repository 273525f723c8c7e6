"""How a command ends: errors as one line and an exit code, warnings as lines, Ctrl-C as 130."""

import functools
import inspect
import os
import sys
import warnings
from collections.abc import Callable
from typing import Annotated, Any

import typer

FAILED, USAGE, INTERRUPTED = 1, 2, 130
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def reported(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command with the option ``--debug``, whose errors are messages.

    An error that symdl raises on purpose prints ``error: ...`` on stderr and exits with 1, wrong usage with 2, Ctrl-C
    with 130. Any other exception is a defect and keeps its traceback.
    """

    @functools.wraps(command)
    def run(*arguments: Any, debug: bool = False, **named: Any) -> None:
        if hasattr(sys.stdout, "reconfigure"):
            sys.stdout.reconfigure(errors="replace")  # a terminal without Unicode shows ? and not a traceback
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for category in (RuntimeWarning, UserWarning):  # what a user can do something about
                warnings.simplefilter("always", category)
            warnings.showwarning = _show_warning
            try:
                command(*arguments, **named)
            except KeyboardInterrupt:
                typer.echo("interrupted", err=True)
                raise typer.Exit(INTERRUPTED) from None
            except BrokenPipeError:  # the reader, such as head, has seen enough
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(FAILED) from None
            except Exception as error:
                if debug or not _expected(error):
                    raise
                typer.echo(f"error: {' '.join(str(error).split())}", err=True)
                raise typer.Exit(USAGE if isinstance(error, UsageError) else FAILED) from None

    signature = inspect.signature(command)
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Debug)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]  # because typeshed does not know the attribute
    run.__annotations__ = {**command.__annotations__, "debug": Debug}
    return run


class UsageError(Exception):
    """Arguments that name nothing: exit code 2."""


def _expected(error: Exception) -> bool:
    from symdl.errors import InternalError, SymdlError
    from symdl_codegen.errors import CodegenError

    known = isinstance(error, SymdlError | CodegenError | UsageError | OSError)
    return known and not isinstance(error, InternalError)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    typer.echo(f"warning: {message}", err=True)
