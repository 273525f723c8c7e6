"""What keeps a Hessian from telling the whole truth about a function: kinks, jumps, and domains in several parts."""

import math
from collections.abc import Sequence
from typing import Any

from sympy import Add, Basic, Expr, Mul, Pow

from symdl.curvature.signs import positive
from symdl.expr.calls import Call
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import ScalarOp
from symdl.expr.system import System, elements_of, trace


def obstacle(value: Any, variables: Sequence[Any]) -> str:
    """Return why convexity does not follow from the Hessian, or an empty string.

    It follows where the function is twice differentiable on a convex domain: no kinks, jumps, extrema or stopped
    gradients, and no logarithm, root or quotient of what depends on the variables other than affinely, unless its
    argument is certain to be positive.
    """
    system = trace([value])
    for equation in system.equations:
        if not _depends(system, equation.body, variables):
            continue
        if equation.loop is not None:
            return "the function holds a recurrence"
        for node in _nodes(equation.body):
            found = _fault(system, node, variables)
            if found:
                return found
    return ""


def _depends(system: System, body: Basic, variables: Sequence[Any]) -> bool:
    """Tell whether a body depends on one of the variables, through other equations too."""
    stack, seen = [body], set()
    while stack:
        node = stack.pop()
        if node in variables:
            return True
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Element):
            if node.tensor in variables:
                return True
            inner = system.by_target.get(node.tensor)
            stack += [inner.body] if inner is not None else []
            stack += list(node.indices)
        else:
            stack += list(node.args)
    return False


def _nodes(body: Basic) -> list[Basic]:
    stack, found = [body], []
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, Element):
            stack += list(node.args)
    return found


def _fault(system: System, node: Basic, variables: Sequence[Any]) -> str:
    if isinstance(node, Reduce) and node.op in ("max", "min") and _depends(system, node.body, variables):
        return f"the function has a {node.op}imum in it, where the Hessian says nothing about its kinks"
    if isinstance(node, ScalarOp):
        if not _depends(system, node, variables):
            return ""
        if not type(node).analytic:
            return (
                f"the function has kinks or jumps ({node.name or type(node).__name__}), where the Hessian says nothing"
            )
        if type(node).domain != (-math.inf, math.inf) and not _safe(system, node.args[0], variables):
            return f"the domain of {node.name} may be in several parts, on each of which the Hessian speaks for itself"
    if isinstance(node, Pow) and not (node.exp.is_Integer and node.exp.is_nonnegative):
        base = node.base if _depends(system, node.base, variables) else None
        if (
            base is not None
            and (node.exp.is_Integer or not _safe(system, base, variables))
            and not _positive(system, base)
        ):
            return "the function divides by what may be 0, so that its domain may be in several parts"
    if isinstance(node, Call) and _depends(system, node, variables):
        return "the function holds linear algebra, whose domain is not looked at"
    return ""


def _safe(system: System, argument: Expr, variables: Sequence[Any]) -> bool:
    return _positive(system, argument) or _affine(system, argument, variables)


def _positive(system: System, expr: Expr) -> bool:
    """Tell whether a formula is provably positive, what other equations say about its parts included."""
    if positive(expr) or positive(_read(system, expr)):
        return True
    inner = system.by_target.get(expr.tensor) if isinstance(expr, Element) else None
    if inner is not None:
        return _positive(system, inner.body)
    if isinstance(expr, Add | Mul):
        return all(_positive(system, part) for part in expr.args)
    if isinstance(expr, Reduce | Pow):
        return _positive(system, expr.body if isinstance(expr, Reduce) else expr.base)
    return False


def _read(system: System, expr: Expr) -> Expr:
    """Return a formula with what it reads written out where that is no reduction: 1 - ŷ becomes 1 - σ(u)."""
    inner = {load: system.by_target[load.tensor] for load in elements_of(expr) if load.tensor in system.by_target}
    found = {load: item.body for load, item in inner.items() if not isinstance(item.body, Reduce)}
    written: Expr = expr.xreplace(found)
    return written


def _affine(system: System, expr: Expr, variables: Sequence[Any]) -> bool:
    """Tell whether a formula is affine in the variables, so that the domain of its logarithm is convex."""
    if not _depends(system, expr, variables) or expr in variables:
        return True
    if isinstance(expr, Element):
        inner = system.by_target.get(expr.tensor)
        return expr.tensor in variables or (inner is not None and _affine(system, inner.body, variables))
    if isinstance(expr, Add):
        return all(_affine(system, term, variables) for term in expr.args)
    if isinstance(expr, Mul):
        own = [factor for factor in expr.args if _depends(system, factor, variables)]
        return len(own) == 1 and _affine(system, own[0], variables)
    return isinstance(expr, Reduce) and expr.op == "add" and _affine(system, expr.body, variables)
