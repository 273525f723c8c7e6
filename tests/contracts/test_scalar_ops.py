"""The contract of every scalar op, found by scan: derivatives, definition, kernel accuracy, printing, identities."""

import itertools
import math
import pickle
from functools import partial

import mpmath
import numpy as np
import pytest
import sympy
from sympy import Rational, Symbol

import symdl.ops
from symdl.expr.ingest import ingest
from symdl.expr.scalar import SCALAR_OPS
from symdl.ops import elementwise
from symdl.ops.elu import Elu
from symdl.ops.sigmoid import Sigmoid
from symdl.ops.tanh import Tanh
from tests.contracts.scalars import DIGITS, exact, parameters, rounded
from tests.katex import katex_error

OPS = [op for op in SCALAR_OPS.values() if op.__module__.startswith(symdl.ops.__name__)]
X = Symbol("x", real=True)
POINTS = [-8.25, -2.625, -1.25, -0.4375, -0.03125, 0.015625, 0.34375, 0.78125, 1.375, 2.875, 6.5]  # exact in binary
OTHERS = {"slope": [0.25, 1.5], "alpha": [1.0, 1.5], "beta": [1.0, -0.5], "b": [-1.5, 0.625]}
CONVENTIONS = {"at_zero": [1, 0, Rational(1, 4)]}


@pytest.fixture(autouse=True)
def _precision():
    with mpmath.workdps(DIGITS):
        yield


def cases(op):
    """Yield (expression, its symbols, precise function of their values, lists of values) for an op."""
    if op.name == "where":
        u, v, w = sympy.symbols("u v w", real=True)
        yield op(u >= 0, v, w), (u, v, w), lambda a, b, c: op.precise(a >= 0, b, c), [[-1.5, 0.5], [0.75], [2.5]]
        return
    names = parameters(op)
    fixed = [name for name in names if name in CONVENTIONS]
    free = [name for name in names if name not in CONVENTIONS]
    symbols = tuple(Symbol(name, real=True) for name in free)
    low, high = op.domain
    values = [[x for x in POINTS if low < x < high], *(OTHERS[name] for name in free[1:])]
    for convention in itertools.product(*(CONVENTIONS[name] for name in fixed)):
        yield op(*symbols, *convention), symbols, lambda *v, c=convention: op.precise(*v, *c), values


def close(found, expected, tolerance=1e-36):
    return abs(found - expected) <= tolerance * max(1, abs(expected))


def evaluate(precise, rest, x):
    return precise(x, *map(mpmath.mpf, rest))


def check_derivatives(op, order):
    for expr, symbols, precise, values in cases(op):
        for position, symbol in enumerate(symbols):
            derivative = expr.diff(symbol, order)
            for point in itertools.product(*values):
                arguments = list(map(mpmath.mpf, point))

                def along(t, arguments=arguments, position=position, precise=precise):
                    return precise(*arguments[:position], t, *arguments[position + 1 :])

                expected = mpmath.diff(along, arguments[position], order)
                found = exact(derivative, dict(zip(symbols, point, strict=True)))
                assert close(found, expected, 1e-30), f"{expr}, derivative {order} by {symbol} at {point}: {found}"


def check_kinks(op):
    """At a kink the derivative lies between the one-sided ones, as a subgradient does."""
    for expr, symbols, precise, values in cases(op):
        rest = [choices[0] for choices in values[1:]]
        for kink in op.kinks:
            found = exact(expr.diff(symbols[0]), dict(zip(symbols, [kink, *rest], strict=True)))
            along = partial(evaluate, precise, rest)
            sides = [mpmath.diff(along, mpmath.mpf(kink) + side) for side in (-1e-9, 1e-9)]
            assert min(sides) - 1e-6 <= found <= max(sides) + 1e-6, f"{expr} at {kink}: {found}, sides {sides}"


def check_definition(op):
    for expr, symbols, precise, values in cases(op):
        for point in itertools.product(*values):
            found = exact(expr.definition(), dict(zip(symbols, point, strict=True)))
            assert close(found, precise(*map(mpmath.mpf, point))), f"{expr.definition()} at {point}"


def grid(op, dtype):
    """Arguments of all sizes: denormal, tiny, moderate, around kinks and branches, up to where exp overflows."""
    info, limit = np.finfo(dtype), math.log(float(np.finfo(dtype).max))
    tiny = float(info.tiny)
    sizes = np.concatenate(
        [
            np.geomspace(tiny, 1, 60),
            np.linspace(0.01, 3.5, 120),
            np.linspace(3.5, limit + 1, 120),
            [1 - info.eps, 1 + info.eps, 3 - 2 * float(info.eps), 100 * tiny**0.5],
        ]
    )
    points = np.unique(np.concatenate([-sizes, sizes, 0.5 + 0.3 * np.sin(sizes), 1 - sizes, sizes - 1]).astype(dtype))
    low, high = op.domain
    return points[(points > low) & (points < high)]


def check_kernel(op, dtype):
    """The kernel is right to a few ULP wherever the value is representable, and NaN for NaN unless it is constant."""
    info = np.finfo(dtype)
    for expr, symbols, precise, values in cases(op):
        kernel, points = expr.kernel(), grid(op, dtype)
        if op.primitive_name:
            assert kernel == expr
            continue
        for rest in itertools.product(*(choices for choices in values[1:])):
            arrays = dict(zip(symbols, [points, *map(dtype, rest)], strict=True))
            with np.errstate(all="ignore"):
                found = np.broadcast_to(rounded(kernel, arrays, dtype), points.shape)
                missing = rounded(kernel, arrays | {symbols[0]: np.full(2, np.nan, dtype)}, dtype)
            assert found.dtype == dtype
            assert np.isnan(missing).all() or expr.diff(symbols[0]) == 0, f"{kernel} hides a NaN"
            for x, value in zip(points.tolist(), found.tolist(), strict=True):
                check_value(expr, partial(evaluate, precise, rest), x, value, info)


def check_value(expr, precise, x, value, info):
    expected = precise(mpmath.mpf(x))
    if abs(expected) > float(info.max) * (1 - 8 * float(info.eps)):
        return
    assert math.isfinite(value), f"{expr} at {x}: {value}, expected {mpmath.nstr(expected)}"
    error, bound = abs(value - expected), 4 * float(info.eps)
    if expr.amplifies and error > bound * abs(expected):
        bound += 2 * float(info.eps) * abs(x * mpmath.diff(precise, mpmath.mpf(x)) / expected)
    slack = 4 * float(info.smallest_subnormal) * max(1, abs(x))
    assert error <= bound * abs(expected) + slack, f"{expr} at {x}: {value}, expected {mpmath.nstr(expected, 20)}"


def check_reference(op):
    """The reference agrees with the precise value, and its complex step with the derivative."""
    for _, symbols, precise, values in cases(op):
        if op.name == "where":
            continue
        for point in itertools.product(*values):
            exact_value = precise(*map(mpmath.mpf, point))
            assert close(float(op.reference(*map(np.float64, point))), exact_value, 1e-14)
            for position in range(len(symbols)):
                step = [np.complex128(complex(v, 1e-40 * (k == position))) for k, v in enumerate(point)]
                orders = tuple(int(k == position) for k in range(len(point)))
                slope = mpmath.diff(precise, tuple(map(mpmath.mpf, point)), orders)
                assert close(float(np.imag(op.reference(*step)) / 1e-40), slope, 1e-13), f"{op.name} at {point}"


def check_identities(op):
    """Whatever is evaluated at once is exact, and what is assumed about the sign holds."""
    special = [0, 1, -1, 2, Rational(1, 2), Rational(-7, 3), sympy.E, sympy.pi, sympy.Float(0.375)]
    low, high = op.domain
    for expr, symbols, precise, values in cases(op):
        for value in [value for value in special if low < value < high]:
            point = [value, *(Rational(choices[0]) for choices in values[1:])]
            found = expr.xreplace(dict(zip(symbols, map(sympy.sympify, point), strict=True)))
            expected = precise(*(sympy.sympify(v)._to_mpmath(mpmath.mp.prec + 10, allow_ints=False) for v in point))
            tolerance = 1e-14 if isinstance(value, sympy.Float) else 1e-36
            assert close(found.evalf(DIGITS)._to_mpmath(mpmath.mp.prec, allow_ints=False), expected, tolerance), point
        for point in itertools.product(*values):
            number = precise(*map(mpmath.mpf, point))
            signs = {"positive": number > 0, "nonnegative": number >= 0, "negative": number < 0}
            assert all(getattr(expr, f"is_{name}") in (None, holds) for name, holds in signs.items())


def check_printing(op):
    for expr, symbols, *_ in cases(op):
        for formula in (expr, expr**2, 1 / expr, expr.diff(symbols[-1])):
            assert katex_error(sympy.latex(formula)) is None, sympy.latex(formula)
        assert op.symbol in sympy.latex(expr)
        assert op.symbol in sympy.latex(expr**2)
        assert str(expr).startswith(f"{op.name}(")


def check_round_trip(op):
    namespace = {**vars(sympy), op.__name__: op}
    for expr, *_ in cases(op):
        assert expr.func(*expr.args) == expr
        assert eval(sympy.srepr(expr), namespace) == expr
        assert pickle.loads(pickle.dumps(expr)) == expr


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
class TestEveryOp:
    def test_says_what_it_is(self, op):
        assert op.__module__ == f"symdl.ops.{op.name}"
        assert op.symbol
        assert op.source
        assert op.__doc__
        assert op.domain[0] < op.domain[1]
        assert (not op.analytic) >= bool(op.kinks)

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_derivatives(self, op, order):
        check_derivatives(op, order)

    def test_kinks(self, op):
        check_kinks(op)

    def test_definition(self, op):
        check_definition(op)

    @pytest.mark.parametrize("dtype", [np.float64, np.float32])
    def test_kernel(self, op, dtype):
        check_kernel(op, dtype)

    def test_reference(self, op):
        check_reference(op)

    def test_identities(self, op):
        check_identities(op)

    def test_printing(self, op):
        check_printing(op)

    def test_round_trip(self, op):
        check_round_trip(op)

    def test_has_an_elementwise_function(self, op):
        assert op.name in elementwise.__all__
        assert callable(getattr(elementwise, op.name))

    def test_equivalents_are_converted(self, op):
        for function in op.equivalents:
            assert ingest(function(X)) == op(X)


def test_scan_finds_the_ops_of_the_design():
    wanted = (
        "exp log log1p expm1 tanh abs sign sin cos sigmoid  softplus relu leaky_relu elu gelu swish erf maximum minimum"
    )
    assert set(wanted.split()) <= {op.name for op in OPS}


class WrongDerivative(Tanh):
    name = ""

    def derivative(self, position):
        return 1 - self


class WrongDefinition(Sigmoid):
    name = ""

    def definition(self):
        return 1 / (1 + SCALAR_OPS["exp"](self.args[0]))


class UnstableKernel(Sigmoid):
    """Equal to the sigmoid, and useless: it cancels in the left tail."""

    name = ""

    def kernel(self):
        return (1 + Tanh(self.args[0] / 2)) / 2


class OverflowingKernel(Sigmoid):
    name = ""

    def kernel(self):
        e = SCALAR_OPS["exp"](self.args[0])
        return e / (1 + e)


class WrongKink(Elu):
    name = ""

    def derivative(self, position):
        found = super().derivative(position)
        return found if position else found + SCALAR_OPS["where"](sympy.Abs(self.args[0]) > 0, 0, 7)


class WrongIdentity(Tanh):
    name = ""

    @classmethod
    def eval(cls, x):
        return sympy.Integer(1) if x == 1 else None


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (WrongDerivative, lambda op: check_derivatives(op, 1)),
        (WrongDerivative, lambda op: check_derivatives(op, 2)),
        (WrongDefinition, check_definition),
        (UnstableKernel, lambda op: check_kernel(op, np.float32)),
        (UnstableKernel, lambda op: check_kernel(op, np.float64)),
        (OverflowingKernel, lambda op: check_kernel(op, np.float64)),
        (WrongKink, check_kinks),
        (WrongIdentity, check_identities),
    ],
)
def test_the_contract_catches_a_broken_op(broken, check):
    with pytest.raises(AssertionError):
        check(broken)
