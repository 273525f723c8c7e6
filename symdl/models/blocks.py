"""Layers and blocks that convolutional networks are made of. Book chapter 6."""

from typing import Any

from symdl.expr.contract import broadcast
from symdl.expr.nodes import Tensor
from symdl.ops.rearrange import reshape


def per_channel(b: Any, like: Tensor) -> Tensor:
    """Return b, one number for each channel, at every place of a tensor (c, h, w)."""
    return broadcast(reshape(b, (like.shape[0], 1, 1)), like.shape)
