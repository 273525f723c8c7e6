"""What stands in a sum is opened before anything is written out in it: no index is captured, and none silently."""

import pytest
from sympy import Integer

import symdl as sd
from symdl.errors import InternalError
from symdl.expr.index import axis_index, fresh_index, reduce_index, substitute
from symdl.expr.nodes import Element, Reduce
from symdl.simplify.named_products import fold_products

n = sd.dims("n")
A, u, x = sd.matrix("A", n, n), sd.vector("u", n), sd.vector("x", n)
s, q = sd.vector("s", n), sd.vector("q", n)
i, k = axis_index(0), fresh_index()
rows = Reduce("add", Element(A, i, k) * Element(u, k), (k, n))  # what s stands for


def test_substitution_refuses_to_capture():
    with pytest.raises(InternalError, match=r"'r0'. would be captured in"):
        substitute(rows, {i: reduce_index(0)})
    assert substitute(rows, {i: k}).atoms(Element) == {Element(A, k, reduce_index(0)), Element(u, reduce_index(0))}


def test_named_quotients_in_sums_of_sums():
    """Σ_k s_k x_k/x_0 with s = A u and q = u/x_0: the q in the sum that s stands for is found inside of the other."""
    names = [(Element(u, i) / Element(x, Integer(0)), q)]
    total = Reduce("add", Element(s, k) * Element(x, k) / Element(x, Integer(0)), (k, n))

    def meaning(load):
        return substitute(rows, {i: load.indices[0]}) if load.tensor == s else None

    found = fold_products(total, names, meaning)
    assert found == Reduce("add", Element(x, k) * substitute(_with_q(), {i: k}), (k, n))


def _with_q():
    return Reduce("add", Element(A, i, k) * Element(q, k), (k, n))
