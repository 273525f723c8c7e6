"""The memory plan: every temporary gets a place in one arena; places are shared once the last reader has run."""

from collections.abc import Mapping
from dataclasses import dataclass

from symdl_codegen.ir import Kernel, Module, Size, Tensor, loads_of, walk
from symdl_codegen.ir_access import scratches, stores_of
from symdl_codegen.scalars import evaluate

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Life:
    """The kernels, by position, from a buffer's first write to its last read."""

    first: int
    last: int


def lifetimes(module: Module) -> dict[str, Life]:
    """The lifetime of every temporary and scratch buffer. Outputs, the guard and values of copies live to the end."""
    lives: dict[str, Life] = {}
    for position, kernel in enumerate(module.kernels):
        for name in sorted(kernel.reads | kernel.writes | scratches(kernel, module.buffers)):
            if module.buffers[name].role in ("temporary", "scratch"):
                lives[name] = Life(lives[name].first if name in lives else position, position)
    lives = {name: _whole_loops(name, life, module) for name, life in lives.items()}
    lives = {name: _whole_strips(name, life, module) for name, life in lives.items()}
    for name in {*module.outputs.values(), module.guard or ""}:
        if name in lives:
            lives[name] = Life(lives[name].first, len(module.kernels))
    return lives


def _whole_loops(name: str, life: Life, module: Module) -> Life:
    """``life`` of a temporary, extended over every loop it touches: any of its time steps may read it."""
    if module.buffers[name].role == "scratch":
        return life
    loops = {k.span.loop for k in module.kernels[life.first : life.last + 1] if k.span}
    inside = [position for position, k in enumerate(module.kernels) if k.span and k.span.loop in loops]
    return Life(min([life.first, *inside]), max([life.last, *inside]))


def _whole_strips(name: str, life: Life, module: Module) -> Life:
    """``life`` extended over the strips of a buffer that lasts from one block to the next, or is used outside.

    Only one that a single strip uses, and writes anew for each block, does not last.
    """
    users = [kernel for kernel in module.kernels if name in kernel.reads | kernel.writes]
    strips = {kernel.strip for kernel in users if kernel.strip}
    if not strips or (len(strips) == 1 and all(kernel.strip for kernel in users) and _is_anew(name, users)):
        return life
    inside = [position for position, kernel in enumerate(module.kernels) if kernel.strip in strips]
    return Life(min(life.first, *inside), max(life.last, *inside))


def _is_anew(name: str, users: list[Kernel]) -> bool:
    """Whether the first of ``users`` does not read the buffer, and none has a place of its own in it for each block."""
    for kernel in users:
        assert kernel.strip is not None
        moving = {Size(size) for size in kernel.strip.sizes[:2]}
        places = [load for load in (*loads_of(kernel.body), *stores_of(kernel.body)) if load.tensor == name]
        if any(node in moving for place in places for index in place.indices for node in walk(index)):
            return False
    return name not in users[0].reads


def longest(module: Module) -> dict[str, int]:
    """The most steps that a block of each strip has."""
    return {kernel.strip.sizes[2]: kernel.strip.width for kernel in module.kernels if kernel.strip}


def byte_size(buffer: Tensor, sizes: Mapping[str, int], item: Mapping[str, int]) -> int:
    """Bytes of ``buffer``, at least one element, rounded up to the alignment."""
    count = 1
    for extent in buffer.shape:
        count *= max(evaluate(extent, sizes), 0)
    return -(-max(count, 1) * item[buffer.kind] // ALIGNMENT) * ALIGNMENT


def layout(
    lives: Mapping[str, Life], bytes_of: Mapping[str, int], start: int = 0, share: bool = True
) -> tuple[dict[str, int], int]:
    """Offsets of buffers from ``start`` on, and the end: largest first, each at the lowest place free during its life.

    With ``share`` off every buffer has its own place (the switch ``memory`` of the pipeline).
    """
    placed: list[tuple[int, int, Life]] = []
    offsets: dict[str, int] = {}
    end = start
    for name in sorted(lives, key=lambda name: (-bytes_of[name], name)):
        life = lives[name]
        candidate = start if share else end
        for low, high, other in sorted((p for p in placed), key=lambda place: place[0]):
            if (
                share
                and not (other.last < life.first or life.last < other.first)
                and low < candidate + bytes_of[name]
                and candidate < high
            ):
                candidate = high
        offsets[name] = candidate
        placed.append((candidate, candidate + bytes_of[name], life))
        end = max(end, candidate + bytes_of[name])
    return offsets, end
