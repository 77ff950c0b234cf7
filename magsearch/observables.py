"""What is measured on a texture: topological charge, magnetisation, structure factor, and a fingerprint of all of them.

Textures are [site, 3] or [replica, site, 3]; every result has the replica as its first axis where the texture has one.
A spin of length zero is a vacancy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from magsearch.lattice import Lattice
from magsearch.triangulation import combinations, stacking_axis, triangles

PEAKS = 6  # Fourier weights that a fingerprint keeps
ALIKE = 1e-3  # figures of one minimum differ by less
SMOOTH = 0.5  # mean s_i . s_j of neighbours above which a topological charge means something
EXCEPTIONAL = 1e-4  # spins this close to the poles of the solid angle have none


def charge_density(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64]:
    """Topological charge of every triangle of ``triangles(lattice)``, [..., triangle].

    The signed solid angle between three spins over 4 pi: Berg & Luscher, Nucl. Phys. B 190, 412 (1981); as a tangent
    after Van Oosterom & Strackee, IEEE Trans. Biomed. Eng. 30, 125 (1983). Triangles with a vacancy carry none, nor do
    those whose solid angle is undefined, as in a collinear antiferromagnet.
    """
    s = np.asarray(spins, dtype=np.float64)
    length = np.linalg.norm(s, axis=-1, keepdims=True)
    s = s / np.where(length > 0, length, 1)  # float32 spins are not unit vectors: the charge would not be whole
    a, b, c = np.moveaxis(s[..., triangles(lattice), :], -2, 0)
    occupied = (length[..., 0] > 0)[..., triangles(lattice)].all(axis=-1)
    volume = np.einsum("...x,...x", a, np.cross(b, c))
    overlap = np.einsum("...x,...x", a, b) + np.einsum("...x,...x", b, c) + np.einsum("...x,...x", c, a)
    defined = occupied & (np.hypot(volume, 1 + overlap) > EXCEPTIONAL)
    return np.where(defined, np.arctan2(volume, 1 + overlap), 0.0) / (2 * np.pi)


def topological_charge(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64] | float:
    """Q = 1/(4 pi) int m . (dm/dx x dm/dy) dx dy, [...]; a skyrmion with its core down in an up background has Q = -1.

    The sum over all sheets of a plane; where layers are stacked along the third axis, the mean over the layers. A whole
    number on periodic planes without vacancies. x, y and the normal are right-handed and the largest component of the
    normal is positive, so that a left-handed cell gives the same charge.
    """
    return charge_density(lattice, spins).sum(axis=-1) / lattice.size[stacking_axis(lattice)]


def likeness(lattice: Lattice, spins: ArrayLike) -> float:
    """Mean s_i . s_j of neighbours in a plane, of one texture; 0 where there is no plane."""
    corners = triangles(lattice)
    if not len(corners):
        return 0.0
    a, b, c = np.moveaxis(np.asarray(spins, dtype=np.float64)[corners], 1, 0)
    return float(((a * b) + (b * c) + (c * a)).sum() / (3 * len(corners)))


def rough(lattice: Lattice, spins: ArrayLike) -> bool:
    """Whether neighbours differ so much that the topological charge of a texture means nothing.

    In the 120 degree order, triangles are flat: whether each counts 1/2 or -1/2 is a matter of rounding.
    """
    return bool(len(triangles(lattice))) and likeness(lattice, spins) <= SMOOTH


def magnetization(spins: ArrayLike, moments: ArrayLike | None = None) -> NDArray[np.float64]:
    """Mean spin, [..., 3]: vacancies do not count; moments [site], where given, weight the spins (a mask selects)."""
    s = np.asarray(spins, dtype=np.float64)
    if moments is None:
        count = (s != 0).any(axis=-1).sum(axis=-1)
        return s.sum(axis=-2) / np.maximum(count, 1)[..., None]
    weights = np.asarray(moments, dtype=np.float64)
    return np.einsum("i,...ix->...x", weights, s) / weights.sum()


# -- Fourier space -----------------------------------------------------------------------------------------------------


def reciprocal(lattice: Lattice) -> tuple[list[int], NDArray[np.float64]]:
    """Axes with more than one cell, and their reciprocal vectors in the space that they span, [axis, 3] 1/angstrom.

    For a plane the vectors lie in the plane, however its third cell vector is tilted.
    """
    axes = [axis for axis in range(3) if lattice.size[axis] > 1]
    return axes, np.asarray(2 * np.pi * np.linalg.pinv(lattice.cell[axes]).T) if axes else np.zeros((0, 3))


def wave_vectors(lattice: Lattice) -> NDArray[np.float64]:
    """Wave vectors that fit into the lattice, in the order of numpy's fft, [n3, n2, n1, 3] Cartesian, 1/angstrom.

    Each is the representative closest to q = 0: the first Brillouin zone.
    """
    axes, B = reciprocal(lattice)
    if not axes:
        return np.zeros((*lattice.grid, 3))
    h = np.stack([lattice.coordinates[:, axis] / lattice.size[axis] for axis in axes], axis=1)
    q = (h - np.rint(h)) @ B
    G = combinations(B, np.linalg.norm(B, axis=1).sum()) @ B
    G = G[np.argsort(np.linalg.norm(G, axis=1), kind="stable")]
    distance, near = cKDTree(G).query(q, k=1)
    q = np.where((distance < np.linalg.norm(q, axis=1) * (1 - 1e-9))[:, None], q - G[near], q)
    return q.reshape(*lattice.grid, 3)


@lru_cache(maxsize=16)
def wave_numbers(lattice: Lattice) -> NDArray[np.float64]:
    """Lengths of ``wave_vectors``, [cell] 1/angstrom."""
    return np.linalg.norm(wave_vectors(lattice), axis=-1).ravel()


def sublattice_modes(lattice: Lattice, spins: ArrayLike) -> NDArray[np.complex128]:
    """sum over cells R of s_R exp(-i q . R) for each atom of the basis, [..., n3, n2, n1, atom, 3]."""
    s = np.asarray(spins, dtype=np.float64)
    return np.fft.fftn(s.reshape(*s.shape[:-2], *lattice.grid, lattice.atoms, 3), axes=(-5, -4, -3))


def structure_factor(lattice: Lattice, spins: ArrayLike, q: ArrayLike | None = None) -> NDArray[np.float64]:
    """|sum_i s_i exp(-i q . r_i)|^2 / N with the true positions r_i and N spins, [..., q].

    q [q..., 3] in 1/angstrom must fit into the lattice, in any zone; where None, ``wave_vectors(lattice)``, so that the
    result is [..., n3, n2, n1]. A ferromagnet has N at q = 0. Raises ValueError for a q that does not fit.
    """
    q = wave_vectors(lattice) if q is None else np.asarray(q, dtype=np.float64)
    size, extended = np.array(lattice.size), np.array(lattice.size) > 1
    turns = q @ lattice.cell.T / (2 * np.pi) * size  # [q..., 3], whole numbers along extended axes
    h = np.rint(turns).astype(np.int64)
    if np.abs(turns - h)[..., extended].max(initial=0) > 1e-3:
        raise ValueError("q does not fit into the lattice: q . a_k n_k / 2 pi must be a whole number")
    x, y, z = np.moveaxis(np.where(extended, h % size, 0), -1, 0)
    modes = sublattice_modes(lattice, spins)[..., z, y, x, :, :]  # [..., q..., atom, 3]
    amplitude = np.einsum("...a,...ac->...c", np.exp(-1j * q @ lattice.basis.T), modes)
    return (np.abs(amplitude) ** 2).sum(axis=-1) / max(_spins_per_texture(spins), 1)


def peaks(lattice: Lattice, spins: ArrayLike, count: int = PEAKS) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ``count`` largest values of the structure factor of one texture: q [count, 3], 1/angstrom, and S [count]."""
    S = structure_factor(lattice, spins).ravel()
    largest = np.argsort(-S, kind="stable")[:count]
    return wave_vectors(lattice).reshape(-1, 3)[largest], S[largest]


def _spins_per_texture(spins: ArrayLike) -> int:
    s = np.asarray(spins)
    return int((s.reshape(-1, *s.shape[-2:])[0] != 0).any(axis=-1).sum())


# -- recognising a texture ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fingerprint:
    """Numbers that lattice translations and point-group operations leave as they are, as time reversal at zero field.

    energy         meV per site that carries a spin
    charge         topological charge; its sign may turn under operations that flip the normal; nan where neighbours
                   enclose more than a right angle: it then depends on how squares are cut into triangles
    magnetization  length of the mean spin
    wave_number    mean |q| in the first Brillouin zone, Fourier weights as weights, 1/angstrom
    weights        largest Fourier weights sum_atoms |s_atom(q)|^2 / N^2, in falling order, 0 to 1
    """

    energy: float
    charge: float
    magnetization: float
    weights: tuple[float, ...]
    wave_number: float = 0.0


def fingerprint(lattice: Lattice, spins: ArrayLike, energy: float) -> Fingerprint:
    """The invariants of one texture [site, 3] whose energy is ``energy`` meV in all."""
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


def same(a: Fingerprint, b: Fingerprint, tolerance: float = ALIKE, energy: float = 1e-4) -> bool:
    """Whether both may be one minimum: energies within ``energy`` meV per site, the rest within ``tolerance``.

    Charges may differ by ten times as much, and are not compared where one is nan.
    """
    return (
        abs(a.energy - b.energy) <= energy
        and not abs(abs(a.charge) - abs(b.charge)) > 10 * tolerance
        and abs(a.magnetization - b.magnetization) <= tolerance
        and abs(a.wave_number - b.wave_number) <= tolerance * max(a.wave_number, b.wave_number, 1e-3)
        and bool(np.abs(np.subtract(a.weights, b.weights)).max(initial=0) <= tolerance)
    )


def distinct(prints: Sequence[Fingerprint], energy: float = 1e-4, looseness: Sequence[float] = ()) -> list[int]:
    """Places of those that differ from every earlier one that is kept, as ``same`` has it.

    energy      meV per site
    looseness   of each, if any: it has to differ by so many times as much
    """
    kept: list[int] = []
    for place, one in enumerate(prints):
        times = looseness[place] if looseness else 1.0
        if not any(same(one, prints[other], times * ALIKE, times * energy) for other in kept):
            kept.append(place)
    return kept
