r"""Reads printed formulas as a mathematician would and gives their values: an independent check of what is printed.

Juxtaposition binds more tightly than ⊙ and ⊘, and these more tightly than + and -. A column times a row is a matrix, a
row times a column a number; functions apply element by element. Ones and identities carry their size, as in
``\mathbf{1}_{3}``, for which ``sized`` prepares a form.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symdl.expr.scalar import SCALAR_OPS
from symdl.latex import forms
from symdl.latex.algebra import children
from tests.latex.form_values import evaluate
from tests.latex.grammar import Env, Grammar, Value, plain, scalar, tokens
from tests.latex.numbers import Numbers

NAMED = {r"\log": np.log, r"\tanh": np.tanh, r"\sin": np.sin, r"\cos": np.cos, r"\max": np.maximum, r"\min": np.minimum}
SOFTMAX = tokens(r"S_{\mathrm{Softmax}}")
SYMBOLS = {op.symbol: op.reference for op in SCALAR_OPS.values() if re.search("_|operatorname", op.symbol)}
RELATIONS = {"=": np.equal, r"\neq": np.not_equal, "<": np.less, r"\leq": np.less_equal, ">": np.greater,
             r"\geq": np.greater_equal}  # fmt: skip


def sized(form: Any, numbers: Numbers) -> Any:
    """Replace ones and identities by names that tell their size."""
    if isinstance(form, forms.Ones | forms.Identity):
        size = numbers.size(form.shape[0])
        tex = rf"\mathbf{{1}}_{{{size}}}" if isinstance(form, forms.Ones) else f"I_{{{size}}}"
        return forms.Leaf(form.size, tex, None, isinstance(form, forms.Identity))
    if isinstance(form, forms.Unit):
        return forms.Leaf(form.size, rf"\mathbf{{e}}_{{{form.position + 1},{numbers.size(form.shape[0])}}}", None)
    if isinstance(form, tuple):
        return tuple(sized(part, numbers) for part in form)
    if isinstance(form, forms.Form):
        values = {field.name: getattr(form, field.name) for field in dataclasses.fields(form)}
        return dataclasses.replace(form, **{name: sized(value, numbers) for name, value in values.items()})
    return form


def letter_sizes(form: forms.Form, numbers: Numbers) -> dict[str, int] | None:
    """Return the extents of index letters, which a formula does not tell everywhere; None if a letter has two."""
    found: dict[str, int] = {}
    stack = [form]
    while stack:
        item = stack.pop()
        stack += children(item)
        pairs = []
        if isinstance(item, forms.BigOp):
            pairs = [(letter, int(evaluate(size, numbers))) for _, letter, size in item.limits]
        if isinstance(item, forms.Bracket):
            pairs = [(letter, numbers.size(size)) for _, letter, size in item.axes]
        for letter, size in pairs:
            if found.setdefault(letter, size) != size:
                return None
    return found


def diagonal(value: np.ndarray) -> np.ndarray:
    return np.diag(value[:, 0]) if value.shape[1] == 1 else np.diag(value)[:, None]


class Reader(Grammar):
    """Parses one formula; ``names`` gives the values of names by their LaTeX, tensors as arrays of their own order."""

    def __init__(self, tex: str, names: Mapping[str, Any]) -> None:
        super().__init__(tex.replace(r"]\top}", r"]}^{\top}"))
        self.names = names
        self.longest = sorted(((tokens(name), name) for name in [*names, *SYMBOLS]), key=lambda item: -len(item[0]))

    def atom(self) -> Value:
        if self.ahead(SOFTMAX):
            return self.softmax()
        for parts, name in self.longest:
            if self.ahead(parts):
                self.place += len(parts)
                return self.call(SYMBOLS[name]) if name not in self.names else self.name(name)
        token = self.next
        rules: dict[str, Callable[[], Value]] = {
            r"\left": self.delimited, r"\frac": self.fraction, r"\sqrt": self.root, "e": self.exponential,
            r"\mathbf": self.bold, "I": self.bold, r"\operatorname": self.operator,
            r"\delta": self.delta, r"\begin": self.environment, r"\pi": self.constant,
        }  # fmt: skip
        if token in NAMED:
            return self.call(NAMED[self.take()])
        if token in rules:
            return rules[token]()
        if token[0].isdigit():
            number = float(self.take())
            return lambda env: number
        name = self.take()
        if self.next == "_" and self.tokens[self.place + 1] == "{" and name == "i":
            name = f"i_{self.tokens[self.place + 2]}"
            self.place += 4
        return lambda env: env[name]

    def constant(self) -> Value:
        self.take()
        return lambda env: np.pi

    def name(self, name: str) -> Value:
        value = np.asarray(self.names[name])
        if self.next == "_" and value.ndim:
            array = np.squeeze(value)
            if ":" in self.group_tokens():
                matrix = value[:, None] if value.ndim == 1 else value
                return self.part(lambda env: matrix)
            places = self.subscripts()
            return lambda env: array[tuple(int(place(env)) - 1 for place in places)]
        matrix = value[:, None] if value.ndim == 1 else value
        return lambda env: plain(matrix)

    def delimited(self) -> Value:
        opening = self.tokens[self.place + 1]
        if opening == "(":
            return self.inside("(", ")")
        if opening == r"\lVert":
            value = self.inside(r"\lVert", r"\rVert")
            matrix = self.accept("_", "{", "F", "}")

            def norm(env: Env) -> Any:
                inner = value(env)
                assert matrix == (min(inner.shape) > 1)
                return np.linalg.norm(inner)

            return norm
        if opening == "|":
            value = self.inside("|", "|")
            return lambda env: np.abs(value(env))
        if opening == r"\lfloor":
            value = self.inside(r"\lfloor", r"\rfloor")
            return lambda env: np.floor(value(env))
        return self.bracket()

    def bracket(self) -> Value:
        value = self.inside("[", "]")
        self.take("_", "{")
        letters = []
        while not self.accept("}"):
            letters.append(self.letter())
            self.accept(",")

        def array(env: Env) -> Any:
            sizes = [env["sizes"][letter] for letter in letters]
            found = np.empty(sizes)
            for place in np.ndindex(*sizes):
                found[place] = value({**env, **{letter: k + 1 for letter, k in zip(letters, place, strict=True)}})
            return found[:, None] if found.ndim == 1 else found

        return array

    def fraction(self) -> Value:
        self.take(r"\frac")
        top, bottom = self.group(), self.group()

        def value(env: Env) -> Any:
            assert scalar(bottom(env)), "\\frac with a tensor below"
            return top(env) / bottom(env)

        return value

    def root(self) -> Value:
        self.take(r"\sqrt")
        value = self.group()
        return lambda env: np.sqrt(value(env))

    def exponential(self) -> Value:
        self.take("e", "^", "{")
        matrix = self.accept(r"\odot")
        value = self.sum()
        self.take("}")

        def exp(env: Env) -> Any:
            inner = value(env)
            assert matrix == (not scalar(inner) and min(inner.shape) > 1)
            return np.exp(inner)

        return exp

    def bold(self) -> Value:
        if self.accept("I", "_", "{"):
            size = int(self.take())
            self.take("}")
            return lambda env: np.eye(size)
        self.take(r"\mathbf", "{")
        what = self.take()
        self.take("}")
        if what == "1" and self.accept(r"\left", r"\{"):
            condition = self.condition()
            self.take(r"\right", r"\}")
            return lambda env: np.asarray(condition(env), dtype=float)
        if not self.accept("_", "{"):
            return lambda env: 1.0  # fills any shape
        if what == "e":
            position = self.sum()
            self.take(",")
            count = int(self.take())
            self.take("}")
            return lambda env: np.eye(count)[:, [int(position(env)) - 1]]
        size = int(self.take())
        self.take("}")
        return lambda env: np.ones((size, 1))

    def operator(self) -> Value:
        self.take(r"\operatorname", "{")
        name = ""
        while not self.accept("}"):
            name += self.take()
        args = self.arguments()
        function = {"tr": np.trace, "diag": diagonal}[name]
        return lambda env: function(*(arg(env) for arg in args))

    def softmax(self) -> Value:
        self.take(*SOFTMAX)
        across = self.accept(*tokens(r"^{\mathrm{row}}"))
        down = self.accept(*tokens(r"^{\mathrm{col}}"))
        [arg] = self.arguments()

        def value(env: Env) -> Any:
            inner = arg(env)
            top = np.exp(inner)
            if min(inner.shape) == 1 and not across:
                return top / top.sum()
            return top / top.sum(axis=0 if down else 1, keepdims=True)

        return value

    def delta(self) -> Value:
        self.take(r"\delta")
        left, right = self.subscripts()
        return lambda env: float(left(env) == right(env))

    def condition(self) -> Value:
        left = self.sum()
        pairs = []
        while self.next in RELATIONS:  # a chain, as in 1 < i < n, means each of its comparisons
            pairs.append((RELATIONS[self.take()], left, right := self.sum()))
            left = right
        assert pairs

        def found(env: Env) -> Any:
            return np.logical_and.reduce([relation(low(env), high(env)) for relation, low, high in pairs])

        if self.next in (r"\wedge", r"\vee"):
            both = {r"\wedge": np.logical_and, r"\vee": np.logical_or}[self.take()]
            rest = self.condition()
            return lambda env: both(found(env), rest(env))
        return found

    @staticmethod
    def chosen(rows: list[tuple[Value, Value]], otherwise: Value, env: Env) -> Any:
        """Return the first row whose condition holds, element by element; of a scalar, without reading the others."""
        tests = [np.asarray(test(env)) for test, _ in rows]
        if all(test.ndim == 0 for test in tests):
            return next((value for test, (_, value) in zip(tests, rows, strict=True) if test), otherwise)(env)
        found = otherwise(env)
        for test, (_, value) in list(zip(tests, rows, strict=True))[::-1]:
            found = np.where(test, value(env), found)
        return found

    def environment(self) -> Value:
        self.take(r"\begin", "{")
        kind = ""
        while not self.accept("}"):
            kind += self.take()
        rows: list[list[Value]] = [[]]
        conditions: list[Value] = []
        while not self.accept(r"\end"):
            if self.accept(r"\\"):
                rows.append([])
            elif self.accept("&"):
                if self.accept(r"\text", "{", "i", "f", "}"):
                    conditions.append(self.condition())
                elif kind == "cases":
                    self.take(r"\text", "{", *"otherwise", "}")
            else:
                rows[-1].append(self.sum())
        while self.take() != "}":
            pass
        if kind == "cases":
            assert len(conditions) == len(rows) - 1
            return lambda env: self.chosen(
                [(test, row[0]) for test, row in zip(conditions, rows, strict=False)], rows[-1][0], env
            )
        return lambda env: np.array([[entry(env) for entry in row] for row in rows])


def read(tex: str, names: Mapping[str, Any], **env: Any) -> Any:
    """Return the value of a formula."""
    return Reader(tex, names).read(env)
