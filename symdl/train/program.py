"""Several losses, groups of parameters and optimizers in one training program. Design §8."""

from collections.abc import Mapping, Sequence
from typing import Any

from symdl.errors import InputError, NameConflictError
from symdl.train.declaration import LOSS_NAME, Group, declare_groups
from symdl.train.model import Model

ORDERS = ("alternating", "simultaneous")


class Program(Model):
    """A model with several losses, each minimised over parameters of its own: adversarial training, actor and critic.

    ``sd.fit`` trains it as it trains a model. In a loss, the parameters of other groups are what they are at the step;
    they stay fixed in its gradient. In order ``"alternating"`` the groups take turns: each step, on a mini-batch of its
    own, belongs to one group, which makes ``Group.steps`` of them in a row, in one native call.
    In order ``"simultaneous"`` every step changes all groups, from the values before it; an epoch is one native call.
    States change in every step. Schedules and bias corrections count the steps of their group, random draws all steps.

    Args:
        groups: The groups, in the order of their turns.
        inputs: As in ``Model``; every group has the same data.
        targets: As in ``Model``.
        outputs: As in ``Model``.
        init: As in ``Model``.
        batch: As in ``Model``.
        sizes: As in ``Model``.
        seed: As in ``Model``.
        order: ``"alternating"`` or ``"simultaneous"``.

    Raises:
        InputError: for groups that are none, or an unknown order; and as in ``Model``.
        NameConflictError: if two groups share a name or a parameter.
    """

    def __init__(
        self,
        groups: Sequence[Group],
        inputs: Any = (),
        targets: Any = (),
        outputs: Mapping[str, Any] | None = None,
        init: Mapping[Any, Any] | None = None,
        batch: Any = None,
        sizes: Mapping[Any, int] | None = None,
        seed: int = 0,
        order: str = "alternating",
    ) -> None:
        if order not in ORDERS:
            raise InputError(f"Program: order={order!r}; expected one of {', '.join(ORDERS)}")
        _check(list(groups), order)
        self._declare(declare_groups(list(groups), inputs, targets, outputs, batch, order), init, sizes, seed)


def _check(groups: list[Any], order: str) -> None:
    from symdl.optimizers.optimizer import Optimizer

    if not groups:
        raise InputError("Program: there are no groups; give a list of sd.Group(name, loss, parameters)")
    names: set[str] = set()
    for group in groups:
        if not isinstance(group, Group):
            raise InputError(f"Program: expected sd.Group(name, loss, parameters) in groups, found {group!r}")
        if group.name == LOSS_NAME or group.name in names:
            raise NameConflictError(f"Program: the name {group.name!r} of a group is taken; give it another one")
        if order == "simultaneous" and group.steps != 1:
            raise InputError(f"Program: steps of {group.name}: groups that step simultaneously make one step each")
        if group.optimizer is not None and not isinstance(group.optimizer, Optimizer):
            raise InputError(f"Program: expected one of sd.optimizers for {group.name}, found {group.optimizer!r}")
        names.add(group.name)
