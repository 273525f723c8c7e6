"""Every width of vectors: contractions computed by narrower registers, each width in a process of its own."""

import os
import subprocess
import sys

from symdl_codegen.intrinsics.machine import vector_bytes

PROGRAM = """
import hashlib, sys
import numpy as np
from symdl_codegen import build
from symdl_codegen.intrinsics.machine import processor, vector_bytes
from symdl_codegen.program import Index
from tests.codegen.programs import Builder, ap, axes, ld
from tests.codegen.test_contractions import operands, product
assert vector_bytes() == int(sys.argv[1]), vector_bytes()
bits = hashlib.sha256()
for dtype in ("float32", "float64"):
    found = []
    for orientation in ("nn", "nt", "tn", "tt"):
        function = build(product(orientation), dtype=dtype)
        for m, n, k in ((1, 1, 1), (7, 17, 9), (70, 150, 300), (33, 600, 40)):
            arrays, expected = operands(orientation, m, n, k, dtype)
            c = function(arrays)["c"]
            np.testing.assert_allclose(c, expected, rtol=0, atol=8 * np.finfo(dtype).eps * (k + 1))
            found.append(c.tobytes())
    assert found[:4] == found[4:8] == found[8:12] == found[12:], "packing changes bits"
    bits.update(b"".join(found[:4]))
b = Builder("window", n=5, o=6, y=9, x=11, c=2, h=11, w=13, u=3, v=3)
b.input("k", "o", "c", "u", "v")
b.input("a", "n", "c", "h", "w")
place = ap("add", Index("y"), Index("u")), ap("add", Index("x"), Index("v"))
body = ap("mul", ld("k", "o", "c", "u", "v"), ld("a", "n", "c", *place))
b.eq("z", axes(n="n", o="o", y="y", x="x"), body, "add", axes(c="c", u="u", v="v"))
rng = np.random.default_rng(0)
k, a = rng.integers(-4, 5, (6, 2, 3, 3)).astype(float), rng.integers(-4, 5, (5, 2, 11, 13)).astype(float)
windows = np.lib.stride_tricks.sliding_window_view(a, (3, 3), (2, 3))
z = build(b.program("z"))({"k": k, "a": a})["z"]
np.testing.assert_array_equal(z, np.einsum("ocuv,ncyxuv->noyx", k, windows))
print(bits.hexdigest(), "+fma" in processor()[1].split(","))
"""


def run(width):
    environment = {**os.environ, "SYMDL_VECTOR_BYTES": str(width), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(width)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_each_width_computes_the_same():
    """To the bit among those that multiply and add at once."""
    found = [run(width) for width in (16, 32, 64) if width <= vector_bytes()]
    assert len({bits for bits, fused in found if fused == "True"}) <= 1


def test_another_width_is_refused():
    environment = {**os.environ, "SYMDL_VECTOR_BYTES": "48", "PYTHONPATH": os.pathsep.join(sys.path)}
    text = "from symdl_codegen.intrinsics.machine import vector_bytes; vector_bytes()"
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert "expected 16, 32 or 64" in done.stderr
