"""Random valid Programs: random axes, permutations, gathers, guarded offsets, reductions and scatters."""

from random import Random

import numpy as np

from symdl_codegen.program import Axis, Const, Index, Program, Scalar, Size
from tests.codegen.programs import Builder, ap, axes, ld, shape

SIZES = ("n", "m", "k")
UNARY = ("exp", "tanh", "sin", "cos", "atan", "erf", "erfc", "expm1", "abs", "neg")


def random_program(random: Random) -> Program:
    """A program of up to six equations over sizes n, m, k whose values stay moderate."""
    b = Builder("random", n=None, m=None, k=None)
    for number in range(random.randint(2, 4)):
        b.input(f"x{number}", *(random.choice(SIZES) for _ in range(random.randint(0, 3))))
    b.input("g", random.choice(SIZES), kind="int")  # values may lie outside every extent
    b.input("q", random.choice(SIZES), kind="bool")
    count = random.randint(1, 6)
    for number in range(count):
        _equation(b, random, f"t{number}")
    used = [f"t{number}" for number in range(count) if random.random() < 0.4 or number == count - 1]
    return b.program(*used)


def random_arrays(program: Program, sizes: dict[str, int], seed: int) -> dict[str, np.ndarray]:
    """Inputs for ``program``: reals in [-2, 2], indices from -1 to 4."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, np.ndarray] = {}
    for name in program.inputs:
        tensor = program.tensors[name]
        lengths = tuple(sizes[e.name] for e in tensor.shape if isinstance(e, Size))
        if tensor.kind == "real":
            arrays[name] = rng.uniform(-2, 2, lengths).astype(np.float32)
        else:
            arrays[name] = (
                rng.integers(-1, 5, lengths) if tensor.kind == "int" else rng.integers(0, 2, lengths).astype(bool)
            )
    return arrays


def _equation(b: Builder, random: Random, target: str) -> None:
    order = random.randint(0, 3)
    kept = axes(**dict(zip("abc"[:order], [random.choice(SIZES) for _ in range(order)], strict=True)))
    if random.random() < 0.12 and order:
        extents = (Size(random.choice(SIZES)),)
        at = _position(b, random, kept)
        inside = ap("and", ap("le", 0, at), ap("lt", at, extents[0]))
        b.eq(target, kept, ap("where", inside, _value(b, random, kept, 2), 0.0), at=(at,), extents=extents)
    elif random.random() < 0.5:
        count = random.randint(1, 2)
        inner = axes(**dict(zip("de"[:count], [random.choice(SIZES) for _ in range(count)], strict=True)))
        op = random.choice(["add", "add", "add", "max", "min", "mul"])
        if op == "add" and random.random() < 0.6:
            body: Scalar = ap("mul", _load(b, random, (*kept, *inner)), _load(b, random, (*kept, *inner)))
        else:
            body = _value(b, random, (*kept, *inner), 2)
        b.eq(target, kept, body if op == "add" else ap("tanh", body), op, inner)
    else:
        b.eq(target, kept, _value(b, random, kept, 3))


def _position(b: Builder, random: Random, over: tuple[Axis, ...]) -> Scalar:
    """Where a scatter writes: computed, shifted or read from g; it may lie outside the target."""
    options: list[Scalar] = [ap("add", Index(axis.index), random.choice([-2, 0, 3])) for axis in over]
    options += [ld("g", Index(axis.index)) for axis in over if axis.extent == b.tensors["g"].shape[0]] * 3
    return random.choice(options)


def _load(b: Builder, random: Random, over: tuple[Axis, ...]) -> Scalar:
    """A load of some defined real tensor: plain indices where extents allow, else a guarded or gathered one."""
    names = [name for name, tensor in b.tensors.items() if tensor.kind == "real"]
    random.shuffle(names)
    for name in names:
        indices: list[Scalar] = []
        for extent in b.tensors[name].shape:
            fitting = [axis.index for axis in over if axis.extent == extent]
            if not fitting:
                break
            indices.append(Index(random.choice(fitting)))
        else:
            return _shifted(b, random, name, indices)
    return Const(0.5)


def _shifted(b: Builder, random: Random, name: str, indices: list[Scalar]) -> Scalar:
    """The load as it is, or moved by one with a guard, or gathered through g."""
    extents = b.tensors[name].shape
    choice = random.random()
    if indices and choice < 0.15:
        moved = ap("add", indices[0], random.choice([-1, 1]))
        inside = ap("and", ap("le", 0, moved), ap("lt", moved, extents[0]))
        return ap("where", inside, ld(name, moved, *indices[1:]), 0.25)
    if indices and choice < 0.3 and b.tensors["g"].shape[0] == extents[0]:
        gathered = ld(name, ld("g", indices[0]), *indices[1:])
        row = ld("g", indices[0])
        return ap("where", ap("and", ap("le", 0, row), ap("lt", row, extents[0])), gathered, -0.5)
    return ld(name, *indices)


def _value(b: Builder, random: Random, over: tuple[Axis, ...], depth: int) -> Scalar:
    choice = random.random()
    if depth == 0 or choice < 0.2:
        if over and random.random() < 0.15:
            return ap("real", Index(random.choice(over).index))
        return _load(b, random, over) if random.random() < 0.85 else Const(random.choice([0.5, -1.5, 2.0]))
    inner = lambda: _value(b, random, over, depth - 1)  # noqa: E731 because each use draws anew
    if choice < 0.45:
        return ap(random.choice(UNARY), ap("tanh", inner()))
    if choice < 0.55:
        return ap("div", inner(), ap("add", 1.0, ap("abs", inner())))
    if choice < 0.6:
        return ap("sqrt", ap("abs", inner()))
    if choice < 0.65:
        return ap("pow", ap("add", 0.5, ap("abs", inner())), random.choice([-1.0, 2.0, 3.0, 0.7]))
    if choice < 0.75:
        return ap(random.choice(["max", "min"]), inner(), inner())
    if choice < 0.85:
        fitting = [axis for axis in over if axis.extent == b.tensors["q"].shape[0]]
        condition = ld("q", Index(fitting[0].index)) if fitting else ap("lt", _load_input(b, over), 0.3)
        return ap("where", condition, inner(), inner())
    return ap(random.choice(["add", "mul"]), *(inner() for _ in range(random.randint(2, 3))))


def _load_input(b: Builder, over: tuple[Axis, ...]) -> Scalar:
    """An exact value to compare: comparisons of computed values would flip with the last bit."""
    for name in ("x0", "x1"):
        found = [[axis.index for axis in over if axis.extent == extent] for extent in b.tensors[name].shape]
        if all(found):
            return ld(name, *(indices[0] for indices in found))
    return Const(0.0)


__all__ = ["random_arrays", "random_program", "shape"]
