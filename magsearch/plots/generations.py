"""Figures of the course of a search: energies, operators and migrations by generation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from magsearch.search.history import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BLUE, RED = "#3b6ea8", "#c1352b"
RIDGES = 16  # maximum number of generations in the ridge plot
SHOWN = 0.95  # fraction of all energies within the energy axis of the ridge plot


def convergence(axes: Axes, history: Mapping[str, ArrayLike]) -> None:
    """Draw the best energy of every generation and the population's mean with its standard deviation.

    history  generation, best, mean, deviation, each [generation], energies in meV per site; other entries are ignored
    """
    from matplotlib.ticker import MaxNLocator

    columns = ("generation", "best", "mean", "deviation")
    generation, best, mean, deviation = (np.asarray(history[name], dtype=np.float64) for name in columns)
    band = mean - deviation, mean + deviation
    axes.fill_between(generation, *band, color=BLUE, alpha=0.2, linewidth=0, label="standard deviation")
    axes.plot(generation, mean, color=BLUE, lw=1.0, label="mean")
    alone = "o" if len(generation) == 1 else None
    axes.plot(generation, best, color=RED, lw=1.4, drawstyle="steps-post", marker=alone, label="best")
    axes.set(xlabel="generation", ylabel="energy per site (meV)")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.margins(x=0.02)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right", handlelength=1.4)


def ridges(axes: Axes, history: History) -> None:
    """Draw the distribution of all candidates' energies as one ridge per generation, the first generation on top.

    As in figure 2 of Xu et al., Commun. Phys. 6, 239 (2023). Energies are relative to the best of the search. All
    ridges have the same height. A dot marks the best candidate of a generation.
    """
    count = len(history)
    chosen = np.unique(np.linspace(0, count - 1, min(count, RIDGES)).round().astype(int))
    energies = history["energies"].reshape(count, -1).astype(np.float64)
    lowest = np.nanmin(energies)
    above = 1e3 * (energies - lowest)  # micro-eV per site
    width = max(float(np.nanquantile(above[chosen], SHOWN)), 1e-6)
    grid = np.linspace(-0.04 * width, 1.04 * width, 600)
    for place, generation in enumerate(chosen[::-1]):  # ridges in front are drawn last
        level = place
        one = above[generation][np.isfinite(above[generation])]
        density = np.exp(-0.5 * ((grid[:, None] - one) / (0.012 * width)) ** 2).sum(axis=1)
        height = 1.6 * density / max(density.max(), 1e-300)
        order = 2 * (len(chosen) - place)
        axes.fill_between(grid, level, level + height, color=BLUE, alpha=0.55, linewidth=0, zorder=order)
        axes.plot(grid, level + height, color="white", lw=0.7, zorder=order + 1)
        axes.plot(min(one.min(), grid[-1]), level, "o", color=RED, ms=2.5, zorder=2 * len(chosen) + 2, clip_on=False)
    axes.set(xlim=(grid[0], grid[-1]), ylim=(-0.3, len(chosen) + 1.1))
    axes.set_yticks(range(len(chosen)), [str(g) for g in chosen[::-1]])
    axes.set(xlabel="energy above the best (µeV per site)", ylabel="generation")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def best_so_far(axes: Axes, history: History) -> None:
    """Draw the best energy so far against the number of evaluations (of one replica), summed over all islands."""
    overall = history.overall()
    work, best = np.cumsum(overall["evaluations"]), np.minimum.accumulate(overall["best"])
    axes.plot(work, best, color=RED, lw=1.4, drawstyle="steps-post", marker="o", ms=2.5)
    axes.set(xlabel="evaluations of one replica", ylabel="best energy so far (meV per site)")
    if len(work) > 1 and work[-1] > 100 * work[0]:
        axes.set_xscale("log")
    axes.ticklabel_format(axis="y", useOffset=False)
    axes.spines[["top", "right"]].set_visible(False)


def operators(axes: Axes, history: History) -> None:
    """Draw the fraction of each operator's offspring that was accepted, by generation, with totals beside the names."""
    made, kept = history["offspring"].sum(axis=1), history["successes"].sum(axis=1)  # [generation, operator]
    used = np.flatnonzero(made.sum(axis=0))
    used = used[np.argsort(-kept.sum(axis=0)[used], kind="stable")]
    share = kept[:, used].T / np.where(made[:, used].T > 0, made[:, used].T, np.nan)
    axes.set_facecolor("0.9")  # no offspring of this operator
    shown = axes.pcolormesh(
        np.arange(len(history) + 1) - 0.5, np.arange(len(used) + 1) - 0.5, share, cmap="cividis", vmin=0, vmax=1
    )
    names = [f"{history.operators[k]}  {kept[:, k].sum()}/{made[:, k].sum()}" for k in used]
    axes.set_yticks(range(len(used)), names)
    axes.invert_yaxis()
    _whole_generations(axes)
    axes.set(xlabel="generation", title="accepted / generated")
    axes.figure.colorbar(shown, ax=axes, label="fraction of offspring accepted")


def migrations(axes: Axes, history: History) -> None:
    """Draw the fraction of migrants accepted, for each source island (columns) and target island (rows).

    Raises ValueError for a search with one island.
    """
    if history.islands < 2:
        raise ValueError("no migrations: the search has one island")
    log, table = history.migrations, np.zeros((2, history.islands, history.islands), dtype=int)
    for row, name in enumerate(("sent", "kept")):
        np.add.at(table[row], (log["target"], log["source"]), log[name])
    sent, kept = table
    shown = axes.imshow(np.where(sent > 0, kept / np.maximum(sent, 1), np.nan), cmap="cividis", vmin=0, vmax=1)
    axes.set_facecolor("0.9")
    if history.islands <= 12:
        for target, source in np.argwhere(sent > 0):
            ink = "white" if kept[target, source] < 0.5 * sent[target, source] else "black"
            words = f"{kept[target, source]}/{sent[target, source]}"
            axes.annotate(words, (source, target), ha="center", va="center", color=ink, fontsize=6)
    axes.set(xlabel="from island", ylabel="to island", title="migrants accepted / sent")
    axes.locator_params(integer=True)
    axes.figure.colorbar(shown, ax=axes, label="fraction of migrants accepted")


def _whole_generations(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
