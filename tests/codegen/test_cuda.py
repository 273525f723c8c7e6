"""The cuda target without a GPU: text, PTX and machine code for sm_90, errors; the simulator in its own process."""

import ast
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from symdl_codegen import build
from symdl_codegen.emit import TARGETS
from symdl_codegen.emit.cuda_grid import grid_form
from symdl_codegen.errors import CompilerUnavailableError, UnsupportedError
from symdl_codegen.ir import Barrier, Contract, Reduce, Store, statements
from symdl_codegen.ir_print import module_text
from symdl_codegen.ir_verify import verify_module
from symdl_codegen.lower import lower
from symdl_codegen.primitives import PRIMITIVES
from symdl_codegen.runtime import cuda_toolkit
from tests.architecture.source import ROOT
from tests.codegen.derived import derived_step
from tests.codegen.programs import Builder, ap, axes, ld, mlp
from tests.codegen.random_programs import random_program
from tests.codegen.test_epoch import BATCH, WIDTHS, copied, start
from tests.codegen.test_loops import rnn

# The wheels of symdl[cuda], which the tests need, exist for Linux and Windows.
compiles = pytest.mark.skipif(sys.platform == "darwin", reason="NVIDIA has no compiler for macOS")


def scatter():
    b = Builder("scatter", n=None, m=None)
    b.input("w", "n", kind="int")
    b.input("x", "n", "m")
    size = b.tensors["x"].shape[1]
    b.eq(
        "z",
        axes(i="n", j="m"),
        ap("exp", ld("x", "i", "j")),
        at=(ld("w", "i"), ap("mod", ld("w", "j"), 2)),
        extents=(size, size),
    )
    return b.program("z")


def every_primitive():
    """One program with an equation per primitive, so that one compilation covers the table."""
    b = Builder("all", n=None)
    kinds = {"r": "real", "n": "real", "i": "int", "b": "bool", "a": "real"}
    for kind in ("real", "int", "bool"):
        for position in range(3):
            b.input(f"{kind}{position}", "n", kind=kind)
    for name, primitive in PRIMITIVES.items():
        letters = primitive.arguments + primitive.arguments[-1] * primitive.variadic
        operands = [ld(f"{'int' if name == 'real' else kinds[letter]}{k}", "i") for k, letter in enumerate(letters)]
        result = {"r": "real", "n": "real", "a": "real", "i": "int", "b": "bool"}[primitive.result]
        b.eq(f"y_{name}", axes(i="n"), ap(name, *operands), kind=result)
    return b.program(*(f"y_{name}" for name in PRIMITIVES))


def small():
    """A contraction with an epilogue, a clipped row sum, a scatter."""
    b = Builder("small", n=None, m=None)
    b.input("x", "n", "m")
    b.input("W", "m", "m")
    b.input("w", "n", kind="int")
    b.eq("s", axes(i="n", j="m"), ap("mul", ld("x", "i", "k"), ld("W", "j", "k")), "add", axes(k="m"))
    b.eq("a", axes(i="n", j="m"), ap("max", ld("s", "i", "j"), 0.0))
    b.eq("top", axes(i="n"), ld("x", "i", "j"), "max", axes(j="m"))
    b.eq("z", axes(i="n"), ld("top", "i"), at=(ld("w", "i"),), extents=b.tensors["W"].shape[:1])
    return b.program("a", "z")


def test_table_is_complete():
    assert set(TARGETS["cuda"].table) == set(PRIMITIVES)


@pytest.mark.parametrize("program", [mlp((5, 4, 3)), every_primitive(), scatter(), random_program(Random(1))])
def test_text_names_cuda_math_and_real_only(program):
    for dtype in ("float32", "float64"):
        tree = ast.parse(build(program, "cuda", dtype).source)
        for function in [node for node in tree.body if isinstance(node, ast.FunctionDef)]:
            own = {a.arg for a in function.args.args}
            own |= {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            used = {n.id for n in ast.walk(function) if isinstance(n, ast.Name)} - own
            assert used <= {"cuda", "math", "real", "range", "abs"}


def test_golden_text():
    file = Path(__file__).parent / "golden" / "small_cuda_float32.py.txt"
    source = build(small(), "cuda", "float32").source
    if os.environ.get("SYMDL_UPDATE_GOLDEN"):
        file.write_text(source)
    assert source == file.read_text()


def test_each_kernel_carries_its_equations():
    fn = build(mlp((5, 7, 3)), "cuda")
    for kernel in fn.kernels:
        assert kernel.note
        assert all(f"    # {line}\n" in kernel.source for line in kernel.note.splitlines())
    assert len(build(mlp((6, 5, 5, 5, 5, 4)), "cuda").kernels) <= len(build(mlp((6, 5, 4)), "cuda").kernels) + 3


def test_grid_form_gathers_instead_of_scattering():
    module = grid_form(lower(scatter()))
    verify_module(module)
    assert not [
        part for kernel in module.kernels for part in statements(kernel.body) if isinstance(part, Store) and part.op
    ]
    assert len(module.kernels) == 1
    assert (
        "z_value = add over i < n, j < m of where(((w[i] == z0) & ((w[j] mod 2) == z1)), exp(x[i, j]), 0.0)"
        in module_text(module)
    )


def test_grid_form_is_one_nest_per_kernel_without_tiles():
    module = build(mlp((6, 5, 4)), "cuda", passes={"contractions": True}).module
    assert any(isinstance(part, Contract) for kernel in module.kernels for part in statements(kernel.body))
    gridded = grid_form(module)
    parts = [part for kernel in gridded.kernels for part in statements(kernel.body)]
    assert not any(isinstance(part, Contract | Barrier) for part in parts)
    assert any(isinstance(part, Reduce) for part in parts)
    assert all(len(kernel.body) == 1 for kernel in gridded.kernels)
    assert not any(buffer.role == "scratch" for buffer in gridded.buffers.values())


def test_rows_shared_by_threads_are_refused():
    with pytest.raises(UnsupportedError, match=r"works on the scratch buffer .*leave the schedule 'reductions' off"):
        build(mlp((6, 5, 4)), "cuda", passes={"reductions": True})


@compiles
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_kernel_compiles_for_sm_90(dtype):
    """PTX for raw pointers, free of double precision in float32; ptxas accepts all of it, and nothing spills."""
    programs = [mlp(WIDTHS), derived_step(), rnn(), scatter(), every_primitive(), small()]
    for program in [*programs, *(random_program(Random(seed)) for seed in range(4))]:
        fn = build(program, "cuda", dtype)
        found = fn.engine.ptx()
        assert list(found) == [kernel.name for kernel in fn.kernels]
        for kernel in fn.emitted.kernels:
            ptx = found[kernel.name]
            assert ".target sm_90" in ptx
            assert ptx.count(".param .u64") == len(kernel.parameters)
            if dtype == "float32":
                assert "cvt.f64.f32" not in ptx, kernel.source
                # libdevice reduces the arguments of sinf and cosf in double precision
                assert ".f64" not in ptx or "math.sin" in kernel.source or "math.cos" in kernel.source, kernel.source
        joined = list(found.values())
        cubin, report = cuda_toolkit.assemble(max(joined, key=len))
        assert cubin[:4] == b"\x7fELF"
        assert "bytes spill" not in report.replace("0 bytes spill", "")


@compiles
def test_every_cubin_of_a_network():
    for ptx in build(mlp(WIDTHS), "cuda", "float32").engine.ptx().values():
        cubin, report = cuda_toolkit.assemble(ptx)
        assert cubin[:4] == b"\x7fELF"
        assert "Used " in report
        assert cuda_toolkit.entry_of(ptx) in report


@compiles
def test_the_engine_s_arrays_compile_too():
    """On a GPU the engine passes one-dimensional arrays where PTX takes raw pointers: the text must type with both."""
    from numba import cuda, types

    fn = build(mlp(WIDTHS), "cuda", "float32")
    fn.engine.ptx()
    kinds = {"real*": types.float32[::1], "int*": types.int64[::1], "bool*": types.uint8[::1], "size": types.int64}
    for kernel, function in zip(fn.emitted.kernels, fn.engine._functions(), strict=True):
        ptx, _ = cuda.compile_ptx(function, types.void(*(kinds[kind] for _, kind in kernel.parameters)), cc=(9, 0))
        assert ".f64" not in ptx


@compiles
def test_ptxas_says_what_it_rejects():
    with pytest.raises(ValueError, match=r"ptxas rejects the kernel broken: .*nonsense"):
        cuda_toolkit.assemble(
            ".version 8.0\n.target sm_90\n.address_size 64\n.visible .entry broken()\n{ nonsense; }\n"
        )


def test_without_gpu_a_call_says_what_is_needed():
    from numba import cuda

    if cuda.is_available():
        pytest.skip("this machine has a GPU")
    fn = build(mlp(WIDTHS), "cuda")
    state, data, order, schedule = start(fn.program)
    message = "an NVIDIA GPU, or set NUMBA_ENABLE_CUDASIM=1 before Python starts"
    with pytest.raises(CompilerUnavailableError, match=message):
        fn.epoch(state, data, order, BATCH, schedule)
    with pytest.raises(CompilerUnavailableError, match=message):
        fn({**state, **{n: a[:BATCH] for n, a in data.items()}, "alpha": 0.1, "t": 1.0})


MISSING = """
import sys
from symdl_codegen.runtime import cuda_toolkit
cuda_toolkit._wheel = lambda name: None
from symdl_codegen import build
from tests.codegen.programs import mlp
try:
    build(mlp((3, 2)), "cuda").engine.ptx()
except Exception as error:
    print(type(error).__name__, error)
try:
    cuda_toolkit.assemble("")
except Exception as error:
    print(type(error).__name__, error)
"""
TOGETHER = """
from symdl_codegen import build
from tests.codegen.programs import mlp
print(len(build(mlp((3, 2), adam=False), "cuda").engine.ptx()))
"""


def environment(**more):
    kept = {n: v for n, v in os.environ.items() if n not in ("CUDA_HOME", "CUDA_PATH", "NUMBA_ENABLE_CUDASIM")}
    path = os.pathsep.join([str(ROOT), str(ROOT / "codegen"), kept.get("PYTHONPATH", "")])
    return {**kept, "PYTHONPATH": path, **more}


def python(*arguments, **more):
    command = [sys.executable, *arguments]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment(**more), cwd=ROOT
    )


def test_without_the_wheels_the_message_names_the_extra(tmp_path):
    lines = python("-c", MISSING, PATH="", CUDA_HOME=str(tmp_path)).communicate()[0].splitlines()
    remedy = "install it with: pip install 'symdl[cuda]', or set CUDA_HOME to a CUDA 12 toolkit"
    needs = ["compiling for CUDA needs libNVVM and libdevice, and Numba finds none", "assembling for CUDA needs ptxas"]
    assert lines == [f"CompilerUnavailableError {need}; {remedy}" for need in needs]


@compiles
def test_processes_may_link_the_toolkit_at_once(tmp_path):
    running = [python("-c", TOGETHER, SYMDL_CACHE_DIR=str(tmp_path)) for _ in range(3)]
    outputs = [process.communicate()[0].strip() for process in running]
    assert len(set(outputs)) == 1
    assert outputs[0].isdigit(), outputs[0]
    assert len(list(tmp_path.glob("cuda-*"))) == 1


@compiles
def test_a_cache_that_cannot_be_written_does_not_matter(tmp_path):
    (tmp_path / "file").write_text("in the way")
    output = python("-c", TOGETHER, SYMDL_CACHE_DIR=str(tmp_path / "file")).communicate()[0].strip()
    assert output.isdigit(), output


def test_in_the_simulator():
    """Runs two files of tests in a process where Numba is its simulator."""
    files = [str(Path(__file__).with_name(f"cuda_{part}in_simulator.py")) for part in ("", "structures_")]
    process = python("-m", "pytest", "-q", "-p", "no:cacheprovider", *files, NUMBA_ENABLE_CUDASIM="1")
    output = process.communicate()[0]
    assert process.returncode == 0, output


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_epoch_on_a_gpu(dtype):
    program = mlp(WIDTHS)
    state, data, order, schedule = start(program, dtype)
    expected = copied(state)
    build(program, "cuda", dtype).epoch(state, data, order, BATCH, schedule)
    build(program, "numpy", dtype).epoch(expected, data, order, BATCH, schedule)
    for name in state:
        tolerance = 1e-10 if dtype == "float64" else 1e-4
        np.testing.assert_allclose(state[name], expected[name], rtol=tolerance, atol=tolerance)
