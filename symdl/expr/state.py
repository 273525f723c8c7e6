"""State that is no parameter: carried from step to step of a training by an equation of its own. Design §2: (s, s⁺)."""

from collections.abc import Iterable
from typing import Any

import sympy
from sympy import Atom, Basic, Expr, Symbol
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, NameConflictError, ShapeError
from symdl.expr.declare import tensor
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Element, Tensor, TensorSymbol
from symdl.expr.sizes import same_size, shape_text
from symdl.expr.structure import fingerprint
from symdl.notation import name_latex

WHEN = ("before", "after")


class Update(Atom):
    """The equation of a state, sealed: walks over a formula that reads the state do not enter it."""

    def __new__(cls, value: Any, initial: Any, when: Any) -> "Update":
        """Return the sealed equation."""
        found = Atom.__new__(cls)
        found.parts = (value, initial, when if isinstance(when, Str) else Str(when))
        return found

    parts: tuple[Basic, ...]

    def _hashable_content(self) -> tuple[Basic, ...]:
        return self.parts

    def __getnewargs__(self) -> tuple[Basic, ...]:
        return self.parts  # an atom has no args, which are what SymPy pickles

    def _sympyrepr(self, printer: Any) -> str:
        return f"Update({', '.join(map(fingerprint, self.parts))})"

    _sympystr = _sympyrepr  # SymPy sorts atoms by their text, which must be short


class State(TensorSymbol):
    """A declared tensor with the equation of its next value; a scalar one is the element of a state of order 0."""

    def __new__(cls, name: Any, shape: Any, properties: Any, latex: Any, update: Update) -> "State":
        """Return the state of that name."""
        return cls._intern(*TensorSymbol(name, shape, properties, latex).args, update)

    @property
    def own(self) -> TensorSymbol:
        """The symbol that stands for its value inside ``update``."""
        return _own(self.name, self.shape, self.properties, self.latex_name)

    @property
    def update(self) -> Any:
        """The next value, a tensor of its shape or a scalar."""
        return self.args[4].parts[0]

    @property
    def initial(self) -> Any:
        """Its value before any training: a number, or a parameter whose initial value it shares."""
        return self.args[4].parts[1]

    @property
    def when(self) -> str:
        """Whether parameters in ``update`` are those ``before`` or ``after`` the step."""
        return str(self.args[4].parts[2])


def state(
    name: str,
    shape: Any = (),
    *,
    update: Any,
    initial: Any = 0,
    when: str = "before",
    latex: str = "",
    **properties: bool,
) -> Any:
    """Declare a tensor that training carries along: running statistics, moving averages, target networks.

    A model finds the states in its loss and outputs by itself. Each step of ``sd.fit`` gives every state its next
    value; all are computed from the states before the step. No gradient passes through an update.

    Args:
        name: Its name, unique in a model.
        shape: Its sizes; () for a scalar.
        update: The next value: an expression, or a function of the state's symbol that returns one. It may hold the
            state itself, parameters, data (through ``sd.batch_mean``: it is one for the whole batch), states declared
            before it, random draws that samples share, and the number of steps made before, ``sd.random.STEP``.
        initial: The value before the first step: a number, or a parameter whose initial value it shares.
        when: ``"before"``: parameters in ``update`` have the values that the step starts with; ``"after"``: those that
            it ends with, as for averages over the iterates.
        latex: How it prints; from the name by default.
        **properties: As for ``sd.tensor``, such as ``nonnegative``.

    Returns:
        A tensor, or a scalar; an input wherever no training is.

    Raises:
        ShapeError: if the update has not the shape of the state.
        ExpressionError: for an initial value that is neither a number nor a declared symbol.
    """
    sizes = tuple(shape) if isinstance(shape, tuple | list | sympy.Tuple) else (shape,)
    symbol = tensor(name, sizes, latex=latex, **properties) if sizes else TensorSymbol(name, (), (), latex)
    if when not in WHEN:
        raise ExpressionError(f"{name}: when={when!r}; expected one of {', '.join(WHEN)}")
    own = _own(name, symbol.shape, symbol.properties, latex)
    value = update(_value(own)) if callable(update) and not isinstance(update, Basic) else update
    following, first = ingest(value), ingest(initial)
    found = following.shape if isinstance(following, Tensor) else ()
    if len(found) != symbol.order or not all(map(same_size, found, symbol.shape)):
        raise ShapeError(f"{name}: the state has shape {shape_text(symbol.shape)}, its update {shape_text(found)}")
    if not (first.is_Number if isinstance(first, Expr) and not isinstance(first, Symbol) else _declared(first, symbol)):
        raise ExpressionError(
            f"{name}: initial must be a number or a parameter of shape {shape_text(symbol.shape)}, found {initial}; "
            f"give arrays to the model: Model(init={{'{name}': array}})"
        )
    facts = tuple(symbol.properties)
    return _value(State(name, symbol.shape, facts, latex, Update(following, first, when)))


def states_in(values: Iterable[Any]) -> tuple[State, ...]:
    """Return the states that expressions depend on, those in the updates of others included, by name.

    Raises:
        NameConflictError: if two of them have one name.
    """
    found: dict[str, State] = {}
    waiting = [symbol for value in values for symbol in value.free_symbols]
    while waiting:
        symbol = waiting.pop()
        if not isinstance(symbol, State) or found.get(symbol.name) == symbol:
            continue
        if symbol.name in found:
            raise NameConflictError(
                f"{symbol.name}: two states of this name have different updates; give one of them another name"
            )
        found[symbol.name] = symbol
        waiting += symbol.update.free_symbols - {symbol.own}
    return tuple(found[name] for name in sorted(found))


def _own(name: str, shape: Any, properties: Any, latex: str) -> TensorSymbol:
    return TensorSymbol(f"{name}.before", shape, tuple(properties), latex or name_latex(name))


def _value(symbol: TensorSymbol) -> Any:
    return symbol if symbol.order else Element(symbol)


def _declared(first: Any, symbol: TensorSymbol) -> bool:
    shape = getattr(first, "shape", ())
    return (
        isinstance(first, TensorSymbol | Symbol)
        and len(shape) == symbol.order
        and all(map(same_size, shape, symbol.shape))
    )
