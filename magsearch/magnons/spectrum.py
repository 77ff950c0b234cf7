"""Spectra of spin waves: bands along a path, density of states, intensities averaged over directions.

Lines are broadened by Gaussians, exp(-(E - w)^2 / 2 d^2) / (2 pi)^1/2 d of the stated width d.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError, unknown
from magsearch.magnons.form_factors import form_factor
from magsearch.magnons.path import Path

if TYPE_CHECKING:
    from magsearch.magnons.spin_waves import SpinWaves

WIDTH = 0.02  # of the highest energy: width of the lines where none is given
ABOVE = 4.0  # widths beyond the highest energy where spectra end
GRID = 400  # energies of a spectrum
LENGTHS = 60  # of q in an average over directions
DIRECTIONS = 600  # of q
FormFactor = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Density:
    """Density of states.

    mesh      wave vectors along each reciprocal vector of the crystal
    energies  [energy] meV
    states    [energy] 1/meV per spin; the integral is 1
    width     of the Gaussians, meV
    """

    mesh: tuple[int, int, int]
    energies: NDArray[np.float64]
    states: NDArray[np.float64]
    width: float


@dataclass(frozen=True, eq=False)
class Powder:
    """Intensity of neutron scattering averaged over the directions of q.

    lengths      [length] |q| in 1/angstrom
    energies     [energy] meV
    intensities  [length, energy] mu_B^2 / meV per cell of the crystal
    width        of the Gaussians, meV
    directions   number of directions
    """

    lengths: NDArray[np.float64]
    energies: NDArray[np.float64]
    intensities: NDArray[np.float64]
    width: float
    directions: int


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Spin waves about a minimum, as they are printed, drawn and stored.

    energy_per_site  of the texture in its magnetic cell, meV
    g                g factor of the moments
    vectors          [vector, 3] magnetic cell, in cells of the crystal
    k                [3] propagation vector of a spiral in whose frame the bands are, in reciprocal vectors; or None
    hessian          zero modes of the Hessian at q = 0
    gapless          gapless bands at q = 0
    path             wave vectors of the bands
    energies         [q, band] meV
    intensities      [q, band] mu_B^2 per cell of the crystal
    density          density of states, if it was asked for
    powder           average over directions, if it was asked for
    ions             ion whose form factor each species has; empty for point-like moments
    elite            number of the elite of the run
    """

    energy_per_site: float
    g: float
    vectors: NDArray[np.int64]
    k: NDArray[np.float64] | None
    hessian: int
    gapless: int
    path: Path
    energies: NDArray[np.float64]
    intensities: NDArray[np.float64]
    density: Density | None = None
    powder: Powder | None = None
    ions: tuple[tuple[str, str], ...] = ()
    elite: int = 0


def spectrum(
    waves: SpinWaves,
    path: Path,
    mesh: tuple[int, int, int] | None = None,
    longest: float | None = None,
    ions: Mapping[str, str] | None = None,
    width: float | None = None,
    elite: int = 0,
    watch: Callable[[], None] = lambda: None,
) -> Spectrum:
    """Return bands and intensities along a path, with a density of states and an average over directions.

    mesh     of the density of states; None: none is computed
    longest  length of q in 1/angstrom up to which intensities are averaged over directions; None: they are not
    ions     ion of each species, for form factors: {"Fe": "Fe3"}; None: point-like moments
    width    of the lines in meV; None: a fiftieth of the highest energy
    elite    number of the elite whose texture it is

    Raises NotAMinimum where the energy falls along a wave, InputError for unknown ions and species.
    """
    factor = form_factors(waves, ions or {})
    zero = waves.zero_modes()
    bands = waves.bands(path.q, factor, watch)
    return Spectrum(
        energy_per_site=waves.energy_per_site,
        g=float(waves.g.max(initial=0.0)),
        vectors=waves.cell.given,
        k=waves.cell.k if waves.cell.turns.any() else None,
        hessian=zero.hessian,
        gapless=zero.bands,
        path=path,
        energies=bands.energies,
        intensities=bands.intensities,
        density=None if mesh is None else density(waves, mesh, width, watch),
        powder=None if longest is None else powder(waves, longest, factor, width, watch),
        ions=tuple((ions or {}).items()),
        elite=elite,
    )


def form_factors(waves: SpinWaves, ions: Mapping[str, str]) -> FormFactor | None:
    """Return the form factors of the atoms of the basis, [q, atom], as a function of |q|; None without ions.

    Raises InputError for ions that are not in the table, and unless every species has one.
    """
    if not ions:
        return None
    species = waves.cell.lattice.species
    for name in ions:
        if name not in species:
            raise InputError(unknown("species", name, dict.fromkeys(species)), "form factor")
    if missing := [name for name in dict.fromkeys(species) if name not in ions]:
        raise InputError(f"species {missing[0]} has no ion; expected one for every species", "form factor")
    for ion in ions.values():
        form_factor(ion, 0.0)
    return lambda q: np.stack([form_factor(ions[name], q) for name in species], axis=-1)


def density(
    waves: SpinWaves,
    mesh: tuple[int, int, int],
    width: float | None = None,
    watch: Callable[[], None] = lambda: None,
) -> Density:
    """Return the density of states from a regular mesh of wave vectors that begins at q = 0.

    width   of the Gaussians in meV; None: a fiftieth of the highest energy
    """
    n = [np.arange(count) / count for count in mesh]
    q = np.stack(np.meshgrid(*n, indexing="ij"), axis=-1).reshape(-1, 3)
    found = waves.energies(q, watch).ravel()
    energies, d = grid(found, width)
    return Density(mesh, energies, broadened(found, np.full(len(found), 1 / len(found)), energies, d), d)


def powder(
    waves: SpinWaves,
    longest: float,
    form_factor: FormFactor | None = None,
    width: float | None = None,
    watch: Callable[[], None] = lambda: None,
) -> Powder:
    """Return intensities averaged over directions, for lengths of q up to ``longest`` in 1/angstrom.

    The directions are spread evenly over the sphere (Fibonacci's spiral). ``width`` as for ``density``.
    """
    k = np.arange(DIRECTIONS) + 0.5
    z, phi = 1 - 2 * k / DIRECTIONS, np.pi * (1 + 5**0.5) * k
    directions = np.stack([np.sqrt(1 - z**2) * np.cos(phi), np.sqrt(1 - z**2) * np.sin(phi), z], axis=1)
    lengths = longest * (np.arange(LENGTHS) + 1) / LENGTHS
    inverse = waves.cell.lattice.given_cell.T / (2 * np.pi)  # from Cartesian q to reciprocal vectors
    found = [waves.bands(length * directions @ inverse, form_factor, watch) for length in lengths]
    energies, d = grid(np.concatenate([bands.energies.ravel() for bands in found]), width)
    rows = [broadened(bands.energies.ravel(), bands.intensities.ravel() / DIRECTIONS, energies, d) for bands in found]
    return Powder(lengths, energies, np.array(rows), d, DIRECTIONS)


def grid(found: NDArray[np.float64], width: float | None) -> tuple[NDArray[np.float64], float]:
    """Return the energies of a spectrum, from 0 on, and the width of its lines, meV."""
    highest = float(found.max(initial=0.0))
    d = WIDTH * highest if width is None else width
    return np.linspace(0.0, highest + ABOVE * d, GRID), d


def broadened(
    at: NDArray[np.float64], weights: NDArray[np.float64], energies: NDArray[np.float64], width: float
) -> NDArray[np.float64]:
    """Return the sum of Gaussians of the given weights [line] at energies ``at`` [line], [energy] per meV."""
    out = np.zeros(len(energies))
    if width <= 0:
        return out
    for begin in range(0, len(at), 2**14):
        x = (energies[:, None] - at[begin : begin + 2**14]) / width
        out += np.exp(-0.5 * x**2) @ weights[begin : begin + 2**14]
    return out / (np.sqrt(2 * np.pi) * width)
