"""Forms evaluated with NumPy, matrix by matrix."""

import itertools
from functools import singledispatch
from typing import Any

import numpy as np
from sympy import Expr

from symdl.latex import forms as f
from tests.latex.numbers import FUNCTIONS, REDUCTIONS, Numbers

Env = dict[Any, int]
COMPARE = {"==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater,
           ">=": np.greater_equal}  # fmt: skip


def evaluate(form: f.Form, numbers: Numbers, env: Env | None = None) -> Any:
    """Return a float for a scalar form and a two-dimensional array of exactly the form's shape for any other."""
    value = _value(form, numbers, env or {})
    if form.is_scalar:
        return np.asarray(value).reshape(()).item()
    shape = tuple(map(numbers.size, form.shape))
    if isinstance(form, f.Bracket) and len(form.axes) > 2:
        return value
    assert np.shape(value) == shape, (form, np.shape(value), shape)
    return value


def several(items: Any, numbers: Numbers, env: Env) -> list[Any]:
    return [evaluate(item, numbers, env) for item in items]


@singledispatch
def _value(form: f.Form, numbers: Numbers, env: Env) -> Any:
    raise TypeError(type(form).__name__)


@_value.register
def _(form: f.Leaf, numbers, env):
    if form.meaning.__class__.__name__ in ("TensorSymbol", "Named"):
        value = numbers.tensor(form.meaning)
        return value.reshape(value.shape[0], -1) if value.ndim else float(value)
    return numbers.scalar(form.meaning, env)


@_value.register
def _(form: f.Number, numbers, env):
    return float(form.value)


@_value.register
def _(form: f.Ones, numbers, env):
    return np.ones([numbers.size(size) for size in form.shape])


@_value.register
def _(form: f.Zeros, numbers, env):
    return np.zeros([numbers.size(size) for size in form.shape])


@_value.register
def _(form: f.Identity, numbers, env):
    return np.eye(numbers.size(form.shape[0]))


@_value.register
def _(form: f.Unit, numbers, env):
    return np.eye(numbers.size(form.shape[0]))[:, [numbers.size(form.position)]]


@_value.register
def _(form: f.Explicit, numbers, env):
    return np.block([several(row, numbers, env) for row in form.rows])


@_value.register
def _(form: f.Transpose, numbers, env):
    return evaluate(form.arg, numbers, env).T


@_value.register
def _(form: f.MatMul, numbers, env):
    first, *rest = several(form.factors, numbers, env)
    for value in rest:
        first = first @ value
    return first


@_value.register
def _(form: f.Sum, numbers, env):
    return sum(several(form.terms, numbers, env))


@_value.register
def _(form: f.Scale, numbers, env):
    value = float(form.number) * np.prod(several(form.num, numbers, env)) / np.prod(several(form.den, numbers, env))
    return value if form.arg is None else value * evaluate(form.arg, numbers, env)


@_value.register
def _(form: f.Hadamard, numbers, env):
    value = np.ones(tuple(map(numbers.size, form.shape)))
    for part in several(form.num, numbers, env):
        assert part.shape == value.shape
        value = value * part
    for part in several(form.den, numbers, env):
        assert part.shape == value.shape
        value = value / part
    return value


@_value.register
def _(form: f.Power, numbers, env):
    return np.power(evaluate(form.base, numbers, env), evaluate(form.exponent, numbers, env))


@_value.register
def _(form: f.Apply, numbers, env):
    args = several(form.args, numbers, env)
    if form.op.__name__ in ("floor", "Mod"):
        return np.floor(args[0]) if len(args) == 1 else args[0] % args[1]
    return np.vectorize(FUNCTIONS[form.op.name], otypes=[float])(*args)


@_value.register
def _(form: f.Composite, numbers, env):
    value = numbers.tensor(form.meaning)
    return value.reshape(value.shape[0], -1)


@_value.register
def _(form: f.Diag, numbers, env):
    return np.diag(evaluate(form.arg, numbers, env)[:, 0])


@_value.register
def _(form: f.DiagonalOf, numbers, env):
    return np.diag(evaluate(form.arg, numbers, env))[:, None]


@_value.register
def _(form: f.Trace, numbers, env):
    return np.trace(evaluate(form.arg, numbers, env))


@_value.register
def _(form: f.Norm, numbers, env):
    return np.linalg.norm(evaluate(form.arg, numbers, env))


@_value.register
def _(form: f.Kron, numbers, env):
    return np.kron(evaluate(form.left, numbers, env), evaluate(form.right, numbers, env))


@_value.register
def _(form: f.Relation, numbers, env):
    return COMPARE[form.symbol](evaluate(form.left, numbers, env), evaluate(form.right, numbers, env))


@_value.register
def _(form: f.Logic, numbers, env):
    args = several(form.args, numbers, env)
    return np.logical_not(args[0]) if form.symbol == "not" else getattr(np, f"logical_{form.symbol}").reduce(args)


@_value.register
def _(form: f.Cases, numbers, env):
    condition = evaluate(form.condition, numbers, env)
    if form.condition.is_scalar:  # the other one may have no value
        return evaluate(form.first if condition else form.second, numbers, env)
    return np.where(condition, *several((form.first, form.second), numbers, env))


@_value.register
def _(form: f.Slice, numbers, env):
    base = evaluate(form.base, numbers, env)
    for axis, part in enumerate(form.parts):
        start, length = (numbers.size(item) for item in (part if isinstance(part, tuple) else (part, part - part + 1)))
        base = np.take(base, range(start, start + length), axis)
    return base


@_value.register
def _(form: f.At, numbers, env):
    if isinstance(form.base, f.Leaf | f.Composite):
        value = np.squeeze(numbers.tensor(form.base.meaning))
    else:
        value = np.squeeze(evaluate(form.base, numbers, env))
    return value[tuple(int(numbers.scalar(place, env)) for place in form.places)]


@_value.register
def _(form: f.Place, numbers, env):
    return numbers.scalar(form.value, env) if isinstance(form.value, Expr) else None


@_value.register
def _(form: f.Delta, numbers, env):
    return evaluate(form.left, numbers, env) == evaluate(form.right, numbers, env)


@_value.register
def _(form: f.BigOp, numbers, env):
    indices = [index for index, _, _ in form.limits]
    ranges = [range(int(evaluate(size, numbers, env))) for _, _, size in form.limits]
    inner = [{**env, **dict(zip(indices, place, strict=True))} for place in itertools.product(*ranges)]
    values = [evaluate(form.body, numbers, item) for item in inner]
    if form.op.startswith("arg"):
        return 1 + getattr(np, form.op)(values)
    return REDUCTIONS[form.op](values)


@_value.register
def _(form: f.Bracket, numbers, env):
    indices = [index for index, _, _ in form.axes]
    shape = [numbers.size(size) for _, _, size in form.axes]
    value = np.empty(shape)
    for place in itertools.product(*map(range, shape)):
        value[place] = evaluate(form.body, numbers, {**env, **dict(zip(indices, place, strict=True))})
    return value.reshape(shape[0], -1) if len(shape) < 3 else value
