"""/supercells: how far the competition of supercells was when a signal ended a run before its search had begun."""

from __future__ import annotations

from itertools import islice

import h5py
import numpy as np

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.race import Known, Standing
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage.files import COMPRESSED, dataset
from magsearch.storage.validation import directions, indices, numbers

GROUP = "supercells"


def write(group: h5py.Group, standing: Standing) -> None:
    """Write what is known of a race into /supercells of a run.h5."""
    every = [one for found in standing.known.values() for one in found]
    group.attrs["seconds"] = standing.seconds
    tasks = np.array(list(standing.known), dtype=np.int64).reshape(-1, 2)
    dataset(group, "tasks", tasks, "", "task, number", "stage of the competition, and task of the stage")
    found = np.array([len(found) for found in standing.known.values()], dtype=np.int64)
    dataset(group, "found", found, "", "task", "number of minima that a task has found")
    vectors = np.array([one.supercell.H for one in every], dtype=np.int64).reshape(-1, 3, 3)
    dataset(group, "vectors", vectors, "", "minimum, vector, axis", "cells after which a minimum repeats")
    energy = np.array([one.energy for one in every], dtype=np.float64)
    dataset(group, "energy_per_site", energy, "meV per site", "minimum", "energy")
    spins = np.concatenate([np.zeros((0, 3), np.float32), *(one.texture for one in every)])
    dataset(group, "spins", spins, "1", "place, xyz", "unit vectors on the sites of all minima in turn", **COMPRESSED)
    if standing.seeds:
        dataset(group, "seeds", np.array(standing.seeds), "1", "seed, site, xyz", "textures given by --seeds")


def read(group: h5py.Group, crystal: Hamiltonian) -> Standing:
    """Return what /supercells of a run.h5 knows of a race. Raises ValueError where its numbers do not fit together."""
    vectors = numbers(group, "vectors", -1, 3, 3).astype(np.int64)
    supercells = [Supercell(crystal, H) for H in vectors]
    sites = [supercell.sites for supercell in supercells]
    energy = numbers(group, "energy_per_site", len(sites)).tolist()
    textures = np.split(directions(group, "spins", sum(sites), 3), np.cumsum(sites[:-1], dtype=np.int64))
    minima = map(Best, supercells, textures, energy)
    tasks = indices(group, "tasks", 2**31, -1, 2).tolist()
    found = indices(group, "found", 1 + len(sites), len(tasks)).tolist()
    if sum(found) != len(sites):
        raise ValueError("numbers of minima and tasks do not fit together")
    known: Known = {(stage, task): list(islice(minima, n)) for (stage, task), n in zip(tasks, found, strict=True)}
    seeds = directions(group, "seeds", -1, crystal.lattice.sites, 3) if "seeds" in group else ()
    return Standing(float(group.attrs["seconds"]), known, tuple(seeds))
