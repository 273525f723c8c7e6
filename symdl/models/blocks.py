"""Layers and blocks that convolutional networks are made of. Book chapter 6."""

from collections.abc import Sequence
from typing import Any

from sympy import Expr

from symdl.errors import InputError
from symdl.expr.contract import broadcast
from symdl.expr.declare import named, tensor
from symdl.expr.nodes import Tensor
from symdl.init import Initializer, he_normal
from symdl.ops.batch_norm import batch_norm
from symdl.ops.convolution import conv2d
from symdl.ops.elementwise import relu
from symdl.ops.pooling import max_pool
from symdl.ops.rearrange import reshape
from symdl.ops.structure import concat


class Weights:
    """The parameters that a network declares while it is built.

    Attributes:
        declared: The parameters, in the order of their declaration.
        init: How some of them start.
    """

    def __init__(self) -> None:
        self.declared: list[Any] = []
        self.init: dict[Any, Initializer | float] = {}

    def declare(
        self, name: str, shape: Sequence[int | Expr], latex: str, init: Initializer | float | None = None
    ) -> Any:
        """Declare a parameter; without ``init`` it starts as ``sd.Model`` has it by default.

        Args:
            name: Its name.
            shape: Its sizes.
            latex: Its symbol in print.
            init: How it starts: an initializer, or a number for all its entries.
        """
        parameter = tensor(name, tuple(shape), latex=latex)
        self.declared.append(parameter)
        if init is not None:
            self.init[parameter] = init
        return parameter


def per_channel(b: Any, like: Tensor) -> Tensor:
    """Return b, one number for each channel, at every place of a tensor (c, h, w)."""
    return broadcast(reshape(b, (like.shape[0], 1, 1)), like.shape)


def affine(a: Any, width: int, weights: Weights, layer: str, init: Initializer | float | None = None) -> Tensor:
    """Return z = W a + b, a fully connected layer before its activation. Book §5.1.

    Args:
        a: A vector.
        width: The length of z.
        weights: Where W and b are declared.
        layer: What names them, and z: with this after them.
        init: How W starts.
    """
    level = f"^{{[{layer}]}}"
    W = weights.declare(f"W{layer}", (width, a.shape[0]), f"W{level}", init)
    b = weights.declare(f"b{layer}", (width,), f"b{level}")
    z: Tensor = named(f"z{layer}", W @ a + b, latex=f"z{level}")
    return z


def convolution(x: Any, filters: int, size: int, weights: Weights, layer: str) -> Tensor:
    """Return σ(W ⋆ x + b) with σ the ReLU, as high and as wide as x; catalogue 6.3-outchannels.

    Args:
        x: One sample, (c, h, w).
        filters: The number of output channels, and of biases.
        size: Height and width of W's windows, an odd number; zeros are put around x.
        weights: Where W (filters, c, size, size) and b are declared.
        layer: What names them: W and b with this after them.
    """
    if size % 2 == 0:
        raise InputError(f"convolution {layer}: the size must be odd for an output as large as its input, found {size}")
    level = f"^{{[{layer}]}}"
    W = weights.declare(f"W{layer}", (filters, x.shape[0], size, size), f"W{level}", he_normal())
    b = weights.declare(f"b{layer}", (filters,), f"b{level}")
    z = conv2d(x, W, padding=size // 2)
    return named(f"a{layer}", relu(z + per_channel(b, z)), latex=f"a{level}")


def normalised_convolution(
    x: Any, filters: int, size: int, weights: Weights, layer: str, stride: int = 1, gamma: float = 1.0
) -> Tensor:
    """Return BN(W ⋆ x), each channel normalised over the batch and its places; catalogue 6.2-conv, 5.6.

    Prediction normalises with running means and variances, the model's states. There is no bias: β takes its place.

    Args:
        x: One sample, (c, h, w).
        filters: The number of output channels.
        size: Height and width of W's windows, an odd number.
        weights: Where W (filters, c, size, size) and the scales γ and shifts β (filters,) are declared.
        layer: What names them.
        stride: s; the output has (⌈h/s⌉, ⌈w/s⌉) places.
        gamma: What γ starts with: 0 in the last layer of a residual block lets the block start as the identity.
    """
    if size % 2 == 0:
        raise InputError(f"normalised_convolution {layer}: the size must be odd, found {size}")
    level = f"^{{[{layer}]}}"
    W = weights.declare(f"W{layer}", (filters, x.shape[0], size, size), f"W{level}", he_normal())
    scale = weights.declare(f"gamma{layer}", (filters,), rf"\gamma{level}", gamma)
    shift = weights.declare(f"beta{layer}", (filters,), rf"\beta{level}", 0.0)
    z = named(f"z{layer}", conv2d(x, W, stride, size // 2), latex=f"z{level}")
    return named(f"n{layer}", batch_norm(z, scale, shift, running=True), latex=rf"\bar{{z}}{level}")


def residual_block(u: Any, filters: int, weights: Weights, layer: str, stride: int = 1) -> Tensor:
    """Return σ(u + r(u)), r(u) = BN(W_2 ⋆ σ(BN(W_1 ⋆ u))), windows of 3×3; catalogue 6.5-resnet, He et al. (2016).

    Where the shapes differ, u is projected: σ(BN(W_p ⋆ u) + r(u)) with windows of 1×1. The last γ of r starts at 0, so
    that the block starts as the identity, up to σ and the projection.

    Args:
        u: One sample, (c, h, w).
        filters: The number of output channels.
        weights: Where the parameters of the layers ``layer``.1, ``layer``.2 and perhaps ``layer``.p are declared.
        layer: What names them.
        stride: The steps of the first convolution and of the projection.
    """
    first = relu(normalised_convolution(u, filters, 3, weights, f"{layer}.1", stride))
    first = named(f"a{layer}.1", first, latex=f"a^{{[{layer}.1]}}")
    r = normalised_convolution(first, filters, 3, weights, f"{layer}.2", gamma=0.0)
    same = stride == 1 and u.shape[0] == filters
    kept = u if same else normalised_convolution(u, filters, 1, weights, f"{layer}.p", stride)
    return named(f"a{layer}", relu(kept + r), latex=f"a^{{[{layer}]}}")


def inception_block(
    x: Any, filters: tuple[int, tuple[int, int], tuple[int, int], int], weights: Weights, layer: str
) -> Tensor:
    """Return concat[f_1×1(x), f_3×3(f_1×1(x)), f_5×5(f_1×1(x)), f_1×1(maxpool(x))]; catalogue 6.5-inception.

    Each f is a convolution with bias and ReLU that keeps height and width; Szegedy et al. (2015).

    Args:
        x: One sample, (c, h, w).
        filters: The numbers of filters: (64, (96, 128), (16, 32), 32) in the book's figure, where 192 channels become
            64 + 128 + 32 + 32 = 256.
        weights: Where the six layers' parameters are declared: ``layer``.1 to ``layer``.4, ``layer``.2r, ``layer``.3r.
        layer: What names them.
    """
    plain, (narrow_three, three), (narrow_five, five), pooled = filters
    narrowed_three = convolution(x, narrow_three, 1, weights, f"{layer}.2r")
    narrowed_five = convolution(x, narrow_five, 1, weights, f"{layer}.3r")
    branches = [
        convolution(x, plain, 1, weights, f"{layer}.1"),
        convolution(narrowed_three, three, 3, weights, f"{layer}.2"),
        convolution(narrowed_five, five, 5, weights, f"{layer}.3"),
        convolution(max_pool(x, 3, 1, 1), pooled, 1, weights, f"{layer}.4"),
    ]
    return named(f"a{layer}", concat(branches, 0), latex=f"a^{{[{layer}]}}")
