"""Programs, loop IR and emitted text as JSON and back. Only their own classes are ever built; nothing is executed.

A list of nodes, each after its parts; equal parts are written once, and read as one object. A node is a value by
itself (text, number, truth, null), ``["", parts...]`` for a tuple, ``["{}", names..., parts...]`` for a mapping, or the
name of a class and its fields. Parts are numbers of nodes.
"""

import dataclasses
import json
from functools import cache
from typing import Any

from symdl_codegen import emit, ir, program

_PLAIN = (str, int, float, bool, type(None))


def encode(value: Any) -> bytes:
    """``value``, of the classes of program.py, ir.py and emit, tuples, mappings by name and plain values, as JSON.

    Raises TypeError for anything else.
    """
    nodes: list[Any] = []
    numbers: dict[Any, int] = {}
    places: dict[int, int] = {}  # by identity: ``value`` keeps everything alive

    def number(key: Any, node: Any) -> int:
        found = numbers.get(key)
        if found is None:
            found = numbers[key] = len(nodes)
            nodes.append(node)
        return found

    def go(part: Any) -> int:
        if isinstance(part, _PLAIN):
            return number((type(part), repr(part)), part)
        found = places.get(id(part))
        if found is None:
            if isinstance(part, tuple):
                node = ["", *map(go, part)]
            elif isinstance(part, dict):
                node = ["{}", *map(go, part), *map(go, part.values())]
            elif type(part) in _classes():
                name, fields = _classes()[type(part)]
                node = [name, *(go(getattr(part, field)) for field in fields)]
            else:
                raise TypeError(f"{type(part).__name__} has no form in archives")
            found = places[id(part)] = number(tuple(node), node)
        return found

    go(value)
    return json.dumps(nodes, separators=(",", ":")).encode()


def decode(text: bytes) -> Any:
    """The value in ``encode``'s JSON; raises ValueError for anything that is not."""
    classes = {name: cls for cls, (name, _) in _classes().items()}
    values: list[Any] = []
    try:
        for node in json.loads(text):
            if not isinstance(node, list):
                values.append(node)
                continue
            kind, *numbers = node
            parts = [values[number] for number in numbers]
            if kind == "":
                values.append(tuple(parts))
            elif kind == "{}":
                half = len(parts) // 2
                values.append(dict(zip(parts[:half], parts[half:], strict=True)))
            else:
                values.append(classes[kind](*parts))
        return values[-1]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ValueError(f"no archive of a program: {error!r}") from error


@cache
def _classes() -> dict[type, tuple[str, tuple[str, ...]]]:
    """The name and the fields of each class."""
    found = {}
    for module in (program, ir, emit):
        for name, item in vars(module).items():
            if isinstance(item, type) and dataclasses.is_dataclass(item) and item.__module__ == module.__name__:
                fields = tuple(field.name for field in dataclasses.fields(item))
                found[item] = (f"{module.__name__.rpartition('.')[2]}.{name}", fields)
    return found
