"""Seeds: operators without parents, for the first generation and for new candidates later.

``SoftWaves`` superposes the softest modes of the Luttinger-Tisza matrix, Phys. Rev. 70, 954 (1946).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import unit
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws

MOST = 3  # superposed waves


@dataclass(frozen=True)
class RandomSpins:
    """Spins drawn independently and uniformly on the sphere."""

    parents: int = 0

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return random spins."""
        return draws.noise(crystal.device, crystal.lattice.sites)


@dataclass(frozen=True)
class PeriodicSpins:
    """Random spins that repeat after a random translation of the box.

    m such translations lead around the periodic box to where they began. m divides the number of cells along a periodic
    axis, is at most the square root of the number of all cells, and is drawn with weights 1 / m. Relaxation keeps this
    symmetry: it takes fewer steps and has fewer minima to end in, and most ground states have such a symmetry. Crystal
    structures are predicted in the same way (Pickard & Needs, J. Phys.: Condens. Matter 23, 053201 (2011)).
    """

    parents: int = 0

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return random spins, each texture with a translation of its own."""
        spectrum, modes = crystal.spectrum, _white_noise(crystal, draws)
        kept = spectrum.repeating(_translations(crystal, draws))
        return spectrum.textures(spectrum.values(modes * crystal.device.array(kept[:, None], np.float32)))


def _white_noise(crystal: Crystal, draws: Draws) -> Any:
    """Return the modes of independent normal numbers, [replica, atom * 3, wave]."""
    spectrum = crystal.spectrum
    return spectrum.modes(spectrum.planes(draws.noise(crystal.device, crystal.lattice.sites)))


def _translations(crystal: Crystal, draws: Draws) -> NDArray[np.int64]:
    """Draw translations of the box, in cells, [replica, 3]; zero where no axis is periodic."""
    along = np.where(crystal.lattice.periodic, crystal.lattice.size, 1)
    order = np.array([m for m in range(2, isqrt(crystal.lattice.cells) + 1) if (along % m == 0).any()] or [1])
    times = order[draws.choice(1 / order)]
    steps = np.gcd(times[:, None], along)  # as many different translations along each axis
    drawn = [draws.integers(0, steps[:, axis]) for axis in range(3)]
    return np.stack(drawn, axis=1) * (along // steps)


@dataclass(frozen=True)
class CorrelatedSpins:
    """Normal numbers with the correlations of the paramagnet, plus a random mean along the field.

    Their covariance is that of the spherical model (``soft_waves.paramagnet``). They relax faster than independent
    spins do.
    """

    parents: int = 0

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return random spins."""
        xp, spectrum, field = crystal.xp, crystal.spectrum, np.array(crystal.hamiltonian.field)
        texture = spectrum.textures(spectrum.values(crystal.correlated(_white_noise(crystal, draws))))
        texture /= xp.sqrt((texture * texture).sum(axis=(1, 2), keepdims=True) / np.float32(crystal.lattice.sites))
        if not field.any():
            return texture
        return texture + crystal.device.array(draws.uniform(0.0, 1.5)[:, None, None] * unit(field), np.float32)


@dataclass(frozen=True)
class SoftWaves:
    """Superposition of one, two or three of the softest waves with random phases and a random net magnetisation.

    The waves are drawn with Boltzmann weights at a temperature that is drawn for every texture. Half of the time the
    second is as soft as the first. The third is the one whose q adds up to zero with theirs if it is soft: such triples
    form skyrmion lattices and other multi-q states. Noise is added to half of the textures, which breaks symmetries
    that a relaxation would conserve, and more noise to those with all spins along one line, which exert no torque.

    spread   smallest and largest temperature, in units of the range of the soft waves' energies
    noise    largest amplitude of the noise; four times as large on collinear textures
    """

    parents: int = 0
    spread: tuple[float, float] = (0.01, 1.0)
    noise: float = 0.5

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return random superpositions of soft waves."""
        lattice, field = crystal.lattice, np.array(crystal.hamiltonian.field)
        low, high = np.log(self.spread)
        chosen, temperature = _chosen(crystal, np.exp(draws.uniform(low, high)), draws)
        number = draws.integers(1, MOST + 1)
        amplitude = _amplitudes(crystal, chosen, temperature, draws)
        amplitude *= np.exp(2j * np.pi * draws.uniform(size=MOST))[..., None]  # places of the crests
        amplitude *= np.sqrt(2 * lattice.atoms / number)[:, None, None] * (np.arange(MOST) < number[:, None])[..., None]
        direction = unit(draws.normal(3))
        mean = draws.uniform(0.0 if field.any() else -1.0, 1.5)[:, None] * (unit(field) if field.any() else direction)
        noise = np.where(draws.uniform() < 0.5, draws.uniform(0.0, self.noise), 0.0)
        noise = np.where(_collinear(amplitude, mean), draws.uniform(0.0, 4 * self.noise), noise)

        texture = draws.noise(crystal.device, lattice.sites)
        texture *= crystal.device.array(noise[:, None, None], np.float32)
        crystal.add_waves(texture, crystal.waves.index[chosen], amplitude)
        return texture + crystal.device.array(mean[:, None], np.float32)


def _collinear(amplitude: NDArray[np.complex128], mean: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether waves [replica, wave, atom * 3] and means [replica, 3] are all along one line, [replica]."""
    u = amplitude.reshape(len(mean), -1, 3)
    vectors = np.concatenate([u.real, u.imag, mean[:, None]], axis=1)
    strength = np.linalg.eigvalsh(vectors.swapaxes(1, 2) @ vectors)  # ascending
    return strength[:, 1] < 1e-6 * strength[:, 2]


def _chosen(
    crystal: Crystal, temperature: NDArray[np.float64], draws: Draws
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Draw ``MOST`` waves for each replica, [replica, wave]; return them and the temperature in meV, [replica].

    temperature   [replica] in units of the range of the soft waves' energies
    """
    waves = crystal.waves
    above = waves.energy - waves.energy[0]
    rounding = 1e-6 * abs(waves.energy[0]) + 1e-300
    temperature = temperature * above[-1] + rounding
    chosen = draws.choice(np.exp(-above / temperature[:, None]), MOST)
    alike = draws.choice(np.abs(above - above[chosen[:, :1]]) <= rounding)
    chosen[:, 1] = np.where(draws.uniform() < 0.5, alike, chosen[:, 1])
    around = waves.index + waves.index[chosen[:, :2]].sum(axis=1)[:, None]
    closes = (around % np.array(crystal.lattice.size) == 0).all(axis=2)
    chosen[:, 2] = np.where(closes.any(axis=1), closes.argmax(axis=1), chosen[:, 2])
    return chosen, temperature


def _amplitudes(
    crystal: Crystal, chosen: NDArray[np.int64], temperature: NDArray[np.float64], draws: Draws
) -> NDArray[np.complex128]:
    """Return random superpositions of the waves at the q of each chosen one, [replica, wave, atom * 3].

    Without spin-orbit coupling and anisotropy three of them are degenerate: the spins may rotate in any plane. The
    others have Boltzmann weights.
    """
    waves = crystal.waves
    noise = crystal.device.host(draws.noise(crystal.device, 2 * len(waves.energy))).astype(np.float64)
    parts = noise.reshape(*chosen.shape, 2, -1)
    stiffer = np.maximum(waves.energy - waves.energy[chosen][..., None], 0)  # [replica, wave, wave at the same q]
    weight = np.exp(-0.5 * stiffer / temperature[:, None, None]) * waves.together[chosen]
    mixture = (parts[:, :, 0] + 1j * parts[:, :, 1]) * weight
    mixture /= np.linalg.norm(mixture, axis=-1, keepdims=True)
    return np.asarray(mixture @ waves.vector.reshape(len(waves.energy), -1))
