"""The barrier of workers: each counts its arrivals in a cache line of its own and waits for the others' counts.

    barrier(state, worker, workers)

``state`` is the address of lines of 64 bytes: one for each worker, with the number of its arrivals, and one with what
all of them read, [given up, spins, address of what yields the processor]. A waiting worker looks again ``spins``
times, then yields the processor each time it has looked; it also leaves where the work was given up. Counts only grow:
a late reader is never left behind.
"""

from llvmlite import binding, ir

I64, I32 = ir.IntType(64), ir.IntType(32)
LINE = 8  # integers of a cache line
GIVEN_UP, SPINS, YIELD = 0, 1, 2  # places in the last line
EAGER = 64  # looks without a pause between them


def barrier_module(dtype: str = "int64") -> tuple[str, str]:
    """Return (symbol, LLVM assembly) of ``barrier``, which counts in ``dtype``.

    Its first two parameters are those of every kernel, unused.
    """
    module = ir.Module("symdl_barrier")
    function = ir.Function(module, ir.FunctionType(I32, [I64] * 5), "symdl_barrier")
    _, _, state, worker, workers = function.args
    names = ("entry", "others", "look", "wait", "pause", "relax", "yield", "next", "done")
    entry, others, look, wait, pause, relax, give, following, done = (function.append_basic_block(n) for n in names)

    def line(builder: ir.IRBuilder, number: ir.Value, place: int = 0) -> ir.Value:
        start = builder.add(state, builder.mul(number, ir.Constant(I64, 8 * LINE)))
        return builder.inttoptr(builder.add(start, ir.Constant(I64, 8 * place)), I64.as_pointer())

    builder = ir.IRBuilder(entry)
    mine = line(builder, worker)
    count = builder.add(builder.load_atomic(mine, "monotonic", 8), ir.Constant(I64, 1))
    builder.store_atomic(count, mine, "release", 8)
    spins = builder.load(line(builder, workers, SPINS))
    builder.branch(others)

    builder.position_at_end(others)
    other = builder.phi(I64)
    other.add_incoming(ir.Constant(I64, 0), entry)
    builder.cbranch(builder.icmp_signed("<", other, workers), look, done)

    builder.position_at_end(look)
    looks = builder.phi(I64)
    looks.add_incoming(ir.Constant(I64, 0), others)
    seen = builder.load_atomic(line(builder, other), "acquire", 8)
    builder.cbranch(builder.icmp_signed(">=", seen, count), following, wait)

    builder.position_at_end(wait)
    more = builder.add(looks, ir.Constant(I64, 1))
    builder.cbranch(builder.icmp_signed("<", looks, spins), pause, give)

    builder.position_at_end(pause)
    looks.add_incoming(more, pause)
    builder.cbranch(builder.icmp_signed("<", looks, ir.Constant(I64, EAGER)), look, relax)

    builder.position_at_end(relax)
    looks.add_incoming(more, relax)
    _pause(module, builder)
    builder.branch(look)

    builder.position_at_end(give)
    looks.add_incoming(more, give)
    give_way = builder.load(line(builder, workers, YIELD))
    builder.call(builder.inttoptr(give_way, ir.FunctionType(I32, []).as_pointer()), [])
    given_up = builder.load_atomic(line(builder, workers, GIVEN_UP), "acquire", 8)
    builder.cbranch(builder.icmp_signed("==", given_up, ir.Constant(I64, 0)), look, done)

    builder.position_at_end(following)
    other.add_incoming(builder.add(other, ir.Constant(I64, 1)), following)
    builder.branch(others)

    builder.position_at_end(done)
    builder.ret(ir.Constant(I32, 0))
    return function.name, str(module)


def _pause(module: ir.Module, builder: ir.IRBuilder) -> None:
    """Tell the processor that a loop waits, where it wants to know."""
    match binding.get_default_triple().partition("-")[0]:
        case "x86_64":
            builder.call(ir.Function(module, ir.FunctionType(ir.VoidType(), []), "llvm.x86.sse2.pause"), [])
        case "aarch64" | "arm64":
            hint = ir.Function(module, ir.FunctionType(ir.VoidType(), [I32]), "llvm.aarch64.hint")
            builder.call(hint, [ir.Constant(I32, 1)])
