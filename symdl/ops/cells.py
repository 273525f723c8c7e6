"""The recurrent units of book §7.2 and §7.3 as equations of one step, which ``sd.recurrence`` repeats.

Each unit takes the input x⟨t⟩ and the state before, and returns the state after. Its activations are named as in the
book, so that derivations speak of g_f, g_i, g_o, c̃, h̃.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from symdl.expr.declare import named
from symdl.ops import elementwise as ew
from symdl.ops.elementwise import hadamard


class Affine(NamedTuple):
    """The parameters of W_h h⟨t-1⟩ + W_x x⟨t⟩ + b: (m, m), (m, p) and (m,)."""

    W_h: Any
    W_x: Any
    b: Any

    def __call__(self, h: Any, x: Any) -> Any:
        """Return W_h h + W_x x + b."""
        return self.W_h @ h + self.W_x @ x + self.b


class LSTMParameters(NamedTuple):
    """The forget, input and output gates and the candidate cell of a long short-term memory."""

    f: Affine
    i: Affine
    o: Affine
    c: Affine


class GRUParameters(NamedTuple):
    """The reset and update gates and the candidate state of a gated recurrent unit."""

    r: Affine
    u: Affine
    h: Affine


def rnn_cell(p: Affine, x: Any, h: Any, activation: Callable[[Any], Any] | None = None) -> Any:
    """Return h⟨t⟩ = S_h(W_hh h⟨t-1⟩ + W_hx x⟨t⟩ + b_h), S_h element-wise, tanh by default. Book (7.2)."""
    return (activation or ew.tanh)(p(h, x))


def lstm_cell(p: LSTMParameters, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """Return (h⟨t⟩, c⟨t⟩) of a long short-term memory. Book (7.16), (7.17).

    c⟨t⟩ = g_f ⊙ c⟨t-1⟩ + g_i ⊙ c̃ and h⟨t⟩ = g_o ⊙ tanh(c⟨t⟩), with gates g = sigmoid(W_h h⟨t-1⟩ + W_x x⟨t⟩ + b).
    """
    g_f = named("g_f", ew.sigmoid(p.f(h, x)), latex="g_{f}")
    g_i = named("g_i", ew.sigmoid(p.i(h, x)), latex="g_{i}")
    g_o = named("g_o", ew.sigmoid(p.o(h, x)), latex="g_{o}")
    candidate = named("c_tilde", ew.tanh(p.c(h, x)), latex=r"\tilde{c}")
    following = hadamard(g_f, c) + hadamard(g_i, candidate)
    return hadamard(g_o, ew.tanh(following)), following


def gru_cell(p: GRUParameters, x: Any, h: Any) -> Any:
    """Return h⟨t⟩ of a gated recurrent unit. Book (7.18), (7.19).

    h⟨t⟩ = (1 - g_u) ⊙ h⟨t-1⟩ + g_u ⊙ h̃ with h̃ = tanh(W_h (g_r ⊙ h⟨t-1⟩) + W_x x⟨t⟩ + b). PyTorch applies the reset gate
    after W_h, and its update gate is 1 - g_u.
    """
    g_r = named("g_r", ew.sigmoid(p.r(h, x)), latex="g_{r}")
    g_u = named("g_u", ew.sigmoid(p.u(h, x)), latex="g_{u}")
    candidate = named("h_tilde", ew.tanh(p.h(hadamard(g_r, h), x)), latex=r"\tilde{h}")
    return hadamard(1 - g_u, h) + hadamard(g_u, candidate)
