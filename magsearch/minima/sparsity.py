"""Hessians as sparse matrices: which pairs of spins they join, and their elements from few products.

Spins without a common neighbour are multiplied together, so that one product gives a column for each of them: Curtis,
Powell & Reid, IMA J. Appl. Math. 13, 117 (1974).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.neighbours import Neighbours
from magsearch.minima.hessian import AT_ONCE, Hessian
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.sphere import frames


@dataclass(frozen=True, eq=False)
class Sparsity:
    """The pairs of spins between which the Hessian of a Hamiltonian has elements, each spin with itself included.

    spins    [spin] sites that are occupied
    row      [pair] number of a spin
    column   [pair] number of a spin
    colour   [spin] spins of one colour have no neighbour in common
    """

    spins: NDArray[np.int64]
    row: NDArray[np.int64]
    column: NDArray[np.int64]
    colour: NDArray[np.int64]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> Sparsity | None:
        """Return the pairs of a Hamiltonian; None where every spin is coupled to every other one."""
        from scipy import sparse

        if hamiltonian.dipole is not None or hamiltonian.waves is not None:
            return None
        lists, sites = Neighbours.of(hamiltonian), hamiltonian.lattice.sites
        one, other = [np.arange(sites), np.repeat(np.arange(sites), np.diff(lists.start))], [np.arange(sites)]
        other.append(lists.neighbour)
        for term in hamiltonian.products:
            clusters = term.on_sites(hamiltonian)[0]  # [cluster, 4]
            for a in range(clusters.shape[1]):
                for b in range(clusters.shape[1]):
                    one.append(clusters[:, a])
                    other.append(clusters[:, b])
        i, j = np.concatenate(one), np.concatenate(other)
        joined = sparse.csr_array((np.ones(len(i)), (i, j)), shape=(sites, sites))
        spins = np.flatnonzero(hamiltonian.occupied)
        joined = joined[spins][:, spins]
        joined.sum_duplicates()
        pairs = joined.tocoo()
        return cls(spins, pairs.row.astype(np.int64), pairs.col.astype(np.int64), _coloured(joined @ joined))

    @property
    def share(self) -> float:
        """Share of the elements of the matrix that are not zero."""
        return len(self.row) / max(len(self.spins), 1) ** 2

    def matrix(
        self, evaluator: Evaluator, texture: NDArray[np.float64], watch: Callable[[], None] = lambda: None
    ) -> Any:
        """Return the Hessian of a texture [site, 3] in the ``frames`` of its spins, [2 spins, 2 spins] in meV."""
        from scipy import sparse

        s, size, width = np.asarray(texture, dtype=np.float64), 2 * len(self.spins), evaluator.device.width
        axes = frames(s)[self.spins]  # [spin, 2, 3]
        colours = int(self.colour.max(initial=-1)) + 1
        some = width * max(1, AT_ONCE // (evaluator.sites * width))
        some = min(some, -(-2 * colours // width) * width)
        hessian = Hessian(evaluator, np.broadcast_to(s, (some, *s.shape)))
        column = 2 * self.colour[self.column]  # number of the first of the two products that have the pair's elements
        elements = np.empty((len(self.row), 2, 2))  # [pair, component of the row, of the column]
        for first in range(0, 2 * colours, some):
            watch()
            vectors = np.zeros((some, *s.shape))
            for c in range(2):
                number = 2 * self.colour + c - first
                inside = (number >= 0) & (number < some)
                vectors[number[inside], self.spins[inside]] = axes[inside, c]
            image = hessian(vectors)
            for c in range(2):
                number = column + c - first
                inside = (number >= 0) & (number < some)
                at = image[number[inside], self.spins[self.row[inside]]]  # [pair, 3]
                elements[inside, :, c] = (axes[self.row[inside]] * at[:, None]).sum(axis=2)
        rows = (2 * self.row[:, None, None] + np.array([[0, 0], [1, 1]])) + np.zeros((1, 2, 2), np.int64)
        columns = (2 * self.column[:, None, None] + np.array([[0, 1], [0, 1]])) + np.zeros((1, 2, 2), np.int64)
        H = sparse.csc_array((elements.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))
        return (0.5 * (H + H.T)).tocsc()


def _coloured(near: Any) -> NDArray[np.int64]:
    """Return colours [spin] that differ for spins that a sparse matrix joins, the smallest possible in turn."""
    colour = np.full(near.shape[0], -1, dtype=np.int64)
    start, other = near.indptr, near.indices
    for spin in range(len(colour)):
        taken = np.unique(colour[other[start[spin] : start[spin + 1]]])
        taken = taken[taken >= 0]
        gap = np.flatnonzero(taken != np.arange(len(taken)))
        colour[spin] = gap[0] if len(gap) else len(taken)
    return colour
