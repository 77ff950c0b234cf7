"""UppASD's restart files, in the new form (header lines with #) and the old one."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.formats.table import Table, read_text
from magsearch.formatting import counted
from magsearch.model.lattice import Lattice


def read(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    """Read the directions [site, 3] of the first ensemble, with a warning if there are several.

    Raises InputError, with file and line, for invalid rows and for atoms that are out of order.
    """
    new = read_text(path).lstrip()[:1] == "#"
    columns = ("iteration", "ensemble", "atom", "|m|", "ex", "ey", "ez")
    table = Table.read(path, columns) if new else Table.read(path, columns[1:], skip=1)
    ensemble, atom, spins = table.values[:, -6], table.values[:, -5], table.values[:, -3:]
    if ensemble.min() != ensemble.max():
        warnings.warn(f"{path}: has {counted(len(np.unique(ensemble)), 'ensemble')}; the first is read", stacklevel=4)
    first = ensemble == ensemble[0]
    misplaced = atom[first] != np.arange(1, first.sum() + 1)
    if misplaced.any():
        row = int(np.flatnonzero(first)[misplaced.argmax()])
        raise table.error(row, f"atom {atom[row]:g} is out of order; expected atoms 1, 2, 3, ...")
    return spins[first]


def text(spins: ArrayLike, moments: ArrayLike, name: str = "magsearch") -> str:
    """Return the text of a restart file in the new form, which UppASD reads with initmag 4.

    spins    [site, 3]
    moments  [site] Bohr magnetons
    name     name of the simulation
    """
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
    return "\n".join([*header, *rows]) + "\n"
