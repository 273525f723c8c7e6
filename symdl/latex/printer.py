"""``latex``: what a textbook would print.

Matrix notation is a view of the index form (``symdl.latex.view``); index notation writes the elements, one-based as in
the book (``symdl.latex.elements``). Functions of vectors and matrices apply element by element.
"""

from typing import Any

import sympy
from sympy import Expr, Integer

from symdl.errors import ExpressionError
from symdl.expr.index import Index, axis_index, free_indices
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Array, Element, Named, Tensor, TensorSymbol, axes_of
from symdl.expr.system import Equation, System
from symdl.latex.algebra import transpose
from symdl.latex.centred import centred
from symdl.latex.elements import ElementView, leaf, letters_for
from symdl.latex.forms import Bracket, Form
from symdl.latex.kronecker import SPLITS, kronecker_products
from symdl.latex.loops import recurrences_in
from symdl.latex.names import refuse_one_name_for_two, refuse_two_deltas, used_names
from symdl.latex.over_time import over_time
from symdl.latex.pieces import without_implied_guards
from symdl.latex.shared_factors import with_shared_factors, without_ones
from symdl.latex.stopped import without_weights
from symdl.latex.view import scalar_form, tensor_form
from symdl.latex.write import text

NOTATIONS = ("matrix", "index")
LAYOUTS = ("book", "numerator", "denominator")
# Which derivatives a layout transposes, by the orders of what is derived and of the variable.
_TURNED = {"numerator": ((0, 1), (0, 2)), "denominator": ((1, 0), (1, 1), (2, 0))}


def latex(expr: Any, notation: str = "matrix", layout: str = "book") -> str:
    r"""Return the LaTeX of an expression, without dollar signs.

    Args:
        expr: A tensor, scalar expression or SymPy matrix expression; an ``Equation`` or ``System``; a tuple or list of
            these (nested tuples, as from a Hessian in several variables, print as a matrix).
        notation: ``"matrix"``: transposes, ⊙, diag, norms, with elements in brackets only where nothing else exists;
            ``"index"``: elements and sums, with indices from 1 on.
        layout: How derivatives are arranged; for what ``sd.grad``, ``sd.jacobian`` and ``sd.hessian`` return, and for
            sums and multiples of these, which remember what they are derivatives of. ``"book"``: as they are stored,
            a gradient in the shape of its variable, a Jacobian with the rows of what is derived. ``"numerator"``: the
            rows of what is derived first, so that the gradient by a vector is a row and that by a matrix has its
            transposed shape.
            ``"denominator"``: the rows of the variable first, so that a Jacobian is transposed, and the derivative of a
            vector by a scalar is a row. Both say so behind the formula; the array itself is the same. Other
            expressions and derivatives of three axes or more print as they are.

    Raises:
        ExpressionError: for an unknown notation or layout, or something that is no expression.
        NameConflictError: if two different intermediates would print alike, or a tensor as Kronecker's delta does.
    """
    for value, known, what in ((notation, NOTATIONS, "notation"), (layout, LAYOUTS, "layout")):
        if value not in known:
            raise ExpressionError(f"latex: unknown {what} {value!r}; expected one of {', '.join(known)}")
    if isinstance(expr, System):
        return _system(expr, notation)
    if isinstance(expr, Equation):
        return _equation(expr.target, expr.body, notation)
    if isinstance(expr, tuple | list | sympy.Tuple):
        return _several(list(expr), notation, layout)
    if isinstance(expr, sympy.Equality):
        return f"{latex(expr.lhs, notation, layout)} = {latex(expr.rhs, notation, layout)}"
    value = _readable(expr)
    refuse_one_name_for_two(value)
    if notation == "matrix" and not isinstance(value, Named | TensorSymbol) and recurrences_in(value):
        return over_time(value)
    derivative = getattr(expr, "derivative", None)
    turned = turns(layout, derivative)
    if notation == "index":
        content = text(index_form(value.T if turned else value)[0])
    elif isinstance(value, Tensor):
        content = text(transpose(tensor_form(value))) if turned else _tensor(value)
    else:
        content = latex_scalar(value)
    refuse_two_deltas(value, content)
    return content + layout_note(layout, derivative)


def turns(layout: str, derivative: tuple[int, int] | None) -> bool:
    """Tell whether a layout transposes a derivative of these orders, of what is derived and of the variable."""
    return derivative in _TURNED.get(layout, ())


def layout_note(layout: str, derivative: tuple[int, int] | None) -> str:
    """Return what stands behind a derivative of these orders: its layout, unless it is the book's."""
    if layout == "book" or derivative is None or sum(derivative) > 2:
        return ""
    return rf"\quad\text{{({layout} layout)}}"


def matrix_form(expr: Any) -> Form:
    """Return the matrix form of a tensor or a closed scalar expression."""
    value = _readable(expr)
    return tensor_form(value) if isinstance(value, Tensor) else scalar_form(value)


def index_form(expr: Any) -> tuple[Form, list[str]]:
    """Return index notation, and the letters of the free indices: i, j, k, ... in the order of the axes."""
    value = _readable(expr)
    used = used_names(value)
    if isinstance(value, Tensor):
        places = [axis_index(position) if size != 1 else Integer(0) for position, size in enumerate(value.shape)]
        indices = [place for place in places if isinstance(place, Index)]
        body = value.body if isinstance(value, Array) else Element(value, *places)
        used |= {symbol.name for size in value.shape for symbol in size.free_symbols}
    else:
        indices, body, places = sorted(free_indices(value), key=lambda index: index.name), value, []
    letters = letters_for(indices, used)
    sizes = {index: value.shape[position] for position, index in enumerate(places) if index in letters}
    return ElementView(letters, used, sizes).form(without_implied_guards(body, sizes)), list(letters.values())


def _readable(expr: Any) -> Any:
    """Return an expression as a tensor or scalar; a tensor by deviations from a mean, without weights of one."""
    value = ingest(expr)
    if not isinstance(value, Array):
        return value
    body = with_shared_factors(without_ones(centred(without_weights(value.body))))
    return value if body is value.body else Array(body, *axes_of(value.shape))


def latex_scalar(expr: Any) -> str:
    """Return the LaTeX of a scalar expression: matrix notation if it is closed, index notation if indices are free."""
    return text(index_form(expr)[0] if free_indices(expr) else matrix_form(expr))


def _tensor(value: Tensor) -> str:
    form = tensor_form(value)
    if value.order in SPLITS and isinstance(value, Array) and not isinstance(form, Bracket):
        sizes = {axis_index(position): size for position, size in enumerate(value.shape)}
        found = kronecker_products(value.body, sizes)
        if found is not None and found[0] == form:
            return rf"\left({text(form)}\right)_{{{found[1]}}}"
    return text(form)


def _equation(target: TensorSymbol, body: Expr, notation: str) -> str:
    tensor = Array(body, *((axis_index(position), size) for position, size in enumerate(target.shape)))
    value = tensor.body if target.order == 0 and isinstance(tensor, Array) else tensor
    left = text(leaf(target) if notation == "matrix" else index_form(target)[0])
    return f"{left} = {latex(value, notation)}"


def _system(system: System, notation: str) -> str:
    """Return the named equations and the outputs, aligned; what has no name is written where it is used."""
    rows = []
    for equation in system.equations:
        if equation.named:
            rows.append(_equation(equation.target, system.over_tensors(equation.body), notation))
    for output in system.outputs:
        found = system.by_target.get(output)
        if found is not None and not found.named:
            rows.append(" = " + latex(_value(system.tensor(output)), notation))
    aligned = [row.replace(" = ", " &= ", 1).strip() for row in rows]
    return r"\begin{aligned} " + r" \\ ".join(aligned) + r" \end{aligned}"


def _value(tensor: Tensor) -> Any:
    return tensor.body if isinstance(tensor, Array) and tensor.order == 0 else tensor


def _several(items: list[Any], notation: str, layout: str) -> str:
    if items and all(isinstance(item, tuple | list) and len(item) == len(items[0]) for item in items):
        rows = r" \\ ".join(" & ".join(latex(entry, notation, layout) for entry in item) for item in items)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    inside = r",\; ".join(latex(item, notation, layout) for item in items)
    return rf"\left({inside}\right)"
