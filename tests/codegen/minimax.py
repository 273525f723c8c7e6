"""Polynomials of least largest error, by Remez' exchange in high precision: the coefficients of the intrinsics.

``python -m tests.codegen.minimax`` prints every table of ``symdl_codegen/intrinsics/coefficients.py``, and that of
``symdl/ops/normal_excess.py``.
"""

from collections.abc import Callable

import mpmath as mp

mp.mp.dps = 60


def minimax(
    f: Callable[[mp.mpf], mp.mpf], low: float, high: float, degree: int, weight: Callable[[mp.mpf], mp.mpf]
) -> tuple[list[mp.mpf], mp.mpf]:
    """Coefficients, constant first, that minimise the largest |weight * (p - f)| on [low, high], and that error."""
    low, high = mp.mpf(low), mp.mpf(high)
    count = degree + 2
    nodes = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (count - 1)) for k in range(count)]
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (40 * count)) for k in range(40 * count + 1)]
    values, weights = [f(x) for x in grid], [weight(x) for x in grid]
    for _ in range(12):
        rows = [[x**d for d in range(degree + 1)] + [(-1) ** k / weight(x)] for k, x in enumerate(nodes)]
        solution = mp.lu_solve(mp.matrix(rows), mp.matrix([f(x) for x in nodes]))
        coefficients = list(solution)[:-1]
        errors = [w * (horner(coefficients, x) - v) for x, v, w in zip(grid, values, weights, strict=True)]
        nodes, largest = _exchange(grid, errors, count)
        if largest < abs(solution[count - 1]) * mp.mpf("1.0001"):
            break
    return coefficients, largest


def _exchange(grid: list[mp.mpf], errors: list[mp.mpf], count: int) -> tuple[list[mp.mpf], mp.mpf]:
    """The places of alternating extrema, and the largest error."""
    runs: list[int] = []
    for place, error in enumerate(errors):
        if runs and (errors[runs[-1]] > 0) == (error > 0):
            runs[-1] = max(runs[-1], place, key=lambda k: abs(errors[k]))
        else:
            runs.append(place)
    while len(runs) > count:
        runs.pop(0 if abs(errors[runs[0]]) < abs(errors[runs[-1]]) else -1)
    if len(runs) < count:
        raise ValueError(f"the error alternates {len(runs)} times, expected {count}: lower the degree")
    return [grid[k] for k in runs], max(abs(errors[k]) for k in runs)


def horner(coefficients: list[mp.mpf], x: mp.mpf) -> mp.mpf:
    """The polynomial's value."""
    total = mp.mpf(0)
    for coefficient in reversed(coefficients):
        total = total * x + coefficient
    return total


def _series(value: Callable[[mp.mpf], mp.mpf], at_zero: mp.mpf) -> Callable[[mp.mpf], mp.mpf]:
    """``value`` with its limit at 0, where it is a quotient of zeros."""
    return lambda x: at_zero if abs(x) < mp.mpf(10) ** -17 else value(x)


def _odd(f: Callable[[mp.mpf], mp.mpf], lead: mp.mpf, following: mp.mpf) -> Callable[[mp.mpf], mp.mpf]:
    """P with f(t) = lead*t + t**3 * P(t*t)."""
    return _series(lambda z: (f(mp.sqrt(z)) - lead * mp.sqrt(z)) / mp.sqrt(z) ** 3, following)


def tables() -> dict[str, list[float]]:
    """Every table, coefficients of the lowest power first."""
    tiny = mp.mpf(10) ** -7
    half, root = mp.log(2) / 2 * mp.mpf("1.0005"), mp.sqrt(2)
    atanh_end = ((root - 1) / (root + 1) * mp.mpf("1.0001")) ** 2
    exp_part = _series(lambda r: (mp.exp(r) - 1 - r) / r**2, mp.mpf(1) / 2)
    log_part = _series(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, mp.mpf(1) / 3)
    log_weight = lambda f: tiny + (f**3 / mp.log1p(f) if abs(f) > tiny else 0)  # noqa: E731 because it is an argument
    tanh_part = _odd(mp.atanh, mp.mpf(1), mp.mpf(1) / 3)
    power_part = _series(lambda z: 2 * (tanh_part(z) - mp.mpf(1) / 3) / z, mp.mpf(2) / 5)
    sine = _odd(mp.sin, mp.mpf(1), -mp.mpf(1) / 6)
    cosine = _series(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, mp.mpf(1) / 24)
    quarter, eighth = (mp.pi / 4) ** 2 * mp.mpf("1.01"), (mp.tan(mp.pi / 8) * mp.mpf("1.0001")) ** 2
    arc = _odd(mp.atan, mp.mpf(1), -mp.mpf(1) / 3)
    slope = 2 / mp.sqrt(mp.pi)
    error = _series(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, slope - 1)

    def log_erfc(t: mp.mpf) -> mp.mpf:
        return mp.log(mp.erfc(t))

    def log_erfc_weight(t: mp.mpf) -> mp.mpf:
        return mp.erfc(t) / mp.erf(t)

    def scaled_erfc(k: int, b: float) -> Callable[[mp.mpf], mp.mpf]:
        def value(t: mp.mpf) -> mp.mpf:
            x = k * (1 + t) / (1 - t)
            return (1 + b * x) * mp.erfc(x) * mp.exp(x * x)

        return value

    def scaled_excess(t: mp.mpf) -> mp.mpf:
        if t == 1:
            return mp.mpf(1)
        x = 4 * (1 + t) / (1 - t)
        with mp.extraprec(100):  # the difference loses digits for large x
            return (mp.npdf(x) / mp.ncdf(-x) - x) * (x + mp.mpf(5) / 4)

    fits = {
        "EXP[32]": (exp_part, -half, half, 4, lambda r: r * r + tiny),
        "EXP[64]": (exp_part, -half, half, 9, lambda r: r * r + tiny),
        "LOG32": (log_part, mp.sqrt(0.5) - 1 - tiny, root - 1 + tiny, 8, log_weight),
        "LOG64": (lambda z: 2 * tanh_part(z), 0, atanh_end, 6, lambda z: z + tiny),
        "POW64": (power_part, 0, atanh_end, 6, lambda z: z * z + tiny),
        "SIN[32]": (sine, 0, quarter, 2, lambda z: z + tiny),
        "SIN[64]": (sine, 0, quarter, 5, lambda z: z + tiny),
        "COS[32]": (cosine, 0, quarter, 2, lambda z: z * z + tiny),
        "COS[64]": (cosine, 0, quarter, 5, lambda z: z * z + tiny),
        "ATAN32": (arc, 0, 1, 8, lambda z: z + tiny),
        "ATAN64": (arc, 0, eighth, 10, lambda z: z + tiny),
        "TANH32": (_odd(mp.tanh, mp.mpf(1), -mp.mpf(1) / 3), 0, 0.7**2, 5, lambda z: z + tiny),
        "ERF[32]": (error, 0, 0.93**2, 6, lambda z: mp.mpf(1)),
        "ERF[64]": (error, 0, 1, 12, lambda z: mp.mpf(1)),
        "LOG_ERFC[32]": (log_erfc, 0.92, 4, 6, log_erfc_weight),
        "LOG_ERFC[64]": (log_erfc, 0.99, 6, 17, log_erfc_weight),
        "ERFC[32]": (scaled_erfc(3, 1.25), -1, mp.mpf("7.1") / mp.mpf("13.1"), 10, lambda t: mp.mpf(1)),
        "ERFC[64]": (scaled_erfc(4, 2), -1, mp.mpf("23.4") / mp.mpf("31.4"), 22, lambda t: mp.mpf(1)),
        "NORMAL_EXCESS": (scaled_excess, -1, 1, 26, lambda t: mp.mpf(1)),
    }
    return {name: [float(c) for c in minimax(*fit)[0]] for name, fit in fits.items()}


if __name__ == "__main__":
    for name, coefficients in tables().items():
        print(f"{name} = {coefficients}")
