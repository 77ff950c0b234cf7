"""Fingerprints of textures: numbers that symmetry operations leave invariant, by which copies are recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.cpu import Cpu
from magsearch.engine.device import Device
from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import is_plane
from magsearch.observables.invariants import QUANTITIES, SUM, charge_of, invariants
from magsearch.observables.structure_factor import PEAKS

# Largest difference of invariants (relative, of the wave number) between two relaxations of one minimum
INVARIANTS_AGREE = 1e-3
# Largest - s_i . s_j of neighbours whose charge is defined. Neighbours at a right angle by symmetry are common, ones
# that rounding (1e-7) carries over this bound are not.
PERPENDICULAR = 1e-3
BLOCK = 256  # fingerprints that ``distinct`` compares at once


@dataclass(frozen=True)
class Fingerprint:
    """Invariants under lattice translations, point-group operations and, without a field, time reversal.

    energy         meV per site that carries a spin
    charge         topological charge, up to its sign, which operations that flip the normal change; nan where
                   symmetries may turn the planes of the lattice (``is_plane``), and if any neighbours enclose more than
                   a right angle (by ``PERPENDICULAR``): it may then depend on how squares are cut into triangles
    magnetization  length of the mean spin
    wave_number    mean |q| in the first Brillouin zone, weighted by the Fourier weights, 1/angstrom
    weights        ``PEAKS`` largest Fourier weights sum_atoms |s_atom(q)|^2 / N^2, in descending order, 0 to 1
    """

    energy: float = field(metadata={"dtype": "f8"})  # how they are stored: search/records.py
    charge: float = field(metadata={"dtype": "f8"})
    magnetization: float = field(metadata={"dtype": "f8"})
    weights: tuple[float, ...] = field(metadata={"dtype": "f8", "axes": "peak", "padding": 0.0})
    wave_number: float = field(default=0.0, metadata={"dtype": "f8"})


def fingerprints(device: Device, lattice: Lattice, textures: Any, energies: ArrayLike) -> list[Fingerprint]:
    """Return the fingerprints of textures [replica, site, 3], on the device or the host, with their energies in meV.

    A texture has bitwise identical fingerprints in any batch. Translations and time reversal change the order of sums
    (1e-7 of an invariant in single precision), but not whether the charge is nan, which a maximum decides.
    """
    energies = np.asarray(energies, dtype=np.float64)
    if not len(energies):
        return []
    found = invariants(device, lattice, textures)
    sums = found[:, :QUANTITIES].T
    count = np.maximum(sums[SUM["OCCUPIED"]], 1)
    spin = np.linalg.norm(found[:, SUM["SPIN_X"] : SUM["SPIN_Z"] + 1], axis=1)
    defined = is_plane(lattice) & (sums[SUM["SHARPEST"]] <= PERPENDICULAR)
    charge = np.where(defined, charge_of(lattice, found), np.nan)
    columns = (
        energies / count, charge, spin / count, found[:, : QUANTITIES - 1 : -1] / count[:, None] ** 2,
        sums[SUM["WEIGHED_WAVE"]] / np.maximum(sums[SUM["WEIGHT"]], 1e-300),
    )  # fmt: skip
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return [Fingerprint(energy, charge, m, tuple(weights), k) for energy, charge, m, weights, k in rows]


def fingerprint(lattice: Lattice, spins: ArrayLike, energy: float) -> Fingerprint:
    """Return the fingerprint of one texture [site, 3] whose total energy is ``energy`` meV."""
    return fingerprints(Cpu(), lattice, np.asarray(spins)[None], [energy])[0]


def same(a: Fingerprint, b: Fingerprint, tolerance: float = INVARIANTS_AGREE, energy: float = 1e-4) -> bool:
    """Return whether two fingerprints may belong to one minimum.

    energy      largest difference of the energies, meV per site
    tolerance   largest difference of the other invariants, relative for the wave number

    Charges may differ by ten times ``tolerance``, and are not compared if one is nan.
    """
    x, y = _table([a, b])
    return bool(abs(a.energy - b.energy) <= energy and _agree(x, y, np.float64(tolerance)))


def distinct(prints: Sequence[Fingerprint], energy: float = 1e-4, looseness: Sequence[float] = ()) -> list[int]:
    """Return the indices of the fingerprints that differ from every earlier one that was kept, according to ``same``.

    energy      largest difference of the energies of one minimum, meV per site
    looseness   factor on all tolerances for each fingerprint, for textures that are relaxed loosely; 1 if empty
    """
    if not prints:
        return []
    table, times = _table(prints), np.asarray(looseness or [1.0] * len(prints))
    order, kept = np.argsort(table[:, 0], kind="stable"), np.ones(len(prints), dtype=bool)
    for first in range(0, len(prints), BLOCK):
        new = np.arange(first, min(first + BLOCK, len(prints)))
        if first:
            copies, _ = _alike(table, times, energy, new, order[kept[order] & (order < first)])
            kept[copies] = False
            new = new[kept[new]]
        copies, of = _alike(table, times, energy, new, new[np.argsort(table[new, 0], kind="stable")])
        for place in np.unique(of):  # in order: copies of one that is dropped may be kept
            if kept[place]:
                kept[copies[of == place]] = False
    found: list[int] = np.flatnonzero(kept).tolist()
    return found


def _table(prints: Sequence[Fingerprint]) -> NDArray[np.float64]:
    """Return fingerprints as rows: energy, charge, magnetisation, wave number, weights."""
    none = (0.0,) * PEAKS
    rows = [(p.energy, p.charge, p.magnetization, p.wave_number, *(*p.weights, *none)[:PEAKS]) for p in prints]
    return np.array(rows, dtype=np.float64)


@np.errstate(invalid="ignore")  # infinite energies
def _alike(
    table: NDArray[np.float64],
    times: NDArray[np.float64],
    energy: float,
    new: NDArray[np.int64],
    others: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs (later, earlier) of rows of a table that are the same.

    times    factor on all tolerances for each row, as the later one
    new      rows that are compared with earlier ones
    others   rows that may be the earlier ones, by energy
    """
    energies, tolerance = table[new, 0], times[new] * energy
    reach = tolerance + 4 * np.spacing(np.abs(energies) + tolerance)  # rounding is settled below
    low = np.searchsorted(table[others, 0], energies - reach)
    count = np.searchsorted(table[others, 0], energies + reach, side="right") - low
    i, j = np.repeat(new, count), others[np.arange(count.sum()) + np.repeat(low - np.cumsum(count) + count, count)]
    near = (j < i) & (np.abs(table[i, 0] - table[j, 0]) <= times[i] * energy)
    i, j = i[near], j[near]
    near = np.abs(table[i, 2] - table[j, 2]) <= times[i] * INVARIANTS_AGREE  # sorts out most at little cost
    i, j = i[near], j[near]
    near = _agree(table[i], table[j], times[i] * INVARIANTS_AGREE)
    return i[near], j[near]


def _agree(a: NDArray[np.float64], b: NDArray[np.float64], tolerance: Any) -> NDArray[np.bool_]:
    """Return whether rows of tables [..., column] agree in all but their energies; tolerance [...]."""
    charge = np.abs(np.abs(a[..., 1]) - np.abs(b[..., 1]))
    wave = np.maximum(np.maximum(a[..., 3], b[..., 3]), 1e-3)
    return np.asarray(
        ~(charge > 10 * tolerance)
        & (np.abs(a[..., 2] - b[..., 2]) <= tolerance)
        & (np.abs(a[..., 3] - b[..., 3]) <= tolerance * wave)
        & (np.abs(a[..., 4:] - b[..., 4:]).max(axis=-1) <= tolerance)
    )
