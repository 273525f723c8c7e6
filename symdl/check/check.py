"""The comparisons of ``sd.check``.

Witnesses of a derivative: central differences of the value alone at 50 digits; central differences in float64 with
Richardson's estimate of their error; a complex step where all ops are analytic; forward mode; reverse mode without
simplification; the closed form. All are evaluated by the interpreters, none by compiled kernels.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
from sympy import Basic, Symbol

from symdl.arrays import check_names, name_of, real_array, sizes_by_name
from symdl.calculus import adjoints, grad, hessian, hvp, pushforward, variables_of
from symdl.check.conventions import convention
from symdl.check.directions import directions, tangent
from symdl.check.ops_of import OpsOf
from symdl.check.report import Report, Row
from symdl.check.rewrites import tested
from symdl.errors import InputError, InternalError
from symdl.expr.ingest import as_scalar, ingest
from symdl.expr.nodes import Array, Tensor, TensorSymbol
from symdl.expr.system import System, trace
from symdl.interpret import evaluate, evaluate_with_scale, kink_distances, sample
from symdl.interpret.binding import Binding
from symdl.interpret.samples import trial_sizes
from symdl.ops.elementwise import hadamard
from symdl.ops.reductions import sum as total
from symdl.simplify import simplify
from symdl.simplify.rewriting import Rewriting

DIGITS = 50
STEP = mpmath.mpf(10) ** -20  # central differences at 50 digits are then good to about 30
EXACT = 1e-12  # float64 error over the sum of absolute terms
IDENTITY = 1e-35  # what may remain of 50 digits after cancellation; a rewrite that is wrong errs by far more
ROUNDED = frozenset({"simplex", "orthogonal"})
NEAR = 1e-6  # a kink nearer than this makes differences meaningless
COSTLY = 5_000  # scalar operations of one evaluation, above which only one direction is tested at 50 digits
TOO_COSTLY = 2_000_000  # and above which none is
LARGEST_HESSIAN = 400
COTANGENT, DIRECTION, WEIGHT = "check.cotangent", "check.direction", "check.weight"  # names no user has


def check(
    f: Any,
    wrt: Any = None,
    sizes: Mapping[Any, int] | None = None,
    seed: int = 0,
    values: Mapping[Any, Any] | None = None,
    second_order: bool = True,
) -> Report:
    """Compare the derivatives of ``f`` with independent ones, at random inputs that respect what was declared.

    Args:
        f: A scalar, or a tensor: then Σ u·f with random u is tested. Any of the three notations.
        wrt: A variable or several; by default all that ``f`` depends on.
        sizes: Values of sizes, by symbol or name; small ones are chosen for those that are missing.
        seed: Of the random inputs.
        values: Arrays to use instead of random ones, by symbol or name.
        second_order: Whether Hessians and Hessian-vector products are tested too.

    Returns:
        A report: ``.ok``, and a table when printed.

    Raises:
        InternalError: if a derivative simplifies to zero while the differences do not vanish.
        DerivationError: if ``f`` does not depend on a variable.
        InputError: for a size or value that does not occur in ``f``, and where ``f`` is not finite.
    """
    return _Check(f, wrt, sizes, seed, values).run(second_order)


class _Check:
    def __init__(self, f: Any, wrt: Any, sizes: Any, seed: int, values: Any) -> None:
        self.rng = np.random.default_rng(seed)
        value = ingest(f)
        if isinstance(value, Tensor) and any(size != 1 for size in value.shape):
            value = total(hadamard(TensorSymbol(COTANGENT, value.shape), value))
        self.loss = as_scalar(value, "check")
        symbols = self.loss.free_symbols
        self.sizes = self._sizes(sizes or {}, values or {})
        check_names(map(name_of, values or {}), {symbol.name for symbol in symbols} - {COTANGENT}, "check: values")
        candidates = [symbol for symbol in symbols if symbol.name not in {*self.sizes, COTANGENT}]
        if wrt is None:
            wrt = sorted(filter(_movable, candidates), key=lambda symbol: symbol.name)
        self.variables, _ = variables_of(list(wrt) if isinstance(wrt, list | tuple) else [wrt], [self.loss], "check")
        given = {name_of(key): real_array(name_of(key), array).astype(float) for key, array in (values or {}).items()}
        self.arrays = {
            symbol.name: given[symbol.name] if symbol.name in given else sample(symbol, self.sizes, self.rng)
            for symbol in sorted(symbols, key=lambda symbol: symbol.name)
            if symbol.name not in self.sizes
        }
        self._enter_domain(given)
        self.rows: list[Row] = []
        self.remarks: list[str] = []
        self.kink = self._kinks()

    def _enter_domain(self, given: Mapping[str, np.ndarray]) -> None:
        """Draw positive values where the loss has no value at random ones, as for logarithms and roots."""
        if np.isfinite(evaluate(self.loss, self.arrays, self.sizes)):
            return
        for symbol in self.loss.free_symbols:
            array = self.arrays.get(symbol.name)
            if array is not None and symbol.name not in given and not getattr(symbol, "properties", None):
                self.arrays[symbol.name] = np.abs(array) + 0.1
        if not np.isfinite(evaluate(self.loss, self.arrays, self.sizes)):
            raise InputError(
                "check: the expression is not finite at random inputs, nor at positive ones; pass values={name: array} "
                "from its domain"
            )

    def _sizes(self, sizes: Mapping[Any, int], values: Mapping[Any, Any]) -> dict[str, int]:
        """Return given sizes, those that given arrays carry, and small ones for the rest."""
        found = sizes_by_name(sizes, "check")
        arrays = {name_of(key): np.shape(array) for key, array in values.items()}
        unknown: set[Basic] = set()
        for tensor in [*self.system.inputs, *(equation.target for equation in self.system.equations)]:
            for size, extent in zip(tensor.shape, arrays.get(tensor.name, tensor.shape), strict=False):
                if isinstance(size, Symbol) and isinstance(extent, int):
                    found.setdefault(size.name, extent)
                unknown |= size.free_symbols
        check_names(sizes_by_name(sizes, "check"), {symbol.name for symbol in unknown}, "check: sizes")
        return {**dict(trial_sizes(unknown)), **found}

    @cached_property
    def system(self) -> System:
        return trace([self.loss])

    @cached_property
    def ops(self) -> OpsOf:
        return OpsOf(self.system)

    @cached_property
    def cost(self) -> int:
        """Scalar operations of one evaluation of the loss, roughly."""
        binding = Binding(sizes=self.sizes)
        return sum(
            int(
                np.prod(
                    [binding.extent(size) for size in (*equation.target.shape, *_reduced(equation.body))], dtype=float
                )
            )
            for equation in self.system.equations
        )

    def _kinks(self) -> str:
        """Note kinks nearby; return why differences do not count, or an empty string."""
        near = {kind: far for kind, far in kink_distances(self.system, self.arrays, self.sizes).items() if far < NEAR}
        if near:
            kinds = ", ".join(
                f"{kind} (distance {far:.0e}; {convention(self.system, kind)})" for kind, far in sorted(near.items())
            )
            self.remarks.append(f"kinks at these inputs: {kinds}")
        if self.ops.has_stop:
            self.remarks.append("stop_gradient: differences see through it and do not count")
            return "stopped"
        return "kink" if near else ""

    def run(self, second_order: bool) -> Report:
        """Make all comparisons."""
        gradients = adjoints(self.loss, self.variables)
        if self.cost <= COSTLY and not self.rounded_facts:
            self.rewrites(gradients)
        closed = grad(self.loss, self.variables)
        for variable, by_reverse, by_formula in zip(self.variables, gradients, closed, strict=True):
            self.first_order(variable, by_reverse, by_formula)
        if second_order:
            for variable, formula in zip(self.variables, closed, strict=True):
                self.second_order(variable, formula)
        return Report(tuple(self.rows), self.sizes, tuple(self.remarks))

    def add(
        self, variable: Any, derivative: str, against: str, error: Any, allowed: float, counts: bool = True
    ) -> None:
        self.rows.append(Row(variable.name, derivative, against, float(error), allowed, "" if counts else self.kink))

    def first_order(self, variable: Any, by_reverse: Any, by_formula: Any) -> None:
        """Compare all ways to the gradient of one variable."""
        name = variable.name
        value, scale = evaluate_with_scale(by_reverse, self.arrays, self.sizes)
        scale = np.where(np.isfinite(scale), scale, np.inf)
        formula = np.asarray(evaluate(by_formula, self.arrays, self.sizes))
        self.add(variable, "gradient, closed form", "reverse mode", _worst(formula - value, scale), EXACT)
        if self.cost <= COSTLY and not self.rounded_facts:
            error = self.identity(by_reverse, by_formula)
            self.add(variable, "gradient, simplification", f"identity, {DIGITS} digits", error, IDENTITY)
        few = self.cost > COSTLY
        along = directions(variable, self.arrays[name], self.rng, few)
        sizes = self.resolved([float(np.sum(scale * np.abs(direction))) for direction in along])
        slopes = [float(np.sum(formula * direction)) for direction in along]
        forward = self.forward(variable, along)
        self.add(variable, "gradient, closed form", "forward mode", _worst_of(forward, slopes, sizes), EXACT)
        if self.cost <= TOO_COSTLY:
            exact = [self.difference(self.loss, name, direction) for direction in along]
            self.refuse_silent_zero(name, by_formula, exact)
            error = _worst_of(exact, slopes, sizes)
            self.add(variable, "gradient, closed form", f"differences, {DIGITS} digits", error, EXACT, not self.kink)
        rough = [self.richardson(name, direction) for direction in along]
        error = max(abs(a - b) / size for (a, _), b, size in zip(rough, slopes, sizes, strict=True))
        allowed = max(estimate / size for (_, estimate), size in zip(rough, sizes, strict=True))
        self.add(variable, "gradient, closed form", "differences, float64", error, allowed, not self.kink)
        if self.ops.analytic and not self.kink:
            steps = [self.complex_step(name, direction) for direction in along]
            self.add(variable, "gradient, closed form", "complex step", _worst_of(steps, slopes, sizes), EXACT)

    def rewrites(self, gradients: Sequence[Any]) -> None:
        """Test each use of a rule of simplification by itself."""
        uses: list[Rewriting] = []
        simplify(gradients, record=uses)
        if not uses:
            return
        found = tested(uses, self.arrays, self.sizes, self.rng, DIGITS)
        names = ", ".join(variable.name for variable in self.variables)
        against = f"{found.exact} exact modulo 2^61 - 1, {found.digits} to {DIGITS} digits"
        self.rows.append(Row(names, "rules, each use", against, found.error, IDENTITY))
        if found.error > IDENTITY or found.error != found.error:
            self.remarks.append(f"the rule that fails: {found.worst}")

    @cached_property
    def rounded_facts(self) -> bool:
        """Whether a declared fact, such as Σ y = 1, holds of the arrays up to rounding only."""
        return any(getattr(symbol, "properties", frozenset()) & ROUNDED for symbol in self.loss.free_symbols)

    def identity(self, before: Any, after: Any) -> float:
        """Return the largest relative difference of two forms at high precision: rewrites are identities, or wrong."""
        with mpmath.workdps(DIGITS):
            values = [
                np.asarray(evaluate(form, self.arrays, self.sizes, precision=DIGITS), dtype=object).ravel()
                for form in (before, after)
            ]
            pairs = [(a, b) for a, b in zip(*values, strict=True) if mpmath.isfinite(a)]
            return max((float(abs(a - b) / (1 + abs(a))) for a, b in pairs), default=0.0)

    def resolved(self, sizes: list[float]) -> list[float]:
        """Return the scales of slopes, those raised that differences of the loss cannot resolve."""
        least = max(1e-12 * max(sizes, default=0.0), 1e-15 * self.scale) or 1.0
        return [max(size, least) for size in sizes]

    def refuse_silent_zero(self, name: str, formula: Any, slopes: list[float]) -> None:
        """Raise InternalError if a gradient is zero as a formula, but not as a number."""
        body = formula.body if isinstance(formula, Array) else formula
        if body == 0 and not self.kink and max(map(abs, slopes)) > 1e-25:
            raise InternalError(
                f"the gradient with respect to {name} simplifies to 0, but differences at {DIGITS} digits give "
                f"{max(slopes, key=abs):.3g}; this is a defect of symdl: please report {self.loss}"
            )

    def second_order(self, variable: Any, formula: Any) -> None:
        """Compare the Hessian, its products and differences of the gradient, along directions that keep the facts."""
        name = variable.name
        array = self.arrays[name]
        u, v = tangent(variable, array, self.rng), tangent(variable, array, self.rng)
        if u is None or v is None or variable not in getattr(formula, "free_symbols", ()):
            return
        vector = _symbol(DIRECTION, variable)
        product = hvp(self.loss, variable, vector)
        along = {"u": u, "v": v}
        products = {}
        size = 1.0
        for key, direction in along.items():
            value, scale = evaluate_with_scale(product, {**self.arrays, DIRECTION: direction}, self.sizes)
            products[key] = np.asarray(value)
            size = max(size, float(np.sum(np.where(np.isfinite(scale), scale, 0) * np.abs(along[key]))))
        symmetry = abs(np.sum(products["u"] * v) - np.sum(products["v"] * u)) / size
        self.add(variable, "Hessian-vector product", "symmetry", symmetry, EXACT)
        if self.cost <= TOO_COSTLY:
            weighted = hadamard(formula, _symbol(WEIGHT, formula))
            weighted = total(weighted) if isinstance(weighted, Tensor) else weighted
            slope = self.difference(weighted, name, v, {WEIGHT: u})
            error = abs(slope - np.sum(products["v"] * u)) / size
            self.add(variable, "Hessian-vector product", f"differences, {DIGITS} digits", error, EXACT, not self.kink)
        if array.size**2 <= LARGEST_HESSIAN:
            whole = np.asarray(evaluate(hessian(self.loss, variable), self.arrays, self.sizes))
            applied = np.tensordot(whole, v, v.ndim) if v.ndim else whole * v
            error = np.max(np.abs(applied - products["v"]), initial=0.0) / size
            self.add(variable, "Hessian", "Hessian-vector product", error, EXACT)

    def forward(self, variable: Any, along: list[np.ndarray]) -> list[float]:
        """Return the slopes by forward mode."""
        symbol = _symbol(DIRECTION, variable)
        tangents = pushforward(self.loss, {variable: symbol if isinstance(symbol, Tensor) else Array(symbol)})
        return [float(evaluate(tangents, {**self.arrays, DIRECTION: d}, self.sizes)) for d in along]

    def difference(self, value: Any, name: str, direction: Any, more: Mapping[str, Any] | None = None) -> float:
        """Return the slope by central differences at high precision."""
        with mpmath.workdps(DIGITS):
            ends = [
                evaluate(value, {**self.arrays, **(more or {}), name: moved}, self.sizes, precision=DIGITS)[()]
                for moved in (_exact(self.arrays[name]) + sign * STEP * _exact(direction) for sign in (1, -1))
            ]
            return float((ends[0] - ends[1]) / (2 * STEP))

    def richardson(self, name: str, direction: Any) -> tuple[float, float]:
        """Return the slope by extrapolated central differences in float64, and a bound of its error."""

        def slope(h: float) -> float:
            ends = [self.at(name, self.arrays[name] + sign * h * direction) for sign in (1, -1)]
            return float(ends[0] - ends[1]) / (2 * h)

        wide, narrow, narrower = (slope(h) for h in (2e-3, 1e-3, 5e-4))
        first, second = (4 * narrow - wide) / 3, (4 * narrower - narrow) / 3
        rounding = 1e-15 * self.scale / 5e-4
        return second, 10 * (abs(second - first) + rounding)

    @cached_property
    def scale(self) -> float:
        """The sum of absolute terms of the loss."""
        found = evaluate_with_scale(self.system, self.arrays, self.sizes)[0][1]
        return float(found) if np.isfinite(found) else 1.0

    def at(self, name: str, array: Any, dtype: Any = np.float64) -> Any:
        return evaluate(self.system, {**self.arrays, name: array}, self.sizes, dtype=dtype)[0]

    def complex_step(self, name: str, direction: Any) -> float:
        step = 1e-200
        return float(self.at(name, self.arrays[name] + 1j * step * direction, np.complex128).imag / step)


def _movable(symbol: Any) -> bool:
    facts = symbol.properties if isinstance(symbol, TensorSymbol) else ()
    return not ("integer" in facts or "one_hot" in facts or getattr(symbol, "is_integer", False))


def _reduced(body: Any) -> list[Any]:
    return [size for _, size in body.axes] if hasattr(body, "axes") else []


def _symbol(name: str, like: Any) -> Any:
    return TensorSymbol(name, like.shape) if isinstance(like, Tensor) else Symbol(name, real=True)


def _exact(array: Any) -> Any:
    return np.asarray(np.frompyfunc(lambda value: mpmath.mpf(float(value)), 1, 1)(np.asarray(array)), dtype=object)


def _worst(error: Any, scale: Any) -> float:
    ratio = np.abs(error) / np.where(scale == 0, 1.0, scale)
    return float(np.max(ratio, initial=0.0))


def _worst_of(found: list[float], expected: list[float], sizes: list[float]) -> float:
    return max((abs(a - b) / size for a, b, size in zip(found, expected, sizes, strict=True)), default=0.0)
