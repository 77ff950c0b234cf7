"""A Hamiltonian as a [model] table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from magsearch.formats.expression import Expression, number
from magsearch.model.hamiltonian import Hamiltonian


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return one file, with all digits."""
    expression = Expression.of(hamiltonian, "TOML", vacancies=True, dipoles=True)
    hamiltonian, lattice = expression.hamiltonian, hamiltonian.lattice
    lines = [
        "[model]",
        f"cell = {_list(lattice.cell)}  # angstrom",
        "cartesian = true",
        f"size = {list(lattice.size)}",
        f"periodic = [{', '.join(str(p).lower() for p in lattice.periodic)}]",
        f"field = {_list(hamiltonian.field)}  # tesla",
    ]
    if hamiltonian.vacancies:
        lines.append(f"vacancies = {list(hamiltonian.vacancies)}")
    for position, species, moment in zip(lattice.basis, lattice.species, expression.moments, strict=True):
        lines += ["", "[[model.basis]]", f"position = {_list(position)}", f"species = {_string(species)}"]
        lines.append(f"moment = {number(moment)}  # Bohr magnetons")
    pairs = expression.pairs
    J, D, rest = expression.parts(pairs.J)
    for k in range(len(pairs)):
        lines += ["", "[[model.bond]]", f"i = {pairs.i[k]}", f"j = {pairs.j[k]}"]
        lines.append(f"cells = {pairs.offset[k].tolist()}")
        if rest[k].any():
            lines.append(f"matrix = {_list(pairs.J[k])}  # meV")
            continue
        lines.append(f"J = {number(J[k])}  # meV")
        if D[k].any():
            lines.append(f"D = {_list(D[k])}")
    for atom, terms in enumerate(expression.atoms):
        for axis, K, K4 in terms.uniaxial:
            lines += ["", "[[model.anisotropy]]", f"K = {number(K)}  # meV", f"K4 = {number(K4)}"]
            lines += [f"axis = {_list(axis)}", f"atoms = [{atom}]"]
        for Kc, frame in terms.cubic:
            lines += ["", "[[model.cubic]]", f"Kc = {number(Kc)}  # meV", f"axes = {_list(frame)}", f"atoms = [{atom}]"]
    if hamiltonian.dipole is not None:
        lines += ["", "[model.dipole]", f"demagnetising = {_list(hamiltonian.dipole.demagnetising)}"]
    return {path: "\n".join(lines) + "\n"}, []


def _list(values: ArrayLike) -> str:
    """Return nested lists of numbers."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        return number(float(array))
    return f"[{', '.join(_list(part) for part in array)}]"


def _string(text: str) -> str:
    """Return a TOML string."""
    safe = "".join(c if c.isprintable() and c not in '"\\' else "?" for c in text)
    return f'"{safe}"'
