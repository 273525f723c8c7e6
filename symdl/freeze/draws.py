"""Random draws in terms of integer primitives: no backend knows of them."""

from symdl.expr.random import DIGITS, number
from symdl_codegen import program as pg


class _Integer:
    """An integer scalar of a program with Python's operators."""

    def __init__(self, scalar: pg.Scalar) -> None:
        self.scalar = scalar

    def _combined(self, primitive: str, left: "int | _Integer", right: "int | _Integer") -> "_Integer":
        parts = tuple(part.scalar if isinstance(part, _Integer) else pg.Const(part) for part in (left, right))
        return _Integer(pg.Apply(primitive, parts))

    def __add__(self, other: "int | _Integer") -> "_Integer":
        return self._combined("add", self, other)

    def __radd__(self, other: int) -> "_Integer":
        return self._combined("add", other, self)

    def __mul__(self, other: "int | _Integer") -> "_Integer":
        return self._combined("mul", self, other)

    def __rmul__(self, other: int) -> "_Integer":
        return self._combined("mul", other, self)

    def __floordiv__(self, other: int) -> "_Integer":
        return self._combined("floordiv", self, other)

    def __mod__(self, other: int) -> "_Integer":
        return self._combined("mod", self, other)


def uniform(identity: list[pg.Scalar]) -> pg.Scalar:
    """Return the draw with an identity of integer scalars: a real in (0, 1) with 23 binary digits."""
    bits = number([_Integer(scalar) for scalar in identity]) // 2 ** (31 - DIGITS)
    middle = pg.Apply("add", (pg.Apply("real", (bits.scalar,)), pg.Const(0.5)))
    return pg.Apply("mul", (middle, pg.Const(2.0**-DIGITS)))
