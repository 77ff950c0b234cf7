"""Operators in Fourier space: they change the wave vector, the phase or the number of periods of a texture's waves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.operators.crystal import Crystal

SPACE = (0, 1, 2)  # axes of the cells in an array [n3, n2, n1, ...]
HARMONICS = 4  # higher harmonics are weak; they are treated as this one


@dataclass(frozen=True)
class ShiftWave:
    """Shift of the wave vectors of a texture by one step of the box's reciprocal grid, along each axis at random."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with shifted wave vectors."""
        lattice = crystal.lattice
        modes = np.fft.fftn(parents[0].reshape(*lattice.grid, -1), axes=SPACE)
        power = (np.abs(modes) ** 2).sum(axis=-1)
        power[0, 0, 0] = 0
        strongest = np.unravel_index(power.argmax(), power.shape)
        k = np.array([(s + n // 2) % n - n // 2 for s, n in zip(strongest, lattice.grid, strict=True)])
        step = [random.integers(-1, 2) if n > 1 else 0 for n in lattice.grid]
        # the half space around the strongest wave moves to k + step, its mirror image to -(k + step)
        frequencies = np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in lattice.grid), indexing="ij")
        forward = sum(f * c / n for f, c, n in zip(frequencies, k, lattice.grid, strict=True)) > 1e-9
        half = np.where(forward[..., None], modes, 0)
        moved = 2 * np.fft.ifftn(np.roll(half, step, axis=SPACE), axes=SPACE).real
        return (moved + modes[0, 0, 0].real / lattice.cells).reshape(-1, 3)


@dataclass(frozen=True)
class TranslateTexture:
    """Translation of a texture by a fraction of a cell, to another position relative to the pinning lattice."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent translated by a fraction of a cell."""
        lattice = crystal.lattice
        along = [n > 1 and periodic for n, periodic in zip(lattice.size, lattice.periodic, strict=True)]
        cells = np.where(along, random.uniform(-0.5, 0.5, size=3), 0.0)
        modes = np.fft.fftn(parents[0].reshape(*lattice.grid, -1), axes=SPACE)
        turns = np.tensordot(cells / lattice.size, _frequencies(crystal), axes=1)
        moved = np.fft.ifftn(np.exp(-2j * np.pi * turns)[..., None] * modes, axes=SPACE).real
        return moved.reshape(-1, 3) if any(along) else parents[0]


@dataclass(frozen=True)
class StretchTexture:
    """Texture with one period more or fewer along an axis: wave vectors are scaled to others of the box."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with one period more or fewer; unchanged if it is uniform."""
        wave = _strong_wave(crystal, parents[0], random)
        if wave is None:
            return parents[0]
        lattice, axis = crystal.lattice, wave[0]
        cells = (lattice.coordinates[:, None, axis] + _atoms(crystal)[:, axis]).ravel()
        return _phase_shifted(
            crystal, parents[0], *wave, random.choice([-1, 1]) * 2 * np.pi * cells / lattice.size[axis]
        )


@dataclass(frozen=True)
class MultiplyTexture:
    """Texture compressed so that the box contains two or three copies along one periodic axis, or along all."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the compressed parent."""
        lattice = crystal.lattice
        axes = [axis for axis in crystal.extended if lattice.periodic[axis]]
        if not axes:
            return parents[0]
        times = np.ones(3, dtype=int)
        times[axes if random.random() < 0.5 else random.choice(axes)] = random.integers(2, 4)
        # an atom at r = R + b takes the spin at times * r = times * R + b + (times - 1) * b: its sublattice, translated
        modes = np.fft.fftn(parents[0].reshape(*lattice.grid, lattice.atoms, 3), axes=SPACE)
        ahead = _atoms(crystal) * (times - 1) / lattice.size
        turns = ahead @ _frequencies(crystal).reshape(3, -1)  # [atom, wave]
        modes *= np.exp(2j * np.pi * turns.T).reshape(*lattice.grid, lattice.atoms, 1)
        moved = np.fft.ifftn(modes, axes=SPACE).real
        z, y, x = (lattice.coordinates * times % lattice.size).T[::-1]
        return moved[z, y, x].reshape(-1, 3)


@dataclass(frozen=True)
class InsertDislocations:
    """One period more or fewer in a part of the box, which ends at two dislocations of opposite sign.

    The phase of the texture winds by 2 pi around one and by - 2 pi around the other, as a harmonic function; in three
    dimensions the dislocations are lines along an edge of the box.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with a pair of dislocations; unchanged if it is uniform or the box a chain."""
        wave = _strong_wave(crystal, parents[0], random)
        if wave is None or len(crystal.extended) < 2:
            return parents[0]
        axes = random.permutation(crystal.extended)[:2]
        axes = axes[np.argsort(np.linalg.norm(crystal.lattice.box[axes], axis=1), kind="stable")]
        edges, place = crystal.lattice.box[axes], crystal.fractions[:, axes]
        return _phase_shifted(crystal, parents[0], *wave, vortices(edges, place, random.random(2), random.random(2)))


def vortices(edges: NDArray[Any], place: NDArray[Any], plus: NDArray[Any], minus: NDArray[Any]) -> NDArray[np.float64]:
    """Return a harmonic angle on the torus that winds by 2 pi around one point and by - 2 pi around another, [place].

    It is the argument of theta_1(z - a) / theta_1(z - b), z in units of the first edge, tau the second edge (Whittaker
    & Watson, A Course of Modern Analysis, ch. 21): theta_1(z + 1) = - theta_1(z), theta_1(z + tau) =
    - exp(- i pi tau - 2 pi i z) theta_1(z), so that the ratio changes its phase by 2 pi Re(a - b) along the second
    edge; a linear function compensates this.

    edges         [2, 3] of the torus; the series converges fast if the second is not the shorter one
    place         [place, 2] in units of the edges
    plus, minus   [2] in units of the edges, the two points
    """
    first, second = edges
    tau = (first @ second + 1j * np.linalg.norm(np.cross(first, second))) / (first @ first)

    def theta(point: NDArray[Any]) -> NDArray[np.complex128]:
        z = (place - point) @ [1, tau]
        small = np.pi * np.abs(z.imag)  # a positive factor that prevents overflow in long boxes
        value = np.exp(1j * np.pi * z - small) - np.exp(-1j * np.pi * z - small)
        for n in range(1, 3 + int(1.5 / tau.imag)):
            value = value * (1 - np.exp(2j * np.pi * (n * tau + z))) * (1 - np.exp(2j * np.pi * (n * tau - z)))
        return value

    angle = np.angle(theta(plus) * theta(minus).conj())
    return np.asarray(angle - 2 * np.pi * place[:, 1] * ((plus - minus) @ [1, tau]).real)


def _frequencies(crystal: Crystal) -> NDArray[np.float64]:
    """Return the integers (k1, k2, k3) of every wave, [3, n3, n2, n1], centred on zero."""
    grid = crystal.lattice.grid
    return np.stack(np.meshgrid(*(np.fft.fftfreq(n, 1 / n) for n in grid), indexing="ij")[::-1])


def _atoms(crystal: Crystal) -> NDArray[np.float64]:
    """Return the basis in units of the cell vectors, relative to its first atom, [atom, 3]."""
    basis = crystal.lattice.basis
    return np.asarray((basis - basis[0]) @ np.linalg.inv(crystal.lattice.cell))


def _strong_wave(crystal: Crystal, texture: NDArray[Any], random: np.random.Generator) -> tuple[int, int] | None:
    """Draw a wave by its power and return an axis and its number of periods along it; None if all cells are equal."""
    lattice = crystal.lattice
    modes = np.fft.fftn(texture.reshape(*lattice.grid, -1), axes=SPACE)
    periods = np.abs(_frequencies(crystal)).reshape(3, -1).T  # [wave, 3]
    runs = (periods > 0) & (2 * periods < lattice.size)  # distinct from its complex conjugate
    power = np.where(runs.any(axis=1), (np.abs(modes) ** 2).sum(axis=-1).ravel(), 0.0)
    if power.sum() <= 1e-9 * (np.abs(modes) ** 2).sum():
        return None
    wave = random.choice(len(power), p=power / power.sum())
    axis = int(random.choice(np.flatnonzero(runs[wave])))
    return axis, int(periods[wave, axis])


def _phase_shifted(
    crystal: Crystal, texture: NDArray[Any], axis: int, periods: int, angle: NDArray[Any]
) -> NDArray[Any]:
    """Return sum_q s_q exp(i q.r + i w angle), [site, 3]; w is the integer nearest to the periods of q / ``periods``.

    A multi-q texture remains one if the periods of its waves are integer multiples of one number. angle [site]
    """
    lattice = crystal.lattice
    modes = np.fft.fftn(texture.reshape(*lattice.grid, -1), axes=SPACE)
    winding = np.minimum(np.rint(_frequencies(crystal)[axis] / periods), HARMONICS)
    child = texture.copy()
    for w in range(1, int(winding.max()) + 1):  # negative ones are the complex conjugates
        part = np.fft.ifftn(np.where((winding == w)[..., None], modes, 0), axes=SPACE).reshape(-1, 3)
        child += 2 * (part * np.expm1(1j * w * angle)[:, None]).real
    return child
