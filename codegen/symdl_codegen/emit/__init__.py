"""Loop IR -> source text. One backend, one file; each is a complete table over the primitives and an ``emit``.

A backend module defines ``TARGET`` (the name users write), ``TABLE`` (over exactly the names of PRIMITIVES) and
``emit(module, dtype) -> Emitted``. It is found by scanning this folder; importing it must not import a compiler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules

from symdl_codegen.emit.scalar_text import Entry
from symdl_codegen.ir import Axis, Module, Span, Strip


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a kernel call.

    ``role`` is buffer (an address), size (an integer), number (the one that ``name`` spells), first, last or block (of
    the share of the number ``name``: the part of the loop that a worker takes, the length of its blocks), symbol (a
    native helper) or status (where the call of the number ``name`` notes a failure).
    """

    role: str
    name: str


@dataclass(frozen=True, slots=True)
class EmittedKernel:
    """One function of the emitted text. ``parameters`` are (name, type); types: ``real* int* bool* size symbol``."""

    name: str
    note: str
    source: str
    parameters: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """A loop of a kernel of which each worker takes a part: over ``axes`` as one, the last one fastest.

    Parts begin at multiples of ``granule`` iterations, which are never divided: a row, a vector; of a loop along
    ``lanes`` it is the least length of a block, which grows with the loop. Where the loop is long enough they begin at
    multiples of ``whole``: a tile.
    """

    axes: tuple[Axis, ...]
    granule: int = 1
    lanes: bool = False
    whole: int = 1

    def block(self, length: int) -> int:
        """The granule for a loop of ``length`` iterations. A function of nothing else: results depend on it."""
        if not self.lanes:
            return self.granule
        return max(self.granule, 16 if length <= 512 else 64 if length <= 4096 else 256)


@dataclass(frozen=True, slots=True)
class Call:
    """One kernel run: the position of the kernel in ``Emitted.kernels`` and its arguments, in order of parameters.

    Consecutive calls with an equal ``span`` are made for each of its time steps, the step being a size of its name.
    Those with an equal ``strip`` are made for each of its blocks; there sizes of the strip are numbers.
    Workers divide the loops of ``shares`` among them; without any, one worker makes the call.
    """

    kernel: int
    arguments: tuple[Argument, ...]
    phase: str
    span: Span | None = None
    shares: tuple[Share, ...] = ()
    strip: Strip | None = None


@dataclass(frozen=True, slots=True)
class Emitted:
    """A program as text: the whole source, its kernels, and the calls of one step in order."""

    source: str
    kernels: tuple[EmittedKernel, ...]
    calls: tuple[Call, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A backend: its name, its table over the primitives and its emitter."""

    name: str
    table: dict[str, Entry]
    emit: Callable[[Module, str], Emitted]


def _scan() -> dict[str, Target]:
    found = {}
    for info in iter_modules(__path__):
        backend = import_module(f"{__name__}.{info.name}")
        if hasattr(backend, "TARGET"):
            found[backend.TARGET] = Target(backend.TARGET, backend.TABLE, backend.emit)
    return found


TARGETS: dict[str, Target] = _scan()
