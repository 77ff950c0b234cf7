"""Small inputs of UppASD: the files of a folder by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from magsearch.units import MU_B

CHAIN = {
    "inpsd.dat": """
        simid   chain
        ncell   4 1 1                 how many cells
        BC      P 0 0
        cell    1.0 0.0 0.0
                0.0 1.0 0.0
                0.0 0.0 1.0
        alat    3.0e-10
        posfile ./posfile
        momfile ./momfile
        exchange ./jfile
    """,
    "posfile": "1 1 0.0 0.0 0.0",
    "momfile": "1 1 2.0 0.0 0.0 1.0",
    "jfile": "1 1 1.0 0.0 0.0 0.5 a comment\n1 1 -1.0 0.0 0.0 0.5",
}
HONEYCOMB = {
    "inpsd.dat": """
        ncell 6 6 1
        bc P P 0
        cell 1.0 0.0 0.0 -0.5 0.8660254 0.0 0.0 0.0 1.0
        alat 1d-10
        posfile posfile
        momfile momfile
        exchange jfile
    """,
    "posfile": "1 1 0.0 0.577350 0.0\n2 1 0.5 0.288675 0.0",
    "momfile": "1 1 1.0 0 0 1\n2 1 1.0 0 0 1",
}


def write(folder: Path, files: dict[str, str], more: str = "", **changed: str) -> Path:
    for name, text in (files | changed).items():
        (folder / name).write_text(text + (more if name == "inpsd.dat" else ""))
    return folder / "inpsd.dat"


def energy(hamiltonian, spins) -> float:
    """meV, straight from the definition."""
    bonds, lattice = hamiltonian.directed, hamiltonian.lattice
    spins = np.broadcast_to(spins, (lattice.sites, 3))
    total = -0.5 * np.einsum("ba,bac,bc->", spins[bonds.i], bonds.J, spins[bonds.j])
    for term in hamiltonian.anisotropy:
        for atom in range(lattice.atoms) if term.atoms is None else term.atoms:
            s = spins[atom :: lattice.atoms]
            if hasattr(term, "K"):
                c = s @ np.array(term.axis) / np.linalg.norm(term.axis)
                total -= (term.K * c**2 + term.K4 * c**4).sum()
            else:
                x, y, z = (s @ np.array(term.axes).T).T ** 2
                total += term.Kc * (x * y + y * z + z * x).sum()
    return total - MU_B * (hamiltonian.site_moments @ (spins @ np.array(hamiltonian.field)))
