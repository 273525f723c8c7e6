"""PyTorch as it is: autograd, its fused Adam, channels last."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from symdl.bench.runner import Trainer
from symdl.bench.workload import Function, Training


class Eager(Trainer):
    """A loop over batches that are there already."""

    name = "torch-eager"
    needs = ("torch",)
    compiled = False

    def imports(self) -> None:
        """Import PyTorch and set its threads."""
        import torch

        torch.set_num_threads(self.threads)
        self.torch = torch

    def training(self, workload: Training) -> None:
        """Make the module, and cut the data into batches."""
        torch = self.torch
        self.loss = workload.torch_loss(workload.values(), self.compiled)
        data = {name: torch.from_numpy(array) for name, array in workload.samples().items()}
        x, y = data["x"], data["y"]
        if x.ndim == 4:
            self.loss = self.loss.to(memory_format=torch.channels_last)
            x = x.contiguous(memory_format=torch.channels_last)
        self.batches = list(zip(x.split(workload.batch), y.split(workload.batch), strict=True))
        self.alpha = workload.alpha
        self.trained = [p for p in self.loss.parameters() if p.requires_grad]
        self.start = [parameter.detach().clone() for parameter in self.trained]
        self.forward = torch.compile(self.loss) if self.compiled else self.loss

    def epochs(self, count: int) -> tuple[Sequence[float], Sequence[float]]:
        """Train with a new optimizer."""
        torch = self.torch
        with torch.no_grad():
            for parameter, value in zip(self.trained, self.start, strict=True):
                parameter.copy_(value)
        optimizer = torch.optim.Adam(self.trained, lr=self.alpha, fused=True)
        losses, seconds = [], []
        for _ in range(count):
            began = perf_counter()
            for x, y in self.batches:
                optimizer.zero_grad(set_to_none=True)
                loss = self.forward(x, y)
                loss.backward()
                optimizer.step()
                losses.append(loss.detach())
            seconds.append(perf_counter() - began)
        return [float(loss) for loss in losses], seconds

    def function(self, workload: Function) -> Callable[[], Any]:
        """Return PyTorch's function on its arguments."""
        found = workload.torch_function()
        arrays = {name: self.torch.from_numpy(array) for name, array in workload.arrays().items()}
        return lambda: found(**arrays)


RUNNER = Eager
