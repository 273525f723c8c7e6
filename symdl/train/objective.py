"""From the losses of one sample to their means over a batch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Add, Basic, Expr, Integer, Mul, Symbol

from symdl.errors import InputError
from symdl.expr.batch import batched
from symdl.expr.batch_mean import BATCH_SIZE
from symdl.expr.declare import scalar
from symdl.expr.index import rebuild
from symdl.expr.mode import in_mode
from symdl.expr.nodes import Array, Element, Named, Tensor
from symdl.expr.random import SAMPLE, SEED, Uniform
from symdl.expr.replace import replaced, rewritten
from symdl.expr.sizes import dims
from symdl.ops.reductions import sum as total
from symdl.train.declaration import Declaration

WEIGHT = scalar("sample.weight", nonnegative=True, latex="w")


@dataclass(frozen=True)
class Cost:
    """The cost C(θ) = (1/n) Σ_i C_i(θ) + R(θ) of a batch.

    Attributes:
        total: Σ_i C_i(θ); 0 where the equations speak of the whole batch.
        rest: R(θ), or the cost of the whole batch.
        size: The symbol n of the batch length.
    """

    total: Expr
    rest: Expr
    size: Symbol

    @property
    def value(self) -> Expr:
        """The cost."""
        return Add(self.total / self.size, self.rest)


@dataclass(frozen=True)
class Objective:
    """What is computed for a batch.

    Attributes:
        costs: The cost of each group of parameters by the group's name; a model has one.
        size: The symbol of the batch length.
        outputs: The outputs by name, with their batch axis.
        updates: The next value of each state by its name.
    """

    costs: dict[str, Cost]
    size: Symbol
    outputs: dict[str, Any]
    updates: dict[str, Any]


def objective(declared: Declaration, mode: str = "train", weighted: bool = False) -> Objective:
    """Return the costs of a batch, the outputs and, in the mode of training, the next values of states.

    Terms of a loss in parameters alone, R(θ), are counted once. With ``weighted`` each C_i is multiplied by the scalar
    datum ``sample.weight``, and the sum is still divided by the number of samples. Where samples have random draws of
    their own, the number of the sample is a datum as well.

    Raises:
        InputError: for weights where the equations speak of the whole batch.
        DerivationError: for the update of a state that differs from sample to sample.
    """
    losses, outputs, updates = _in_mode(declared, mode)
    if declared.batch is not None:
        if weighted:
            raise InputError(
                "sample_weights: the loss speaks of the whole batch (Model(batch=...)); "
                "put the weights into the loss as an input"
            )
        values = replaced([*losses, *outputs, *updates], {BATCH_SIZE: declared.batch})
        size, zero = declared.batch, Integer(0)
        costs = [Cost(zero, loss, size) for loss in values[: len(losses)]]
        values = values[len(losses) :]
    else:
        size = _batch_symbol(declared)
        varying = {*declared.data, SEED}
        terms = [_terms(loss) for loss in losses]
        own = [Add(*(term for term in parts if varying.isdisjoint(term.free_symbols))) for parts in terms]
        each = [Add(*(term for term in parts if not varying.isdisjoint(term.free_symbols))) for parts in terms]
        symbols = [*declared.data, SAMPLE]
        if weighted:
            each, symbols = [part * WEIGHT for part in each], [*symbols, WEIGHT]
        values = batched([*each, *outputs], symbols, size, updates)
        summed = [total(part) if isinstance(part, Tensor) else part * size for part in values[: len(each)]]
        costs = [Cost(part, rest, size) for part, rest in zip(summed, own, strict=True)]
        values = values[len(each) :]
    count = len(outputs)
    by_state = dict(zip([state.name for state in declared.states], values[count:], strict=False))
    return Objective(
        dict(zip(declared.losses, costs, strict=True)),
        size,
        dict(zip(declared.outputs, values[:count], strict=True)),
        by_state,
    )


def _in_mode(declared: Declaration, mode: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return losses, outputs and, where states change, their next values, as they are in a mode."""
    updates: list[Any] = []
    if mode == "train" and declared.states:
        updates = replaced([state.update for state in declared.states], {state.own: state for state in declared.states})
    losses, outputs = list(declared.losses.values()), list(declared.outputs.values())
    if declared.streams:
        losses, outputs, updates = (
            rewritten(part, lambda body: _renumbered(body, declared.streams)) if part else part
            for part in (losses, outputs, updates)
        )
    values = in_mode([*losses, *outputs, *updates], mode)
    first, second = len(losses), len(losses) + len(outputs)
    return values[:first], values[first:second], values[second:]


def _renumbered(body: Expr, streams: Mapping[Basic, Integer]) -> Expr:
    """Return a body whose draws have other streams."""

    def renumber(node: Basic) -> Basic | None:
        if isinstance(node, Uniform) and node.stream in streams:
            places = [rebuild(place, renumber) for place in node.args[3:]]
            return Uniform(*node.args[:2], streams[node.stream], *places)
        return None

    return rebuild(body, renumber)


def _batch_symbol(declared: Declaration) -> Symbol:
    taken = {*declared.by_name, *(size.name for size in declared.sizes)}
    return dims(next(name for name in ("n_b", "n_batch", "batch.length") if name not in taken))


def _terms(loss: Expr) -> list[Expr]:
    """Return the terms of a sum, seen through a name and a common factor."""
    if isinstance(loss, Element) and isinstance(loss.tensor, Named):
        inner = loss.tensor.definition
        return _terms(inner.body) if isinstance(inner, Array) else [loss]
    if isinstance(loss, Mul):
        sums = [factor for factor in loss.args if isinstance(factor, Add)]
        if len(sums) == 1 and all(factor.is_number for factor in loss.args if factor is not sums[0]):
            loss = sympy.expand_mul(loss)
    if isinstance(loss, Add):
        return [part for term in loss.args for part in _terms(term)]
    return [loss]
