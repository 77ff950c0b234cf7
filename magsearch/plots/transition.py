"""Figure of a transition: Binder cumulant, correlation length, susceptibility and specific heat of all boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.critical.plan import Analysis
from magsearch.formatting import with_error
from magsearch.plots.pages import page

COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa3377", "#ccbb44", "#66ccee")
PANELS = {
    "binder": "Binder cumulant", "length": "correlation length / edge",
    "susceptibility": "susceptibility (1/meV per spin)", "specific_heat": "specific heat ($k_B$ per spin)",
}  # fmt: skip


def transition(path: str | Path, found: Analysis, title: str, allowed: bool) -> None:
    """Draw the curves of all boxes with their errors.

    allowed   whether a crossing is a transition

    Raises ValueError for a suffix that is no image's, InputError if the file cannot be written.
    """
    known = found.transition
    with page(path, 6.8, 5.0, title) as figure:
        every = figure.subplots(2, 2, sharex=True)
        for axes, (name, label) in zip(every.ravel(), PANELS.items(), strict=True):
            for k, (size, own) in enumerate(zip(found.sizes, found.curves, strict=True)):
                values = getattr(own, name)
                colour, error = COLOURS[k % len(COLOURS)], values[1:].std(axis=0)
                axes.fill_between(own.kelvin, values[0] - error, values[0] + error, color=colour, alpha=0.3, lw=0)
                axes.plot(own.kelvin, values[0], color=colour, lw=1.1, label=f"{size}: {own.spins} spins")
            if known.kelvin is not None and allowed:
                axes.axvspan(known.kelvin - known.error, known.kelvin + known.error, color="0.8", lw=0, zorder=0)
                axes.axvline(known.kelvin, color="0.4", lw=0.7, zorder=0)
            axes.set_ylabel(label)
            axes.spines[["top", "right"]].set_visible(False)
            if name == "susceptibility" and np.nanmax(getattr(found.curves[-1], name)[0]) > 0:
                axes.set_yscale("log")
        for axes in every[1]:
            axes.set_xlabel("temperature (K)")
        every[0, 0].legend(frameon=False)
        if known.kelvin is not None and allowed:
            every[0, 1].text(0.97, 0.95, f"$T_c$ = {with_error(known.kelvin, known.error)} K", ha="right", va="top",
                             transform=every[0, 1].transAxes)  # fmt: skip
