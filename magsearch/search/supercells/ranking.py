"""Supercells commensurate with the softest modes of J(q): where a supercell search begins.

A supercell with the vectors H a has room for the wave vectors h = H^-1 k (fractions of the reciprocal vectors, k
whole). What a wave costs there, compared with the softest one of the infinite crystal, is the distance from the nearest
of them to the softest h*: H (h - h*) = k - H h*, measured by the curvature of the largest eigenvalue of J(q). (The
eigenvalue itself may be soft again near another arm of the star, and would take one wave for two.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.supercells.supercell import Supercell, compact, free_axes, manageable, supercells

GRID = {1: 720, 2: 60, 3: 20}  # wave vectors along each free axis, by their number, from which maxima are climbed
SAME_STAR = 1e-5  # largest spread of -J(q) over the arms of one star, of the range of J(q): DFT couplings are rounded
CLIMBS = 40  # maxima that are refined
LONG = 0.25  # turns per cell of a wave that spans several cells
STEP = 1e-4  # fractions of a reciprocal vector, for second differences
BUDGET = 100_000  # supercells that are ranked
AT_ONCE = 64 * 2**20  # bytes of J(q) that are held at a time


@dataclass(frozen=True, eq=False)
class SoftModes:
    """The wave vectors at which the largest eigenvalue of J(q) has its maximum.

    h          [arm, 3] fractions of the reciprocal vectors; of h and -h one
    energy     meV per site of a wave of unit spins there: - 1/2 of the eigenvalue
    curvature  [arm, 3, 3] meV per site: second derivatives of that energy over the fractions
    """

    h: NDArray[np.float64]
    energy: float
    curvature: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ranked:
    """A supercell, and what the softest modes cost in it, meV per site.

    one   of the arm that fits best: the cost of a spiral
    all   mean over all arms of the star: the cost of a lattice of skyrmions or another multiple-q state
    """

    supercell: Supercell
    one: float
    all: float


def energies(hamiltonian: Hamiltonian, h: ArrayLike, watch: Callable[[], None] = lambda: None) -> NDArray[np.float64]:
    """Return - 1/2 of the largest eigenvalue of J(q), meV per site, [q]; h [q, 3] fractions of reciprocal vectors.

    watch   called repeatedly; what it raises ends the computation
    """

    def lowest(part: NDArray[np.float64]) -> NDArray[np.float64]:
        watch()
        return np.asarray(-0.5 * np.linalg.eigvalsh(hamiltonian.fourier(part))[:, -1])

    q = np.asarray(h, dtype=np.float64).reshape(-1, 3) @ hamiltonian.lattice.reciprocal
    parts = np.array_split(q, 1 + len(q) * 16 * (3 * hamiltonian.lattice.atoms) ** 2 // AT_ONCE)
    return np.concatenate([lowest(part) for part in parts])


def soft_modes(hamiltonian: Hamiltonian, watch: Callable[[], None] = lambda: None) -> SoftModes:
    """Return the star of the softest modes. Raises ValueError if the supercell cannot be chosen.

    watch   called repeatedly; what it raises ends the search for them
    """
    from scipy.ndimage import maximum_filter
    from scipy.optimize import minimize

    axes = list(free_axes(hamiltonian))
    grid = np.indices([GRID[len(axes)]] * len(axes)).reshape(len(axes), -1).T / GRID[len(axes)]
    h = np.zeros((len(grid), 3))
    h[:, axes] = grid
    energy = energies(hamiltonian, h, watch)
    lowest = -maximum_filter(-energy.reshape([GRID[len(axes)]] * len(axes)), size=3, mode="wrap").ravel()
    spread = np.ptp(energy)
    starts = np.flatnonzero((energy <= lowest) & (energy <= energy.min() + 0.1 * spread))
    starts = starts[np.argsort(np.abs(h[starts] - np.rint(h[starts])).sum(axis=1), kind="stable")][:CLIMBS]

    def cost(free: NDArray[np.float64]) -> float:
        point = np.zeros(3)
        point[axes] = free
        return float(energies(hamiltonian, point, watch)[0] / (spread or 1.0))

    climbed = [
        minimize(cost, h[k, axes], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-14}) for k in starts
    ]
    best = min(found.fun for found in climbed)
    arms: list[NDArray[np.float64]] = []
    for found in climbed:  # the longest waves first, where J(q) has a flat bottom
        arm = np.zeros(3)
        arm[axes] = found.x - np.rint(found.x)
        if found.fun <= best + SAME_STAR and not any(_same(arm, other) or _same(arm, -other) for other in arms):
            arms.append(arm)
    return SoftModes(np.array(arms), best * (spread or 1.0), np.array([_curvature(hamiltonian, arm) for arm in arms]))


def _same(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    away = one - other
    return bool(np.abs(away - np.rint(away)).max() < 1e-4)


def _curvature(hamiltonian: Hamiltonian, h: NDArray[np.float64]) -> NDArray[np.float64]:
    step = STEP * np.eye(3)
    points = [h + a * step[i] + b * step[j] for i in range(3) for j in range(3) for a in (1, -1) for b in (1, -1)]
    e = energies(hamiltonian, points).reshape(3, 3, 2, 2)
    return np.asarray((e[..., 0, 0] - e[..., 0, 1] - e[..., 1, 0] + e[..., 1, 1]) / (4 * STEP**2))


def ranked(
    hamiltonian: Hamiltonian,
    sites: int,
    modes: SoftModes | None = None,
    watch: Callable[[], None] = lambda: None,
) -> list[Ranked]:
    """Return supercells of at most ``sites`` that fit the softest modes better than all smaller ones, smallest first.

    Better by at least one of the two measures of ``Ranked``, and none that is so long and narrow that copies side by
    side, which make it compact, would be too many. In three dimensions there are many supercells: volumes are
    considered from one cell on, until ``BUDGET`` supercells have been.

    watch   called repeatedly; what it raises ends the ranking
    """
    modes = modes or soft_modes(hamiltonian, watch)
    records: list[Ranked] = []
    best = np.array([np.inf, np.inf])
    for every in _volumes(hamiltonian, sites // hamiltonian.lattice.atoms):
        watch()
        H = every[manageable(hamiltonian, every)]
        if not len(H):
            continue
        costs = _costs(H, modes)  # [supercell, measure]
        for k in sorted(set(costs.argmin(axis=0).tolist()), key=lambda k: costs[k].tolist()):
            if (costs[k] < 0.9 * best - 1e-9 * abs(modes.energy)).any():
                records.append(Ranked(Supercell(hamiltonian, H[k]), *costs[k].tolist()))
        best = np.minimum(best, costs.min(axis=0))
    return records


def dilated(hamiltonian: Hamiltonian, sites: int, modes: SoftModes, dilation: float) -> Supercell | None:
    """Return the supercell that fits independent arms of the softest waves best when these are longer by a factor.

    One arm for each free axis: a lattice of skyrmions then has one of them in the supercell. None where there are too
    few arms, where the waves are short, and where the supercell has more than ``sites``.
    """
    axes, arms = list(free_axes(hamiltonian)), np.zeros((0, 3))
    for h in modes.h:
        if np.abs(h).max() < LONG and np.linalg.matrix_rank(np.vstack([arms, h]), tol=1e-4) > len(arms):
            arms = np.vstack([arms, h])
    if len(arms) < len(axes):
        return None
    H = np.diag(hamiltonian.lattice.size)
    H[np.ix_(axes, axes)] = np.rint(dilation * np.linalg.inv(arms[:, axes].T))
    volume = abs(round(np.linalg.det(H))) * hamiltonian.lattice.atoms
    if not 0 < volume <= sites or not manageable(hamiltonian, H):
        return None
    return Supercell(hamiltonian, compact(H, hamiltonian.lattice.cell, tuple(axes)))


def _volumes(hamiltonian: Hamiltonian, cells: int) -> Iterator[NDArray[np.int64]]:
    """Yield the supercells of each volume, [supercell, 3, 3]."""
    seen = 0
    for volume in range(1, cells + 1):
        H = supercells(hamiltonian, volume)
        seen += len(H)
        if seen > BUDGET:
            return
        yield H


def _nearest(H: NDArray[Any], h: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the wave vector of each supercell [..., 3, 3] that is nearest to h [3], in fractions."""
    inverse = np.linalg.inv(H.astype(np.float64))
    return np.asarray((inverse @ np.rint(H @ h)[..., None])[..., 0])


def _costs(H: NDArray[np.int64], modes: SoftModes) -> NDArray[np.float64]:
    """Return the cost of the modes in each supercell, meV per site, [supercell, measure]."""
    each = []
    for h, K in zip(modes.h, modes.curvature, strict=True):
        away = _nearest(H, h) - h
        each.append(0.5 * np.einsum("bi,ij,bj->b", away, K, away))
    return np.stack([np.min(each, axis=0), np.mean(each, axis=0)], axis=1)
