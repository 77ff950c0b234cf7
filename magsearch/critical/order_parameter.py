"""The order parameter of a ground state, whatever its wave vectors.

With s_a(q) = (1/cells) sum_T s_a(T) exp(-i q.T) for every atom a of the cell, the waves of the ground state g are those
q at which g(q) is large, and those that operations of the model's spin-space group make of them (the star). At each of
them, the images of g(q) span a space of vectors u (atoms x 3, complex): a collinear antiferromagnet of isotropic spins
has three, one for each direction of the spins. The order parameter squared is the weight of a texture in these spaces,

    m^2 = sum_q sum_u |u* . s(q)|^2 / (the same of g),

which is 1 in the ground state and in all its images, and of order 1/N in the disordered state. What keeps all
symmetries of the model (a magnetisation along the field) is no order and is subtracted from g. For a ferromagnet m is
the length of the magnetisation, for a Neel state that of the staggered one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.critical.ordered import Ordered
from magsearch.search.supercells.supercell import Supercell
from magsearch.symmetry.spin_group import SpinGroup, any_angle, spin_group

LARGEST = 8000  # sites of a box with the star's waves, above which only the ground state's own waves are taken
KEPT = 0.1  # of the weight of the strongest wave: weaker waves are harmonics
SPANS = 1e-2  # of the largest singular value: directions that images of the ground state span
ROWS = 96  # most rows for correlation lengths


@dataclass(frozen=True, eq=False)
class Wave:
    """One wave of the star; of q and -q one is listed.

    q        [3], 1/angstrom
    label    [3], in reciprocal vectors of the input's cell
    vectors  [vector, atom, 3] complex, orthonormal
    double   whether -q is another wave
    """

    q: NDArray[np.float64]
    label: NDArray[np.float64]
    vectors: NDArray[np.complex128]
    double: bool


@dataclass(frozen=True, eq=False)
class OrderParameter:
    """The waves of an order parameter.

    waves    of the star
    norm     sum over waves and vectors of the ground state, by which m^2 is divided
    breaks   whether the ground state breaks a continuous symmetry
    """

    waves: tuple[Wave, ...]
    norm: float
    breaks: bool

    @classmethod
    def of(cls, ordered: Ordered) -> OrderParameter:
        """Return the order parameter of a ground state. ValueError if that has all symmetries of the model."""
        crystal, axes = ordered.crystal, any_angle(ordered.crystal)
        size = _common_size(ordered)
        atoms = crystal.lattice.atoms
        box = Supercell(crystal, np.diag(size))
        hamiltonian = crystal.with_size((int(size[0]), int(size[1]), int(size[2])))
        texture = ordered.texture_in(box)
        whole = box.sites <= LARGEST
        group = spin_group(hamiltonian) if whole else SpinGroup(
            ((np.arange(box.sites), np.eye(3)[None]),), axes, (True, True, True)
        )  # fmt: skip
        grid = hamiltonian.lattice.grid
        images = [_transform(texture[sites] @ turn.T, grid, atoms) for sites, turns in group.maps for turn in turns]
        every = np.array(images)  # [image, q, atom, 3]
        every[:, 0] -= _kept_by_all(every[:, 0], axes)
        weight = (np.abs(every) ** 2).sum(axis=(2, 3))  # [image, q]
        if weight.max() < 1e-6 * atoms:
            raise ValueError("the ground state has all symmetries of the model: no order parameter, no transition")
        kept = np.flatnonzero((weight >= KEPT * weight.max()).any(axis=0))
        largest = np.sqrt(weight.sum(axis=0).max())
        index = hamiltonian.lattice.coordinates[kept]
        waves, norm = [], 0.0
        for place, cell in zip(kept, index, strict=True):
            opposite = (-cell) % size
            if tuple(opposite[::-1]) < tuple(cell[::-1]):  # listed already
                continue
            double = bool((opposite != cell).any())
            vectors = _spanned(every[:, place], axes, double, SPANS * largest)
            label = cell / size
            label = label - np.rint(label - 1e-9)
            waves.append(Wave(label @ crystal.lattice.reciprocal, label, vectors, double))
            amplitudes = np.einsum("kai,ai->k", vectors.conj(), every[0, place])
            norm += (2 if double else 1) * float((np.abs(amplitudes) ** 2).sum())
        return cls(tuple(waves), norm, _breaks(texture, axes))

    @cached_property
    def arms(self) -> list[list[float]]:
        """Wave vectors of the star in reciprocal vectors of the input's cell, one of q and -q."""
        return [(wave.label + 0.0).tolist() for wave in self.waves]

    def rows(self, box: Supercell) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return rows [row, site 3] whose products with a texture, squared and summed, are m^2 and m^2 beside it.

        The second rows are those of the waves q + d and q - d, averaged over the smallest wave vectors d of the box
        along its free axes: for correlation lengths.
        """
        lattice, crystal = box.hamiltonian.lattice, box.crystal.lattice
        cells = box.coordinates @ crystal.cell  # [cell, 3]
        places = cells[:, None] + crystal.basis  # [cell, atom, 3]
        here, there = [], []
        free = [axis for axis in range(3) if lattice.periodic[axis] and box.crystal.crossed[axis]]
        beside = (2 * np.pi * np.linalg.pinv((box.H @ crystal.cell)[free]).T).reshape(-1, 3)
        for wave in self.waves:
            phase = np.exp(-1j * (cells @ wave.q))[:, None, None]
            scale = math.sqrt((2 if wave.double else 1) / self.norm) / len(cells)
            for vector in wave.vectors:
                function = scale * phase * vector.conj()  # [cell, atom, 3]
                here += _parts(function)
                real = np.abs(function.imag).max() < 1e-9 * scale
                signs = (1,) if real else (1, -1)
                for d in beside:
                    for sign in signs:
                        moved = function * np.exp(-1j * sign * (places @ d))[..., None]
                        there += [part / math.sqrt(len(beside) * len(signs)) for part in _parts(moved)]
        if len(there) > ROWS:  # correlation lengths are not worth more
            there = []
        sites = 3 * lattice.sites
        return (
            np.array(here, dtype=np.float32).reshape(-1, sites),
            np.array(there, dtype=np.float32).reshape(-1, sites),
        )


def _parts(function: NDArray[np.complex128]) -> list[NDArray[np.float64]]:
    """Return real and imaginary part of a function of the sites, without those that vanish."""
    parts = (function.real, function.imag)
    largest = np.abs(function).max()
    return [np.asarray(part).ravel() for part in parts if np.abs(part).max() > 1e-9 * largest]


def _common_size(ordered: Ordered) -> NDArray[np.int64]:
    """Return the cells of the smallest straight box that holds the supercell, of equal edges where that is small."""
    inverse, size = np.linalg.inv(ordered.supercell.H), np.array(ordered.crystal.lattice.size)
    volume = ordered.supercell.cells
    for axis in ordered.axes:
        multiples = np.arange(1, volume + 1)[:, None] * inverse[axis]
        size[axis] = 1 + int(np.flatnonzero(np.abs(multiples - np.rint(multiples)).max(axis=1) < 1e-6)[0])
    even, free = size.copy(), list(ordered.axes)
    even[free] = math.lcm(*size[free].tolist())
    return even if even.prod() * ordered.crystal.lattice.atoms <= LARGEST else size


def _transform(texture: NDArray[np.float64], grid: tuple[int, int, int], atoms: int) -> NDArray[np.complex128]:
    """Return s_a(q), [q, atom, 3]."""
    waves = np.fft.fftn(texture.reshape(*grid, atoms, 3), axes=(0, 1, 2), norm="forward")
    return np.asarray(waves.reshape(-1, atoms, 3))


def _kept_by_all(uniform: NDArray[np.complex128], axes: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return what all symmetries keep of q = 0: the mean of the images [image, atom, 3], along an axis of rotation."""
    if len(axes) == 3:
        return np.zeros(uniform.shape[1:], dtype=np.complex128)
    mean = uniform.mean(axis=0)
    return np.asarray(mean if len(axes) == 0 else (mean @ axes[0])[:, None] * axes[0])


def _spanned(
    images: NDArray[np.complex128], axes: NDArray[np.float64], double: bool, least: float
) -> NDArray[np.complex128]:
    """Return orthonormal vectors [vector, atom, 3] that span images [image, atom, 3] and their continuous rotations."""
    groups: list[NDArray[np.complex128]]
    if len(axes) == 3:
        groups = [np.eye(3, dtype=np.complex128)]
    elif len(axes) == 1:
        e1, e2 = np.linalg.svd(axes[:1])[2][1:]
        turning = [np.array([e1 + sign * 1j * e2]) / math.sqrt(2) for sign in (1, -1)]
        groups = [axes[:1].astype(complex), *(turning if double else [np.array([e1, e2], dtype=complex)])]
    else:
        found = _basis(images.reshape(len(images), -1), least)
        return found.reshape(len(found), -1, 3)
    vectors = []
    for frame in groups:  # rotations join the directions of one group
        components = np.einsum("iac,dc->ida", images, frame.conj())
        for over_atoms in _basis(components.reshape(-1, components.shape[-1]), least):
            vectors += [over_atoms[:, None] * direction for direction in frame]
    return np.array(vectors)


def _basis(vectors: NDArray[np.complex128], least: float) -> NDArray[np.complex128]:
    _, size, basis = np.linalg.svd(vectors, full_matrices=False)
    real = np.abs(vectors.imag).max(initial=0) < 1e-9 * max(least, 1e-300)
    if real:
        _, size, basis = np.linalg.svd(vectors.real, full_matrices=False)
    return np.asarray(basis[size > least], dtype=np.complex128)


def _breaks(texture: NDArray[np.float64], axes: NDArray[np.float64]) -> bool:
    """Return whether a texture changes under rotations about the axes of continuous symmetry."""
    return bool(any(np.abs(np.cross(axis, texture)).max() > 1e-2 for axis in axes))
