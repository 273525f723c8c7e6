"""Tensors: declared ones, arrays by their elements, named intermediates, composite ops. See ``symdl.expr.nodes``."""

import weakref
from functools import cached_property
from typing import Any, ClassVar

import sympy
from sympy import Basic, Expr, Integer, Tuple
from sympy.core.symbol import Str

from symdl.errors import ExpressionError
from symdl.expr.index import axis_index, free_indices, substitute
from symdl.expr.operators import TensorOperators
from symdl.expr.sizes import as_size
from symdl.expr.structure import fingerprint, symbols_of

_interned: "weakref.WeakValueDictionary[Any, Tensor]" = weakref.WeakValueDictionary()


class Tensor(TensorOperators, Basic):
    """A tensor of any order, symbolic in its sizes. Abstract; see the module's grammar.

    Attributes:
        shape: The sizes of the axes.
        is_row: True for the transpose of a vector, whose shape is (1, n).
        properties: Declared facts such as ``symmetric`` or ``simplex``.
        derivative: For what ``sd.grad``, ``sd.jacobian`` and ``sd.hessian`` return, the orders of what was derived and
            of the variable; so do sums and multiples of these. A copy with this mark equals the tensor without it.
    """

    is_symdl_tensor: ClassVar[bool] = True
    is_commutative = False
    is_row: bool = False
    properties: frozenset[str] = frozenset()
    known_symbols: frozenset[Basic] | None = None
    digest: str | None = None
    derivative: tuple[int, int] | None = None

    @classmethod
    def _intern(cls, *args: Basic) -> Any:
        key = (cls, args)
        found = _interned.get(key)
        if found is None:
            found = Basic.__new__(cls, *args)
            found.known_symbols, found.digest = symbols_of(found), fingerprint(found)  # later walks end here
            _interned[key] = found
        return found

    def marked(self, derivative: tuple[int, int] | None) -> "Tensor":
        """Return a copy that says what it is a derivative of, for its layout in print; with None, without a mark."""
        if derivative is None:
            plain: Tensor = self if self.derivative is None else self._intern(*self.args)
            return plain
        found: Tensor = Basic.__new__(type(self), *self.args)
        found.known_symbols, found.digest, found.derivative = self.known_symbols, self.digest, derivative
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self.derivative is None:
            return super().__reduce_ex__(protocol)
        return Tensor.marked, (self.marked(None), self.derivative)

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
        mine, theirs = self._place, other._place
        return (mine > theirs) - (mine < theirs)

    @cached_property
    def _place(self) -> tuple[int, str, str]:
        return (0, self.name, fingerprint(self)) if hasattr(self, "name") else (1, "", fingerprint(self))

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
        """Return the tensor of that name; ShapeError for a size that is none."""
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
        name: str = self.args[0].name  # str of it would ask SymPy's printer
        return name

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
        return tuple(self.args[1])

    @cached_property
    def properties(self) -> frozenset[str]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The declared facts."""
        return frozenset(fact.name for fact in self.args[2])

    @property
    def latex_name(self) -> str:
        """The LaTeX given at declaration, or an empty string."""
        latex: str = self.args[3].name
        return latex

    def _sympystr(self, printer: Any) -> str:
        return self.name


class Array(Tensor):
    """A tensor given by its elements: ``Array(body, (i, n), (j, m))`` is the n-by-m array of ``body``.

    The body is a scalar expression; its free indices must be among the axes. Indices are renamed to canonical ones.
    """

    def __new__(cls, body: Any, *axes: Any, row: Any = False) -> Any:
        """Return the array in canonical indices, or the tensor itself where the body is its plain element."""
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
        if getattr(body, "is_symdl_element", False) and not row and not body.tensor.is_row:
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
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
        return tuple(limit[1] for limit in self.args[1:] if isinstance(limit, Tuple))

    @cached_property
    def is_row(self) -> bool:  # type: ignore[override]  # because cached_property narrows an attribute
        """Whether it is the transpose of a vector."""
        return len(self.args) > 1 and isinstance(self.args[-1], Str)

    @cached_property
    def properties(self) -> frozenset[str]:  # type: ignore[override]  # because cached_property narrows an attribute
        """What follows from the body: the inverse of a symmetric matrix is symmetric."""
        return getattr(self.body, "facts", frozenset()) if self.order == 2 else frozenset()

    def at(self, *indices: Any) -> Expr:
        """Return the body with the axes' indices replaced."""
        return substitute(self.body, {axis_index(k): index for k, index in enumerate(indices)})

    def _sympystr(self, printer: Any) -> str:
        axes = ", ".join(f"{limit[0]}<{limit[1]}" for limit in self.args[1:] if isinstance(limit, Tuple))
        return f"{{{printer._print(self.body)} : {axes}}}"


class Named(Tensor):
    """A named intermediate: equal to ``tensor``, printed by ``name`` (or its ``latex``)."""

    def __new__(cls, name: Any, tensor: Tensor, latex: Any = "") -> "Named":
        """Return the named tensor."""
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
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
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
        """Return the op applied to operands: tensors and numbers."""
        return cls._intern(*(sympy.sympify(argument) for argument in args))

    def define(self) -> Tensor:
        """Return the defining tensor in terms of the operands. Subclasses implement it."""
        raise ExpressionError(f"{type(self).__name__} has no definition")

    @cached_property
    def definition(self) -> Tensor:
        """The tensor it stands for."""
        return self.define()

    @cached_property
    def shape(self) -> tuple[Expr, ...]:  # type: ignore[override]  # because cached_property narrows an attribute
        """The sizes of the axes."""
        return self.definition.shape

    def _sympystr(self, printer: Any) -> str:
        return f"{type(self).__name__.lower()}({', '.join(map(printer._print, self.args))})"
