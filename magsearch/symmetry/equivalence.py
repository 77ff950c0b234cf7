"""Equivalence of textures under the symmetries of the Hamiltonian, and the number of copies of a texture.

Copies differ by an operation of the spin-space group of the Hamiltonian: a lattice translation, an exchange of sites
with a rotation of the spins, and a continuous global spin rotation where there is one. The overlap of two textures for
all translations at once is a correlation of two Fourier transforms, M_xy(t) = sum_i s_x(i + t) s'_y(i); the best global
spin rotation follows from its singular values (Kabsch, Acta Cryst. A 32, 922 (1976)).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.symmetry.spin_group import SpinGroup, spin_group

SPACE = (0, 1, 2)  # the cells of an array [n3, n2, n1, ...]
CLOSE = 1e-2  # radians, root mean square over the spins: textures closer than this may be the same
ALONE = 0.5  # radians, where one spin alone differs: however many others there are


@dataclass(frozen=True, eq=False)
class Equivalence:
    """Textures [site, 3] of one Hamiltonian modulo its symmetries."""

    hamiltonian: Hamiltonian

    @property
    def close(self) -> float:
        """Distance below which two textures are the same, as ``apart`` measures it."""
        return min(CLOSE, ALONE / max(self.hamiltonian.n_spins, 1) ** 0.5)

    @cached_property
    def group(self) -> SpinGroup:
        """Symmetries of the Hamiltonian."""
        return spin_group(self.hamiltonian)

    def images(self, texture: ArrayLike, other: ArrayLike) -> Iterator[NDArray[np.float64]]:
        """Yield, for each operation of the group, the copy of a texture that overlaps most with another one, [site, 3].

        Translations and continuous rotations are chosen, the operation is not.
        """
        given, target, axes = np.asarray(texture, dtype=np.float64), self._waves(other), self.group.axes
        for sites, turns in self.group.maps:
            M, image = self._correlation(target, given[sites]), given[sites]
            size = (M**2).sum(axis=(-2, -1))
            large = np.unravel_index(int(size.argmax()), size.shape)  # a good place, if not the best
            for turn in turns:
                least = float(best_overlap(M[large] @ turn.T, axes, 0.0))
                overlap = best_overlap(M @ turn.T, axes, least * (1 - 1e-12))
                place = np.unravel_index(int(overlap.argmax()), overlap.shape)
                moved = np.roll(image.reshape(*self.hamiltonian.lattice.grid, -1), place, axis=SPACE)
                yield moved.reshape(image.shape) @ (best_turn(M[place] @ turn.T, axes) @ turn).T

    def nearest(self, texture: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
        """Return the copy of a texture that overlaps most with another one, [site, 3]."""
        target = np.asarray(other, dtype=np.float64)
        return max(self.images(texture, target), key=lambda image: float((image * target).sum()))

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
        s = np.asarray(texture, dtype=np.float64)
        target, axes, kept = self._waves(s), self.group.axes, 0
        least = (s**2).sum() - 0.5 * self.close**2 * self.hamiltonian.n_spins  # |s - s'|^2 = |s|^2 + |s'|^2 - 2 s . s'
        for sites, turns in self.group.maps:
            M = self._correlation(target, s[sites])
            kept += sum(int((best_overlap(M @ turn.T, axes, least) >= least).sum()) for turn in turns)
        return max(1, round(self.group.order * M[..., 0, 0].size / kept))

    def free_turns(self, texture: ArrayLike) -> int:
        """Return the dimension of the continuum that rotations of all spins make of a texture: 0 to 3."""
        s = np.asarray(texture, dtype=np.float64)
        moved = np.array([np.cross(axis, s).ravel() for axis in self.group.axes]).reshape(-1, s.size)
        return int((np.linalg.svd(moved, compute_uv=False) > self.close * self.hamiltonian.n_spins**0.5).sum())

    def _waves(self, texture: ArrayLike) -> NDArray[np.complex128]:
        from scipy import fft

        lattice = self.hamiltonian.lattice
        cells = np.reshape(np.asarray(texture, dtype=np.float64), (*lattice.grid, lattice.atoms, 3))
        return np.asarray(fft.rfftn(cells, axes=SPACE))

    def _correlation(self, target: NDArray[np.complex128], image: NDArray[np.float64]) -> NDArray[np.float64]:
        """M(t) for every translation t that is a symmetry, [t3, t2, t1, 3, 3]; the other texture is given by waves."""
        from scipy import fft

        spectrum = np.einsum("...ax,...ay->...xy", target, self._waves(image).conj())
        M = fft.irfftn(spectrum, s=self.hamiltonian.lattice.grid, axes=SPACE)
        return np.asarray(M[tuple(slice(None) if free else slice(1) for free in self.group.shifts[::-1])])


def best_overlap(M: NDArray[np.float64], axes: NDArray[np.float64], least: float) -> NDArray[np.float64]:
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
    there = 3 * (M**2).sum(axis=(-2, -1)) >= max(least, 0.0) ** 2  # s1 + s2 + s3 <= sqrt(3) |M|
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
