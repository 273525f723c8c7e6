"""Order: arguments whose order does not matter stand in one that does not depend on names."""

from dataclasses import replace
from typing import Any

from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Index,
    Kernel,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Size,
    Statement,
    axes_of,
    map_scalar,
    map_statement,
    walk,
)

COMMUTATIVE = frozenset({"add", "mul", "max", "min", "and", "or", "eq"})
ALGEBRA = frozenset({"add", "mul", "neg", "real"})


def order(module: Module) -> Module:
    """Sort the arguments of sums and products by their structure, then by where their tensors are defined.

    before: y = t9[i] + exp(x[i]); z = exp(u[i]) + t10[i]        after: y = exp(x[i]) + t9[i]; z = exp(u[i]) + t10[i]

    Symbolic algebra sorts by name, so that equal layers of a model come in different orders. In one order they are
    equal kernels, which are compiled once. The axes of a reduction follow: they are looped over as they appear. In a
    sum of three or more, entries come before functions: of (x - m) - log S the difference of entries must come first.
    """
    ranks = {name: rank for rank, name in enumerate(module.buffers)}
    return replace(module, kernels=tuple(_ordered(kernel, ranks) for kernel in module.kernels))


def _ordered(kernel: Kernel, ranks: dict[str, int]) -> Kernel:
    places = {axis.index: place for place, axis in enumerate(axes_of(kernel.body))}

    def change(node: Scalar) -> Scalar:
        if isinstance(node, Apply) and node.primitive in COMMUTATIVE:
            functions_last = node.primitive == "add" and len(node.arguments) > 2
            return Apply(
                node.primitive,
                tuple(
                    sorted(
                        node.arguments,
                        key=lambda part: (functions_last and _has_function(part), _key(part, places, ranks)),
                    )
                ),
            )
        return node

    body = tuple(map_statement(part, lambda scalar: map_scalar(scalar, change)) for part in kernel.body)
    return replace(kernel, body=tuple(map(by_appearance, body)))


def _has_function(scalar: Scalar) -> bool:
    return any(isinstance(node, Apply) and node.primitive not in ALGEBRA for node in walk(scalar))


def _key(scalar: Scalar, places: dict[str, int], ranks: dict[str, int]) -> tuple[Any, ...]:
    loads = tuple(ranks[node.tensor] for node in walk(scalar) if isinstance(node, Load))
    return _structure(scalar, places), loads


def _structure(scalar: Scalar, places: dict[str, int]) -> tuple[Any, ...]:
    """What ``scalar`` is, names of tensors left out: comparable with any other."""
    match scalar:
        case Apply(primitive, arguments):
            return (0, primitive, tuple(_structure(argument, places) for argument in arguments))
        case Load(_, indices):
            return (1, -len(indices), tuple(_structure(index, places) for index in indices))
        case Local(name) | Size(name):
            return (2, name)
        case Index(name):
            return (3, places[name])
        case Const(value):
            return (4, float(value))
    raise AssertionError(scalar)


def by_appearance(part: Statement) -> Statement:
    """``part`` with the axes of each reduction in the order in which its value reads them."""
    if isinstance(part, Nest):
        return replace(part, body=tuple(map(by_appearance, part.body)))
    if not isinstance(part, Reduce):
        return part
    places: dict[str, int] = {}
    for node in walk(part.value):
        if isinstance(node, Index):
            places.setdefault(node.name, len(places))

    def place(axis: Axis) -> int:
        return places.get(axis.index, len(places))

    return replace(part, axes=tuple(sorted(part.axes, key=place)))
