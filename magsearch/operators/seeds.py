"""Where a search starts: textures made from nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.crystal import Crystal


@dataclass(frozen=True)
class RandomSpins:
    """Every spin uniform on the sphere."""

    parents: int = 0

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        return random.normal(size=(crystal.lattice.sites, 3))


@dataclass(frozen=True)
class SoftWaves:
    """A superposition of the softest waves of J(q) with random phases, and a random net magnetisation.

    One, two or three waves; three are taken so that their q add up to zero where such a triple is soft, which makes the
    periodic textures (skyrmion lattices and other multi-q states) that a triple can make.

    spread   waves are drawn with weights that fall by e over this fraction of the range of J(q)'s soft part
    """

    parents: int = 0
    spread: float = 0.25

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        waves, lattice = crystal.waves, crystal.lattice
        above = waves.energy - waves.energy[0]
        weight = np.exp(-above / (self.spread * above[-1] + 1e-12 * abs(waves.energy[0]) + 1e-300))
        first, second = random.choice(len(weight), size=2, p=weight / weight.sum())
        size = np.array(lattice.size)
        third = -(waves.index[first] + waves.index[second])
        closes = np.flatnonzero(((waves.index - third) % size == 0).all(axis=1))
        number = random.integers(1, 4)
        last = closes[0] if len(closes) else random.choice(len(weight), p=weight / weight.sum())
        texture = np.zeros((lattice.cells, lattice.atoms, 3))
        for k in (first, second, last)[:number]:
            phase = 2 * np.pi * (lattice.coordinates @ (waves.index[k] / size) + random.random())
            texture += np.real(np.exp(1j * phase)[:, None, None] * self._amplitude(crystal, k, random))
        texture *= np.sqrt(2 * lattice.atoms / number)
        field = np.array(crystal.hamiltonian.field)
        up = field / np.linalg.norm(field) if field.any() else unit(random.normal(size=3))
        return texture.reshape(-1, 3) + random.uniform(0.0 if field.any() else -1.0, 1.5) * up

    @staticmethod
    def _amplitude(crystal: Crystal, k: int, random: np.random.Generator) -> NDArray[np.complex128]:
        """[atom, 3]: a random mixture of all waves at the q of wave k that are as soft.

        There are three without spin-orbit coupling, where the spins may turn in any plane.
        """
        waves = crystal.waves
        soft = np.abs(waves.energy - waves.energy[k]) <= 1e-6 * np.abs(waves.energy[0])
        among = waves.vector[(waves.index == waves.index[k]).all(axis=1) & soft]
        mixture = random.normal(size=len(among)) + 1j * random.normal(size=len(among))
        return np.tensordot(mixture / np.linalg.norm(mixture), among, axes=1)


def unit(v: NDArray[Any]) -> NDArray[Any]:
    """Vectors of length one, [..., 3]; zero stays zero."""
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    return v / np.where(length > 0, length, 1.0)
