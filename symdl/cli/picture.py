"""The loss curve as a picture."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from symdl.train import History


def loss_curve(history: "History", title: str) -> bytes:
    """Return a PNG of the training loss, and of the validation loss and the metrics where there are some, over epochs.

    Each metric has axes of its own below those of the loss.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    measured = {name: values for name, values in history.metrics.items() if values}
    rows = 1 + len(measured)
    figure = Figure(figsize=(6.4, 4.0 + 2.2 * len(measured)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    first, *others = figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0]
    marker = "o" if history.epochs == 1 else ""

    def plot(axes: Any, values: Sequence[float], label: str) -> None:
        axes.plot(range(1, len(values) + 1), values, marker=marker, label=label)

    plot(first, history.loss, "training")
    if history.validation_loss:
        plot(first, history.validation_loss, "validation")
        first.legend(frameon=False)
    if history.loss and min(history.loss) > 0 and max(history.loss) > 10 * min(history.loss):
        first.set_yscale("log")
    first.set(ylabel="mean loss", title=title)
    for axes, (name, values) in zip(others, measured.items(), strict=True):
        plot(axes, values, name)
        axes.set(ylabel=name)
    for axes in (first, *others):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    [first, *others][-1].set(xlabel="epoch")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
