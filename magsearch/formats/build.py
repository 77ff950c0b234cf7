"""Construction of a Hamiltonian from the contents of a file, with a default size of the box."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.errors import InputError
from magsearch.model.bonds import BondError, Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.notes import Note
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.single_ion import Anisotropy, UniaxialAnisotropy
from magsearch.model.terms.term import Term

SITES = 10**8  # larger boxes are taken for typing errors: one texture in single precision is over a gigabyte
SHORT = {0: 1, 1: 96, 2: 24, 3: 12}  # least cells along each coupled axis, by the number of coupled axes


def assemble(
    path: Path,
    cell: ArrayLike,
    basis: ArrayLike,
    bonds: Bonds,
    *,
    size: Sequence[int] | None = None,
    periodic: tuple[bool, bool, bool] = (True, True, True),
    species: Sequence[str] = (),
    moments: ArrayLike = 1.0,
    anisotropy: Sequence[Anisotropy] = (),
    field: Sequence[float] = (0.0, 0.0, 0.0),
    notes: Sequence[str] = (),
    others: Sequence[Term] = (),
    nonmagnetic: Sequence[tuple[str, ArrayLike]] = (),
) -> Hamiltonian:
    """Build the Hamiltonian of a file; without a size it gets ``default_size`` and a note about it.

    cell         [3, 3] rows, angstrom
    basis        [atom, 3] Cartesian, angstrom
    size         cells along each axis
    species      label of each atom
    moments      Bohr magnetons, one for all atoms or [atom]
    field        tesla
    others       terms besides couplings, anisotropy and field
    nonmagnetic  label and Cartesian position [3], angstrom, of each atom without a spin

    Raises InputError, with the path, for inconsistent or invalid values.
    """
    box = default_size(bonds) if size is None else (size[0], size[1], size[2])
    said = list(notes)
    if size is None:
        assumed = f"{path}: no size of the box: {' x '.join(map(str, box))} cells, unless --set model.size=[n1,n2,n3]"
        said.append(Note(assumed, about="size"))
    try:
        too_large(box, len(np.atleast_2d(basis)))
        places = [np.asarray(place, dtype=np.float64).tolist() for _, place in nonmagnetic]
        named = tuple((name, (x, y, z)) for (name, _), (x, y, z) in zip(nonmagnetic, places, strict=True))
        lattice = Lattice(np.asarray(cell), np.asarray(basis), box, periodic, tuple(species), named)
        x, y, z = field
        return Hamiltonian(
            lattice, bonds, np.asarray(moments, dtype=np.float64), tuple(anisotropy), (x, y, z),
            notes=tuple(said), others=tuple(others),
        )  # fmt: skip
    except ValueError as error:
        told = isinstance(error, BondError) and error.source != ""  # the message says where the bond was read
        raise InputError(str(error), None if told else path) from None


def dipoles(where: str, code: str, periodic: Sequence[bool], images: str = "") -> tuple[Dipole, list[str]]:
    """Return the dipole-dipole interaction that a file asks for, and a note where a code sums few images or none.

    where   file and line
    images  the periodic images that the code includes, in words; none by default
    """
    if not any(periodic):
        return Dipole(), []
    axes = "".join(axis for axis, along in zip("abc", periodic, strict=True) if along)
    told = f"{where}: {code} sums dipoles over the box{images}; here over all its images along {', '.join(axes)}"
    return Dipole(), [Note(told, about="dipole")]


def default_size(bonds: Bonds) -> tuple[int, int, int]:
    """Return a size of the box, in cells, for a crystal whose file has none.

    One cell along axes without couplings; along the others a multiple of 12 cells, which fits waves with periods of 2,
    3, 4 and 6 cells, and longer than twice the range of the couplings.
    """
    reach = np.abs(bonds.offset).max(axis=0, initial=0)
    short = SHORT[int((reach > 0).sum())]
    n1, n2, n3 = (12 * -(-max(short, 2 * int(r) + 1) // 12) if r else 1 for r in reach)
    return n1, n2, n3


def too_large(size: Sequence[int], atoms: int) -> None:
    """Raise ValueError for a box with too many sites to fit into memory; size in cells, atoms per cell."""
    sites = atoms * int(size[0]) * int(size[1]) * int(size[2])
    if sites > SITES:
        box = " x ".join(str(n) for n in size)
        raise ValueError(f"{box} cells are {sites} sites; expected at most {SITES}")


def repeated(bonds: Bonds) -> tuple[int, str]:
    """Return how many ordered pairs of sites are listed more than once, and the lines of one: "10 and 11"."""
    keys = np.column_stack([bonds.i, bonds.j, bonds.offset])
    _, which, times = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    again = times[which.reshape(-1)] > 1
    if not again.any():
        return 0, ""
    same = np.flatnonzero(which.reshape(-1) == which.reshape(-1)[int(again.argmax())])
    return int((times > 1).sum()), " and ".join(dict.fromkeys(bonds.source[k].rpartition(":")[2] for k in same))


def quadratic(A: ArrayLike, atom: int) -> list[UniaxialAnisotropy]:
    """Return - s . A s of one atom as uniaxial terms along the eigenvectors of A [3, 3], meV, without zero ones."""
    matrix: NDArray[np.float64] = np.asarray(A, dtype=np.float64)
    K, axes = np.linalg.eigh(0.5 * (matrix + matrix.T))
    large = np.abs(K) > 1e-12 * np.abs(K).max(initial=0.0)
    return [
        UniaxialAnisotropy(float(k), (float(n[0]), float(n[1]), float(n[2])), atoms=(atom,))
        for k, n in zip(K[large], axes.T[large], strict=True)
    ]
