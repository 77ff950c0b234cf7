"""Memory and disk that a run takes, estimated before it begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from magsearch.engine.device import Cpu, Device
from magsearch.engine.evaluator import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.relax import Method
from magsearch.search.archipelago import owners
from magsearch.search.candidate import record_type
from magsearch.search.island import GeneticTunneling


@dataclass(frozen=True)
class Footprint:
    """Bytes of the arrays that grow with the lattice; a run takes some hundred megabytes besides.

    replica      one replica while it is relaxed: spins, force, scratch of convolutions; single precision
    device       of a rank: the largest population that it relaxes at once, and the couplings
    host         of a rank: the candidates of its islands, and the offspring of one
    checkpoint   populations in the file of a run under way
    elite        one of those in that file, before compression
    """

    replica: int
    device: int
    host: int
    checkpoint: int
    elite: int


def footprint(
    hamiltonian: Hamiltonian,
    path: Path,
    islands: Sequence[GeneticTunneling],
    ranks: int = 1,
    device: type[Device] = Cpu,
) -> Footprint:
    """Return the memory and disk space, in bytes, of a search with the settings ``islands`` on ``ranks`` ranks.

    device   kind of their devices
    """
    lattice, texture = hamiltonian.lattice, 3 * 4 * hamiltonian.lattice.sites
    replica = texture * (7 if path == "fourier" else 2)
    couplings = (
        lattice.cells * (3 * lattice.atoms) ** 2 * 8
        if path == "fourier"
        else int(hamiltonian.coordination) * lattice.sites * 8
    )

    def batch(island: GeneticTunneling) -> int:
        last = island.minimizer.minimizer if isinstance(island.minimizer, Method) else island.minimizer
        vectors = last.vectors(hamiltonian, path, device)
        return -(-island.replicas // device.width) * device.width * (replica + vectors * texture)

    most = max(np.bincount(owners(len(islands), ranks)))
    replicas = max(island.replicas for island in islands)
    return Footprint(
        replica=replica,
        device=max(batch(island) for island in islands) + couplings,
        host=int(most) * replicas * texture + 3 * replicas * texture,  # offspring are in double precision at first
        checkpoint=sum(island.replicas for island in islands) * record_type(lattice.sites).itemsize,
        elite=2 * texture,
    )
