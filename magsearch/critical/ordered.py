"""The ordered state below a transition: the smallest supercell of a ground state, and boxes made of its copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.device import Device
from magsearch.model.cells import in_given_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.race import Known, Race
from magsearch.search.supercells.supercell import Supercell, free_axes, side_by_side

SITES = 200  # maximum number of sites per supercell of the default search
MOST = 500_000  # spins of the largest default box
SPINS = {1: (64, 128, 256), 2: (144, 400, 1024), 3: (512, 1728, 4096)}  # of the default boxes, by dimension


@dataclass(frozen=True, eq=False)
class Ordered:
    """A ground state in the smallest supercell that it repeats after.

    supercell  where it repeats
    texture    [site, 3]
    energy     meV per spin
    """

    supercell: Supercell
    texture: NDArray[np.float64]
    energy: float

    @property
    def crystal(self) -> Hamiltonian:
        """The model, in the cell of its input."""
        return self.supercell.crystal

    @property
    def axes(self) -> tuple[int, ...]:
        """Axes along which boxes grow: periodic ones with couplings along them."""
        return free_axes(self.crystal)

    @property
    def copies(self) -> NDArray[np.int64]:
        """Supercells along each axis that make a compact box, [3]: the unit of the sizes."""
        return side_by_side(self.supercell.H, self.crystal.lattice.cell, self.axes, 1.0)

    @property
    def unit(self) -> int:
        """Number of spins of a box of size 1."""
        return int(self.copies.prod()) * self.supercell.sites

    def box(self, size: int) -> Supercell:
        """Return the box of a size: ``copies`` of the ground state's cell, multiplied by ``size`` along ``axes``."""
        times = self.copies
        times[list(self.axes)] *= size
        return self.supercell.tiled(times)

    def texture_in(self, box: Supercell) -> NDArray[np.float64]:
        """Return the ground state in a box, [site, 3]."""
        return self.supercell.repeated(self.texture, box)

    def default_sizes(self) -> tuple[int, ...]:
        """Return sizes with about as many spins as ``SPINS`` says, rising.

        Raises ValueError where the cell is so long that compact boxes of it have more than ``MOST`` spins.
        """
        dimension = len(self.axes)
        if self.unit * len(SPINS[dimension]) ** dimension > MOST:
            longest = float(np.linalg.norm(self.supercell.H @ self.crystal.lattice.cell, axis=1).max())
            raise ValueError(
                f"the ground state repeats after {longest:.4g} angstrom: compact boxes of it have {self.unit} spins "
                "and multiples; --sizes takes them all the same"
            )
        wanted = [max(1, round((spins / self.unit) ** (1 / dimension))) for spins in SPINS[dimension]]
        sizes = [wanted[0]]
        for size in wanted[1:]:
            sizes.append(max(size, sizes[-1] + 1))
        return tuple(sizes)


def from_texture(hamiltonian: Hamiltonian, texture: ArrayLike, energy: float) -> Ordered:
    """Return a texture of a model's own box in the smallest supercell that it repeats after.

    Raises ValueError where boxes of other sizes cannot be made.
    """
    free_axes(hamiltonian)
    lattice, spins = hamiltonian.lattice, np.asarray(texture, dtype=np.float64)
    own = Supercell(in_given_cells(hamiltonian), np.diag(lattice.size) @ lattice.shear)
    cells = np.empty((own.cells, lattice.atoms, 3))
    cells[own.places(lattice.coordinates @ lattice.shear)] = spins.reshape(cells.shape)
    return _smallest(Best(own, cells.reshape(-1, 3), energy))


def race_of(
    hamiltonian: Hamiltonian,
    device: Device,
    seed: int,
    watch: Callable[[], None] = lambda: None,
    known: Known | None = None,
) -> Race:
    """Return the race that searches the ground state, among supercells of up to ``SITES`` sites.

    known   what is known from one that was interrupted
    """
    return Race(hamiltonian, device, SITES, seed, watch=watch, known=dict(known or {}))


def searched(race: Race) -> Ordered:
    """Return the winner of a race. Raises ValueError where no supercell can be chosen, Interrupted by a signal."""
    best = race.run()
    assert best is not None, "the race has no time limit"
    return _smallest(best)


def _smallest(best: Best) -> Ordered:
    smallest = best.primitive()
    return Ordered(smallest, best.supercell.repeated(best.texture, smallest).astype(np.float64), best.energy)
