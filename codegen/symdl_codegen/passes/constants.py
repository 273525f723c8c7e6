"""Constants: sums and products of whole numbers are computed, as integers or as reals, where they are exact."""

from math import prod

from symdl_codegen.ir import Apply, Const, Scalar, map_scalar
from symdl_codegen.scalars import add, mul

EXACT = 2.0**20


def folded(scalar: Scalar) -> Scalar:
    """``scalar`` with its constant parts computed.

    before: 2.0*real(1) + real(0); 2*i + 0        after: 2.0; 2*i
    """
    return map_scalar(scalar, _fold)


def _fold(node: Scalar) -> Scalar:
    match node:
        case Apply("real", (Const(value),)) if type(value) is int and abs(value) < EXACT:
            return Const(float(value))
        case Apply("add" | "mul" as primitive, arguments):
            values = [part.value for part in arguments if isinstance(part, Const)]
            if any(type(value) is int for value in values):
                return (add if primitive == "add" else mul)(*arguments)
            if len(values) == len(arguments) and all(value == int(value) and abs(value) < EXACT for value in values):
                return Const(sum(values) if primitive == "add" else prod(values))
    return node


__all__ = ["folded"]
