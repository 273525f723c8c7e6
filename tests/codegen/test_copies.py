"""What copies another tensor is read from it."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.program import Const
from tests.codegen.programs import ap, axes, ld
from tests.codegen.test_loops import LENGTHS, Recurrence, before, first, same


@pytest.mark.parametrize("length", LENGTHS)
def test_what_copies_another_tensor_is_not_stored(length):
    b = Recurrence("copied", T=None, m=None)
    b.input("x", "T", "m")
    b.begin("scan")
    past = first(Const(0.0), ld("c", before(), "i"))
    b.eq("h", axes(t="T", i="m"), ap("add", ap("mul", Const(0.5), past), ld("x", "t", "i")))
    b.eq("c", axes(t="T", i="m"), ld("h", "t", "i"))
    b.end()
    b.eq("y", axes(t="T", i="m"), ap("add", ld("c", "t", "i"), ld("h", "t", "i")))
    program = b.program("y")
    built = {on: build(program, passes={"copies": on, "inline": False}) for on in (True, False)}
    assert {name for name in "ch" if name in built[True].module.buffers} == {"h"}
    assert {name for name in "ch" if name in built[False].module.buffers} == {"c", "h"}
    x = np.random.default_rng(0).normal(size=(length, 3))
    states = [np.zeros(3)]
    for row in x:
        states.append(0.5 * states[-1] + row)
    for fn in built.values():
        same(fn({"x": x}), {"y": 2 * np.reshape(states[1:], (length, 3))}, 1e-14)
