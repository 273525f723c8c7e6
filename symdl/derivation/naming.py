"""Which intermediates a derivation names: the user's, and what a reader would name."""

import heapq
import re
from collections import defaultdict
from collections.abc import Sequence

from sympy import Add, Basic, Expr, Function, Pow

from symdl.expr.nodes import Element, Named, Reduce, Tensor, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.system import Equation, System, elements_of, scalars_of
from symdl.expr.walk import parts_first


def name_intermediates(system: System, active: set[Basic]) -> System:
    """Name what a non-linear step starts from: u, or u₁, u₂, …; what the user named keeps its name.

    Args:
        system: The equations in normal form.
        active: What depends on the variables of the derivation; the rest needs no name.
    """
    taken = {tensor.name for tensor in (*system.inputs, *system.by_target)}
    taken |= {symbol.name for equation in system.equations for symbol in scalars_of(equation.body)}
    starts = {
        load.tensor for equation in system.equations for load in equation.loads if _non_linear(equation.body, load)
    }
    chosen = [
        equation.target
        for equation in system.equations
        if not equation.named and equation.target in starts & active and equation.target not in system.outputs
        if equation.loop is None  # a recurrence is one step, with the names it was declared with
    ]
    chosen = [target for target in chosen if not _is_shift(system.by_target[target], system)]
    chosen = [target for target in chosen if _deserves_a_name(system.by_target[target])]
    names = _names(len(chosen), taken)
    mapping: dict[Basic, TensorSymbol] = {}
    equations = []
    for equation in system.equations:
        target, named = equation.target, equation.named
        if target in chosen:
            name, tex = names[chosen.index(target)]
            target, named = TensorSymbol(name, target.shape, (), tex), True
        mapping[equation.target] = target
        body = equation.body
        for load in elements_of(body):
            if mapping.get(load.tensor, load.tensor) != load.tensor:
                body = body.xreplace({load: Element(mapping[load.tensor], *load.indices)})
        equations.append(Equation(target, body, named, equation.loop))
    return System(tuple(equations), tuple(mapping.get(output, output) for output in system.outputs))


def _names(count: int, taken: set[str]) -> list[tuple[str, str]]:
    """Return (name, LaTeX) of as many new names, of one letter that is still free."""
    for letter in "uvst":
        numbers = [""] if count == 1 else list(map(str, range(1, count + 1)))
        if taken.isdisjoint(letter + number for number in ("", *numbers)):
            return [(letter + number, f"{letter}_{{{number}}}" if number else letter) for number in numbers]
    return [(f"step{number}", rf"\mathrm{{step}}_{{{number}}}") for number in range(1, count + 1)]


def _deserves_a_name(equation: Equation) -> bool:
    """Tell whether a reader would name it: a tensor or an inner product, but not the normaliser of a softmax."""
    body = equation.body
    if isinstance(body, Reduce) and body.op == "add" and isinstance(body.body, SCALAR_OPS["exp"]):
        return False
    return bool(equation.target.shape) or (isinstance(body, Reduce) and len(elements_of(body)) > 1)


def _is_shift(equation: Equation, system: System) -> bool:
    """Tell whether it is a number and a quantity that has a name, such as 1 - ŷ."""
    loads = elements_of(equation.body)
    if not isinstance(equation.body, Add) or len(equation.body.args) != 2 or len(loads) != 1:
        return False
    named = system.by_target.get(loads[0].tensor)
    number = next((term for term in equation.body.args if not term.has(Element)), None)
    return number is not None and number.is_number and named is not None and named.named


def _non_linear(body: Expr, load: Element) -> bool:
    """Tell whether a load is inside a function or a power in a body; a choice between branches is linear in them."""
    content = body.body if isinstance(body, Reduce) else body
    for part in content.atoms(Function, Pow) - content.atoms(SCALAR_OPS["where"]):
        if part.has(load) and not (isinstance(part, Pow) and part.exp == -1 and not load.indices):
            return True
    return False


def named_inside(tensor: Tensor, seen: set[Tensor]) -> list[Named]:
    """Return the named tensors inside one, those it is made of first; each once over all calls with one ``seen``."""

    def inside(node: Tensor) -> Sequence[Tensor]:
        return (node.definition,) if isinstance(node, Named) else parts_of(node)

    return [node for node in parts_first([tensor], inside, seen) if isinstance(node, Named)]


def named_directly(tensor: Tensor) -> list[Named]:
    """Return the named tensors that a tensor's formula shows, without those inside their definitions."""
    found: list[Named] = []
    for part in parts_of(tensor):
        found += [part] if isinstance(part, Named) else named_directly(part)
    return list(dict.fromkeys(found))


def by_number(named: Sequence[Tensor]) -> list[Tensor]:
    """Return named tensors in an order of computation, those that could come next by number: a₁, a₂."""
    positions = {tensor: position for position, tensor in enumerate(named)}
    waiting: dict[Tensor, int] = {}
    users: dict[Tensor, list[Tensor]] = defaultdict(list)
    ready: list[tuple[int, int]] = []
    for tensor in named:
        definition = tensor.definition if isinstance(tensor, Named) else tensor
        read = [part for part in named_directly(definition) if part in positions]
        waiting[tensor] = len(read)
        for part in read:
            users[part].append(tensor)
        if not read:
            heapq.heappush(ready, _turn(tensor, positions))
    found = []
    while ready:
        tensor = named[heapq.heappop(ready)[1]]
        found.append(tensor)
        for user in users[tensor]:
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, _turn(user, positions))
    return found


def _turn(tensor: Tensor, positions: dict[Tensor, int]) -> tuple[int, int]:
    """Return what comes first: the number in a name, then the place it had."""
    digits = re.search(r"\d+", str(getattr(tensor, "name", "")))
    return (int(digits[0]) if digits else 0), positions[tensor]


def parts_of(tensor: Tensor) -> list[Tensor]:
    """Return the tensors a tensor shows to a reader: an array's elements, the operands of an op."""
    body = getattr(tensor, "body", None)
    if body is not None:
        return [load.tensor for load in elements_of(body)]
    return [part for part in tensor.args if isinstance(part, Tensor)]


def consumers(system: System) -> dict[Basic, tuple[TensorSymbol, ...]]:
    """Return, for each tensor, the named targets and outputs whose definitions use it, in order of computation."""
    found: dict[Basic, dict[TensorSymbol, None]] = {}
    for equation in reversed(system.equations):
        target = equation.target
        users = [target] if equation.named or target in system.outputs else list(found.get(target, ()))
        for symbol in equation.body.free_symbols:
            found[symbol] = dict.fromkeys([*users, *found.get(symbol, ())])
    return {tensor: tuple(users) for tensor, users in found.items()}
