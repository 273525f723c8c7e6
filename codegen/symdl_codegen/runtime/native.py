"""Source text -> machine code -> address, through the disk cache. Numba is imported only to compile what is new."""

import functools
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import binding

from symdl_codegen.errors import CompilerUnavailableError
from symdl_codegen.intrinsics.lapack import ROUTINES, routine_address
from symdl_codegen.intrinsics.machine import processor
from symdl_codegen.intrinsics.pack import copy_module, pack_module, strips_module
from symdl_codegen.intrinsics.peak import fma_module, sweep_module
from symdl_codegen.intrinsics.tile import tile_module
from symdl_codegen.runtime import cache

HELPERS = {
    "tile": tile_module,
    "pack": pack_module,
    "copy": copy_module,
    "strips": strips_module,
    "fma": fma_module,
    "sweep": sweep_module,
}
_LOCK = threading.RLock()
_LOADED: dict[str, "Loaded"] = {}


@dataclass(frozen=True)
class Loaded:
    """Native code in this process: its address, and whether it came without compiling. ``keep`` owns the memory."""

    address: int
    cached: bool
    keep: Any


def function(name: str, source: str, parameters: Sequence[str], dtype: str) -> Loaded:
    """The native code of the function ``name`` in ``source``; parameter types as in ``EmittedKernel.parameters``."""
    code = "\n".join(line for line in source.splitlines() if not line.lstrip().startswith("#"))
    key = cache.key_of("function", name, code, *parameters, dtype)
    return _obtain(key, lambda: _compile_numba(f"{name}_{key[:12]}", name, source, parameters, dtype))


def symbol(name: str) -> Loaded:
    """A native helper by name and floating type: ``tile_float32``, ``pack_float64``, LAPACK's ``getrf_float64`` ..."""
    helper, dtype = name.split("_")
    if helper in ROUTINES:
        return Loaded(routine_address(helper, dtype), True, None)
    return _obtain(cache.key_of("helper", name), lambda: _compile_assembly(*HELPERS[helper](dtype)))


def _obtain(key: str, compiler: Any) -> Loaded:
    with _LOCK:
        if key in _LOADED:
            return _LOADED[key]
        native = cache.load(key)
        cached = native is not None
        if native is None or not _externals_present(native.externals):
            native = compiler()
            cached = False
            cache.save(key, native)
        linked = _link(native, cached)
        _LOADED[key] = Loaded(linked.address, True, linked.keep)
        return linked


def _machine() -> binding.TargetMachine:
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    name, features = processor()
    return binding.Target.from_default_triple().create_target_machine(
        cpu=name, features=features, opt=3, reloc="default", codemodel="jitdefault", jit=True
    )


def _externals_present(names: Sequence[str]) -> bool:
    """Whether this process can resolve what the object code calls (the mathematics library, as a rule)."""
    return all(binding.address_of_symbol(name) for name in names)


def _link(native: cache.NativeCode, cached: bool) -> Loaded:
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(native.code))
    engine.finalize_object()
    address = engine.get_function_address(native.symbol)
    return Loaded(address, cached, engine)


def _compile_assembly(name: str, assembly: str) -> cache.NativeCode:
    machine = _machine()
    module = binding.parse_assembly(assembly)
    module.verify()
    module.triple = binding.get_process_triple()
    options = binding.create_pipeline_tuning_options(speed_level=2)
    builder = binding.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return cache.NativeCode(name, (), machine.emit_object(module))


def llvm_text(name: str, source: str, parameters: Sequence[str], dtype: str) -> str:
    """The optimised LLVM code of the function ``name`` in ``source``: shows what became vector code."""
    return str(_library(name, name, source, parameters, dtype)[0].get_llvm_str())


def _compile_numba(unique: str, name: str, source: str, parameters: Sequence[str], dtype: str) -> cache.NativeCode:
    library, symbol = _library(unique, name, source, parameters, dtype)
    declared = re.findall(r"^declare [^@]*@\"?([\w.$]+)\"?\(", library.get_llvm_str(), re.MULTILINE)
    externals = tuple(external for external in declared if not external.startswith("llvm."))
    return cache.NativeCode(symbol, externals, library._get_compiled_object())


def _library(unique: str, name: str, source: str, parameters: Sequence[str], dtype: str) -> tuple[Any, str]:
    """Compile one function without any Python wrapper; its pointers never alias. Returns the code and its symbol."""
    try:
        from numba import types
        from numba.core import compiler, cpu
        from numba.core.compiler_lock import global_compiler_lock
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
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = flags.noalias = True
    flags.nrt = False
    flags.error_model = "numpy"
    flags.fastmath = cpu.FastMathOptions({"contract"})
    with global_compiler_lock, _target_context() as contexts:
        result = compiler.compile_extra(*contexts, python, tuple(kinds), types.void, flags, {})
    return result.library, result.fndesc.llvm_func_name


@contextmanager
def _target_context() -> Iterator[tuple[Any, Any]]:
    """Numba's contexts for the processor, for the time being with a code generator for ``processor()``."""
    from numba.core.registry import cpu_target

    typing_context, target_context = cpu_target.typing_context, cpu_target.target_context
    typing_context.refresh()
    target_context.refresh()
    usual = target_context._internal_codegen
    target_context._internal_codegen = _code_generator()
    try:
        yield typing_context, target_context
    finally:
        target_context._internal_codegen = usual


@functools.cache
def _code_generator() -> Any:
    from numba.core import codegen

    class Generator(codegen.JITCPUCodegen):
        def _customize_tm_features(self) -> str:
            return processor()[1]

    return Generator("symdl")
