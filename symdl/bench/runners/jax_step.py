"""JAX with one compiled function for a whole step: loss, gradient and Adam."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from symdl.bench.runner import Trainer
from symdl.bench.workload import Function, Training


class Step(Trainer):
    """A loop over batches that are on the device already; a step's arrays are reused for the next."""

    name = "jax-step"
    needs = ("jax",)

    def imports(self) -> None:
        """Import JAX; its threads are those of the process's processors."""
        import jax

        self.jax = jax

    def training(self, workload: Training) -> None:
        """Compile the step."""
        jax = self.jax
        start, loss = workload.jax_loss(workload.values())
        self.start = jax.tree.map(jax.numpy.array, start)
        data = workload.samples()
        shape = (workload.steps, workload.batch)
        self.batches = {name: array.reshape(*shape, *array.shape[1:]) for name, array in data.items()}
        self.batches["y"] = self.batches["y"].astype("int32")
        step = jax.value_and_grad(loss)
        alpha = workload.alpha

        def adam(state: Any, batch: Any) -> tuple[Any, Any]:
            values, first, second, time = state
            cost, gradient = step(values, *batch)
            time = time + 1
            first = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g, first, gradient)
            second = jax.tree.map(lambda s, g: 0.999 * s + 0.001 * g * g, second, gradient)
            a, b = 1 / (1 - 0.9**time), 1 / (1 - 0.999**time)
            values = jax.tree.map(
                lambda p, v, s: p - alpha * (v * a) / (jax.numpy.sqrt(s * b) + 1e-8), values, first, second
            )
            return (values, first, second, time), cost

        self.compile(adam)

    def compile(self, adam: Any) -> None:
        """Compile a step, and put the batches on the device."""
        self.step = self.jax.jit(adam, donate_argnums=0)
        put = self.jax.device_put
        self.pairs = [(put(x), put(y)) for x, y in zip(self.batches["x"], self.batches["y"], strict=True)]

    def state(self) -> Any:
        """Return the initial values, and zeros for what Adam keeps, as fresh arrays."""
        jax = self.jax
        zeros = [jax.tree.map(jax.numpy.zeros_like, self.start) for _ in range(2)]
        return jax.block_until_ready((jax.tree.map(lambda a: a.copy(), self.start), *zeros, jax.numpy.zeros(())))

    def epochs(self, count: int) -> tuple[Sequence[float], Sequence[float]]:
        """Train; the losses are looked at after the epochs."""
        state, losses, seconds = self.state(), [], []
        for _ in range(count):
            began = perf_counter()
            state, found = self.epoch(state)
            self.jax.block_until_ready((state, found))
            seconds.append(perf_counter() - began)
            losses += [float(loss) for loss in found]
        return losses, seconds

    def epoch(self, state: Any) -> tuple[Any, Any]:
        """Return the state after an epoch, and its losses."""
        losses = []
        for batch in self.pairs:
            state, loss = self.step(state, batch)
            losses.append(loss)
        return state, losses

    def function(self, workload: Function) -> Callable[[], Any]:
        """Return JAX's function on its arguments."""
        if workload.dtype == "float64":
            self.jax.config.update("jax_enable_x64", True)
        found = workload.jax_function()
        arrays = {name: self.jax.device_put(array) for name, array in workload.arrays().items()}
        return lambda: self.jax.block_until_ready(found(**arrays))


RUNNER = Step
