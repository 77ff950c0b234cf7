"""Lattice of translations on which M(q) depends: of fewer dimensions than the crystal for chains, planes and molecules.

The assignment of the spins of the basis to cells is a convention. Here spins that are connected by a spanning tree of
the bonds are assigned to one cell; the offsets of the other bonds are then those of closed paths. They span a lattice
of 0 to 3 dimensions (its basis: Hermite normal form, Cohen, A Course in Computational Algebraic Number Theory (1993),
section 2.4), and M(q) depends on q along these alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree


def home_cells(spins: int, i: NDArray[np.int64], j: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cells [spin, 3] to assign the spins of a basis to, so that spanning trees of bonds stay in a cell.

    spins   number of spins of the basis
    i, j    [bond]
    offset  [bond, 3], cells from i to j; the new offset of a bond is offset - home_j + home_i
    """
    home = np.zeros((spins, 3), dtype=np.int64)
    if not offset.any():
        return home
    length = np.abs(offset).sum(axis=1)
    lightest = np.lexsort((length, j, i))
    lightest = lightest[np.unique(i[lightest] * spins + j[lightest], return_index=True)[1]]
    of = {(a, b): offset[n] for a, b, n in zip(i[lightest].tolist(), j[lightest].tolist(), lightest, strict=True)}
    weight = 1.0 + length[lightest]
    ends = i[lightest].astype(np.int32), j[lightest].astype(np.int32)  # int32: required by SciPy before 1.17
    graph = sparse.csr_array((weight, ends), shape=(spins, spins))
    tree = minimum_spanning_tree(graph)
    label = connected_components(tree, directed=False)[1]
    for root in np.unique(label, return_index=True)[1]:
        order, parent = breadth_first_order(tree, root, directed=False)
        for spin in order[1:].tolist():
            home[spin] = home[parent[spin]] + of[int(parent[spin]), spin]
    return home
