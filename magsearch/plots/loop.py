"""Figure of a hysteresis loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.formatting import vector
from magsearch.hysteresis.loop import along, ampere_per_metre
from magsearch.plots.pages import page
from magsearch.plots.transition import COLOURS
from magsearch.storage.loop import LoopRecord

NAMED = 8  # replicas with an entry in the legend


def loop(path: str | Path, record: LoopRecord) -> None:
    """Draw the moment along the field over the field, both ways, of every replica.

    Raises ValueError for a suffix that is no image's, InputError if the file cannot be written.
    """
    cycle, course, unit = record.cycle, record.course, ampere_per_metre(record.hamiltonian)
    fields, half = cycle.fields[: course.done], cycle.steps
    with page(path, 4.6, 3.6, Path(record.input_path).name) as figure:
        axes = figure.subplots()
        axes.axhline(0, color="0.8", lw=0.6, zorder=0)
        axes.axvline(0, color="0.8", lw=0.6, zorder=0)
        for replica, moment in enumerate(along(cycle, course)):
            colour = COLOURS[replica // cycle.starts % len(COLOURS)]
            first = replica % cycle.starts == 0 and replica // cycle.starts < NAMED
            label = f"along {vector(cycle.axes[replica], 2)}, back dashed" if first else None
            axes.plot(fields[:half], moment[:half], color=colour, lw=1.1, label=label)
            axes.plot(fields[half - 1 :], moment[half - 1 :], color=colour, lw=1.1, ls="--")
        axes.set(xlabel="field (T)", ylabel="moment along the field ($\\mu_B$ per spin)")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
        if unit is not None:
            right = axes.secondary_yaxis(
                "right",
                functions=(lambda m: np.asarray(m) * (unit / 1e3), lambda m: np.asarray(m) * (1e3 / unit)),
            )
            right.set_ylabel("magnetisation (kA/m)")
            axes.spines["top"].set_visible(False)
        else:
            axes.spines[["top", "right"]].set_visible(False)
