"""Random Hamiltonians for laws that hold without exception."""

from __future__ import annotations

import numpy as np
from models import shell_bonds

from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy


def random_model(seed: int) -> Hamiltonian:
    """Any lattice, couplings, anisotropy and field; open edges, vacancies and per-site couplings in a third of them."""
    random = np.random.default_rng(seed)
    lattice = random_lattice(random)
    shells = int(random.integers(1, 4))
    try:
        lattice.shells(shells)
    except ValueError:  # the box of one cell with open edges
        shells = 0
    kind = random.choice(["isotropic", "dmi", "tensor"])

    def coupling(strength: float):
        J, D = strength * random.normal(), strength * random.normal()
        axis = random.normal(size=3)

        def matrix(along: np.ndarray) -> np.ndarray:
            if kind == "isotropic":
                return exchange_matrix(J)
            if kind == "dmi":
                return exchange_matrix(J) + dmi_matrix(D * (along if D > 0 else np.cross(axis, along)))
            return strength * random.normal(size=(3, 3))

        return matrix

    bonds = shell_bonds(lattice, *(coupling(1 / (n + 1)) for n in range(shells))) if shells else Bonds.none()
    terms: list[UniaxialAnisotropy | CubicAnisotropy] = []
    if random.random() < 0.6:
        K4 = random.normal() if random.random() < 0.3 else 0.0
        atoms = None if random.random() < 0.5 else (int(random.integers(lattice.atoms)),)
        terms.append(UniaxialAnisotropy(random.normal(), tuple(random.normal(size=3)), K4, atoms))
    if random.random() < 0.3:
        terms.append(UniaxialAnisotropy(random.normal(), tuple(random.normal(size=3))))
    if random.random() < 0.15:
        frame = np.linalg.qr(random.normal(size=(3, 3)))[0]
        terms.append(CubicAnisotropy(random.normal(), tuple(map(tuple, frame))))
    if kind == "isotropic" and random.random() < 0.5:
        terms = []
    field = tuple(random.choice([0.0, 0.0, 2.0, 20.0, 200.0]) * random.normal(size=3))
    moments = random.uniform(0.5, 3.0, lattice.atoms)
    vacancies, extra = (), None
    if random.random() < 0.3:
        moments = random.uniform(0.5, 3.0, lattice.sites)
        vacancies = tuple(random.choice(lattice.sites, size=lattice.sites // 5, replace=False))
        i, j = random.integers(lattice.sites, size=(2, lattice.sites))
        J = random.normal(size=(len(i), 3, 3)) if kind == "tensor" else exchange_matrix(random.normal(size=len(i)))
        extra = Bonds.pairs(i[i != j], j[i != j], J[i != j])
    return Hamiltonian(lattice, bonds, moments, tuple(terms), field, extra, vacancies)


def random_lattice(random: np.random.Generator) -> Lattice:
    periodic = tuple(bool(p) for p in random.random(3) < 0.8)
    if random.random() < 0.5:
        name = str(random.choice(list(NAMED)))
        size = tuple(int(n) if p else 1 for n, p in zip(random.integers(1, 5, size=3), NAMED[name][2], strict=True))
        return Lattice.named(name, size, periodic=tuple(a and b for a, b in zip(periodic, NAMED[name][2], strict=True)))
    cell = np.eye(3) + 0.3 * random.normal(size=(3, 3))
    basis = random.permuted(np.tile(np.arange(3) / 3, (3, 1)), axis=1).T[: random.integers(1, 4)] @ cell
    return Lattice(cell, basis, tuple(random.integers(1, 4, size=3).tolist()), periodic)
