"""One use of a rule, as something that can be tested: two forms that are equal at all inputs."""

from dataclasses import dataclass

from sympy import Expr

from symdl.expr.nodes import Array


@dataclass(frozen=True)
class Rewriting:
    """What a rule made of a formula.

    Attributes:
        rule: The name of the rule.
        target: The quantity in whose equation it was used.
        before: The formula, over the elements of other quantities.
        after: What came out.
        left: ``before`` as a tensor over the inputs.
        right: ``after`` as a tensor over the inputs.
    """

    rule: str
    target: str
    before: Expr
    after: Expr
    left: Array
    right: Array

    def __str__(self) -> str:
        return f"{self.target}: {self.rule}: {self.before} = {self.after}"
