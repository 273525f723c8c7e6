"""From SymPy bodies to the Program's scalars: op names go, primitives in stable form remain."""

from typing import Any

import sympy
from sympy import Add, Basic, Expr, KroneckerDelta, Mul, Pow, Symbol

from symdl.errors import ExpressionError
from symdl.expr.index import Index
from symdl.expr.nodes import Element
from symdl.expr.random import Uniform
from symdl.expr.scalar import ScalarOp
from symdl.freeze.draws import uniform
from symdl_codegen import program as pg

_RELATIONS = {sympy.Lt: ("lt", False), sympy.Le: ("le", False), sympy.Gt: ("lt", True), sympy.Ge: ("le", True)}


class Converter:
    """Converts bodies of one system. ``sizes`` are the symbols that are sizes, ``tensors`` the declared tensors."""

    def __init__(self, sizes: set[Symbol], kinds: dict[str, str]) -> None:
        self.sizes, self.kinds = sizes, kinds
        self.memo: dict[tuple[Basic, str], pg.Scalar] = {}

    def extent(self, size: Expr) -> pg.Scalar:
        """Return an extent or an index as an integer scalar."""
        return self.scalar(size, "int")

    def scalar(self, expr: Basic, kind: str = "real") -> pg.Scalar:
        """Return ``expr`` as a scalar of the kind asked for (real, int or bool)."""
        key = (expr, kind)
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = self._boolean(expr) if kind == "bool" else self._number(expr, kind)
        return found

    def _number(self, expr: Basic, kind: str) -> pg.Scalar:
        if expr.is_Number:
            return pg.Const(int(expr)) if kind == "int" else self._constant(expr)
        if isinstance(expr, sympy.NumberSymbol):
            return pg.Const(float(expr))
        if isinstance(expr, Element):
            return self._load(expr, kind)
        if isinstance(expr, Index):
            return self._as(pg.Index(expr.name), kind)
        if isinstance(expr, Symbol):
            if expr in self.sizes:
                return self._as(pg.Size(expr.name), kind)
            return self._read(expr.name, (), kind)
        if isinstance(expr, Add | Mul | Pow):
            return {Add: self._sum, Mul: self._product, Pow: self._power}[expr.func](expr, kind)
        if isinstance(expr, KroneckerDelta):
            left, right = (self.scalar(argument, "int") for argument in expr.args)
            one, zero = (pg.Const(1), pg.Const(0)) if kind == "int" else (pg.Const(1.0), pg.Const(0.0))
            return _apply("where", _apply("eq", left, right), one, zero)
        if isinstance(expr, sympy.floor | sympy.Mod | sympy.ceiling | sympy.Min | sympy.Max):
            return self._integer_function(expr, kind)
        if isinstance(expr, Uniform):
            return uniform([self.scalar(argument, "int") for argument in expr.args])
        if isinstance(expr, ScalarOp):
            return self._op(expr, kind)
        raise ExpressionError(f"no kernel form is known for {type(expr).__name__} in {expr}")

    def _constant(self, number: Expr) -> pg.Scalar:
        return pg.Const(float(number))

    @staticmethod
    def _as(scalar: pg.Scalar, kind: str) -> pg.Scalar:
        return scalar if kind == "int" else _apply("real", scalar)

    def _load(self, element: Element, kind: str) -> pg.Scalar:
        return self._read(element.tensor.name, tuple(self.scalar(index, "int") for index in element.indices), kind)

    def _read(self, name: str, places: tuple[pg.Scalar, ...], kind: str) -> pg.Scalar:
        whole = self.kinds.get(name) == "int"
        if kind == "int" and not whole:
            raise _no_place(f"{name}, which is real" if name in self.kinds else "a computed value")
        return _apply("real", pg.Load(name, places)) if whole and kind == "real" else pg.Load(name, places)

    def _sum(self, expr: Add, kind: str) -> pg.Scalar:
        return _apply("add", *(self.scalar(term, kind) for term in _positive_first(expr)))

    def _product(self, expr: Mul, kind: str) -> pg.Scalar:
        top: list[Any] = []
        bottom: list[Any] = []
        sign = False
        for factor in expr.args:
            if factor == -1:
                sign = True
            elif isinstance(factor, Pow) and factor.exp.is_number and factor.exp.is_negative:
                bottom.append(Pow(factor.base, -factor.exp))
            elif isinstance(factor, sympy.Rational) and factor.q != 1 and factor.p in (1, -1):
                sign = sign != (factor.p == -1)
                bottom.append(sympy.Integer(factor.q))
            else:
                top.append(factor)
        if kind == "int" and bottom:
            return _apply("floordiv", self._join(top, kind), self._join(bottom, kind))
        result = self._join(top, kind)
        if bottom:
            result = _apply("div", result, self._join(bottom, kind))
        return _apply("neg", result) if sign else result

    def _join(self, factors: list[Expr], kind: str) -> pg.Scalar:
        parts = [self.scalar(factor, kind) for factor in factors]
        if not parts:
            return pg.Const(1) if kind == "int" else pg.Const(1.0)
        return parts[0] if len(parts) == 1 else _apply("mul", *parts)

    def _power(self, expr: Pow, kind: str) -> pg.Scalar:
        base, exponent = expr.base, expr.exp
        if exponent.is_Integer and 2 <= exponent <= 4:
            part = self.scalar(base, kind)
            square = _apply("mul", part, part)
            if exponent == 2:
                return square
            return _apply("mul", square, part) if exponent == 3 else _apply("mul", square, square)
        if kind == "int":
            raise ExpressionError(f"no integer kernel form is known for {expr}")
        if exponent.is_number and exponent.is_negative:
            return _apply("div", pg.Const(1.0), self.scalar(Pow(base, -exponent)))
        if exponent == sympy.Rational(1, 2):
            return _apply("sqrt", self.scalar(base))
        if exponent == sympy.Rational(3, 2):
            root = self.scalar(base)
            return _apply("mul", root, _apply("sqrt", root))
        return _apply("pow", self.scalar(base), self.scalar(exponent))

    def _integer_function(self, expr: Expr, kind: str) -> pg.Scalar:
        if isinstance(expr, sympy.Mod):
            result = _apply("mod", *(self.scalar(argument, "int") for argument in expr.args))
        elif isinstance(expr, sympy.Min | sympy.Max):
            name = "min" if isinstance(expr, sympy.Min) else "max"
            result = _apply(name, *(self.scalar(argument, "int") for argument in expr.args))
        else:
            top, bottom = sympy.fraction(sympy.together(expr.args[0]))
            if isinstance(expr, sympy.ceiling):
                top = top + bottom - 1
            result = _apply("floordiv", self.scalar(sympy.expand(top), "int"), self.scalar(bottom, "int"))
        return self._as(result, kind)

    def _op(self, expr: ScalarOp, kind: str) -> pg.Scalar:
        if expr.primitive_name == "where":
            condition, left, right = expr.args
            return _apply("where", self.scalar(condition, "bool"), self.scalar(left, kind), self.scalar(right, kind))
        if expr.primitive_name:
            inner = kind if expr.primitive_name in ("max", "min", "abs") else "real"
            if inner != kind:
                raise _no_place(f"{expr}, which is computed")
            return _apply(expr.primitive_name, *(self.scalar(argument, inner) for argument in expr.args))
        form = expr.kernel()
        if form == expr:
            raise ExpressionError(f"op {expr.name} has neither a primitive nor a kernel form")
        return self.scalar(form, kind)

    def _boolean(self, expr: Basic) -> pg.Scalar:
        if expr in (sympy.true, sympy.false):
            return pg.Const(bool(expr))
        if isinstance(expr, sympy.And | sympy.Or):
            name = "and" if isinstance(expr, sympy.And) else "or"
            return _apply(name, *(self.scalar(argument, "bool") for argument in expr.args))
        if isinstance(expr, sympy.Not):
            return _apply("not", self.scalar(expr.args[0], "bool"))
        if isinstance(expr, sympy.Rel):
            kind = "int" if all(map(self._is_integer, expr.args)) else "real"
            left, right = (self.scalar(argument, kind) for argument in expr.args)
            if isinstance(expr, sympy.Eq | sympy.Ne):
                same = _apply("eq", left, right)
                return same if isinstance(expr, sympy.Eq) else _apply("not", same)
            name, swapped = _RELATIONS[expr.func]
            return _apply(name, right, left) if swapped else _apply(name, left, right)
        raise ExpressionError(f"no kernel form is known for the condition {expr}")

    def _is_integer(self, expr: Basic) -> bool:
        if isinstance(expr, Element):
            return self.kinds.get(expr.tensor.name) == "int"
        if isinstance(expr, Index | sympy.Integer):
            return True
        if isinstance(expr, Symbol):
            return expr in self.sizes or self.kinds.get(expr.name) == "int"
        if isinstance(expr, Pow):
            return False
        return isinstance(expr, Add | Mul | sympy.floor | sympy.ceiling | sympy.Mod | sympy.Min | sympy.Max) and all(
            map(self._is_integer, expr.args)
        )


def _no_place(found: str) -> ExpressionError:
    return ExpressionError(
        f"a place in a tensor, or what is compared with one, is {found}; expected a tensor declared integer=True. "
        "Compile what computes the places by itself and give the result as an integer input"
    )


def _apply(primitive: str, *arguments: pg.Scalar) -> pg.Scalar:
    return pg.Apply(primitive, arguments)


def _positive_first(expr: Add) -> list[Expr]:
    """Return the terms in the order of addition: entries before functions of them.

    In log-softmax, (x - m) - log S, it is the difference of two entries that must come first.
    """
    return sorted(expr.args, key=lambda term: (term.has(ScalarOp), term.could_extract_minus_sign()))
