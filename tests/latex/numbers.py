"""What index notation means, by loops over plain numbers: the yardstick for everything that is printed."""

import itertools
import math
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import sympy
from sympy import Add, KroneckerDelta, Mul, Pow

from symdl.expr.index import axis_index
from symdl.expr.nodes import Array, CompositeOp, Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS

FUNCTIONS = {name: op.reference for name, op in SCALAR_OPS.items()} | {
    "exp": math.exp, "log": math.log, "log1p": math.log1p, "tanh": math.tanh, "abs": abs, "sign": np.sign,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)), "softplus": lambda x: math.log1p(math.exp(x)),
    "relu": lambda x, *rest: max(x, 0.0), "maximum": max, "minimum": min,
}  # fmt: skip
COMPARISONS = {"==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
               ">=": operator.ge}  # fmt: skip
REDUCTIONS = {"add": sum, "mul": math.prod, "max": max, "min": min}


class Numbers:
    """Values of symbols; ``sizes`` and ``arrays`` by name."""

    def __init__(self, sizes: Mapping[str, int], arrays: Mapping[str, Any]) -> None:
        self.sizes, self.arrays = dict(sizes), dict(arrays)
        self.memo: dict[Any, Any] = {}

    def tensor(self, tensor: Tensor) -> np.ndarray:
        """Return a tensor's array, of its own shape."""
        if isinstance(tensor, TensorSymbol):
            return np.asarray(self.arrays[tensor.name]).reshape([self.size(size) for size in tensor.shape])
        if isinstance(tensor, Named | CompositeOp):
            return self.tensor(tensor.definition)
        assert isinstance(tensor, Array)
        if tensor not in self.memo:
            shape = [self.size(size) for size in tensor.shape]
            value = np.empty(shape)
            for place in itertools.product(*map(range, shape)):
                env = {axis_index(k): index for k, index in enumerate(place)}
                value[place] = self.scalar(tensor.body, env)
            self.memo[tensor] = value
        return self.memo[tensor]

    def size(self, size: Any) -> int:
        return int(size.subs({symbol: self.sizes[symbol.name] for symbol in size.free_symbols}))

    def scalar(self, expr: Any, env: Mapping[Any, int]) -> Any:
        """Return the value of a scalar expression or condition."""
        if isinstance(expr, Element):
            return self.tensor(expr.tensor)[tuple(int(self.scalar(index, env)) for index in expr.indices)]
        if isinstance(expr, Reduce):
            ranges = [range(self.size(size)) for _, size in expr.axes]
            places = itertools.product(*ranges)
            inner = ({**env, **dict(zip(expr.bound_indices, place, strict=True))} for place in places)
            return REDUCTIONS[expr.op]([self.scalar(expr.body, item) for item in inner])
        if expr in env:
            return env[expr]
        if isinstance(expr, sympy.Symbol):
            return self.sizes[expr.name] if expr.name in self.sizes else float(self.arrays[expr.name])
        if isinstance(expr, sympy.Number | sympy.NumberSymbol):
            return int(expr) if expr.is_Integer else float(expr)
        if getattr(expr, "name", "") == "where":  # the branch that is not chosen may have no meaning
            return self.scalar(expr.args[1 if self.scalar(expr.args[0], env) else 2], env)
        return self.compound(expr, [self.scalar(argument, env) for argument in expr.args])

    def compound(self, expr: Any, args: list[Any]) -> Any:
        """Return a function of values that are known."""
        if isinstance(expr, Add):
            return sum(args)
        if isinstance(expr, Mul):
            return math.prod(args)
        if isinstance(expr, Pow):
            return float(args[0]) ** args[1]
        if isinstance(expr, KroneckerDelta):
            return int(args[0] == args[1])
        if isinstance(expr, sympy.Rel):
            return COMPARISONS[expr.rel_op](*args)
        if isinstance(expr, sympy.And | sympy.Or | sympy.Not):
            return {"And": all(args), "Or": any(args), "Not": not args[0]}[type(expr).__name__]
        if isinstance(expr, sympy.ITE):
            return args[1] if args[0] else args[2]
        if isinstance(expr, sympy.floor):
            return math.floor(args[0])
        if isinstance(expr, sympy.Mod):
            return args[0] % args[1]
        return FUNCTIONS[expr.name](*args)
