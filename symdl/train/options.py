"""The options of ``fit``, checked."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from symdl.arrays import by_name, real_array
from symdl.compile import check_threads
from symdl.errors import InputError
from symdl.optimizers.adam import Adam
from symdl.optimizers.optimizer import Optimizer
from symdl.train.declaration import Declaration
from symdl.train.programs import Where


@dataclass(frozen=True)
class EarlyStopping:
    """Stop when the validation loss has not fallen by more than ``min_delta`` for ``patience`` epochs; book §4.2.

    The values of the epoch with the lowest validation loss are kept.
    """

    patience: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        _whole("early_stopping: patience", self.patience, 1)
        _number("early_stopping: min_delta", self.min_delta, 0.0)


@dataclass(frozen=True)
class Options:
    """Everything about a training but the model and the data; the arguments of ``fit``, checked."""

    optimizers: Mapping[str, Optimizer]
    epochs: int
    batch_size: int | None
    metrics: Any
    target: str
    dtype: str
    seed: int
    threads: int | None
    shuffle: bool
    clip_norm: float | None
    clip_value: float | None
    weight_decay: Mapping[str, float]
    frozen: tuple[str, ...]
    early_stopping: EarlyStopping | None
    callbacks: tuple[Callable[..., Any], ...]
    checkpoint: Path | None
    resume: Path | bool
    progress: bool | None

    def __post_init__(self) -> None:
        check_settings({field.name: getattr(self, field.name) for field in fields(self)})
        for name in ("clip_norm", "clip_value"):
            value = getattr(self, name)
            if value is not None and not (_number(name, value, 0.0) and value > 0):
                raise InputError(f"{name}: expected a number above 0, found {value!r}")
        for name, value in self.weight_decay.items():
            _number(f"weight_decay of {name}", value, 0.0)


def check_settings(settings: Mapping[str, Any]) -> None:
    """Check those settings, by name, that mean the same for every model; others are not looked at.

    Raises:
        InputError: for a number of epochs, a seed, a batch size, a number of threads, a target or a dtype that cannot
            be.
        CompilerUnavailableError: for the target cuda where nothing can run it.
    """
    for name, low in (("epochs", 0), ("seed", 0), ("batch_size", 1)):
        if name in settings and (settings[name] is not None or name != "batch_size"):
            _whole(name, settings[name], low)
    check_threads(settings.get("threads"))
    Where((), **{name: settings[name] for name in ("target", "dtype") if name in settings})
    if settings.get("target") == "cuda":
        from symdl_codegen.runtime.engine_cuda import device

        device()


def optimizers_of(given: Any, declared: Declaration) -> dict[str, Optimizer]:
    """Return the optimizer of each group: the one given for it, or for all, else its own, else Adam.

    Raises:
        InputError: for something else than an optimizer, a group that does not exist, or one that has lost its own.
    """
    names = list(declared.losses)
    chosen = dict(given) if isinstance(given, Mapping) else dict.fromkeys(names, given)
    for name in chosen:
        if name not in names:
            raise InputError(f"optimizer: there is no group {name!r}; expected some of {', '.join(names)}")
    for group in declared.groups:
        if group.lost and chosen.get(group.name) is None and group.optimizer is None:
            raise InputError(
                f"optimizer: the group {group.name} was trained by {group.lost}, which its file does not keep; pass "
                f"optimizer={{{group.name!r}: sd.optimizers.{group.lost}(...), ...}}"
            )
    found = {group.name: chosen.get(group.name) or group.optimizer or Adam() for group in declared.groups}
    for optimizer in found.values():
        if not isinstance(optimizer, Optimizer):
            raise InputError(f"optimizer: expected one of sd.optimizers, such as sd.optimizers.Adam(alpha=1e-3), "
                             f"found {optimizer!r}")  # fmt: skip
    return found


def names_of(given: Any, declared: Declaration, what: str) -> tuple[str, ...]:
    """Return parameter names from names or symbols.

    Raises:
        InputError: for a name that is no parameter.
    """
    listed = [given] if isinstance(given, str) or hasattr(given, "name") else list(given)
    known = [symbol.name for symbol in declared.parameters]
    found = tuple(item if isinstance(item, str) else str(getattr(item, "name", item)) for item in listed)
    for name in found:
        if name not in known:
            raise InputError(f"{what}: {name} is no parameter of the model; expected some of {', '.join(known)}")
    return found


def decay_of(given: Any, declared: Declaration) -> dict[str, float]:
    """Return the weight decay λ by parameter, from one number for all or a mapping."""
    names = [symbol.name for symbol in declared.parameters]
    found = by_name(given, "weight_decay") if isinstance(given, Mapping) else dict.fromkeys(names, given)
    names_of(tuple(found), declared, "weight_decay")
    return {name: value for name, value in found.items() if value != 0}


def stopping_of(given: Any) -> EarlyStopping | None:
    """Return the rule of early stopping from None, a patience or a rule."""
    if given is None or isinstance(given, EarlyStopping):
        return given
    return EarlyStopping(given)


def weights_of(given: Any, count: int) -> np.ndarray:
    """Return sample weights, checked: one number of at least 0 for each sample."""
    weights = real_array("sample_weights", given).astype(np.float64)
    if weights.shape != (count,):
        raise InputError(
            f"sample_weights: expected shape ({count},), one weight for each sample, found {weights.shape}"
        )
    if not np.isfinite(weights).all() or (weights < 0).any():
        bad = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        raise InputError(f"sample_weights: expected finite numbers of at least 0, found {bad}")
    return weights


def callbacks_of(given: Any) -> tuple[Callable[..., Any], ...]:
    """Return callbacks from one or several functions of (model, history)."""
    listed: Sequence[Any] = [given] if callable(given) else list(given)
    for item in listed:
        if not callable(item):
            raise InputError(f"callbacks: expected functions of (model, history), found {item!r}")
    return tuple(listed)


def _whole(name: str, value: Any, low: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"{name}: expected an integer of at least {low}, found {value!r}")


def _number(name: str, value: Any, low: float) -> bool:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float | np.number)
        or not (math.isfinite(value) and value >= low)
    ):
        raise InputError(f"{name}: expected a number of at least {low:g}, found {value!r}")
    return True
