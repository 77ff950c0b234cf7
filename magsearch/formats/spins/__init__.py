"""File formats of spins: NumPy arrays, OVF 2.0, extended XYZ, and UppASD's restart files.

The index of the atom in the basis runs fastest, then the cells along the first, second and third axis, as in OOMMF,
Spirit and UppASD. In UppASD's restart files the cell of a spin is the one its position lies in, as UppASD moves all
atoms into the cell: spins of atoms that a model has outside of its cell change places on the way, in both directions.
"""

from __future__ import annotations

import io
from collections.abc import Collection
from os.path import exists
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch import output
from magsearch.errors import InputError
from magsearch.formats.spins import mcif, ovf, restart, xyz
from magsearch.formats.table import read_bytes
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

UNIT = 1e-3  # largest deviation from unit length, for single precision or a few printed digits


def read_spins(path: str | Path, lattice: Lattice, vacancies: Collection[int] = ()) -> NDArray[np.float64]:
    """Read unit vectors [site, 3] from a file of spins, whose format is recognised by its first bytes.

    Vacancies must be (0, 0, 0), all other sites unit vectors. Of several ensembles or segments the first is read, with
    a warning. Raises InputError for invalid files and for spins that do not fit the lattice.
    """
    path = Path(path)
    spins = _read(path, lattice)
    if len(spins) != lattice.sites:
        raise InputError(f"has {counted(len(spins), 'site')}; the lattice has {lattice.sites}", path)
    return normalised(spins, vacancies, path)


def normalised(
    spins: NDArray[np.float64], vacancies: Collection[int], where: str | Path, first: int = 1
) -> NDArray[np.float64]:
    """Return spins [site, 3] that are unit vectors but for rounding as unit vectors.

    Raises InputError, which names ``where`` and the site, counted from ``first``, for any other length.
    """
    with np.errstate(over="ignore"):
        length = np.linalg.norm(spins, axis=1)
    empty = np.zeros(len(spins), dtype=bool)
    empty[list(vacancies)] = True
    wrong = ~np.where(empty, length == 0, np.abs(length - 1) <= UNIT)
    if wrong.any():
        site = int(wrong.argmax())
        expected = "0 at a vacancy" if empty[site] else "a unit vector"
        raise InputError(f"the spin of site {site + first} has length {length[site]:.6g}; expected {expected}", where)
    return spins / np.where(empty, 1.0, length)[:, None]


def _read(path: Path, lattice: Lattice) -> NDArray[np.float64]:
    begin = read_bytes(path, 4096)
    if begin.startswith(b"\x93NUMPY") or path.suffix == ".npy":
        return _array(path)
    if ovf.recognises(begin):
        return ovf.read(path, lattice)
    if xyz.recognises(begin):
        return xyz.read(path, lattice)
    if mcif.recognises(begin):
        return mcif.read(path, lattice)
    spins = restart.read(path, lattice)
    return spins if len(spins) != lattice.sites else lattice.displaced(spins, -lattice.folded)


def _array(path: Path) -> NDArray[np.float64]:
    try:
        spins = np.load(path, mmap_mode="r", allow_pickle=False)  # a memory map cannot exceed its file
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path) from None
    except Exception:  # a broken header can raise anything
        raise InputError("is not an array of numbers written by numpy.save", path) from None
    if not isinstance(spins, np.ndarray) or spins.ndim != 2 or spins.shape[1] != 3 or spins.dtype.kind != "f":
        shape = f"an array {spins.shape} of {spins.dtype}" if isinstance(spins, np.ndarray) else "an archive"
        raise InputError(f"contains {shape}; expected floating-point numbers of shape (site, 3)", path)
    return np.array(spins, dtype=np.float64)


def _displaced_moments(hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    lattice = hamiltonian.lattice
    vectors = np.repeat(hamiltonian.site_moments[:, None], 3, axis=1)
    return lattice.displaced(vectors, lattice.folded)[:, 0]


def _npy(spins: NDArray[np.float64], hamiltonian: Hamiltonian) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, spins)
    return buffer.getvalue()


# the bytes of a file of spins for each kind, and the kinds by suffix
KINDS = {
    "npy": _npy,
    "ovf": lambda spins, h: ovf.data(spins, h.lattice, "Binary 8"),
    "ovf-binary4": lambda spins, h: ovf.data(spins, h.lattice, "Binary 4"),
    "ovf-text": lambda spins, h: ovf.data(spins, h.lattice, "Text"),
    "xyz": lambda spins, h: xyz.text(spins, h.lattice, h.site_moments).encode(),
    "restart": lambda spins, h: restart.text(
        h.lattice.displaced(spins, h.lattice.folded), _displaced_moments(h)
    ).encode(),
}
ENDINGS = {".npy": "npy", ".ovf": "ovf", ".omf": "ovf", ".xyz": "xyz", ".extxyz": "xyz", ".restart": "restart"}


def kind_of(path: str | Path) -> str | None:
    """Return the kind of a file of spins for a path (a key of KINDS); None if it cannot be inferred.

    UppASD's restart files are called restart.<simulation>.out.
    """
    path = Path(path)
    return "restart" if path.match("restart.*.out") else ENDINGS.get(path.suffix.lower())


def write_spins(
    path: str | Path, spins: ArrayLike, hamiltonian: Hamiltonian, kind: str | None = None, overwrite: bool = False
) -> None:
    """Write unit vectors [site, 3] to a file of a kind (a key of KINDS), by default that of the path's suffix.

    Raises InputError if the kind cannot be inferred, if the spins do not fit the lattice, and if the file exists
    (unless ``overwrite``) or cannot be written.
    """
    path = Path(path)
    texture = np.asarray(spins, dtype=np.float64)
    kind = kind or kind_of(path)
    if kind not in KINDS:
        raise InputError(f"unsupported file type for spins; expected {', '.join(ENDINGS)}", path)
    if texture.shape != (hamiltonian.lattice.sites, 3):
        raise InputError(
            f"spins have the shape {texture.shape}; the lattice has {hamiltonian.lattice.sites} sites", path
        )
    if exists(path) and not overwrite:
        raise InputError("exists; give another name, or --overwrite", path)
    output.write({path: KINDS[kind](texture, hamiltonian)})


def write_restart(path: str | Path, spins: ArrayLike, moments: ArrayLike, name: str = "magsearch") -> None:
    """Write spins [site, 3] and moments [site] (Bohr magnetons) as a restart file that UppASD reads with initmag 4."""
    output.write({Path(path): restart.text(spins, moments, name)})
