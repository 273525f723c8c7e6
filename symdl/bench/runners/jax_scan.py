"""JAX with one compiled function for a whole epoch."""

from typing import Any

from symdl.bench.runners.jax_step import Step


class Scan(Step):
    """``jax.lax.scan`` over the batches."""

    name = "jax-scan"

    def compile(self, adam: Any) -> None:
        """Compile an epoch."""
        self.step = self.jax.jit(lambda state, batches: self.jax.lax.scan(adam, state, batches), donate_argnums=0)
        self.stacked = (self.jax.device_put(self.batches["x"]), self.jax.device_put(self.batches["y"]))

    def epoch(self, state: Any) -> tuple[Any, Any]:
        """Return the state after an epoch, and its losses."""
        state, losses = self.step(state, self.stacked)
        return state, losses


RUNNER = Scan
