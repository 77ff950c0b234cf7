"""Remarks on couplings in a finite box: images that add up, couplings that open edges cut."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from magsearch.model.bonds import Bonds
from magsearch.model.lattice import Lattice
from magsearch.model.notes import Note
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts

Products = Iterable[SpinProducts | TensorProducts]


def box_remarks(lattice: Lattice, bonds: Bonds, products: Products) -> list[str]:
    """Return a note for each kind of coupling that the box folds or cuts, with counts and an example."""
    return [*_images(lattice, bonds), *_cut_bonds(lattice, bonds), *_cut_products(lattice, products)]


def _images(lattice: Lattice, bonds: Bonds) -> list[str]:
    wrapped = np.where(lattice.periodic, bonds.offset % np.array(lattice.size), bonds.offset)
    ends = np.column_stack([bonds.i, bonds.j, wrapped])
    _, which, times = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    several = times[which.reshape(-1)] > 1
    if not several.any():
        return []
    return [
        Note(
            f"the box is smaller than twice the range of the couplings: {several.sum()} of {len(bonds)} couplings "
            f"of a cell reach a site that another one reaches, for example {bonds.describe(int(several.argmax()))};"
            " all count here, while UppASD without map_multiple keeps one",
            harmless=True,
        )
    ]


def _cut_bonds(lattice: Lattice, bonds: Bonds) -> list[str]:
    left = lattice.cells_with(bonds.offset)
    cut = lattice.cells - left
    if not cut.any():
        return []
    worst = int(cut.argmax())
    nowhere = int((left == 0).sum())
    gone = f" ({nowhere} of {len(bonds)} couplings of a cell exist nowhere)" if nowhere else ""
    told = (
        f"open edges cut {cut.sum() // 2} of {lattice.cells * len(bonds) // 2} couplings{gone}, for example "
        f"{bonds.describe(worst)}; --set model.periodic closes an axis"
    )
    return [Note(told, harmless=not nowhere)]  # a film has surfaces; couplings that exist nowhere are lost


def _cut_products(lattice: Lattice, products: Products) -> list[str]:
    notes: list[str] = []
    for term in products:
        left = lattice.cells_with(np.ptp(term.cells, axis=1))
        cut = lattice.cells - left
        if cut.any():
            nowhere = int((left == 0).sum())
            gone = f"; {nowhere} of {len(term)} clusters of a cell exist nowhere" if nowhere else ""
            told = f"open edges cut {cut.sum()} of {lattice.cells * len(term)} clusters of {term.name}{gone}"
            notes.append(Note(told, harmless=not nowhere))
    return notes
