"""Bad input: each with a message that names the symbol, what was expected, what was found, and the remedy."""

import numpy as np
import pytest

import symdl as sd
from symdl.errors import CheckpointError, DerivationError, ExpressionError, InputError, NameConflictError, ShapeError
from tests.train.models import classifier, labelled, line, regression

x, y, w, b, v = sd.vector("x", 3), sd.scalar("y"), sd.vector("w", 3), sd.scalar("b"), sd.vector("v", 3)
n, p, q = sd.dims("n p q")


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (
            lambda: sd.Model(loss=w + x, parameters=[w], inputs=[x]),
            ShapeError,
            r"Model: the loss: expected a scalar, found a tensor of shape \(3,\)",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w, v], inputs=[x]),
            DerivationError,
            "the loss does not depend on the parameter v; it depends on w, x; use v in the loss or take it out",
        ),
        (
            lambda: sd.Model(loss=w @ x - y, parameters=[w], inputs=[x]),
            InputError,
            "the loss contains y, which is no parameter, input or target; list it in",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], outputs={"u": v @ x}),
            InputError,
            "the output u contains v, which is no parameter, input or target",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w, x], inputs=[x]),
            NameConflictError,
            "x is listed as parameter and as input; each symbol has one place",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[sd.vector("w", 4)], inputs=[x]),
            NameConflictError,
            r"the parameter w has shape \(4,\), the w in the loss \(3,\) or other properties; declare it once",
        ),
        (lambda: sd.Model(loss=w @ x, parameters=[], inputs=[x]), InputError, "parameters is empty"),
        (
            lambda: sd.Model(loss=w @ x, parameters=[2 * w], inputs=[x]),
            ExpressionError,
            "expected a declared symbol as parameter",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], init={"W": 0}),
            InputError,
            "init: W is no parameter of the model; expected w",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], init={w: np.zeros(4)}),
            InputError,
            r"w: expected shape \(3,\), found \(4,\)",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], init={w: lambda shape, random: np.zeros(2)}),
            InputError,
            r"init: the initializer of w gave shape \(2,\), expected \(3,\)",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], sizes={"p": 3}),
            InputError,
            "sizes: p is no size of the model; expected none",
        ),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], batch=3),
            InputError,
            "batch must be a size symbol from sd.dims, found 3",
        ),
        (lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], seed=-1), InputError, "seed: expected an integer"),
        (
            lambda: sd.Model(loss=w @ x, parameters=[w], inputs=[x], outputs=[w @ x]),
            InputError,
            "outputs: expected expressions by name, as {'y_hat': y_hat}, found list",
        ),
    ],
)
def test_declaration(declare, error, message):
    with pytest.raises(error, match=message):
        declare()


def changed(**arrays):
    return {**labelled(), **arrays}


RAGGED = [[1.0, 2.0, 3.0], [1.0]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "data: expected a mapping from names to arrays, found int"),
        ([1, 2], "data: a batch: expected a mapping from names to arrays, found int"),
        ({"x": labelled()["x"]}, "data: the array for y is missing; expected x, y"),
        (changed(z=np.zeros(50)), "data: the array z belongs to nothing in the model; expected x, y"),
        (changed(x=np.zeros((50, 4))), r"x: expected shape \(n, 3\), found \(50, 4\); the first axis is the sample"),
        (changed(x=np.zeros(50)), r"x: expected shape \(n, 3\), found \(50,\); the first axis is the sample"),
        (changed(x=np.zeros((49, 3))), "y: 50 samples, but x has 49; every array needs one row for each sample"),
        (changed(x=np.zeros((0, 3)), y=np.zeros(0)), r"x, y: no samples \(length 0\); give at least one"),
        (changed(x=np.zeros((50, 3), object)), "x: expected real numbers, found dtype object; convert it with"),
        (changed(x=np.zeros((50, 3), complex)), "x: expected real numbers, found dtype complex128; take .real"),
        (changed(x=[["a"] * 3] * 50), "x: expected real numbers, found dtype <U1; convert it with"),
        (changed(x=RAGGED), "x: expected a rectangular array of numbers, found rows of different lengths"),
        (changed(x=np.ma.masked_less(labelled()["x"], 0)), r"x: expected an array without a mask, found \d+ of 150"),
        (changed(y=np.full(50, np.nan)), "y: expected integer labels, found nan at position 0; drop or fill"),
        (changed(y=np.full(50, 0.5)), "y: expected integer labels, found 0.5 at position 0"),
        (changed(y=np.full(50, 3)), "y: label 3 at position 0 is out of range; expected integers 0 to 2"),
        (changed(y=np.full(50, -1)), "y: label -1 at position 0 is out of range"),
        (changed(y=np.full((50, 3), 0.5)), "y: declared one_hot, but its rows are not zeros with a single 1"),
        (changed(y=np.zeros((50, 2))), r"y: declared one_hot, but|y: expected shape \(50, 3\)"),
    ],
)
def test_data(data, message):
    with pytest.raises(InputError, match=message):
        sd.fit(classifier(), data, target="numpy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adam"}, r"optimizer: expected one of sd.optimizers, such as .*, found 'adam'"),
        ({"epochs": -1}, "epochs: expected an integer of at least 0, found -1"),
        ({"epochs": 1.5}, "epochs: expected an integer of at least 0, found 1.5"),
        ({"batch_size": 0}, "batch_size: expected an integer of at least 1, found 0"),
        ({"threads": 0}, "threads: expected an integer of at least 1, found 0"),
        ({"seed": "a"}, "seed: expected an integer of at least 0, found 'a'"),
        ({"target": "tpu"}, "unknown target 'tpu'; expected one of cpu, numpy, cuda"),
        ({"dtype": "float16"}, "unknown dtype 'float16'; expected one of float32, float64"),
        ({"clip_norm": 0}, "clip_norm: expected a number above 0, found 0"),
        ({"clip_value": float("nan")}, "clip_value: expected a number of at least 0, found nan"),
        ({"weight_decay": -1.0}, "weight_decay of W1: expected a number of at least 0, found -1.0"),
        ({"weight_decay": {"U": 1.0}}, "weight_decay: U is no parameter of the model; expected some of W1, b1, W2, b2"),
        ({"frozen": ["U"]}, "frozen: U is no parameter of the model"),
        ({"frozen": ["W1", "b1", "W2", "b2"]}, "frozen: every parameter is frozen"),
        ({"validation": 1.5}, r"validation: expected a share in \(0, 1\).*found 1.5 of 50 samples"),
        ({"validation": 0.001}, r"validation: expected a share in \(0, 1\) that leaves samples on both sides"),
        ({"validation": {"x": np.zeros((2, 3))}}, "validation: the array for y is missing"),
        ({"early_stopping": 3}, "early_stopping: needs validation data"),
        ({"early_stopping": 0, "validation": 0.1}, "early_stopping: patience: expected an integer of at least 1"),
        ({"metrics": ["f1"]}, "metrics: unknown metric 'f1'; expected one of accuracy, mse, rmse, mae, r2"),
        ({"metrics": {"a": ("accuracy", "u", "y")}}, "metrics: unknown output 'u'; expected one of y_hat"),
        ({"metrics": {"a": ("accuracy", "y_hat", "u")}}, "metrics: unknown target 'u'; expected one of x, y"),
        ({"sample_weights": np.ones(3)}, r"sample_weights: expected shape \(50,\), one weight for each sample, found"),
        ({"sample_weights": -np.ones(50)}, "sample_weights: expected finite numbers of at least 0, found -1.0"),
        ({"callbacks": [3]}, r"callbacks: expected functions of \(model, history\), found 3"),
    ],
)  # fmt: skip
def test_options(options, message):
    with pytest.raises(InputError, match=message):
        sd.fit(classifier(), labelled(), **{"target": "numpy", **options})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"W": 0}, "set_values: the array W belongs to nothing in the model; expected w, b"),
        ({"w": np.zeros(2)}, r"w: expected shape \(3,\), found \(2,\)"),
        ({"w": [1.0, np.inf, 0.0]}, "w: expected finite values, found inf"),
        ({"w": np.ma.array(np.ones(3), mask=True)}, "w: expected an array without a mask, found 3 of 3 values masked"),
        ({3: np.ones(3)}, "expected a name or a declared symbol as a key, found 3"),
        ({"w": ["a", "b", "c"]}, "w: expected real numbers, found dtype <U1"),
    ],
)
def test_values(values, message):
    with pytest.raises(InputError, match=message):
        regression().set_values(values)


def test_values_cannot_be_changed_behind_the_models_back():
    model = regression()
    with pytest.raises(ValueError, match="read-only"):
        model.values["w"][0] = 1.0
    with pytest.raises(TypeError):
        model.values["w"] = np.ones(3)


def test_unknown_sizes():
    u, t = sd.vector("u", p), sd.vector("t", q)
    W, c = sd.matrix("W", n, p), sd.matrix("V", q, n)
    model = sd.Model(loss=sd.sum(sd.square(c @ sd.tanh(W @ u) - t)), parameters=[W, c], inputs=[u], targets=[t])
    with pytest.raises(
        InputError, match="the parameters have no values: no array carries the size n, p, q; pass sizes="
    ):
        dict(model.values)
    data = {"u": np.zeros((5, 2)), "t": np.zeros((5, 1))}
    with pytest.raises(InputError, match=r"no array carries the size n; pass sizes=\{'n': ...\} to Model"):
        sd.fit(model, data, target="numpy")
    labels, V = sd.vector("t", q, one_hot=True), sd.matrix("V", q, p)
    model = sd.Model(loss=sd.sum(sd.square(V @ u - labels)), parameters=[V], inputs=[u], targets=[labels])
    with pytest.raises(InputError, match="t: the number of classes q is not known; declare t with an integer size"):
        sd.fit(model, {"u": np.zeros((5, 2)), "t": np.zeros(5)}, target="numpy")


def test_arrays_in_a_list_are_no_batches():
    data = labelled()
    with pytest.raises(InputError, match="data: a batch: expected a mapping from names to arrays, found ndarray"):
        sd.fit(classifier(), [data["x"], data["y"]], batch_size=10, target="numpy")
    with pytest.raises(InputError, match="data: a collection of batches has its own batches; batch_size"):
        sd.fit(classifier(), [data], batch_size=10, target="numpy")


def test_prediction():
    model = regression()
    with pytest.raises(InputError, match="x: expected an array without a mask, found 1 of 6 values masked"):
        model.predict({"x": np.ma.masked_equal([[1, 2, 3], [4, 5, 6]], 3)})
    with pytest.raises(InputError, match="predict: the array for x is missing; expected x"):
        model.predict({})
    with pytest.raises(InputError, match="predict: the array y belongs to nothing in the model; expected x"):
        model.predict(line())
    bare = sd.Model(loss=w @ x, parameters=[w], inputs=[x])
    with pytest.raises(InputError, match="predict: the model has no outputs; pass outputs="):
        bare.predict({"x": np.zeros((2, 3))})
    with pytest.raises(InputError, match="metrics: the model has no outputs or no data to compare"):
        bare.evaluate({"x": np.zeros((2, 3))}, ["mse"])
    knows = sd.Model(loss=(w @ x - y) ** 2, parameters=[w], inputs=[x], targets=[y], outputs={"r": w @ x - y})
    with pytest.raises(InputError, match="predict: the outputs depend on y, which is no input of the model"):
        knows.predict({"x": np.zeros((2, 3))}, target="numpy")


def test_batches_need_rows():
    A, X, u = sd.matrix("A", n, n), sd.matrix("X", n, 3), sd.vector("u", 3)
    model = sd.Model(loss=sd.sum(sd.square(A @ (X @ u))) / n, parameters=[u], inputs=[A, X], batch=n)
    data = {"A": np.eye(6), "X": np.ones((6, 3))}
    with pytest.raises(InputError, match=r"batch_size: A of shape .* has the batch on another axis than the first"):
        sd.fit(model, data, batch_size=2, target="numpy")
    with pytest.raises(InputError, match="sample_weights: the loss speaks of the whole batch"):
        sd.fit(model, data, sample_weights=np.ones(6), target="numpy")


def test_checkpoints(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(CheckpointError, match="there is no such file"):
        sd.load(path)
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(CheckpointError, match="not a readable safetensors file"):
        sd.load(path)
    regression().save(path)
    with pytest.raises(CheckpointError, match="holds another model: its equations differ"):
        sd.fit(classifier(), labelled(), resume=path, target="numpy")
    with pytest.raises(CheckpointError, match="resume: there is no training to continue"):
        sd.fit(regression(), line(), resume=path, target="numpy")
    sd.fit(regression(), line(), epochs=1, checkpoint=path, target="numpy")
    message = r"other settings of optimizer \('SGD', before: 'Adam'\), seed \(3, before: 0\); continue with the same"
    with pytest.raises(CheckpointError, match=message):
        sd.fit(regression(), line(), resume=path, seed=3, optimizer=sd.optimizers.SGD(), target="numpy")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (np.nan, {}, r"x: the data to train on hold nan at \[3, 1\], one of 1; drop or fill them"),
        (-np.inf, {}, r"x: the data to train on hold -inf at \[3, 1\]"),
        (
            1e300,
            {"dtype": "float32"},
            r"x: 1e\+300 at \[3, 1\] is too large for float32; scale x, or use dtype='float64'",
        ),
    ],
)
def test_training_data_are_finite(value, options, message, streamed):
    data, model = line(), regression()
    data["x"][3, 1] = value
    with pytest.raises(InputError, match=message):
        sd.fit(model, [data] if streamed else data, **options)
    assert model.history is None
    assert np.isfinite(model.predict({"x": data["x"]})["y_hat"][3]) == np.isfinite(value)


def test_initial_values_of_a_wrong_shape_are_refused_at_the_model():
    with pytest.raises(InputError, match=r"init: w: expected shape \(3,\), found \(4,\)"):
        regression(init={"w": np.zeros(4)})
    with pytest.raises(InputError, match=r"init: the initializer of w gave shape \(2,\), expected \(3,\)"):
        regression(init={"w": lambda shape, generator: np.zeros(2)})
