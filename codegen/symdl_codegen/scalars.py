"""Questions about scalars: integer folding, affine form, cost, kinds, text. Shared by lowering, passes and emitters."""

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from math import prod

from symdl_codegen.errors import VerificationError
from symdl_codegen.ir import Apply, Axis, Const, Index, Load, Local, Scalar, Size, Span, Tensor, walk
from symdl_codegen.primitives import PRIMITIVES

ZERO, ONE = Const(0), Const(1)


def add(*terms: Scalar) -> Scalar:
    """The integer sum of ``terms``, constants folded."""
    flat = [part for term in terms for part in (term.arguments if _is(term, "add") else (term,))]
    constant = sum(part.value for part in flat if isinstance(part, Const))
    rest = [part for part in flat if not isinstance(part, Const)]
    if constant or not rest:
        rest.append(Const(constant))
    return rest[0] if len(rest) == 1 else Apply("add", tuple(rest))


def mul(*factors: Scalar) -> Scalar:
    """The integer product of ``factors``, constants folded."""
    flat = [part for factor in factors for part in (factor.arguments if _is(factor, "mul") else (factor,))]
    constant = prod(part.value for part in flat if isinstance(part, Const))
    rest = [part for part in flat if not isinstance(part, Const)]
    if constant == 0:
        return ZERO
    if constant != 1 or not rest:
        rest.append(Const(constant))
    return rest[0] if len(rest) == 1 else Apply("mul", tuple(rest))


def _is(scalar: Scalar, primitive: str) -> bool:
    return isinstance(scalar, Apply) and scalar.primitive == primitive


def affine(scalar: Scalar) -> dict[str | None, Scalar] | None:
    """Write the integer ``scalar`` as a sum of coefficient * index; the key None holds the rest.

    Coefficients hold only sizes and constants. Returns None where ``scalar`` is not affine in its indices.
    """
    match scalar:
        case Index(name):
            return {name: ONE}
        case Const(value) if type(value) is int:
            return {None: scalar}
        case Size():
            return {None: scalar}
        case Apply("neg", (argument,)):
            return affine(Apply("mul", (Const(-1), argument)))
        case Apply("add" | "mul" as primitive, arguments):
            parts = [part for part in map(affine, arguments) if part is not None]
            if len(parts) < len(arguments):
                return None
            return _affine_sum(parts) if primitive == "add" else _affine_product(parts)
    if not any(isinstance(node, Index | Load | Local) for node in walk(scalar)):
        return {None: scalar}
    return None


def _affine_sum(parts: list[dict[str | None, Scalar]]) -> dict[str | None, Scalar]:
    keys = dict.fromkeys(key for part in parts for key in part)
    return {key: add(*(part[key] for part in parts if key in part)) for key in keys}


def _affine_product(parts: list[dict[str | None, Scalar]]) -> dict[str | None, Scalar] | None:
    variable = [part for part in parts if set(part) != {None}]
    if len(variable) > 1:
        return None
    scale = mul(*(part[None] for part in parts if set(part) == {None}))
    moving: dict[str | None, Scalar] = variable[0] if variable else {None: ONE}
    return {key: mul(scale, value) for key, value in moving.items()}


def offset(indices: tuple[Scalar, ...], shape: tuple[Scalar, ...]) -> Scalar:
    """The row-major element offset of ``indices`` in a buffer of ``shape``, in Horner form."""
    return reduce(lambda total, pair: add(mul(total, pair[1]), pair[0]), zip(indices, shape, strict=True), ZERO)


def strides(load: Load, shape: tuple[Scalar, ...]) -> dict[str | None, Scalar] | None:
    """The affine element offset of ``load``: stride per index name, the base under None; None if it is not affine."""
    total: dict[str | None, Scalar] = {None: ZERO}
    for position, index in enumerate(load.indices):
        part = affine(index)
        if part is None:
            return None
        step = mul(*shape[position + 1 :])
        for key, value in part.items():
            total[key] = add(total.get(key, ZERO), mul(value, step))
    return total


def merged_stride(axes: tuple[Axis, ...], steps: Mapping[str | None, Scalar]) -> Scalar | None:
    """The step of an address from one element of the merged ``axes`` to the next, None where it is not one."""
    found = steps.get(axes[-1].index, ZERO)
    total = axes[-1].extent
    for axis in reversed(axes[:-1]):
        if axis.extent != ONE and steps.get(axis.index, ZERO) != mul(total, found):
            return None
        total = mul(axis.extent, total)
    return found


def evaluate(scalar: Scalar, sizes: Mapping[str, int]) -> int:
    """The value of an extent for the given sizes."""
    match scalar:
        case Const(value):
            return int(value)
        case Size(name):
            return sizes[name]
        case Apply(primitive, arguments):
            values = [evaluate(argument, sizes) for argument in arguments]
            match primitive:
                case "add":
                    return sum(values)
                case "mul":
                    return prod(values)
                case "neg":
                    return -values[0]
                case "abs":
                    return abs(values[0])
                case "floordiv":
                    return values[0] // values[1] if values[1] else 0
                case "mod":
                    return values[0] % values[1] if values[1] else 0
                case "max":
                    return max(values)
                case "min":
                    return min(values)
    raise VerificationError(f"an extent may hold sizes, integers and + * - // mod max min, found {text(scalar)}")


def cost(scalar: Scalar) -> int:
    """Floating-point operations to compute ``scalar`` once, index arithmetic not counted."""
    if isinstance(scalar, Apply):
        primitive = PRIMITIVES[scalar.primitive]
        count = len(scalar.arguments) - 1 if primitive.variadic else 1
        return primitive.cost * count + sum(cost(argument) for argument in scalar.arguments)
    return 0


def is_gather(load: Load) -> bool:
    """Whether an index of ``load`` comes from data: only then can a checked program read out of bounds."""
    return any(isinstance(node, Load) for index in load.indices for node in walk(index))


def is_plain(load: Load) -> bool:
    """Whether each index of ``load`` is a loop index or a constant."""
    return all(isinstance(index, Index | Const) for index in load.indices)


def from_data(scalar: Scalar) -> bool:
    """Whether ``scalar`` may depend on the elements of a tensor."""
    return any(isinstance(node, Load | Local) for node in walk(scalar))


def spanning(axes: Iterable[Axis], buffers: Mapping[str, Tensor], span: Span | None = None) -> Callable[[Load], bool]:
    """The test whether a load stays in bounds all over ``axes``: each index runs along an axis of the buffer's extent.

    The time of ``span`` is such an index. An index from data passes: it is checked at run time.
    """
    extents: dict[str, Scalar] = {}
    for axis in axes:
        same = extents.setdefault(axis.index, axis.extent) == axis.extent
        extents[axis.index] = axis.extent if same else None

    def inside(index: Scalar, extent: Scalar) -> bool:
        if isinstance(index, Const) and isinstance(extent, Const):
            return 0 <= index.value < extent.value
        if span is not None and index == Size(span.time):
            return span.extent == extent
        return from_data(index) or (isinstance(index, Index) and extents.get(index.name) == extent)

    return lambda load: all(map(inside, load.indices, buffers[load.tensor].shape))


def is_total(scalar: Scalar, spans: Callable[[Load], bool] = lambda load: is_plain(load) or is_gather(load)) -> bool:
    """Whether ``scalar`` may be computed where its value is not asked for: each load is safe wherever it stands."""
    return all(spans(node) for node in walk(scalar) if isinstance(node, Load))


def kind_of(scalar: Scalar, buffers: Mapping[str, Tensor]) -> str:
    """``real``, ``int`` or ``bool``, without checking arguments."""
    match scalar:
        case Const(value):
            return "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
        case Local(_, kind):
            return kind
        case Load(name, _):
            return buffers[name].kind
        case Apply(primitive, arguments):
            result = PRIMITIVES[primitive].result
            if result in "na":
                return kind_of(arguments[-1], buffers)
            return {"r": "real", "i": "int", "b": "bool"}[result]
    return "int"


_INFIX = {
    "add": " + ",
    "mul": "*",
    "div": "/",
    "lt": " < ",
    "le": " <= ",
    "eq": " == ",
    "and": " & ",
    "or": " | ",
    "floordiv": "//",
    "mod": " mod ",
}


def text(scalar: Scalar) -> str:
    """``scalar`` as mathematics, for comments, printed IR and error messages."""
    match scalar:
        case Const(value):
            return repr(value)
        case Index(name) | Size(name) | Local(name):
            return name
        case Load(name, indices):
            return f"{name}[{', '.join(map(text, indices))}]"
        case Apply(primitive, arguments):
            parts = [text(argument) for argument in arguments]
            if primitive in _INFIX:
                return f"({_INFIX[primitive].join(parts)})"
            return f"-{parts[0]}" if primitive == "neg" else f"{primitive}({', '.join(parts)})"
    return str(scalar)


def shape_text(shape: tuple[Scalar, ...]) -> str:
    """``(n, p)``, or ``(n,)``; the outermost parentheses of an extent are dropped."""
    parts = [
        text(extent).removeprefix("(").removesuffix(")") if _is(extent, "add") else text(extent) for extent in shape
    ]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
