"""Textures in files: of one's own, of a run, of a scan."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch import formats, storage
from magsearch.config import ENDINGS
from magsearch.errors import InputError
from magsearch.formats.table import is_index
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import SAME_PLACE, Lattice
from magsearch.search.candidate import Candidate


def read(name: str, hamiltonian: Hamiltonian) -> list[NDArray[np.float64]]:
    """Spins [site, 3] from FILE or FILE:NUMBER.

    A .npy or UppASD restart file holds one texture; of a run all elites are taken, best first, or the one of that
    number; of a scan the champions of all columns that are there, or that of one. InputError for what does not fit.
    """
    path, number = _split(name)
    if not path.endswith(ENDINGS):
        return [formats.read_spins(path, hamiltonian.lattice, hamiltonian.vacancies)]
    lattice = hamiltonian.lattice
    if storage.is_scan(path):
        stored = storage.read_scan(path)
        own, minima = stored.hamiltonian.lattice, {c.number: c.minima[0].texture for c in stored.columns if c.minima}
        found = [minima[k] for k in ([int(number)] if number else sorted(minima)) if k in minima]
        if not found:
            raise InputError(f"has no champion of column {number}" if number else "has no champions yet", path)
    else:
        run = storage.read(path)
        own = run.hamiltonian.lattice
        found = [elite_in(run, Path(path), int(number)).spins] if number else [e.spins for e in run.elites]
        if not found:
            raise InputError(run.absent("elites"), path)
    wrong = next((texture for texture in found if len(texture) != hamiltonian.lattice.sites), None)
    if wrong is not None:
        raise InputError(f"has {counted(len(wrong), 'spin')}; the lattice has {lattice.sites} sites", path)
    moved = _moved(own, lattice)
    return [lattice.displaced(texture, moved) for texture in found] if moved.any() else found


def _moved(old: Lattice, new: Lattice) -> NDArray[np.int64]:
    """Return by how many cells each atom of a crystal was moved, [atom, 3]; zeros for another crystal."""
    none = np.zeros((new.atoms, 3), dtype=np.int64)
    if old.size != new.size or old.atoms != new.atoms or not np.allclose(old.cell, new.cell, rtol=SAME_PLACE):
        return none
    cells = (old.basis - new.basis) @ np.linalg.inv(new.cell)
    whole = np.rint(cells)
    return np.where(new.periodic, whole, 0).astype(np.int64) if np.abs(cells - whole).max() <= SAME_PLACE else none


def noted(name: str, hamiltonian: Hamiltonian, strict: bool) -> tuple[list[NDArray[np.float64]], list[str]]:
    """Return the textures that ``read`` does, and notes on what the file has besides; InputError where ``strict``."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", UserWarning)
        found = read(name, hamiltonian)
    notes = [str(warning.message) for warning in said]
    if strict and notes:
        raise InputError(notes[0], "--strict")
    return found, notes


def elite_of(name: str) -> tuple[Path, int | None]:
    """OUT.h5:3 as a path and the number of an elite, 0 where none is named; None for other files."""
    path, number = _split(name)
    return Path(path), int(number or 0) if path.endswith(ENDINGS) else None


def _split(name: str) -> tuple[str, str]:
    path, colon, number = name.rpartition(":")
    return (path, number) if colon and path.endswith(ENDINGS) and is_index(number) else (name, "")


def elite_in(stored: storage.Record, path: Path, number: int) -> Candidate:
    """Return an elite of a run by its number. Raises InputError, with the path, if there is none."""
    if not 0 <= number < len(stored.elites):
        raise InputError(
            f"has elites 0 to {len(stored.elites) - 1}, not {number}" if stored.elites else stored.absent("elites"),
            path,
        )
    return stored.elites[number]
