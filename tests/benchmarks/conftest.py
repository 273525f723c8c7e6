"""The command line, called in this process."""

from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from symdl.cli import app


@pytest.fixture
def symdl() -> Callable[..., Any]:
    """Run ``symdl`` with arguments; the result has ``exit_code``, ``stdout``, ``stderr``."""
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, [str(argument) for argument in arguments])
