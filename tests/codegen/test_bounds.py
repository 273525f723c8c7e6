"""No silent read or write outside a tensor: what is shown, what is refused and in which words, what run time checks."""

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.errors import ArgumentError
from symdl_codegen.program import Const, Index, Size
from tests.codegen.programs import Builder, ap, axes, ld

TARGETS = ("cpu", "numpy")
n, m = Size("n"), Size("m")


def plus(index, number):
    return ap("add", Index(index) if isinstance(index, str) else index, number)


def inside(index, extent):
    return ap("and", ap("le", 0, index), ap("lt", index, extent))


def one(body, over=None, reduction=None, reduced=(), **options):
    """The program ``y[i] = body`` over inputs x[n], z[m], integers w[n], v[m] and booleans q[n]."""
    b = Builder("one", n=None, m=None)
    b.input("x", "n")
    b.input("z", "m")
    b.input("w", "n", kind="int")
    b.input("v", "m", kind="int")
    b.input("q", "n", kind="bool")
    b.eq("y", over or axes(i="n"), body, reduction, reduced, **options)
    return b.program("y")


def arrays(lengths=(4, 3), **chosen):
    rows, columns = lengths
    given = {
        "x": np.arange(1.0, rows + 1),
        "z": np.arange(1.0, columns + 1),
        "w": np.zeros(rows, int),
        "v": np.zeros(columns, int),
        "q": np.zeros(rows, bool),
    }
    return {**given, **{name: np.asarray(value) for name, value in chosen.items()}}


def refused(program, given, target="cpu"):
    with pytest.raises(ArgumentError) as caught:
        build(program, target)(given)
    return str(caught.value)


@pytest.mark.parametrize("target", TARGETS)
def test_affine_read_outside_is_refused(target):
    message = refused(one(ld("x", plus("i", 1))), arrays(), target)
    assert message == (
        "equation for y: the read of x[(i + 1)] reaches from 1 to 4 along axis 0 of x, whose size is n = 4; "
        "change the sizes, or guard it by a condition on its indices (where)"
    )
    assert "reaches from -3 to 0" in refused(one(ld("x", ap("neg", Index("i")))), arrays(), target)
    assert "of z, whose size is m = 3" in refused(one(ld("z", "i")), arrays(), target)


def test_whether_it_is_outside_depends_on_the_sizes():
    fn = build(one(ld("z", "i")))
    np.testing.assert_array_equal(fn(arrays((3, 5)))["y"], [1, 2, 3])
    np.testing.assert_array_equal(fn(arrays((0, 0)))["y"], [])
    for _ in range(2):
        with pytest.raises(ArgumentError, match="the read of z"):
            fn(arrays((5, 3)))
    assert "whose size is m = 0" in refused(one(ld("z", 0)), arrays((1, 0)))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("index", "condition", "expected"),
    [
        (plus("i", 1), ap("lt", plus("i", 1), n), [2, 3, 4, -1]),
        (plus("i", -1), inside(plus("i", -1), n), [-1, 1, 2, 3]),
        (plus("i", -1), ap("lt", 0, Index("i")), [-1, 1, 2, 3]),
        (plus("i", 1), ap("not", ap("le", ap("add", n, -1), Index("i"))), [2, 3, 4, -1]),
        (ap("mul", Index("i"), 2), ap("lt", Index("i"), 2), [1, 3, -1, -1]),
        (ap("mul", Index("i"), 2), ap("lt", ap("mul", Index("i"), 2), n), [1, 3, -1, -1]),
        (plus("i", 2), ap("or", ap("eq", Index("i"), 0), ap("eq", Index("i"), 1)), [3, 4, -1, -1]),
        (plus("i", 2), ap("eq", Index("i"), 1), [-1, 4, -1, -1]),
        (ap("floordiv", plus("i", 7), 3), ap("lt", ap("floordiv", plus("i", 7), 3), n), [3, 3, 4, 4]),
        (plus("i", 3), ap("eq", ap("mod", Index("i"), 4), 0), [4, -1, -1, -1]),  # needs every point
        (plus("i", 3), Const(False), [-1, -1, -1, -1]),
        (plus("i", 3), ap("and", ap("lt", ld("x", "i"), 1.5), ap("lt", Index("i"), 1)), [4, -1, -1, -1]),
    ],
)
def test_guards_are_understood(target, index, condition, expected):
    program = one(ap("where", condition, ld("x", index), -1.0))
    np.testing.assert_array_equal(build(program, target)(arrays())["y"], expected)
    program = one(ap("where", ap("not", condition), -1.0, ap("exp", ap("log", ld("x", index)))))
    np.testing.assert_allclose(build(program, target)(arrays())["y"], expected)


def test_a_guard_on_something_else_does_not_help():
    guarded = ap("where", ap("lt", Index("i"), 3), ld("x", plus("i", 2)), 0.0)
    assert "reaches from 2 to 4" in refused(one(guarded), arrays((4, 3)))
    masked = ap("mul", ap("where", ap("lt", plus("i", 1), n), 1.0, 0.0), ld("x", plus("i", 1)))
    assert "reaches from 1 to 4" in refused(one(masked), arrays((4, 3)))
    wrong = ap("where", inside(plus("i", 1), n), 0.0, ld("x", plus("i", 1)))
    assert "reaches from 4 to 4" in refused(one(wrong), arrays((4, 3)))


@pytest.mark.parametrize("target", TARGETS)
def test_concatenation_reads_each_part_within_its_bounds(target):
    b = Builder("concat", n=None, m=None)
    b.input("x", "n")
    b.input("z", "m")
    total = ap("add", n, m)
    from symdl_codegen.program import Axis

    shifted = ap("add", Index("i"), ap("neg", n))
    body = ap("where", ap("lt", Index("i"), n), ld("x", "i"), ld("z", shifted))
    b.eq("y", (Axis("i", total),), body)
    fn = build(b.program("y"), target)
    np.testing.assert_array_equal(fn({"x": [1.0, 2.0], "z": [3.0]})["y"], [1, 2, 3])
    np.testing.assert_array_equal(fn({"x": [], "z": [3.0]})["y"], [3])
    if target == "cpu":
        assert " if i < n else " in fn.source, "a branch that is too short for the loop is a jump"


def test_reshape_and_convolution_indices_are_exact():
    flat = ap("add", ap("mul", Index("i"), m), Index("j"))
    back = one(ld("x", flat), over=axes(i=2, j="m"))
    assert build(back)(arrays((6, 3)))["y"].shape == (2, 3)
    assert "reaches from 0 to 7" in refused(back, arrays((6, 4)))
    rows = one(ap("mul", ld("x", ap("floordiv", Index("i"), 2)), ld("z", ap("mod", Index("i"), 3))))
    assert build(rows)(arrays((6, 3)))["y"].shape == (6,)
    correlated = ap("add", Index("i"), ap("neg", ap("mul", 2, ap("floordiv", Index("i"), 2))))
    assert build(one(ld("z", correlated)))(arrays((6, 2)))["y"].shape == (6,)
    assert "reaches from 0 to 1" in refused(one(ld("z", correlated)), arrays((6, 1)))
    window = one(ap("mul", ld("x", ap("add", Index("i"), Index("k"))), ld("z", "k")), axes(i=2), "add", axes(k="m"))
    assert build(window)(arrays((4, 3)))["y"].shape == (2,)
    assert "the read of x[(i + k)] reaches from 0 to 4 along axis 0" in refused(window, arrays((4, 4)))


def test_indices_of_indices():
    nested = one(ld("z", ld("w", plus("i", 1))))
    assert "the read of w[(i + 1)]" in refused(nested, arrays())
    clamped = ld("x", ap("min", ap("max", plus("i", -2), 0), ap("add", n, -1)))
    np.testing.assert_array_equal(build(one(clamped))(arrays())["y"], [1, 1, 1, 2])
    chosen = ld("x", ap("where", ap("lt", Index("i"), 2), plus("i", 2), plus("i", -2)))
    np.testing.assert_array_equal(build(one(chosen))(arrays())["y"], [3, 4, 1, 2])


@pytest.mark.parametrize("target", TARGETS)
def test_scatter_outside_is_refused_unless_it_adds_zero(target):
    shifted = {"at": (plus("i", 1),), "extents": (n,)}
    message = refused(one(ld("x", "i"), **shifted), arrays(), target)
    assert message.startswith("equation for y: the scatter to y[(i + 1)] reaches from 1 to 4 along axis 0 of y")
    guarded = ap("where", ap("lt", plus("i", 1), n), ld("x", "i"), 0.0)
    np.testing.assert_array_equal(build(one(guarded, **shifted), target)(arrays())["y"], [0, 1, 2, 3])
    scaled = ap("neg", ap("mul", 2.0, ap("where", ap("eq", plus("i", 1), n), 0.0, ld("x", "i"))))
    np.testing.assert_array_equal(build(one(scaled, **shifted), target)(arrays())["y"], [0, -2, -4, -6])


@pytest.mark.parametrize("target", TARGETS)
def test_index_inputs_are_checked_against_the_axis_they_select(target):
    fn = build(one(ld("z", ld("w", "i"))), target)
    np.testing.assert_array_equal(fn(arrays(w=[2, 0, 1, 2]))["y"], [3, 1, 2, 3])
    for bad in ([2, 3, 0, 0], [0, 0, -1, 0]):
        with pytest.raises(ArgumentError) as caught:
            fn(arrays(w=bad))
        low, high = min(bad), max(bad)
        assert str(caught.value) == (
            "w: expected indices 0 to 2 (it selects along axis 0 of z, whose size is m = 3, in the equation for y), "
            f"found {low} to {high}"
        )
    np.testing.assert_array_equal(fn(arrays(w=[2, 0, 1, 2]))["y"], [3, 1, 2, 3])


def test_scatter_to_an_index_input_is_checked():
    scatter = one(ld("x", "i"), at=(ld("w", "i"),), extents=(m,))
    np.testing.assert_array_equal(build(scatter)(arrays(w=[2, 0, 1, 2]))["y"], [2, 3, 5])
    assert "w: expected indices 0 to 2 (it selects along axis 0 of y" in refused(scatter, arrays(w=[0, 0, 0, 3]))


@pytest.mark.parametrize("target", TARGETS)
def test_what_data_decides_is_checked_at_run_time(target):
    guarded = ap("where", inside(ld("w", "i"), m), ld("z", ld("w", "i")), -1.0)
    np.testing.assert_array_equal(build(one(guarded), target)(arrays(w=[2, 9, -1, 0]))["y"], [3, -1, -1, 1])
    computed = one(ld("z", ap("add", ld("w", "i"), 1)))
    np.testing.assert_array_equal(build(computed, target)(arrays(w=[1, 2, -1, -5]))["y"], [3, np.nan, 1, np.nan])
    by_data = one(ap("where", ld("q", "i"), ld("x", plus("i", 1)), -1.0))
    given = arrays(q=[True, False, False, True])
    np.testing.assert_array_equal(build(by_data, target)(given)["y"], [2, -1, -1, np.nan])
    both = one(ap("where", ap("and", ld("q", "i"), ap("lt", plus("i", 1), n)), ld("x", plus("i", 1)), -1.0))
    np.testing.assert_array_equal(build(both, target)(given)["y"], [2, -1, -1, -1])


def test_a_computed_integer_that_is_named_is_still_checked():
    b = Builder("named", n=None, m=None)
    b.input("z", "m")
    b.input("w", "n", kind="int")
    half = b.eq("half", axes(i="n"), ap("floordiv", ld("w", "i"), 2), kind="int")
    b.eq("y", axes(i="n"), ap("add", ld("z", ld(half, "i")), ap("exp", ld("z", ld(half, "i")))))
    twice = ap("mul", ap("floordiv", ld("w", "i"), 3), ap("floordiv", ld("w", "i"), 3))
    b.eq("u", axes(i="n"), ap("add", ld("z", twice), ap("real", twice)))
    found = build(b.program("half", "y", "u"))({"z": [0.0, 1.0], "w": [10**9, 2, -(10**9)]})
    np.testing.assert_array_equal(np.isnan(found["y"]), [True, False, True])
    np.testing.assert_array_equal(np.isnan(found["u"]), [True, False, True])


def test_data_sets_are_checked_before_an_epoch():
    b = Builder("embedding", n=None, m=5)
    b.input("E", "m", role="state")
    b.input("w", "n", kind="int", role="batch")
    b.eq("loss", (), ld("E", ld("w", "i")), "add", axes(i="n"))
    b.eq("next", axes(k="m"), ap("add", ld("E", "k"), ld("loss")))
    fn = build(b.program("loss", updates=(("E", "next"),), guard="loss", batch="n"))
    words = np.array([0, 4, 2, 5, 1])
    with pytest.raises(ArgumentError, match=r"w: expected indices 0 to 4 \(it selects along axis 0 of E, .* 0 to 5$"):
        fn.epoch({"E": np.zeros(5)}, {"w": words}, np.arange(5), 2)
    state = {"E": np.ones(5)}
    assert fn.epoch(state, {"w": words}, [0, 1, 2, 4], 2).completed_steps == 2


def test_a_check_is_made_once_per_sizes_and_range(monkeypatch):
    fn = build(one(ap("add", ld("x", plus("i", 0)), ld("z", ld("w", "i")))))
    fn(arrays(w=[0, 1, 2, 0]))
    checks = []
    monkeypatch.setattr(type(fn.bounds), "_check", lambda self, *access: checks.append(access))
    fn(arrays(w=[1, 1, 0, 0]))
    assert not checks
    fn(arrays((5, 3)))
    assert len(checks) == 2
