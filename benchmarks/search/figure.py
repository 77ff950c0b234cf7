"""Times to solution side by side, one panel for each unit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

MARKERS = "oDsv^<>PX*"


def draw(path: Path, panels: dict[str, dict[str, dict[str, float]]]) -> None:
    """panels[unit][model][method], infinite where a method never arrived: such points are left out."""
    from matplotlib.figure import Figure

    picture = Figure(figsize=(9, 4.4), layout="constrained")
    models = list(next(iter(panels.values())))
    methods = list(dict.fromkeys(name for found in next(iter(panels.values())).values() for name in found))
    for axes, (unit, results) in zip(picture.subplots(1, len(panels), sharey=True), panels.items(), strict=True):
        for place, name in enumerate(methods):
            times = [results[model].get(name, np.inf) for model in models]
            rows = np.arange(len(models)) + 0.6 * (place / max(len(methods) - 1, 1) - 0.5)
            axes.plot(times, rows, MARKERS[place % len(MARKERS)], label=name, markersize=5)
        axes.set(xscale="log", xlabel=f"{unit} (99 %)")
        axes.set_yticks(range(len(models)), models)
        axes.set_ylim(len(models) - 0.5, -0.5)
        axes.hlines(np.arange(len(models) - 1) + 0.5, 0, 1, transform=axes.get_yaxis_transform(), color="0.9", zorder=0)
    handles, labels = axes.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside upper center", fontsize=8, ncols=5)
    picture.savefig(path, dpi=160)
