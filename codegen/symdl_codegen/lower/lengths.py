"""Program -> Program: the length of a recurrence is a size that is bound later, even where it was a number."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from symdl_codegen.program import Apply, Axis, Call, Const, Equation, Index, Load, Program, Scalar, Size, walk

NEAR_END = 2  # constants of T - 2 to T are places counted from the end
SHORTEST = 5  # lengths below keep such constants: they may as well be counted from the start


def lengths_as_sizes(program: Program) -> Program:
    """Let recurrences of any length have the same kernels.

    before: for t < 28: h[t] = f(h[t-1], x[t]); y = h[27]        (T an integer)
    after:  for t < T: h[t] = f(h[t-1], x[t]); y = h[T - 1]      (T a size whose value is 28)

    An axis is as long as the recurrence where an index runs along it that is, or is a whole number before or after, the
    time of the loop. Values are the same; other axes that happen to have the same extent stay as they are.
    """
    classes = _linked(program)
    lengths: dict[Any, str] = {}
    sizes = dict(program.sizes)
    for number, equation in enumerate(program.equations):
        if equation.loop is not None:
            found = classes(("index", number, equation.loop.index))
            extent = next(axis.extent for axis in equation.axes if axis.index == equation.loop.index)
            if isinstance(extent, Const) and found not in lengths:
                lengths[found] = name = _unused("length", sizes.keys() | program.tensors.keys())
                sizes[name] = int(extent.value)
    for equation in program.equations:  # matrices of linear algebra keep the extents they state
        for tensor, position in _matrix_axes(equation, program):
            name = lengths.pop(classes(("axis", tensor, position)), "")
            sizes.pop(name, None)
    if not lengths:
        return program

    def length(node: tuple[Any, ...]) -> Size | None:
        name = lengths.get(classes(node))
        return Size(name) if name else None

    tensors = {
        name: replace(t, shape=tuple(length(("axis", name, p)) or extent for p, extent in enumerate(t.shape)))
        for name, t in program.tensors.items()
    }
    equations = tuple(_renamed(e, number, length, sizes) for number, e in enumerate(program.equations))
    return replace(program, sizes=sizes, tensors=tensors, equations=equations)


def _unused(name: str, taken: set[str]) -> str:
    candidate, number = name, 2
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _linked(program: Program) -> Callable[[Any], Any]:
    """The representative of an axis of a tensor, or of an index of an equation, among all that run along each other."""
    parent: dict[Any, Any] = {}

    def root(node: Any) -> Any:
        while node in parent:
            node = parent[node]
        return node

    def join(one: Any, other: Any) -> None:
        first, second = root(one), root(other)
        if first != second:
            parent[second] = first

    for number, equation in enumerate(program.equations):
        extents = {axis.index: axis.extent for axis in (*equation.axes, *equation.reduced)}
        places = equation.at or tuple(Index(axis.index) for axis in equation.axes)
        for load in [Load(equation.target, places), *_loads(equation)]:
            for position, index in enumerate(load.indices):
                name = _runs_along(index)
                if name is not None and extents[name] == program.tensors[load.tensor].shape[position]:
                    join(("axis", load.tensor, position), ("index", number, name))
    for state, value in program.updates:
        for position in range(len(program.tensors[state].shape)):
            join(("axis", state, position), ("axis", value, position))
    return root


def _loads(equation: Equation) -> Iterator[Load]:
    for part in (equation.body, *(equation.at or ())):
        for node in walk(part):
            if isinstance(node, Load):
                yield node


def _matrix_axes(equation: Equation, program: Program) -> Iterator[tuple[str, int]]:
    """The axes of tensors that are rows or columns of matrices, or of results, of linear algebra."""
    if isinstance(equation.body, Call):
        for load in equation.body.operands:
            for position in range(len(load.indices), len(program.tensors[load.tensor].shape)):
                yield load.tensor, position
        for position in range(len(equation.axes) - equation.body.order, len(equation.axes)):
            yield equation.target, position


def _runs_along(index: Scalar) -> str | None:
    """The name of the one index that ``index`` is, up to sign and a whole number."""
    form = _linear(index)
    return next(iter(form)) if form and len(form) == 1 and abs(next(iter(form.values()))) == 1 else None


def _linear(scalar: Scalar) -> dict[str, int] | None:
    """The factors of indices of a form linear in them with constants; None for any other."""
    match scalar:
        case Index(name):
            return {name: 1}
        case Const(value) if type(value) is int:
            return {}
        case Apply("neg", (inner,)) if (form := _linear(inner)) is not None:
            return {name: -factor for name, factor in form.items()}
        case Apply("add", parts):
            total: dict[str, int] = {}
            for part in parts:
                form = _linear(part)
                if form is None:
                    return None
                for name, factor in form.items():
                    total[name] = total.get(name, 0) + factor
            return {name: factor for name, factor in total.items() if factor}
    return None


def _renamed(
    equation: Equation, number: int, length: Callable[[tuple[Any, ...]], Size | None], sizes: dict[str, int | None]
) -> Equation:
    """``equation`` with its axes of a loop's length, and the places counted from their end, in terms of the size."""

    def axis(one: Axis) -> Axis:
        return Axis(one.index, length(("index", number, one.index)) or one.extent)

    def place(index: Scalar, tensor: str, position: int) -> Scalar:
        size, form = length(("axis", tensor, position)), _linear(index)
        if size is None or form is None or 1 in form.values():  # t - c and t + c are counted from t
            return index
        return _from_the_end(index, size, sizes)

    def go(scalar: Scalar) -> Scalar:
        match scalar:
            case Load(tensor, indices):
                return Load(tensor, tuple(place(go(index), tensor, p) for p, index in enumerate(indices)))
            case Apply("lt" | "le" | "eq" as op, (left, right)):
                names = {node.name for node in walk(scalar) if isinstance(node, Index)}
                found = {size for name in names if (size := length(("index", number, name)))}
                linear = _linear(left) is not None and _linear(right) is not None
                if len(found) == 1 and linear:
                    (size,) = found
                    return Apply(op, (_from_the_end(left, size, sizes), _from_the_end(right, size, sizes)))
                return Apply(op, (go(left), go(right)))
            case Apply(op, arguments):
                return Apply(op, tuple(map(go, arguments)))
        return scalar

    body = equation.body
    if isinstance(body, Call):
        operands = [go(load) for load in body.operands]
        body = replace(body, operands=tuple(load for load in operands if isinstance(load, Load)))
    else:
        body = go(body)
    at = None if equation.at is None else tuple(place(go(i), equation.target, p) for p, i in enumerate(equation.at))
    return replace(
        equation, axes=tuple(map(axis, equation.axes)), reduced=tuple(map(axis, equation.reduced)), body=body, at=at
    )


def _from_the_end(scalar: Scalar, size: Size, sizes: dict[str, int | None]) -> Scalar:
    """``scalar`` with whole numbers close to the value of ``size``, of either sign, counted from there."""
    value = sizes[size.name] or 0
    match scalar:
        case Const(number) if type(number) is int and value >= SHORTEST and 0 <= value - abs(number) <= NEAR_END:
            distance = Const(abs(number) - value)
            counted = size if distance.value == 0 else Apply("add", (size, distance))
            return counted if number > 0 else Apply("neg", (counted,))
        case Apply("add" | "neg" as op, parts):
            return Apply(op, tuple(_from_the_end(part, size, sizes) for part in parts))
    return scalar


__all__ = ["lengths_as_sizes"]
