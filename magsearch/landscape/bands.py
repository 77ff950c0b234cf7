"""Geodesic nudged elastic band with climbing images, of many paths at once: every image is a replica of the engine.

Bessarab, Uzdin & Jonsson, Comput. Phys. Commun. 196, 335 (2015); tangents of Henkelman & Jonsson, J. Chem. Phys. 113,
9978 (2000); climbing images of Henkelman, Uberuaga & Jonsson, J. Chem. Phys. 113, 9901 (2000). Images move by velocity
projection, which keeps what costs no energy, such as translations of a skyrmion, from drifting.

Arrays of spins are [block, site, 3, width], as the kernels have them; the images of a band are consecutive columns, the
first and the last of which are at rest. Numbers of a column are [block, width].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import SUM, Evaluator

LOOK = 20  # iterations between two polls of the forces
SPRING = 0.1  # stiffness of the springs, of that of the energy
STEP = 0.8  # time step, 1 / sqrt(stiffness)
TURN = 0.3  # radians, largest rotation of a spin in a step


@dataclass(frozen=True)
class Bands:
    """Settings of nudged elastic bands.

    images     of a band, both ends included
    steps      largest number of iterations
    climbing   number of iterations after which the highest image climbs
    force      largest force on the climbing image at which a band has converged, of the stiffest coupling; on others
               ten times as much
    """

    images: int = 16
    steps: int = 200
    climbing: int = 40
    force: float = 1e-3

    def __post_init__(self) -> None:
        if self.images < 3:
            raise ValueError(f"a band has {self.images} images; expected at least 3")


@dataclass(frozen=True, eq=False)
class Relaxed:
    """Bands after their relaxation.

    paths         [band, image, site, 3]
    energies      [band, image] meV
    lengths       [band, image] radians of all spins, along the path from its beginning
    evaluations   of all images together
    """

    paths: NDArray[np.float64]
    energies: NDArray[np.float64]
    lengths: NDArray[np.float64]
    evaluations: int

    def peaks(self, band: int) -> list[int]:
        """Return the images of a band that have more energy than their neighbours, highest first."""
        e = self.energies[band]
        found = [k for k in range(1, len(e) - 1) if e[k] > e[k - 1] and e[k] >= e[k + 1]]
        return sorted(found, key=lambda k: -e[k])

    def tangent(self, band: int, image: int) -> NDArray[np.float64]:
        """Return the direction of a band at an image inside, [site, 3], not normalised."""
        return np.asarray(self.paths[band, image + 1] - self.paths[band, image - 1])


def relax(
    bands: Bands, evaluator: Evaluator, paths: NDArray[np.float64], watch: Callable[[], None] = lambda: None
) -> Relaxed:
    """Relax initial paths [band, image, site, 3] in double precision; ``watch`` is called regularly and may raise.

    As many bands are relaxed at once as the caches of a CPU or the memory of a GPU hold.
    """
    if evaluator.real != np.float64:
        raise ValueError("bands need an evaluator in double precision")
    count, images = paths.shape[:2]
    together = max(1, evaluator.device.portion // (images * evaluator.sites * 24))
    whole = -(-evaluator.device.width // images)  # bands that fill a block
    together = max(together, whole)
    parts = [_Band(bands, evaluator, paths[k : k + together]).run(watch) for k in range(0, count, together)]
    return Relaxed(
        np.concatenate([part.paths for part in parts]),
        np.concatenate([part.energies for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        sum(part.evaluations for part in parts),
    )


class _Band:
    """Bands that move in lockstep."""

    def __init__(self, bands: Bands, evaluator: Evaluator, paths: NDArray[np.float64]):
        self.bands, self.evaluator = bands, evaluator
        self.count, self.images = paths.shape[:2]
        device, xp = evaluator.device, evaluator.device.xp
        self.spins = evaluator.spins(paths.reshape(-1, *paths.shape[2:]))
        self.columns = evaluator.replicas(self.spins)
        self.shape = (len(self.spins), device.width)
        zeeman = evaluator.zeeman(evaluator.hamiltonian.field, self.columns)
        self.force = xp.zeros_like(self.spins)
        self.velocity = xp.zeros_like(self.spins)
        sums = xp.empty((evaluator.chunks, len(SUM) - 1, self.columns))
        evaluate = evaluator.evaluation(self.spins, zeeman, self.force, self.force, sums)
        reduce, self.sums = evaluator.reduction(sums, len(SUM) - 1, SUM["LARGEST2"])
        self.evaluate = device.chain(evaluate, reduce)
        inside = np.zeros(self.columns)
        inside[: self.count * self.images] = np.tile(np.r_[0.0, np.ones(self.images - 2), 0.0], self.count)
        self.inside = device.array(inside.reshape(self.shape), np.float64)
        self.step = STEP * evaluator.stiffness**-0.5

    def run(self, watch: Callable[[], None]) -> Relaxed:
        """Move the bands until all have converged, and measure them."""
        device, limit, spring = self.evaluator.device, self.bands.force * self.evaluator.stiffness, SPRING
        iteration = 0
        while iteration < self.bands.steps:
            if iteration % LOOK == 0:
                watch()
            climb = iteration >= self.bands.climbing
            pushed, climbing, _ = self._forces(climb, spring)
            if climb and iteration % LOOK == 0:
                largest = self.evaluator.device.xp.sqrt((pushed * pushed).sum(axis=2).max(axis=1))
                worst = device.host((largest * device.xp.where(climbing, 1.0, 0.1)).max())
                if worst <= limit:
                    break
            self._move(pushed)
            iteration += 1
        watch()
        _, _, ahead = self._forces(False, spring)
        n = self.count * self.images
        energies = device.host(self.sums[SUM["ENERGY"]])[:n].reshape(self.count, self.images)
        steps = np.sqrt(device.host(ahead).reshape(-1)[:n].reshape(self.count, self.images))[:, :-1]
        lengths = np.concatenate([np.zeros((self.count, 1)), np.cumsum(steps, axis=1)], axis=1)
        paths = device.host(self.evaluator.textures(self.spins))[:n].reshape(self.count, self.images, -1, 3)
        return Relaxed(paths, energies.copy(), lengths, (iteration + 1) * self.count * (self.images - 2))

    def _forces(self, climb: bool, spring: float) -> tuple[Any, Any, Any]:
        """Return the nudged forces, which columns climb, and the square of the distance to the next image."""
        xp, s = self.evaluator.device.xp, self.spins
        self.evaluate()
        energy = self.sums[SUM["ENERGY"]].reshape(self.shape)
        following, previous = _after(xp, s) - s, s - _before(xp, s)
        up, down = _after(xp, energy) - energy, energy - _before(xp, energy)
        ahead2 = _turn2(xp, following)
        behind = xp.sqrt(_before(xp, ahead2))
        larger, smaller = xp.maximum(xp.abs(up), xp.abs(down)), xp.minimum(xp.abs(up), xp.abs(down))
        rising, falling, high = (up > 0) & (down > 0), (up < 0) & (down < 0), up + down > 0
        forward = xp.where(rising, 1.0, xp.where(falling, 0.0, xp.where(high, larger, smaller)))
        backward = xp.where(rising, 0.0, xp.where(falling, 1.0, xp.where(high, smaller, larger)))
        none = forward + backward <= 0  # equal energies
        forward, backward = xp.where(none, 1.0, forward), xp.where(none, 1.0, backward)
        tangent = following
        tangent *= _wide(forward)
        previous *= _wide(backward)
        tangent += previous
        tangent -= (tangent * s).sum(axis=2, keepdims=True) * s
        length = xp.sqrt((tangent * tangent).sum(axis=(1, 2)))
        along = (self.force * tangent).sum(axis=(1, 2)) / xp.maximum(length * length, 1e-300)
        raised = xp.where(self.inside > 0, energy, -xp.inf)
        climbing = (up <= 0) & (down >= 0) & (raised >= self._highest(raised)) & climb
        apart = spring * self.evaluator.stiffness * (xp.sqrt(ahead2) - behind) / xp.maximum(length, 1e-150)
        share = xp.where(climbing, -2 * along, apart - along) * self.inside
        tangent *= _wide(share)
        tangent += self.force * _wide(self.inside)
        return tangent, climbing, ahead2

    def _move(self, force: Any) -> None:
        """Move every image by a step of velocity projection: velocity that is not along its force is forgotten."""
        xp, s = self.evaluator.device.xp, self.spins
        force2 = (force * force).sum(axis=(1, 2))
        power = (self.velocity * force).sum(axis=(1, 2))
        kept = xp.maximum(power, 0.0) / xp.maximum(force2, 1e-300)
        self.velocity = force * _wide(kept + self.step)
        largest = xp.sqrt((self.velocity * self.velocity).sum(axis=2).max(axis=1)) * self.step
        self.velocity *= _wide(xp.minimum(1.0, TURN / xp.maximum(largest, 1e-300)))
        s += self.velocity * self.step
        norm = xp.sqrt((s * s).sum(axis=2, keepdims=True))
        s /= xp.where(norm > 0, norm, 1.0)

    def _highest(self, values: Any) -> Any:
        """Return the largest of numbers of columns [block, width] over the images of each band, by column."""
        xp, n = self.evaluator.device.xp, self.count * self.images
        every = xp.full(self.columns, xp.inf)
        every[:n] = xp.repeat(values.reshape(-1)[:n].reshape(self.count, self.images).max(axis=1), self.images)
        return every.reshape(self.shape)


def _wide(values: Any) -> Any:
    """Return numbers of columns [block, width] so that they broadcast over spins."""
    return values[:, None, None, :]


def _after(xp: Any, values: Any) -> Any:
    """Return what the following column holds; the last column holds its own."""
    moved = xp.empty_like(values)
    moved[..., :-1] = values[..., 1:]
    moved[:-1, ..., -1] = values[1:, ..., 0]
    moved[-1, ..., -1] = values[-1, ..., -1]
    return moved


def _before(xp: Any, values: Any) -> Any:
    """Return what the previous column holds; the first column holds its own."""
    moved = xp.empty_like(values)
    moved[..., 1:] = values[..., :-1]
    moved[1:, ..., 0] = values[:-1, ..., -1]
    moved[0, ..., 0] = values[0, ..., 0]
    return moved


def _turn2(xp: Any, difference: Any) -> Any:
    """Return the squared geodesic distance of each column from the differences of unit vectors, [block, width]."""
    chord = xp.sqrt((difference * difference).sum(axis=2))
    angle = 2 * xp.arcsin(xp.minimum(0.5 * chord, 1.0))
    return (angle * angle).sum(axis=1)
