"""The compiled training step of a model of the library."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symdl.models import Recipe
    from symdl.train import Model
    from symdl.train.programs import Built


def training_step(recipe: "Recipe", model: "Model", target: str, dtype: str | None) -> "Built":
    """Compile the training step that ``recipe.train`` would run."""
    from symdl.train.programs import training
    from symdl.train.step import Switches

    options = recipe.training
    where = model.where(target, dtype or options["dtype"])
    switches = Switches(whole=options.get("batch_size") is None)
    return training(model.declared, where, model.declared.parameters, options["optimizer"], switches)
