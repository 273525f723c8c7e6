"""The rules of the loop IR, checked before and after every pass."""

from symdl_codegen.errors import VerificationError
from symdl_codegen.ir import (
    Axis,
    Barrier,
    Contract,
    Index,
    Kernel,
    Let,
    Load,
    Local,
    Module,
    Nest,
    Reduce,
    Routine,
    Scalar,
    Size,
    Span,
    Statement,
    Store,
    free_indices,
    walk,
)
from symdl_codegen.ir_access import scratches
from symdl_codegen.primitives import MATRIX_OPERATIONS, PRIMITIVES, REDUCTIONS
from symdl_codegen.scalars import text


def verify_module(module: Module) -> Module:
    """Check every rule of the IR and return ``module`` unchanged; raise VerificationError at the first breach."""
    defined = {name for name, buffer in module.buffers.items() if buffer.role not in ("temporary", "scratch")}
    overwritten: set[str] = set()
    names = [kernel.name for kernel in module.kernels]
    if len(set(names)) != len(names):
        raise VerificationError(f"two kernels of {module.name} share a name: {sorted(names)}")
    updating = False
    writers: dict[str, list[Span | None]] = {}
    for position, kernel in enumerate(module.kernels):
        if updating and kernel.phase == "step":
            raise VerificationError(f"kernel {kernel.name} of phase step follows a kernel of phase update")
        updating = kernel.phase == "update"
        if kernel.span:
            _verify_span(module.kernels, position)
        if kernel.strip:
            _verify_strip(module.kernels, position)
        _Checker(module, kernel, defined, overwritten, _later(module.kernels, position)).run()
        for name in kernel.writes:
            role = module.buffers[name].role
            if role == "state" and kernel.phase == "update" and name not in overwritten:
                overwritten.add(name)
            elif role == "temporary" and (
                name not in defined or kernel.strip or _other_steps(kernel.span, writers[name])
            ):
                defined.add(name)
                writers.setdefault(name, []).append(kernel.span)
            elif role != "scratch":
                raise VerificationError(
                    f"kernel {kernel.name} writes {name!r} ({role}), which it may not, or not again"
                )
    for name, buffer in module.outputs.items():
        if buffer not in defined:
            raise VerificationError(f"output {name!r} is held by {buffer!r}, which no kernel writes")
    if module.guard is not None and module.guard not in defined:
        raise VerificationError(f"guard {module.guard!r} is never written")
    for state, _ in module.updates:
        if state not in overwritten:
            raise VerificationError(f"state {state!r} has an update that no kernel performs")
    return module


def _verify_span(kernels: tuple[Kernel, ...], position: int) -> None:
    """Check that the kernels of a loop follow each other, and that its time stands for one thing."""
    span, loop = kernels[position].span, _loop(kernels[position])
    assert span is not None
    spans = [kernel.span for kernel in kernels[:position]]
    loops = [_loop(kernel) for kernel in kernels[:position]]
    apart = (loop in loops and loops[-1] != loop) or (span in spans and spans[-1] != span)
    if kernels[position].phase != "step" or apart:
        raise VerificationError(
            f"kernel {kernels[position].name} stands apart from the other kernels of its loop {loop!r}"
        )
    for other in (kernel.span for kernel in kernels if kernel.span and kernel.span.loop == loop):
        if (other.time, other.extent, other.reverse) != (span.time, span.extent, span.reverse):
            raise VerificationError(f"two spans of loop {loop!r} differ in time, extent or direction")


def _verify_strip(kernels: tuple[Kernel, ...], position: int) -> None:
    """Check that the kernels of a strip follow each other."""
    strips = [kernel.strip for kernel in kernels[: position + 1]]
    if strips[-1] in strips[:-1] and strips[-2] != strips[-1]:
        raise VerificationError(f"kernel {kernels[position].name} stands apart from the other kernels of its strip")


def _loop(kernel: Kernel) -> str | None:
    return kernel.span.loop if kernel.span else None


def _later(kernels: tuple[Kernel, ...], position: int) -> set[str]:
    """What the kernel at ``position`` and those after it in the same loop write: it may read their earlier steps.

    In a strip, what any of its kernels writes: it may have been left by the last block.
    """
    loop, strip = _loop(kernels[position]), kernels[position].strip
    if strip:
        return {name for kernel in kernels if kernel.strip == strip for name in kernel.writes}
    return {name for kernel in kernels[position:] if loop and _loop(kernel) == loop for name in kernel.writes}


def _other_steps(span: Span | None, written: list[Span | None]) -> bool:
    """Whether a buffer ``written`` during some spans may also be written during ``span``: other steps of one loop."""
    return all(span and other and span.loop == other.loop and span != other for other in written)


class _Checker:
    """Checks one kernel: scopes of indices and locals, declared buffers and sizes, reads after definition.

    ``later`` are buffers of which earlier time steps may be read.
    """

    def __init__(
        self, module: Module, kernel: Kernel, defined: set[str], overwritten: set[str], later: set[str]
    ) -> None:
        self.module, self.kernel, self.overwritten, self.later = module, kernel, overwritten, later
        self.readable = defined | scratches(kernel, module.buffers)
        self.extents = {*module.sizes, *(kernel.strip.sizes if kernel.strip else ())}
        self.sizes = {*self.extents, *([kernel.span.time] if kernel.span else [])}

    def run(self) -> None:
        self._body(self.kernel.body, frozenset(), set())

    def _fail(self, what: str) -> None:
        raise VerificationError(f"kernel {self.kernel.name}: {what}")

    def _body(self, body: tuple[Statement, ...], indices: frozenset[str], bound: set[str]) -> None:
        bound = set(bound)
        for statement in body:
            match statement:
                case Let(local, value):
                    self._scalar(value, indices, bound)
                    bound.add(self._new(local, bound))
                case Reduce(local, op, axes, value):
                    self._op(op)
                    self._scalar(value, self._bind(axes, indices), bound)
                    bound.add(self._new(local, bound))
                case Store(name, where, value, op):
                    self._op(op)
                    self._buffer(name, where)
                    for scalar in (*where, value):
                        self._scalar(scalar, indices, bound)
                    if self.module.buffers[name].role != "state":
                        self.readable.add(name)
                case Nest(axes, inner):
                    self._body(inner, self._bind(axes, indices), bound)
                case Contract():
                    outer = self._bind((*statement.rows, *statement.columns), indices)
                    for part in statement.products:
                        if (part.rows, part.columns) != (statement.rows, statement.columns):
                            self._fail(f"the products of {statement.local.name!r} differ in rows or columns")
                        deep = self._bind(part.depth, outer)
                        for load, others in ((part.left, part.columns), (part.right, part.rows)):
                            self._scalar(load, deep - {axis.index for axis in others}, bound)
                        self._cuts(part)
                    bound_inside = bound | {self._new(part.local, bound) for part in statement.products}
                    self._body(statement.epilogue, outer, bound_inside)
                case Routine():
                    self._routine(statement, indices, bound)
                case Barrier():
                    pass

    def _cuts(self, part: Contract) -> None:
        inside = {axis.index for axis in (*part.rows, *part.columns, *part.depth)}
        if [cut.depth for cut in part.cuts] != list(range(len(part.cuts))):
            self._fail(f"cuts of {part.local.name} are not of the first axes of its depth in order")
        for cut in part.cuts:
            place = (part.right if cut.right else part.left).indices[cut.position]
            if free_indices(place) & inside != {part.depth[cut.depth].index}:
                self._fail(f"a cut of {part.local.name} by {text(place)} depends on more than loops around its tile")

    def _routine(self, part: Routine, indices: frozenset[str], bound: set[str]) -> None:
        if part.op not in MATRIX_OPERATIONS:
            self._fail(f"unknown operation {part.op!r}; expected one of {', '.join(MATRIX_OPERATIONS)}")
        for load in (*part.operands, *(place for _, place in part.results)):
            if load.tensor not in self.module.buffers:
                self._fail(f"buffer {load.tensor!r} is not declared")
            for index in load.indices:
                self._scalar(index, indices, bound)
        for load in part.operands:
            if load.tensor not in self.readable and load.tensor not in self.later:
                self._fail(f"{load.tensor!r} is read before it is written")
        self.readable |= {place.tensor for _, place in part.results}

    def _new(self, local: Local, bound: set[str]) -> str:
        if local.name in bound:
            self._fail(f"local {local.name!r} is bound twice")
        return local.name

    def _op(self, op: str | None) -> None:
        if op is not None and op not in REDUCTIONS:
            self._fail(f"unknown reduction {op!r}; expected one of {', '.join(REDUCTIONS)}")

    def _bind(self, axes: tuple[Axis, ...], indices: frozenset[str]) -> frozenset[str]:
        for axis in axes:
            if axis.index in indices:
                self._fail(f"index {axis.index!r} is bound twice")
            for node in walk(axis.extent):
                if isinstance(node, Index | Load | Local):
                    self._fail(f"the extent of {axis.index!r} holds {node}; only sizes and integers may stand there")
                if isinstance(node, Size) and node.name not in self.extents:
                    self._fail(f"size {node.name!r} is not declared")
            indices |= {axis.index}
        return indices

    def _buffer(self, name: str, indices: tuple[Scalar, ...]) -> None:
        buffer = self.module.buffers.get(name)
        if buffer is None:
            self._fail(f"buffer {name!r} is not declared")
        elif len(indices) != len(buffer.shape):
            self._fail(f"buffer {name!r} of order {len(buffer.shape)} has {len(indices)} indices")

    def _scalar(self, scalar: Scalar, indices: frozenset[str], bound: set[str]) -> None:
        for node in walk(scalar):
            if isinstance(node, Index) and node.name not in indices:
                self._fail(f"index {node.name!r} is not bound")
            elif isinstance(node, Local) and node.name not in bound:
                self._fail(f"local {node.name!r} is read before it is bound")
            elif isinstance(node, Size) and node.name not in self.sizes:
                self._fail(f"size {node.name!r} is not declared")
            elif isinstance(node, Load):
                self._buffer(node.tensor, node.indices)
                if node.tensor not in self.readable and not (node.tensor in self.later and self._is_earlier(node)):
                    self._fail(f"{node.tensor!r} is read before it is written")
                if node.tensor in self.overwritten:
                    self._fail(f"state {node.tensor!r} is read after its update")
            elif hasattr(node, "primitive") and node.primitive not in PRIMITIVES:
                self._fail(f"unknown primitive {node.primitive!r}")

    def _is_earlier(self, load: Load) -> bool:
        """Whether ``load`` has an index that is a time before or after the present step, or may be in a strip."""
        if self.kernel.strip:
            return True
        assert self.kernel.span is not None
        time = Size(self.kernel.span.time)
        return any(index != time and time in walk(index) for index in load.indices)
