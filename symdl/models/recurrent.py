"""Recurrent layers with their parameters, for the models of book chapter 7: simple, LSTM and GRU."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from symdl.errors import InputError
from symdl.expr.declare import matrix, vector
from symdl.expr.nodes import Tensor
from symdl.expr.recur import recurrence
from symdl.init import constant
from symdl.ops.cells import Affine, GRUParameters, LSTMParameters, gru_cell, lstm_cell, rnn_cell
from symdl.ops.structure import zeros


@dataclass(frozen=True)
class Layer:
    """A recurrent layer run along a sequence.

    Attributes:
        h: The hidden states of all times, (T, m).
        parameters: What is trained.
        init: Draws of parameters that differ from the default.
    """

    h: Tensor
    parameters: tuple[Any, ...]
    init: Mapping[Any, Any] = field(default_factory=dict)


def affine(unit: str, size: Any, width: Any, mark: str = "") -> Affine:
    r"""Declare W_{unit,h}, W_{unit,x} and b_unit.

    Args:
        unit: What they compute: ``h``, a gate such as ``f``, or a candidate such as ``\tilde{c}``.
        size: The number m of hidden units.
        width: The number p of inputs.
        mark: A superscript, such as ``[2]`` for the second layer.
    """
    joint = " " if unit.startswith("\\") else ""
    name, above = unit.strip("\\{}").replace("{", "_") + mark, f"^{{{mark}}}" if mark else ""
    return Affine(
        matrix(f"W_{name}_h", size, size, latex=f"W_{{{unit}{joint}h}}{above}"),
        matrix(f"W_{name}_x", size, width, latex=f"W_{{{unit}{joint}x}}{above}"),
        vector(f"b_{name}", size, latex=f"b_{{{unit}}}{above}"),
    )


def rnn(
    x: Tensor, size: Any, mark: str = "", reverse: bool = False, start: Any = None, truncate: int | None = None
) -> Layer:
    """Return the simple recurrent layer (7.2) over x (T, p); ``start`` is h⟨0⟩, zeros by default.

    ``truncate``, here and below: see ``sd.recurrence``.
    """
    p = affine("h", size, x.shape[1], mark)
    h = recurrence(
        lambda t, h: rnn_cell(p, x[t], h),
        zeros(size) if start is None else start,
        x.shape[0],
        names=f"h{mark}",
        reverse=reverse,
        truncate=truncate,
    )
    return Layer(h, tuple(p))


def lstm(
    x: Tensor, size: Any, mark: str = "", reverse: bool = False, start: Any = None, truncate: int | None = None
) -> Layer:
    """Return the long short-term memory (7.16) over x (T, p); forget biases start at 1."""
    p = LSTMParameters(*(affine(unit, size, x.shape[1], mark) for unit in ("f", "i", "o", r"\tilde{c}")))
    h, _ = recurrence(
        lambda t, h, c: lstm_cell(p, x[t], h, c),
        (zeros(size) if start is None else start, zeros(size)),
        x.shape[0],
        names=(f"h{mark}", f"c{mark}"),
        reverse=reverse,
        truncate=truncate,
    )
    return Layer(h, tuple(part for gate in p for part in gate), {p.f.b: constant(1.0)})


def gru(
    x: Tensor, size: Any, mark: str = "", reverse: bool = False, start: Any = None, truncate: int | None = None
) -> Layer:
    """Return the gated recurrent unit (7.18) over x (T, p)."""
    p = GRUParameters(*(affine(unit, size, x.shape[1], mark) for unit in ("r", "u", r"\tilde{h}")))
    h = recurrence(
        lambda t, h: gru_cell(p, x[t], h),
        zeros(size) if start is None else start,
        x.shape[0],
        names=f"h{mark}",
        reverse=reverse,
        truncate=truncate,
    )
    return Layer(h, tuple(part for gate in p for part in gate))


KINDS: dict[str, Callable[..., Layer]] = {"rnn": rnn, "lstm": lstm, "gru": gru}


def kind_of(name: str) -> Callable[..., Layer]:
    """Return a kind of layer by name.

    Raises:
        InputError: for an unknown name.
    """
    if name not in KINDS:
        raise InputError(f"unknown recurrent layer {name!r}; expected one of {', '.join(KINDS)}")
    return KINDS[name]
