"""Correlations of nearest neighbours, and the scalar chirality of triangles."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import triangles


def nearest_correlation(lattice: Lattice, spins: ArrayLike) -> float:
    """Return the mean s_i . s_j of nearest neighbours of one texture [site, 3]; 0 for a lattice without neighbours."""
    i, j = _pairs(lattice)
    s = lattice.textures(spins)
    return float(np.einsum("px,px->", s[i], s[j])) / max(len(i), 1)


def coordination(lattice: Lattice) -> float:
    """Return the mean number of nearest neighbours of a site of the infinite crystal; 0 without."""
    return _shell(lattice)[1]


def chirality(lattice: Lattice, spins: ArrayLike) -> float:
    """Return the mean scalar chirality s_i . (s_j x s_k) of triangles of neighbours of one texture [site, 3].

    Triangles are those of the topological charge, counterclockwise; 0 for a chain.
    """
    corners = triangles(lattice)
    if not len(corners):
        return 0.0
    a, b, c = np.moveaxis(lattice.textures(spins)[corners], 1, 0)
    return float(np.einsum("tx,tx->t", a, np.cross(b, c)).mean())


@lru_cache(maxsize=16)
def _shell(lattice: Lattice) -> tuple[list[tuple[int, int, tuple[int, ...]]], float]:
    """Return the bonds i < j of the shortest distance, and the number of neighbours of a site."""
    try:
        shell = lattice.shells(1)[0]
    except ValueError:  # a single site, or too many atoms
        return [], 0.0
    ends = zip(shell.i.tolist(), shell.j.tolist(), map(tuple, shell.offset.tolist()), strict=True)
    once = [(i, j, n) for i, j, n in ends if (i, j, n) < (j, i, tuple(-k for k in n))]
    return once, len(shell.i) / lattice.atoms


@lru_cache(maxsize=16)
def _pairs(lattice: Lattice) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    i, j = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    for a, b, offset in _shell(lattice)[0]:
        there = lattice.neighbours(np.array(offset))
        here = np.flatnonzero(there >= 0)
        i.append(here * lattice.atoms + a)
        j.append(there[here] * lattice.atoms + b)
    return np.concatenate(i), np.concatenate(j)
