"""On-site parameters as kernels read them: rows of numbers, laid out as the enums of kernels/onsite.cuh say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device, rows
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import UnsupportedTerm

ROW, AXIAL, CUBIC = rows("OnsiteRow"), rows("AxialEntry"), rows("CubicEntry")
MOMENT = ROW["MOMENT"]
A = slice(ROW["QUADRATIC"], ROW["ENTRIES"])
K4, AXIS = AXIAL["AXIAL_K4"], slice(AXIAL["AXIAL_AXIS"], AXIAL["AXIAL_WIDTH"])
KC, AXES = CUBIC["CUBIC_KC"], slice(CUBIC["CUBIC_AXES"], CUBIC["CUBIC_WIDTH"])


@dataclass(frozen=True, eq=False)
class OnsiteTable:
    """Rows of on-site parameters, and which of them holds for each site.

    kind   [site] row
    rows   [kind, width]
    axial  uniaxial entries of fourth order in each row
    cubic  cubic entries in each row
    """

    kind: NDArray[np.int32]
    rows: NDArray[np.float64]
    axial: int
    cubic: int

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, consumer: str) -> OnsiteTable:
        """Collect the parameters of all terms. UnsupportedTerm, naming ``consumer``, for a term without kernels."""
        lattice, entries = hamiltonian.lattice, OnsiteEntries.none(hamiltonian.lattice.atoms)
        for term in hamiltonian.terms:
            if not term.fill(entries):
                raise UnsupportedTerm(term, consumer, "no kernel computes it")
        (axial, n), (cubic, axes) = entries.uniaxial, entries.cubes
        atoms = np.concatenate(
            [
                np.zeros((lattice.atoms, 1)),
                entries.A.reshape(-1, 9),
                np.concatenate([axial[..., None], n], axis=2).reshape(lattice.atoms, -1),
                np.concatenate([cubic[..., None], axes.reshape(*cubic.shape, 9)], axis=2).reshape(lattice.atoms, -1),
            ],
            axis=1,
        )
        counts = axial.shape[1], cubic.shape[1]
        if np.shape(hamiltonian.moments) == (lattice.atoms,):
            atoms[:, MOMENT] = hamiltonian.moments
            kind = np.tile(np.arange(lattice.atoms, dtype=np.int32), lattice.cells)
            if hamiltonian.vacancies:
                kind[list(hamiltonian.vacancies)] = lattice.atoms
                atoms = np.vstack([atoms, np.zeros(atoms.shape[1])])
            return cls(kind, atoms, *counts)
        every = np.tile(atoms, (lattice.cells, 1))
        every[:, MOMENT] = hamiltonian.site_moments
        every[~hamiltonian.occupied] = 0.0
        return cls._distinct(every, *counts)

    @classmethod
    def zero(cls, sites: int) -> OnsiteTable:
        """Return a table of sites without moment and anisotropy."""
        return cls(np.zeros(sites, dtype=np.int32), np.zeros((1, ROW["ENTRIES"])), 0, 0)

    @classmethod
    def _distinct(cls, every: NDArray[np.float64], axial: int, cubic: int) -> OnsiteTable:
        """Keep each row once; every [site, width]."""
        unique, which = np.unique(every, axis=0, return_inverse=True)
        return cls(which.reshape(-1).astype(np.int32), unique, axial, cubic)

    def with_quadratic(self, more: NDArray[np.float64]) -> OnsiteTable:
        """Add - s.A s of every site; more [site, 3, 3] meV."""
        every = self.rows[self.kind]
        every[:, A] += more.reshape(-1, 9)
        return self._distinct(every, self.axial, self.cubic)

    @property
    def quadratic(self) -> bool:
        """Whether any A is not zero."""
        return bool(self.rows[:, A].any())

    @property
    def linear(self) -> bool:
        """Whether every site has a Zeeman energy alone."""
        return not (self.quadratic or self.axial or self.cubic)

    def on(self, device: Device, real: Any) -> tuple[Any, Any, int, int, int]:
        """Return the arguments of kernels: kind, rows, quadratic, axial, cubic."""
        kind, table = device.array(self.kind, np.int32), device.array(self.rows, real)
        return kind, table, int(self.quadratic), self.axial, self.cubic
