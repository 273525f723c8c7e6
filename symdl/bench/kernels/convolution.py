"""Convolutions and their two gradients, channels last, beside PyTorch: shapes of DeepBench, batches of 1 to 4."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sympy import Integer

from symdl.bench.case import Arrays, Case
from symdl.calculus import vjp
from symdl.expr.batch import batched
from symdl.expr.contract import transpose
from symdl.expr.declare import tensor
from symdl.ops.convolution import conv2d

NAME, TITLE = "convolution", "convolutions of DeepBench's list (batch 1 to 4), their gradients by kernel and by image"


class Shape(NamedTuple):
    """A convolution: images (n, h, w, c), kernels (r, s, c, k)."""

    n: int
    h: int
    w: int
    c: int
    k: int
    r: int
    s: int
    padding: int = 0
    stride: int = 1

    @property
    def out(self) -> tuple[int, int]:
        """Height and width of the result."""
        reach = 2 * self.padding
        return (self.h + reach - self.r) // self.stride + 1, (self.w + reach - self.s) // self.stride + 1


SHAPES = (  # DeepBench, training: its width and height, channels, filters, windows, paddings, strides
    Shape(1, 161, 700, 1, 32, 5, 20, 0, 2),
    Shape(2, 48, 480, 1, 16, 3, 3, 1),
    Shape(2, 12, 120, 32, 64, 3, 3, 1),
    Shape(2, 54, 54, 64, 64, 3, 3, 1),
    Shape(2, 14, 14, 128, 256, 3, 3, 1),
    Shape(4, 7, 7, 512, 512, 3, 3, 1),
    Shape(1, 112, 112, 64, 128, 3, 3, 1),
    Shape(1, 224, 224, 3, 64, 7, 7, 3, 2),
    Shape(2, 28, 28, 192, 32, 5, 5, 2),
    Shape(4, 28, 28, 192, 64, 1, 1),
    Shape(4, 7, 7, 832, 256, 1, 1),
)
PARTS = ("forward", "by kernel", "by image")


def cases(shapes: Sequence[Shape] = SHAPES) -> list[Case]:
    """Return three cases for each shape."""
    return [_case(shape, part) for shape in shapes for part in PARTS]


def _case(shape: Shape, part: str) -> Case:
    n, h, w, c, k, r, s, padding, stride = shape
    x, K = tensor("x", (h, w, c)), tensor("K", (r, s, c, k))
    sample = conv2d(transpose(x, (2, 0, 1)), transpose(K, (3, 2, 0, 1)), stride=stride, padding=padding)
    [y], X = batched([transpose(sample, (1, 2, 0))], [x], Integer(n)), tensor("x", (n, h, w, c))
    g = tensor("g", (n, *shape.out, k))
    sizes = {"x": (n, h, w, c), "K": (r, s, c, k), "g": g.shape}

    def arrays(random: np.random.Generator) -> Arrays:
        read = {"forward": "xK", "by kernel": "xg", "by image": "Kg"}[part]
        found = {name: random.normal(size=sizes[name]) for name in read}
        return {**found, "out": np.zeros({"forward": g.shape, "by kernel": K.shape, "by image": X.shape}[part])}

    def torch(given: Arrays) -> Any:
        import torch

        images = {name: torch.from_numpy(given[name]).permute(0, 3, 1, 2) for name in "xg" if name in given}
        kernels = torch.from_numpy(given["K"] if "K" in given else np.zeros(sizes["K"], np.float32))
        kernels = kernels.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        if part == "forward":
            call = torch.nn.functional.conv2d
            return lambda: {"out": call(images["x"], kernels, None, stride, padding).permute(0, 2, 3, 1)}
        image = images.get("x", torch.zeros(n, c, h, w).contiguous(memory_format=torch.channels_last))
        mask = [part == "by image", part == "by kernel", False]
        order = (0, 2, 3, 1) if part == "by image" else (2, 3, 1, 0)

        def call_gradient() -> Any:
            found = torch.ops.aten.convolution_backward(
                images["g"], image, kernels, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask
            )
            return {"out": found[mask.index(True)].permute(order)}

        return call_gradient

    value = {"forward": lambda: y, "by kernel": lambda: vjp(y, K, g), "by image": lambda: vjp(y, X, g)}[part]()
    products = 2 * n * shape.out[0] * shape.out[1] * c * k * r * s
    name = f"{h}×{w}×{c} by {k}@{r}×{s}{f'/{stride}' if stride > 1 else ''}, {n}: {part}"
    return Case(name, {"out": value}, arrays, {"torch": torch}, flops=products)
