"""The command line, ``symdl``: one file per command, in the order of its help.

A module here is a command: ``command`` is a function whose signature and docstring are its arguments and its help. It
imports what it needs when it runs, so that ``symdl --help`` waits for nothing.
"""

import sys
from importlib import import_module

import typer

from symdl.cli.outcome import reported

COMMANDS = {
    "list": "symdl.cli.list_models",
    "show": "symdl.cli.show",
    "derive": "symdl.cli.derive",
    "train": "symdl.cli.train",
    "check": "symdl.cli.check",
    "kernels": "symdl.cli.kernels",
    "bench": "symdl.cli.bench",
}

app = typer.Typer(
    name="symdl",
    help="Models as equations: shown, derived, compiled to kernels, trained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
for _name, _module in COMMANDS.items():
    app.command(_name)(reported(import_module(_module).command))


def version() -> str:
    """Return symdl's version."""
    return str(sys.modules["symdl"].__version__)  # nobody gets here without it


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"symdl {version()}")
        raise typer.Exit()


@app.callback()
def options(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    """Models as equations: shown, derived, compiled to kernels, trained."""


def main() -> None:
    """Run the command line and exit with its code: 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    app()
