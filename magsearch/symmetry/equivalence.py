"""Equivalence of textures under the symmetries of the Hamiltonian, and the number of copies of a texture.

Copies differ by an operation of the spin-space group of the Hamiltonian: a lattice translation, an exchange of sites
with a rotation of the spins, and a continuous global spin rotation where there is one. The overlap of two textures for
all translations at once is a correlation of two Fourier transforms, M_xy(t) = sum_i s_x(i + t) s'_y(i); the best global
spin rotation follows from its singular values (Kabsch, Acta Cryst. A 32, 922 (1976)).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.symmetry.spin_group import SpinGroup, spin_group

CELLS = (-5, -4, -3)  # axes of an array [..., n3, n2, n1, atom or component, component]
AT_ONCE = 200_000  # sites of all copies of a texture that are compared at a time
CLOSE = 1e-2  # radians, root mean square over the spins: textures closer than this may be the same
ALONE = 0.5  # radians, where one spin alone differs: however many others there are


@dataclass(frozen=True, eq=False)
class Equivalence:
    """Textures [site, 3] of one Hamiltonian modulo its symmetries.

    watch   called repeatedly; an exception that it raises ends a computation
    """

    hamiltonian: Hamiltonian
    watch: Callable[[], None] = lambda: None

    @property
    def close(self) -> float:
        """Distance below which two textures are the same, as ``apart`` measures it."""
        return min(CLOSE, ALONE / max(self.hamiltonian.n_spins, 1) ** 0.5)

    @cached_property
    def group(self) -> SpinGroup:
        """Symmetries of the Hamiltonian."""
        return spin_group(self.hamiltonian, watch=self.watch)

    def images(self, texture: ArrayLike, other: ArrayLike) -> Iterator[NDArray[np.float64]]:
        """Yield, for each operation of the group, the copy of a texture that overlaps most with another one, [site, 3].

        Translations and continuous rotations are chosen, the operation is not.
        """
        given = np.asarray(texture, dtype=np.float64)
        for number, turns, M in self._correlations(given, other):
            place = self._largest(M)[1]
            for of, turn, at, correlation in zip(number, turns, place, M, strict=True):
                yield self._image(given[self.group.maps[of][0]], turn, at, correlation)

    def nearest(self, texture: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
        """Return the copy of a texture that overlaps most with another one, [site, 3]."""
        given, best = np.asarray(texture, dtype=np.float64), -np.inf
        chosen = given
        for number, turns, M in self._correlations(given, other):
            overlap, place = self._largest(M, best)
            k = int(overlap.argmax())
            if overlap[k] > best:
                best = float(overlap[k])
                chosen = self._image(given[self.group.maps[number[k]][0]], turns[k], place[k], M[k])
        return chosen

    def distance(self, texture: ArrayLike, other: ArrayLike) -> float:
        """Return the root mean square of |s - s'| over all spins, between the nearest copy and the other texture."""
        return self.apart(self.nearest(texture, other), other)

    def apart(self, texture: ArrayLike, other: ArrayLike) -> float:
        """Return the root mean square of |s - s'| over all spins, of the textures as they are."""
        difference = np.asarray(texture, dtype=np.float64) - np.asarray(other, dtype=np.float64)
        return float(np.linalg.norm(difference)) / max(self.hamiltonian.n_spins, 1) ** 0.5

    def same(self, texture: ArrayLike, other: ArrayLike) -> bool:
        """Return whether some symmetry maps a texture onto another one."""
        return self.distance(texture, other) <= self.close

    def copies(self, texture: ArrayLike) -> int:
        """Count the different textures that the symmetries make of one, rotations by any angle aside.

        The order of the group over that of the operations that leave the texture as it is (orbit and stabiliser).
        """
        s, kept = np.asarray(texture, dtype=np.float64), 0
        least = (s**2).sum() - 0.5 * self.close**2 * self.hamiltonian.n_spins  # |s - s'|^2 = |s|^2 + |s'|^2 - 2 s . s'
        for _, _, M in self._correlations(s, s):
            kept += int((best_overlap(M, self.group.axes, least) >= least).sum())
        return max(1, round(self.group.order * M[0, ..., 0, 0].size / kept))

    def free_turns(self, texture: ArrayLike) -> int:
        """Return the dimension of the continuum that rotations of all spins make of a texture: 0 to 3."""
        s = np.asarray(texture, dtype=np.float64)
        moved = np.array([np.cross(axis, s).ravel() for axis in self.group.axes]).reshape(-1, s.size)
        return int((np.linalg.svd(moved, compute_uv=False) > self.close * self.hamiltonian.n_spins**0.5).sum())

    def _waves(self, textures: NDArray[np.float64]) -> NDArray[np.complex128]:
        from scipy import fft

        lattice = self.hamiltonian.lattice
        cells = textures.reshape(*textures.shape[:-2], *lattice.grid, lattice.atoms, 3)
        return np.asarray(fft.rfftn(cells, axes=CELLS))

    def _correlations(
        self, given: NDArray[np.float64], other: ArrayLike
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]]:
        """Yield every operation of the group with its M(t) for every translation t that is a symmetry, some at a time.

        These are the numbers of the maps [operation], the turns [operation, 3, 3], and M [operation, t3, t2, t1, 3, 3].
        """
        from scipy import fft

        target, grid, maps = (
            self._waves(np.asarray(other, dtype=np.float64)),
            self.hamiltonian.lattice.grid,
            self.group.maps,
        )
        free = tuple(slice(None) if free else slice(1) for free in self.group.shifts[::-1])
        some = max(1, AT_ONCE // len(given))
        for first in range(0, len(maps), some):
            sites, turns = zip(*maps[first : first + some], strict=True)
            images = given[np.stack(sites)]
            spectrum = np.einsum("...ax,...ay->...xy", target, self._waves(images).conj())
            M = fft.irfftn(spectrum, s=grid, axes=CELLS)[:, *free]
            number, turn = np.repeat(np.arange(len(turns)), list(map(len, turns))), np.concatenate(turns)
            for k in range(0, len(turn), some):
                of, by = number[k : k + some], turn[k : k + some]
                self.watch()
                yield first + of, by, M[of] @ by.swapaxes(1, 2)[:, None, None, None]

    def _largest(self, M: NDArray[np.float64], least: float = -np.inf) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the largest overlap of each operation [operation] and its t [operation, 3], -inf below ``least``."""
        flat = M.reshape(len(M), -1, 3, 3)
        large = (flat**2).sum(axis=(-2, -1)).argmax(axis=1)  # a good place
        good = best_overlap(flat[np.arange(len(M)), large], self.group.axes, 0.0)
        overlap = best_overlap(flat, self.group.axes, (np.maximum(good, least) * (1 - 1e-12))[:, None])
        place = overlap.argmax(axis=1)
        return overlap[np.arange(len(M)), place], np.stack(np.unravel_index(place, M.shape[1:4]), axis=1)

    def _image(
        self, image: NDArray[np.float64], turn: NDArray[np.float64], place: NDArray[np.int64], M: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return a texture with its sites exchanged after the translation and the turns, [site, 3]."""
        moved = np.roll(image.reshape(*self.hamiltonian.lattice.grid, -1), place, axis=(0, 1, 2))
        return moved.reshape(image.shape) @ (best_turn(M[tuple(place)], self.group.axes) @ turn).T


def best_overlap(M: NDArray[np.float64], axes: NDArray[np.float64], least: ArrayLike) -> NDArray[np.float64]:
    """Return the largest sum_xy R_xy M_xy over rotations R by any angle about the axes; M [..., 3, 3].

    Three axes: s1 + s2 + sign(det M) s3 of the singular values. One axis: M_zz + |M_xx + M_yy + i (M_yx - M_xy)| in a
    frame with the axis along z. What is certainly below ``least`` may be given as -inf.
    """
    trace = np.trace(M, axis1=-2, axis2=-1)
    if len(axes) == 0:
        return np.asarray(trace)
    if len(axes) == 1:
        along = np.einsum("x,...xy,y->...", axes[0], M, axes[0])
        return np.asarray(along + np.hypot(trace - along, _axial(M) @ axes[0]))
    overlap = np.full(trace.shape, -np.inf)
    there = 3 * (M**2).sum(axis=(-2, -1)) >= np.maximum(least, 0.0) ** 2  # s1 + s2 + s3 <= sqrt(3) |M|
    s = np.linalg.svd(M[there], compute_uv=False)
    overlap[there] = s[..., 0] + s[..., 1] + np.where(np.linalg.det(M[there]) < 0, -1.0, 1.0) * s[..., 2]
    return overlap


def best_turn(M: NDArray[np.float64], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation R [3, 3] that reaches ``best_overlap``; M [3, 3]."""
    if len(axes) == 0:
        return np.eye(3)
    if len(axes) == 1:
        from scipy.spatial.transform import Rotation

        along = axes[0] @ M @ axes[0]
        angle = np.arctan2(_axial(M) @ axes[0], np.trace(M) - along)
        return np.asarray(Rotation.from_rotvec(angle * axes[0]).as_matrix())
    u, _, v = np.linalg.svd(M)
    return np.asarray(u @ np.diag([1.0, 1.0, np.linalg.det(u) * np.linalg.det(v)]) @ v)


def _axial(M: NDArray[np.float64]) -> NDArray[np.float64]:
    """(M_zy - M_yz, M_xz - M_zx, M_yx - M_xy), [..., 3]."""
    pairs = ((2, 1), (0, 2), (1, 0))
    return np.stack([M[..., x, y] - M[..., y, x] for x, y in pairs], axis=-1)
