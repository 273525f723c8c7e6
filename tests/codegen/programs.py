"""Programs for tests: a multi-layer perceptron with cross-entropy and Adam, written by hand, and building blocks."""

from symdl_codegen.program import Apply, Axis, Const, Equation, Index, Load, Program, Scalar, Size, Tensor


def ap(primitive: str, *arguments: Scalar | float | int) -> Apply:
    """A primitive applied; Python numbers become constants."""
    return Apply(primitive, tuple(Const(a) if isinstance(a, int | float | bool) else a for a in arguments))


def ld(tensor: str, *indices: str | int | Scalar) -> Load:
    """A load; names become indices."""
    return Load(
        tensor, tuple(Index(i) if isinstance(i, str) else Const(i) if isinstance(i, int) else i for i in indices)
    )


def axes(**extents: str | int) -> tuple[Axis, ...]:
    """``axes(i="n", j=3)``."""
    return tuple(Axis(i, Size(e) if isinstance(e, str) else Const(e)) for i, e in extents.items())


def shape(*extents: str | int) -> tuple[Scalar, ...]:
    """Sizes by name, constants by value."""
    return tuple(Size(e) if isinstance(e, str) else Const(e) for e in extents)


class Builder:
    """Collects tensors and equations of a program."""

    def __init__(self, name: str, **sizes: int | None) -> None:
        self.name, self.sizes = name, sizes
        self.tensors: dict[str, Tensor] = {}
        self.equations: list[Equation] = []

    def input(self, name: str, *extents: str | int, kind: str = "real", role: str = "input") -> str:
        """Declare an input."""
        self.tensors[name] = Tensor(name, shape(*extents), kind, role)
        return name

    def eq(
        self,
        target: str,
        over: tuple[Axis, ...],
        body: Scalar,
        reduction: str | None = None,
        reduced: tuple[Axis, ...] = (),
        at: tuple[Scalar, ...] | None = None,
        kind: str = "real",
        extents: tuple[Scalar, ...] | None = None,
    ) -> str:
        """Declare a temporary and its equation."""
        self.tensors[target] = Tensor(target, extents if extents is not None else tuple(a.extent for a in over), kind)
        self.equations.append(Equation(target, over, body, reduction, reduced, at))
        return target

    def program(
        self,
        *outputs: str,
        updates: tuple[tuple[str, str], ...] = (),
        guard: str | None = None,
        batch: str | None = None,
    ) -> Program:
        """The finished program."""
        return Program(self.name, dict(self.sizes), self.tensors, tuple(self.equations), outputs, updates, guard, batch)


def mlp(widths: tuple[int, ...], adam: bool = True, dynamic_widths: bool = False) -> Program:
    """A training step: dense layers with ReLU, softmax cross-entropy with one-hot targets, Adam or plain descent."""
    depth = len(widths) - 1
    b = Builder("mlp", n=None, **{f"p{level}": None if dynamic_widths else width for level, width in enumerate(widths)})
    b.input("x", "n", "p0", role="batch")
    b.input("y", "n", f"p{depth}", role="batch")
    b.input("alpha", role="step")
    b.input("t", role="step")
    states = []
    for level in range(1, depth + 1):
        p, q = f"p{level - 1}", f"p{level}"
        for name, extents in ((f"W{level}", (q, p)), (f"b{level}", (q,))):
            states.append((name, extents))
            for prefix in ("", "m_", "v_") if adam else ("",):
                b.input(prefix + name, *extents, role="state")
    layer = "x"
    for level in range(1, depth + 1):
        p, q = f"p{level - 1}", f"p{level}"
        b.eq(f"s{level}", axes(i="n", j=q), ap("mul", ld(layer, "i", "k"), ld(f"W{level}", "j", "k")), "add", axes(k=p))
        b.eq(f"z{level}", axes(i="n", j=q), ap("add", ld(f"s{level}", "i", "j"), ld(f"b{level}", "j")))
        if level < depth:
            layer = b.eq(f"a{level}", axes(i="n", j=q), ap("max", ld(f"z{level}", "i", "j"), 0.0))
    q, z = f"p{depth}", f"z{depth}"
    b.eq("top", axes(i="n"), ld(z, "i", "j"), "max", axes(j=q))
    b.eq("total", axes(i="n"), ap("exp", ap("add", ld(z, "i", "j"), ap("neg", ld("top", "i")))), "add", axes(j=q))
    b.eq("log_sum", axes(i="n"), ap("add", ap("log", ld("total", "i")), ld("top", "i")))
    b.eq(
        "loss_sum",
        (),
        ap("mul", ld("y", "i", "j"), ap("add", ld("log_sum", "i"), ap("neg", ld(z, "i", "j")))),
        "add",
        axes(i="n", j=q),
    )
    count = ap("real", Size("n"))
    b.eq("loss", (), ap("div", ld("loss_sum"), count))
    probability = ap("exp", ap("add", ld(z, "i", "j"), ap("neg", ld("log_sum", "i"))))
    b.eq(f"d{depth}", axes(i="n", j=q), ap("div", ap("add", probability, ap("neg", ld("y", "i", "j"))), count))
    for level in range(depth, 0, -1):
        p, q = f"p{level - 1}", f"p{level}"
        below = f"a{level - 1}" if level > 1 else "x"
        b.eq(
            f"gW{level}", axes(j=q, k=p), ap("mul", ld(f"d{level}", "i", "j"), ld(below, "i", "k")), "add", axes(i="n")
        )
        b.eq(f"gb{level}", axes(j=q), ld(f"d{level}", "i", "j"), "add", axes(i="n"))
        if level > 1:
            b.eq(
                f"e{level - 1}",
                axes(i="n", k=p),
                ap("mul", ld(f"d{level}", "i", "j"), ld(f"W{level}", "j", "k")),
                "add",
                axes(j=q),
            )
            b.eq(
                f"d{level - 1}",
                axes(i="n", k=p),
                ap("where", ap("lt", 0.0, ld(f"z{level - 1}", "i", "k")), ld(f"e{level - 1}", "i", "k"), 0.0),
            )
    updates = _adam(b, states) if adam else _descent(b, states)
    return b.program("loss", updates=updates, guard="loss", batch="n")


def _descent(b: Builder, states: list[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, str], ...]:
    updates = []
    for name, extents in states:
        over, where = axes(**{f"u{k}": e for k, e in enumerate(extents)}), [f"u{k}" for k in range(len(extents))]
        b.eq(
            f"{name}_next", over, ap("add", ld(name, *where), ap("neg", ap("mul", ld("alpha"), ld(f"g{name}", *where))))
        )
        updates.append((name, f"{name}_next"))
    return tuple(updates)


def _adam(b: Builder, states: list[tuple[str, tuple[str, ...]]]) -> tuple[tuple[str, str], ...]:
    updates = []
    for name, extents in states:
        over, where = axes(**{f"u{k}": e for k, e in enumerate(extents)}), [f"u{k}" for k in range(len(extents))]
        g, m, v = ld(f"g{name}", *where), f"m_{name}_next", f"v_{name}_next"
        b.eq(m, over, ap("add", ap("mul", 0.9, ld(f"m_{name}", *where)), ap("mul", 0.1, g)))
        b.eq(v, over, ap("add", ap("mul", 0.999, ld(f"v_{name}", *where)), ap("mul", 0.001, g, g)))
        hat_m = ap("div", ld(m, *where), ap("add", 1.0, ap("neg", ap("pow", 0.9, ld("t")))))
        hat_v = ap("div", ld(v, *where), ap("add", 1.0, ap("neg", ap("pow", 0.999, ld("t")))))
        move = ap("mul", ld("alpha"), ap("div", hat_m, ap("add", ap("sqrt", hat_v), 1e-8)))
        b.eq(f"{name}_next", over, ap("add", ld(name, *where), ap("neg", move)))
        updates += [(name, f"{name}_next"), (f"m_{name}", m), (f"v_{name}", v)]
    return tuple(updates)
