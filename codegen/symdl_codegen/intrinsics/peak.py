"""What the machine can do at most, as loops that other kernels are measured against.

    fma(sink, steps)       FMA_CHAINS independent multiply-adds of whole vectors in each step, all in registers
    sweep(data, count)     data[i] = a*data[i] + b for i < count in place: memory as fast as it can be read and written

``sink`` and ``data`` are addresses; ``sink`` holds three elements: a, b, and a place for the result, so that nothing is
known to the compiler. ``count`` is a multiple of the vector width.
"""

from llvmlite import ir

from symdl_codegen.intrinsics.vectors import I64, Vectors

FMA_CHAINS = 12  # two ports times a latency of four or five need ten; AVX2 has sixteen registers


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
    module, function, kit = _function(f"symdl_sweep_{dtype}", dtype)
    entry, body, done = (function.append_basic_block(name) for name in ("entry", "body", "done"))
    builder = ir.IRBuilder(entry)
    data = builder.inttoptr(function.args[0], kit.scalar.as_pointer())
    a, b = (ir.Constant(kit.vector, [value] * kit.width) for value in (0.5, 0.25))
    builder.branch(body)
    builder.position_at_end(body)
    index = builder.phi(I64)
    place = builder.gep(data, [index])
    kit.store(builder, kit.fma(builder, kit.load(builder, place), a, b), place)
    after = builder.add(index, I64(kit.width))
    index.add_incoming(I64(0), entry)
    index.add_incoming(after, body)
    builder.cbranch(builder.icmp_signed("<", after, function.args[1]), body, done)
    builder.position_at_end(done)
    builder.ret_void()
    return function.name, str(module)


def _function(name: str, dtype: str) -> tuple[ir.Module, ir.Function, Vectors]:
    module = ir.Module(name)
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 2), name)
    return module, function, Vectors(module, dtype)
