"""Writer of UppASD's inpsd.dat with its files.

Positions are fractions of the cell, couplings refer to cells (maptype 3), and every atom has its own type, so that each
row applies to one bond only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.formats.expression import PARALLEL, Atom, CannotExpress, Expression, number, row
from magsearch.formatting import counted
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.units import MRY

TARGET = "UppASD"


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return the texts of inpsd.dat, posfile, momfile, jfile and, if needed, dmfile, bqfile and kfile, and notes.

    inpsd.dat is ``path``, or a file in it if ``path`` has no suffix; lengths are in angstrom (alat 1e-10). Raises
    CannotExpress for models without couplings, unsupported anisotropy, and disorder.
    """
    open_box = not any(hamiltonian.lattice.periodic)  # UppASD sums dipoles without periodic images
    others = (SpinProducts, Dipole) if open_box else (SpinProducts,)
    expression, notes = Expression.of(hamiltonian, TARGET, others=others).wrapped(alone=True)
    h, lattice = expression.hamiltonian, expression.hamiltonian.lattice
    main = path if path.suffix else path / "inpsd.dat"
    bonds = h.bonds
    J, D, traceless = expression.parts(bonds.J)
    tensor = bool(traceless.any())
    keys = [f"{i + 1} {j + 1} {a} {b} {c}" for i, j, (a, b, c) in zip(bonds.i, bonds.j, bonds.offset, strict=True)]
    couplings = (bonds.J if tensor else J).reshape(len(bonds), -1) / (2 * MRY)
    fractions = lattice.basis @ np.linalg.inv(lattice.cell)
    atoms = range(1, lattice.atoms + 1)
    files = {
        "posfile": [f"{n} {n} {row(x)}" for n, x in zip(atoms, fractions, strict=True)],
        "momfile": [f"{n} 1 {number(m)} 0.0 0.0 1.0" for n, m in zip(atoms, expression.moments, strict=True)],
        "jfile": [f"{key} {row(values)}" for key, values in zip(keys, couplings, strict=True)],
    }
    if not tensor and D.any():
        files["dmfile"] = [f"{key} {row(d / (2 * MRY))}" for key, d in zip(keys, D, strict=True)]
    squares = expression.squares
    if len(squares) and lattice.atoms > 1:
        raise CannotExpress(TARGET, "biquadratic exchange of several types of atoms")
    if len(squares):
        vectors = (
            lattice.basis[squares.j] - lattice.basis[squares.i] + squares.offset @ lattice.cell
        )  # whatever maptype
        every = zip(squares.i, squares.j, vectors, squares.J[:, 0, 0] / (2 * MRY), strict=True)
        files["bqfile"] = [f"{i + 1} {j + 1} {row([*vector, B])}" for i, j, vector, B in every]
    anisotropies = [_rows(n, atom, m) for n, atom, m in zip(atoms, expression.atoms, expression.moments, strict=True)]
    if any(anisotropies):
        files["kfile"] = [line for lines in anisotropies for line in lines]
        if any(term[2] for atom in expression.atoms for term in atom.uniaxial) or any(
            a.cubic for a in expression.atoms
        ):
            notes.append(
                f"{TARGET}: K4 and cubic anisotropy are the potential of its field; its printed energy differs"
            )
    if not len(bonds):
        raise CannotExpress(TARGET, "a model without couplings")
    lines = [
        "simid magsearc",
        f"ncell {' '.join(map(str, lattice.size))}",
        f"BC {' '.join('P' if p else '0' for p in lattice.periodic)}",
        *(f"{'cell' if k == 0 else '    '} {row(vector)}" for k, vector in enumerate(lattice.cell)),
        "alat 1e-10",
        "sym 0",
        "posfile ./posfile",
        "posfiletype D",
        "momfile ./momfile",
        "maptype 3",  # cells from site to site, of the positions as they are listed here
        "exchange ./jfile",
    ]
    if _ambiguous(lattice, bonds) or _ambiguous(lattice, squares):
        lines.append("map_multiple T")  # otherwise UppASD keeps only one vector between two atoms in a small box
    if tensor:
        lines += ["do_jtensor 1", "calc_jtensor F"]
    if "dmfile" in files:
        lines.append("dm ./dmfile")
    if "bqfile" in files:
        lines.append("bq ./bqfile")
    if "kfile" in files:
        lines.append("anisotropy ./kfile")
        if any(len(rows) > 1 for rows in anisotropies):
            lines.append("mult_axis Y")
    if h.dipole is not None:
        lines.append("do_dip 1")
    if any(h.field):
        lines.append(f"hfield {row(h.field)}")
    written = {main: "\n".join(lines) + "\n"}
    return written | {main.parent / name: "\n".join(rows) + "\n" for name, rows in files.items()}, notes


def _ambiguous(lattice: Lattice, bonds: Bonds) -> bool:
    """Return whether two bonds lead from one atom to the same site of the box."""
    ends = np.column_stack([bonds.i, bonds.j, np.where(lattice.periodic, bonds.offset % lattice.size, bonds.offset)])
    return len(np.unique(ends, axis=0)) < len(bonds)


def _rows(n: int, atom: Atom, moment: float) -> list[str]:
    """Return the rows of an atom in the anisotropy file: site type K1 K2 ex ey ez ratio.

    The potential of UppASD's field is K1 c^2 + K2 (2 c^2 / m^2 - c^4), and - K1 (x^2 y^2 + ...) for cubic anisotropy
    along x, y and z; type 7 is both, the cubic term with ratio m^2 times K1.
    """
    if len(atom.cubic) > 1:
        raise CannotExpress(TARGET, f"two cubic anisotropies at atom {n - 1}")
    Kc = sum(Kc for Kc, _ in atom.cubic)
    if any(np.abs(np.abs(frame).max(axis=1) - 1).max() > PARALLEL for _, frame in atom.cubic):
        raise CannotExpress(TARGET, f"cubic anisotropy at atom {n - 1} whose axes are not x, y and z")
    uniaxial = sorted(atom.uniaxial, key=lambda term: term[2] == 0)  # a second axis has no K4
    if len(uniaxial) > 2 or sum(K4 != 0 for *_, K4 in uniaxial) > 1:
        raise CannotExpress(TARGET, f"anisotropy along {counted(len(uniaxial), 'axis')} at atom {n - 1}")
    if Kc and not uniaxial:
        return [f"{n} 2 {number(-Kc / MRY)} 0.0 0.0 0.0 1.0 0.0"]
    rows: list[str] = []
    for axis, K, K4 in uniaxial:
        K2 = K4 / MRY
        K1 = -K / MRY - 2 * K2 / moment**2
        if Kc and not rows:
            if not K1:
                raise CannotExpress(TARGET, f"both cubic and uniaxial anisotropy at atom {n - 1} with these constants")
            if K2:
                raise CannotExpress(TARGET, f"both cubic anisotropy and K4 at atom {n - 1}")
            rows.append(f"{n} 7 {number(K1)} {number(K2)} {row(axis)} {number(-Kc / (MRY * K1 * moment**2))}")
        else:
            rows.append(f"{n} 1 {number(K1)} {number(K2)} {row(axis)} 0.0")
    return rows
