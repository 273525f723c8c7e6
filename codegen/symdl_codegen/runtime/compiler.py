"""Source text -> object code. Numba is imported only here: in this process or one of ``processes``."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import binding

from symdl_codegen.errors import CompilerUnavailableError
from symdl_codegen.intrinsics import roots
from symdl_codegen.intrinsics.barrier import barrier_module
from symdl_codegen.intrinsics.dots import dots_module
from symdl_codegen.intrinsics.machine import processor
from symdl_codegen.intrinsics.pack import pack_module
from symdl_codegen.intrinsics.peak import fma_module, sweep_module
from symdl_codegen.intrinsics.tile import tile_module
from symdl_codegen.runtime.cache import NativeCode

HELPERS = {
    "tile": tile_module,
    "pack": pack_module,
    "dots": dots_module,
    "fma": fma_module,
    "sweep": sweep_module,
    "barrier": barrier_module,
}


@dataclass(frozen=True)
class Job:
    """What to compile: a function of some source text or, without a source, a native helper; and its key."""

    key: str
    name: str
    source: str = ""
    parameters: tuple[str, ...] = ()
    dtype: str = ""


def compile_job(job: Job) -> NativeCode:
    """The object code. It depends on the job alone, so that any process may compile it."""
    if not job.source:
        return compile_helper(job.name)
    return compile_function(f"{job.name}_{job.key[:12]}", job.name, job.source, job.parameters, job.dtype)


def target_machine() -> binding.TargetMachine:
    """The processor, as LLVM's code generator."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, features = processor()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=name, features=features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def compile_helper(name: str) -> NativeCode:
    """The object code of a native helper by name and floating type: ``tile_float32``, ``pack_float64`` ..."""
    helper, dtype = name.split("_")
    symbol, assembly = HELPERS[helper](dtype)
    module = binding.parse_assembly(assembly)
    module.verify()
    module.triple = binding.get_process_triple()
    return _object_code(symbol, module, speed_level=2)


def compile_function(unique: str, name: str, source: str, parameters: Sequence[str], dtype: str) -> NativeCode:
    """The object code of the function ``name`` in ``source``, which in it is called ``unique``."""
    symbol, module = _lowered(unique, name, source, parameters, dtype)
    return _object_code(symbol, module)


def llvm_text(name: str, source: str, parameters: Sequence[str], dtype: str) -> str:
    """The optimised LLVM code of the function ``name`` in ``source``: shows what became vector code."""
    module = _lowered(name, name, source, parameters, dtype)[1]
    _optimise(module, target_machine())
    return str(module)


def _object_code(symbol: str, module: binding.ModuleRef, speed_level: int = 3) -> NativeCode:
    machine = target_machine()
    _optimise(module, machine, speed_level)
    declared = [function.name for function in module.functions if function.is_declaration]
    externals = tuple(name for name in declared if not name.startswith("llvm."))
    return NativeCode(symbol, externals, machine.emit_object(module))


def _optimise(module: binding.ModuleRef, machine: binding.TargetMachine, speed_level: int = 3) -> None:
    """One round of LLVM's passes: our functions call nothing that a second round could inline.

    Kernels are not unrolled: a short loop unrolled in full is not vectorised any more, and takes longer to compile.
    """
    options = binding.create_pipeline_tuning_options(speed_level)
    options.loop_unrolling = speed_level < 3  # tiles are made of vectors
    builder = binding.create_pass_builder(machine, options)
    manager = builder.getModulePassManager()
    manager.run(module, builder)
    roots.written_in(module, machine)


def _lowered(
    unique: str, name: str, source: str, parameters: Sequence[str], dtype: str
) -> tuple[str, binding.ModuleRef]:
    """Lower one function without any Python wrapper; its pointers never alias. Returns its symbol and LLVM module."""
    try:
        from numba import types
        from numba.core import compiler, cpu
        from numba.core.compiler_lock import global_compiler_lock
        from numba.core.registry import cpu_target
    except ImportError as error:
        raise CompilerUnavailableError("the cpu target needs numba; install it with: pip install numba") from error
    from symdl_codegen.intrinsics.numba_ops import NAMESPACE

    real = types.float32 if dtype == "float32" else types.float64
    pointee = {"real": real, "int": types.int64, "bool": types.uint8}
    kinds = [types.CPointer(pointee[kind[:-1]]) if kind.endswith("*") else types.int64 for kind in parameters]
    scope: dict[str, Any] = {**NAMESPACE, "real": real}
    exec(compile(source, f"<symdl {unique}>", "exec"), scope)
    python = scope[name]
    python.__name__ = python.__qualname__ = unique
    flags: Any = compiler.Flags()  # its fields are made at run time
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.noalias = flags.no_compile = True
    flags.nrt = False
    flags.error_model = "numpy"
    flags.fastmath = cpu.FastMathOptions({"contract"})
    generator, library_class, pipeline_class, typing_context = _numba_parts()
    with global_compiler_lock:
        contexts = typing_context, cpu_target.target_context
        library = library_class(generator, unique)
        pipeline = pipeline_class(*contexts, library, tuple(kinds), types.void, flags, {})
        result = pipeline.compile_extra(python)
        library.finalize()
        return result.fndesc.llvm_func_name, library._final_module


@functools.cache
def _numba_parts() -> tuple[Any, Any, Any, Any]:
    """A code generator for ``processor()``, a library that is left to us to optimise, a short pipeline, types of calls.

    The pipeline has only what loops over numbers and pointers need: nothing to inline, rewrite, lift or prune, and no
    variable of two types. The types of calls are Numba's, remembered: kernels make few kinds of calls, thousands of
    times.
    """
    from numba.core import bytecode, codegen, typing
    from numba.core.compiler import CompilerBase
    from numba.core.compiler_machinery import PassManager
    from numba.core.registry import cpu_target
    from numba.core.typed_passes import NativeLowering, NopythonTypeInference, PreLowerStripPhis
    from numba.core.untyped_passes import ExtractByteCode, FixupArgs, IRProcessing, TranslateByteCode

    passes = (TranslateByteCode, FixupArgs, IRProcessing, NopythonTypeInference, PreLowerStripPhis, NativeLowering)

    class Generator(codegen.JITCPUCodegen):
        def _customize_tm_features(self) -> str:
            return processor()[1]

    class Library(codegen.JITCodeLibrary):
        def _optimize_functions(self, module: Any) -> None:
            module.data_layout = self._codegen._data_layout

        def finalize(self) -> None:
            for library in dict.fromkeys(self._linking_libraries):
                self._final_module.link_in(library._get_module_for_linking(), preserve=True)
            self._final_module.verify()
            self._finalized = True

    class Pipeline(CompilerBase):
        def compile_extra(self, function: Any) -> Any:
            self.state.func_id = bytecode.FunctionIdentity.from_function(function)
            self.state.func_id.unique_name = function.__qualname__  # no running number: the same bytes in any process
            self.state.func_id.unique_id = 0
            ExtractByteCode().run_pass(self.state)
            self.state.lifted, self.state.lifted_from = (), None
            return self._compile_bytecode()

        def define_pipelines(self) -> list[Any]:
            manager = PassManager("symdl")
            for one in passes:
                manager.add_pass(one, "")
            manager.finalize()
            return [manager]

    known: dict[Any, Any] = {}

    class Types(typing.Context):
        def __init__(self) -> None:
            self.__dict__ = cpu_target.typing_context.__dict__  # all that Numba's own context knows and will know

        def resolve_function_type(self, function: Any, args: Any, kws: Any) -> Any:
            found = None if kws else known.get((function, args))
            if found is None:
                found = super().resolve_function_type(function, args, kws)
                if found is not None and not kws:
                    known[function, args] = found
            return found

    return Generator("symdl"), Library, Pipeline, Types()
