"""Fingerprints of textures: numbers that symmetry operations leave invariant, by which copies are recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_numbers
from magsearch.model.triangulation import triangles
from magsearch.observables.magnetization import magnetization
from magsearch.observables.structure_factor import PEAKS, _spins_per_texture, sublattice_modes
from magsearch.observables.topological_charge import topological_charge

# Largest difference of invariants (relative, of the wave number) between two relaxations of one minimum
INVARIANTS_AGREE = 1e-3


@dataclass(frozen=True)
class Fingerprint:
    """Invariants under lattice translations, point-group operations and, without a field, time reversal.

    energy         meV per site that carries a spin
    charge         topological charge, up to its sign, which operations that flip the normal change; nan if any
                   neighbours enclose more than a right angle: it then depends on how squares are cut into triangles
    magnetization  length of the mean spin
    wave_number    mean |q| in the first Brillouin zone, weighted by the Fourier weights, 1/angstrom
    weights        largest Fourier weights sum_atoms |s_atom(q)|^2 / N^2, in descending order, 0 to 1
    """

    energy: float = field(metadata={"dtype": "f8"})  # how they are stored: search/records.py
    charge: float = field(metadata={"dtype": "f8"})
    magnetization: float = field(metadata={"dtype": "f8"})
    weights: tuple[float, ...] = field(metadata={"dtype": "f8", "axes": "peak", "padding": 0.0})
    wave_number: float = field(default=0.0, metadata={"dtype": "f8"})


def fingerprint(lattice: Lattice, spins: ArrayLike, energy: float) -> Fingerprint:
    """Return the fingerprint of one texture [site, 3] whose total energy is ``energy`` meV."""
    count = max(_spins_per_texture(spins), 1)
    weights = (np.abs(sublattice_modes(lattice, spins)) ** 2).sum(axis=(-2, -1)).ravel() / count**2
    s = np.asarray(spins, dtype=np.float64)
    corners = triangles(lattice)
    smooth = all((np.einsum("tx,tx->t", s[corners[:, k]], s[corners[:, k - 1]]) >= 0).all() for k in range(3))
    return Fingerprint(
        energy=float(energy) / count,
        charge=float(topological_charge(lattice, s)) if smooth else np.nan,
        magnetization=float(np.linalg.norm(magnetization(spins))),
        weights=tuple(float(w) for w in np.sort(weights)[::-1][:PEAKS]),
        wave_number=float(weights @ wave_numbers(lattice) / max(weights.sum(), 1e-300)),
    )


def same(a: Fingerprint, b: Fingerprint, tolerance: float = INVARIANTS_AGREE, energy: float = 1e-4) -> bool:
    """Return whether two fingerprints may belong to one minimum.

    energy      largest difference of the energies, meV per site
    tolerance   largest difference of the other invariants, relative for the wave number

    Charges may differ by ten times ``tolerance``, and are not compared if one is nan.
    """
    return (
        abs(a.energy - b.energy) <= energy
        and not abs(abs(a.charge) - abs(b.charge)) > 10 * tolerance
        and abs(a.magnetization - b.magnetization) <= tolerance
        and abs(a.wave_number - b.wave_number) <= tolerance * max(a.wave_number, b.wave_number, 1e-3)
        and bool(np.abs(np.subtract(a.weights, b.weights)).max(initial=0) <= tolerance)
    )


def distinct(prints: Sequence[Fingerprint], energy: float = 1e-4, looseness: Sequence[float] = ()) -> list[int]:
    """Return the indices of the fingerprints that differ from every earlier one that was kept, according to ``same``.

    energy      largest difference of the energies of one minimum, meV per site
    looseness   factor on all tolerances for each fingerprint, for textures that are relaxed loosely; 1 if empty
    """
    kept: list[int] = []
    for place, one in enumerate(prints):
        times = looseness[place] if looseness else 1.0
        if not any(same(one, prints[other], times * INVARIANTS_AGREE, times * energy) for other in kept):
            kept.append(place)
    return kept
