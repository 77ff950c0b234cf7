"""All small supercells of a crystal, one of those that its symmetries map onto each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.integers import lower_hermite
from magsearch.search.supercells.supercell import Supercell, free_axes, manageable, supercells
from magsearch.symmetry.space_group import keeps_energy, space_operations

TOLERANCE = 1e-3  # of the largest coupling: allowed mismatch of a symmetry
SMALL = 52  # maximum number of sites of a supercell
MANY = 1000  # supercells that are listed


def small_supercells(
    hamiltonian: Hamiltonian, sites: int, watch: Callable[[], None] = lambda: None
) -> Iterator[Supercell]:
    """Yield the supercells of up to ``sites`` and ``SMALL`` sites, smallest first, ``MANY`` or one volume more.

    Those that copies side by side cannot make compact are left out.

    watch   called repeatedly; what it raises ends the enumeration
    """
    free = free_axes(hamiltonian)
    a, b, c = (1 if axis in free else n for axis, n in enumerate(hamiltonian.lattice.size))
    cell = hamiltonian.with_size((a, b, c))
    spaces = [
        space
        for space in space_operations(cell, TOLERANCE)[1]
        if keeps_energy(space, [space.P, -space.P], cell, TOLERANCE).any()
    ]
    seen: set[tuple[int, ...]] = set()
    for cells in range(1, min(sites, SMALL) // cell.lattice.sites + 1):
        if len(seen) >= MANY:
            return
        for H in supercells(hamiltonian, cells):
            watch()
            images = (tuple(lower_hermite(H @ space.W).ravel().tolist()) for space in spaces)
            key = min(images)
            if key not in seen and manageable(hamiltonian, H):
                seen.add(key)
                yield Supercell(hamiltonian, H)
