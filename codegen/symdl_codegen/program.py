"""The Program: plain data, the only thing the code generator receives. symdl's ``freeze`` makes it.

Grammar, on one screen::

    Scalar   = Const(value) | Index(name) | Size(name) | Load(tensor, indices) | Apply(primitive, arguments)
    Equation = target[indices] = body                      pointwise
             | target[indices] = op over (k < extent) body      one root reduction, op in add mul max min
             | target[at(...)] op= body                    scatter (``at`` given), op in add max min; the target starts
                                                           at what is neutral: zero, -inf, inf
             | target[indices] = Call(...)                 one result of linear algebra, for each leading index
    Call     = op, which, operands, matrices               operands: loads without their matrix axes
    Program  = sizes, tensors, equations, outputs, updates
    Block    = consecutive equations with the same ``loop``     for t: each equation at t, in order     (a recurrence)

Rules (``verify`` checks them): every tensor is declared once and defined at most once (single assignment); a load's
tensor is an input, a state or the target of an earlier equation; index names are unique within an equation; extents
hold only ``Size`` and integer constants; a body has no reduction inside; primitives get the kinds they expect.
In a block, a target of the block is read at the same time, from an earlier equation, or at an earlier time, ``t - c``
with a whole c of at least 1 (``t + c`` where the loop runs in reverse), guarded by a ``where`` at the boundary.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from symdl_codegen.errors import VerificationError
from symdl_codegen.primitives import MATRIX_OPERATIONS, PRIMITIVES, REDUCTIONS


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: a float is real, an int is an integer, a bool is a boolean."""

    value: float | int | bool


@dataclass(frozen=True, slots=True)
class Index:
    """The integer value of a loop index, zero-based."""

    name: str


@dataclass(frozen=True, slots=True)
class Size:
    """The integer value of a size (a batch length, a width)."""

    name: str


@dataclass(frozen=True, slots=True)
class Load:
    """An element of a tensor. Each index is any integer scalar: an index, quasi-affine, or itself a load (gather)."""

    tensor: str
    indices: tuple["Scalar", ...]


@dataclass(frozen=True, slots=True)
class Apply:
    """A primitive applied to scalars."""

    primitive: str
    arguments: tuple["Scalar", ...]


Scalar = Const | Index | Size | Load | Apply


@dataclass(frozen=True, slots=True)
class Call:
    """Result ``which`` of an operation of linear algebra on whole matrices; see ``MATRIX_OPERATIONS``.

    ``operands`` are loads with leading indices only: what is left of their axes is the matrix, of the extents given in
    ``matrices`` (rows, columns); a vector counts as one column. The equation's axes are those of the batch and then
    those of the result.
    """

    op: str
    which: int
    operands: tuple[Load, ...]
    matrices: tuple[tuple[Scalar, Scalar], ...]

    @property
    def order(self) -> int:
        """The number of axes of the result."""
        return MATRIX_OPERATIONS[self.op][self.which]


@dataclass(frozen=True, slots=True)
class Axis:
    """An index name and its extent (0 <= index < extent)."""

    index: str
    extent: Scalar


@dataclass(frozen=True, slots=True)
class Loop:
    """A recurrence: ``name`` is that of its block, ``index`` the equation's time index, one of its axes.

    For t = 0 .. T-1, or T-1 .. 0 with ``reverse``, every equation of the block computes its target's slice at time t.
    T is the extent of the time axes, equal all over the block. With ``checkpoint``, a number k, whatever is computed at
    all times is kept for k of them only; what was computed at others is computed again where it is needed again.
    """

    name: str
    index: str
    reverse: bool = False
    checkpoint: int | None = None


@dataclass(frozen=True, slots=True)
class Equation:
    """``target[indices] = body``, or with ``reduction`` the reduction of ``body`` over ``reduced``.

    ``at`` (scatter) gives the target's element per iteration; ``axes`` is then the iteration domain, and ``reduction``
    tells what is kept of several: ``max``, ``min``, or with None their sum.
    ``note`` is the equation as text, for the comment above the emitted kernel. With ``loop`` it is computed one time
    step after the other, as part of a block; a scatter then has the time index itself among ``at``.
    """

    target: str
    axes: tuple[Axis, ...]
    body: Scalar | Call
    reduction: str | None = None
    reduced: tuple[Axis, ...] = ()
    at: tuple[Scalar, ...] | None = None
    note: str = ""
    loop: Loop | None = None


@dataclass(frozen=True, slots=True)
class Tensor:
    """A declared tensor. ``kind``: ``real`` (the program's floating type), ``int`` (int64) or ``bool``.

    ``role``: ``input`` (passed at each call), ``batch`` (an input whose first axis is the mini-batch; in an epoch its
    rows are gathered from the data set), ``step`` (an order-0 input with one value per training step, such as a
    learning rate), ``state`` (kept between steps, written by ``updates``) or ``temporary`` (defined by an equation).
    """

    name: str
    shape: tuple[Scalar, ...]
    kind: str = "real"
    role: str = "temporary"


@dataclass(frozen=True, slots=True)
class Program:
    """Equations in single assignment form, in an order in which each is defined before it is read.

    ``sizes`` maps a size's name to its value when static, to None when it is only known at the call.
    ``updates`` holds (state, tensor): after all equations, ``state`` takes the value of ``tensor``. All updates are
    simultaneous: every equation reads the old states. ``guard`` names an order-0 tensor that must be finite for the
    updates to happen: an epoch stops before the updates of the first step at which it is not.
    ``batch`` names the size that is the mini-batch length, in a training program.
    """

    name: str
    sizes: dict[str, int | None]
    tensors: dict[str, Tensor]
    equations: tuple[Equation, ...]
    outputs: tuple[str, ...]
    updates: tuple[tuple[str, str], ...] = ()
    guard: str | None = None
    batch: str | None = None

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors that are not defined by an equation, in order of declaration."""
        return tuple(name for name, tensor in self.tensors.items() if tensor.role != "temporary")


def walk(scalar: Scalar | Call) -> Iterator[Scalar]:
    """Yield ``scalar`` and everything in it, parents first; of a call its operands."""
    stack: list[Scalar] = [*reversed(scalar.operands)] if isinstance(scalar, Call) else [scalar]
    while stack:
        node = stack.pop()
        yield node
        if isinstance(node, Apply):
            stack.extend(reversed(node.arguments))
        elif isinstance(node, Load):
            stack.extend(reversed(node.indices))


def loads(scalar: Scalar | Call) -> list[Load]:
    """All loads in ``scalar``, in order of appearance, nested ones (gathers) included."""
    return [node for node in walk(scalar) if isinstance(node, Load)]


def kind_of(scalar: Scalar | Call, tensors: dict[str, Tensor]) -> str:
    """Return ``real``, ``int`` or ``bool``; raise VerificationError where a primitive gets a kind it does not take."""
    if isinstance(scalar, Const):
        return "bool" if isinstance(scalar.value, bool) else "int" if isinstance(scalar.value, int) else "real"
    if isinstance(scalar, Index | Size):
        return "int"
    if isinstance(scalar, Call):
        return "real"
    if isinstance(scalar, Load):
        return tensors[scalar.tensor].kind
    primitive = PRIMITIVES.get(scalar.primitive)
    if primitive is None:
        raise VerificationError(f"unknown primitive {scalar.primitive!r}; expected one of {', '.join(PRIMITIVES)}")
    count, expected = len(scalar.arguments), len(primitive.arguments)
    if count < expected or (count > expected and not primitive.variadic):
        raise VerificationError(f"{primitive.name} takes {expected} arguments, found {count}")
    kinds = [kind_of(argument, tensors) for argument in scalar.arguments]
    letters = primitive.arguments + primitive.arguments[-1] * (count - expected)
    allowed = {"r": {"real"}, "i": {"int"}, "b": {"bool"}, "n": {"real", "int"}, "a": {"real", "int", "bool"}}
    for position, (letter, kind) in enumerate(zip(letters, kinds, strict=True)):
        if kind not in allowed[letter]:
            raise VerificationError(
                f"argument {position} of {primitive.name} is {kind}, expected {' or '.join(sorted(allowed[letter]))}"
            )
    if primitive.result == "n":
        if len(set(kinds)) > 1:
            raise VerificationError(f"{primitive.name} mixes {' and '.join(sorted(set(kinds)))}; convert with 'real'")
        return kinds[0]
    if primitive.result == "a":
        if kinds[-1] != kinds[-2]:
            raise VerificationError(
                f"the branches of {primitive.name} are {kinds[-2]} and {kinds[-1]}; they must agree"
            )
        return kinds[-1]
    return {"r": "real", "i": "int", "b": "bool"}[primitive.result]


def verify(program: Program) -> Program:
    """Check every rule of the grammar and return ``program`` unchanged; raise VerificationError at the first breach."""
    defined = {name for name, tensor in program.tensors.items() if tensor.role != "temporary"}
    for name, tensor in program.tensors.items():
        if name != tensor.name:
            raise VerificationError(f"tensor {tensor.name!r} is filed under {name!r}")
        for extent in tensor.shape:
            _verify_extent(extent, program, f"shape of {name}")
    for block in blocks(program.equations):
        _verify_block(block)
        targets = {equation.target for equation in block if equation.loop}
        for equation in block:
            _verify_equation(equation, program, defined, targets)
            defined.add(equation.target)
    names = [block[0].loop.name for block in blocks(program.equations) if block[0].loop]
    if len(set(names)) != len(names):
        raise VerificationError(f"the equations of a loop do not follow each other, or two loops share a name: {names}")
    for output in program.outputs:
        if output not in defined:
            raise VerificationError(f"output {output!r} is never defined")
    for state, value in program.updates:
        if state not in program.tensors or program.tensors[state].role != "state":
            raise VerificationError(f"update of {state!r}, which is not a state")
        if value not in defined or program.tensors[value].shape != program.tensors[state].shape:
            raise VerificationError(f"state {state!r} is updated from {value!r}: undefined, or of another shape")
    if program.guard is not None and (program.guard not in defined or program.tensors[program.guard].shape):
        raise VerificationError(f"guard {program.guard!r} must be a defined tensor of order 0")
    if program.batch is not None and program.batch not in program.sizes:
        raise VerificationError(f"batch size {program.batch!r} is not among the sizes")
    return program


def blocks(equations: tuple[Equation, ...]) -> list[tuple[Equation, ...]]:
    """``equations`` in groups: each recurrence together, every other equation by itself."""
    found: list[list[Equation]] = []
    for equation in equations:
        before = found[-1][-1].loop if found else None
        if equation.loop and before and equation.loop.name == before.name:
            found[-1].append(equation)
        else:
            found.append([equation])
    return [tuple(block) for block in found]


def time_position(equation: Equation) -> int:
    """Which axis of the target of ``equation``, which is part of a recurrence, is time."""
    assert equation.loop is not None
    places = equation.at if equation.at is not None else tuple(Index(axis.index) for axis in equation.axes)
    if Index(equation.loop.index) not in places:
        raise VerificationError(f"equation for {equation.target}: its time index {equation.loop.index!r} is no axis")
    return places.index(Index(equation.loop.index))


def time_shift(scalar: Scalar, index: str) -> int | None:
    """The whole number c for which ``scalar`` is ``index + c``, or None."""
    match _linear(scalar, index):
        case (1, int(shift)):
            return shift
    return None


def _linear(scalar: Scalar, index: str) -> tuple[int, int] | None:
    """(factor, constant) of an integer that is linear in ``index`` alone, or None."""
    match scalar:
        case Index(name) if name == index:
            return 1, 0
        case Const(value) if type(value) is int:
            return 0, value
        case Apply("neg", (inner,)) if found := _linear(inner, index):
            return -found[0], -found[1]
        case Apply("add", parts):
            terms = [term for part in parts if (term := _linear(part, index))]
            if len(terms) == len(parts):
                return sum(factor for factor, _ in terms), sum(constant for _, constant in terms)
    return None


def _verify_block(block: tuple[Equation, ...]) -> None:
    """Check what holds between the equations of a recurrence."""
    if block[0].loop is None:
        return
    places = {equation.target: (number, time_position(equation)) for number, equation in enumerate(block)}
    extents = set()
    for number, equation in enumerate(block):
        loop, where = equation.loop, f"equation for {equation.target}"
        assert loop is not None
        extents |= {axis.extent for axis in equation.axes if axis.index == loop.index}
        if loop.reverse != block[0].loop.reverse or len(extents) != 1:
            raise VerificationError(f"{where}: direction or length of time differ within loop {loop.name!r}")
        for load in [load for part in (equation.body, *(equation.at or ())) for load in loads(part)]:
            if load.tensor not in places:
                continue
            order, axis = places[load.tensor]
            shift = time_shift(load.indices[axis], loop.index) if axis < len(load.indices) else None
            past = shift is not None and (shift > 0 if loop.reverse else shift < 0)
            if not past and not (shift == 0 and order < number):
                raise VerificationError(
                    f"{where}: in loop {loop.name!r} it reads {load.tensor!r} before it is computed; expected its axis "
                    f"{axis} at an earlier time, or at the same time and defined by an earlier equation"
                )


def _verify_equation(equation: Equation, program: Program, defined: set[str], block: set[str]) -> None:
    where = f"equation for {equation.target}"
    tensor = program.tensors.get(equation.target)
    if tensor is None or tensor.role != "temporary":
        raise VerificationError(f"{where}: the target is not a declared temporary")
    if equation.target in defined:
        raise VerificationError(f"{where}: the target is defined twice")
    names = [axis.index for axis in (*equation.axes, *equation.reduced)]
    if len(set(names)) != len(names):
        raise VerificationError(f"{where}: an index is bound twice in {names}")
    for axis in (*equation.axes, *equation.reduced):
        _verify_extent(axis.extent, program, where)
    if equation.at is not None:
        if equation.reduction not in (None, "max", "min") or equation.reduced:
            raise VerificationError(f"{where}: a scatter adds, or keeps what is largest or smallest, of one value each")
    elif (equation.reduction is None) != (not equation.reduced):
        raise VerificationError(f"{where}: a reduction needs an operation and at least one index")
    if equation.reduction is not None and equation.reduction not in REDUCTIONS:
        raise VerificationError(f"{where}: unknown reduction {equation.reduction!r}; expected {', '.join(REDUCTIONS)}")
    if equation.at is None:
        if tuple(axis.extent for axis in equation.axes) != tensor.shape:
            raise VerificationError(f"{where}: the axes do not span the target's shape {tensor.shape}")
    elif len(equation.at) != len(tensor.shape):
        raise VerificationError(f"{where}: a scatter into order {len(tensor.shape)} has {len(equation.at)} indices")
    operands = _verify_call(equation, program, where) if isinstance(equation.body, Call) else ()
    for part in (equation.body, *(equation.at or ())):
        for node in walk(part):
            if isinstance(node, Index) and node.name not in names:
                raise VerificationError(f"{where}: index {node.name!r} is not bound")
            if isinstance(node, Size) and node.name not in program.sizes:
                raise VerificationError(f"{where}: size {node.name!r} is not declared")
            if isinstance(node, Load):
                if node.tensor not in defined and node.tensor not in block:
                    raise VerificationError(f"{where}: {node.tensor!r} is read before it is defined")
                if node not in operands and len(node.indices) != len(program.tensors[node.tensor].shape):
                    raise VerificationError(f"{where}: {node.tensor!r} is read with {len(node.indices)} indices")
                if any(kind_of(index, program.tensors) != "int" for index in node.indices):
                    raise VerificationError(f"{where}: an index of {node.tensor!r} is not an integer")
    if kind_of(equation.body, program.tensors) != tensor.kind:
        raise VerificationError(
            f"{where}: the body is {kind_of(equation.body, program.tensors)}, the target {tensor.kind}"
        )


def _verify_call(equation: Equation, program: Program, where: str) -> tuple[Load, ...]:
    """Check a call's form and return its operands."""
    call = equation.body
    assert isinstance(call, Call)
    if call.op not in MATRIX_OPERATIONS or not 0 <= call.which < len(MATRIX_OPERATIONS[call.op]):
        raise VerificationError(f"{where}: unknown operation {call.op!r}, or it has no result {call.which}")
    if equation.reduction is not None or equation.at is not None or len(equation.axes) < call.order:
        raise VerificationError(f"{where}: a call stands alone, and its target has the axes of its result")
    for load, matrix in zip(call.operands, call.matrices, strict=True):
        tensor = program.tensors.get(load.tensor)
        rest = tensor.shape[len(load.indices) :] if tensor else ()
        one = Const(1)
        if tensor is None or tensor.kind != "real" or [e for e in rest if e != one] != [e for e in matrix if e != one]:
            raise VerificationError(f"{where}: operand {load.tensor!r} is no real matrix of the extents {matrix}")
    return call.operands


def _verify_extent(extent: Scalar, program: Program, where: str) -> None:
    for node in walk(extent):
        if isinstance(node, Size) and node.name not in program.sizes:
            raise VerificationError(f"{where}: size {node.name!r} is not declared")
        if isinstance(node, Index | Load) or (isinstance(node, Const) and type(node.value) is not int):
            raise VerificationError(f"{where}: an extent may hold only sizes and integers, found {node}")
