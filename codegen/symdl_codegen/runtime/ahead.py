"""What every training step needs is compiled while its equations are still derived, in the processes that wait."""

import threading
from contextlib import suppress

from symdl_codegen.runtime import driver, native, processes

HELPERS = ("tile", "pack", "dots")


def compile_ahead(dtype: str) -> None:
    """Start the processes that compile and, where there are some, give them the drivers and the native helpers."""
    if processes.start(busy=True):
        threading.Thread(target=_compile, args=(dtype,), daemon=True).start()


def _compile(dtype: str) -> None:
    with suppress(Exception):  # whatever it is, who needs the code will meet it
        helpers = [f"{helper}_{dtype}" for helper in HELPERS]
        native.prepare(driver.sources(training=True), helpers, here=False)  # and not in a thread that nobody waits for
        processes.start()
