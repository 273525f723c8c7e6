"""Random models that hold a given structure: a convolution, a gather, a recurrence, an attention, a linear solve."""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from symdl.testing import composites, gathers, linear_algebra, recurrences, windows
from symdl.testing.model import Model, Part, finish, start
from symdl.testing.tensors import SMOOTH, Move, total

# Structures by name; each picks what it is applied to among the parts of a model, or declares it.
STRUCTURES: dict[str, Move] = {
    "convolution along one axis": windows.conv1d,
    "convolution over two axes": windows.conv2d,
    "convolution over three axes": windows.conv3d,
    "transposed convolution": windows.conv_transpose2d,
    "max pooling": windows.max_pool,
    "average pooling": windows.avg_pool,
    "slice": windows.sliced,
    "padding": windows.padded,
    "reversal": windows.flipped,
    "reshape": windows.reshaped,
    "concatenation": windows.joined,
    "windows": windows.windowed,
    "gather": gathers.taken,
    "one-hot": gathers.one_hot,
    "segment sum": gathers.segment_sum,
    "segment mean": gathers.segment_mean,
    "segment max": gathers.segment_max,
    "segment softmax": gathers.segment_softmax,
    "recurrence": recurrences.recurrent,
    "several carried tensors": recurrences.carried_together,
    "recurrence over a recurrence": recurrences.stacked_recurrences,
    "batched product": composites.batched_product,
    "contraction": composites.contraction,
    "reduction": composites.reduced,
    "mask": composites.masked_softmax,
    "attention": composites.attended,
    "normalisation": composites.normalised,
    "random draws": composites.drawn,
    "linear equations": linear_algebra.solved,
    "determinant": linear_algebra.log_determinant,
    "Cholesky factor": linear_algebra.factored,
    "eigenvalues": linear_algebra.eigenvalues,
    "singular values": linear_algebra.singular_values,
}
# Where a structure stands: by itself, in the step of a recurrence, or applied to what a recurrence returns.
PLACES: dict[str, Callable[[Move], Move]] = {
    "alone": lambda move: move,
    "in a step": recurrences.stepping,
    "after a recurrence": recurrences.followed,
}
RECURRENCES = ("recurrence", "several carried tensors", "recurrence over a recurrence")
IN_A_STEP = tuple(name for name in STRUCTURES if name not in RECURRENCES)  # one recurrence in another is refused


@st.composite
def structure_models(draw: Any, name: str | None = None, steps: int = 2, place: str = "alone") -> Model:
    """Random scalar models that hold a structure, with random operations before and after it.

    Args:
        draw: Given by hypothesis.
        name: A key of ``STRUCTURES``; any of them by default, and then others may follow.
        steps: How many operations at most follow the structure; up to two come before it.
        place: A key of ``PLACES``; in a step no recurrence can stand, only those of ``IN_A_STEP``.
    """
    pool = start(draw, 3)
    moves = [*SMOOTH, *STRUCTURES.values()] if name is None else SMOOTH
    known = sorted(IN_A_STEP if place == "in a step" else STRUCTURES)
    chosen = PLACES[place](STRUCTURES[draw(st.sampled_from(known)) if name is None else name])

    def add(part: Part | None) -> None:
        if part is not None and np.size(part.value) <= 40:
            pool.parts.append(part)

    for _ in range(draw(st.integers(0, 2))):
        add(draw(st.sampled_from(SMOOTH))(pool) if pool.parts else SMOOTH[0](pool))
    held = chosen(pool)
    assert held is not None
    pool.parts.append(held)
    for _ in range(draw(st.integers(0, steps))):
        add(draw(st.sampled_from(moves))(pool))
    return finish(pool, "tensors", total(pool, held))
