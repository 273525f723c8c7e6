"""The loss curve as a picture."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symdl.train import History


def loss_curve(history: "History", title: str) -> bytes:
    """Return a PNG of the training loss, and of the validation loss where there is one, over epochs."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    epochs = range(1, history.epochs + 1)
    marker = "o" if history.epochs == 1 else ""
    axes.plot(epochs, history.loss, marker=marker, label="training")
    if history.validation_loss:
        axes.plot(epochs, history.validation_loss, marker=marker, label="validation")
        axes.legend(frameon=False)
    if history.loss and min(history.loss) > 0 and max(history.loss) > 10 * min(history.loss):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel="mean loss", title=title)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
