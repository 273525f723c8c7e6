"""All exceptions of symdl. Each message names the symbol, what was expected, what was found and the remedy."""


class SymdlError(Exception):
    """Base class of every error symdl raises on purpose."""


class ShapeError(SymdlError, ValueError):
    """Shapes, index ranges or sizes that do not fit, found where the expression is written."""


class ExpressionError(SymdlError, TypeError):
    """An expression symdl cannot give a meaning to: an unknown op, a tensor where a scalar is due, a bad index."""


class NameConflictError(SymdlError, ValueError):
    """One name stands for two different things in the same expression."""


class DerivationError(SymdlError, ValueError):
    """A derivative that does not exist or was asked of the wrong thing: a loss that is not a scalar, a constant."""


class InputError(SymdlError, ValueError):
    """Arrays, labels or options given to a compiled function or to ``fit`` that do not fit the declaration."""


class NumericalError(SymdlError, ArithmeticError):
    """Numbers for which an operation has no result: a singular matrix to invert, one that is not positive definite."""


class CheckpointError(SymdlError, ValueError):
    """A checkpoint that cannot be read or does not belong to the model."""


class InternalError(SymdlError, AssertionError):
    """symdl contradicts itself: two derivations of one quantity differ. Always a defect worth reporting."""
