"""From the loss of one sample to the mean over a batch."""

from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mul, Symbol

from symdl.errors import InputError
from symdl.expr.batch import batched
from symdl.expr.declare import scalar
from symdl.expr.nodes import Array, Element, Named, Tensor
from symdl.expr.random import SAMPLE, SEED
from symdl.expr.sizes import dims
from symdl.ops.reductions import sum as total
from symdl.train.declaration import Declaration

WEIGHT = scalar("sample.weight", nonnegative=True, latex="w")


@dataclass(frozen=True)
class Objective:
    """The cost C(θ) = (1/n) Σ_i C_i(θ) + R(θ) of a batch, and the outputs with their batch axis.

    Attributes:
        total: Σ_i C_i(θ); 0 where the equations speak of the whole batch.
        rest: R(θ), or the cost of the whole batch.
        size: The symbol n of the batch length.
        outputs: The outputs by name.
    """

    total: Expr
    rest: Expr
    size: Symbol
    outputs: dict[str, Any]

    @property
    def value(self) -> Expr:
        """The cost."""
        return Add(self.total / self.size, self.rest)


def objective(declared: Declaration, weighted: bool = False) -> Objective:
    """Return the cost of a batch.

    Terms of the loss in parameters alone, R(θ), are counted once. With ``weighted`` each C_i is multiplied by the
    scalar datum ``sample.weight``, and the sum is still divided by the number of samples. Where samples have random
    draws of their own, the number of the sample is a datum as well.

    Raises:
        InputError: for weights where the equations speak of the whole batch.
    """
    if declared.batch is not None:
        if weighted:
            raise InputError(
                "sample_weights: the loss speaks of the whole batch (Model(batch=...)); "
                "put the weights into the loss as an input"
            )
        return Objective(Integer(0), declared.loss, declared.batch, dict(declared.outputs))
    size = _batch_symbol(declared)
    data = {*declared.data, SEED}
    terms = _terms(declared.loss)
    own = [term for term in terms if data.isdisjoint(term.free_symbols)]
    each = Add(*(term for term in terms if not data.isdisjoint(term.free_symbols)))
    symbols = [*declared.data, SAMPLE]
    if weighted:
        each, symbols = each * WEIGHT, [*symbols, WEIGHT]
    lifted = batched([each, *declared.outputs.values()], symbols, size)
    each = total(lifted[0]) if isinstance(lifted[0], Tensor) else lifted[0] * size
    return Objective(each, Add(*own), size, dict(zip(declared.outputs, lifted[1:], strict=True)))


def _batch_symbol(declared: Declaration) -> Symbol:
    taken = {*declared.by_name, *(size.name for size in declared.sizes)}
    return dims(next(name for name in ("n_b", "n_batch", "batch.size") if name not in taken))


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
