"""Operators in Fourier space: they change the wave vector, the phase or the number of periods of a texture's waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.operators import arrays
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws

HARMONICS = 4  # higher harmonics are weak; they are treated as this one


@dataclass(frozen=True)
class ShiftWave:
    """Shift of the wave vectors of a texture by one step of the box's reciprocal grid, along each axis at random."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with shifted wave vectors."""
        if not crystal.extended:
            return parents[:, 0]
        xp, spectrum, lattice = crystal.xp, crystal.spectrum, crystal.lattice
        size = np.array(lattice.size)
        step = draws.integers(-1, 2, 3) * (size > 1)
        modes = spectrum.modes(spectrum.planes(parents[:, 0]))
        power = spectrum.power(modes)
        power[:, 0] = 0
        strongest = spectrum.index[:, crystal.device.host(power.argmax(axis=1))].T  # [replica, 3]
        # the half space around the strongest wave moves to k + step, its mirror image to -(k + step)
        along = crystal.device.array((strongest / size)[..., None], np.float32)
        forward = (spectrum.waves * along).sum(axis=1)[:, None]
        side = (forward > 1e-4).astype(np.float32) - (forward < -1e-4).astype(np.float32)
        cosine, sine = spectrum.values(modes * xp.abs(side)), spectrum.values(modes * (side * np.complex64(-1j)))
        turn = crystal.phases(step / size)[:, None]
        mean = modes[..., :1].real / np.float32(lattice.cells)
        return spectrum.textures(cosine * turn.real - sine * turn.imag + mean)


@dataclass(frozen=True)
class TranslateTexture:
    """Translation of a texture by a fraction of a cell, to another position relative to the pinning lattice."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents translated by a fraction of a cell."""
        spectrum, lattice = crystal.spectrum, crystal.lattice
        along = [n > 1 and periodic for n, periodic in zip(lattice.size, lattice.periodic, strict=True)]
        if not any(along):
            return parents[:, 0]
        cells = np.where(along, draws.uniform(-0.5, 0.5, 3), 0.0)
        turns = crystal.phases(-cells / lattice.size, spectrum.integers)[:, None]
        return spectrum.textures(spectrum.values(spectrum.modes(spectrum.planes(parents[:, 0])) * turns))


@dataclass(frozen=True)
class StretchTexture:
    """Texture with one period more or fewer along an axis: wave vectors are scaled to others of the box."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with one period more or fewer; those that are uniform unchanged."""
        if not crystal.extended:
            return parents[:, 0]
        wave = _strong_waves(crystal, parents[:, 0], draws)
        return wave.scaled(np.where(draws.uniform() < 0.5, -1, 1) * ~wave.uniform)


@dataclass(frozen=True)
class MultiplyTexture:
    """Texture compressed so that the box contains two or three copies along one periodic axis, or along all."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the compressed parents."""
        lattice, textures = crystal.lattice, parents[:, 0]
        axes = np.array([axis for axis in crystal.extended if lattice.periodic[axis]])
        if not len(axes):
            return textures
        one = np.eye(3, dtype=bool)[axes[draws.integers(0, len(axes))]]
        every = np.isin(np.arange(3), axes)
        along = np.where(draws.uniform()[:, None] < 0.5, every, one)
        times = np.where(along, draws.integers(2, 4)[:, None], 1)
        if lattice.atoms > 1:
            textures = self._ahead(crystal, textures, times)
        cells = (np.arange(n) * times[:, axis, None] % n for axis, n in enumerate(lattice.size))
        return arrays.gathered(crystal.xp, textures, crystal.sites_at(*cells))

    @staticmethod
    def _ahead(crystal: Crystal, textures: Any, times: NDArray[np.int64]) -> Any:
        """Return the textures with each sublattice translated by (times - 1) b.

        An atom at r = R + b takes the spin at times * r = times * R + b + (times - 1) * b.
        """
        spectrum, lattice = crystal.spectrum, crystal.lattice
        modes = spectrum.modes(spectrum.planes(textures))
        ahead = (atom * (times - 1) / lattice.size for atom in _atoms(crystal))
        phases = crystal.xp.stack(
            [crystal.phases(of, spectrum.integers) for of in ahead], axis=1
        )  # [replica, atom, wave]
        turned = modes.reshape(len(modes), lattice.atoms, 3, -1) * phases[:, :, None]
        return spectrum.textures(spectrum.values(turned.reshape(modes.shape)))


@dataclass(frozen=True)
class InsertDislocations:
    """One period more or fewer in a part of the box, which ends at two dislocations of opposite sign.

    The phase of the texture winds by 2 pi around one and by - 2 pi around the other, as a harmonic function; in three
    dimensions the dislocations are lines along an edge of the box.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with a pair of dislocations; those that are uniform, and in a chain, unchanged."""
        if len(crystal.extended) < 2:
            return parents[:, 0]
        xp, lattice = crystal.xp, crystal.lattice
        wave = _strong_waves(crystal, parents[:, 0], draws)
        order = np.argsort(draws.uniform(size=3)[:, : len(crystal.extended)], axis=1)[:, :2]
        axes = np.array(crystal.extended)[order]  # [replica, 2]
        length = np.linalg.norm(lattice.box, axis=1)
        axes = np.where((length[axes[:, 0]] > length[axes[:, 1]])[:, None], axes[:, ::-1], axes)
        plus, minus = np.moveaxis(draws.uniform(size=(2, 2)), 1, 0)
        turn = xp.empty((len(parents), lattice.sites), dtype=np.complex64)
        for pair in sorted(set(map(tuple, axes.tolist()))):
            some = np.flatnonzero((axes == pair).all(axis=1))
            place = [crystal.places[axis] for axis in pair]
            turns = vortices(crystal.device, lattice.box[list(pair)], place, plus[some], minus[some])
            turn[crystal.device.array(some, np.int64)] = turns
        turn = xp.where(crystal.column(wave.uniform, np.bool_), np.complex64(1), turn)
        return wave.phase_shifted(turn)


def vortices(device: Device, edges: NDArray[Any], place: Sequence[Any], plus: NDArray[Any], minus: NDArray[Any]) -> Any:
    """Return exp(i angle), complex [replica, place] on a device, of a harmonic angle on the torus.

    The angle winds by 2 pi around one point and by - 2 pi around another. It is the argument of
    theta_1(z - a) / theta_1(z - b), z in units of the first edge, tau the second edge (Whittaker & Watson, A Course of
    Modern Analysis, ch. 21): theta_1(z + 1) = - theta_1(z), theta_1(z + tau) = - exp(- i pi tau - 2 pi i z) theta_1(z),
    so that the ratio changes its phase by 2 pi Re(a - b) along the second edge; a linear function compensates this.

    edges         [2, 3] of the torus; the series converges fast if the second is not the shorter one
    place         two arrays [place] of the device, in units of the edges
    plus, minus   [replica, 2] of the host in units of the edges, from 0 to 1: the two points
    """
    first, second = edges
    tau = complex(first @ second, float(np.linalg.norm(np.cross(first, second)))) / float(first @ first)
    x, y = (device.xp.ascontiguousarray(values) for values in place)
    factors = 2 + int(1.5 / tau.imag)
    nome = np.exp(2j * np.pi * tau * np.arange(factors + 1))
    points = np.column_stack([plus, minus, -((plus - minus) @ [1, tau]).real])
    phases = device.xp.empty((len(points), len(x), 2), dtype=x.dtype)
    device.launch(
        "wind_phases", x.dtype, phases, x, y, device.array(points, x.dtype), device.array(nome.view(float), x.dtype),
        tau.real, tau.imag, factors, len(x), len(points),
        blocks=-(-len(x) // device.width) * len(points), replicas=device.width,
    )  # fmt: skip
    return phases.view(np.result_type(x.dtype, np.complex64))[..., 0]


def _atoms(crystal: Crystal) -> NDArray[np.float64]:
    """Return the basis in units of the cell vectors, relative to its first atom, [atom, 3]."""
    basis = crystal.lattice.basis
    return np.asarray((basis - basis[0]) @ np.linalg.inv(crystal.lattice.cell))


@dataclass(frozen=True, eq=False)
class _StrongWaves:
    """Textures [replica, site, 3] with a strong wave of each: an axis and the number of its periods along it.

    uniform   [replica] whether all cells are equal, so that there is no wave
    """

    crystal: Crystal
    textures: Any
    axis: NDArray[np.int64]
    periods: NDArray[np.float64]
    uniform: NDArray[np.bool_]

    def phase_shifted(self, turn: Any) -> Any:
        """Return sum_q s_q exp(i q.r) turn^w, [replica, site, 3].

        w is the integer nearest to the periods of q divided by ``periods``. A multi-q texture remains one if its waves
        have integer multiples of one number of periods.

        turn   exp(i angle) of each site, [replica, site]
        """
        child = self.crystal.xp.empty_like(self.textures)
        for axis in np.unique(self.axis):
            some = np.flatnonzero(self.axis == axis)
            own = self.crystal.device.array(some, np.int64)
            child[own] = self._turned(axis, self.textures[own], self.periods[some], turn[own])
        return child

    def scaled(self, way: NDArray[np.int64]) -> Any:
        """Return sum_q s_q exp(i (q + way w b).r), b the reciprocal vector of the box along the axis of each texture.

        w as in ``phase_shifted``; short waves that would pass the border of the Brillouin zone remain.

        way   0, 1 or -1 for each texture, [replica]
        """
        child = self.textures.copy()
        for axis, one in sorted({*zip(self.axis.tolist(), way.tolist(), strict=True)}):
            if one:
                some = np.flatnonzero((self.axis == axis) & (way == one))
                own = self.crystal.device.array(some, np.int64)
                child[own] = self._stretched(axis, self.textures[own], self.periods[some], one)
        return child

    def _along(self, axis: int, textures: Any, periods: NDArray[np.float64]) -> tuple[Any, NDArray[np.float64]]:
        """Return the modes along one axis, [replica, atom, 3, n3, n2, n1] with k in its place, and w, [replica, k].

        Waves with the same number of periods along this axis change alike, so that transforms along it suffice.
        """
        lattice, n = self.crystal.lattice, self.crystal.lattice.size[axis]
        planes = self.crystal.spectrum.planes(textures).reshape(-1, lattice.atoms, 3, *lattice.grid)
        k = np.arange(n // 2 + 1)
        winding = np.minimum(np.rint(k / periods[:, None]), HARMONICS) * (2 * k < n)
        return self.crystal.device.rfft(planes, axes=(5 - axis,)), winding

    def _stretched(self, axis: int, textures: Any, periods: NDArray[np.float64], way: int) -> Any:
        """Return textures whose waves have ``way`` w more periods along one axis, [replica, site, 3]."""
        xp, crystal, place, n = self.crystal.xp, self.crystal, 5 - axis, self.crystal.lattice.size[axis]
        modes, winding = self._along(axis, textures, periods)
        k = np.arange(n // 2 + 1)
        winding[2 * (k + way * winding) > n] = 0
        ahead = _atoms(crystal)[:, axis] / n  # of each atom
        stretched = xp.zeros_like(modes)
        source, target = (xp.moveaxis(of, place, -1) for of in (modes, stretched))  # [..., k]
        for w in range(int(winding.max()) + 1):
            same = (w > 0) & (2 * (k + way * w) % n == 0)  # k and - k become one wave
            factor = np.where(same, 2, 1) * (winding == w)
            factor = factor[:, None] * np.exp(2j * np.pi * way * w * ahead)[:, None]  # [replica, atom, k]
            factor = crystal.device.array(factor[:, :, None, None, None], np.complex64)
            low, high = max(0, -way * w), len(k) - max(0, way * w)
            target[..., low + way * w : high + way * w] += source[..., low:high] * factor[..., low:high]
        values = crystal.device.irfft(stretched, s=(n,), axes=(place,))
        return crystal.spectrum.textures(values.reshape(len(textures), 3 * crystal.lattice.atoms, -1))

    def _turned(self, axis: int, textures: Any, periods: NDArray[np.float64], turn: Any) -> Any:
        """Return textures whose strong waves have periods along one axis, each wave turned, [replica, site, 3]."""
        xp, lattice, device = self.crystal.xp, self.crystal.lattice, self.crystal.device
        place, n = 5 - axis, lattice.size[axis]
        modes, winding = self._along(axis, textures, periods)
        turn = xp.ascontiguousarray(turn.reshape(len(turn), -1, lattice.atoms).swapaxes(1, 2))
        turn = turn.reshape(len(turn), lattice.atoms, 1, *lattice.grid)
        # Re sum_w z_w turn^w, z_w twice the waves k > 0 with this w: the real part stands for - k
        padded = xp.zeros((len(turn), lattice.atoms, 3, *lattice.grid), dtype=np.complex64)
        source, target = (xp.moveaxis(of, place, -1) for of in (modes, padded))  # [..., k]
        target, turned = target[..., : winding.shape[1]], None
        for w in range(int(winding.max()), 0, -1):
            xp.multiply(source, self._mask(2 * (winding == w)), out=target)
            waves = device.ifft(padded, axes=(place,))
            if turned is not None:
                waves += turned
            waves *= turn
            turned = waves
        source *= self._mask(winding == 0)
        values = device.irfft(modes, s=(n,), axes=(place,))
        if turned is not None:
            values += turned.real
        return self.crystal.spectrum.textures(values.reshape(len(textures), 3 * lattice.atoms, -1))

    def _mask(self, along: NDArray[Any]) -> Any:
        """Return numbers [replica, k] on the device, [replica, atom, 3, ..., k]."""
        return self.crystal.device.array(along, np.float32)[:, None, None, None, None]


def _strong_waves(crystal: Crystal, textures: Any, draws: Draws) -> _StrongWaves:
    """Draw a wave of each texture by its power, and one of the axes along which it has periods."""
    spectrum, device = crystal.spectrum, crystal.device
    modes = spectrum.modes(spectrum.planes(textures))
    periods = np.abs(spectrum.index)  # [axis, wave]
    power = spectrum.power(modes) * spectrum.counts
    weights = power * spectrum.running
    place = device.host(arrays.drawn(crystal.xp, weights, crystal.column(draws.uniform(), np.float64)))
    axis = draws.choice(spectrum.runs[:, place].T)
    uniform = device.host(weights.sum(axis=1) <= np.float32(1e-9) * power.sum(axis=1))
    return _StrongWaves(crystal, textures, axis, np.maximum(periods[axis, place], 1), uniform)
