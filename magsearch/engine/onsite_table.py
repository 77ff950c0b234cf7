"""On-site parameters as kernels read them: a table of numbers, laid out as the enums of kernels/onsite.cuh say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.kernels import rows
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.onsite import OnsiteEntries
from magsearch.model.terms.term import UnsupportedTerm

HEADER, ROW = rows("OnsiteHeader"), rows("OnsiteRow")
MOMENT = ROW["MOMENT"]
A = slice(ROW["QUADRATIC"], ROW["ENTRIES"])


@dataclass(frozen=True, eq=False)
class OnsiteTable:
    """Rows of on-site parameters, and which of them holds for each site.

    kind    [site] row
    rows    [kind, width]
    counts  number of entries of higher order in each row, by the name of their kind: "axial", "cubic", ...
    """

    kind: NDArray[np.int32]
    rows: NDArray[np.float64]
    counts: dict[str, int]

    @classmethod
    def of(cls, hamiltonian: Hamiltonian, consumer: str) -> OnsiteTable:
        """Collect the parameters of all terms. UnsupportedTerm, naming ``consumer``, for a term without kernels."""
        lattice, entries = hamiltonian.lattice, OnsiteEntries.none(hamiltonian.lattice.atoms)
        for term in hamiltonian.terms:
            if not term.fill(entries):
                raise UnsupportedTerm(term, consumer, "no kernel computes it")
        blocks = [np.zeros((lattice.atoms, 1)), entries.A.reshape(-1, 9)]
        blocks += [block.reshape(lattice.atoms, -1) for block in entries.blocks.values()]
        atoms = np.concatenate(blocks, axis=1)
        counts = {name: block.shape[1] for name, block in entries.blocks.items()}
        if np.shape(hamiltonian.moments) == (lattice.atoms,):
            atoms[:, MOMENT] = hamiltonian.moments
            kind = np.tile(np.arange(lattice.atoms, dtype=np.int32), lattice.cells)
            if hamiltonian.vacancies:
                kind[list(hamiltonian.vacancies)] = lattice.atoms
                atoms = np.vstack([atoms, np.zeros(atoms.shape[1])])
            return cls(kind, atoms, counts)
        every = np.tile(atoms, (lattice.cells, 1))
        every[:, MOMENT] = hamiltonian.site_moments
        every[~hamiltonian.occupied] = 0.0
        return cls._distinct(every, counts)

    @classmethod
    def zero(cls, sites: int) -> OnsiteTable:
        """Return a table of sites without moment and anisotropy."""
        return cls(np.zeros(sites, dtype=np.int32), np.zeros((1, ROW["ENTRIES"])), {})

    @classmethod
    def _distinct(cls, every: NDArray[np.float64], counts: dict[str, int]) -> OnsiteTable:
        """Keep each row once; every [site, width]."""
        unique, which = np.unique(every, axis=0, return_inverse=True)
        return cls(which.reshape(-1).astype(np.int32), unique, counts)

    def with_quadratic(self, more: NDArray[np.float64]) -> OnsiteTable:
        """Add - s.A s of every site; more [site, 3, 3] meV."""
        every = self.rows[self.kind]
        every[:, A] += more.reshape(-1, 9)
        return self._distinct(every, self.counts)

    @property
    def quadratic(self) -> bool:
        """Whether any A is not zero."""
        return bool(self.rows[:, A].any())

    @property
    def linear(self) -> bool:
        """Whether every site has a Zeeman energy alone."""
        return not (self.quadratic or any(self.counts.values()))

    def on(self, device: Device, real: Any) -> tuple[Any, Any]:
        """Return the arguments of kernels: the kind of every site, and the table with its header."""
        header = np.zeros(HEADER["HEADER"])
        header[HEADER["HAS_QUADRATIC"]] = self.quadratic
        for name, count in self.counts.items():
            header[HEADER[f"N_{name.upper()}"]] = count
        table = np.concatenate([header, self.rows.ravel()])
        return device.array(self.kind, np.int32), device.array(table, real)
