"""The verifier of the loop IR rejects every breach of its grammar, by the text of the error."""

from dataclasses import replace

import pytest

from symdl_codegen.errors import VerificationError
from symdl_codegen.ir import (
    Apply,
    Axis,
    Const,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Size,
    Store,
    Tensor,
)
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.lower import lower
from symdl_codegen.passes import PASSES
from symdl_codegen.program import verify
from symdl_codegen.schedule import schedule
from tests.codegen.programs import mlp

I, N = Index("i"), Axis("i", Size("n"))
X, T, S = Load("x", (I,)), Load("t", (I,)), Load("s", (I,))


def module(*bodies, phases=None, **changes):
    """A module over input x, state s and temporaries t and u, one kernel per body."""
    buffers = {
        name: Tensor(name, (Size("n"),), role=role)
        for name, role in (("x", "input"), ("s", "state"), ("t", "temporary"), ("u", "temporary"))
    }
    phases = phases or ["step"] * len(bodies)
    kernels = tuple(
        Kernel(f"k{number}", (Nest((N,), body),), phase=phase)
        for number, (body, phase) in enumerate(zip(bodies, phases, strict=True))
    )
    return replace(Module("m", {"n": None}, buffers, kernels, {}), **changes)


BREACHES = [
    (module((Store("t", (I,), Load("u", (I,))),)), "'u' is read before it is written"),
    (module((Store("t", (I,), X),), (Store("t", (I,), X),)), "writes 't' (temporary), which it may not, or not again"),
    (module((Store("x", (I,), Const(1.0)),)), "writes 'x' (input)"),
    (module((Store("s", (I,), X),)), "writes 's' (state)"),
    (module((Store("v", (I,), X),)), "buffer 'v' is not declared"),
    (module((Store("t", (I, I), X),)), "buffer 't' of order 1 has 2 indices"),
    (module((Store("t", (I,), Load("x", (Index("j"),))),)), "index 'j' is not bound"),
    (module((Store("t", (I,), Local("a")),)), "local 'a' is read before it is bound"),
    (module((Let(Local("a"), X), Let(Local("a"), X))), "local 'a' is bound twice"),
    (module((Nest((N,), ()),)), "index 'i' is bound twice"),
    (module((Nest((Axis("j", Size("q")),), ()),)), "size 'q' is not declared"),
    (module((Nest((Axis("j", I),), ()),)), "only sizes and integers may stand there"),
    (module((Store("t", (I,), Apply("cosh", (X,))),)), "unknown primitive 'cosh'"),
    (module((Reduce(Local("a"), "mean", (Axis("j", Size("n")),), X),)), "unknown reduction 'mean'"),
    (module((Store("s", (I,), X),), (Store("t", (I,), X),), phases=["update", "step"]), "of phase step follows"),
    (
        module((Store("s", (I,), X),), (Store("t", (I,), S),), phases=["update", "update"]),
        "'s' is read after its update",
    ),
    (module((Store("t", (I,), X),), outputs={"y": "u"}), "output 'y' is held by 'u', which no kernel writes"),
    (module((Store("t", (I,), X),), guard="u"), "guard 'u' is never written"),
    (module((Store("t", (I,), X),), updates=(("s", "t"),)), "state 's' has an update that no kernel performs"),
]


@pytest.mark.parametrize(("breach", "message"), BREACHES, ids=[message for _, message in BREACHES])
def test_rejected(breach, message):
    with pytest.raises(VerificationError) as caught:
        verify_module(breach)
    assert message in str(caught.value)


def test_accepted():
    good = module((Store("t", (I,), X),), (Store("s", (I,), T),), phases=["step", "update"], updates=(("s", "t"),))
    assert verify_module(good) is good


def test_two_kernels_of_one_name():
    twice = module((Store("t", (I,), X),), (Store("u", (I,), X),))
    twice = replace(twice, kernels=tuple(replace(kernel, name="same") for kernel in twice.kernels))
    with pytest.raises(VerificationError, match="share a name"):
        verify_module(twice)


def test_every_pass_keeps_a_module_valid():
    current = verify_module(lower(verify(mlp((5, 7, 3)))))
    for transform in PASSES.values():
        current = verify_module(transform(current))
    verify_module(schedule(current, {}))
