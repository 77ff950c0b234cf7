"""Paths on which the separate parts of a texture, as skyrmions in a ferromagnet, move to other places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from magsearch.landscape.paths import sampled
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit


def parts(lattice: Lattice, texture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the centres of the parts of a texture [site, 3], in cells along each axis, [part, 3].

    A part is a connected region of cells in which a spin points against the mean spin of its sublattice. The circular
    mean over its cells is its centre; there is none along an axis that it winds around, nan.
    """
    from scipy import ndimage
    from scipy.sparse import coo_array, csgraph

    mean = texture.reshape(lattice.cells, lattice.atoms, 3).mean(axis=0)
    against = (texture.reshape(lattice.cells, lattice.atoms, 3) * mean).sum(axis=2).min(axis=1) < 0
    label, count = ndimage.label(against.reshape(lattice.grid[:3]), np.ones((3, 3, 3)))
    edges = []
    for axis in range(3):
        if lattice.periodic[axis] and lattice.size[axis] > 1:
            first, last = (np.take(label, at, axis=2 - axis) for at in (0, -1))
            both = (first > 0) & (last > 0)
            edges.append(np.stack([last[both], first[both]]) - 1)
    joins = np.concatenate([np.zeros((2, 0), dtype=int), *edges], axis=1)
    graph = coo_array((np.ones(joins.shape[1]), tuple(joins)), shape=(count, count))
    number, group = csgraph.connected_components(graph, directed=False)
    cells = np.argwhere(label)[:, ::-1]  # as argwhere orders the labels that are not zero
    of = group[label[label > 0] - 1]
    found = np.full((number, 3), np.nan)
    for part in range(number):
        for axis, n in enumerate(lattice.size):
            places = cells[of == part, axis]
            if not lattice.periodic[axis] or n == 1:
                found[part, axis] = places.mean()
            elif len(set(places.tolist())) < n:
                found[part, axis] = np.angle(np.exp(2j * np.pi * places / n).mean()) / (2 * np.pi) * n % n
    return found


def drifted(
    hamiltonian: Hamiltonian, start: NDArray[np.float64], end: NDArray[np.float64], images: int
) -> NDArray[np.float64] | None:
    """Return the path [image, site, 3] on which the parts of one texture move straight to those of another one.

    Each goes to the part that it resembles most, and takes along what is nearer to it than to the others. None where
    the textures have no parts, or different numbers of them.
    """
    from scipy.optimize import linear_sum_assignment

    lattice = hamiltonian.lattice
    size, periodic = np.array(lattice.size), np.array(lattice.periodic)
    inside = lattice.basis @ np.linalg.inv(lattice.cell)
    atom = np.arange(lattice.sites) % lattice.atoms
    cells = lattice.positions @ np.linalg.inv(lattice.cell) - inside[atom]
    before, after = parts(lattice, start), parts(lattice, end)
    if not len(before) or len(before) != len(after) or np.isnan([before, after]).any():
        return None

    periods = size * np.array(list(np.ndindex(3, 3, 3))) - size
    periods = periods[(periodic | (periods == 0)).all(axis=1)]

    def wrapped(difference: NDArray[np.float64]) -> NDArray[np.float64]:
        every = np.where(periodic, difference - size * np.rint(difference / size), difference)[..., None, :] + periods
        nearest = np.linalg.norm(every @ lattice.cell, axis=-1).argmin(axis=-1)[..., None, None]
        return np.take_along_axis(every, nearest, axis=-2)[..., 0, :]

    def owner(centres: NDArray[np.float64]) -> NDArray[np.int64]:
        away = np.linalg.norm(wrapped(cells[:, None] - centres) @ lattice.cell, axis=2)
        return np.asarray(away.argmin(axis=1))

    way, own = wrapped(after[None] - before[:, None]), owner(after)  # [part before, part after, 3]
    unlike = np.empty(way.shape[:2])
    for k, j in np.ndindex(*unlike.shape):
        there = sampled(lattice, start, cells - way[k, j], atom) - end
        unlike[k, j] = (there[own == j] ** 2).sum() + 1e-6 * np.linalg.norm(way[k, j])
    chosen = way[linear_sum_assignment(unlike)]
    path = np.empty((images, *start.shape))
    path[0], path[-1] = start, end
    for image in range(1, images - 1):
        t = image / (images - 1)
        moved = chosen[owner(before + t * chosen)]
        one = sampled(lattice, start, cells - t * moved, atom)
        other = sampled(lattice, end, cells + (1 - t) * moved, atom)
        mixed = (1 - t) * one + t * other
        lost = ~(np.linalg.norm(mixed, axis=1) > 0.1)
        path[image] = np.where(lost[:, None], start if t < 0.5 else end, unit(mixed))
    path[:, ~hamiltonian.occupied] = 0.0
    return path
