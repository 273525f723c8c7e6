"""PyTorch compiled: TorchInductor's kernels for the loss and its gradient, then the fused Adam."""

from symdl.bench.runners.torch_eager import Eager


class Compiled(Eager):
    """``torch.compile``; it needs a C++ compiler."""

    name = "torch-compile"
    compiled = True


RUNNER = Compiled
