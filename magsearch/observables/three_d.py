"""Topology of textures in three dimensions: hedgehogs, and the Hopf index.

The flux of the emergent field through a parallelogram of four neighbouring cells is the solid angle of its spins over
4 pi, as two triangles. The fluxes out of a cell add up to a whole number, its hedgehogs. Without hedgehogs the field B
has a vector potential, and H = - int A . B is the Hopf index (F. Wilczek & A. Zee, Phys. Rev. Lett. 51, 2250 (1983)) of
maps from the torus where B has no net flux. In vectors of the lattice A and B are forms, so that H needs no metric.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.observables.topological_charge import SMOOTH, solid_angles

SMALLEST = 3  # cells along each axis
HEMISPHERE = 0.8661  # cos 30 degrees: if all neighbours are closer, the spins of a cell lie on one half of the sphere
CURLY = 1e-6  # net flux through the box that is rounding


def emergent_flux(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64]:
    """Return the flux through the parallelogram of each cell and pair of axes, [cell, atom, 3], in units of 4 pi.

    Component k is the flux along axis k through the cell's neighbours along the two others; right-handed, whatever the
    cell. Zero where an open edge cuts the parallelogram. Charges are those of ``topological_charge`` in each plane.
    """
    s = lattice.textures(spins).reshape(lattice.cells, lattice.atoms, 3)
    flux = np.zeros((lattice.cells, lattice.atoms, 3))
    steps = np.eye(3, dtype=np.int64)
    for k in range(3):
        i, j = (k + 1) % 3, (k + 2) % 3
        first, second, both = (lattice.neighbours(step) for step in (steps[i], steps[j], steps[i] + steps[j]))
        here = np.flatnonzero((first >= 0) & (second >= 0) & (both >= 0))
        flux[here, :, k] = solid_angles(s[here], s[first[here]], s[both[here]]) + solid_angles(
            s[here], s[both[here]], s[second[here]]
        )
    return flux * np.sign(np.linalg.det(lattice.cell))


def hedgehogs(lattice: Lattice, spins: ArrayLike) -> NDArray[np.int64]:
    """Return the hedgehogs in each cell, [cell, atom]: 1 for a hedgehog, -1 for an antihedgehog.

    Zeros for boxes that are not three-dimensional, cells at an open edge, and for textures whose neighbours differ too
    much for a count (mean s_i . s_j below SMOOTH).
    """
    none = np.zeros((lattice.cells, lattice.atoms), dtype=np.int64)
    if min(lattice.size) < SMALLEST:
        return none
    mean, least = _likeness(lattice, spins)
    if mean <= SMOOTH or least > HEMISPHERE:
        return none
    flux = emergent_flux(lattice, spins)
    total, inside = np.zeros(none.shape), np.ones(lattice.cells, dtype=bool)
    for k, step in enumerate(np.eye(3, dtype=np.int64)):
        there = lattice.neighbours(step)
        inside &= there >= 0
        total += flux[there, :, k] - flux[:, :, k]
    return np.where(inside[:, None], np.rint(total).astype(np.int64), none)


def hopf_index(lattice: Lattice, spins: ArrayLike) -> float:
    """Return the Hopf index of a texture [site, 3], the mean over the atoms of the basis; nan where it is undefined.

    It is undefined with open axes, hedgehogs or a net flux through the box, and where neighbours differ too much. It
    approaches a whole number for textures that vary slowly.
    """
    if min(lattice.size) < SMALLEST or not all(lattice.periodic) or _likeness(lattice, spins)[0] <= SMOOTH:
        return float("nan")
    flux, hand = emergent_flux(lattice, spins), np.sign(np.linalg.det(lattice.cell))
    if hedgehogs(lattice, spins).any():
        return float("nan")
    B = np.fft.fftn(flux.reshape(*lattice.grid, lattice.atoms, 3), axes=(0, 1, 2))
    if np.abs(B[0, 0, 0]).max() > CURLY * lattice.cells:
        return float("nan")
    z, y, x = np.meshgrid(*(2 * np.pi * np.fft.fftfreq(n) for n in lattice.grid), indexing="ij")
    k = np.stack([x, y, z], axis=-1)
    for axis in range(3):  # from the corner of the cell to the middle of the parallelogram
        B[..., axis] *= np.exp(-0.5j * (k.sum(axis=-1) - k[..., axis]))[..., None]
    curl = 2j * np.sin(k / 2)
    square = np.where((curl == 0).all(axis=-1), 1.0, (np.abs(curl) ** 2).sum(axis=-1))
    A = np.cross(curl[..., None, :], B) / square[..., None, None]  # curl A = B, div A = 0
    return float(-hand * (A * B.conj()).sum().real / lattice.cells / lattice.atoms)


def _likeness(lattice: Lattice, spins: ArrayLike) -> tuple[float, float]:
    """Return the mean and the smallest s_i . s_j of neighbours along the three axes."""
    s = lattice.textures(spins).reshape(lattice.cells, lattice.atoms, 3)
    overlaps = []
    for step in np.eye(3, dtype=np.int64):
        there = lattice.neighbours(step)
        overlaps.append(np.einsum("cax,cax->ca", s[there >= 0], s[there[there >= 0]]).ravel())
    every = np.concatenate(overlaps)
    return float(every.mean()), float(every.min())
