"""Element-wise functions: what they take, what they return, and what they refuse."""

import numpy as np
import pytest
import sympy
from sympy import MatrixSymbol, Rational, Symbol

from symdl.errors import ExpressionError, ShapeError
from symdl.expr.declare import scalar, tensor, vector
from symdl.expr.ingest import ingest
from symdl.expr.nodes import Element, Tensor
from symdl.expr.sizes import dims
from symdl.ops import elementwise as ew
from symdl.ops.floor import Floor
from symdl.ops.heaviside import UnitStep
from symdl.ops.maximum import Maximum
from symdl.ops.relu import ReLU
from symdl.ops.sigmoid import Sigmoid
from symdl.ops.where import Where

n, p = dims("n p")
t, u = Symbol("t", real=True), Symbol("u", real=True)
v, w = vector("v", n), vector("w", n)
K = tensor("K", (n, p, 3))
M = MatrixSymbol("M", n, p)


@pytest.mark.parametrize("operand", [v, K, M, v.T, M + M], ids=str)
def test_tensors_keep_their_shape(operand):
    found = ew.sigmoid(operand)
    assert isinstance(found, Tensor)
    assert found.shape == ingest(operand).shape
    assert found.is_row == ingest(operand).is_row
    indices = [sympy.Integer(0)] * found.order
    assert found.at(*indices) == Sigmoid(Element(ingest(operand), *indices))


def test_scalars_and_numbers_give_scalars():
    assert ew.sigmoid(t) == Sigmoid(t)
    assert ew.exp(sympy.exp(t)) == ew.exp(ew.exp(t))
    assert ew.sigmoid(0) == Rational(1, 2)
    assert float(ew.exp(np.float64(1.5))) == pytest.approx(np.exp(1.5))
    assert ew.maximum(scalar("c"), 2).func is Maximum


def test_one_by_one_counts_as_a_scalar():
    assert ew.maximum(MatrixSymbol("s", 1, 1), v).shape == (n,)


@pytest.mark.parametrize("function", [ew.maximum, ew.divide, ew.hadamard, ew.power])
def test_shapes_must_be_equal(function):
    with pytest.raises(ShapeError, match="differ") as error:
        function(M, M.T)
    assert "(n, p)" in str(error.value)
    assert "(p, n)" in str(error.value)


def test_parameters_by_position_and_name():
    assert ew.leaky_relu(t) == ew.leaky_relu(t, 0.01) == ew.leaky_relu(t, slope=0.01)
    assert ew.elu(t, alpha=1) == ew.elu(t)
    assert ew.relu(t, at_zero=0) == ReLU(t, 0) != ew.relu(t)
    assert ew.swish(v, beta=u).shape == (n,)


@pytest.mark.parametrize(
    "call",
    [lambda: ew.exp(), lambda: ew.exp(t, t), lambda: ew.relu(t, slope=2), lambda: ew.maximum(t), lambda: ew.hadamard(),
     lambda: ew.relu(t, at_zero=2), lambda: ew.clip(t, 1, 0), lambda: ew.where(t, 1, 0), lambda: ew.exp([1, 2]),
     lambda: ew.exp("t"), lambda: bool(ew.greater(t, 0))],
)  # fmt: skip
def test_misuse_is_refused(call):
    with pytest.raises(ExpressionError):
        call()


def test_an_unknown_function_names_the_known_ones():
    with pytest.raises(AttributeError, match="sigmoid"):
        ew.sigmod  # noqa: B018 because looking the attribute up is what is tested


def test_the_convention_of_relu_is_in_its_derivative():
    def slope(convention):
        return ReLU(t, convention).diff(t).subs(t, 0)

    assert [slope(convention) for convention in (1, 0, Rational(1, 3))] == [1, 0, Rational(1, 3)]


def test_powers():
    assert ew.sqrt(t) == sympy.sqrt(t)
    assert ew.square(t) == t**2
    assert ew.power(t, u) == t**u
    assert ew.sqrt(t**2) == ew.abs(t)
    assert ew.divide(t, u) == t / u
    assert ew.hadamard(v, w, 2).at(0) == 2 * v[0] * w[0]


def test_products_of_exponentials_are_not_combined():
    assert ew.exp(t) * ew.exp(u) != ew.exp(t + u)
    assert ew.log(ew.exp(t)) == t == ew.exp(ew.log(t))


@pytest.mark.parametrize(
    ("condition", "relation"),
    [(ew.greater, sympy.Gt), (ew.greater_equal, sympy.Ge), (ew.less, sympy.Lt), (ew.less_equal, sympy.Le),
     (ew.equal, sympy.Eq)],
)  # fmt: skip
def test_comparisons(condition, relation):
    assert ew.where(condition(t, u), 1, 0) == Where(relation(t, u), 1, 0)
    found = ew.where(condition(v, 0), v, w)
    assert found.shape == (n,)
    assert found.at(0) == Where(relation(v[0], 0), v[0], w[0])


def test_conditions_combine():
    inside = ew.greater(t, 0) & ew.less(t, 1)
    assert ew.where(inside, 1, 0) == Where(sympy.And(t > 0, t < 1), 1, 0)
    assert ew.where(~inside | (u > 0), t, u) == Where(sympy.Or(sympy.Not(sympy.And(t > 0, t < 1)), u > 0), t, u)
    assert ew.where(ew.greater(v, 0) & ew.less(w, 1), v, 0).shape == (n,)
    with pytest.raises(ShapeError, match="differ"):
        ew.where(ew.greater(v, 0), K, 0)


def test_conditions_that_are_known():
    assert ew.where(sympy.true, t, u) == t
    assert ew.where(sympy.false, t, u) == u
    assert ew.where(t > 0, u, u) == u
    assert Where(t > 0, Where(t > 0, 1, 2), Where(t > 0, 3, u)) == Where(t > 0, 1, u)


def test_where_is_differentiated_by_branch():
    found = ew.where(t >= 0, t**3, t**2)
    assert found.diff(t) == Where(t >= 0, 3 * t**2, 2 * t)
    assert ew.where(t >= 0, u, -1).diff(t) == 0


def test_where_is_printed_as_cases_or_indicator():
    assert sympy.latex(ew.where(t >= 0, 1, 0)) == r"\mathbf{1}\left\{t \geq 0\right\}"
    assert sympy.latex(ew.where(t >= 0, 0, 1)) == r"\mathbf{1}\left\{t < 0\right\}"
    cases = r"\begin{cases} t & \text{if } t \geq 0 \\ u & \text{otherwise} \end{cases}"
    assert sympy.latex(ew.where(t >= 0, t, u)) == cases


def test_clip():
    assert ew.clip(Rational(7, 2), 0, 1) == 1
    assert ew.clip(v, -1, t).shape == (n,)


def test_sympy_functions_are_converted():
    assert ingest(sympy.Max(t, u, 0)) == Maximum(Maximum(0, t), u)
    assert ingest(sympy.Heaviside(t, 1)) == UnitStep(t)
    assert ingest(sympy.Heaviside(t)).subs(t, 0) == Rational(1, 2)
    assert ingest(sympy.floor(t / 2)) == Floor(t / 2)
    k = Symbol("k", integer=True)
    assert ingest(sympy.floor(k / 2)) == sympy.floor(k / 2)
    assert ingest(sympy.Piecewise((t, t > 0), (u, t > -1), (0, True))) == Where(t > 0, t, Where(t > -1, u, 0))


def test_functions_carry_their_contract():
    assert ew.relu.__name__ == "relu"
    assert "at_zero" in ew.relu.__doc__
    assert ew.relu is ew.relu
