"""The translations that couplings can tell apart: chains and planes in a crystal need fewer wave vectors than its axes.

Which cell a spin of the basis is counted to is a convention. Here connected spins are counted to one cell; what is
left are the offsets of closed paths. They span a lattice of 0 to 3 dimensions, and M(q) depends on q along these
alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree


def homes(spins: int, i: NDArray[np.int64], j: NDArray[np.int64], offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells [spin, 3] to count the spins of a basis to, so that as many bonds as possible stay in a cell.

    i, j [bond], offset [bond, 3]: cells from i to j. The new offset of a bond is offset - home_j + home_i.
    """
    home = np.zeros((spins, 3), dtype=np.int64)
    if not offset.any():
        return home
    length = np.abs(offset).sum(axis=1)
    lightest = np.lexsort((length, j, i))
    lightest = lightest[np.unique(i[lightest] * spins + j[lightest], return_index=True)[1]]
    of = {(a, b): offset[n] for a, b, n in zip(i[lightest].tolist(), j[lightest].tolist(), lightest, strict=True)}
    weight = 1.0 + length[lightest]
    ends = i[lightest].astype(np.int32), j[lightest].astype(np.int32)  # what SciPy before 1.17 asks for
    graph = sparse.csr_array((weight, ends), shape=(spins, spins))
    tree = minimum_spanning_tree(graph)
    label = connected_components(tree, directed=False)[1]
    for root in np.unique(label, return_index=True)[1]:
        order, parent = breadth_first_order(tree, root, directed=False)
        for spin in order[1:].tolist():
            home[spin] = home[parent[spin]] + of[int(parent[spin]), spin]
    return home


def periods(offset: NDArray[np.int64]) -> NDArray[np.int64]:
    """A basis [dimension, 3] of the lattice of whole numbers that vectors [bond, 3] span (Hermite's normal form)."""
    rows = [list(map(int, row)) for row in np.unique(offset, axis=0) if row.any()]
    basis: list[list[int]] = []
    for column in range(3):
        rows.sort(key=lambda row: abs(row[column]) or np.inf)
        while sum(row[column] != 0 for row in rows) > 1:
            pivot = rows[0]
            rows[1:] = [
                [x - row[column] // pivot[column] * p for x, p in zip(row, pivot, strict=True)] for row in rows[1:]
            ]
            rows.sort(key=lambda row: abs(row[column]) or np.inf)
        if rows and rows[0][column]:
            sign = 1 if rows[0][column] > 0 else -1
            pivot = [sign * x for x in rows.pop(0)]
            for n, row in enumerate(basis):
                times = row[column] // pivot[column]
                basis[n] = [x - times * p for x, p in zip(row, pivot, strict=True)]
            basis.append(pivot)
    return np.array(basis, dtype=np.int64).reshape(-1, 3)
