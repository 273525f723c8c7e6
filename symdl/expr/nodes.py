"""The nodes of an expression: tensors, their elements, reductions. Everything symdl knows is made of these.

    Tensor  = TensorSymbol            a declared tensor
            | Array(body, axes)       { body[i0, i1, ...] : i0 < n0, i1 < n1, ... }, one equation in index notation
            | Named(name, tensor)     a named intermediate, printed by its name
            | CompositeOp(operands)   softmax, layer norm ...: a name for the Array that defines it
    Scalar  = Element(tensor, indices) | Reduce(op, body, axes) | SymPy's scalar expressions over these

A tensor is a SymPy ``Basic`` and never an ``Expr``; a scalar is an ordinary commutative real ``Expr``. Equal formulas are
the same object (nodes are interned), so graphs with sharing stay linear in size.
"""

import weakref
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, ClassVar

import sympy
from sympy import Basic, Expr, Integer, Tuple
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import Index, axis_index, free_indices, fresh_index, reduce_index, substitute
from symdl.expr.operators import TensorOperators
from symdl.expr.sizes import as_size, plain_size, shape_text
from symdl.expr.structure import fingerprint, height, order_of_appearance, symbols_of

REDUCTIONS = ("add", "mul", "max", "min")
_interned: "weakref.WeakValueDictionary[Any, Tensor]" = weakref.WeakValueDictionary()


class Tensor(TensorOperators, Basic):
    """A tensor of any order, symbolic in its sizes. Abstract; see the module's grammar.

    Attributes:
        shape: The sizes of the axes.
        is_row: True for the transpose of a vector, whose shape is (1, n).
        properties: Declared facts such as ``symmetric`` or ``simplex``.
    """

    is_symdl_tensor: ClassVar[bool] = True
    is_commutative = False
    is_row: bool = False
    properties: frozenset[str] = frozenset()

    @classmethod
    def _intern(cls, *args: Basic) -> Any:
        key = (cls, args)
        found = _interned.get(key)
        if found is None:
            found = Basic.__new__(cls, *args)
            _interned[key] = found
        return found

    @property
    def order(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @cached_property
    def free_symbols(self) -> set[Basic]:
        """The tensors and scalars it depends on, sizes used as numbers included, bound indices not."""
        return set(symbols_of(self))

    def compare(self, other: Any) -> int:
        """Order tensors by name, else by fingerprint: constant time, and the same in every process."""
        if self is other:
            return 0
        if not isinstance(other, Tensor):
            return -1 if type(self).__name__ < type(other).__name__ else 1
        mine, theirs = (((0, item.name) if hasattr(item, "name") else (1, "")) + (fingerprint(item),)
                        for item in (self, other))
        return (mine > theirs) - (mine < theirs)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        from symdl.latex import latex

        text = latex(self)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _repr_latex_(self) -> str:
        from symdl.latex import latex

        return f"$\\displaystyle {latex(self)}$"

    def _sympystr(self, printer: Any) -> str:
        return printer.emptyPrinter(self)


class TensorSymbol(Tensor):
    """A declared tensor: a name, a shape and properties."""

    def __new__(cls, name: Any, shape: Any, properties: Any = (), latex: Any = "") -> "TensorSymbol":
        label = name if isinstance(name, Str) else Str(str(name))
        sizes = Tuple(*(as_size(size, f"tensor {label}") for size in shape))
        facts = Tuple(*sorted((fact if isinstance(fact, Str) else Str(fact) for fact in properties), key=str))
        return cls._intern(label, sizes, facts, latex if isinstance(latex, Str) else Str(latex))

    @property
    def own_symbols(self) -> frozenset[Basic]:
        """Itself."""
        return frozenset((self,))

    @property
    def name(self) -> str:
        """The name, as used for arrays in calls."""
        return str(self.args[0])

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        return tuple(self.args[1])

    @cached_property
    def properties(self) -> frozenset[str]:  # type: ignore[override]
        return frozenset(map(str, self.args[2]))

    @property
    def latex_name(self) -> str:
        """The LaTeX given at declaration, or an empty string."""
        return str(self.args[3])

    def _sympystr(self, printer: Any) -> str:
        return self.name


class Array(Tensor):
    """A tensor given by its elements: ``Array(body, (i, n), (j, m))`` is the n-by-m array of ``body``.

    The body is a scalar expression; its free indices must be among the axes. Indices are renamed to canonical ones.
    """

    def __new__(cls, body: Any, *axes: Any, row: Any = False) -> Any:
        if axes and isinstance(axes[-1], Str):
            row, axes = True, axes[:-1]
        names, sizes = zip(*axes, strict=True) if axes else ((), ())
        sizes = tuple(as_size(size, "array") for size in sizes)
        mapping = {}
        for position, (name, size) in enumerate(zip(names, sizes, strict=True)):
            mapping[name] = Integer(0) if size == 1 else axis_index(position)
        body = substitute(sympy.sympify(body), mapping)
        canonical = [axis_index(position) for position in range(len(sizes))]
        loose = free_indices(body) - set(canonical)
        if loose:
            raise ExpressionError(f"array body {body}: index {sorted(map(str, loose))} is bound by no axis")
        if isinstance(body, Element) and not row and not body.tensor.is_row:
            expected = tuple(Integer(0) if size == 1 else index for index, size in zip(canonical, sizes, strict=True))
            if body.indices == expected and body.tensor.shape == sizes:
                return body.tensor
        limits = [Tuple(index, size) for index, size in zip(canonical, sizes, strict=True)]
        return cls._intern(body, *limits, *([Str("row")] if row else []))

    @property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the body: the sizes of the axes do not count."""
        return symbols_of(self.body)

    @property
    def body(self) -> Expr:
        """The element at the canonical indices."""
        return self.args[0]

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]
        return tuple(limit[1] for limit in self.args[1:] if isinstance(limit, Tuple))

    @cached_property
    def is_row(self) -> bool:  # type: ignore[override]
        return len(self.args) > 1 and isinstance(self.args[-1], Str)

    def at(self, *indices: Any) -> Expr:
        """Return the body with the axes' indices replaced."""
        return substitute(self.body, {axis_index(k): index for k, index in enumerate(indices)})

    def _sympystr(self, printer: Any) -> str:
        axes = ", ".join(f"{limit[0]}<{limit[1]}" for limit in self.args[1:] if isinstance(limit, Tuple))
        return f"{{{printer._print(self.body)} : {axes}}}"


class Named(Tensor):
    """A named intermediate: equal to ``tensor``, printed by ``name`` (or its ``latex``)."""

    def __new__(cls, name: Any, tensor: Tensor, latex: Any = "") -> "Named":
        label = name if isinstance(name, Str) else Str(str(name))
        return cls._intern(label, tensor, latex if isinstance(latex, Str) else Str(latex))

    @property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the definition."""
        return symbols_of(self.definition)

    @property
    def name(self) -> str:
        """The name of the intermediate."""
        return str(self.args[0])

    @property
    def definition(self) -> Tensor:
        """The tensor it stands for."""
        return self.args[1]

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]
        return self.definition.shape

    @property
    def latex_name(self) -> str:
        """The LaTeX given at declaration, or an empty string."""
        return str(self.args[2])

    def _sympystr(self, printer: Any) -> str:
        return self.name


class CompositeOp(Tensor):
    """A named op that is defined by equations: its derivative, kernel and numbers all come from ``definition``.

    A subclass gives ``symbol`` (LaTeX) and ``define()``; ``args`` are tensors and numbers only.
    """

    symbol: ClassVar[str]

    def __new__(cls, *args: Any) -> Any:
        return cls._intern(*(sympy.sympify(argument) for argument in args))

    def define(self) -> Tensor:
        """Return the defining tensor in terms of the operands. Subclasses implement it."""
        raise ExpressionError(f"{type(self).__name__} has no definition")

    @cached_property
    def definition(self) -> Tensor:
        """The tensor it stands for."""
        return self.define()

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]
        return self.definition.shape

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__.lower()}({', '.join(map(printer._print, self.args))})"


class Scalar(Expr):
    """What elements and reductions have in common: real, commutative, printed by symdl."""

    is_commutative = True
    is_real = True

    @property
    def free_symbols(self) -> set[Basic]:
        """The tensors and scalars it depends on; bound indices do not count."""
        return set(symbols_of(self))

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        from symdl.latex import latex_scalar

        text = latex_scalar(self)
        return text if exp is None else rf"\left({text}\right)^{{{exp}}}"

    def _repr_latex_(self) -> str:
        from symdl.latex import latex

        return f"$\\displaystyle {latex(self)}$"


class Element(Scalar):
    """One element of a tensor. Elements of plain rearrangements (transposes, slices) see through them."""

    def __new__(cls, tensor: Tensor, *indices: Any) -> Expr:
        if len(indices) != tensor.order:
            raise ShapeError(f"{tensor}: expected {tensor.order} indices for shape {shape_text(tensor.shape)}, "
                             f"found {len(indices)}")
        found = []
        for index, size in zip(map(sympy.sympify, indices), tensor.shape, strict=True):
            if index.is_integer is False:
                raise ShapeError(f"{tensor}: index {index} is not an integer")
            if size == 1:
                index = Integer(0)
            if index.is_Integer and (index.is_negative or (size - index).is_nonpositive):
                raise ShapeError(f"{tensor}: index {index} is out of range for an axis of size {size} "
                                 "(indices are zero-based)")
            found.append(index)
        if isinstance(tensor, Array) and (isinstance(tensor.body, Element | sympy.KroneckerDelta)
                                          or tensor.body.is_Atom):
            return tensor.at(*found)
        if "symmetric" in tensor.properties:
            found.sort(key=sympy.default_sort_key)
        return Expr.__new__(cls, tensor, *found)

    @property
    def tensor(self) -> Tensor:
        """The tensor this is an element of."""
        return self.args[0]

    @property
    def indices(self) -> tuple[Expr, ...]:
        """Its index expressions."""
        return self.args[1:]

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.tensor.properties & _NONNEGATIVE else None

    def _eval_is_positive(self) -> bool | None:
        return True if "positive" in self.tensor.properties else None

    def _eval_is_integer(self) -> bool | None:
        return True if "integer" in self.tensor.properties else None

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.tensor)}[{', '.join(map(printer._print, self.indices))}]"


_NONNEGATIVE = frozenset({"nonnegative", "positive", "simplex", "one_hot", "probability"})


class Reduce(Scalar):
    """``Reduce(op, body, (k, n), ...)``: the reduction of ``body`` over 0 <= k < n; op in add, mul, max, min."""

    def __new__(cls, op: Any, body: Any, *axes: Any) -> Expr:
        label = op if isinstance(op, Str) else Str(op)
        if label.name not in REDUCTIONS:
            raise ExpressionError(f"unknown reduction {label}; expected one of {', '.join(REDUCTIONS)}")
        body = sympy.sympify(body)
        kept = []
        for name, extent in axes:
            size = plain_size(extent)
            if size == 1:
                body = substitute(body, {name: Integer(0)})
            elif label.name in ("add", "mul") and name not in free_indices(body):
                body = body * size if label.name == "add" else body**size
            elif label.name in ("max", "min") and name not in free_indices(body):
                continue
            else:
                kept.append((name, size))
        if not kept or body.is_zero and label.name == "add":
            return body
        if isinstance(body, Reduce) and body.op == label.name:  # one reduction over all indices
            inner, content = body.open()
            kept, body = [*kept, *inner], content
        level = height(body)
        if len(kept) > 1:
            place = order_of_appearance(body)
            kept.sort(key=lambda axis: place[axis[0]])
        mapping = {name: reduce_index(level + k) for k, (name, _) in enumerate(kept)}
        return Expr.__new__(cls, label, substitute(body, mapping), *(Tuple(mapping[name], size) for name, size in kept))

    @property
    def own_symbols(self) -> frozenset[Basic]:
        """Those of the body: the extents do not count."""
        return symbols_of(self.body)

    @property
    def op(self) -> str:
        """The reduction's name."""
        return self.args[0].name

    @property
    def body(self) -> Expr:
        """What is reduced, in canonical indices."""
        return self.args[1]

    @property
    def axes(self) -> tuple[tuple[Index, Expr], ...]:
        """The bound indices and their extents."""
        return tuple((limit[0], limit[1]) for limit in self.args[2:])

    @property
    def bound_indices(self) -> tuple[Index, ...]:
        """The bound indices."""
        return tuple(limit[0] for limit in self.args[2:])

    def open(self) -> tuple[list[tuple[Index, Expr]], Expr]:
        """Return the axes with fresh indices, and the body in them."""
        mapping = {name: fresh_index() for name in self.bound_indices}
        return [(mapping[name], size) for name, size in self.axes], substitute(self.body, mapping)

    def _eval_is_nonnegative(self) -> bool | None:
        return True if self.body.is_nonnegative else None

    def _eval_is_positive(self) -> bool | None:
        return True if self.body.is_positive and self.op in ("add", "mul", "max", "min") else None

    def _sympystr(self, printer: Any) -> str:
        axes = ", ".join(f"{name}<{size}" for name, size in self.axes)
        return f"{self.op}[{axes}]({printer._print(self.body)})"


def axes_of(shape: Iterable[Expr]) -> list[tuple[Index, Expr]]:
    """Return fresh indices for a shape, with their extents."""
    return [(fresh_index(), size) for size in shape]


def pointwise(function: Callable[..., Expr], *values: Any) -> Any:
    """Apply a scalar function element by element to tensors of one shape and scalars; all scalars give a scalar."""
    tensors = [value for value in values if isinstance(value, Tensor)]
    if not tensors:
        return function(*values)
    axes = axes_of(tensors[0].shape)
    indices = [index for index, _ in axes]
    body = function(*(Element(value, *indices) if isinstance(value, Tensor) else value for value in values))
    return Array(body, *axes, row=tensors[0].is_row)
