"""Random Hamiltonians for laws that hold without exception."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from models import shell_bonds

from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.model.terms.waves import WaveCouplings


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


def model_of_further_terms(seed: int) -> Hamiltonian:
    """A random model with Stevens operators, products of every kind, pairs of matrices, and waves or dipoles."""
    random, model = np.random.default_rng(seed), random_model(seed)
    while not 4 < model.lattice.sites < 60:
        seed += 1000
        model = random_model(seed)
    frame = tuple(map(tuple, np.linalg.qr(random.normal(size=(3, 3)))[0]))
    k = int(random.choice([2, 4, 6]))
    stevens = StevensOperator(k, int(random.integers(-k, k + 1)), 0.1 * random.normal(), frame)
    lattice = model.lattice
    every = (Dipole(),) if seed % 4 == 3 else (random_waves(seed, lattice),)
    others = (*random_clusters(seed, lattice, 1), random_tensors(seed, lattice), *every)
    return replace(model, anisotropy=(*model.anisotropy, stevens), others=others)


def random_clusters(seed: int, lattice: Lattice, count: int = 3) -> tuple[SpinProducts, ...]:
    """Products of every kind on sites near each other, some of which coincide."""
    random = np.random.default_rng(seed)
    found: list[SpinProducts] = []
    while len(found) < 4 * count:
        atoms, cells = random.integers(lattice.atoms, size=(1, 4)), random.integers(-1, 2, size=(1, 4, 3))
        if random.random() < 0.3:  # a three-site product
            atoms[:, 2], cells[:, 2] = atoms[:, 1], cells[:, 1]
        made = (
            SpinProducts.biquadratic(atoms[:, 0], atoms[:, 1], cells[:, 1] - cells[:, 0], random.normal(size=1)),
            SpinProducts.four_spin(atoms, cells, random.normal(), "product"),
            SpinProducts.four_spin(atoms, cells, random.normal(), "ring"),
            SpinProducts.chirality(atoms[:, :3], cells[:, :3], random.normal(size=1)),
        )[len(found) % 4]
        try:
            Hamiltonian(lattice, Bonds.none(), others=(made,))
        except ValueError:
            continue
        found.append(made)
    return SpinProducts.joined(found)


def random_tensors(seed: int, lattice: Lattice, count: int = 4) -> TensorProducts:
    """Pairs of any matrices on any sites, some of which coincide."""
    random = np.random.default_rng(seed)
    atoms, cells = random.integers(lattice.atoms, size=(count, 4)), random.integers(-1, 2, size=(count, 4, 3))
    atoms[0, 2:], cells[0, 2:] = atoms[0, :2], cells[0, :2]  # the product of two couplings of one pair
    return TensorProducts(atoms, cells, *random.normal(size=(2, count, 3, 3)))


def random_waves(seed: int, lattice: Lattice, count: int = 3) -> WaveCouplings:
    """Wave vectors of the box, of any direction along open axes, standing ones among them."""
    random, size = np.random.default_rng(seed), np.array(lattice.size)
    while True:
        q = random.integers(-9, 10, size=(count, 3)) / size
        q = np.where(lattice.periodic, q, random.normal(size=q.shape))
        A = random.normal(size=(count, 3, 3))
        try:
            term = WaveCouplings(
                q, *random.normal(size=(2, count)), A + A.swapaxes(1, 2), random.normal(size=(count, 3))
            )
            Hamiltonian(lattice, Bonds.none(), others=(term,))
        except ValueError:
            count -= 1
            continue
        return term


def model_with_clusters(seed: int) -> Hamiltonian:
    """Any lattice, open edges, boxes smaller than the clusters, vacancies."""
    while True:
        model = random_model(seed)
        if model.lattice.atoms * 27 > 30:
            return replace(model, others=(*random_clusters(seed, model.lattice), random_tensors(seed, model.lattice)))
        seed += 1000
