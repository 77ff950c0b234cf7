"""Clusters of spins over sites, as kernels/products.cuh reads them: every site has an entry for each that it is in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.kernels import rows
from magsearch.engine.neighbours import LARGEST
from magsearch.errors import InputError
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import CYCLES, TURNS, SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts

ENTRY, ROW, KIND = rows("ProductEntry"), rows("ProductRow"), rows("ProductKind")
WIDTH = ENTRY["ENTRY_WIDTH"]
CONSTANTS = slice(ROW["PRODUCT_A"], ROW["PRODUCT_T"] + 1)
FIRST, SECOND = (slice(ROW[name], ROW[name] + 9) for name in ("FIRST_TENSOR", "SECOND_TENSOR"))


@dataclass(frozen=True, eq=False)
class ProductLists:
    """The clusters that each site is in.

    start  [2 site + 1]    where the entries of a site begin, first those that are linear in its spin, then the others
    entry  [entry, width]  the other sites of the cluster, and a row of constants
    rows   [row, width]    constants in meV, E = + a (ij)(kl) + ..., shares of the energy, and matrices
    """

    start: NDArray[np.int64]
    entry: NDArray[np.int64]
    rows: NDArray[np.float64]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian) -> ProductLists:
        """Build the entries of all sites. Raises InputError where an int32 could not count them."""
        count = hamiltonian.lattice.sites
        expected = 4 * WIDTH * sum(len(term) for term in hamiltonian.products) * hamiltonian.lattice.cells
        if expected > LARGEST:
            raise InputError(
                f"{expected} numbers in the lists of clusters, which hold {LARGEST}: choose a smaller size"
            )
        parts, values = [np.empty((0, 4), np.int64)], [np.empty((0, ROW["PRODUCT_WIDTH"]))]
        which, known = [np.empty(0, np.int64)], 0
        for term in hamiltonian.products:
            every, number = term.on_sites(hamiltonian)
            threes = term.three if isinstance(term, SpinProducts) else np.zeros(len(term), dtype=bool)
            for three, orders in ((False, CYCLES), (True, TURNS)):
                kind = threes[number] == three
                sites, constants = every[kind], np.zeros((int(kind.sum()), ROW["PRODUCT_WIDTH"]))
                if isinstance(term, SpinProducts):
                    constants[:, CONSTANTS] = -term.constants[number[kind]]
                    several = constants[:, CONSTANTS][:, 1:3].any(axis=1)
                    found = KIND["CHIRALITY"] if three else np.where(several, KIND["PAIRINGS"], KIND["ONE_PAIRING"])
                    constants[:, ROW["KIND"]] = found
                constants[:, ROW["SHARE"]] = 1 / len(orders)
                slots = sites[:, : len(orders)]
                for sequence in orders:
                    seen = sites[:, sequence]
                    own = (slots == seen[:, :1]).sum(axis=1)
                    constants[:, ROW["OWN"]] = 1 / own
                    if isinstance(term, TensorProducts):
                        constants[:, ROW["KIND"]] = KIND["MATRICES"]
                        constants[:, FIRST], constants[:, SECOND] = _seen(term, number[kind], sequence)
                    parts.append(seen)  # cells repeat the same few constants
                    _, few, same = np.unique((len(orders) + 1) * number[kind] + own, True, True)
                    values.append(constants[few])
                    which.append(known + same)
                    known += len(few)
        table, of, _ = _distinct(np.concatenate(values))
        keys = np.column_stack([np.concatenate(parts), of[np.concatenate(which)]])
        distinct, _, times = _distinct(keys)  # equal entries become one
        pairs, row, _ = _distinct(np.stack([distinct[:, 4], times], axis=1))
        table = table[pairs[:, 0]]
        table[:, CONSTANTS] *= pairs[:, 1:]
        table[:, FIRST] *= pairs[:, 1:]
        nonlinear = table[row, ROW["OWN"]] < 1
        place = 2 * distinct[:, 0] + nonlinear
        order = np.argsort(place, kind="stable")
        entry = np.concatenate([distinct[order, 1:4], row[order, None]], axis=1)
        return cls(np.searchsorted(place[order], np.arange(2 * count + 1)), entry, table)

    @property
    def linear(self) -> bool:
        """Whether every cluster is linear in each of its spins."""
        return bool((self.start[1::2] == self.start[2::2]).all())

    @property
    def pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Sites that feel each other, [pair] each, in both directions; some several times."""
        site = np.repeat(np.arange(len(self.start) // 2), np.diff(self.start[::2]))
        return np.repeat(site, 3), self.entry[:, :3].reshape(-1)

    def on(self, device: Device, real: Any) -> tuple[Any, Any, Any]:
        """Return start, entries and rows on a device, none of them empty."""
        return (
            device.array(self.start, np.int32),
            device.array(np.append(self.entry.reshape(-1), np.zeros(WIDTH, np.int64)), np.int32),
            device.array(np.append(self.rows.reshape(-1), 0.0), real),
        )


def _distinct(rows: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct rows in ascending order, the place of each row in them, [row], and how often each occurs.

    ``numpy.unique`` does the same along an axis, but compares rows one by one.
    """
    order = np.lexsort(rows.T[::-1])
    ordered, new = rows[order], np.ones(len(rows), dtype=bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    place = np.cumsum(new) - 1
    where = np.empty(len(rows), dtype=np.int64)
    where[order] = place
    return ordered[new], where, np.bincount(place)


def _seen(
    term: TensorProducts, number: NDArray[np.int64], order: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return - A and B of clusters as the sites see them whose turn is first in an order of ``CYCLES``, [n, 9] each."""
    matrices = [term.A[number], term.B[number]]
    if order[0] > 1:
        matrices.reverse()
    if order[0] % 2:
        matrices = [matrix.swapaxes(1, 2) for matrix in matrices]
    first, second = (matrix.reshape(-1, 9) for matrix in matrices)
    return -first, second
