"""Settings of every test run: reproducible property tests, a kernel cache of their own, no screen."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Compiling a kernel takes a second the first time and nothing later, so a deadline per example would only make noise.
settings.register_profile("symdl", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", parent=settings.get_profile("symdl"), derandomize=False, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "symdl"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-docs", action="store_true", help="rewrite the printed results in README.md and docs/")


def pytest_configure(config: pytest.Config) -> None:
    # Kept between runs; its keys are content hashes. Set before workers start, so that they inherit it.
    cache = getattr(config, "cache", None)
    if cache is not None:
        os.environ.setdefault("SYMDL_CACHE_DIR", str(cache.mkdir("symdl-kernels")))
    os.environ.setdefault("SYMDL_PROGRAM_CACHE", "0")  # tests that plant defects in symdl leave nothing for others
    os.environ.setdefault("MPLBACKEND", "agg")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # so a shell starts what it puts into the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # tests interrupt themselves and what they start


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder of the checkout."""
    return Path(__file__).resolve().parent.parent
