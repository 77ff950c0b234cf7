"""Seeds: operators without parents, for the first generation and for new candidates later.

``SoftWaves`` superposes the softest modes of the Luttinger-Tisza matrix, Phys. Rev. 70, 954 (1946).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import unit
from magsearch.operators.crystal import Crystal


@dataclass(frozen=True)
class RandomSpins:
    """Spins drawn independently and uniformly on the sphere."""

    parents: int = 0

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return random spins."""
        return random.normal(size=(crystal.lattice.sites, 3))


@dataclass(frozen=True)
class SoftWaves:
    """Superposition of one, two or three of the softest waves with random phases and a random net magnetisation.

    The waves are drawn with Boltzmann weights at a temperature that is drawn for every texture. Half of the time the
    second is as soft as the first. The third is the one whose q adds up to zero with theirs if it is soft: such triples
    form skyrmion lattices and other multi-q states. Noise is added to half of the textures, which breaks symmetries
    that a relaxation would conserve.

    spread   smallest and largest temperature, in units of the range of the soft waves' energies
    noise    largest amplitude of the noise
    """

    parents: int = 0
    spread: tuple[float, float] = (0.01, 1.0)
    noise: float = 0.5

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return a random superposition of soft waves."""
        waves, lattice = crystal.waves, crystal.lattice
        above = waves.energy - waves.energy[0]
        rounding = 1e-6 * abs(waves.energy[0]) + 1e-300
        temperature = np.exp(random.uniform(*np.log(self.spread))) * above[-1] + rounding
        weight = np.exp(-above / temperature)
        weight /= weight.sum()
        first, second, third = random.choice(len(weight), size=3, p=weight)
        if random.random() < 0.5:
            second = random.choice(np.flatnonzero(np.abs(above - above[first]) <= rounding))
        size = np.array(lattice.size)
        around = waves.index + waves.index[first] + waves.index[second]
        closes = np.flatnonzero((around % size == 0).all(axis=1))
        number = random.integers(1, 4)
        texture = np.zeros((lattice.cells, lattice.atoms, 3))
        for k in (first, second, closes[0] if len(closes) else third)[:number]:
            phase = 2 * np.pi * (lattice.coordinates @ (waves.index[k] / size) + random.random())
            texture += np.real(np.exp(1j * phase)[:, None, None] * self._amplitude(crystal, k, temperature, random))
        texture *= np.sqrt(2 * lattice.atoms / number)
        field = np.array(crystal.hamiltonian.field)
        up = field / np.linalg.norm(field) if field.any() else unit(random.normal(size=3))
        texture += random.uniform(0.0 if field.any() else -1.0, 1.5) * up
        if random.random() < 0.5:
            texture += random.uniform(0.0, self.noise) * random.normal(size=texture.shape)
        return texture.reshape(-1, 3)

    @staticmethod
    def _amplitude(crystal: Crystal, k: int, temperature: float, random: np.random.Generator) -> NDArray[np.complex128]:
        """Return a random superposition [atom, 3] of the waves at the q of wave k, with Boltzmann weights.

        Without spin-orbit coupling and anisotropy three of them are degenerate: the spins may rotate in any plane.
        """
        waves = crystal.waves
        there = (waves.index == waves.index[k]).all(axis=1)
        stiffer = np.maximum(waves.energy[there] - waves.energy[k], 0)
        mixture = random.normal(size=len(stiffer)) + 1j * random.normal(size=len(stiffer))
        mixture *= np.exp(-0.5 * stiffer / temperature)
        return np.tensordot(mixture / np.linalg.norm(mixture), waves.vector[there], axes=1)
