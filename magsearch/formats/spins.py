"""Spins of every site in files: NumPy arrays and UppASD's restart files."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.formats.table import Table, read_text
from magsearch.lattice import Lattice

UNIT = 1e-3  # spins may differ from unit length by what single precision or a few printed digits leave


def read_spins(path: str | Path, lattice: Lattice, vacancies: Collection[int] = ()) -> NDArray[np.float64]:
    """Unit vectors [site, 3] from a .npy file [site, 3] or an UppASD restart file, in its new or old form.

    Sites listed as vacancies, and no others, may hold (0, 0, 0). A restart file with several ensembles gives the first,
    with a warning. InputError where the file does not fit the lattice.
    """
    path = Path(path)
    spins = _numpy(path) if path.suffix == ".npy" else _restart(path)
    if len(spins) != lattice.sites:
        raise InputError(f"holds {len(spins)} sites, the lattice has {lattice.sites}", path)
    length = np.linalg.norm(spins, axis=1)
    empty = np.zeros(lattice.sites, dtype=bool)
    empty[list(vacancies)] = True
    wrong = ~np.where(empty, length == 0, np.abs(length - 1) <= UNIT)
    if wrong.any():
        site = int(wrong.argmax())
        expected = "0 at a vacancy" if empty[site] else "a unit vector"
        raise InputError(f"the spin of site {site + 1} has length {length[site]:.6g}; expected {expected}", path)
    return spins / np.where(empty, 1.0, length)[:, None]


def _numpy(path: Path) -> NDArray[np.float64]:
    try:
        spins = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from None
    except (ValueError, EOFError):
        raise InputError("is not an array of numbers written by numpy.save", path) from None
    if not isinstance(spins, np.ndarray) or spins.ndim != 2 or spins.shape[1] != 3 or spins.dtype.kind != "f":
        shape = f"an array {spins.shape} of {spins.dtype}" if isinstance(spins, np.ndarray) else "an archive"
        raise InputError(f"holds {shape}; expected floating-point numbers of shape (site, 3)", path)
    return spins.astype(np.float64)


def _restart(path: Path) -> NDArray[np.float64]:
    new = read_text(path).lstrip()[:1] == "#"
    columns = ("iteration", "ensemble", "atom", "|m|", "ex", "ey", "ez")
    table = Table.read(path, columns) if new else Table.read(path, columns[1:], skip=1)
    ensemble, atom, spins = table.values[:, -6], table.values[:, -5], table.values[:, -3:]
    if ensemble.min() != ensemble.max():
        warnings.warn(f"{path}: holds {len(np.unique(ensemble))} ensembles; the first is read", stacklevel=3)
    first = ensemble == ensemble[0]
    misplaced = atom[first] != np.arange(1, first.sum() + 1)
    if misplaced.any():
        row = int(np.flatnonzero(first)[misplaced.argmax()])
        raise table.error(row, f"atom {atom[row]:g} is out of order; expected atoms 1, 2, 3, ...")
    return spins[first]


def write_restart(path: str | Path, spins: ArrayLike, moments: ArrayLike, name: str = "magsearch") -> None:
    """Write spins [site, 3] and moments [site] (Bohr magnetons) as a restart file that UppASD reads with initmag 4."""
    spins, moments = np.asarray(spins, dtype=np.float64), np.asarray(moments, dtype=np.float64)
    rule = "#" * 80
    header = [
        rule,
        "# File type: R",
        f"# Simulation type: {name}",
        f"# Number of atoms: {len(spins):9d}",
        "# Number of ensembles: 1",
        rule,
        "#iter ens iatom |Mom| M_x M_y M_z",
    ]
    rows = (
        f"{-1:8d}{1:8d}{site:8d}  {moment:16.8E}{x:24.16E}{y:24.16E}{z:24.16E}"
        for site, (moment, (x, y, z)) in enumerate(zip(moments, spins, strict=True), start=1)
    )
    Path(path).write_text("\n".join([*header, *rows]) + "\n")
