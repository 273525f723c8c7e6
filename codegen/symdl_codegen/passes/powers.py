"""Powers with a small constant exponent become products and quotients: exact special values, a fraction of the cost."""

from dataclasses import replace

from symdl_codegen.ir import Apply, Const, Module, Scalar, map_scalar, map_statement


def powers(module: Module) -> Module:
    """Rewrite powers with exponent 1, 2, 3 or -1.

    before: pow(x, 2.0)        after: mul(x, x)
    """
    return replace(
        module,
        kernels=tuple(
            replace(
                kernel,
                body=tuple(map_statement(part, lambda scalar: map_scalar(scalar, _power)) for part in kernel.body),
            )
            for kernel in module.kernels
        ),
    )


def _power(scalar: Scalar) -> Scalar:
    match scalar:
        case Apply("pow", (base, Const(1.0))):
            return base
        case Apply("pow", (base, Const(2.0))):
            return Apply("mul", (base, base))
        case Apply("pow", (base, Const(3.0))):
            return Apply("mul", (base, base, base))
        case Apply("pow", (base, Const(-1.0))):
            return Apply("div", (Const(1.0), base))
    return scalar
