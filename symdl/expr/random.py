"""Random draws as functions of their identity: seed, step, stream, sample and element. Design §2.

A draw is an ordinary scalar of integers, so that it is the same wherever, whenever and by whatever backend it is
computed, forward and backward, for every number of threads. The bits come from two 31-bit halves into which each number
is mixed by multiply-and-shift rounds, then from the middle of their product; every product stays below 2^62, so that
signed 64-bit integers are all that is needed.
"""

import zlib
from functools import reduce
from typing import Any

import mpmath
import numpy as np
from sympy import Expr, Integer, S, Symbol

from symdl.expr.scalar import ScalarOp

SEED = Symbol("seed", integer=True, real=True)  # of a whole training, or of one evaluation
STEP = Symbol("step", integer=True, real=True)  # of training; 0 elsewhere
SAMPLE = Symbol("sample.number", integer=True, real=True)  # a datum: the number of a sample, in whatever batch it is
MODULUS, SHIFT, DIGITS = 2**31, 2**16, 23  # draws have 23 binary digits: exact in float32 and in float64
NAMED = 2**30  # streams with a name are numbered from here on
START = (0x12345678, 0x2F6E2B1A)
SPREAD = (0x61C88647, 0x4F1BBCDD)
ROUNDS = (
    (0x7FEB352D, 0x1B56C4E9),
    (0x6E6C5C73, 0x3F84D5B5),
    (0x4F6CDD1D, 0x27220A95),
    (0x5D588B65, 0x4CF5AD43),
    (0x3C6EF35F, 0x165667B1),
    (0x68E31DA5, 0x5BD1E995),
)
BEFORE, AFTER = ((0, 1, 2), (3, 4, 5)), (4, 5)
_last = 0  # the highest number of a stream without a name
_names: dict[Expr, str] = {}  # of streams, for printing


class Uniform(ScalarOp):
    """A number drawn uniformly from (0, 1): ``Uniform(seed, step, stream, sample, *indices)``.

    Equal arguments are one draw, others are independent of it. ``sample`` is 0 in the equations of one sample and -1
    where all samples share the draw; batching puts the sample's number in the place of 0. Its derivative is 0.
    """

    stream_place = 2  # of the stream among its arguments
    symbol = "u"
    source = "counter-based"
    analytic = False
    is_positive = True

    @classmethod
    def eval(cls, *identity: Expr) -> None:
        """Nothing is simplified."""

    def derivative(self, position: int) -> Expr:
        """Return 0."""
        return S.Zero

    @property
    def stream(self) -> Expr:
        """The number of the stream."""
        return self.args[2]

    @staticmethod
    def reference(*identity: Any) -> Any:
        """The draw by NumPy, for arrays of integers."""
        values = [np.asarray(np.real(value)).astype(np.int64) for value in identity]
        return (number(values) // 2 ** (31 - DIGITS) + 0.5) / 2.0**DIGITS

    @staticmethod
    def precise(*identity: Any) -> Any:
        """The draw, exactly."""
        return mpmath.ldexp(2 * (number([int(value) for value in identity]) // 2 ** (31 - DIGITS)) + 1, -DIGITS - 1)

    def _sympystr(self, printer: Any) -> str:
        places = ", ".join(map(printer._print, self.args[4:]))
        return f"uniform_{_names.get(self.stream, self.stream)}[{places}]"

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        name = _names.get(self.stream)
        stream = str(self.stream) if name is None else rf"\mathrm{{{name}}}"
        part = f"_{{{self.args[4]}}}" if len(self.args) > 4 and self.args[4] != 0 else ""  # a normal number takes two
        text = rf"u{part}^{{\left({stream}\right)}}"
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"


def number(identity: Any) -> Any:
    """Return the 31 random bits of a draw, a non-negative integer; for anything with + * // and %."""
    first, second = reduce(absorbed, identity, START)
    product = (2 * (first % 2**30) + 1) * (2 * (second % 2**30) + 1)
    return reduce(_round, AFTER, product // 2**15 % MODULUS)


def absorbed(state: tuple[Any, Any], value: Any) -> tuple[Any, Any]:
    """Return the two halves after one more number."""
    halves = zip(state, SPREAD, BEFORE, strict=True)
    value = value % MODULUS
    first, second = (reduce(_round, rounds, (half + value * spread) % MODULUS) for half, spread, rounds in halves)
    return first, second


def _round(value: Any, which: int) -> Any:
    factor, shift = ROUNDS[which]
    return (value * factor + shift) // SHIFT % MODULUS


def stream_number(name: Any = None) -> Integer:
    """Return the number of a stream: a new one, or that of a name, or a number itself.

    Streams without a name are numbered as they are declared; with names, draws do not depend on what else is declared.
    """
    if isinstance(name, Integer):
        return name
    if name is None:
        keep_streams(_last + 1)
        return Integer(_last)
    found = Integer(NAMED + zlib.crc32(str(name).encode()) % NAMED)
    _names[found] = str(name).replace("_", r"\_")
    return found


def keep_streams(number: int) -> None:
    """Number streams that are declared from now on above ``number``, which is in use: that of a loaded draw, say."""
    global _last
    _last = max(_last, number if number < NAMED else 0)
