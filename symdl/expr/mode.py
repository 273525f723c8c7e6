"""Values that differ between training and prediction: dropout, batch normalisation."""

from dataclasses import replace
from typing import Any

from sympy import Basic, Expr

from symdl.errors import ExpressionError
from symdl.expr.equations import System
from symdl.expr.index import rebuild
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Element, Tensor, pointwise
from symdl.expr.operators import operands
from symdl.expr.scalar import ScalarOp
from symdl.expr.system import needed, trace

MODES = ("train", "predict")


class ByMode(ScalarOp):
    """``train`` while a model is trained, ``predict`` when it predicts. A system that is compiled as it is trains."""

    symbol = r"\operatorname{train}"
    source = "elementary"
    analytic = False

    @classmethod
    def eval(cls, train: Expr, predict: Expr) -> Expr | None:
        """The value, where both are the same."""
        return train if train == predict else None

    def derivative(self, position: int) -> Expr:
        """Return 1 in the argument's own mode and 0 in the other one."""
        return ByMode(*((1, 0) if position == 0 else (0, 1)))

    def _eval_derivative(self, symbol: Expr) -> Expr:
        return ByMode(*(argument.diff(symbol) for argument in self.args))

    def definition(self) -> Expr:
        """Return what is computed in training."""
        return self.args[0]

    @staticmethod
    def reference(train: Any, predict: Any) -> Any:
        """What is computed in training."""
        return train

    @staticmethod
    def precise(train: Any, predict: Any) -> Any:
        """What is computed in training."""
        return train

    def _sympystr(self, printer: Any) -> str:
        return f"by_mode({', '.join(map(printer._print, self.args))})"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        text = printer._print(self.args[0])
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def by_mode(train: Any, predict: Any) -> Any:
    """Return a value that is ``train`` in training and ``predict`` in prediction, element by element."""
    return pointwise(ByMode, *operands("by_mode", train, predict))


def in_mode(value: Any, mode: str) -> Any:
    """Return an expression, or a list of them, as it is in one mode: ``"train"`` or ``"predict"``.

    Raises:
        ExpressionError: for another mode.
    """
    several = isinstance(value, list | tuple)
    values = [ingest(item) for item in (value if several else [value])]
    system = trace(values)
    if decided(system, mode) is system:
        return value
    system = decided(system, mode)
    tensors = [system.tensor(output) for output in system.outputs]
    found = [new if isinstance(old, Tensor) else _scalar(new) for old, new in zip(values, tensors, strict=True)]
    return type(value)(found) if several else found[0]


def decided(system: System, mode: str) -> System:
    """Return the system in one mode, without the equations that only the other one needs."""
    if mode not in MODES:
        raise ExpressionError(f"unknown mode {mode!r}; expected one of {', '.join(MODES)}")
    if not any(equation.body.has(ByMode) for equation in system.equations):
        return system
    position = MODES.index(mode)

    def choose(node: Basic) -> Basic | None:
        if isinstance(node, Element):
            return Element(node.tensor, *(rebuild(index, choose) for index in node.indices))
        return rebuild(node.args[position], choose) if isinstance(node, ByMode) else None

    equations = tuple(replace(equation, body=rebuild(equation.body, choose)) for equation in system.equations)
    return System(needed(equations, system.outputs), system.outputs)


def _scalar(tensor: Tensor) -> Expr:
    return getattr(tensor, "body", None) or Element(tensor)
