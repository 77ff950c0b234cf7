"""A script for Sunny.jl that builds the model and the texture and prints the energy beside that of magsearch.

Sunny's energy is sum_bonds [S_i . J S_j + biquad (S_i . S_j)^2] + sum_i onsite(S_i) + sum_i B . g S_i, each bond once,
and a moment is - g S (Sunny 0.9, src/System/Interactions.jl and Moment.jl). With S of length 1 along the moment and
g = - m this is the energy of magsearch with J = - J_ij. Mode :dipole_uncorrected leaves anisotropies as they are. The
crystal has the space group P1, so that every bond is listed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.export.classical import ClassicalModel, classical_model
from magsearch.export.structure import MagneticStructure
from magsearch.model.terms.forms import powers
from magsearch.units import MU_B

Texts = dict[Path, str]
SCALAR = 1e-12  # of the largest coupling: a matrix that differs less from J 1 is written as a number


def texts(structure: MagneticStructure, path: Path) -> Texts:
    """Return the script. Raises UnsupportedTerm for terms that Sunny does not have in this form."""
    cell, lattice = structure.cell, structure.model.lattice
    layered = any(not p and n > 1 for p, n in zip(lattice.periodic, lattice.size, strict=True))
    if layered or not structure.model.uniform:  # the edges of a film are those of the magnetic cell
        crystal = classical_model(cell.hamiltonian, "Sunny")
        shape, atoms, cells = np.eye(3, dtype=np.int64), np.arange(len(cell.atoms)), np.zeros_like(cell.cells)
        labels: tuple[str, ...] = structure.symbols[: len(cell.atoms)]
    else:
        crystal = classical_model(structure.model, "Sunny")
        shape, atoms, cells = crystal.sign * cell.H, cell.atoms, crystal.sign * cell.cells + crystal.folds[cell.atoms]
        labels = tuple(structure.elements[label] for label in lattice.species)
    _, energy = structure.energies
    lines = [
        f"# Written by magsearch. Run it with: julia {path.name}",
        "using Sunny",
        "",
        "latvecs = " + _matrix(crystal.cell.T),
        "positions = [",
        *(f"    {_vector(place)}," for place in crystal.fractions),
        "]",
        "types = [" + ", ".join(f'"{label}"' for label in labels) + "]",
        "crystal = Crystal(latvecs, positions, 1; types)  # P1: no coupling is repeated by symmetry",
        "",
        "# unit spins along the moments; energies in meV, moments in mu_B",
        "moments = [",
        *(f"    {k} => Moment(s=1, g={-m:.17g})," for k, m in enumerate(crystal.moments.tolist(), 1)),
        "]",
        "sys = System(crystal, moments, :dipole_uncorrected)",
        *_exchange(crystal),
        *_onsite(crystal),
    ]
    if any(structure.model.field):
        field = MU_B * np.array(structure.model.field)
        lines.append(f"set_field!(sys, {_vector(field)})  # mu_B B in meV")
    lines += [
        "",
        "# the magnetic cell, and its spins",
        f"sys = reshape_supercell(sys, {_matrix(shape.T)})",
        "spins = [",
        *(
            f"    ({_vector(crystal.fractions[atom] + home)}, {_vector(spin)}),"
            for atom, home, spin in zip(atoms, cells, cell.spins, strict=True)
        ),
        "]",
        "for (position, spin) in spins",
        "    set_dipole!(sys, spin, position_to_site(sys, position; tol=1e-6))",
        "end",
        f'println("energy per site: ", energy_per_site(sys), " meV; magsearch: {energy:.12g} meV")',
    ]
    return {path: "\n".join(lines) + "\n"}


def _exchange(crystal: ClassicalModel) -> list[str]:
    lines, largest = list[str](), np.abs(crystal.M).max(initial=0.0)
    for i, j, offset, M, b in zip(crystal.i, crystal.j, crystal.offset.tolist(), crystal.M, crystal.b, strict=True):
        alike = np.abs(M - M[0, 0] * np.eye(3)).max() <= SCALAR * largest
        more = f"; biquad={b:.17g}" if b else ""
        J = f"{M[0, 0]:.17g}" if alike else _matrix(M)
        lines.append(f"set_exchange!(sys, {J}, Bond({i + 1}, {j + 1}, {offset}){more})")
    return lines


def _onsite(crystal: ClassicalModel) -> list[str]:
    lines, forms = list[str](), crystal.onsite.polynomials
    for atom in range(crystal.onsite.atoms):
        A = crystal.onsite.A[atom]
        terms = [
            f"{-(A[a, b] if a == b else A[a, b] + A[b, a]):+.17g}*S[{a + 1}]*S[{b + 1}]"
            for a in range(3) for b in range(a, 3) if A[a, b] or A[b, a]
        ]  # fmt: skip
        for degree, form in forms.items():
            for number, times in zip(form[atom].tolist(), powers(degree).tolist(), strict=True):
                if number:
                    factors = (f"S[{axis}]^{n}" for axis, n in enumerate(times, 1) if n)
                    terms.append(f"{number:+.17g}*{'*'.join(factors)}")
        if terms:
            lines.append(f"set_onsite_coupling!(sys, S -> {' '.join(terms)}, {atom + 1})")
    return lines


def _vector(values: NDArray[Any]) -> str:
    return "[" + ", ".join(f"{x + 0.0:.17g}" for x in values) + "]"


def _matrix(values: NDArray[Any]) -> str:
    return "[" + "; ".join(" ".join(f"{x + 0:.17g}" for x in row) for row in values) + "]"
