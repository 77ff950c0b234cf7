"""Figures of spin waves: bands coloured by their intensity, density of states, powder average."""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING

import numpy as np

from magsearch.magnons.path import Path
from magsearch.magnons.spectrum import Spectrum
from magsearch.plots.pages import page

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DECADES = 3  # of the intensity on the colour scale
STRONGEST = 0.98  # quantile of the intensities at the top of the colour scale: Goldstone modes diverge


def magnons(path: str | File, spectrum: Spectrum, title: str = "") -> None:
    """Write bands, density of states and powder average, as far as they are there, as png, pdf or svg by the suffix.

    Raises ValueError for any other suffix, InputError if it cannot be written.
    """
    beside = (spectrum.density is not None) + (spectrum.powder is not None)
    ratios = [3.0, *([0.9] if spectrum.density else []), *([2.2] if spectrum.powder else [])]
    with page(
        path, 4.4 + 1.1 * (spectrum.density is not None) + 3.2 * (spectrum.powder is not None), 3.2, title
    ) as figure:
        axes = figure.subplots(1, 1 + beside, width_ratios=ratios, squeeze=False)[0]
        bands(axes[0], spectrum)
        if spectrum.density is not None:
            density(axes[1], spectrum)
            axes[1].set_ylim(axes[0].get_ylim())
        if spectrum.powder is not None:
            powder(axes[-1], spectrum)


def bands(axes: Axes, spectrum: Spectrum) -> None:
    """Draw the bands along the path, coloured by the intensity of neutron scattering on a logarithmic scale."""
    from matplotlib.collections import LineCollection
    from matplotlib.colors import LogNorm

    path, energies, weight = spectrum.path, spectrum.energies, spectrum.intensities
    steps = np.flatnonzero(np.diff(path.distance) > 0)
    x = np.stack([path.distance[steps], path.distance[steps + 1]], axis=1)
    y = np.stack([energies[steps], energies[steps + 1]], axis=1)  # [step, 2, band]
    lines = np.stack([np.broadcast_to(x[:, :, None], y.shape), y], axis=-1).swapaxes(1, 2).reshape(-1, 2, 2)
    top = float(np.quantile(weight, STRONGEST)) or float(weight.max()) or 1.0
    value = 0.5 * (weight[steps] + weight[steps + 1]).ravel()
    shown = np.argsort(value, kind="stable")  # the strongest are drawn last
    norm = LogNorm(top * 10.0**-DECADES, top, clip=True)
    drawn = LineCollection(list(lines[shown]), array=value[shown], cmap="viridis_r", norm=norm, linewidths=1.2)
    axes.add_collection(drawn)
    named = labels_at(path)
    for at in named:
        axes.axvline(at, color="0.8", linewidth=0.5, zorder=0)
    names = list(named.values())
    axes.set_xticks(list(named), names)
    if max(map(len, names)) > 5:  # wave vectors instead of labels
        axes.tick_params(axis="x", labelrotation=30)
    highest = float(energies.max(initial=0.0)) or 1.0
    axes.set(xlim=(0, float(path.distance[-1])), ylim=(0, 1.05 * highest), ylabel="energy (meV)")
    axes.spines[["top", "right"]].set_visible(False)
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.02, aspect=30)
    bar.set_label(r"intensity ($\mu_B^2$ per cell)")


def labels_at(path: Path) -> dict[float, str]:
    """Return the labels of a path by their distance along it, 1/angstrom; two are joined at a break."""
    merged = dict[float, list[str]]()
    for at, label in zip(path.distance[path.corners].tolist(), path.labels, strict=True):
        there = merged.setdefault(at, [])
        if label not in there:
            there.append(label)
    return {at: "|".join(labels).replace("G", "Γ") for at, labels in merged.items()}


def density(axes: Axes, spectrum: Spectrum) -> None:
    """Draw the density of states, the energy upwards."""
    assert spectrum.density is not None
    axes.fill_betweenx(spectrum.density.energies, spectrum.density.states, color="0.75", linewidth=0)
    axes.plot(spectrum.density.states, spectrum.density.energies, color="0.2", linewidth=0.8)
    axes.set(xlabel="states\n(1/meV per spin)", yticklabels=[], xlim=(0, None))
    axes.locator_params(axis="x", nbins=3)
    axes.spines[["top", "right"]].set_visible(False)


def powder(axes: Axes, spectrum: Spectrum) -> None:
    """Draw the intensity averaged over the directions of q."""
    assert spectrum.powder is not None
    found = spectrum.powder
    top = float(np.quantile(found.intensities, STRONGEST)) or float(found.intensities.max()) or 1.0
    drawn = axes.pcolormesh(
        found.lengths, found.energies, found.intensities.T, cmap="viridis", vmin=0, vmax=top, shading="nearest"
    )
    drawn.set_rasterized(True)
    axes.set(xlabel=r"$|q|$ (Å$^{-1}$)", ylabel="energy (meV)", ylim=(0, float(found.energies[-1])))
    bar = axes.figure.colorbar(drawn, ax=axes, pad=0.02, aspect=30)
    bar.set_label(r"intensity ($\mu_B^2$ / meV per cell)")
