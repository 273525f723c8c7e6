"""What the code generator refuses, as symdl's own errors."""

from types import TracebackType

from symdl.errors import ExpressionError, InputError, NumericalError
from symdl_codegen.errors import ArgumentError, CodegenError, ComputationError


class Refusals:
    """A context in which errors of the code generator are those of symdl, with the same message.

    Raises:
        InputError: for arguments that do not fit.
        NumericalError: where an operation has no result for the numbers at hand.
        ExpressionError: for an expression without a kernel form on a target.
    """

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: type | None, error: BaseException | None, __: TracebackType | None) -> None:
        if isinstance(error, ArgumentError):
            raise InputError(str(error)) from None
        if isinstance(error, ComputationError):
            raise NumericalError(str(error)) from None
        if isinstance(error, CodegenError):
            raise ExpressionError(str(error)) from error


REFUSALS = Refusals()
