"""Slopes: of a tensor that is only read by one costly function, the function is stored where it shares that cost."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from symdl_codegen.ir import (
    Apply,
    Const,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Scalar,
    Store,
    Tensor,
    map_scalar,
    map_statement,
    routines,
    scalars_of,
    substitute,
    walk,
)
from symdl_codegen.passes.value_ranges import MODEST, product_range
from symdl_codegen.scalars import kind_of

COSTLY = frozenset({"exp", "expm1", "log", "log1p", "tanh", "erf", "erfc", "sin", "cos", "atan", "pow"})
VALUE = Local("value of the tensor")


def slopes(module: Module) -> Module:
    """Store what is read of a tensor, a function of its element, instead of the tensor.

    before: z[i] = u; a[i] = erfc(-u)*u; ... d[i] = (erfc(-z[i]) + f(z[i]))*g[i]
    after:  s[i] = erfc(-u) + f(u); a[i] = erfc(-u)*u; ... d[i] = s[i]*g[i]

    Such is the slope of an activation, which the reverse sweep reads. Only where the nest that makes the tensor takes a
    costly function that the other one needs as well: it is then taken once. Factors that only the tensor has are
    multiplied first where they and their divisors are bounded, so that nothing overflows that did not before.
    """
    fixed = {*module.outputs.values(), *(value for _, value in module.updates), module.guard}
    fixed |= {load.tensor for kernel in module.kernels for part in routines(kernel) for load in part.operands}
    kernels = {kernel.name: kernel for kernel in module.kernels}
    buffers = dict(module.buffers)
    costly = {kernel.name for kernel in module.kernels if any(map(_costly_in, scalars_of(kernel.body)))}
    for name, buffer in module.buffers.items():
        if buffer.role != "temporary" or buffer.kind != "real" or name in fixed:
            continue
        writers = [kernel for kernel in kernels.values() if name in kernel.writes]
        readers = [kernel for kernel in kernels.values() if name in kernel.reads]
        if len(writers) != 1 or not readers or writers[0] in readers or writers[0].name not in costly:
            continue
        gathered = [_gathered(kernel, name) for kernel in readers]
        functions = {found for kernel in gathered for found in _functions(kernel, name)}
        if len(functions) != 1:
            continue
        (function,) = functions
        new = f"{name}_slope"
        producer = _with_function(writers[0], name, function, new, buffers) if new not in buffers else None
        if producer is None:
            continue
        kernels[producer.name] = producer
        for kernel in gathered:
            kernels[kernel.name] = _reading(kernel, name, function, new)
        buffers[new] = replace(buffers.pop(name), name=new)
    return replace(module, kernels=tuple(kernels.values()), buffers=buffers)


def _gathered(kernel: Kernel, name: str) -> Kernel:
    """``kernel`` with the factors of products and quotients that depend on ``name`` alone next to each other."""

    def change(scalar: Scalar) -> Scalar:
        return map_scalar(scalar, lambda node: _with_factors_first(node, name))

    return replace(kernel, body=tuple(map_statement(part, change) for part in kernel.body))


def _with_factors_first(node: Scalar, name: str) -> Scalar:
    """``(f(z)*a)/(g(z)*b)`` as ``(f(z)/g(z))*(a/b)``, where f and g are bounded and modest."""
    if not (isinstance(node, Apply) and node.primitive in ("mul", "div")):
        return node
    above, below = _factors(node)
    own = [part for part in above if _is_function(part, name)], [part for part in below if _is_function(part, name)]
    rest = [part for part in above if part not in own[0]], [part for part in below if part not in own[1]]
    if not (own[0] or own[1]) or not (rest[0] or rest[1]) or len(own[0]) + len(own[1]) < 2:
        return node
    if not any(isinstance(part, Load) for factor in (*own[0], *own[1]) for part in walk(factor)):
        return node
    high, low = product_range(own[0]), product_range(own[1])
    if max(map(abs, high)) > MODEST or low[0] < 1 / MODEST or low[1] > MODEST:
        return node
    return _times(_quotient(*own), _quotient(*rest))


def _factors(scalar: Scalar) -> tuple[list[Scalar], list[Scalar]]:
    """What ``scalar`` is a product of, and what it is divided by."""
    match scalar:
        case Apply("mul", parts):
            pairs = [_factors(part) for part in parts]
            return [f for above, _ in pairs for f in above], [f for _, below in pairs for f in below]
        case Apply("div", (left, right)):
            (above, below), (over, under) = _factors(left), _factors(right)
            return [*above, *under], [*below, *over]
    return [scalar], []


def _quotient(above: list[Scalar], below: list[Scalar]) -> Scalar:
    top = _times(*above) if above else Const(1.0)
    return Apply("div", (top, _times(*below))) if below else top


def _times(*factors: Scalar) -> Scalar:
    return factors[0] if len(factors) == 1 else Apply("mul", factors)


def _is_function(scalar: Scalar, name: str) -> bool:
    """Whether ``scalar`` depends on nothing but one element of ``name``, or on nothing at all."""
    match scalar:
        case Const():
            return True
        case Load(tensor, _):
            return tensor == name
        case Apply(_, arguments):
            loads = {node for node in walk(scalar) if isinstance(node, Load)}
            return len(loads) <= 1 and all(_is_function(argument, name) for argument in arguments)
    return False


def _functions(kernel: Kernel, name: str) -> Iterator[Scalar]:
    """The largest parts of ``kernel`` that depend on one element of ``name`` alone, as functions of VALUE."""
    for scalar in scalars_of(kernel.body):
        yield from _largest(scalar, name)


def _largest(scalar: Scalar, name: str) -> Iterator[Scalar]:
    loads = {node for node in walk(scalar) if isinstance(node, Load) and node.tensor == name}
    if not loads:
        return
    if _is_function(scalar, name):
        yield _tidy(substitute(scalar, dict.fromkeys(loads, VALUE)))
    elif isinstance(scalar, Apply | Load):
        for part in scalar.arguments if isinstance(scalar, Apply) else scalar.indices:
            yield from _largest(part, name)


def _tidy(function: Scalar) -> Scalar:
    """``function`` without signs within absolute values, so that equal functions are written alike."""

    def change(node: Scalar) -> Scalar:
        match node:
            case Apply("abs", (Apply("neg", (inner,)),)):
                return Apply("abs", (inner,))
            case Apply("abs", (Apply("mul", (inner, Const(value))),)):
                return Apply("mul", (Apply("abs", (inner,)), Const(abs(value))))
            case Apply("neg", (Apply("mul", (inner, Const(value))),)):
                return Apply("mul", (inner, Const(-value)))
        return node

    return map_scalar(function, change)


def _with_function(writer: Kernel, name: str, function: Scalar, new: str, buffers: dict[str, Tensor]) -> Kernel | None:
    """``writer`` storing ``function`` of what it stored in ``name``; None where that shares nothing costly."""
    match writer.body:
        case (Nest(axes, body),):
            stores = [part for part in body if isinstance(part, Store) and part.buffer == name]
        case _:
            return None
    if len(stores) != 1 or stores[0].op is not None:
        return None
    (store,) = stores
    value, result = store.value, list(body)
    place = result.index(store)
    if not isinstance(value, Local):
        taken = {part.local.name for part in body if isinstance(part, Let | Reduce)}
        local = next(n for n in (f"{name}_value{'_' * number}" for number in count()) if n not in taken)
        value = Local(local, kind_of(store.value, buffers))
        result.insert(place, Let(value, store.value))
        place += 1
    stored = substitute(function, {VALUE: value})
    rest = (*result[:place], *result[place + 1 :])
    if not set(_costly(stored)) & {node for scalar in scalars_of(rest) for node in _costly(_tidy(scalar))}:
        return None
    result[place] = Store(new, store.indices, stored)
    return replace(writer, body=(Nest(axes, tuple(result)),))


def _costly(scalar: Scalar) -> Iterator[Scalar]:
    """The costly functions in ``scalar``, and exp(-2|x|), which is on the way to tanh(x)."""
    for node in walk(scalar):
        if isinstance(node, Apply) and node.primitive in COSTLY:
            yield node
            if node.primitive == "tanh":
                yield Apply("exp", (_tidy(Apply("mul", (Apply("abs", node.arguments), Const(-2.0)))),))


def _costly_in(scalar: Scalar) -> bool:
    return next(_costly(scalar), None) is not None


def _reading(kernel: Kernel, name: str, function: Scalar, new: str) -> Kernel:
    """``kernel`` with ``function`` of an element of ``name`` read from ``new``."""

    def change(node: Scalar) -> Scalar:
        loads = {part for part in walk(node) if isinstance(part, Load) and part.tensor == name}
        if not loads:
            return node
        if len(loads) == 1 and _tidy(substitute(node, dict.fromkeys(loads, VALUE))) == function:
            return Load(new, loads.pop().indices)
        match node:
            case Apply(primitive, arguments):
                return Apply(primitive, tuple(map(change, arguments)))
            case Load(tensor, indices):
                return Load(tensor, tuple(map(change, indices)))
        return node

    return replace(kernel, body=tuple(map_statement(part, change) for part in kernel.body))


__all__ = ["slopes"]
