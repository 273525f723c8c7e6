"""Images as text."""

import numpy as np


def drawing(images: np.ndarray, columns: int = 8) -> str:
    """Return square grey images as text, ``columns`` beside each other.

    Args:
        images: One image for each row, of side² values; 0 is the ground and 1 the darkest, beyond which all is cut.
        columns: How many stand in a line.
    """
    side = round(images.shape[1] ** 0.5)
    marks = np.array(list(" .:-=+*#%@"))
    grey = np.clip(np.round(images * 9), 0, 9).astype(int).reshape(-1, side, side)
    lines = []
    for first in range(0, len(grey), columns):
        rows = np.repeat(np.concatenate(list(grey[first : first + columns]), axis=1), 2, axis=1)
        lines += ["".join(marks[row]).rstrip() for row in rows]
    return "\n".join(lines)
