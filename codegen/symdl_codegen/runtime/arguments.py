"""Arguments of a compiled function: cast, checked, sizes inferred. Errors name the tensor and what was expected."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl_codegen.errors import ArgumentError
from symdl_codegen.program import Size, Tensor
from symdl_codegen.scalars import evaluate, shape_text

DTYPES = {"int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}


def dtype_of(kind: str, dtype: str) -> np.dtype:
    """The array type of scalars of ``kind`` in a program of floating type ``dtype``."""
    return DTYPES.get(kind, np.dtype(dtype))


def item_bytes(dtype: str) -> dict[str, int]:
    """Bytes of a scalar of each kind in the memory of kernels."""
    return {"real": np.dtype(dtype).itemsize, "int": 8, "bool": 1}


def cast(name: str, value: Any, kind: str, dtype: str) -> np.ndarray:
    """``value`` as a C-contiguous array for a tensor of ``kind``; the same object where it already is one."""
    wanted = dtype_of(kind, dtype)
    if type(value) is np.ndarray and value.dtype == wanted and value.flags.c_contiguous and value.flags.aligned:
        return value
    try:
        array = np.asarray(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(
            f"{name}: expected an array of {kind} values, found something that is none: {error}"
        ) from error
    if array.dtype.kind not in "biuf":
        raise ArgumentError(
            f"{name}: expected real, integer or boolean values, found dtype {array.dtype}; convert it first"
        )
    if kind == "int" and array.dtype.kind == "f":
        if not np.all(np.isfinite(array)):
            raise ArgumentError(f"{name}: expected integers, found NaN or infinity")
        if np.any(array != np.floor(array)):
            raise ArgumentError(
                f"{name}: expected integers, found fractional values such as {array[array != np.floor(array)].flat[0]}"
            )
    if kind == "int" and array.dtype.kind != "b" and array.size and (array.max() >= 2**63 or array.min() < -(2**63)):
        raise ArgumentError(f"{name}: expected 64-bit integers, found {array.max()}")
    if kind == "bool" and array.dtype.kind != "b" and not np.all((array == 0) | (array == 1)):
        raise ArgumentError(f"{name}: expected booleans (or 0 and 1), found other numbers")
    with np.errstate(over="ignore"):
        return np.array(array, dtype=wanted, order="C")


def check_names(found: Mapping[str, Any], expected: tuple[str, ...], what: str = "arguments") -> None:
    """Raise ArgumentError where a name is missing or surplus."""
    missing = [name for name in expected if name not in found]
    surplus = [name for name in found if name not in expected]
    if missing or surplus:
        parts = [f"missing {', '.join(missing)}"] if missing else []
        parts += [f"unknown {', '.join(map(str, surplus))}"] if surplus else []
        raise ArgumentError(f"{what}: {'; '.join(parts)}; expected exactly {', '.join(expected) or 'none'}")


def infer_sizes(
    tensors: Mapping[str, Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    declared: Mapping[str, int | None],
    given: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """The value of every size: static, given, or carried by an array's axis; all shapes are checked."""
    sizes = {name: value for name, value in declared.items() if value is not None}
    origin = dict.fromkeys(sizes, "its declaration")
    for name, value in (given or {}).items():
        if name not in declared:
            raise ArgumentError(f"unknown size {name}; expected one of {', '.join(declared) or 'none'}")
        if isinstance(value, bool) or int(value) != value or value < 0:
            raise ArgumentError(f"size {name}: expected an integer of at least 0, found {value!r}")
        if sizes.setdefault(name, int(value)) != value:
            raise ArgumentError(f"size {name} is declared as {sizes[name]}, found {value}")
        origin.setdefault(name, "the call")
    for tensor, shape in shapes.items():
        expected = tensors[tensor].shape
        if len(shape) != len(expected):
            raise ArgumentError(f"{tensor}: expected shape {shape_text(expected)}, found {shape} (order {len(shape)})")
        for extent, length in zip(expected, shape, strict=True):
            if isinstance(extent, Size) and extent.name not in sizes:
                sizes[extent.name], origin[extent.name] = length, tensor
    for name in declared:
        if name not in sizes:
            raise ArgumentError(f"size {name} is carried by no array; pass it by name: {name}=...")
    for tensor, shape in shapes.items():
        numbers = tuple(evaluate(extent, sizes) for extent in tensors[tensor].shape)
        if numbers != tuple(shape):
            why = ", ".join(
                f"{e.name} = {sizes[e.name]} from {origin[e.name]}"
                for e, n, f in zip(tensors[tensor].shape, numbers, shape, strict=True)
                if n != f and isinstance(e, Size)
            )
            raise ArgumentError(
                f"{tensor}: expected shape {shape_text(tensors[tensor].shape)} = {numbers}, "
                f"found {tuple(shape)}" + (f" ({why})" if why else "")
            )
    return sizes
