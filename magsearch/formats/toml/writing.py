"""A Hamiltonian as a [model] table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.formats.expression import Expression, number
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import PAIRINGS, SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.model.terms.waves import WaveCouplings


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return one file, with all digits."""
    others = (Dipole, SpinProducts, TensorProducts, WaveCouplings)
    expression = Expression.of(hamiltonian, "TOML", vacancies=True, others=others, stevens=True)
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
    for species, position in lattice.nonmagnetic:
        lines += ["", "[[model.nonmagnetic]]", f"position = {_list(position)}", f"species = {_string(species)}"]
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
    for term in hamiltonian.products:
        if isinstance(term, TensorProducts):
            for atoms, cells, A, B in zip(term.atoms, term.cells, term.A, term.B, strict=True):
                lines += ["", "[[model.tensor_product]]", f"sites = {np.column_stack([atoms, cells]).tolist()}"]
                lines += [f"A = {_list(A)}  # meV", f"B = {_list(B)}"]
            continue
        if term.name == "biquadratic":  # a pair may be listed in both directions
            for ((i, j), _), B in term.distinct.items():
                cells = [b - a for a, b in zip(i[1:], j[1:], strict=True)]
                lines += ["", "[[model.biquadratic_bond]]", f"i = {i[0]}", f"j = {j[0]}", f"cells = {cells}"]
                lines.append(f"B = {number(B)}  # meV")
            continue
        for atoms, cells, constants in zip(term.atoms, term.cells, term.constants, strict=True):
            lines += _cluster(term.name, np.column_stack([atoms, cells]).tolist(), constants)
    for atom, terms in enumerate(expression.atoms):
        for axis, K, K4 in terms.uniaxial:
            lines += ["", "[[model.anisotropy]]", f"K = {number(K)}  # meV", f"K4 = {number(K4)}"]
            lines += [f"axis = {_list(axis)}", f"atoms = [{atom}]"]
        for Kc, frame in terms.cubic:
            lines += ["", "[[model.cubic]]", f"Kc = {number(Kc)}  # meV", f"axes = {_list(frame)}", f"atoms = [{atom}]"]
        for operator in terms.stevens:
            lines += ["", "[[model.stevens]]", f"k = {operator.k}", f"q = {operator.q}"]
            lines += [f"B = {number(operator.B)}  # meV", f"axes = {_list(operator.axes)}", f"atoms = [{atom}]"]
    if (waves := hamiltonian.waves) is not None:
        for Q, J_Q, K, A, D_Q in zip(waves.q, waves.J, waves.K, waves.A, waves.D, strict=True):
            lines += ["", "[[model.q]]", f"Q = {_list(Q)}", f"J = {number(J_Q)}  # meV", f"K = {number(K)}"]
            lines += [f"matrix = {_list(A)}", f"D = {_list(D_Q)}"]
    if hamiltonian.dipole is not None:
        lines += ["", "[model.dipole]", f"demagnetising = {_list(hamiltonian.dipole.demagnetising)}"]
    return {path: "\n".join(lines) + "\n"}, []


def _cluster(name: str, sites: list[list[int]], constants: NDArray[np.float64]) -> list[str]:
    """Return the lines of one cluster of spins; sites [4, 4], constants a, b, c, t in meV."""
    if name == "chirality":
        return ["", "[[model.chirality]]", f"sites = {sites[:3]}", f"T = {number(constants[3])}  # meV"]
    a, b, c, _ = constants
    if a == b == -c:
        return ["", "[[model.four_spin]]", f"sites = {sites}", f"K = {number(a)}  # meV", 'form = "ring"']
    lines = []
    for K, pairs in zip((a, b, c), PAIRINGS, strict=True):
        if K:
            order = [sites[n] for pair in pairs for n in pair]
            lines += ["", "[[model.four_spin]]", f"sites = {order}", f"K = {number(K)}  # meV"]
    return lines


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
