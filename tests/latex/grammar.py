"""The grammar of printed formulas: precedence, and what the operators mean for matrices and numbers."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Env = Mapping[str, Any]
Value = Callable[[Env], Any]
TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[0-9]+(\.[0-9]+)?|[a-zA-Z]|\S")


def tokens(tex: str) -> list[str]:
    """Return the tokens of a formula, spacing left out."""
    return [match[0] for match in TOKEN.finditer(tex.replace(r"\;", " ").replace(r"\quad", " "))]


def scalar(value: Any) -> bool:
    return np.ndim(value) == 0


def plain(value: Any) -> Any:
    return np.asarray(value).reshape(()).item() if np.size(value) == 1 and np.ndim(value) == 2 else value


def times(left: Any, right: Any) -> Any:
    if scalar(left) or scalar(right):
        return left * right
    assert left.shape[1] == right.shape[0], (left.shape, right.shape)
    return plain(left @ right)


def plus(left: Any, right: Any) -> Any:
    assert scalar(left) or scalar(right) or left.shape == right.shape, (left.shape, right.shape)
    return left + right


def entrywise(left: Any, right: Any, divide: bool) -> Any:
    assert scalar(left) or scalar(right) or left.shape == right.shape, (left.shape, right.shape)
    return left / right if divide else left * right


class Grammar:
    """Sums, products, powers and subscripts, as closures over the values of index letters. Abstract in its atoms."""

    def __init__(self, tex: str) -> None:
        self.tokens = tokens(tex)
        self.place = 0

    def atom(self) -> Value:
        """Parse what no operator takes apart."""
        raise TypeError("a reader says what its atoms are")

    def read(self, env: Env | None = None) -> Any:
        value = self.parse()
        return value(env or {})

    def parse(self) -> Value:
        value = self.sum()
        assert self.place == len(self.tokens), f"not understood: {' '.join(self.tokens[self.place :])}"
        return value

    @property
    def next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *expected: str) -> str:
        for token in expected:
            assert self.next == token, f"expected {token}, found {' '.join(self.tokens[self.place :][:8])}"
            self.place += 1
        if not expected:
            self.place += 1
        return self.tokens[self.place - 1]

    def accept(self, *tokens: str) -> bool:
        if self.tokens[self.place : self.place + len(tokens)] != list(tokens):
            return False
        self.place += len(tokens)
        return True

    def ahead(self, expected: list[str]) -> bool:
        return self.tokens[self.place : self.place + len(expected)] == expected

    def sum(self) -> Value:
        sign = -1 if self.accept("-") else 1
        terms = [(sign, self.hadamard())]
        while self.next in ("+", "-"):
            terms.append((1 if self.take() == "+" else -1, self.hadamard()))

        def value(env: Env) -> Any:
            total = terms[0][0] * terms[0][1](env)
            for sign, term in terms[1:]:
                total = plus(total, sign * term(env))
            return total

        return value

    def hadamard(self) -> Value:
        parts: list[tuple[str, Value]] = [("", self.product())]
        while self.next in (r"\odot", r"\oslash", r"\otimes", r"\bmod"):
            parts.append((self.take(), self.product()))

        def value(env: Env) -> Any:
            total = parts[0][1](env)
            for sign, part in parts[1:]:
                other = part(env)
                if sign == r"\otimes":
                    total = np.kron(total, other)
                elif sign == r"\bmod":
                    total = total % other
                else:
                    total = entrywise(total, other, sign == r"\oslash")
            return total

        return value

    STOP = (
        "", "+", "-", r"\odot", r"\oslash", r"\otimes", r"\right", "}", "&", r"\\", ",", "=", "<", ">", ":", r"\leq",
        r"\geq", r"\neq", r"\wedge", r"\vee", r"\end", r"\bmod",
    )  # fmt: skip

    def product(self) -> Value:
        parts = []
        while self.next not in self.STOP:
            if self.accept(r"\cdot"):
                continue
            big = self.next in (r"\sum", r"\prod", r"\max", r"\min") and self.tokens[self.place + 1] == "_"
            parts.append(self.big() if big else self.postfix())
        assert parts, f"nothing before {' '.join(self.tokens[self.place :][:8])}"

        def value(env: Env) -> Any:
            total = parts[0](env)
            for part in parts[1:]:
                total = times(total, part(env))
            return total

        return value

    def big(self) -> Value:
        sign = self.take()
        self.take("_", "{")
        letters = [self.letter()]
        count: list[Value] = []
        if self.accept("="):
            self.take("1", "}", "^", "{")
            count = [self.sum()]
            self.take("}")
        else:
            while self.accept(","):
                letters.append(self.letter())
            self.take("}")
        body = self.product()
        combine = {r"\sum": np.sum, r"\prod": np.prod, r"\max": np.max, r"\min": np.min}[sign]

        def value(env: Env) -> Any:
            sizes = [int(item(env)) for item in count] or [env["sizes"][letter] for letter in letters]
            grid = np.ndindex(*sizes)
            return combine([body({**env, **dict(zip(letters, [k + 1 for k in place], strict=True))}) for place in grid])

        return value

    def letter(self) -> str:
        found = self.take()
        while self.next in ("_",):
            self.take("_", "{")
            found += "_" + self.take()
            self.take("}")
        return found

    def group(self) -> Value:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def postfix(self) -> Value:
        value = self.atom()
        while True:
            if self.accept("^", "{", r"\top", "}"):
                value = (lambda inner: lambda env: inner(env) if scalar(inner(env)) else inner(env).T)(value)
            elif self.next == "^":
                value = self.raised(value)
            elif self.next == "_" and self.tokens[self.place + 1] == "{":
                value = self.element(value)
            else:
                return value

    def raised(self, base: Value) -> Value:
        self.take("^", "{")
        entrywise_power = self.accept(r"\odot")
        exponent = self.sum()
        self.take("}")

        def value(env: Env) -> Any:
            inner = base(env)
            if not entrywise_power and not scalar(inner):
                assert exponent(env) == -1, "a power of a tensor needs \\odot"
                return np.linalg.inv(inner)
            return np.power(inner, exponent(env))

        return value

    def element(self, base: Value) -> Value:
        if ":" in self.group_tokens():
            return self.part(base)
        places = self.subscripts()

        def value(env: Env) -> Any:
            array = np.squeeze(base(env))
            return array[tuple(int(place(env)) - 1 for place in places)]

        return value

    def group_tokens(self) -> list[str]:
        """Return the tokens of the subscript ahead."""
        depth, place = 1, self.place + 2
        while depth:
            depth += (self.tokens[place] == "{") - (self.tokens[place] == "}")
            place += 1
        return self.tokens[self.place + 2 : place - 1]

    def part(self, base: Value) -> Value:
        """Parse ``_{2:n,:}``, both ends included."""
        self.take("_", "{")
        parts: list[tuple[Value | None, Value | None]] = []
        while True:
            first = None if self.next == ":" else self.sum()
            last = (None if self.next in (",", "}") else self.sum()) if self.accept(":") else first
            parts.append((first, last))
            if not self.accept(","):
                break
        self.take("}")

        def found(env: Env) -> Any:
            array = base(env)
            for place, (first, last) in enumerate(parts):
                axis = place if 1 not in array.shape else int(array.shape[0] == 1)
                start = 0 if first is None else int(first(env)) - 1
                array = np.take(array, range(start, array.shape[axis] if last is None else int(last(env))), axis)
            return plain(array)

        return found

    def subscripts(self) -> list[Value]:
        self.take("_", "{")
        start, depth = self.place, 1
        while depth:
            depth += (self.next == "{") - (self.next == "}")
            self.place += 1
        inside, after = self.tokens[start : self.place - 1], self.place
        self.place = start
        places = []
        if all(len(token) == 1 and token.isalpha() for token in inside):
            for token in inside:
                places.append((lambda name: lambda env: env[name])(token))
            self.place = after
            return places
        places.append(self.sum())
        while self.accept(","):
            places.append(self.sum())
        self.take("}")
        return places

    def inside(self, opening: str, closing: str) -> Value:
        self.take(r"\left", opening)
        value = self.sum()
        self.take(r"\right", closing)
        return value

    def arguments(self) -> list[Value]:
        self.take(r"\left", "(")
        values = [self.sum()]
        while self.accept(","):
            values.append(self.sum())
        self.take(r"\right", ")")
        return values

    def call(self, function: Callable[..., Any]) -> Value:
        exponent = None
        if self.next == "^":
            self.take("^")
            exponent = self.group()
        args = self.arguments()

        def value(env: Env) -> Any:
            inner = function(*(arg(env) for arg in args))
            return inner if exponent is None else np.power(inner, exponent(env))

        return value
