"""The mpmath interpreter: each equation element by element, in explicit loops, to any number of digits.

Meant for small sizes. Conditions are lazy: only the branch that is chosen is computed, and a load that leaves its
tensor is an error. Integers and fractions of them are exact, so floors and remainders of indices are too.
"""

import itertools
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Basic, KroneckerDelta, Symbol
from sympy.core.relational import Relational

from symdl.errors import InputError, InternalError
from symdl.expr.index import Index, axis_index, free_indices
from symdl.expr.nodes import Call, Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS, ScalarOp
from symdl.expr.system import Equation, System
from symdl.interpret.binding import Binding
from symdl.interpret.grids import steps
from symdl.interpret.matrices import precise

Env = dict[Index, int]
Compiled = Callable[[Env], Any]


def add(a: Any, b: Any) -> Any:
    """Return a + b; a fraction meets a float in the working precision."""
    return _lift(a, b) + _lift(b, a)


def times(a: Any, b: Any) -> Any:
    """Return a · b, as ``add``."""
    return _lift(a, b) * _lift(b, a)


def number(value: Any) -> Any:
    """Return a number of the working precision."""
    return mpmath.mpf(value.numerator) / value.denominator if isinstance(value, Fraction) else mpmath.mpmathify(value)


def _lift(value: Any, other: Any) -> Any:
    return number(value) if isinstance(value, Fraction) and not isinstance(other, int | Fraction) else value


def power(base: Any, exponent: Any) -> Any:
    """Return base^exponent, exactly for integer powers of integers and fractions; 0 to a negative power is infinite."""
    if base == 0 and exponent < 0:
        return mpmath.inf
    if isinstance(base, int | Fraction) and isinstance(exponent, int):
        return Fraction(base) ** exponent if exponent < 0 else base**exponent
    if isinstance(exponent, int):
        return number(base) ** exponent
    if number(base) < 0:
        return mpmath.nan
    return mpmath.power(number(base), number(exponent))


def quotient(value: Any) -> Any:
    """Return an integer where a fraction is one."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


_RELATIONS: dict[type, Callable[[Any, Any], bool]] = {
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
    sympy.Lt: lambda a, b: a < b,
    sympy.Le: lambda a, b: a <= b,
    sympy.Gt: lambda a, b: a > b,
    sympy.Ge: lambda a, b: a >= b,
}


_REDUCTIONS: dict[str, tuple[Any, Any]] = {"add": (0, add), "mul": (1, times), "max": (None, max), "min": (None, min)}


class PreciseInterpreter:
    """Evaluates a system in the current working precision of mpmath; ``run`` fills ``values`` with object arrays."""

    def __init__(self, system: System, binding: Binding) -> None:
        self.system, self.binding = system, binding
        exact = np.frompyfunc(lambda value: value if isinstance(value, mpmath.mpf) else mpmath.mpf(float(value)), 1, 1)
        self.values: dict[TensorSymbol, np.ndarray] = {
            tensor: np.asarray(exact(array), dtype=object) for tensor, array in binding.arrays.items()
        }
        self.current = ""

    def run(self) -> None:
        """Evaluate all equations, in order."""
        for block in self.system.blocks:
            bodies = {}
            for equation in block:
                self.values[equation.target] = np.full(self.binding.shape(equation.target), mpmath.nan, dtype=object)
            for equation in block:
                self.current = str(equation)
                bodies[equation.target] = self.compile(equation.body, {})
            for time, equation in steps(block, self.binding):
                self.compute(equation, time, bodies[equation.target])

    def compute(self, equation: Equation, time: int | None, body: Compiled) -> None:
        """Evaluate the elements of a target, those of one time inside a loop."""
        value = self.values[equation.target]
        ranges: list[Any] = [range(extent) for extent in value.shape]
        if equation.loop is not None and time is not None:
            ranges[equation.loop.axis] = [time]
        indices = [axis_index(k) for k in range(value.ndim)]
        for place in itertools.product(*ranges):
            value[place] = number(body(dict(zip(indices, place, strict=True))))

    def compile(self, node: Basic, known: dict[Basic, Compiled]) -> Compiled:
        """Return a function of the indices' values that computes a scalar expression."""
        if node not in known:
            known[node] = self._compile(node, known)
        return known[node]

    def _compile(self, node: Basic, known: dict[Basic, Compiled]) -> Compiled:
        if isinstance(node, Index):
            return lambda env: env[node]
        if isinstance(node, sympy.Number | sympy.NumberSymbol | Symbol) or node in (sympy.true, sympy.false):
            constant = self.constant(node)
            return lambda env: constant
        if isinstance(node, Reduce):
            return self.reduction(node, known)
        if isinstance(node, Call):
            return self.called(node, known)
        arguments = [self.compile(argument, known) for argument in node.args if not isinstance(argument, TensorSymbol)]
        if isinstance(node, Element):
            return self.load(node, arguments)
        if isinstance(node, sympy.Add):
            return lambda env: reduce(add, [argument(env) for argument in arguments])
        if isinstance(node, sympy.Mul):
            return lambda env: reduce(times, [argument(env) for argument in arguments])
        if isinstance(node, SCALAR_OPS["where"]):
            condition, a, b = arguments
            return lambda env: a(env) if condition(env) else b(env)
        function = self.function(node)
        return lambda env: function(*(argument(env) for argument in arguments))

    def function(self, node: Basic) -> Callable[..., Any]:
        """Return what a node computes from its arguments' values."""
        if isinstance(node, sympy.Pow):
            return power
        if isinstance(node, KroneckerDelta):
            return lambda a, b: int(a == b)
        if isinstance(node, ScalarOp):
            precise = type(node).precise
            return lambda *values: precise(*map(number, values))
        if isinstance(node, Relational):
            relation = _RELATIONS[type(node)]
            return lambda a, b: bool(relation(_lift(a, b), _lift(b, a)))
        if isinstance(node, sympy.And | sympy.Or):
            combine = all if isinstance(node, sympy.And) else any
            return lambda *values: combine(values)
        if isinstance(node, sympy.Not):
            return lambda value: not value
        if isinstance(node, sympy.floor | sympy.ceiling):
            whole = mpmath.floor if isinstance(node, sympy.floor) else mpmath.ceil
            sign = 1 if isinstance(node, sympy.floor) else -1
            return lambda value: (
                int(whole(value))
                if isinstance(value, mpmath.mpf)
                else sign * (sign * value.numerator // value.denominator)
            )
        if isinstance(node, sympy.Mod):
            return lambda a, b: a % b
        raise InternalError(f"{self.current}: {type(node).__name__} has no meaning in a system: {node}")

    def constant(self, node: Basic) -> Any:
        """Return a number, integers and fractions exactly."""
        if isinstance(node, Symbol):
            value = self.binding.number(node)
            return value if isinstance(value, int | mpmath.mpf) else mpmath.mpf(float(value))
        if node in (sympy.true, sympy.false):
            return bool(node)
        if node.is_Rational:
            return int(node.p) if node.q == 1 else Fraction(int(node.p), int(node.q))
        if node.is_Float:
            return mpmath.mpf(node._mpf_)
        return mpmath.mpmathify(node._to_mpmath(mpmath.mp.prec))

    def load(self, node: Element, places: list[Compiled]) -> Compiled:
        """Return a function that reads an element; it raises InternalError outside the tensor."""
        tensor = node.tensor
        if not isinstance(tensor, TensorSymbol) or tensor not in self.values:
            raise InternalError(f"{self.current}: reads {tensor}, which no equation defines")
        array, equation = self.values[tensor], self.current

        def element(env: Env) -> Any:
            indices = tuple(int(place(env)) for place in places)
            if not all(0 <= index < extent for index, extent in zip(indices, array.shape, strict=True)):
                kind = InternalError if free_indices(node) else InputError  # a fixed place is the user's
                raise kind(f"{equation}: {node} at {indices} leaves {tensor.name} of shape {array.shape}")
            return array[indices]

        return element

    def reduction(self, node: Reduce, known: dict[Basic, Compiled]) -> Compiled:
        """Return a function that loops over the axes of a reduction."""
        body, equation = self.compile(node.body, known), self.current
        indices = node.bound_indices
        ranges = [range(self.binding.extent(size, equation, empty=True)) for _, size in node.axes]
        start, combine = _REDUCTIONS[node.op]

        def value(env: Env) -> Any:
            terms = [body({**env, **dict(zip(indices, place, strict=True))}) for place in itertools.product(*ranges)]
            if start is None and not terms:
                raise InputError(f"{equation}: {node.op} over an empty axis")
            return reduce(combine, terms) if terms else start

        return value

    def called(self, node: Call, known: dict[Basic, Compiled]) -> Compiled:
        """Return a function that reads an element of a result of linear algebra, computed once for each batch."""
        equation, results = self.current, {}
        batch = sorted(node.batch, key=lambda index: index.name)
        places = [self.compile(place, known) for place in node.places]
        operands = [
            (self.compile(content, known), [(index, self.binding.extent(size, equation)) for index, size in limits])
            for content, *limits in node.operands
        ]

        def operand(body: Compiled, limits: list[tuple[Index, int]], env: Env) -> np.ndarray:
            found = np.empty([extent for _, extent in limits], dtype=object)
            for where in np.ndindex(found.shape):
                found[where] = number(body({**env, **{index: k for (index, _), k in zip(limits, where, strict=True)}}))
            return found

        def value(env: Env) -> Any:
            key = tuple(env[index] for index in batch)
            if key not in results:
                matrices = [operand(body, limits, env) for body, limits in operands]
                results[key] = precise(node.op, node.which, matrices, equation)
            return results[key][tuple(int(place(env)) for place in places)]

        return value
