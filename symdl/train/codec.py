"""Expressions as JSON and back: a list of nodes, each after its parts. Only known node classes are ever built."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy
from sympy import Basic, Symbol
from sympy.core.symbol import Str

from symdl.errors import CheckpointError
from symdl.expr.declare import ScalarSymbol
from symdl.expr.index import Index
from symdl.expr.random import Uniform, keep_streams
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.state import Update

_FROM_SYMPY: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        sympy.Tuple, sympy.Add, sympy.Mul, sympy.Pow, sympy.KroneckerDelta, sympy.Eq, sympy.Ne, sympy.Lt, sympy.Le,
        sympy.Gt, sympy.Ge, sympy.And, sympy.Or, sympy.Not, sympy.floor, sympy.ceiling, sympy.Mod,
    )
}  # fmt: skip
_CONSTANTS = {"pi": sympy.pi, "E": sympy.E, "EulerGamma": sympy.EulerGamma, "GoldenRatio": sympy.GoldenRatio,
              "Catalan": sympy.Catalan, "true": sympy.true, "false": sympy.false}  # fmt: skip


def encode(roots: Mapping[str, Any], streams: Mapping[Basic, Basic] | None = None) -> str:
    """Return expressions by name as JSON; shared parts are written once, equal expressions give equal text.

    Args:
        roots: The expressions by name.
        streams: Other numbers for streams of random draws.

    Raises:
        CheckpointError: for a node that has no form in files.
    """
    nodes: list[list[Any]] = []
    numbers: dict[Basic, int] = {}
    for root in roots.values():
        stack = [root]
        while stack:
            node = stack[-1]
            if node in numbers:
                stack.pop()
                continue
            parts = _parts(node, streams or {})
            missing = [part for part in parts if part not in numbers]
            if missing:
                stack.extend(reversed(missing))
                continue
            numbers[node] = len(nodes)
            nodes.append(_written(node, parts, numbers))
    return json.dumps({"nodes": nodes, "roots": {name: numbers[root] for name, root in roots.items()}})


def decode(text: str) -> dict[str, Any]:
    """Return the expressions in ``encode``'s JSON by name.

    Raises:
        CheckpointError: for text that is no such JSON, or names a class that is unknown.
    """
    try:
        content = json.loads(text)
        nodes: list[Any] = []
        for item in content["nodes"]:
            nodes.append(_read(item, nodes))
        return {name: nodes[number] for name, number in content["roots"].items()}
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"the equations cannot be read: {error}") from error


def _parts(node: Basic, streams: Mapping[Basic, Basic]) -> tuple[Basic, ...]:
    place = getattr(node, "stream_place", None)
    if place is not None:
        return (*node.args[:place], streams.get(node.args[place], node.args[place]), *node.args[place + 1 :])
    if isinstance(node, Update):
        return node.parts
    return () if isinstance(node, Symbol | Str | sympy.Number) else node.args


def _written(node: Basic, parts: tuple[Basic, ...], numbers: Mapping[Basic, int]) -> list[Any]:
    if isinstance(node, Index):
        return ["Index", node.name]
    if isinstance(node, ScalarSymbol):
        return ["Scalar", node.name, dict(sorted(node._assumptions_orig.items())), node.latex_name]
    if isinstance(node, Symbol):
        return ["Symbol", node.name, dict(sorted(node._assumptions_orig.items()))]
    if isinstance(node, Str):
        return ["Str", node.name]
    if isinstance(node, sympy.Rational):
        return ["Rational", str(node.p), str(node.q)]
    if isinstance(node, sympy.Float):
        sign, mantissa, exponent, _ = node._mpf_
        return ["Float", int(sign), str(mantissa), int(exponent), node._prec]
    constant = next((name for name, value in _CONSTANTS.items() if value == node), None)
    if constant is not None:
        return ["Constant", constant]
    name = _name(node)
    if name is None:
        raise CheckpointError(f"{type(node).__name__} has no form in files, so a model with {node} cannot be saved")
    return [name, [numbers[part] for part in parts]]


def _read(item: list[Any], nodes: list[Any]) -> Any:
    kind, *rest = item
    if kind == "Index":
        return Index(rest[0])
    if kind == "Scalar":
        symbol = ScalarSymbol(rest[0], **rest[1])
        symbol.latex_name = rest[2]
        return symbol
    if kind == "Symbol":
        return Symbol(rest[0], **rest[1])
    if kind == "Str":
        return Str(rest[0])
    if kind == "Rational":
        return sympy.Rational(int(rest[0]), int(rest[1]))
    if kind == "Float":
        return sympy.Float._new((rest[0], sympy.Integer(rest[1]).p, rest[2], int(rest[1]).bit_length()), rest[3])
    if kind == "Constant":
        return _CONSTANTS[rest[0]]
    found = _class(kind)(*(nodes[number] for number in rest[0]))
    if isinstance(found, Uniform):
        keep_streams(int(found.stream))
    return found


def _name(node: Basic) -> str | None:
    cls = type(node)
    if SCALAR_OPS.get(getattr(cls, "name", "")) is cls:
        return f"op {cls.name}"
    return cls.__name__ if _classes().get(cls.__name__) is cls else None


def _class(kind: str) -> Any:
    return SCALAR_OPS[kind[3:]] if kind.startswith("op ") else _classes()[kind]


@cache
def _classes() -> dict[str, Any]:
    """Return the node classes of symdl and those of SymPy that may stand beside them, by name."""
    found = dict(_FROM_SYMPY)
    waiting = list(Basic.__subclasses__())
    while waiting:
        cls = waiting.pop()
        ours = cls.__module__.startswith(("symdl.expr.", "symdl.ops.")) and not issubclass(cls, Symbol)
        if ours and SCALAR_OPS.get(getattr(cls, "name", "")) is not cls:
            found[cls.__name__] = cls
        waiting.extend(cls.__subclasses__())
    return found
