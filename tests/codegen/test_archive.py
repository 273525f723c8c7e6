"""Archives: programs, loop IR and text come back equal, as values of their classes; anything else is refused."""

import json
import math
from random import Random

import numpy as np
import pytest

from symdl_codegen import emit, ir, program
from symdl_codegen.pipeline import build, read, written
from symdl_codegen.program import Apply, Const, Load, verify
from symdl_codegen.runtime.archive import decode, encode
from tests.codegen.random_programs import random_arrays, random_program


@pytest.mark.parametrize("target", ["cpu", "numpy"])
@pytest.mark.parametrize("seed", range(6))
def test_random_programs_come_back(seed, target):
    made = build(verify(random_program(Random(seed))), target)
    again = read(written(made))
    assert (again.program, again.module, again.emitted) == (made.program, made.module, made.emitted)
    assert repr(again.module) == repr(made.module)  # equality alone does not tell 1 from True and 1.0
    assert (again.target, again.dtype, again.inputs, again.outputs) == (
        made.target,
        made.dtype,
        made.inputs,
        made.outputs,
    )
    sizes = {"n": 5, "m": 3, "k": 4}
    arrays = random_arrays(made.program, sizes, seed)
    one, other = made(arrays, sizes), again(arrays, sizes)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_values_keep_their_types():
    values = (1, True, 1.0, 0.0, -0.0, False, 0, None, "", "1", 0.1 + 0.2, math.inf, -math.inf, 2**70)
    assert list(map(repr, decode(encode(values)))) == list(map(repr, values))
    assert math.isnan(decode(encode(math.nan)))
    found = decode(encode({"b": Const(True), "a": (Const(1), Const(1.0))}))
    assert repr(found) == repr({"b": Const(True), "a": (Const(1), Const(1.0))})  # in the same order


def test_classes_of_one_name_are_told_apart():
    values = (program.Call("inv", 0, (), ()), emit.Call(0, (), "step"), program.Index("i"), ir.Local("i"))
    assert decode(encode(values)) == values


def test_equal_parts_become_one_object():
    shared = Apply("add", (Const(1.0), Load("x", ())))
    first, second = decode(encode((shared, Apply("add", (Const(1.0), Load("x", ()))))))
    assert first is second


def test_other_values_are_refused():
    for value in (object(), {1, 2}, [1], np.float32(1.0), Const):
        with pytest.raises(TypeError, match="has no form"):
            encode(value)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b'[["os.system"]]',
        b'[["", 7]]',
        b'[["program.Const", 0, 0]]',
        b'["a", ["program.Load"]]',
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="no archive"):
        decode(text)


def test_truncated_texts_are_refused():
    text = encode(build(verify(random_program(Random(1)))).module)
    for length in range(0, len(text), 97):
        with pytest.raises(ValueError, match="no archive"):
            decode(text[:length])
    json.loads(text)
