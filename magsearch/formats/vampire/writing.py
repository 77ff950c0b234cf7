"""Writer of VAMPIRE's unit cell, material and main file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.formats.expression import Atom, CannotExpress, Expression, number, row
from magsearch.formatting import counted
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.products import SpinProducts
from magsearch.units import JOULE

TARGET = "VAMPIRE"
MOST = 100  # materials


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return the texts of a .ucf, a .mat of the same name and ``input`` in the same folder, and notes for the user.

    ``input`` has box, boundaries and field. Raises CannotExpress for more than MOST kinds of atoms, unsupported
    anisotropy, and disorder.
    """
    expression, notes = Expression.of(hamiltonian, TARGET, others=(SpinProducts,)).wrapped()
    h, lattice = expression.hamiltonian, expression.hamiltonian.lattice
    kinds = [
        (species, float(moment), terms)
        for species, moment, terms in zip(lattice.species, expression.moments, expression.atoms, strict=True)
    ]
    materials = list(dict.fromkeys(kinds))
    if len(materials) > MOST:
        raise CannotExpress(TARGET, f"{counted(len(materials), 'kind')} of atoms, but at most {MOST}")
    blocks = [_material(n, *kind) for n, kind in enumerate(materials, start=1)]
    constant = [f"{-Kc / 2:g}" for *_, terms in materials for Kc, _ in terms.cubic]
    if constant:
        notes.append(f"VAMPIRE adds the constants {', '.join(constant)} meV per spin to the cubic anisotropy")
    lengths = np.linalg.norm(lattice.cell, axis=1)
    if not np.allclose(lattice.cell, np.diag(lengths)):
        notes.append("VAMPIRE places atoms as if cells were orthogonal: couplings are correct, its images are not")
    mat, main = path.with_suffix(".mat"), path.parent / "input"
    system = [
        f"dimensions:system-size-{axis} = {number(n * a)} !A"
        for axis, n, a in zip("xyz", lattice.size, lengths, strict=True)
    ]
    strength = float(np.linalg.norm(h.field))
    edges = [f"create:periodic-boundaries-{axis}" for axis, p in zip("xyz", lattice.periodic, strict=True) if p]
    lines = ["create:full", *edges, f"material:file = {mat.name}", f"material:unit-cell-file = {path.name}", *system]
    if strength:
        direction = ", ".join(number(b / strength) for b in h.field)
        lines += [f"sim:applied-field-strength = {number(strength)} !T", f"sim:applied-field-unit-vector = {direction}"]
    return {
        path: "\n".join(_cell(expression, [materials.index(kind) for kind in kinds])) + "\n",
        mat: "\n".join([f"material:num-materials = {len(materials)}", *(line for block in blocks for line in block)])
        + "\n",
        main: "\n".join(lines) + "\n",
    }, notes


def _cell(expression: Expression, material: list[int]) -> list[str]:
    h, lattice = expression.hamiltonian, expression.hamiltonian.lattice
    lengths = np.linalg.norm(lattice.cell, axis=1)
    fractions = np.clip(lattice.basis @ np.linalg.inv(lattice.cell), 0.0, 1.0)
    bonds = h.bonds
    J, D, traceless = expression.parts(bonds.J)
    kind = "tensorial" if D.any() or traceless.any() else "isotropic"
    values = (bonds.J.reshape(len(bonds), 9) if kind == "tensorial" else J[:, None]) / JOULE
    ends = zip(bonds.i, bonds.j, bonds.offset, values, strict=True)
    squares = expression.squares
    every = zip(squares.i, squares.j, squares.offset, squares.J[:, 0, 0] / JOULE, strict=True)
    biquadratic = [f"{n} {i} {j} {a} {b} {c} {number(B)}" for n, (i, j, (a, b, c), B) in enumerate(every)]
    return [
        "# lengths of the cell vectors, angstrom",
        row(lengths),
        "# cell vectors in units of their lengths",
        *(row(vector) for vector in lattice.cell / lengths[:, None]),
        "# atoms: id x y z material",
        f"{lattice.atoms} {len(set(material))}",
        *(f"{n} {row(x)} {m} 0 0" for n, (x, m) in enumerate(zip(fractions, material, strict=True))),
        "# interactions: id i j dx dy dz J, joule",
        f"{len(bonds)} {kind}",
        *(f"{n} {i} {j} {a} {b} {c} {row(v)}" for n, (i, j, (a, b, c), v) in enumerate(ends)),
        *([f"{len(biquadratic)} isotropic", *biquadratic] if biquadratic else []),
    ]


def _material(n: int, species: str, moment: float, terms: Atom) -> list[str]:
    if len(terms.uniaxial) > 1:
        raise CannotExpress(TARGET, f"anisotropy along {counted(len(terms.uniaxial), 'axis')} at one atom")
    if len(terms.cubic) > 1:
        raise CannotExpress(TARGET, "two cubic anisotropies at one atom")
    name = "".join(c for c in species if c.isalnum()) or "M"
    lines = [f"material[{n}]:material-name = {name}{n}", f"material[{n}]:damping-constant = 1.0"]
    lines.append(f"material[{n}]:atomic-spin-moment = {number(moment)} !muB")
    lines.append(f"material[{n}]:unit-cell-category = {n}")
    if len(name) <= 3:
        lines.append(f"material[{n}]:material-element = {name}")
    for axis, K, K4 in terms.uniaxial:
        if K4:
            raise CannotExpress(TARGET, "anisotropy of fourth order (K4), whose sign differs between its versions")
        lines.append(f"material[{n}]:uniaxial-anisotropy-constant = {number(K / JOULE)}")
        lines.append(f"material[{n}]:uniaxial-anisotropy-direction = {', '.join(map(number, axis))}")
    for Kc, (first, second, _) in terms.cubic:
        lines.append(f"material[{n}]:cubic-anisotropy-constant = {number(Kc / JOULE)}")
        lines.append(f"material[{n}]:cubic-anisotropy-direction-1 = {', '.join(map(number, first))}")
        lines.append(f"material[{n}]:cubic-anisotropy-direction-2 = {', '.join(map(number, second))}")
    return lines
