"""Initial paths between two textures, [image, site, 3].

Along geodesics, by shrinking what differs to a point, and by displacing it through an open edge.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.randomness import Consumer, stream

ANTIPARALLEL = 1e-6  # radians from the opposite direction, below which two spins do not define a plane
LOCALISED = 0.3  # of 1, the resultant length above which a difference has a centre along a periodic axis


def geodesic(
    start: NDArray[np.float64], end: NDArray[np.float64], images: int, seed: int = 0
) -> tuple[NDArray[np.float64], int]:
    """Return the path along which every spin turns in its own plane, and the number of spins that begin antiparallel.

    Those turn in planes through one direction that is drawn with the seed, so that they turn together.

    start, end   [site, 3]
    """
    across = end - (start * end).sum(axis=1, keepdims=True) * start
    length = np.linalg.norm(across, axis=1)
    cosine = (start * end).sum(axis=1)
    opposite = (length < ANTIPARALLEL) & (cosine < 0)
    if opposite.any():
        drawn = unit(stream(seed, Consumer.PATHS).normal(size=3))
        chosen = drawn - (start @ drawn)[:, None] * start
        across[opposite] = chosen[opposite]
    angle = np.arctan2(np.where(opposite, 0.0, length), cosine)
    t = np.linspace(0.0, 1.0, images)[:, None, None] * angle[:, None]
    path = np.cos(t) * start + np.sin(t) * unit(across)
    path[0], path[-1] = start, end
    return path, int(opposite.sum())


def centre(lattice: Lattice, start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the place around which two textures differ, in cells along each axis, [3].

    nan along axes with one cell, and where the difference is spread evenly. The circular mean is taken of periodic
    axes.
    """
    weight = ((start - end) ** 2).sum(axis=1)
    fractions = lattice.positions @ np.linalg.inv(lattice.cell)
    found = np.full(3, np.nan)
    if weight.sum() <= 0:
        return found
    weight = weight / weight.sum()
    for axis, n in enumerate(lattice.size):
        if n == 1:
            continue
        if not lattice.periodic[axis]:
            found[axis] = weight @ fractions[:, axis]
            continue
        mean = weight @ np.exp(2j * np.pi * fractions[:, axis] / n)
        if abs(mean) > LOCALISED:
            found[axis] = np.angle(mean) / (2 * np.pi) * n % n
    return found


def shrunk(
    hamiltonian: Hamiltonian, start: NDArray[np.float64], end: NDArray[np.float64], images: int
) -> NDArray[np.float64] | None:
    """Return the path on which ``start`` is scaled about the centre of the difference until only ``end`` is left.

    A skyrmion collapses in this way. None where the two differ everywhere. Beyond half of the box ``start`` is taken to
    be like ``end``.
    """
    lattice = hamiltonian.lattice
    middle = centre(lattice, start, end)
    along = np.isfinite(middle)
    if not along.any():
        return None
    size, periodic = np.array(lattice.size), np.array(lattice.periodic)
    inside = lattice.basis @ np.linalg.inv(lattice.cell)
    fractions = lattice.positions @ np.linalg.inv(lattice.cell)
    away = np.where(along, fractions - np.where(along, middle, 0.0), 0.0)
    away = np.where(periodic, away - size * np.rint(away / size), away)
    atom = np.arange(lattice.sites) % lattice.atoms
    path = np.empty((images, *start.shape))
    path[0], path[-1] = start, end
    for image in range(1, images - 1):
        scale = 1 - image / (images - 1)
        far = away / scale
        sources = np.where(along, middle + far, fractions) - inside[atom]
        beyond = (np.abs(far) >= size / 2)[:, along].any(axis=1)
        taken = sampled(lattice, start, sources, atom)
        path[image] = np.where((beyond | ~(np.linalg.norm(taken, axis=1) > 0.1))[:, None], end, unit(taken))
    path[:, ~hamiltonian.occupied] = 0.0
    return path


def expelled(
    hamiltonian: Hamiltonian, start: NDArray[np.float64], end: NDArray[np.float64], images: int
) -> list[NDArray[np.float64]]:
    """Return the paths on which ``start`` is displaced through an open edge until only ``end`` is left.

    A skyrmion leaves a flake in this way, and comes into being the other way round. There are two paths for every axis
    that is not periodic and along which the difference has a centre.
    """
    lattice, found = hamiltonian.lattice, []
    middle = centre(lattice, start, end)
    inside = lattice.basis @ np.linalg.inv(lattice.cell)
    atom = np.arange(lattice.sites) % lattice.atoms
    cells = lattice.positions @ np.linalg.inv(lattice.cell) - inside[atom]
    for axis in np.flatnonzero(np.isfinite(middle) & ~np.array(lattice.periodic)):
        for way in (-1.0, 1.0):
            path = np.empty((images, *start.shape))
            path[0], path[-1] = start, end
            for image in range(1, images - 1):
                sources = cells.copy()
                sources[:, axis] -= way * lattice.size[axis] * image / (images - 1)
                taken = sampled(lattice, start, sources, atom)
                path[image] = np.where((np.linalg.norm(taken, axis=1) > 0.1)[:, None], unit(taken), end)
            path[:, ~hamiltonian.occupied] = 0.0
            found.append(path)
    return found


def sampled(
    lattice: Lattice, texture: NDArray[np.float64], cells: NDArray[np.float64], atom: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return a texture at places between the cells, [site, 3], linear in between; zero where it leaves an open edge.

    cells   [site, 3] fractional number of the cell
    """
    size, periodic = np.array(lattice.size), np.array(lattice.periodic)
    low = np.floor(cells + 1e-9)
    part = np.clip(cells - low, 0.0, 1.0)
    found = np.zeros_like(texture)
    for corner in np.indices((2, 2, 2)).reshape(3, -1).T:
        weight = np.where(corner, part, 1 - part).prod(axis=1)
        at = (low + corner).astype(np.int64)
        there = (periodic | ((at >= 0) & (at < size))).all(axis=1)
        x, y, z = (at % size).T
        site = atom + lattice.atoms * (x + size[0] * (y + size[1] * z))
        found += np.where(there, weight, 0.0)[:, None] * texture[site]
    return found
