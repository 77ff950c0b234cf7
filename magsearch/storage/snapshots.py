"""/textures: the champion of a search after some of its generations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import h5py
import numpy as np

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.snapshots import Snapshot
from magsearch.storage.files import COMPRESSED, dataset
from magsearch.storage.validation import directions, indices, numbers
from magsearch.storage.xdmf import Frame

SITES_PER_CHUNK = 65536


def write(group: h5py.Group, snapshots: Sequence[Snapshot], hamiltonian: Hamiltonian) -> None:
    """Write snapshots into /textures of a run.h5."""
    spins = np.array([one.spins for one in snapshots], np.float32)
    numbers = np.array([one.generation for one in snapshots], np.int64)
    dataset(group, "generation", numbers, "", "generation", "number of generations done")
    for name, unit, values, about in (
        ("energy", "meV", [one.energy for one in snapshots], "energy of the champion"),
        ("energy_per_site", "meV per site", [one.energy / hamiltonian.n_spins for one in snapshots], "the same"),
        ("charge", "1", [one.charge for one in snapshots], "topological charge"),
    ):
        dataset(group, name, values, unit, "generation", about)
    chunks = (1, min(spins.shape[1], SITES_PER_CHUNK), 3)
    dataset(group, "spins", spins, "1", "generation, site, xyz", "unit vectors", chunks=chunks, **COMPRESSED)


def read(group: h5py.Group) -> tuple[Snapshot, ...]:
    """Return the snapshots in /textures of a run.h5."""
    spins = directions(group, "spins", -1, -1, 3)
    generations = indices(group, "generation", 2**53, len(spins)).tolist()
    energies = numbers(group, "energy", len(spins)).tolist()
    charges = numbers(group, "charge", len(spins), finite=False).tolist()
    return tuple(map(Snapshot, generations, spins, energies, charges))


def frames(group: h5py.Group) -> Iterator[Frame]:
    """Yield the snapshots as viewers show them; the generation is the time."""
    for row, number in enumerate(group["generation"][()].tolist()):
        told = {
            "energy per site (meV)": float(group["energy_per_site"][row]),
            "topological charge": float(group["charge"][row]),
        }
        yield Frame(f"generation {number}", number, row, group["spins"], numbers=told)
