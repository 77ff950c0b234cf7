"""Models of high symmetry, and textures that a symmetry turns into one another."""

from __future__ import annotations

from functools import cache

import numpy as np
from models import exchange, shell_bonds
from scipy.spatial.transform import Rotation

from magsearch.model.bonds import dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.symmetry.spin_group import spin_group

UP, ASIDE, TILTED = (0.0, 0.0, 5.0), (5.0, 0.0, 0.0), (3.0, 0.0, 4.0)
EASY, EASY_X = UniaxialAnisotropy(0.5), UniaxialAnisotropy(0.5, (1.0, 0.0, 0.0))


def square(*couplings, size=(4, 4, 1), anisotropy=(), field=(0.0, 0.0, 0.0)):
    lattice = Lattice.named("square", size)
    bonds = shell_bonds(lattice, *(couplings or (exchange(1.0), exchange(-0.3))))
    return Hamiltonian(lattice, bonds, anisotropy=anisotropy, field=field)


def diagonal(x, y, z):
    return lambda _: np.diag([x, y, z])


def along_z(J, D):
    return lambda _: exchange_matrix(J) + dmi_matrix([0.0, 0.0, D])


group_of = cache(spin_group)  # of a model: tests ask for several copies of a texture


def copy(hamiltonian, texture, random):
    """A texture under an operation of the group, a translation and a global spin rotation, all at random."""
    group, lattice = group_of(hamiltonian), hamiltonian.lattice
    sites, turns = group.maps[random.integers(len(group.maps))]
    turn = turns[random.integers(len(turns))]
    for axis in group.axes:
        turn = Rotation.from_rotvec(random.uniform(0, 2 * np.pi) * axis).as_matrix() @ turn
    shift = [random.integers(n) if free else 0 for n, free in zip(lattice.size, group.shifts, strict=True)]
    moved = np.roll(texture[sites].reshape(*lattice.grid, -1), shift[::-1], axis=(0, 1, 2))
    return moved.reshape(texture.shape) @ turn.T


def spiral(lattice, k, first=(1.0, 0, 0), second=(0, 1.0, 0)):
    phase = 2 * np.pi * np.repeat(lattice.coordinates, lattice.atoms, axis=0) @ np.array(k)
    return np.cos(phase)[:, None] * np.array(first) + np.sin(phase)[:, None] * np.array(second)
