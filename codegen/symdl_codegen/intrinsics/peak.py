"""What the machine can do at most, as loops that other kernels are measured against.

    fma(sink, steps)                FMA_CHAINS independent multiply-adds of whole vectors a step, all in registers
    sweep(target, source, count)    target[i] = a*source[i] + b for i < count: memory, read and written

``sink``, ``target`` and ``source`` are addresses, the last two may be equal; ``sink`` holds three elements: a, b, and a
place for the result, so that nothing is known to the compiler. ``count`` is a multiple of SWEEP_VECTORS vectors.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.vectors import I64, Vectors

FMA_CHAINS = 12  # two ports times a latency of four or five need ten; AVX2 has sixteen registers

SWEEP_VECTORS = 4


def fma_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``fma`` for ``dtype``."""
    module, function, kit = _function(f"symdl_fma_{dtype}", dtype)
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    sink = builder.inttoptr(function.args[0], kit.scalar.as_pointer())
    a, b = (kit.splat(builder, builder.load(builder.gep(sink, [I64(place)]))) for place in (0, 1))
    builder.branch(body)
    builder.position_at_end(body)
    step = builder.phi(I64)
    chains = [builder.phi(kit.vector) for _ in range(FMA_CHAINS)]
    following = [kit.fma(builder, chain, a, b) for chain in chains]
    after = builder.add(step, I64(1))
    for phi, first, later in ((step, I64(0), after), *((c, b, f) for c, f in zip(chains, following, strict=True))):
        phi.add_incoming(first, entry)
        phi.add_incoming(later, body)
    builder.cbranch(builder.icmp_signed("<", after, function.args[1]), body, done)
    builder.position_at_end(done)
    total = following[0]
    for chain in following[1:]:
        total = builder.fadd(total, chain)
    result = builder.extract_element(total, ir.Constant(ir.IntType(32), 0))
    builder.store(result, builder.gep(sink, [I64(2)]))
    builder.ret_void()
    return function.name, str(module)


def sweep_module(dtype: str) -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``sweep`` for ``dtype``."""
    module, function, kit = _function(f"symdl_sweep_{dtype}", dtype, 3)
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    target, source = (builder.inttoptr(value, kit.scalar.as_pointer()) for value in function.args[:2])
    a, b = (ir.Constant(kit.vector, [value] * kit.width) for value in (0.5, 0.25))
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(I64)
    for part in range(SWEEP_VECTORS):
        place = builder.add(index, I64(part * kit.width))
        value = kit.fma(builder, kit.load(builder, builder.gep(source, [place])), a, b)
        kit.store(builder, value, builder.gep(target, [place]))
    after = builder.add(index, I64(SWEEP_VECTORS * kit.width))
    index.add_incoming(I64(0), entry)
    index.add_incoming(after, body)
    builder.cbranch(builder.icmp_signed("<", after, function.args[2]), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return function.name, str(module)


def _function(name: str, dtype: str, arguments: int = 2) -> tuple[ir.Module, ir.Function, Vectors]:
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * arguments), name)
    return module, function, Vectors(module, dtype)
