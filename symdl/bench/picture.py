"""Rows as a picture: bars of the ratio to the floor, one group for each workload and number of threads."""

import io
from collections.abc import Sequence

from symdl.bench.measure import Row
from symdl.bench.table import PEERS

COLOURS = {
    "symdl": "#1b6ca8",
    "torch-eager": "#f2a65a",
    "torch-compile": "#d1602f",
    "jax-step": "#9bc1a3",
    "jax-scan": "#4f8a5b",
    "numpy": "#b8b8b8",
    "numpy-syrk": "#7d7d7d",
}


def bars(rows: Sequence[Row], title: str) -> bytes:
    """Return a PNG: how many times the floor each runner takes, on a logarithmic axis that begins at 1."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [name for name in ("symdl", *PEERS) if any(name in row.runners for row in rows)]
    figure = Figure(figsize=(8.5, 1.2 + sum(0.35 + 0.24 * _count(row) for row in rows)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    place, ticks, labels = 0.0, [], []
    for row in rows:
        shown = [name for name in names if row.runners.get(name) and row.runners[name].seconds]
        for number, name in enumerate(shown):
            ratio = row.over_floor(name)
            y = place + 0.24 * number
            axes.barh(y, ratio, 0.22, color=COLOURS[name], label=name)
            axes.annotate(f"{ratio:.2f}", (ratio, y), (3, 0), textcoords="offset points", va="center", fontsize=7)
        ticks.append(place + 0.12 * (len(shown) - 1))
        labels.append(f"{row.workload}\n{row.threads} thread{'s' * (row.threads > 1)}")
        place += 0.35 + 0.24 * len(shown)
    axes.set(xscale="log", yticks=ticks, yticklabels=labels, xlabel="time over the floor (1 is the machine's limit)")
    axes.set_title(title, fontsize=9)
    axes.set_ylim(place - 0.2, -0.3)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlim(0.9, 1.3 * max(axes.get_xlim()[1], 2))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    order = [name for name in names if name in handles]
    axes.legend([handles[name] for name in order], order, frameon=False, fontsize=8, loc="lower right")
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _count(row: Row) -> int:
    return sum(bool(times.seconds) for times in row.runners.values())
