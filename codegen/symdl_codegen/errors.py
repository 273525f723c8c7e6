"""All exceptions of the code generator, in one file. Messages say what was expected, what was found and the remedy."""


class CodegenError(Exception):
    """Base class of every error raised by ``symdl_codegen``."""


class VerificationError(CodegenError):
    """A Program or a loop IR breaks a rule of its grammar. Always a defect of the stage that produced it."""


class UnsupportedError(CodegenError):
    """A well-formed Program holds a structure that the chosen target cannot lower."""


class ArgumentError(CodegenError, ValueError):
    """A compiled function was called with arrays that do not fit its declaration."""


class CompilerUnavailableError(CodegenError):
    """A target needs a compiler or library that is not installed; the message names the extra that brings it."""


class ComputationError(CodegenError, ArithmeticError):
    """An operation has no result for the numbers at hand: a singular matrix, one that is not positive definite."""
