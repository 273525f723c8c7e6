"""Trainings on several threads: the same values to the bit, for every kind of model."""

import numpy as np
import pytest

import symdl as sd
import symdl_codegen.runtime.division as division
import symdl_codegen.runtime.engine_cpu as engine_cpu
import symdl_codegen.runtime.traffic as traffic
from symdl.errors import InputError
from symdl.losses.cross_entropy import cross_entropy
from symdl.models.gru_digits import sequence_classifier
from symdl.models.language import language_model
from symdl.models.lenet import lenet
from symdl.models.transformer import Sizes

COUNTS = (1, 2, 3, 4, 8)
SAMPLES, BATCH, EPOCHS = 40, 16, 34  # 102 steps; the last one of each epoch is short
RANDOM = np.random.default_rng(0)


def dropout():
    x, y = sd.vector("x", 30), sd.vector("y", 4, one_hot=True)
    W, V = sd.matrix("W", 50, 30), sd.matrix("V", 4, 50)
    y_hat = sd.named("y_hat", sd.softmax(V @ sd.dropout(sd.relu(W @ x), 0.3)))
    model = sd.Model(loss=cross_entropy(y, y_hat), parameters=[W, V], inputs=[x], targets=[y], outputs={"y_hat": y_hat})
    return model, {"x": RANDOM.normal(size=(SAMPLES, 30)), "y": RANDOM.integers(0, 4, SAMPLES)}


def convolutions():
    model = lenet(side=12, classes=3, filters=(3, 5), widths=(20,))
    return model, {"x": RANDOM.normal(size=(SAMPLES, 1, 12, 12)), "y": RANDOM.integers(0, 3, SAMPLES)}


def lstm():
    model = sequence_classifier(7, 3, 20, "lstm")
    return model, {"x": RANDOM.normal(size=(SAMPLES, 6, 7)), "y": RANDOM.integers(0, 3, SAMPLES)}


def attention():
    symbols = RANDOM.integers(0, 11, (SAMPLES, 9))
    return language_model(11, 8, Sizes(16, 2, 24, 8, 8), 1), {"x": symbols[:, :-1], "y": symbols[:, 1:]}


MODELS = {"dropout": dropout, "convolutions": convolutions, "lstm": lstm, "attention": attention}


@pytest.mark.parametrize("name", MODELS)
def test_values_are_the_same_after_a_hundred_steps(name, monkeypatch):
    monkeypatch.setattr(engine_cpu, "WAKING", -1.0)
    monkeypatch.setattr(division, "BARRIER", 0.0)
    monkeypatch.setattr(division, "CROWD", 0.0)
    monkeypatch.setattr(traffic, "FETCH", 0.0)
    monkeypatch.setattr(engine_cpu, "available", lambda: 256)
    model, data = MODELS[name]()
    found = []
    for threads in COUNTS:
        model.initialise(0)
        history = sd.fit(model, data, epochs=EPOCHS, batch_size=BATCH, threads=threads, progress=False)
        found.append({**model.values, "loss": np.array(history.loss)})
        plans = model.training_program().executable.engine.plans
        assert threads in {plan.workers for plan, _ in plans.values()}
    for other in found[1:]:
        for key, value in found[0].items():
            np.testing.assert_array_equal(other[key], value, err_msg=key)


def test_threads_by_the_variable_and_wrong_ones(monkeypatch):
    x = sd.vector("x", sd.dims("n"))
    monkeypatch.setenv("SYMDL_NUM_THREADS", "none")
    with pytest.raises(InputError, match="SYMDL_NUM_THREADS: expected an integer of at least 1, found 'none'"):
        sd.compile(sd.sum(x))
    assert sd.compile(sd.sum(x), threads=3)(x=np.ones(5)) == 5
    monkeypatch.setenv("SYMDL_NUM_THREADS", "2")
    assert sd.compile(sd.sum(x))(x=np.ones(5)) == 5
    for wrong in (0, -3, 2.0, "two"):
        with pytest.raises(InputError, match="threads: expected an integer of at least 1"):
            sd.compile(sd.sum(x), threads=wrong)
