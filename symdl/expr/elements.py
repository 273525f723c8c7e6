"""Scalars over tensors: elements and reductions. See ``symdl.expr.nodes``."""

from typing import Any, ClassVar

import sympy
from sympy import Basic, Expr, Integer, Tuple
from sympy.core.symbol import Str

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.index import Index, check_free, free_indices, fresh_index, join_quotients, reduce_index, substitute
from symdl.expr.sizes import plain_size, shape_text
from symdl.expr.structure import height, order_of_appearance, symbols_of
from symdl.expr.tensors import Array, Tensor

REDUCTIONS = ("add", "mul", "max", "min")


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

    is_symdl_element: ClassVar[bool] = True

    def __new__(cls, tensor: Tensor, *indices: Any) -> Expr:
        """Return the element, or what it is for a plain rearrangement; ShapeError if an index cannot be one."""
        if len(indices) != tensor.order:
            raise ShapeError(
                f"{tensor}: expected {tensor.order} indices for shape {shape_text(tensor.shape)}, found {len(indices)}"
            )
        found: list[Expr] = []
        for given, size in zip(indices, tensor.shape, strict=True):
            if isinstance(given, Index) and size != 1:
                found.append(given)  # by far the most
                continue
            index = sympy.sympify(given)
            if index.is_integer is False:
                raise ShapeError(f"{tensor}: index {index} is not an integer")
            index = Integer(0) if size == 1 else join_quotients(index)
            fixed = index.is_Integer or not free_indices(index)
            if fixed and (index.is_negative or (size - index).is_nonpositive):
                raise ShapeError(
                    f"{tensor}: index {index} is out of range for an axis of size {size} (indices are zero-based)"
                )
            found.append(index)
        if isinstance(tensor, Array) and (
            isinstance(tensor.body, Element | sympy.KroneckerDelta) or tensor.body.is_Atom
        ):
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


def compares_indices(condition: Basic, bound: frozenset[Index] = frozenset()) -> bool:
    """Tell whether a condition compares indices other than ``bound``, and not only elements: it may guard a read."""
    if isinstance(condition, Element):
        return False
    if isinstance(condition, Index):
        return condition not in bound
    inner = bound.union(getattr(condition, "bound_indices", None) or ())
    return any(compares_indices(part, inner) for part in condition.args)


_NONNEGATIVE = frozenset({"nonnegative", "positive", "simplex", "one_hot", "probability"})


class Reduce(Scalar):
    """``Reduce(op, body, (k, n), ...)``: the reduction of ``body`` over 0 <= k < n; op in add, mul, max, min."""

    def __new__(cls, op: Any, body: Any, *axes: Any) -> Expr:
        """Return the reduction over the axes the body depends on, in canonical indices."""
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
        if not kept or (body == 0 and label.name == "add"):
            return body
        if isinstance(body, Reduce) and body.op == label.name:  # one reduction over all indices
            inner, content = body.open()
            kept, body = [*kept, *inner], content
        level = height(body)
        if len(kept) > 1:
            place = order_of_appearance(body)
            kept.sort(key=lambda axis: place[axis[0]])
        mapping = {name: reduce_index(level + k) for k, (name, _) in enumerate(kept)}
        check_free(body, mapping)
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
