"""The elementary functions as LLVM functions that are always inlined, and which are known by name."""

from collections.abc import Callable

from llvmlite import ir

from symdl_codegen.intrinsics import elementary, error_functions, trigonometric
from symdl_codegen.intrinsics.lane import Real, float_type

FUNCTIONS: dict[str, Callable[..., Real]] = {
    "exp": elementary.exp,
    "expm1": elementary.expm1,
    "log": elementary.log,
    "log1p": elementary.log1p,
    "tanh": elementary.tanh,
    "pow": elementary.pow,
    "sin": trigonometric.sin,
    "cos": trigonometric.cos,
    "atan": trigonometric.atan,
    "erf": error_functions.erf,
    "erfc": error_functions.erfc,
}


def function(module: ir.Module, name: str, bits: int) -> ir.Function:
    """The function ``name`` for reals of ``bits`` bits, defined in ``module`` on first use."""
    symbol = f"symdl.{name}.f{bits}"
    if symbol in module.globals:
        return module.globals[symbol]
    count = FUNCTIONS[name].__code__.co_argcount
    kind = float_type(bits)
    defined = ir.Function(module, ir.FunctionType(kind, [kind] * count), symbol)
    defined.linkage = "internal"
    defined.attributes.add("alwaysinline")
    builder = ir.IRBuilder(defined.append_basic_block("entry"))
    builder.ret(FUNCTIONS[name](*(Real(builder, argument) for argument in defined.args)).value)
    return defined


__all__ = ["FUNCTIONS", "function"]
