"""Hamiltonians that between them use every feature: the tests run each law on all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.model.terms.waves import WaveCouplings

GOLDEN = (1 + np.sqrt(5)) / 2


def shell_bonds(lattice: Lattice, *couplings: Callable[[np.ndarray], np.ndarray]) -> Bonds:
    """Bonds of the first shells; each coupling maps the unit vector of a bond to its 3x3 matrix in meV.

    Only one direction of each pair asks for a matrix, so that any matrix makes a reciprocal model.
    """
    every = Bonds.none()
    for shell, coupling in zip(lattice.shells(len(couplings)), couplings, strict=True):
        vector = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
        key = np.column_stack([shell.offset, shell.j - shell.i])
        forward = np.array([tuple(k) > (0, 0, 0, 0) for k in key.tolist()])
        J = np.array([coupling(v / np.linalg.norm(v)) for v in vector[forward]])
        every = every + Bonds.pairs(shell.i[forward], shell.j[forward], J, shell.offset[forward])
    return every


def exchange(J: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda _: exchange_matrix(J)


def bloch(J: float, D: float) -> Callable[[np.ndarray], np.ndarray]:
    """Exchange and a DMI vector along the bond."""
    return lambda along: exchange_matrix(J) + dmi_matrix(D * along)


def tensor(seed: int) -> Callable[[np.ndarray], np.ndarray]:
    """A different random matrix on every pair."""
    rng = np.random.default_rng(seed)
    return lambda _: rng.normal(size=(3, 3))


def square_bloch() -> Hamiltonian:
    lattice = Lattice.named("square", (6, 5, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.4)), moments=2.0, field=(3.0, -2.0, 11.0))


def triangular_j1_j3() -> Hamiltonian:
    """More sites than one thread's chunk, and a prime edge."""
    lattice = Lattice.named("triangular", (20, 17, 1), 2.7)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(0.0), exchange(-0.6)))


def kagome_tensor() -> Hamiltonian:
    lattice = Lattice.named("kagome", (4, 3, 1))
    easy = UniaxialAnisotropy(0.7, (1.0, 2.0, -0.5), atoms=(1,))
    return Hamiltonian(
        lattice, shell_bonds(lattice, tensor(1), tensor(2)), np.array([1.0, 2.0, 0.5]), (easy,), (0, 5, 9)
    )


def honeycomb_dmi() -> Hamiltonian:
    """Exchange, and a DMI along z between second neighbours: the Haldane pattern."""
    lattice = Lattice.named("honeycomb", (5, 4, 1), 3.1)

    def haldane(along: np.ndarray) -> np.ndarray:
        turns = np.sign(np.cos(3 * np.arctan2(along[1], along[0])))
        return exchange_matrix(-0.2) + dmi_matrix([0, 0, 0.3 * turns])

    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.3), haldane), 1.5, field=(0.0, 0.0, 7.0))


def cubic_easy_axes() -> Hamiltonian:
    lattice = Lattice.named("cubic", (3, 4, 5))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(0.8), exchange(0.1)), anisotropy=(CubicAnisotropy(0.9),))


def fcc_every_anisotropy() -> Hamiltonian:
    lattice = Lattice.named("fcc", (4, 3, 2), 3.6)
    c, s = np.cos(0.4), np.sin(0.4)
    frame = ((c, s, 0.0), (-s * c, c * c, s), (s * s, -s * c, c))
    terms = (
        CubicAnisotropy(-0.6, frame),
        UniaxialAnisotropy(0.5, (0.3, -1.0, 2.0), K4=-0.3),
        UniaxialAnisotropy(-0.2, (0.0, 1.0, 1.0)),
    )
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), bloch(-0.3, 0.2)), 2.2, terms, (1.0, 4.0, -6.0))


def several_axes() -> Hamiltonian:
    """Several axes, cubes and Stevens operators on one atom, other numbers of them on the other, a vacancy."""
    lattice = Lattice.named("honeycomb", (3, 2, 1), 3.0)
    c, s = np.cos(0.7), np.sin(0.7)
    tilted = ((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c))
    terms = (
        UniaxialAnisotropy(0.2, (1.0, 2.0, 2.0), K4=0.5),
        UniaxialAnisotropy(0.0, (-2.0, 1.0, 0.3), K4=-0.4, atoms=(0,)),
        UniaxialAnisotropy(0.0, (0.0, 1.0, 1.0), K4=0.3, atoms=(0,)),
        CubicAnisotropy(0.6, atoms=(0,)),
        CubicAnisotropy(-0.5, tilted),
        StevensOperator(4, -3, 0.1, tilted, atoms=(0,)),
        StevensOperator(6, 2, 0.02),
    )
    return Hamiltonian(
        lattice, shell_bonds(lattice, bloch(0.9, 0.3)), [1.0, 2.0], terms, (3.0, 1.0, -4.0), vacancies=(4,)
    )


def prime_box() -> Hamiltonian:
    """Three dimensions with an edge of 7 in the middle: the transforms' general path along every axis."""
    lattice = Lattice.named("cubic", (11, 7, 3))
    return Hamiltonian(lattice, shell_bonds(lattice, tensor(3)))


def large_film() -> Hamiltonian:
    """Edges of 4 x 3 x 2 and 4 x 5: every radix of the transforms, several passes along an axis."""
    lattice = Lattice.named("square", (24, 20, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, -0.5), exchange(-0.4)), field=(0, 0, 2))


def open_film() -> Hamiltonian:
    lattice = Lattice.named("cubic", (4, 4, 3), periodic=(True, True, False))
    return Hamiltonian(lattice, shell_bonds(lattice, tensor(4), exchange(0.3)), anisotropy=(UniaxialAnisotropy(0.4),))


def single_layer() -> Hamiltonian:
    """A crystal cut down to one open layer: the couplings to the layers that are not there must vanish."""
    lattice = Lattice.named("cubic", (4, 5, 2), periodic=(True, True, False))
    return Hamiltonian(lattice, shell_bonds(lattice, tensor(5), exchange(0.3))).with_size((4, 5, 1))


def open_chain() -> Hamiltonian:
    lattice = Lattice.named("chain", (9, 1, 1), periodic=(False, False, False))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.6), exchange(-0.5)))


def left_handed() -> Hamiltonian:
    cell = np.array([[0.0, 1.1, 0.2], [1.3, 0.1, 0.0], [0.1, 0.3, 1.2]])  # determinant < 0
    lattice = Lattice(cell, np.array([[0.0, 0.0, 0.0], [0.4, 0.5, 0.6]]), (3, 2, 4))
    return Hamiltonian(lattice, shell_bonds(lattice, *(tensor(10 + k) for k in range(6))))


def one_cell() -> Hamiltonian:
    lattice = Lattice.named("square", (1, 1, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), tensor(6), exchange(-0.3)), field=(1, 1, 1))


def box_within_range() -> Hamiltonian:
    lattice = Lattice.named("triangular", (2, 3, 1))
    return Hamiltonian(lattice, shell_bonds(lattice, *(bloch(1.0 / k, 0.3) for k in range(1, 7))))


def disordered() -> Hamiltonian:
    """Random couplings, moments and vacancies on top of a regular lattice."""
    rng = np.random.default_rng(7)
    lattice = Lattice.named("square", (5, 4, 1))
    i, j = rng.integers(20, size=(2, 30))
    extra = Bonds.pairs(i[i != j], j[i != j], rng.normal(size=(int((i != j).sum()), 3, 3)))
    moments = rng.uniform(0.5, 3.0, lattice.sites)
    easy = (UniaxialAnisotropy(0.5, (1, 0, 1)), CubicAnisotropy(0.3))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.2)), moments, easy, (2, 0, 8), extra, (3, 11, 12))


def icosahedron() -> Hamiltonian:
    lattice = Lattice.cluster(icosahedron_positions(GOLDEN))
    return Hamiltonian(lattice, Bonds.none(), site_bonds=icosahedron_edges(-1.0), field=(0, 0, 10))


def icosahedron_positions(golden: float) -> np.ndarray:
    """(0, +-1, +-golden) and cyclic permutations, [12, 3]."""
    corners = np.array([(0.0, a, b * golden) for a in (1, -1) for b in (1, -1)])
    return np.concatenate([np.roll(corners, k, axis=1) for k in range(3)])


def icosahedron_edges(J: float) -> Bonds:
    where = icosahedron_positions(GOLDEN)
    distance = np.linalg.norm(where[:, None] - where, axis=2)
    i, j = np.argwhere(np.triu(np.isclose(distance, 2.0))).T
    return Bonds.pairs(i, j, exchange_matrix(np.full(len(i), J)))


def clusters_of_spins() -> Hamiltonian:
    """Products of scalar products in a box that some of them leave and meet again, and anisotropy."""
    lattice = Lattice.named("honeycomb", (4, 2, 1), 3.0)
    ring = [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 0, 0]]
    straight = [[0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1, 0, 3, 0]]
    far = [[1, 0, 0, 0], [0, 2, -1, 0], [1, -1, 1, 0], [0, 0, 1, 0]]
    sites = np.array([ring, straight, far])
    terms = SpinProducts.joined([
        SpinProducts.biquadratic([0, 0, 1], [1, 1, 1], [[0, 0, 0], [-1, 0, 0], [0, 1, 0]], [0.4, -0.3, 0.2]),
        SpinProducts.four_spin(sites[:1, :, 0], sites[:1, :, 1:], 0.35, "ring"),
        SpinProducts.four_spin(sites[1:, :, 0], sites[1:, :, 1:], [-0.25, 0.3]),
    ])  # fmt: skip
    easy = (UniaxialAnisotropy(0.3, (0.2, 1.0, 0.4)),)
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(0.7, 0.2)), 1.3, easy, (2.0, 0.0, 5.0), others=terms)


def coupled_waves() -> Hamiltonian:
    """Couplings at wave vectors, one of which is its own opposite, of two atoms; anisotropy."""
    lattice = Lattice.named("honeycomb", (4, 3, 1), 3.0)
    A = [np.eye(3), [[1.0, 0.2, 0.0], [0.2, 0.5, 0.0], [0.0, 0.0, 1.5]], np.diag([0.5, 0.5, 1.0])]
    q, D = [[0.25, 0, 0], [0.25, 1 / 3, 0], [0.5, 0, 0]], [[0.0, 0.0, 0.2], [0.1, -0.1, 0.0], [0.0, 0.0, 0.0]]
    waves = WaveCouplings(np.array(q), np.array([1.0, 0.6, 0.4]), np.array([0.4, -0.2, 0.3]), np.array(A), np.array(D))
    easy = (UniaxialAnisotropy(0.3, (0.2, 1.0, 0.4)),)
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(0.3, 0.1)), 1.3, easy, (2.0, 0.0, 5.0), others=(waves,))


MODELS: dict[str, Hamiltonian] = {
    make.__name__: make()
    for make in (
        square_bloch, triangular_j1_j3, kagome_tensor, honeycomb_dmi, cubic_easy_axes, fcc_every_anisotropy,
        several_axes, prime_box, large_film, open_film, single_layer, open_chain, left_handed, one_cell,
        box_within_range, disordered, icosahedron, clusters_of_spins, coupled_waves,
    )
}  # fmt: skip
