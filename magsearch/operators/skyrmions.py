"""Single skyrmions put in or taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.crystal import Crystal
from magsearch.operators.seeds import unit


def _up(crystal: Crystal, texture: NDArray[Any]) -> NDArray[Any]:
    field = np.array(crystal.hamiltonian.field)
    mean = texture.mean(axis=0)
    return unit(field if field.any() else mean if np.linalg.norm(mean) > 1e-3 else np.array([0.0, 0.0, 1.0]))


@dataclass(frozen=True)
class PlantSkyrmion:
    """A skyrmion of about half a wavelength's radius where the texture points along the field.

    Helicity at random among those that the couplings may prefer; vorticity +1, sometimes -1 (an antiskyrmion).
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        child, up = parents[0].copy(), _up(crystal, parents[0])
        along = np.flatnonzero(child @ up > 0.5)
        centre = crystal.fractions[random.choice(along)] if len(along) else crystal.anywhere(random)
        away = crystal.displacement(centre)
        side = unit(np.cross(up, [1.0, 0.0, 0.0]) if abs(up[0]) < 0.9 else np.cross(up, [0.0, 1.0, 0.0]))
        other = np.cross(up, side)
        x, y = away @ side, away @ other
        radius = random.uniform(0.35, 0.65) * crystal.wavelength
        distance = np.hypot(x, y)
        inside = distance < radius
        theta = np.pi * (1 - distance[inside] / radius)
        vorticity = 1 if random.random() < 0.8 else -1
        phi = vorticity * np.arctan2(y[inside], x[inside]) + np.pi / 2 * random.integers(4)
        child[inside] = (
            np.cos(theta)[:, None] * up
            + (np.sin(theta) * np.cos(phi))[:, None] * side
            + (np.sin(theta) * np.sin(phi))[:, None] * other
        )
        return child


@dataclass(frozen=True)
class RemoveSkyrmion:
    """A disk around a spin that points against the field, turned along it."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        child, up = parents[0].copy(), _up(crystal, parents[0])
        against = np.flatnonzero(child @ up < -0.8)
        centre = crystal.fractions[random.choice(against)] if len(against) else crystal.anywhere(random)
        distance = np.linalg.norm(crystal.displacement(centre), axis=1)
        child[distance < random.uniform(0.4, 0.7) * crystal.wavelength] = up
        return child
