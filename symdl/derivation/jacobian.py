"""The derivation of a Jacobian: equations forward, the derivative of each by what it reads, then their product."""

from collections.abc import Sequence
from typing import Any

from sympy import Basic

from symdl.calculus import jacobian
from symdl.derivation.naming import name_intermediates
from symdl.derivation.rules import local_rule, notes_for
from symdl.derivation.steps import FORWARD, JACOBIAN, Derivation, Lines
from symdl.expr.nodes import Named, Tensor, TensorSymbol
from symdl.expr.system import System, needed, trace
from symdl.latex import latex
from symdl.simplify import simplify


def jacobian_derivation(value: Tensor, variables: Sequence[Basic]) -> Derivation:
    """Return the steps of the derivatives of a tensor: local ones by name, their chain, and the closed form."""
    system = trace([value])
    system = name_intermediates(system, system.depends(variables))
    output = system.outputs[0]
    own = system.by_target.get(output)
    taken = {symbol.name for symbol in value.free_symbols} | {item.target.name for item in system.equations}
    letter = next(name for name in ("f", "g", r"\mathrm{value}") if name not in taken)
    name = latex(system.tensor(output)) if own is not None and own.named else letter
    targets = [item.target for item in system.equations if item.loop is None and (item.named or item.target == output)]
    active = system.depends(variables)
    texts: dict[Basic, str] = {target: latex(system.tensor(target)) for target in targets} | {output: name}
    texts |= {variable: latex(variable) for variable in variables}
    lines = Lines()

    values = simplify([system.tensor(target) for target in targets], keep=True).values
    for target, found in zip(targets, values, strict=True):
        rule = "what is derived" if target == output else "definition"
        lines.add(FORWARD, texts[target], found.definition if isinstance(found, Named) else found, rule)
    links: dict[Basic, list[Basic]] = {}
    for target in targets:
        if target not in active or target in variables:
            continue
        local = _over_names(system, target)
        read = local.free_symbols
        links[target] = [source for source in (*targets, *variables) if source in read and source in active]
        for source in links[target]:
            if target != output or len(links) > 1 or source not in variables:
                lines.add(JACOBIAN, _slope(texts, target, source), jacobian(local, source), local_rule(local, source))
    results = tuple(jacobian(value, list(variables)))
    for variable, result in zip(variables, results, strict=True):
        left = _slope(texts, output, variable)
        paths = _paths(links, output, variable)
        chain = " + ".join(" ".join(_slope(texts, *link) for link in path) for path in paths)
        if len(paths) > 1 and any(len(path) == 1 for path in paths):  # the variable directly, and by way of others
            left = rf"\frac{{d{name}}}{{d{texts[variable]}}}"
        if chain and chain != left and len(paths) <= 4:
            reverse = " + ".join(" ".join(_slope(texts, *link) for link in path[::-1]) for path in paths)
            orders = (value.order, getattr(variable, "order", 0))
            lines.add(JACOBIAN, left, chain, "chain rule", reverse, orders)
            lines.add(JACOBIAN, left, result, "multiplied")
        else:
            lines.add(JACOBIAN, left, result, "chain rule" if len(paths) > 4 else local_rule(value, variable))
    title = rf"\frac{{\partial {name}}}{{\partial {', '.join(texts[variable] for variable in variables)}}}"
    return Derivation(title, tuple(lines.steps), results, notes_for((value, variables), jacobian=True))


def _over_names(system: System, target: TensorSymbol) -> Tensor:
    """Return what a target stands for, over the names that it reads."""
    kept = tuple(item for item in system.equations if item.target == target or not item.named)
    alone = System(needed(kept, (target,)), (target,))
    found = alone.tensor(target)
    return found.definition if isinstance(found, Named) else found


def _slope(texts: dict[Basic, str], target: Basic, source: Basic) -> str:
    return rf"\frac{{\partial {texts[target]}}}{{\partial {texts[source]}}}"


def _paths(links: dict[Basic, list[Basic]], target: Basic, source: Basic) -> list[list[tuple[Any, Any]]]:
    """Return the ways from a target back to a source, the target's link first; at most five."""
    found: list[list[tuple[Any, Any]]] = []
    for between in links.get(target, ()):
        rest: list[list[tuple[Any, Any]]] = [[]] if between == source else _paths(links, between, source)
        found += [[(target, between), *path] for path in rest]
        if len(found) > 4:
            break
    return found
