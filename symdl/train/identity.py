"""What the path of a training depends on besides model and data: a resumed training must agree with it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.train.declaration import Declaration
from symdl.train.options import Options


def identity(declared: Declaration, options: Options, validation: Any, weighted: bool, steps: int) -> dict[str, Any]:
    """Return the settings by name as plain data, equal after a journey through JSON.

    Args:
        declared: The model.
        options: The options of the training.
        validation: The validation data as they were given: a share, arrays or None.
        weighted: Whether there are sample weights.
        steps: The number of steps made. A learning rate that is any function is known by its values in these.
    """
    share = isinstance(validation, int | float | np.number)
    given: dict[str, Any] = {}
    for group, optimizer in options.optimizers.items():
        label = "optimizer" if len(options.optimizers) == 1 else f"optimizer of {group}"
        fields = [field.name for field in dataclasses.fields(optimizer)]  # type: ignore[arg-type]  # because every subclass is a dataclass
        given |= {label: type(optimizer).__name__}
        given |= {f"{label}.{name}": getattr(optimizer, name) for name in fields}
    given |= {
        "order": declared.order, "steps": [group.steps for group in declared.groups],
        "batch_size": options.batch_size, "dtype": options.dtype, "seed": options.seed, "shuffle": options.shuffle,
        "frozen": sorted(options.frozen), "clip_norm": options.clip_norm, "clip_value": options.clip_value,
        "weight_decay": options.weight_decay, "sample_weights": weighted,
        "validation": validation if share or validation is None else "data",
    }  # fmt: skip
    return {name: _plain(value, steps) for name, value in given.items()}


def differences(now: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """Return what differs, as "name (its value now, before: its value then)"; settings unknown then are left out."""
    names = [name for name, value in now.items() if name in then and then[name] != value]
    other = tuple(f"{name}." for name in names if name.startswith("optimizer") and "." not in name)
    names = [name for name in names if not name.startswith(other)] if other else names
    return [f"{name} ({_text(now[name])}, before: {_text(then[name])})" for name in names]


def _plain(value: Any, steps: int) -> Any:
    if value is None or isinstance(value, bool | str | int):
        return value
    if isinstance(value, float | np.number):
        return float(value)
    if isinstance(value, list):
        return [_plain(item, steps) for item in value]
    if isinstance(value, Mapping):
        return {name: _plain(item, steps) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        parts = {field.name: _plain(getattr(value, field.name), steps) for field in dataclasses.fields(value)}
        return {"is": type(value).__name__, **parts}
    if callable(value):
        return {"at": [float(value(step)) for step in _some(steps)]}
    return repr(value)


def _some(steps: int) -> list[int]:
    """Return some of the steps made: 0, 1, 3, 7, ... and the last."""
    return sorted({2**k - 1 for k in range(steps.bit_length()) if 2**k <= steps} | ({steps - 1} if steps else set()))


def _text(value: Any) -> str:
    if isinstance(value, Mapping) and "is" in value:
        return f"{value['is']}({', '.join(f'{name}={_text(item)}' for name, item in value.items() if name != 'is')})"
    if isinstance(value, Mapping) and "at" in value:
        return "a function" + (f" from {value['at'][0]:g} to {value['at'][-1]:g}" if value["at"] else "")
    return repr(value)
