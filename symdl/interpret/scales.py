"""The sum of absolute terms, carried along with a NumPy evaluation: a running bound of the rounding error.

    input x         |x|
    Σ a_k           Σ s(a_k)
    Π a_k           Σ_k s(a_k) Π_{j≠k} |a_j|
    f(a)            |f(a)| + Σ_k |∂f/∂a_k| s(a_k)

where s(a) >= |a| is the scale of a. A backward-stable evaluation errs by a small multiple of epsilon·s.
"""

from typing import Any

import numpy as np
import sympy
from sympy import Basic

from symdl.expr.nodes import Call, Element, Reduce
from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.interpret.grids import Grid, GridInterpreter
from symdl.interpret.matrices import condition, numeric

MASK = 1e29  # what is masked is larger in magnitude, and constant


class ScaledInterpreter(GridInterpreter):
    """A NumPy evaluation that also knows the sum of absolute terms of every tensor."""

    def run(self) -> None:
        """Evaluate all equations and their scales."""
        super().run()
        self.scales = {tensor: np.abs(array) for tensor, array in self.binding.arrays.items()}
        self.sweep(self.scales, self.scale, float)
        for equation in self.system.equations:
            target = equation.target
            self.scales[target] = np.maximum(self.scales[target], np.abs(self.values[target]))

    def scale(self, node: Basic, grid: Grid) -> Any:
        """Return the sum of absolute terms of a scalar expression on a grid."""
        found = grid.scales.get(node)
        if found is None:
            found = grid.scales[node] = self._scale(node, grid)
        return found

    def _scale(self, node: Basic, grid: Grid) -> Any:
        if isinstance(node, Element):
            return self.load(node, self.scales, grid)
        if isinstance(node, Reduce):
            return self.reduced(node, grid)
        if isinstance(node, Call):
            return self.called_scale(node, grid)
        if isinstance(node, SCALAR_OPS["where"]):
            condition, a, b = node.args
            holds = self.value(condition, grid)
            return np.where(
                holds,
                self.scale(a, grid.where(condition, holds, True)),
                self.scale(b, grid.where(condition, holds, False)),
            )
        if isinstance(node, sympy.Add):
            return sum(self.scale(argument, grid) for argument in node.args)
        if isinstance(node, sympy.Mul):
            return self.product(node, grid)
        if isinstance(node, sympy.Pow):
            return self.power_scale(node, grid)
        if isinstance(node, ScalarOp):
            return self.op_scale(node, grid)
        return np.abs(np.asarray(self.value(node, grid), dtype=self.dtype))

    def product(self, node: sympy.Mul, grid: Grid) -> Any:
        """Return the scale of a product: each factor's times the absolute values of the others."""
        values = [np.abs(self.value(argument, grid)) for argument in node.args]
        total: Any = 0
        for place, argument in enumerate(node.args):
            term = self.scale(argument, grid)
            for other, value in enumerate(values):
                if other != place:
                    term = term * value
            total = total + term
        return total

    def power_scale(self, node: sympy.Pow, grid: Grid) -> Any:
        """Return the scale of a power."""
        base, exponent = (self.lift(self.value(argument, grid)) for argument in node.args)
        value = np.abs(self.value(node, grid))
        scale = value + np.abs(exponent * self.power(base, exponent - 1)) * self.scale(node.base, grid)
        if not node.exp.is_number:
            scale = scale + value * np.abs(np.log(np.abs(base))) * self.scale(node.exp, grid)
        return scale

    def op_scale(self, node: ScalarOp, grid: Grid) -> Any:
        """Return the scale of a scalar op, through its derivatives."""
        total = np.abs(self.value(node, grid))
        for place, argument in enumerate(node.args):
            derivative = node.derivative(place)
            if derivative != 0:
                total = total + np.abs(self.value(derivative, grid)) * self.scale(argument, grid)
        return total

    def called_scale(self, node: Call, grid: Grid) -> Any:
        """Return the scale of a result of linear algebra: its norm times the operand's condition, roughly."""
        operands, batch = self.operands(node, grid, self.value)
        scales, _ = self.operands(node, grid, self.scale)
        result = numeric(node.op, node.which, operands, str(self.current))
        axes = tuple(range(len(batch), result.ndim))
        growth = condition(node.op, operands[0])
        for operand, scale in zip(operands, scales, strict=True):
            size = np.linalg.norm(operand, axis=(-2, -1))
            growth = growth * np.maximum(1.0, np.linalg.norm(scale, axis=(-2, -1)) / np.where(size == 0, 1.0, size))
        norms = np.sqrt(np.sum(np.abs(result) ** 2, axis=axes)) if axes else np.abs(result)
        spread = (growth * np.maximum(norms, 1.0 if node.op == "logdet" else 0.0)).reshape(
            result.shape[: len(batch)] + (1,) * len(axes)
        )
        return self.elements_at(node, np.broadcast_to(spread, result.shape), batch, grid)

    def reduced(self, node: Reduce, grid: Grid) -> Any:
        """Return the scale of a reduction."""
        scales, places = self.content(node, grid, self.scale)
        if node.op == "add":
            return np.sum(scales, axis=places)
        if node.op in ("max", "min"):
            return np.max(scales, axis=places)
        values, _ = self.content(node, grid, self.value)
        return np.prod(np.abs(values), axis=places) + np.prod(scales, axis=places)


def kink_distance(interpreter: GridInterpreter) -> dict[str, float]:
    """Return how far the evaluation stays from the nearest kink, jump or tie of each kind that it meets.

    Kinds are the names of ops (``relu``, ``abs``, ``maximum``), ``where`` for a comparison of computed numbers, and
    ``max`` and ``min`` for ties of a reduction. Comparisons of integers, and ties among what is masked, are none.
    """
    found: dict[str, float] = {}

    def note(kind: str, distance: Any) -> None:
        distance = np.asarray(distance, dtype=float)
        if distance.size:
            found[kind] = min(found.get(kind, np.inf), float(np.nanmin(np.append(distance, np.inf))))

    def visit(grid: Grid) -> None:
        for node in list(grid.values):
            if isinstance(node, ScalarOp) and node.kinks:
                argument = np.real(np.asarray(interpreter.value(node.args[0], grid), dtype=complex))
                for kink in node.kinks:
                    note(node.name, np.abs(argument - kink))
            elif isinstance(node, SCALAR_OPS["maximum"] | SCALAR_OPS["minimum"]):
                a, b = (np.real(interpreter.value(argument, grid)) for argument in node.args)
                note(node.name, np.abs(a - b))
            elif isinstance(node, sympy.core.relational.Relational) and any(map(_moves, node.atoms(Element))):
                a, b = (np.real(interpreter.value(argument, grid)) for argument in node.args)
                note("where", np.abs(a - b))
            elif isinstance(node, Reduce) and node.op in ("max", "min"):
                content, places = interpreter.content(node, grid, interpreter.value)
                flat = np.sort(np.real(content).reshape((*content.shape[: places[0]], -1)), axis=-1)
                if flat.shape[-1] > 1:
                    gap = flat[..., -1] - flat[..., -2] if node.op == "max" else flat[..., 1] - flat[..., 0]
                    note(node.op, np.where(np.abs(flat[..., -1 if node.op == "max" else 0]) >= MASK, np.inf, gap))
        for inner in list(grid.branches.values()):
            visit(inner)

    with np.errstate(all="ignore"):
        for grid in list(interpreter.grids.values()):
            visit(grid)
    return found


def _moves(node: Element) -> bool:
    return "integer" not in node.tensor.properties
