"""Models in safetensors files: arrays as they are, equations as JSON in the metadata. Nothing in a file is executed."""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.errors import CheckpointError
from symdl.train.codec import decode, encode
from symdl.train.files import write_atomically
from symdl.train.state import TrainingState

if TYPE_CHECKING:
    from symdl.train.declaration import Declaration, Group
    from symdl.train.model import Model
    from symdl.train.options import Options

FORMAT = "symdl model 3"


def save(path: Any, model: "Model") -> None:
    """Write a model, its values and the state of its training; an older file is replaced at once, or not at all."""
    from safetensors.numpy import save as pack

    groups = model.declared.groups
    arrays = {f"values/{name}": array for name, array in model.values.items()}
    arrays |= {f"states/{name}": array for name, array in model.states.items()}
    state: dict[str, Any] | None = None
    if model.training is not None:
        found: TrainingState = model.training
        arrays |= {f"optimizer/{name}": array for name, array in found.states.items()}
        arrays |= {f"best/{name}": array for name, array in (found.best[1] if found.best else {}).items()}
        state = {"epoch": found.epoch, "step": found.step, "identity": found.identity, "history": found.history,
                 "best": found.best[0] if found.best else None}  # fmt: skip
    metadata = {
        "format": FORMAT,
        "equations": equations(model.declared),
        "model": json.dumps({"seed": model.parameters.seed, "sizes": _sizes(model), "order": model.declared.order,
                             "groups": [[group.name, group.steps, _optimizer(group)] for group in groups]}),
        "training": json.dumps(state),
    }  # fmt: skip
    plain = {name: np.array(array, order="C") for name, array in arrays.items()}
    content = pack(plain, {**metadata, "digest": _digest(plain, metadata)})
    write_atomically(Path(path), content)


def load(path: Any) -> "Model":
    """Return the model in a file: equations, values and, if it was saved after training, the state to resume from.

    The optimizers of a ``Program`` are no part of the file: give them to ``sd.fit``, which asks for them.

    Raises:
        CheckpointError: if the file is missing, damaged or no model of symdl.
    """
    from symdl.train.declaration import LOSS_NAME, Group
    from symdl.train.model import Model
    from symdl.train.program import Program

    arrays, metadata = read(path)
    roots = decode(metadata["equations"])
    about = json.loads(metadata["model"])
    groups = [
        Group(name, roots[f"loss:{name}"], _listed(roots, f"parameters of {name}"), steps=steps, lost=lost)
        for name, steps, lost in about["groups"]
    ]
    data = _listed(roots, "inputs"), _listed(roots, "targets")
    outputs = {key.partition(":")[2]: value for key, value in roots.items() if key.startswith("outputs:")}
    given = {"batch": roots.get("batch"), "sizes": about["sizes"], "seed": about["seed"]}
    model: Model
    if [group.name for group in groups] == [LOSS_NAME]:
        model = Model(groups[0].loss, groups[0].parameters, *data, outputs, **given)
    else:
        model = Program(groups, *data, outputs, **given, order=about["order"])
    model.set_values(_part(arrays, "values"))
    model.set_states(_part(arrays, "states"))
    model.training = _state(arrays, metadata)
    return model


def found_training(model: "Model", options: "Options") -> tuple[TrainingState, dict[str, np.ndarray]]:
    """Return the state of the training to resume, and the values of parameters and states that belong to it.

    The model stays as it is.

    Raises:
        CheckpointError: if there is none, or it belongs to other equations.
    """
    if isinstance(options.resume, Path):
        arrays, metadata = read(options.resume)
        if metadata["equations"] != equations(model.declared):
            raise CheckpointError(f"resume: {options.resume} holds another model: its equations differ")
        found = _state(arrays, metadata)
        values = {**_part(arrays, "values"), **_part(arrays, "states")}
    else:
        found, values = model.training, {**model.values, **model.states} if model.training is not None else {}
    if found is None:
        raise CheckpointError("resume: there is no training to continue: nothing was saved between two epochs")
    return found, values


def equations(declared: "Declaration") -> str:
    """Return a declaration as JSON, equal for equal declarations."""
    roots: dict[str, Any] = {}
    for group in declared.groups:
        roots[f"loss:{group.name}"] = group.loss
        roots |= {f"parameters of {group.name}:{k}": symbol for k, symbol in enumerate(group.parameters)}
    for kind in ("inputs", "targets"):
        roots |= {f"{kind}:{k}": symbol for k, symbol in enumerate(getattr(declared, kind))}
    roots |= {f"outputs:{name}": value for name, value in declared.outputs.items()}
    if declared.batch is not None:
        roots["batch"] = declared.batch
    return encode(roots, declared.streams)


def read(path: Any) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays and the metadata of a file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(os.fspath(path), framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 because it is no mapping
    except FileNotFoundError:
        raise CheckpointError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: not a readable safetensors file: {error}") from error
    if metadata.get("format") != FORMAT or not {"equations", "model", "training"} <= set(metadata):
        raise CheckpointError(
            f"{path}: a safetensors file, but not a model of this version of symdl "
            f"(format {metadata.get('format')!r}, expected {FORMAT!r})"
        )
    digest = metadata.pop("digest", "")
    if digest != _digest(arrays, metadata):
        raise CheckpointError(f"{path}: the file is damaged: its content does not have the digest it was saved with")
    return arrays, metadata


def _digest(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> str:
    """Return a digest of all that a file holds."""
    found = hashlib.blake2b(json.dumps(metadata, sort_keys=True).encode(), digest_size=16)
    for name in sorted(arrays):
        found.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        found.update(arrays[name].tobytes())
    return found.hexdigest()


def _optimizer(group: "Group") -> str:
    """Return the name of a group's own optimizer, also of one that an earlier file has lost."""
    return group.lost if group.optimizer is None else type(group.optimizer).__name__


def _listed(roots: dict[str, Any], group: str) -> list[Any]:
    return [value for key, value in roots.items() if key.startswith(f"{group}:")]


def _part(arrays: dict[str, np.ndarray], part: str) -> dict[str, np.ndarray]:
    return {name.partition("/")[2]: array for name, array in arrays.items() if name.startswith(f"{part}/")}


def _state(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> TrainingState | None:
    found = json.loads(metadata["training"])
    if found is None:
        return None
    best = None if found["best"] is None else (found["best"], _part(arrays, "best"))
    states = _part(arrays, "optimizer")
    return TrainingState(found["epoch"], found["step"], states, found["identity"], found["history"], best)


def _sizes(model: "Model") -> dict[str, int]:
    return {size.name: value for size, value in model.parameters.sizes.items()}
