"""The identities of scalars, as data. Each is tested at random numbers to 50 digits."""

from sympy import Mul, Rational, Symbol, pi, sqrt

from symdl.expr.scalar import SCALAR_OPS
from symdl.freeze.stable.rule import Rule, T, U, V

_op = SCALAR_OPS.__getitem__
_exp, _log, _log1p, _expm1 = _op("exp"), _op("log"), _op("log1p"), _op("expm1")
_sigmoid, _tanh, _softplus = _op("sigmoid"), _op("tanh"), _op("softplus")
_sin, _cos, _sinh, _cosh = _op("sin"), _op("cos"), _op("sinh"), _op("cosh")
_erf, _erfc, _cdf, _abs = _op("erf"), _op("erfc"), _op("normal_cdf"), _op("abs")
_pdf, _hazard, _excess = _op("normal_pdf"), _op("normal_hazard"), _op("normal_excess")
_where, _max, _min, _sign = _op("where"), _op("maximum"), _op("minimum"), _op("sign")

SWITCH = Rational(-7, 10)  # about -log 2: either form is good there


def _log1mexp(u: Symbol) -> object:
    """Return log(1 - e^u) for u < 0; Mächler, Accurately computing log(1 - exp(-|a|))."""
    return _where(u > SWITCH, _log(-_expm1(u)), _log1p(-_exp(u)))


def _log_cdf(u: Symbol) -> object:
    """Return log Φ(u), of the left tail by the hazard rate φ(-u)/Φ(u), of the right one by the other tail."""
    return _where(u < -1, -(u**2) / 2 - _log(sqrt(2 * pi) * _hazard(-u)), _log1p(-_cdf(-u)))


def _log_erfc(u: Symbol) -> object:
    return _where(u > Rational(1, 2), -(u**2) - _log(sqrt(pi / 2) * _hazard(sqrt(2) * u)), _log1p(-_erf(u)))


# Sums: found up to a common factor of their terms.
SUMS = (
    Rule("1 - 6 sigmoid slope", 1 - 6 * _sigmoid(U) + 6 * _sigmoid(U) ** 2, (3 * _tanh(U / 2) ** 2 - 1) / 2),
    Rule("1 - sigmoid", 1 - _sigmoid(U), _sigmoid(-U)),
    Rule("1 - 2 sigmoid", 1 - 2 * _sigmoid(U), -_tanh(U / 2)),
    Rule("1 - tanh²", 1 - _tanh(U) ** 2, 4 * _sigmoid(2 * U) * _sigmoid(-2 * U)),
    Rule("1 - tanh", 1 - _tanh(U), 2 * _sigmoid(-2 * U)),
    Rule("1 + tanh", 1 + _tanh(U), 2 * _sigmoid(2 * U)),
    Rule("1 - cos", 1 - _cos(U), 2 * _sin(U / 2) ** 2),
    Rule("1 - cos²", 1 - _cos(U) ** 2, _sin(U) ** 2),
    Rule("1 - sin²", 1 - _sin(U) ** 2, _cos(U) ** 2),
    Rule("cosh - 1", _cosh(U) - 1, 2 * _sinh(U / 2) ** 2),
    Rule("cosh² - 1", _cosh(U) ** 2 - 1, _sinh(U) ** 2),
    Rule("1 - erf", 1 - _erf(U), _erfc(U)),
    Rule("1 + erf", 1 + _erf(U), _erfc(-U)),
    Rule("1 - erfc", 1 - _erfc(U), _erf(U)),
    Rule("2 - erfc", 2 - _erfc(U), _erfc(-U)),
    Rule("1 - Φ", 1 - _cdf(U), _cdf(-U)),
    Rule("hazard - threshold", _hazard(U) - U, _excess(U)),
    Rule("expm1", _exp(U) - 1, _expm1(U)),
    Rule(
        "sigmoid - target",
        _sigmoid(U) - T,
        (1 - T) * _sigmoid(U) - T * _sigmoid(-U),
        lambda found: not (found[T].is_number or found[T].has(_sigmoid, _exp)),
        "t a target: no number, no formula of exponentials",
    ),
)

BOTH_TAILS = Rule("φ/(Φ (1 - Φ))", Mul(_pdf(U), 1 / _cdf(U), 1 / _cdf(-U)), _hazard(U) + _hazard(-U))

# Products: their factors may have other powers, and other factors beside them.
PRODUCTS = (
    Rule("e^u sigmoid(-u)", Mul(_sigmoid(-U), _exp(U)), _sigmoid(U)),
    Rule("sinh/cosh", _sinh(U) / _cosh(U), _tanh(U)),
    Rule("cosh/sinh", _cosh(U) / _sinh(U), 1 / _tanh(U)),
    Rule("sin/cos", _sin(U) / _cos(U), _op("tan")(U)),
    BOTH_TAILS,
    Rule("φ/Φ", _pdf(U) / _cdf(U), _hazard(-U)),
    Rule("φ/Φ", _pdf(U) / _cdf(-U), _hazard(U)),
    Rule("φ/Φ", Mul(_exp(-(U**2) / 2), 1 / _cdf(U)), sqrt(2 * pi) * _hazard(-U)),
    Rule("φ/erfc", Mul(_exp(-(U**2)), 1 / _erfc(U)), sqrt(pi / 2) * _hazard(sqrt(2) * U)),
    Rule("e^u/expm1", _exp(U) / _expm1(U), -_sign(U) * _exp(_min(U, 0)) / _expm1(-_abs(U))),
)

FUNCTIONS = (
    Rule("softplus", _log(1 + _exp(U)), _softplus(U)),
    Rule("softplus", _log1p(_exp(U)), _softplus(U)),
    Rule("log1mexp", _log(-_expm1(U)), _log1mexp(U), None, "u < 0"),
    Rule("log1mexp", _log1p(-_exp(U)), _log1mexp(U), None, "u < 0"),
    Rule("log expm1", _log(_expm1(U)), _where(U > 1, U + _log1p(-_exp(-U)), _log(_expm1(_min(U, 1)))), None, "u > 0"),
    Rule("log cosh", _log(_cosh(U)), _op("logcosh")(U)),
    Rule("log1p of -sigmoid", _log1p(-_sigmoid(U)), -_softplus(U)),
    Rule("logit", _log(U / (1 - U)), _op("logit")(U)),
    Rule("log Φ", _log(_cdf(U)), _log_cdf(U)),
    Rule("log Φ", _log(_erfc(U) / 2), _log_cdf(-sqrt(2) * U)),
    Rule("log erfc", _log(_erfc(U)), _log_erfc(U)),
    Rule("expm1 of log", _expm1(_log(U)), U - 1),
)

# Applied last, where no other rule looks any more: one exponential and one division for both.
SLOPE = Rule("sigmoid(u) sigmoid(-u)", _sigmoid(U) * _sigmoid(-U), _exp(-_abs(U)) / (1 + _exp(-_abs(U))) ** 2)

LOG_OF_SIGMOID = Rule("log sigmoid", _log(_sigmoid(U)), -_softplus(-U))
LOG_OF_EXP = Rule("log of e^u", _log(_exp(U) * V), U + _log(V), None, "v > 0")
LOG1P = Rule("log1p", _log(1 + U), _log1p(U))
QUOTIENT = Rule("e^u/e^v", _exp(U) / _exp(V), _exp(U - V))
DIFFERENCE = Rule(
    "difference of exponentials",
    _exp(U) - _exp(V),
    -_sign(U - V) * _exp(_max(U, V)) * _expm1(-_abs(U - V)),
)
SIGMOID = Rule("1/(1 + e^u)", 1 / (1 + _exp(U)), _sigmoid(-U))
LOG_SUM = Rule(
    "log of two exponentials",
    _log(_exp(U) + _exp(V)),
    _max(U, V) + _log1p(_exp(-_abs(U - V))),
    None,
    "their factors taken into u and v",
)
SUM_SCALE = Rule(
    "largest exponential out", "Σ_j c_j e^{u_j}", "e^m Σ_j c_j e^{u_j - m}", None, "m = max_j u_j, c_j > 0"
)
LOG_RATIO = Rule("difference of logs", _log(U) - _log(V), _log1p((U - V) / V), None, "terms of u - v cancel")
CONJUGATE = Rule("conjugate", U + V, (U**2 - V**2) / (U - V), None, "u or v a root, uv < 0, terms of u² - v² cancel")
FRACTIONS = Rule("common denominator", "Σ_j a_j/b_j", "a/b", None, "terms of a cancel")
FACTOR = Rule("factored", "a² - 2ab + b²", "(a - b)²", None, "a sum of powers of functions")
POWERS = Rule("powers", "u^t·u^k", "u^{t+k}", None, "k an integer")
AT_ZERO = Rule("x/‖x‖ at 0", "x_i/‖x‖", "0 at x = 0", None, "‖x‖² a sum of squares, x_i² among them")
TAYLOR = Rule("Taylor", "f(u)", "Σ_k f_k u^k near u = 0", None, "u divides functions of u, and f has a limit at 0")
SOFTMAX_SCALE = Rule("shifted sum", "Σ_k e^{u_k}", "e^m Σ_k e^{u_k - m}", None, "m = max_k u_k")
LOG_SHIFTED = Rule("log of shifted sum", "log(1 + r)", "log1p(r)", None, "r the terms below the largest one, small")
SOFTMAX_REST = Rule(
    "softmax - target",
    "p_i - t",
    "(1 - t) p_i - t Σ_{k≠i} p_k",
    None,
    "p a softmax, t a target: no number, no formula of exponentials",
)
OWN_TERM = Rule(
    "own term cancels",
    "a_i Σ_k α_k - b_i Σ_k β_k",
    "a_i Σ_{k≠i} α_k - b_i Σ_{k≠i} β_k",
    None,
    "a_i α_i = b_i β_i, where α_i ≥ 0 is more than half of its sum",
)
VARIANCE = Rule("variance", "Σ_k x_k²/n - (Σ_k x_k/n)²", "Σ_k (x_k - Σ_l x_l/n)²/n", None, "n terms")

RULES: tuple[Rule, ...] = (
    *SUMS,
    *PRODUCTS,
    *FUNCTIONS,
    SLOPE,
    LOG_OF_SIGMOID,
    LOG_OF_EXP,
    LOG1P,
    QUOTIENT,
    DIFFERENCE,
    SIGMOID,
    LOG_SUM,
    SUM_SCALE,
    LOG_RATIO,
    CONJUGATE,
    FRACTIONS,
    FACTOR,
    POWERS,
    AT_ZERO,
    TAYLOR,
    SOFTMAX_SCALE,
    LOG_SHIFTED,
    SOFTMAX_REST,
    OWN_TERM,
    VARIANCE,
)
