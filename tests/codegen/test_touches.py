"""Which parts of buffers a worker touches: every element that its part of the loops reads or writes lies in them."""

from itertools import product

from symdl_codegen import build
from symdl_codegen.emit.shares import places_of
from symdl_codegen.ir import Const, Index, free_indices, substitute
from symdl_codegen.runtime.division import Divider
from symdl_codegen.runtime.touches import _axes
from symdl_codegen.scalars import evaluate
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.test_products import gates

N = 32


def windows():
    """Sums of windows, forwards and backwards, of every second place, and the largest of neighbours."""
    b = Builder("windows")
    b.input("x", 3 * N, 4)
    b.input("w", 5)
    rows, wide = axes(j=2 * N, i=4), axes(j=N, i=4)
    b.eq("y", rows, ap("mul", ld("x", ap("add", Index("j"), Index("k")), "i"), ld("w", "k")), "add", axes(k=5))
    b.eq("z", wide, ld("y", ap("add", ap("mul", 2, Index("j")), Index("k")), "i"), "max", axes(k=2))
    back = ap("add", Index("j"), ap("neg", Index("k")), 8)
    b.eq("u", wide, ap("mul", ld("x", back, "i"), ld("w", "k")), "add", axes(k=5))
    b.eq("v", wide, ap("mul", ld("z", "j", "i"), ap("sin", ld("u", "j", "i"))))
    return b.program("v")


def test_what_is_touched_lies_in_the_regions():
    fn = build(windows(), dtype="float32")
    module, calls = fn.engine.module, fn.emitted.calls
    divider = Divider(module, fn.engine.touched, fn.lengths, 2, "float32", {})
    moving = 0
    met = {}
    for number, (kernel, call) in enumerate(zip(module.kernels, calls, strict=True)):
        loops, places = _axes(kernel, module), {stored: places_of(kernel, stored) for stored in (False, True)}
        for division in divider._divisions(call, number):
            for touch, regions in divider._touched(number, division):
                for part, region in zip(division.parts, regions, strict=True):
                    if part is None:
                        continue
                    met.setdefault(touch.buffer, []).append((touch, region))
                    moving += any(along.step > 1 or along.reach != ((Const(0), Const(0)),) for along in touch.along)
                    ranges = {name: range(evaluate(axis.extent, divider.sizes)) for name, axis in loops.items()}
                    for share, (first, last), inner in zip(call.shares, part, division.inner, strict=True):
                        ranges[share.axes[0].index] = range(first // inner, -(-last // inner))
                    for place, (position, low, high) in product(places[touch.writes].get(touch.buffer, []), region):
                        own = sorted(free_indices(place[position]))
                        for values in product(*(ranges[name] for name in own)):
                            known = {Index(n): Const(v) for n, v in zip(own, values, strict=True)}
                            assert low <= evaluate(substitute(place[position], known), divider.sizes) < high
    assert moving >= 4, "windows move along the loops that are shared"
    for found in met.values():
        for (touch, region), (_, other) in product(found, found):
            assert 0 <= divider.traffic._bytes(touch, region, other) <= divider.traffic._bytes(touch, region)


def test_what_a_step_reads_of_the_step_before_is_apart_from_what_it_writes():
    """h[t,n,i] from all of h[t-1,n,j]: workers that have rows of their own fetch nothing, those with columns do."""
    fn = build(gates(70), dtype="float32")
    for kernel, touched in zip(fn.engine.module.kernels, fn.engine.touched, strict=True):
        if kernel.span and "h" in kernel.reads & kernel.writes:
            read, written = (touch for touch in touched if touch.buffer == "h")
            assert (read.writes, written.writes) == (False, True)
            assert len(read.along) < len(written.along)
            break
    else:
        raise AssertionError("there is such a kernel")
