"""The model as operators see it: positions in the periodic box, symmetries, Fourier transforms, the softest waves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import add, mul
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.device import Device
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import Waves, paramagnet, softest_waves
from magsearch.model.triangulation import triangles
from magsearch.operators.spectrum import Spectrum
from magsearch.randomness import Draws
from magsearch.symmetry.space_group import Operation, operations


@dataclass(frozen=True, eq=False)
class Crystal:
    """Hamiltonian with the geometry, symmetries and soft waves that operators need, each computed once.

    Numbers of the geometry are on the host; textures, and what has a value for every site, are on the device.

    watch   called repeatedly while symmetries and waves are looked for; an exception that it raises ends that
    """

    hamiltonian: Hamiltonian
    device: Device
    watch: Callable[[], None] = lambda: None

    @property
    def xp(self) -> Any:
        """Array library of the device."""
        return self.device.xp

    @property
    def lattice(self) -> Lattice:
        """Lattice of the Hamiltonian."""
        return self.hamiltonian.lattice

    @cached_property
    def extended(self) -> tuple[int, ...]:
        """Axes with more than one cell."""
        return tuple(axis for axis in range(3) if self.lattice.size[axis] > 1)

    @cached_property
    def extent(self) -> float:
        """Shortest edge of the box along an extended axis, angstrom; of a single cell (a molecule), its longest."""
        edges = np.linalg.norm(self.lattice.box, axis=1)
        return float(edges[list(self.extended)].min() if self.extended else edges.max())

    @cached_property
    def fractions(self) -> NDArray[np.float64]:
        """Position of every site in units of the box, [site, 3] in [0, 1) along periodic axes."""
        return self.lattice.positions @ np.linalg.inv(self.lattice.box)

    @cached_property
    def places(self) -> Any:
        """``fractions`` on the device, [3, site]."""
        return self.device.array(self.fractions.T, np.float32)

    @cached_property
    def occupied(self) -> Any:
        """[site] on the device, False at vacancies."""
        return self.device.array(self.hamiltonian.occupied, np.bool_)

    @cached_property
    def occupation(self) -> Any:
        """``occupied`` for kernels, 0 or 1."""
        return self.device.array(self.hamiltonian.occupied, np.int32)

    @cached_property
    def spectrum(self) -> Spectrum:
        """Fourier transforms of textures."""
        return Spectrum(self.device, self.lattice)

    @cached_property
    def waves(self) -> Waves:
        """Softest waves of the Hamiltonian."""
        return softest_waves(self.hamiltonian, watch=self.watch)

    @cached_property
    def _paramagnet(self) -> Any:
        largest = -2 * float(self.waves.energy[0]) if all(self.lattice.periodic) else None
        factors = paramagnet(self.hamiltonian, self.spectrum.index.T, largest)
        return self.device.array(factors.transpose(2, 1, 0), np.complex64)  # [column, row, wave]

    def correlated(self, modes: Any) -> Any:
        """Return modes of white noise [replica, atom * 3, wave] with the correlations of the paramagnet."""
        factors = self._paramagnet
        noise = modes.reshape(len(modes), len(factors), -1, modes.shape[-1])
        spins = self.xp.zeros_like(noise)
        for column, factor in enumerate(factors):  # upper triangular; each replica by itself, unlike in a product
            spins[:, : column + 1] += factor[: column + 1, None] * noise[:, column, None]
        return spins.reshape(modes.shape)

    @cached_property
    def wavelength(self) -> float:
        """Typical length of textures, angstrom: that of the softest nonuniform wave, at most half of ``extent``."""
        lattice = self.lattice
        q = np.linalg.norm((self.waves.index / np.array(lattice.size)) @ lattice.reciprocal, axis=1)
        waves = 2 * np.pi / q[q > 0]
        return float(min([*waves[:1], self.extent / 2]))

    @cached_property
    def operations(self) -> list[Operation]:
        """Point-group operations and time reversal that leave the energy invariant."""
        return operations(self.hamiltonian, watch=self.watch)

    def column(self, numbers: ArrayLike, dtype: Any = np.float32) -> Any:
        """Return numbers [replica] of the host as a column [replica, 1] on the device."""
        return self.device.array(np.asarray(numbers)[:, None], dtype)

    # -- places --------------------------------------------------------------------------------------------------------

    def _away(self, centres: NDArray[np.float64]) -> Any:
        """Return the vectors from positions to the nearest images of all sites, [replica, axis, site] in fractions."""
        away = self.places - self.device.array(centres[..., None], np.float32)
        return away - self.xp.rint(away) * self._periodic

    @cached_property
    def _periodic(self) -> Any:
        return self.device.array(np.reshape(self.lattice.periodic, (3, 1)), np.float32)

    def displacement(self, centres: NDArray[np.float64], frames: NDArray[np.float64]) -> Any:
        """Return components of the vectors from positions to all sites, [replica, row, site] in angstrom.

        The minimum-image convention holds along periodic axes.

        centres   [replica, 3], fractions of the box
        frames    [replica, row, 3] or [row, 3], directions of the components
        """
        edges = np.broadcast_to(frames @ self.lattice.box.T, (len(centres), *np.shape(frames)[-2:]))
        away = self._away(centres)
        return (self.device.array(edges[..., None], np.float32) * away[:, None]).sum(axis=2)

    def distance2(self, centres: NDArray[np.float64], frame: ArrayLike | None = None) -> Any:
        """Return the squared distances of all sites from positions, [replica, site].

        centres   [replica, 3], fractions of the box
        frame     [row, 3], directions along which distances are measured; None: all
        """
        away, edges = self._away(centres), self.lattice.box
        if frame is not None:
            edges = edges @ np.transpose(frame)
        metric = edges @ edges.T
        distance2 = (away * away * self.device.array(np.diag(metric)[:, None], np.float32)).sum(axis=1)
        for one, other in ((0, 1), (0, 2), (1, 2)):
            if abs(metric[one, other]) > 1e-9 * metric.max():
                distance2 += np.float32(2 * metric[one, other]) * away[:, one] * away[:, other]
        return distance2

    def anywhere(self, draws: Draws) -> NDArray[np.float64]:
        """Return the positions of random sites, [replica, 3] fractions of the box: never in the vacuum above a film."""
        return self.fractions[draws.integers(0, self.lattice.sites)]

    def patch(self, draws: Draws, smallest: float, largest: float) -> Any:
        """Return masks [replica, site] of random disks (balls in three dimensions); radii in angstrom."""
        radius = self.column(draws.uniform(smallest, largest))
        return self.distance2(self.anywhere(draws)) < radius * radius

    @cached_property
    def triangles(self) -> tuple[Any, Any]:
        """Corners of the triangles between neighbours, [corner, triangle], and the triangles at each site, [site, n].

        Both on the device. Sites at fewer triangles than others have the number of triangles in place of the rest.
        """
        corners = triangles(self.lattice)
        order = np.argsort(corners.ravel(), kind="stable")
        many = np.bincount(corners.ravel(), minlength=self.lattice.sites)
        at = np.full((self.lattice.sites, many.max(initial=1)), len(corners))
        at[np.arange(at.shape[1]) < many[:, None]] = order // 3
        return self.device.array(corners.T, np.int64), self.device.array(at, np.int64)

    # -- cells ---------------------------------------------------------------------------------------------------------

    def over_cells(self, join: Callable[[Any, Any], Any], dtype: Any, *along: Any) -> Any:
        """Return x y z (or x + y + z, as ``join`` says) for all cells, [replica, cell], on the device.

        along   x, y and z [replica, n] of the host or the device, values for the cells, or the waves, along each axis
        """
        x, y, z = (self.device.array(values, dtype) for values in along)
        plane = join(z[:, :, None], y[:, None, :])
        return join(plane[..., None], x[:, None, None, :]).reshape(len(x), -1)

    def phases(self, turns: NDArray[np.float64], ticks: list[NDArray[Any]] | None = None) -> Any:
        """Return exp(2 pi i sum_a turns_a x_a) for all cells x, [replica, cell] complex.

        turns   [replica, 3]
        ticks   values x_a along the three axes; None: the coordinates of the cells
        """
        xp, angle = self.xp, self.device.array(2 * np.pi * turns, np.float64)
        along = (
            [xp.arange(n) for n in self.lattice.size]
            if ticks is None
            else [self.device.array(x, np.float64) for x in ticks]
        )
        return self.over_cells(mul, np.complex64, *(xp.exp(1j * angle[:, a, None] * x) for a, x in enumerate(along)))

    def add_waves(self, textures: Any, index: NDArray[Any], amplitude: Any) -> None:
        """Add sum_w Re[u_w exp(2 pi i sum_a k_a x_a / n_a)] to the spins in cell x of textures, in place.

        textures    [replica, site, 3] on the device
        index       k [replica, wave, 3], whole numbers
        amplitude   u [replica, wave, atom * 3], complex, of the host or the device
        """
        xp, size, u = self.xp, self.lattice.size, self.device.array(amplitude, np.complex64)
        angles = self.device.array(2 * np.pi * index / size, np.float64)
        along = xp.concatenate([xp.exp(1j * angles[..., a, None] * xp.arange(n)) for a, n in enumerate(size)], axis=2)
        self.device.launch(
            "add_waves", np.float32, textures, along.astype(np.complex64).view(np.float32), u.view(np.float32), *size,
            3 * self.lattice.atoms, index.shape[1], len(textures),
            blocks=-(-self.lattice.cells // self.device.width) * len(textures), replicas=self.device.width,
        )  # fmt: skip

    def sites_at(self, x: Any, y: Any, z: Any) -> Any:
        """Return the sites in the cells at coordinates x, y and z [replica, n] (host or device), [replica, site]."""
        n1, n2, _ = self.lattice.size
        atoms = self.lattice.atoms
        first = self.over_cells(add, np.int64, atoms * x, atoms * n1 * y, atoms * n1 * n2 * z)
        if atoms == 1:
            return first
        return (first[..., None] + self.xp.arange(atoms)).reshape(len(x), -1)

    def moved_from(self, shift: NDArray[np.int64]) -> Any:
        """Return the sites from which textures moved by ``shift`` cells [replica, 3] are read, [replica, site]."""
        by = self.device.array(shift, np.int64)
        return self.sites_at(*((self.xp.arange(n) - by[:, a, None]) % n for a, n in enumerate(self.lattice.size)))

    # -- symmetries ----------------------------------------------------------------------------------------------------

    @cached_property
    def _matrices(self) -> Any:
        return self.device.array([operation.matrix for operation in self.operations], np.float32)

    @cached_property
    def _came_from(self) -> Any:
        return self.device.array([operation.sites for operation in self.operations], np.int32)

    def spliced(self, parents: Any, chosen: Any, draws: Draws) -> Any:
        """Return textures [replica, site, 3] with each spin from a chosen parent, all parents moved by symmetries.

        Each symmetry is a random lattice translation after, half of the time, a random point-group operation. Models
        with per-site couplings or vacancies have none.

        parents   [replica, parent, site, 3]
        chosen    [replica, site] on the device, the number of a parent
        """
        return self._moved(parents, chosen, *self._symmetries(parents.shape[1], draws))

    def moved(self, parents: Any, draws: Draws) -> Any:
        """Return the parents [replica, parent, site, 3], each moved by a random symmetry; see ``spliced``."""
        (replicas, count, sites, _), symmetries = parents.shape, self._symmetries(parents.shape[1], draws)
        apart = parents.reshape(replicas * count, 1, sites, 3)
        return self._moved(apart, self._first(len(apart)), *symmetries).reshape(parents.shape)

    def images(self, texture: Any) -> Any:
        """Return a texture [site, 3] under each operation, [operation, site, 3]."""
        count, sites = len(self.operations), self.lattice.sites
        copies = self.xp.broadcast_to(texture, (count, 1, sites, 3))
        return self._moved(copies, self._first(count), np.zeros((count, 3)), np.arange(count))

    def _first(self, replicas: int) -> Any:
        return self.xp.zeros((replicas, self.lattice.sites), dtype=np.int32)

    def _symmetries(self, count: int, draws: Draws) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return random translations in cells, [replica, count, 3], and numbers of operations, [replica, count]."""
        if not self.hamiltonian.uniform:
            return np.zeros((len(draws), count, 3), dtype=np.int64), np.zeros((len(draws), count), dtype=np.int64)
        u, size = draws.uniform(size=(count, 5)), self.lattice.size
        number = np.where(u[..., 3] < 0.5, (u[..., 4] * len(self.operations)).astype(np.int64), 0)
        return (u[..., :3] * size).astype(np.int64) * self.lattice.periodic, number

    def _moved(self, parents: Any, chosen: Any, shift: NDArray[Any], operation: NDArray[np.int64]) -> Any:
        """Return textures [replica, site, 3] of chosen parents, moved by an operation and then by ``shift`` cells."""
        device, lattice, (replicas, count, sites, _) = self.device, self.lattice, parents.shape
        children = self.xp.empty((replicas, sites, 3), dtype=np.float32)
        device.launch(
            "splice_textures", np.float32, device.array(parents, np.float32), device.array(chosen, np.int32),
            device.array(shift, np.int32), device.array(operation, np.int32), self._came_from, self._matrices, children,
            *lattice.size, lattice.atoms, count, replicas,
            blocks=-(-sites // device.width) * replicas, replicas=device.width,
        )  # fmt: skip
        return children
