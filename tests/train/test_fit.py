"""Training: the path is that of recursions by hand, whatever is switched on; batches, weights, clipping, freezing."""

import itertools

import numpy as np
import pytest

import symdl as sd
from symdl.errors import InputError
from symdl.train import stream
from tests.train.models import classifier, cost_and_gradient, labelled, line, regression

ALPHA = 0.05


def by_hand(data, epochs, batch=None, order=None, change=lambda w, b, gw, gb: (gw, gb), penalty=0.0, weights=None):
    """Gradient descent on the regression; returns w, b and the mean loss of each epoch."""
    w, b, losses = np.zeros(3), 0.0, []
    x, y = data["x"], data["y"]
    for epoch in range(epochs):
        rows = np.arange(len(x)) if order is None else order(epoch)
        total = 0.0
        for start in range(0, len(x), batch or len(x)):
            part = rows[start : start + (batch or len(x))]
            chosen = None if weights is None else weights[part]
            cost, gw, gb = cost_and_gradient(w, b, x[part], y[part], penalty, chosen)
            gw, gb = change(w, b, gw, gb)
            w, b, total = w - ALPHA * gw, b - ALPHA * gb, total + cost * len(part)
        losses.append(total / len(x))
    return w, b, losses


def train(model=None, data=None, **options):
    model = regression() if model is None else model
    settings = {"optimizer": sd.optimizers.SGD(alpha=ALPHA), "dtype": "float64", "target": "numpy", "epochs": 3}
    history = sd.fit(model, line() if data is None else data, **{**settings, **options})
    return model, history


def check(model, history, expected):
    w, b, losses = expected
    np.testing.assert_allclose(model.values["w"], w, rtol=1e-12)
    np.testing.assert_allclose(model.values["b"], b, rtol=1e-12)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)


def test_whole_batches():
    check(*train(), by_hand(line(), 3))


@pytest.mark.parametrize("target", ["numpy", "cpu"])
@pytest.mark.parametrize("batch", [7, 8, 39, 40])
def test_a_short_last_batch_counts_by_its_own_size(batch, target):
    check(*train(batch_size=batch, shuffle=False, target=target), by_hand(line(), 3, batch))


def test_penalties_are_counted_once():
    check(*train(regression(0.3), batch_size=7, shuffle=False), by_hand(line(), 3, 7, penalty=0.3))


def test_shuffling_depends_on_the_seed_alone():
    first, again, other = (train(batch_size=8, seed=seed)[0].values["w"] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_sample_is_met_once_in_an_epoch():
    data = {"x": np.zeros((9, 3)), "y": 10.0 ** np.arange(9)}
    settings = {"optimizer": sd.optimizers.SGD(alpha=1e-300), "batch_size": 2, "epochs": 4}
    _, history = train(data=data, **settings)
    np.testing.assert_allclose(history.loss, np.mean(data["y"] ** 2), rtol=1e-12)


def test_sample_weights():
    weights = np.random.default_rng(0).uniform(0, 2, 40)
    model, history = train(regression(0.1), sample_weights=weights, batch_size=16, shuffle=False)
    check(model, history, by_hand(line(), 3, 16, penalty=0.1, weights=weights))


def test_doubling_a_sample_is_the_weight_two():
    data, weights = line(), np.ones(40)
    weights[:5] = 2
    twice = {name: np.concatenate([array, array[:5]]) for name, array in data.items()}
    weighted, _ = train(sample_weights=weights, epochs=20, optimizer=sd.optimizers.SGD(alpha=ALPHA * 40 / 45))
    doubled, _ = train(data=twice, epochs=20, optimizer=sd.optimizers.SGD(alpha=ALPHA))
    np.testing.assert_allclose(weighted.values["w"], doubled.values["w"], rtol=1e-10)


def test_clipping_by_the_norm_over_all_parameters():
    def change(w, b, gw, gb):
        scale = min(1.0, 0.5 / np.sqrt(gw @ gw + gb * gb))
        return gw * scale, gb * scale

    check(*train(clip_norm=0.5, epochs=60), by_hand(line(), 60, change=change))


def test_clipping_of_elements():
    check(
        *train(clip_value=0.3),
        by_hand(line(), 3, change=lambda w, b, gw, gb: (gw.clip(-0.3, 0.3), np.clip(gb, -0.3, 0.3))),
    )


def test_both_kinds_of_clipping():
    def change(w, b, gw, gb):
        gw, gb = gw.clip(-1, 1), np.clip(gb, -1, 1)
        scale = min(1.0, 0.5 / np.sqrt(gw @ gw + gb * gb))
        return gw * scale, gb * scale

    check(*train(clip_value=1.0, clip_norm=0.5), by_hand(line(), 3, change=change))


def test_a_zero_gradient_is_not_clipped_to_nan():
    data = {"x": np.zeros((4, 3)), "y": np.zeros(4)}
    model, _ = train(data=data, clip_norm=1.0)
    assert (model.values["w"] == 0).all()


@pytest.mark.parametrize("given", [0.2, {"w": 0.2}])
def test_weight_decay(given):
    everywhere = not isinstance(given, dict)
    expected = by_hand(line(), 3, change=lambda w, b, gw, gb: (gw + 0.2 * w, gb + 0.2 * b * everywhere))
    check(*train(weight_decay=given), expected)


def test_weight_decay_comes_after_clipping():
    def change(w, b, gw, gb):
        scale = min(1.0, 0.5 / np.sqrt(gw @ gw + gb * gb))
        return gw * scale + 0.2 * w, gb * scale + 0.2 * b

    check(*train(clip_norm=0.5, weight_decay=0.2), by_hand(line(), 3, change=change))


def test_frozen_parameters_keep_their_values():
    model = regression(init={"b": 0.25})
    train(model, frozen=["b"])
    assert model.values["b"] == 0.25
    w = np.zeros(3)
    data = line()
    for _ in range(3):
        w = w - ALPHA * cost_and_gradient(w, 0.25, data["x"], data["y"])[1]
    np.testing.assert_allclose(model.values["w"], w, rtol=1e-12)
    train(model, frozen=model.declared.parameters[0])
    np.testing.assert_allclose(model.values["w"], w, rtol=1e-12)
    assert model.values["b"] != 0.25


def test_equations_of_a_whole_batch():
    n = sd.dims("n")
    X, y, w, b = sd.matrix("X", n, 3), sd.vector("y", n), sd.vector("w", 3), sd.scalar("b")
    loss = sd.sum(sd.square(X @ w + b - y)) / n
    model = sd.Model(loss=loss, parameters=[w, b], inputs=[X], targets=[y], outputs={"y_hat": X @ w + b}, batch=n)
    data = {"X": line()["x"], "y": line()["y"]}
    check(*train(model, data), by_hand(line(), 3))
    model.initialise(0)
    check(*train(model, data, batch_size=16, shuffle=False), by_hand(line(), 3, 16))
    found = model.predict({"X": data["X"][:5]})["y_hat"]
    np.testing.assert_allclose(found, data["X"][:5] @ model.values["w"] + model.values["b"], rtol=1e-12)


def test_data_that_every_batch_needs_in_full():
    n, m = sd.dims("n m")
    X, Z, u = sd.matrix("X", n, 3), sd.matrix("Z", m, 3), sd.vector("u", 3)
    loss = sd.sum(sd.square(X @ u - 1)) / n + sd.sum(sd.square(Z @ u))
    model = sd.Model(loss=loss, parameters=[u], inputs=[X, Z], batch=n)
    data = {"X": line()["x"], "Z": np.eye(3)[:2]}
    _, history = train(model, data, batch_size=10, epochs=40)
    assert history.loss[-1] < history.loss[0]
    with pytest.raises(sd.errors.InputError, match="validation: a share cannot be set aside"):
        train(model, data, validation=0.5)


def test_labels_and_one_hot_rows_are_the_same():
    data = labelled()
    rows = {"x": data["x"], "y": np.eye(3)[data["y"]]}
    by_label, by_row = classifier(), classifier()
    train(by_label, data, batch_size=16)
    train(by_row, rows, batch_size=16)
    for name, array in by_label.values.items():
        np.testing.assert_array_equal(array, by_row.values[name])


def test_arrays_of_every_layout_simply_work():
    data = line()
    expected, _ = train(data=data, batch_size=8)
    wide = np.zeros((40, 6))
    wide[:, ::2] = data["x"]
    frozen = data["y"].copy()
    frozen.flags.writeable = False
    for x in (np.asfortranarray(data["x"]), wide[:, ::2], data["x"].tolist()):
        found, _ = train(data={"x": x, "y": frozen}, batch_size=8)
        np.testing.assert_array_equal(found.values["w"], expected.values["w"])
        np.testing.assert_array_equal(found.predict({"x": x})["y_hat"], expected.predict({"x": data["x"]})["y_hat"])


def test_memory_mapped_arrays(tmp_path):
    data = line()
    np.save(tmp_path / "x.npy", data["x"])
    mapped = {"x": np.load(tmp_path / "x.npy", mmap_mode="r"), "y": data["y"]}
    np.testing.assert_array_equal(train(data=mapped)[0].values["w"], train()[0].values["w"])


def test_keys_may_be_symbols():
    model = regression()
    x, y = model.declared.data
    expected, _ = train()
    found, _ = train(data={x: line()["x"], y: line()["y"]})
    np.testing.assert_array_equal(found.values["w"], expected.values["w"])


def test_values_are_drawn_from_the_seed_unless_they_were_set():
    first, second = classifier(), classifier()
    train(first, labelled(), epochs=0, seed=5)
    second.initialise(5)
    np.testing.assert_array_equal(first.values["W1"], second.values["W1"])
    third = classifier()
    third.set_values({"W1": np.ones((4, 3))})
    train(third, labelled(), epochs=0, seed=5)
    np.testing.assert_array_equal(third.values["W1"], np.ones((4, 3)))
    np.testing.assert_array_equal(third.values["W2"], classifier().values["W2"])


def test_changing_numbers_compiles_nothing_anew():
    model, _ = train(clip_norm=1.0)
    programs = len(model._built)
    train(model, clip_norm=2.0, optimizer=sd.optimizers.SGD(alpha=0.1), batch_size=40, epochs=1)
    assert len(model._built) == programs
    for count in (1, 17, 400):
        assert model.predict({"x": np.zeros((count, 3))})["y_hat"].shape == (count,)
    assert len(model._built) == programs + 1


def test_the_program_a_model_was_last_trained_with():
    model = regression()
    with pytest.raises(InputError, match="training_program: the model has not been trained yet"):
        model.training_program()
    programs = []
    for optimizer in (sd.optimizers.SGD(), sd.optimizers.Adam(), sd.optimizers.SGD()):
        sd.fit(model, line(), optimizer=optimizer, epochs=1, target="numpy")
        programs.append(model.training_program())
    assert programs[0] is programs[2]
    assert programs[0] is not programs[1]


class Batches:
    """A collection of batches that can be gone through again and again, as data loaders are."""

    def __init__(self, data, size):
        self.data, self.size = data, size

    def __iter__(self):
        for start in range(0, len(self.data["x"]), self.size):
            yield {name: array[start : start + self.size] for name, array in self.data.items()}


def test_batches_from_a_collection(tmp_path):
    check(*train(data=Batches(line(), 7)), by_hand(line(), 3, 7))
    check(*train(data=list(Batches(line(), 7)), validation=line(9, 1), metrics=["mse"]), by_hand(line(), 3, 7))
    rate = {"optimizer": sd.optimizers.Adam(alpha=sd.optimizers.schedules.ExponentialDecay(0.01, 0.9))}
    whole, _ = train(data=line(), batch_size=7, shuffle=False, **rate)
    train(data=Batches(line(), 7), epochs=1, checkpoint=tmp_path / "c.safetensors", **rate)
    model, _ = train(data=Batches(line(), 7), resume=tmp_path / "c.safetensors", **rate)
    np.testing.assert_allclose(model.values["w"], whole.values["w"], rtol=1e-12)


class Reader(Batches):
    """As files are read: each batch into the same memory."""

    def __iter__(self):
        memory = {name: np.empty((self.size, *array.shape[1:])) for name, array in self.data.items()}
        for batch in super().__iter__():
            for name, array in batch.items():
                memory[name][: len(array)] = array
            yield {name: memory[name][: len(array)] for name, array in batch.items()}


@pytest.mark.parametrize("room", [stream.ROOM, 0, 5 * 7 * 8 * 4])
def test_batches_that_come_are_those_of_arrays(room, monkeypatch):
    monkeypatch.setattr(stream, "ROOM", room)
    options = {"optimizer": sd.optimizers.Adam(alpha=0.1), "epochs": 4, "target": "cpu"}
    expected, _ = train(data=line(60), batch_size=7, shuffle=False, **options)
    for data in (Batches(line(60), 7), Reader(line(60), 7)):
        model, _ = train(data=data, **options)
        np.testing.assert_array_equal(model.history.step_loss, expected.history.step_loss)
        for name, value in expected.values.items():
            np.testing.assert_array_equal(model.values[name], value)


def test_batches_of_all_lengths():
    data, cuts = line(60), [0, 7, 14, 16, 23, 26, 29, 32, 45, 46, 60]
    parts = [{name: array[a:b] for name, array in data.items()} for a, b in itertools.pairwise(cuts)]
    model, history = train(data=parts, epochs=1)
    w, b, losses = np.zeros(3), 0.0, []
    for part in parts:
        cost, gw, gb = cost_and_gradient(w, b, part["x"], part["y"])
        w, b, losses = w - ALPHA * gw, b - ALPHA * gb, [*losses, cost]
    np.testing.assert_allclose(history.step_loss, losses, rtol=1e-12)
    check(model, history, (w, b, [np.average(losses, weights=np.diff(cuts))]))


def test_a_collection_that_does_not_begin_anew():
    class Once(list):
        times = 0

        def __iter__(self):
            self.times += 1
            return super().__iter__() if self.times < 4 else iter(())

    with pytest.raises(sd.errors.InputError, match="there are no batches in epoch 1; each time it has to begin anew"):
        train(data=Once([line()]), epochs=3)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (iter([]), {}, "data: list_iterator is used up after one epoch; pass a list of batches"),
        ([], {}, "data: there are no batches"),
        ([{"x": np.zeros((2, 3))}], {}, "data: a batch: the array for y is missing; expected x, y"),
        ([line()], {"batch_size": 3}, "data: a collection of batches has its own batches"),
        ([line()], {"metrics": ["mse"]}, "metrics: data that come in batches are not measured; pass validation data"),
    ],
)
def test_collections_that_cannot_be_trained_on(data, options, message):
    with pytest.raises(sd.errors.InputError, match=message):
        train(data=data, **options)
