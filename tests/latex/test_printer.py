"""Notations, layouts, systems and several results at once; what is refused."""

import doctest

import pytest
import sympy

from symdl.calculus import grad, hessian, jacobian
from symdl.errors import ExpressionError
from symdl.expr.declare import matrix, named, scalar, vector
from symdl.expr.index import axis_index
from symdl.expr.nodes import Element, Reduce
from symdl.expr.scalar import SCALAR_OPS
from symdl.expr.sizes import dims
from symdl.expr.system import trace
from symdl.latex import latex, latex_scalar, names
from symdl.ops import elementwise as ew
from symdl.ops import reductions
from tests.katex import katex_error

n, p, q = dims("n p q")
X, W, w, b, y = matrix("X", n, p), matrix("W", q, p), vector("w", p), vector("b", q), vector("y", n)
x, t = vector("x", p), scalar("t")
LOSS = reductions.sum(ew.square(X @ w - y))


NOTE = r"\quad\text{(%s layout)}"
C = matrix("C", p, p)
LAYOUTS = {  # derivative: numerator layout, denominator layout; the book's is one of them
    "scalar by vector": (lambda: grad(LOSS, w), r"2 \left(X w - y\right)^{\top} X", r"2 X^{\top} \left(X w - y\right)"),
    "vector by vector": (lambda: jacobian(W @ x, x), "W", r"W^{\top}"),
    "scalar by matrix": (lambda: grad(b @ (W @ x), W), r"x b^{\top}", r"b x^{\top}"),
    "vector by scalar": (lambda: jacobian(t * b, t), "b", r"b^{\top}"),
    "matrix by scalar": (lambda: jacobian(t * W, t), "W", r"W^{\top}"),
    "a name": (lambda: grad(w @ x, x), r"w^{\top}", "w"),
    "Hessian": (lambda: hessian(x.T @ C @ x, x), r"C + C^{\top}", r"C + C^{\top}"),
    "Hessian of two": (lambda: hessian(b @ (W @ x), [b, x])[0][1], "W", r"W^{\top}"),
}  # fmt: skip


@pytest.mark.parametrize("case", LAYOUTS)
def test_layouts_say_so_and_turn_what_they_should(case):
    make, numerator, denominator = LAYOUTS[case]
    assert latex(make()) == (denominator if case.startswith("scalar") or case == "a name" else numerator)
    assert latex(make(), layout="numerator") == numerator + NOTE % "numerator"
    assert latex(make(), layout="denominator") == denominator + NOTE % "denominator"


def test_layouts_leave_what_is_no_derivative():
    for layout in ("numerator", "denominator"):
        for value in (LOSS, W, w, W @ x, C @ C, X.T @ X, jacobian(W @ x, W), grad(LOSS, w) + w):
            assert latex(value, layout=layout) == latex(value)
    assert latex(w, layout="numerator") == "w"  # also after it was a gradient
    assert grad(w @ x, x) == w


def test_sums_and_multiples_of_derivatives_are_arranged_like_them():
    row = r"\left(X w - y\right)^{\top} X" + NOTE % "numerator"
    gradient = grad(LOSS, w) / 2
    for value, factor in ((gradient, ""), (-gradient, "-"), (3 * gradient, "3 "), (gradient + 2 * gradient, "3 ")):
        assert latex(value, layout="numerator") == factor + row
    assert latex(t * jacobian(W @ x, x) - jacobian(W @ x, x), layout="denominator").endswith(NOTE % "denominator")


def test_layouts_in_index_notation_and_in_several_variables():
    index = latex(grad(LOSS, w), notation="index", layout="numerator")
    assert index.startswith(r"2 \sum_{j=1}^{n} X_{ji}")
    assert index.endswith(NOTE % "numerator")
    both = latex(grad(b @ (W @ x), [b, x]), layout="numerator")
    assert both == rf"\left(x^{{\top}} W^{{\top}}{NOTE % 'numerator'},\; b^{{\top}} W{NOTE % 'numerator'}\right)"


@pytest.mark.parametrize(("options", "named_in_message"), [({"notation": "tensor"}, "notation 'tensor'"),
                                                           ({"layout": "column"}, "layout 'column'")])  # fmt: skip
def test_unknown_options_are_refused(options, named_in_message):
    with pytest.raises(ExpressionError, match=f"unknown {named_in_message}; expected one of"):
        latex(X, **options)


def test_what_is_no_expression_is_refused():
    with pytest.raises(ExpressionError, match="expected a symbolic expression or a number, found str"):
        latex("X w")


def test_systems_print_their_named_equations():
    z = named("z", W @ x + b)
    a = named("a", ew.tanh(z))
    system = trace([a, reductions.sum(ew.square(a))])
    expected = (r"\begin{aligned} z &= W x + b \\ a &= \tanh\left(z\right) \\ "
                r"&= \left\lVert a \right\rVert^{2} \end{aligned}")  # fmt: skip
    assert latex(system) == expected
    equation = next(equation for equation in system.equations if equation.target.name == "a")
    assert latex(equation) == r"a = \tanh\left(z\right)"
    assert latex(equation, notation="index") == r"a_{i} = \tanh\left(z_{i}\right)"
    for notation in ("matrix", "index"):
        assert katex_error(latex(system, notation=notation)) is None


def test_several_results():
    assert latex(grad(reductions.sum(W @ x + b), [x, b])) == r"\left(W^{\top} \mathbf{1},\; \mathbf{1}\right)"
    A = matrix("A", p, p)
    blocks = hessian(x.T @ A @ w, [x, w])
    assert latex(blocks) == r"\begin{pmatrix} 0 & A \\ A^{\top} & 0 \end{pmatrix}"
    assert latex(sympy.Eq(scalar("c"), 2 * scalar("d"))) == "c = 2 d"


def test_a_scalar_with_free_indices_prints_its_elements():
    i, j = axis_index(0), axis_index(1)
    assert latex_scalar(Element(X, i, j)) == "X_{ij}"
    assert latex_scalar(Reduce("add", Element(X, i, j) * Element(w, j), (j, p))) == r"\sum_{j=1}^{p} X_{ij} w_{j}"
    assert sympy.latex(Element(X, i, 0) ** 2) == "X_{i, 1}^{2}"


def test_conditions():
    above, below = ew.greater(x, 0), ew.less(x, 1)
    assert latex(ew.where(above & below, x, 0)) == (
        r"\begin{cases} x & \text{if } 0 < x < 1 \\ 0 & \text{otherwise} \end{cases}")  # fmt: skip
    c, d, e = scalar("c") > 0, scalar("d") > 0, scalar("e") > 0
    tex = latex(sympy.ITE(c, d, e))
    assert katex_error(tex) is None
    assert "ITE" not in tex


def test_names():
    assert doctest.testmod(names).failed == 0
    cases = {"theta": r"\theta", "x1": "x_{1}", "W_2": "W_{2}", "y_hat": r"\hat{y}", "δ": r"\delta", "Sigma": r"\Sigma",
             "x_bar_1": r"\bar{x}_{1}", "learning_rate": r"\mathrm{learning}_{\mathrm{rate}}", "a%b": r"\mathrm{a\%b}",
             "é": r"\mathrm{\text{é}}"}  # fmt: skip
    for name, expected in cases.items():
        assert latex(vector(name, n)) == expected
    for name in ("a#$^~\\{}b", "x y", "_", "__", "λ2", "x-1"):
        assert katex_error(latex(vector(name, n))) is None, name


def test_declared_latex_wins_and_takes_marks():
    z = vector("z1", n, latex="z^{[1]}")
    h = vector("h", n, latex=r"h_{[1]}^{\langle t \rangle}")
    assert latex(z.T @ y) == r"y^{\top} z^{[1]}"
    assert latex(X.T @ z) == r"X^{\top} z^{[1]}"
    assert latex(ew.square(z)) == r"\left(z^{[1]}\right)^{\odot 2}"
    assert latex(z, notation="index") == "z^{[1]}_{i}"
    assert latex(h, notation="index") == r"\left(h_{[1]}^{\langle t \rangle}\right)_{i}"
    assert latex(vector("x_1", n), notation="index") == "x_{1,i}"


@pytest.mark.parametrize("name", sorted(SCALAR_OPS))
def test_every_scalar_op_prints_on_vectors_and_matrices(name):
    for value in (x, W):
        if name == "where":
            result = ew.where(ew.greater(value, 0), value, 1)
        else:
            function = getattr(ew, name)
            result = function(value, value) if name in ("maximum", "minimum") else function(value)
        for expr in (result, ew.square(result), 2 * result - 1, ew.divide(1, result)):
            for notation in ("matrix", "index"):
                assert katex_error(latex(expr, notation=notation)) is None
