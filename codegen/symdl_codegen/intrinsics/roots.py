"""Square roots in float32 without the unit that divides: an estimate of 14 bits and one step of Newton's.

    y = 1/sqrt(x) to 2**-14;  g = x*y;  root = g + g*(1/2 - g*y/2)

The error is at most one unit in the last place; roots of 0 and infinity are what they are, below 0 NaN. A division
and a root of a vector of 512 bits take their unit 10 and 12 cycles, in which all else of an optimizer's update is done:
only one of the two is left to it. AVX-512 alone has the estimate.

LLVM finds vectors of a call by the names of ``VARIANTS``. It must not see what is in them before it has made its
loops, else it would write the scalar one in: they are linked in and inlined after that.
"""

from llvmlite import binding, ir

from symdl_codegen.intrinsics.machine import processor, vector_bytes
from symdl_codegen.intrinsics.vectors import I32, Vectors

NAME = "symdl_root"
WIDTHS = (16, 8, 4)  # those that loops may have
VARIANTS = ",".join(f"_ZGV_LLVM_N{width}v_{NAME}({NAME}_{width})" for width in WIDTHS)


def has_roots() -> bool:
    """Whether the processor estimates roots of vectors of every width."""
    features = processor()[1].split(",")
    return vector_bytes() == 64 and "+avx512vl" in features


def declared(module: ir.Module) -> ir.Function:
    """The root of one element, in ``module``, with its vectors."""
    if NAME in module.globals:
        return module.globals[NAME]
    single = ir.FloatType()
    function = ir.Function(module, ir.FunctionType(single, [single]), NAME)
    wide = []
    for width in WIDTHS:
        kind = ir.VectorType(single, width)
        wide.append(ir.Function(module, ir.FunctionType(kind, [kind]), f"{NAME}_{width}"))
    for one in (function, *wide):
        for attribute in ("nounwind", "readnone", "willreturn"):
            set.add(one.attributes, attribute)  # because llvmlite does not know each of them by name
    kind = ir.ArrayType(ir.IntType(8).as_pointer(), len(wide))
    kept = ir.GlobalVariable(module, kind, "llvm.compiler.used")
    kept.linkage, kept.section = "appending", "llvm.metadata"
    kept.initializer = ir.Constant(kind, [one.bitcast(ir.IntType(8).as_pointer()) for one in wide])
    return function


def called(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The call that loops turn into calls on vectors."""
    call = builder.call(declared(builder.module), [value])
    set.add(call.attributes, f'"vector-function-abi-variant"="{VARIANTS}"')  # because llvmlite knows no such attribute
    return call


def written_in(module: binding.ModuleRef, machine: binding.TargetMachine) -> None:
    """Put the roots into the loops of a module that was optimised."""
    if any(function.name == NAME or function.name.startswith(f"{NAME}_") for function in module.functions):
        module.link_in(binding.parse_assembly(str(_definitions())))
        options = binding.create_pipeline_tuning_options(0)
        passes = binding.create_new_module_pass_manager()
        passes.add_always_inliner_pass()
        passes.run(module, binding.create_pass_builder(machine, options))


def _definitions() -> ir.Module:
    module = ir.Module("roots")
    for width in (1, *WIDTHS):
        kit = Vectors(module, "float32", max(width, WIDTHS[-1]))
        kind = kit.scalar if width == 1 else kit.vector
        function = ir.Function(module, ir.FunctionType(kind, [kind]), NAME if width == 1 else f"{NAME}_{width}")
        function.linkage = "linkonce_odr"
        function.attributes.add("alwaysinline")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        (value,) = function.args
        if width > 1:
            builder.ret(_root(builder, kit, value))
        else:
            several = builder.insert_element(ir.Constant(kit.vector, ir.Undefined), value, I32(0))
            builder.ret(builder.extract_element(_root(builder, kit, several), I32(0)))
    return module


def _root(builder: ir.IRBuilder, kit: Vectors, x: ir.Value) -> ir.Value:
    mask = ir.IntType(max(kit.width, 8))
    name = f"llvm.x86.avx512.rsqrt14.ps.{32 * kit.width}"
    estimate = kit.module.globals.get(name) or ir.Function(
        kit.module, ir.FunctionType(kit.vector, [kit.vector, kit.vector, mask]), name
    )
    y = builder.call(estimate, [x, kit.zeros, mask(-1)])
    half = ir.Constant(kit.vector, [0.5] * kit.width)
    g = builder.fmul(x, y)
    rest = kit.fma(builder, builder.fneg(g), builder.fmul(y, half), half)
    root = kit.fma(builder, g, rest, g)
    largest = ir.Constant(kit.vector, [float("inf")] * kit.width)
    itself = builder.or_(builder.fcmp_ordered("==", x, kit.zeros), builder.fcmp_ordered("==", x, largest))
    return builder.select(itself, x, root)


__all__ = ["called", "has_roots", "written_in"]
