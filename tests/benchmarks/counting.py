"""Operations of a program's contractions, counted from its equations."""

from math import prod

from symdl_codegen.program import Apply, Const, Equation, Index, Load, Program, Scalar, Size, walk


def flops(program: Program, batch: int) -> int:
    """Two operations for each product that is summed, over all sums that read an operand more than once."""
    return sum(2 * _terms(equation, program, batch) for equation in program.equations if equation.reduction == "add")


def _terms(equation: Equation, program: Program, batch: int) -> int:
    extents = {axis.index: _value(axis.extent, program, batch) for axis in (*equation.axes, *equation.reduced)}
    body = equation.body
    if not (isinstance(body, Apply) and _is_product(body)):
        return 0
    operands = [load for load in walk(body) if isinstance(load, Load)]
    sizes = [prod(extents[name] for name in _indices(load)) for load in operands]
    terms = prod(extents.values())
    return terms if len(operands) > 1 and sum(size < terms for size in sizes) > 1 else 0


def _is_product(body: Apply) -> bool:
    """Whether it is a product, or one where a condition on indices holds."""
    if body.primitive == "where":
        inner = body.arguments[1]
        return isinstance(inner, Apply) and _is_product(inner)
    return body.primitive == "mul"


def _indices(load: Load) -> set[str]:
    return {node.name for node in walk(load) if isinstance(node, Index)}


def _value(extent: Scalar, program: Program, batch: int) -> int:
    if isinstance(extent, Const):
        return int(extent.value)
    assert isinstance(extent, Size)
    return program.sizes[extent.name] or batch
