"""Backpropagation through symbolic depth: one layer's adjoint, derived once, is the recursion; book (5.24)-(5.26)."""

from dataclasses import dataclass

from sympy import Basic, Integer

from symdl.derive.reverse import reverse
from symdl.errors import DerivationError
from symdl.expr.layers import LayerStack, layer_latex
from symdl.expr.nodes import Array, Element, Named, Tensor, TensorSymbol
from symdl.expr.system import trace
from symdl.expr.walk import wholes_first
from symdl.notation import adjoint_name, label_latex


@dataclass(frozen=True)
class Backpropagation:
    """The derived recursion.

    Attributes:
        stack: The stack that was derived.
        last: ζ[L], the adjoint of the stack's output, from the loss alone.
        adjoint: The symbol ζ[ℓ] that one layer receives.
        previous: ζ[ℓ-1], what it passes on, in terms of ζ[ℓ] and layer ℓ's quantities.
        gradients: The gradient of the loss for each parameter of layer ℓ, in the same terms.
        start: The adjoint of the input, ζ[0], as a symbol.
    """

    stack: LayerStack
    last: Tensor
    adjoint: TensorSymbol
    previous: Tensor
    gradients: dict[TensorSymbol, Tensor]


def stacks_in(value: Basic) -> list[LayerStack]:
    """Return the stacks of symbolic depth that an expression holds."""
    nodes = wholes_first([value], lambda node: () if _is_deep(node) else node.args)
    return [node for node in nodes if _is_deep(node)]


def _is_deep(node: Basic) -> bool:
    return isinstance(node, LayerStack) and not node.depth.is_Integer


def backpropagation(loss: Basic) -> Backpropagation:
    """Derive the recursion of a scalar loss on one stack of symbolic depth.

    The loss gives ζ[L]; the vector-Jacobian product of one layer with the symbol ζ[ℓ] gives ζ[ℓ-1] and the gradients.
    The same reverse mode serves both: nothing here knows what a layer consists of.

    Raises:
        DerivationError: if there is not exactly one such stack.
    """
    stacks = stacks_in(loss)
    if len(stacks) != 1:
        raise DerivationError(f"expected one stack of symbolic depth in the loss, found {len(stacks)}")
    stack = stacks[0]
    base = str(stack.args[0])
    output = TensorSymbol(stack.name, stack.shape, (), stack.latex_name)
    outer = trace([loss.xreplace({stack: output})])
    last = reverse(outer, {outer.outputs[0]: Array(Integer(1))}, [output])[output]
    word, symbol = adjoint_name(base, label_latex(base))
    adjoint = TensorSymbol(f"{word}[{stack.index}]", stack.step.shape, (), layer_latex(symbol, stack.index))
    step = stack.step.definition if isinstance(stack.step, Named) else stack.step
    layer = trace([step])
    wrt: list[Basic] = [stack.previous, *stack.parameters]
    derived = reverse(layer, {layer.outputs[0]: adjoint}, wrt)
    return Backpropagation(
        stack, last, adjoint, derived[stack.previous], {parameter: derived[parameter] for parameter in stack.parameters}
    )


def forward_equations(stack: LayerStack) -> list[tuple[Tensor, Tensor]]:
    """Return (name, definition) of the layer's named quantities, in order of computation."""
    found: list[tuple[Tensor, Tensor]] = []
    seen: set[Tensor] = set()

    def visit(tensor: Tensor) -> None:
        if tensor in seen:
            return
        seen.add(tensor)
        if isinstance(tensor, Named):
            visit(tensor.definition)
            found.append((tensor, tensor.definition))
            return
        for load in tensor.atoms(Element):
            visit(load.tensor)
        for part in tensor.args:
            if isinstance(part, Tensor):
                visit(part)

    visit(stack.step)
    return found
