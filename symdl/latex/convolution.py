r"""Windows that slide: a sum over the taps of a kernel as a correlation, with the convention in its name.

    corr(A, B)_u = Σ_k A_k B_{s u + d k - p}      cross-correlation: the kernel as it is; book's primer (48)
    A ⋆ B        = corr(rot A, B)                 convolution: the kernel turned by 180°; book figure 6.3

B counts as zero outside; indices start at 0 here. Stride s, dilation d and padding p stand below the name unless they
are 1, 1 and 0; ``full`` is the padding d(K - 1); ↑_s B is B with s - 1 zeros between its entries. How many entries the
result has is known from its shape.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy import And, Expr, Integer, Mod, Mul

from symdl.expr.index import Index, free_indices
from symdl.expr.nodes import Element, Reduce, TensorSymbol
from symdl.expr.scalar import SCALAR_OPS
from symdl.latex.algebra import scale
from symdl.latex.elements import ElementView, is_named, leaf, letters_for, size_form
from symdl.latex.forms import At, BigOp, Bracket, Form, Shaped
from symdl.latex.names import used_names
from symdl.latex.write import ATOM, PRODUCT, parenthesised, text, typeset, within

ONES = "§ones"
Sizes = Mapping[Index, Expr]


@dataclass(frozen=True)
class Windowed(Shaped):
    """A correlation or convolution of ``operand`` with ``kernel``; one window for each axis that it slides along."""

    kernel: Form
    operand: Form
    windows: tuple["Window", ...]


@dataclass(frozen=True)
class Window:
    """What happens along one axis.

    Attributes:
        stride: s.
        dilation: d.
        padding: p.
        spread: m, where the operand has m - 1 zeros between its entries.
        turned: Whether the kernel is read backwards.
        taps: K, the kernel's size.
    """

    stride: Expr
    dilation: Expr
    padding: Expr
    spread: Expr
    turned: bool
    taps: Expr

    @property
    def full(self) -> bool:
        """Whether every position at which kernel and operand meet belongs to the result."""
        return sympy.expand(self.padding - self.dilation * (self.taps - 1)) == 0 and self.padding != 0


def windowed(body: Expr, sizes: Sizes) -> Form | None:
    """Return a body over the indices of ``sizes`` as a correlation for each channel, or None if it is none."""
    coefficient, body = body.as_coeff_Mul()
    if not (isinstance(body, Reduce) and body.op == "add"):
        return None
    axes, content = body.open()
    factors, guards = _factors(content)
    loads = [factor for factor in factors if isinstance(factor, Element) and is_named(factor.tensor)]
    constant = Mul(coefficient, *(factor for factor in factors if factor not in loads))
    if len(loads) == 1 and guards:
        loads.append(_ones(axes))
    if len(loads) != 2 or not constant.is_number:
        return None
    for kernel, operand in (loads, loads[::-1]):
        found = _Reading(kernel, operand, dict(axes), dict(sizes), guards).form(body)
        if found is not None:
            return scale(constant, [found]) if constant != 1 else found
    return None


def _ones(axes: list[tuple[Index, Expr]]) -> Element:
    """Return an element of a kernel of ones: what a sum over taps without weights is the correlation with."""
    name = r"\mathbf{1}_{" + r" \times ".join(text(size_form(size)) for _, size in axes) + "}"
    return Element(TensorSymbol(ONES, [size for _, size in axes], latex=name), *(index for index, _ in axes))


def _factors(content: Expr) -> tuple[list[Expr], list[Expr]]:
    """Return the factors of a product under conditions, and the conditions."""
    where = SCALAR_OPS["where"]
    factors: list[Expr] = []
    guards: list[Expr] = []
    for factor in Mul.make_args(content):
        if isinstance(factor, where) and factor.args[2] == 0:
            inner, more = _factors(factor.args[1])
            factors += inner
            guards += [*And.make_args(factor.args[0]), *more]
        else:
            factors.append(factor)
    return factors, guards


class _Reading:
    """Reads a sum as a correlation of one factor with the other."""

    def __init__(self, kernel: Element, operand: Element, bound: Sizes, outer: Sizes, guards: list[Expr]) -> None:
        self.kernel, self.operand, self.bound, self.outer, self.guards = kernel, operand, bound, outer, list(guards)
        self.allowed: list[Expr] = []

    def form(self, body: Expr) -> Form | None:
        """Return the correlation, or None."""
        count = 0
        for place in reversed(self.operand.indices):
            free = free_indices(place)
            if len(free & set(self.bound)) != 1 or len(free & set(self.outer)) != 1:
                break
            count += 1
        places = list(self.outer)
        if not count or min(len(places), len(self.kernel.indices)) < count:
            return None
        own = places[-count:]
        windows = [
            self.window(tap, size, place, length, index)
            for tap, size, place, length, index in zip(
                self.kernel.indices[-count:],
                self.kernel.tensor.shape[-count:],
                self.operand.indices[-count:],
                self.operand.tensor.shape[-count:],
                own,
                strict=True,
            )
        ]
        found = tuple(window for window in windows if window is not None)
        heads = [*self.kernel.indices[:-count], *self.operand.indices[:-count]]
        taps = set().union(*(free_indices(tap) for tap in self.kernel.indices[-count:]))
        if len(found) < count or any(free_indices(head) & {*own, *taps} for head in heads):
            return None
        if any(guard not in self.allowed for guard in map(_gap, self.guards)):
            return None
        return self.channels(body, found, count, [index for index in self.bound if index not in taps])

    def window(self, tap: Expr, taps: Expr, place: Expr, length: Expr, own: Index) -> Window | None:
        """Return what happens along one axis; None if it is no window."""
        spread: Expr = Integer(1)
        if isinstance(place, sympy.floor):
            self.allowed += [place, sympy.expand(length - 1 - place)]
            place, spread = sympy.fraction(sympy.together(place.args[0]))
            exact = [guard for guard in self.guards if _divides(guard, sympy.expand(place), spread)]
            if not exact:
                return None
            self.guards = [guard for guard in self.guards if guard not in exact]
        place = sympy.expand(place)
        [index] = free_indices(place) & set(self.bound)
        stride, dilation = place.coeff(own), place.coeff(index)
        start = sympy.expand(place - stride * own - dilation * index)
        turned = sympy.expand(tap - (taps - 1 - index)) == 0
        if not (turned or tap == index) or self.bound[index] != taps or free_indices(start):
            return None
        self.allowed += [place, *_ends(place, length, spread)]
        if self.kernel.tensor.name == ONES:
            turned = dilation.is_negative
        if dilation.is_negative:  # k becomes K - 1 - k
            turned, dilation = not turned, -dilation
            start = sympy.expand(start - dilation * (taps - 1))
        if start.is_positive:  # a window that skips the first entries has no padding that says so
            return None
        if not (stride.is_Integer and dilation.is_Integer and stride > 0 and dilation > 0):
            return None
        return Window(stride, dilation, -start, spread, turned, taps)

    def channels(self, body: Expr, windows: tuple[Window, ...], count: int, summed: list[Index]) -> Form:
        """Return the sum over channels, in brackets with the channels of the result."""
        heads, own = list(self.outer)[:-count], list(self.outer)[-count:]
        used = used_names(body) | {symbol.name for size in self.outer.values() for symbol in size.free_symbols}
        letters = letters_for([*heads, *summed], used)
        view = ElementView(letters, used)

        def part(load: Element) -> Form:
            places = [
                place
                for place, size in zip(load.indices[:-count], load.tensor.shape[:-count], strict=True)
                if size != 1
            ]
            base = leaf(load.tensor)
            return At(base, tuple(places), tuple(map(view.place, places))) if places else base

        shape = (*(self.outer[index] for index in own), Integer(1))[:2]
        form: Form = Windowed((shape[0], shape[1]), part(self.kernel), part(self.operand), windows)
        if summed:
            limits = tuple((index, letters[index], size_form(self.bound[index])) for index in summed)
            form = BigOp("add", limits, form)
        if heads:
            size = (*(self.outer[index] for index in heads), Integer(1))
            axes = tuple((index, letters[index], self.outer[index]) for index in heads if self.outer[index] != 1)
            form = Bracket((size[0], size[1]), form, axes) if axes else form
        return form


def _gap(guard: Expr) -> Expr | None:
    """Return what a comparison of integers says is at least 0."""
    if isinstance(guard, sympy.Lt | sympy.Gt | sympy.Le | sympy.Ge):
        small, large = guard.args if isinstance(guard, sympy.Lt | sympy.Le) else guard.args[::-1]
        return sympy.expand(large - small - (1 if isinstance(guard, sympy.Lt | sympy.Gt) else 0))
    return None


def _divides(guard: Expr, place: Expr, divisor: Expr) -> bool:
    if not (isinstance(guard, sympy.Eq) and guard.args[1] == 0 and isinstance(guard.args[0], Mod)):
        return False
    value, size = guard.args[0].args
    return bool(size == divisor and Mod(sympy.expand(value - place), divisor) == 0)


def _ends(place: Expr, length: Expr, spread: Expr) -> list[Expr]:
    """Return the ways to say that a place lies before the end, as what is at least 0."""
    found = [sympy.expand(spread * length - 1 - place), sympy.expand(spread * (length - 1) - place)]
    for step in length.atoms(sympy.floor):
        found.append(sympy.expand(spread * (length - step + step.args[0] - 1) - place))
    return found


@typeset.register
def _(form: Windowed) -> tuple[str, int]:
    windows = form.windows
    kernel, operand = form.kernel, within(form.operand, ATOM)
    if any(window.spread != 1 for window in windows):
        operand = rf"\mathord{{\uparrow}}_{{{_each([window.spread for window in windows])}}} {operand}"
    mark = _mark(windows)
    if all(window.turned and window.spread == 1 for window in windows) and not mark:
        return rf"{within(kernel, ATOM)} \star {operand}", PRODUCT
    turned = [window.turned for window in windows]
    first = text(kernel)
    if all(turned):
        first = (r"\operatorname{rot}_{180} " if len(windows) == 2 else r"\operatorname{flip} ") + first
    elif any(turned):
        axes = ", ".join(str(position + 1) for position, flipped in enumerate(turned) if flipped)
        first = rf"\operatorname{{flip}}_{{{axes}}} {first}"
    return rf"\operatorname{{corr}}{mark}{parenthesised(f'{first}, {operand}')}", ATOM


def _full(windows: tuple[Window, ...]) -> bool:
    return all(window.full for window in windows)


def _mark(windows: tuple[Window, ...]) -> str:
    parts = []
    for name, values, plain in (
        ("s", [window.stride for window in windows], 1),
        ("d", [window.dilation for window in windows], 1),
    ):
        if any(value != plain for value in values):
            parts.append(f"{name}={_each(values)}")
    if _full(windows):
        parts.append(r"\mathrm{full}")
    elif any(window.padding != 0 for window in windows):
        parts.append(f"p={_each([window.padding for window in windows])}")
    joined = r",\,".join(parts)
    return f"_{{{joined}}}" if parts else ""


def _each(values: list[Expr]) -> str:
    texts = [text(size_form(value)) for value in values]
    return texts[0] if len(set(texts)) == 1 else parenthesised(", ".join(texts))


__all__ = ["Window", "Windowed", "windowed"]
