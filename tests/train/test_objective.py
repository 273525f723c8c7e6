"""From one sample to a batch: which terms are averaged, and how a training step is put together."""

import numpy as np
import pytest
import sympy

import symdl as sd
from symdl.expr.system import trace
from symdl.train.declaration import declare
from symdl.train.objective import objective
from symdl.train.step import Part, Rates, Switches, hoisted, training_step
from tests.katex import katex_error
from tests.train.models import classifier, line, regression

w, x, y, b = sd.vector("w", 3), sd.vector("x", 3), sd.scalar("y"), sd.scalar("b")
own, each = sd.sum(sd.square(w)), (w @ x - y) ** 2


@pytest.mark.parametrize(
    "loss",
    [each + own, sd.named("C", each + own), sd.named("D", each) + sd.named("R", own), (2 * each + 2 * own) / 2],
)
def test_terms_in_parameters_alone_stay_outside_the_mean(loss):
    goal = objective(declare(loss, [w], [x], [y], {}, None), weighted=True)
    [cost] = goal.costs.values()
    assert cost.rest == own
    assert {symbol.name for symbol in cost.total.free_symbols} == {"w", "x", "y", "sample.weight"}


def test_named_terms_and_factors_give_the_same_training():
    data = {"x": line()["x"], "y": line()["y"]}
    values = []
    for loss in (each + own, sd.named("C", each + own), sympy.Rational(1, 2) * (2 * each + 2 * own)):
        model = sd.Model(loss=loss, parameters=[w], inputs=[x], targets=[y])
        sd.fit(
            model, data, epochs=2, batch_size=8, dtype="float64", target="numpy", sample_weights=np.linspace(0, 2, 40)
        )
        values.append(model.values["w"])
    np.testing.assert_allclose(values[1], values[0], rtol=1e-12)
    np.testing.assert_allclose(values[2], values[0], rtol=1e-12)


def test_outputs_get_the_batch_axis_only_where_data_enter():
    declared = declare(each, [w], [x], [y], {"z": w @ x, "size": sd.sum(w)}, None)
    goal = objective(declared)
    assert goal.outputs["z"].shape == (goal.size,)
    assert goal.outputs["size"] == sd.sum(w)


def test_the_batch_length_has_a_name_of_its_own():
    n_b = sd.scalar("n_b")
    goal = objective(declare((n_b * x[0] - y) ** 2, [n_b], [x], [y], {}, None))
    assert goal.size.name == "n_batch"


def test_hyper_parameters_are_hoisted_into_few_scalars():
    theta, alpha, t = sd.vector("theta", 3), sd.scalar("alpha"), sd.scalar("t")
    values, rates = hoisted([theta - alpha / (1 - alpha ** (t + 1)) * theta], {alpha, t})
    assert len(rates) == 1
    numbers = {alpha: np.array([0.5, 0.5]), t: np.array([0.0, 1.0])}
    [array] = Rates(rates)(numbers, 2).values()
    np.testing.assert_allclose(array, [0.5 / (1 - 0.5), 0.5 / (1 - 0.25)])
    assert {symbol.name for symbol in values[0].free_symbols} == {"theta", *rates}


def test_a_step_names_its_states_and_updates():
    model = classifier()
    step = training_step(
        objective(model.declared), [Part("loss", model.declared.parameters, sd.optimizers.Adam())], Switches()
    )
    assert ("W1", "W1.next") in step.updates
    assert ("b2.s", "b2.s.next") in step.updates
    assert len(step.updates) == 12
    system = trace(list(step.outputs.values()), list(step.outputs))
    assert {"z1", "a1", "z2", "y_hat"} <= {equation.target.name for equation in system.equations}


def test_the_model_prints_its_equations():
    text = classifier()._repr_latex_().strip("$")
    assert katex_error(text) is None
    for part in (r"z^{[1]} &= W_{1} x + b_{1}", r"\hat{y} &= S_{\mathrm{Softmax}}", r"C_i &= -y^{\top} \log"):
        assert part in text
    bare = sd.Model(loss=each, parameters=[w], inputs=[x], targets=[y], outputs={"r_2": w @ x})
    assert katex_error(bare._repr_latex_().strip("$")) is None
    assert "w" in repr(bare)


def test_gradients_are_those_of_one_sample():
    found = regression(sympy.Rational(1, 10)).gradients()
    assert set(found) == {"w", "b"}
    assert found["w"].shape == (3,)


def test_scalar_and_matrix_symbols_of_sympy():
    p = sd.dims("p")
    X, u = sympy.MatrixSymbol("X", p, 1), sympy.MatrixSymbol("u", p, 1)
    model = sd.Model(loss=(u.T * X - sympy.Matrix([[1]])) @ (u.T * X - sympy.Matrix([[1]])), parameters=[u], inputs=[X])
    history = sd.fit(model, {"X": line()["x"][:, :, None]}, epochs=30, dtype="float64", target="numpy",
                     optimizer=sd.optimizers.SGD(alpha=0.05))  # fmt: skip
    assert history.loss[-1] < history.loss[0]
