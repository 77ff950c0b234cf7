"""Writer of Spirit's .cfg files, with all tables in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from magsearch.formats.expression import PARALLEL, CannotExpress, Expression, row
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts

TARGET = "Spirit"
QUADRUPLET = "i j da_j db_j dc_j k da_k db_k dc_k l da_l db_l dc_l q"  # - q (ij)(kl)


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return the text of a .cfg, and notes for the user; numbers have all digits.

    Raises CannotExpress for anisotropic exchange, couplings longer than the box, anisotropy of fourth order other than
    one cubic term along x, y and z for all atoms, and disorder.
    """
    open_box = not any(hamiltonian.lattice.periodic)  # Spirit sums few periodic images of dipoles
    expression = Expression.of(hamiltonian, TARGET, others=(SpinProducts, Dipole) if open_box else (SpinProducts,))
    expression.isotropic()
    h, lattice = expression.hamiltonian, expression.hamiltonian.lattice
    pairs = expression.pairs
    J, D, _ = expression.parts(pairs.J)
    quadruplets = _quadruplets(expression)
    reach = np.abs(pairs.offset).max(axis=0, initial=0)
    for _, cells, _ in quadruplets:
        reach = np.maximum(reach, np.abs(cells).max(axis=0))
    if any(p and r > n for p, r, n in zip(lattice.periodic, reach, lattice.size, strict=True)):
        raise CannotExpress(
            TARGET, f"couplings over {reach.max()} cells in a box of {lattice.size}; enlarge model.size"
        )
    strength = float(np.linalg.norm(h.field))
    normal = np.array(h.field) / strength if strength else np.array([0.0, 0.0, 1.0])
    table = [
        (atom, K, axis)
        for atom, terms in enumerate(expression.atoms)
        for axis, K, K4 in _uniaxial(atom, terms.uniaxial)
    ]
    Kc = _cubic(expression)
    lines = [
        "lattice_constant 1.0",
        "bravais_vectors",
        *(row(vector) for vector in lattice.cell),
        "basis",
        str(lattice.atoms),
        *(row(x) for x in lattice.basis @ np.linalg.inv(lattice.cell)),
        f"n_basis_cells {' '.join(map(str, lattice.size))}",
        f"boundary_conditions {' '.join(str(int(p)) for p in lattice.periodic)}",
        f"mu_s {row(expression.moments)}",
        f"external_field_magnitude {row([strength])}",
        f"external_field_normal {row(normal)}",
        "hamiltonian heisenberg_pairs",
    ]
    if h.dipole is not None:
        lines.append("ddi_method fft")
    if Kc and not table:  # with a table Spirit does not read the keyword
        lines.append(f"cubic_anisotropy_magnitude {row([Kc])}")
    if table:
        rows = [f"{i} {row([K, *axis, 0.0])}" for i, K, axis in table]
        rows += [f"{i} {row([0.0, 0.0, 0.0, 1.0, Kc])}" for i in range(h.lattice.atoms) if Kc]
        lines += [f"n_anisotropy {len(rows)}", "i K Kx Ky Kz K4", *rows]
    keys = [f"{i} {j} {a} {b} {c}" for i, j, (a, b, c) in zip(pairs.i, pairs.j, pairs.offset, strict=True)]
    lines += [f"n_interaction_pairs {len(pairs)}", "i j da db dc Jij Dijx Dijy Dijz"]
    lines += [f"{key} {row([j, *d])}" for key, j, d in zip(keys, J, D, strict=True)]
    if quadruplets:
        lines += [f"n_interaction_quadruplets {len(quadruplets)}", QUADRUPLET]
        lines += [_quadruplet(*quadruplet) for quadruplet in quadruplets]
    notes = [f"Spirit adds the constant {-Kc / 2:g} meV per spin to the cubic anisotropy"] if Kc else []
    return {path: "\n".join(lines) + "\n"}, notes


def _quadruplets(expression: Expression) -> list[tuple[list[int], NDArray[np.int64], float]]:
    """Return the atoms i, j, k, l, the cells of the last three from the first [3, 3], and the constant of products."""
    found = []
    for term in expression.hamiltonian.products:
        for (one, other), constant in expression.of_term(term).items():
            places = np.array([*one, *other])
            found.append((places[:, 0].tolist(), places[1:, 1:] - places[0, 1:], constant))
    return found


def _quadruplet(atoms: list[int], cells: NDArray[np.int64], constant: float) -> str:
    others = " ".join(f"{atom} {a} {b} {c}" for atom, (a, b, c) in zip(atoms[1:], cells.tolist(), strict=True))
    return f"{atoms[0]} {others} {row([constant])}"


def _uniaxial(
    atom: int, terms: tuple[tuple[tuple[float, float, float], float, float], ...]
) -> tuple[tuple[tuple[float, float, float], float, float], ...]:
    if any(K4 for *_, K4 in terms):
        raise CannotExpress(TARGET, f"anisotropy of fourth order (K4) at atom {atom}")
    return terms


def _cubic(expression: Expression) -> float:
    """Return Kc, which Spirit defines once for all atoms and along x, y, z; raises CannotExpress otherwise."""
    found = {terms.cubic for terms in expression.atoms}
    strengths = {tuple(Kc for Kc, _ in cubic) for cubic in found}
    frames = [np.array(frame) for cubic in found for _, frame in cubic]
    if len(strengths) > 1 or len(next(iter(strengths))) > 1:
        raise CannotExpress(TARGET, "cubic anisotropy that differs from atom to atom")
    if any(np.abs(np.abs(frame).max(axis=1) - 1).max() > PARALLEL for frame in frames):
        raise CannotExpress(TARGET, "cubic anisotropy whose axes are not x, y and z")
    return next(iter(strengths))[0] if frames else 0.0
