"""Writer of TB2J's exchange.out, with more digits than TB2J prints."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.formats.expression import CannotExpress, Expression
from magsearch.model.hamiltonian import Hamiltonian

TARGET = "TB2J's exchange.out"
RULE, THIN = "=" * 90, "-" * 88


def texts(hamiltonian: Hamiltonian, path: Path) -> tuple[dict[Path, str], list[str]]:
    """Return the text of an exchange.out, and a note on box, boundaries and field, which it cannot contain.

    Raises CannotExpress for anisotropy of fourth order, atoms without couplings, and disorder.
    """
    expression = Expression.of(hamiltonian, TARGET)
    h, lattice = expression.hamiltonian, expression.hamiltonian.lattice
    for atom, terms in enumerate(expression.atoms):
        if terms.cubic or any(K4 for *_, K4 in terms.uniaxial):
            raise CannotExpress(TARGET, f"anisotropy of fourth order (cubic, or K4) at atom {atom}")
    idle = sorted(set(range(lattice.atoms)) - set(h.bonds.i.tolist()))
    if idle:
        raise CannotExpress(TARGET, f"atom {idle[0]}, which has no couplings")
    names = _names(lattice.species)
    lines = [RULE, "Information:", "Exchange parameters converted by magsearch", "", RULE, "Cell (Angstrom):"]
    lines += [_row(vector) for vector in lattice.cell]
    lines += ["", RULE, "Atoms:", "(Note: moments in Bohr magnetons; charges are not known.)"]
    lines.append("Atom_number  x  y  z  w_charge  M(x)  M(y)  M(z)")
    for name, position, moment in zip(names, lattice.basis, expression.moments, strict=True):
        lines.append(f"{name:<8s} {_row(position)} {0:9.4f} {_row([0.0, 0.0, moment])}")
    tensors = [sum((K * np.outer(n, n) for n, K, _ in terms.uniaxial), np.zeros((3, 3))) for terms in expression.atoms]
    if any(A.any() for A in tensors):
        lines += [
            "",
            RULE,
            "Single Ion Anisotropy:",
            "Atom_number  A_xx  A_xy  A_xz",
            "A_yx  A_yy  A_yz",
            "A_zx  A_zy  A_zz",
        ]
        for name, A in zip(names, tensors, strict=True):
            if A.any():
                lines += [f"{name:<8s} {_row(A[0])}", f"{'':8s} {_row(A[1])}", f"{'':8s} {_row(A[2])}", THIN]
    lines += [
        "",
        RULE,
        "Exchange:",
        "    i     j              R          J_iso(meV)          vector          distance(A)",
    ]
    bonds = h.bonds
    vectors = lattice.basis[bonds.j] - lattice.basis[bonds.i] + bonds.offset @ lattice.cell
    J, D, traceless = expression.parts(0.5 * bonds.J)
    distances = np.linalg.norm(vectors, axis=1)
    for k in np.argsort(distances.round(6), kind="stable"):
        R = ", ".join(f"{n:3d}" for n in bonds.offset[k])
        r = ", ".join(f"{x:6.3f}" for x in vectors[k])
        head = f"   {names[bonds.i[k]]:5s} {names[bonds.j[k]]:5s} ({R})"
        lines += [THIN, f"{head} {_number(J[k])}   ({r}) {distances[k]:6.3f}", f"J_iso: {_number(J[k])}"]
        if D[k].any():
            lines.append(f"DMI: ({_row(D[k])})")
        if traceless[k].any():
            lines += ["J_ani:", *(f"[{_row(a)}]" for a in traceless[k])]
    field = f", field {h.field} T" if any(h.field) else ""
    edges = ", ".join("periodic" if p else "open" for p in lattice.periodic)
    box = " x ".join(map(str, lattice.size))
    return {path: "\n".join(lines) + "\n"}, [f"{TARGET} does not contain: box {box}, edges {edges}{field}"]


def _names(species: tuple[str, ...]) -> list[str]:
    """Return names like Fe1, Fe2, O1, as in TB2J; species that are not symbols become X."""
    symbols = [label if label.isalpha() and label.isascii() else "X" for label in species]
    return [f"{symbol}{symbols[: k + 1].count(symbol)}" for k, symbol in enumerate(symbols)]


def _number(x: float) -> str:
    return f"{x + 0.0:.15g}"


def _row(values: np.ndarray | list[float]) -> str:
    return " ".join(f"{x + 0.0:20.15g}" for x in values)
