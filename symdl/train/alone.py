"""What a batch of one sample leaves nothing of: deviations from the mean over the batch, as in batch normalisation."""

from sympy import Basic, Expr, Integer

from symdl.errors import InputError
from symdl.expr.index import axis_index, rebuild, substitute
from symdl.expr.nodes import Element, Reduce
from symdl.expr.system import trace
from symdl.train.declaration import Declaration
from symdl.train.objective import Objective, objective


def check_alone(declared: Declaration, samples: str) -> None:
    """Raise InputError if a batch of one sample leaves nothing of an equation; ``samples`` says where it comes from."""
    if vanishes(objective(declared)):
        raise InputError(
            f"batch_size: {samples} leaves a batch of one sample, in which every deviation from the mean over the "
            "batch is 0, and so is what batch normalisation makes of it; give every batch at least two samples"
        )


def vanishes(goal: Objective) -> bool:
    """Tell whether an equation of the costs is 0 for every batch of one sample.

    Sums over the batch have one term then, so that a mean over the batch is the sample itself. What is 0 already
    because a number is, such as n - 1, does not count.
    """
    same: dict[Basic, Expr] = {}  # tensors that are the element of another one then

    def alone(node: Basic) -> Basic | None:
        if node == goal.size:
            return Integer(1)
        if isinstance(node, Element) and node.tensor in same:
            indices = [rebuild(index, alone) for index in node.indices]
            return substitute(same[node.tensor], {axis_index(k): index for k, index in enumerate(indices)})
        if isinstance(node, Reduce) and any(size == goal.size for _, size in node.axes):
            axes, content = node.open()
            first = {index: Integer(0) for index, size in axes if size == goal.size}
            body = rebuild(substitute(content, first), alone)
            return Reduce(node.op, body, *((index, size) for index, size in axes if index not in first))
        return None

    for equation in trace([cost.value for cost in goal.costs.values()]).equations:
        first = {index: Integer(0) for index, size in equation.axes if size == goal.size}
        body = rebuild(substitute(equation.body, first), alone)
        if body == 0 and equation.body.xreplace({goal.size: Integer(1)}) != 0:
            return True
        if equation.loop is None and isinstance(body, Element):
            same[equation.target] = body
    return False
