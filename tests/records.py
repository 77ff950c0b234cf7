"""Records and histories of runs that nobody ran, to be stored, drawn and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from oracle import random_textures

from magsearch.minima.degeneracy import Degeneracy
from magsearch.minima.stability import Stability
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.fingerprint import fingerprint
from magsearch.search.candidate import Candidate
from magsearch.search.history import MIGRATION, History
from magsearch.search.stopping import Stored
from magsearch.storage import Record, integrity
from magsearch.storage import history as stored_history
from magsearch.storage.files import EARLY


def random_history(elites: int, generations: int, islands: int = 2) -> History:
    rng = np.random.default_rng(6)
    history = History(("HeatPatch", "PatchSplice"), elites, islands)
    rows = np.zeros((generations, islands), history.row_type)
    for name in stored_history.COLUMNS:
        random = (
            rng.normal(size=rows[name].shape)
            if rows[name].dtype.kind == "f"
            else rng.integers(9, size=rows[name].shape)
        )
        rows[name] = random
    history.rows, history.seconds = list(rows), rng.random(generations).tolist()
    history.levels = list(rng.normal(size=(generations, elites)))
    history.migrations = np.zeros(3, MIGRATION)
    for name in MIGRATION.names or ():
        history.migrations[name] = rng.integers(9, size=3)
    return history


def stability(k: int) -> Stability | None:
    """One has none, others have few or many modes."""
    return Stability("saddle", tuple(np.arange(-1.0, k).tolist()), k) if k else None


def stored(hamiltonian: Hamiltonian, elites: int = 3, generations: int = 4, **rest: Any) -> Record:
    """A record full of random numbers."""
    rng, lattice = np.random.default_rng(5), hamiltonian.lattice
    spins, energy = random_textures(hamiltonian, elites), rng.normal(size=elites)
    made = tuple(
        Candidate(
            s,
            float(energy[k]),
            float(rng.normal()),
            f"operator {k}",
            k,
            fingerprint(lattice, s, energy[k]),
            refined=k == 1,
            island=1,
            free_energy=0.5 if k == 1 else None,
            stability=stability(k),
            degeneracy=Degeneracy(k, k == 2) if k else None,
            magnetization=rng.normal(size=3),
            wave=rng.normal(size=3),
            charge=float(rng.normal()),
            phase="spiral" if k else "",
            energy_density=rng.normal(size=lattice.sites).astype(np.float32) if k == 2 else None,
        )
        for k, s in enumerate(spins)
    )
    values: dict[str, Any] = {
        "hamiltonian": hamiltonian, "input_path": "in.toml", "input_text": "# Grüße\n[model]\n",
        "settings": {"search": {"seed": 2}}, "history": random_history(max(elites, 1), generations), "elites": made,
        "stopped": Stored("4 generations done"), "seconds": 1.25, "device": "CPU", "created": "2026-01-01T00:00:00",
        "version": "0.1", "command": "magsearch run", "layout": ("rank 0 on a: islands 0 to 1, cpu",),
        "waited": (0.25,), "writing": 0.5,
    }  # fmt: skip
    return Record(**values | rest)


def searched(generations=5, islands=2):
    """Energies that fall by 1 meV a generation; the second operator is never used."""
    made = History(("HeatPatch", "PatchSplice", "RandomSpins"), 2, islands, 4)
    rows = np.zeros((generations, islands), made.row_type)
    g = np.arange(generations)[:, None]
    rows["best"] = -g - np.arange(islands)
    rows["energies"] = rows["best"][..., None] + np.array([0, 0.1, 0.2, np.nan])
    rows["evaluations"] = 100
    rows["offspring"], rows["successes"] = [4, 0, 2], [1, 0, 2]
    made.rows, made.seconds = list(rows), [float(k) for k in range(generations)]
    made.levels = [np.zeros(2)] * generations
    return made


def made_early(path: Path) -> None:
    """Make a file one of an early version, without checksums, which may be changed."""

    def strip(_: str, item: Any) -> None:
        item.attrs.pop(integrity.NAME, None)

    with h5py.File(path, "a") as file:
        file.visititems(strip)
        strip("", file)
        file.attrs["schema"] = EARLY
