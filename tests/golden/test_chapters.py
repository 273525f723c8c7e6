r"""Chapters 5 to 8: every formula derived, printed as in the book, and equal to the catalogue's in NumPy to 1e-10.

The rows are in a file for each chapter. The expected text is written by hand from the book's form. Each entry of the
catalogue has rows, a test elsewhere, or a reason why it is no formula to derive; where what is printed has another form
than the book's, ``OTHER_FORM`` says how.
"""

import importlib

import numpy as np
import pytest

import symdl as sd
from symdl.interpret import evaluate
from tests.golden import chapter_5, chapter_6, chapter_7, chapter_8
from tests.golden.order import canonical
from tests.golden.rows import NUMPY, SIZES
from tests.katex import katex_error
from tests.structures.checks import inputs

# Arguments for which a formula is tested in place of random ones: both sides of an indicator, boxes that meet.
BOXES = {"l0": 0.0, "t0": 0.0, "r0": 2.0, "b0": 3.0, "l1": 0.5, "t1": 1.0, "b1": 4.0}
SPECIAL = {
    "6.6-localisation": ({"p": 1.0}, {"p": 0.0}),
    "6.6-iou": ({**BOXES, "r1": 1.5}, {**BOXES, "r1": 2.5}, {**BOXES, "l1": 2.25, "r1": 3.0}),
    "6.6-siamese": ({"y": 0.0, "m": 0.1}, {"y": 0.0, "m": 20.0}, {"y": 1.0}),
    "6.6-triplet": ({"m": 0.01}, {"m": 50.0}),
}
CHAPTERS = (chapter_5, chapter_6, chapter_7, chapter_8)
ROWS = {entry: row for chapter in CHAPTERS for entry, row in chapter.ROWS.items()}


def sizes_of(expression):
    """Return the sizes in an expression and in the shapes of what it reads."""
    symbols = [*expression.free_symbols, expression]
    shapes = [size for symbol in symbols for size in getattr(symbol, "shape", (symbol,))]
    found = set().union(*(size.free_symbols for size in shapes)) if shapes else set()
    return {symbol.name: SIZES[symbol.name] for symbol in found if symbol.is_integer and symbol.is_positive}


@pytest.mark.parametrize("entry", ROWS)
def test_printed_as_in_the_book(entry):
    result, expected, _ = ROWS[entry]
    found = sd.latex(result())
    assert canonical(found) == canonical(expected)
    assert katex_error(found) is None


def arrays_of(expression, sizes, seed):
    """Return random arrays for what an expression reads; integers are places, below the smallest size."""
    integers = {symbol.name for symbol in expression.free_symbols if "integer" in getattr(symbol, "properties", ())}
    rng, arrays = np.random.default_rng(seed), inputs(expression, sizes=sizes, seed=seed)
    places = {name: rng.integers(0, min(sizes.values()), arrays[name].shape) for name in sorted(integers)}
    return {**arrays, **places}


@pytest.mark.parametrize("entry", ROWS)
def test_the_value_is_that_of_the_formula(entry):
    result, _, formula = ROWS[entry]
    expression = result()
    sizes = sizes_of(expression)
    for seed, special in enumerate(SPECIAL.get(entry.split(",")[0], ({}, {}))):
        arrays = arrays_of(expression, sizes, seed)
        arrays |= {name: value for name, value in special.items() if name in arrays}
        found = evaluate(expression, arrays, sizes)
        expected = eval(formula, {**NUMPY, **sizes, **arrays})
        np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def entries(chapter):
    """Return the names of a chapter's entries, such as 5.1-mlp; sections are numbered from 1."""
    number = chapter.__name__[-1]
    sections = enumerate(chapter.ENTRIES.split("|"), 1)
    return [f"{number}.{section}-{name}" for section, names in sections for name in names.split()]


ENTRIES = {entry: chapter for chapter in CHAPTERS for entry in entries(chapter)}
# Entries to which the catalogue gives a derivative: no reason stands for a test.
DERIVATIVES = {
    "5.3": "sigmoid tanh relu leaky prelu elu selu softplus swish gelu others softmaxlayer",
    "5.4": "backprop-general backprop-fc backprop-batch scalarchain vanish",
    "5.6": "bn-back",
    "5.7": "dropout l2 l1 labelsmooth",
    "6.2": "conv1d",
    "6.3": "conv-back transposed conv3d",
    "6.4": "maxpool avgpool gn",
    "6.5": "inception resnet saliency",
    "6.6": "localisation siamese triplet",
    "7.1": "onehot embed word2vec",
    "7.2": "bptt local vanish",
    "7.3": "birnn stacked lstm-back gru-back",
    "7.4": "scores",
    "7.5": "attn-back ln cross",
    "8.1": "reparam kl-diag",
    "8.2": "simple score",
    "8.3": "minimax nonsat wgangp",
    "8.4": "dqn pg",
    "8.5": "mp gcn gat",
}


def test_there_are_as_many_entries_as_in_the_catalogue():
    assert [len(entries(chapter)) for chapter in CHAPTERS] == [40, 34, 39, 48]
    assert sum(len(entries(chapter)) for chapter in CHAPTERS) == len(ENTRIES)
    assert derivatives() <= set(ENTRIES)


def derivatives():
    return {f"{section}-{name}" for section, names in DERIVATIVES.items() for name in names.split()}


@pytest.mark.parametrize("entry", ENTRIES)
def test_every_entry_has_rows_or_a_test_or_a_reason(entry):
    chapter = ENTRIES[entry]
    shown = {key.split(",")[0].split(":")[0] for key in chapter.ROWS} | set(chapter.ELSEWHERE)
    assert (entry in shown) + (entry in chapter.NO_ROW) == 1
    assert entry in shown or entry not in derivatives()
    for name in chapter.ELSEWHERE.get(entry, "").split():
        module, _, test = name.partition(":")
        assert callable(getattr(importlib.import_module(module), test))


def test_nothing_else_is_listed():
    for chapter in CHAPTERS:
        listed = [*chapter.ROWS, *chapter.ELSEWHERE, *chapter.NO_ROW, *chapter.OTHER_FORM]
        assert {key.split(",")[0].split(":")[0] for key in listed} <= set(entries(chapter))


def test_one_layer_interpolates():
    """5.2-relu-interp: v_1 + Σ (s_i - s_{i-1}) ReLU(x - u_i) goes through its knots, with slopes s_i between them."""
    r = 10
    u, v, x = sd.vector("u", r), sd.vector("v", r), sd.scalar("x")
    slopes = sd.divide(v[1:] - v[: r - 1], u[1:] - u[: r - 1])
    steps = slopes - sd.concat([sd.zeros(1), slopes[: r - 2]])
    f = v[0] + steps @ sd.relu(x - u[: r - 1])
    knots = np.linspace(0, 4, r)
    heights = np.cos(2 * np.cos(knots**2) + (knots - 1) ** 2 / 4) + knots / 2 + 1
    slope = sd.grad(f, x)
    for place in range(r):
        at = {"u": knots, "v": heights, "x": knots[place]}
        np.testing.assert_allclose(evaluate(f, at), heights[place], rtol=1e-12)
        if place < r - 1:
            expected = (heights[place + 1] - heights[place]) / (knots[place + 1] - knots[place])
            found = evaluate(slope, {**at, "x": (knots[place] + knots[place + 1]) / 2})
            np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_equal_units_stay_equal():
    """5.5-symmetry: hidden units with equal weights have equal gradients; with other weights they have not."""
    x, y = sd.vector("x", 4), sd.vector("y", 2)
    W1, W2 = sd.matrix("W1", 3, 4), sd.matrix("W2", 2, 3)
    gradient = sd.grad(sd.norm(W2 @ sd.tanh(W1 @ x) - y) ** 2, W1)
    rng = np.random.default_rng(0)
    given = {name: rng.standard_normal(shape) for name, shape in {"x": 4, "y": 2, "W1": (3, 4), "W2": (2, 3)}.items()}
    given["W1"][1], given["W2"][:, 1] = given["W1"][0], given["W2"][:, 0]
    rows = evaluate(gradient, given)
    np.testing.assert_array_equal(rows[0], rows[1])
    assert not np.allclose(rows[0], rows[2])
