"""Memory and disk that a run takes, estimated before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from magsearch.engine.cpu import Cpu
from magsearch.engine.device import Device
from magsearch.engine.evaluator import SUM
from magsearch.engine.path import Path, padded
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.motion import STATE
from magsearch.relaxation.relax import Method, Minimizer
from magsearch.search.archipelago import owners
from magsearch.search.candidate import record_type
from magsearch.search.island import GeneticTunneling
from magsearch.search.lockstep import BYTES

CONVOLUTION = 1  # arrays as large as the spins that a convolution takes on a GPU


@dataclass(frozen=True)
class Footprint:
    """Bytes of the arrays that grow with the lattice; a run takes some hundred megabytes besides.

    replica      one replica while it is relaxed: texture, spins, force, sums, arrays of the minimiser
    device       of a rank: candidates, the largest batch that it relaxes at once, and the couplings
    least        the same with the smallest batch: larger ones are relaxed in parts where memory ends
    host         of a rank, where the device has a memory of its own: one island, while it is stored
    checkpoint   populations in the file of a run under way
    elite        one of those in that file, before compression
    texture      one of those over the generations, in that file before compression and in the memory of rank 0
    """

    replica: int
    device: int
    least: int
    host: int
    checkpoint: int
    elite: int
    texture: int


def footprint(
    hamiltonian: Hamiltonian,
    path: Path,
    islands: Sequence[GeneticTunneling],
    ranks: int = 1,
    device: type[Device] = Cpu,
) -> Footprint:
    """Return the memory and disk space, in bytes, of a search with the settings ``islands`` on ``ranks`` ranks.

    device   kind of the device of every rank
    """
    lattice, texture = hamiltonian.lattice, 3 * 4 * hamiltonian.lattice.sites
    couplings = (
        lattice.cells * (3 * lattice.atoms) ** 2 * 8 * 2  # J(q) and the preconditioner
        if path == "fourier"
        else int(hamiltonian.coordination) * lattice.sites * 8
    )
    if hamiltonian.dipole is not None:
        couplings += prod(padded(lattice)) * (3 * lattice.atoms) ** 2 * 8 * 2  # tensors, and J(q) of dipoles alone
    couplings += 64 * sum(len(term) for term in hamiltonian.products) * lattice.cells  # an entry for each of four sites
    if hamiltonian.waves is not None:
        couplings += 8 * len(hamiltonian.waves) * lattice.sites  # cos and sin at every site
    of = [replica(hamiltonian, path, island.minimizer, device) for island in islands]
    batches = [-(-island.replicas // device.width) * device.width * of[k] for k, island in enumerate(islands)]
    candidates, largest = np.zeros(ranks), 0
    together: dict[tuple[int, Minimizer | Method], list[int]] = {}  # bytes of textures and of batches that were joined
    for rank, island, batch in zip(owners(len(islands), ranks), islands, batches, strict=True):
        candidates[rank] += island.replicas * texture
        held, joined = together.get((rank, island.minimizer), (0, 0))
        fits = held + island.replicas * texture <= BYTES
        together[rank, island.minimizer] = [island.replicas * texture + held * fits, batch + joined * fits]
        largest = max(largest, batch + joined * fits)
    return Footprint(
        replica=max(of),
        device=int(candidates.max()) + largest + couplings,
        least=int(candidates.max()) + max(i.replicas for i in islands) * texture + device.width * max(of) + couplings,
        host=max(island.replicas for island in islands) * texture,
        checkpoint=sum(island.replicas for island in islands) * record_type(lattice.sites).itemsize,
        elite=2 * texture,
        texture=texture,
    )


def replica(hamiltonian: Hamiltonian, path: Path, minimizer: Minimizer | Method, device: type[Device]) -> int:
    """Return the bytes of one replica on the device while a minimiser relaxes it, its texture included."""
    last = minimizer.minimizer if isinstance(minimizer, Method) else minimizer
    sites = hamiltonian.lattice.sites
    arrays = (
        3 + last.vectors(hamiltonian, path, device) + (CONVOLUTION if path == "fourier" and device is not Cpu else 0)
    )
    if hamiltonian.dipole is not None and path == "direct":
        arrays += 1 + 2 * -(-prod(padded(hamiltonian.lattice)) // hamiltonian.lattice.cells)
    waves = 0 if hamiltonian.waves is None else len(hamiltonian.waves)
    if waves and path == "direct" and hamiltonian.dipole is None:
        arrays += 1  # their field
    sums = 8 * 6 * waves * (-(-sites // device.chunk) + 1)
    return 3 * 4 * sites * arrays + sums + 8 * (len(SUM) - 1) * (-(-sites // device.chunk) + 1) + 8 * STATE["STATES"]
