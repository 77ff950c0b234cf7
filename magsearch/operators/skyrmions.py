"""Operators that create, remove or move a single skyrmion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import unit
from magsearch.model.triangulation import plane_frame, stacking_axis, triangles
from magsearch.observables.topological_charge import charge_density
from magsearch.operators.crystal import Crystal

PLACES = 8  # trial displacements of a skyrmion; the one with the least charge at its end is taken
CENTRING = 3  # mean-shift steps to the centre of a skyrmion


def _up(crystal: Crystal, texture: NDArray[Any]) -> NDArray[Any]:
    field = np.array(crystal.hamiltonian.field)
    mean = texture.mean(axis=0)
    return unit(field if field.any() else mean if np.linalg.norm(mean) > 1e-3 else np.array([0.0, 0.0, 1.0]))


@dataclass(frozen=True)
class PlantSkyrmion:
    """New skyrmion with a radius of about half a wavelength where the texture points along the field.

    Its helicity is a random multiple of pi / 2, its vorticity +1, sometimes -1 (an antiskyrmion).
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with one skyrmion more."""
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
    """Disk around a spin antiparallel to the field, aligned with the field."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with a disk aligned with the field."""
        child, up = parents[0].copy(), _up(crystal, parents[0])
        against = np.flatnonzero(child @ up < -0.8)
        centre = crystal.fractions[random.choice(against)] if len(against) else crystal.anywhere(random)
        distance = np.linalg.norm(crystal.displacement(centre), axis=1)
        child[distance < random.uniform(0.4, 0.7) * crystal.wavelength] = up
        return child


@dataclass(frozen=True)
class MoveSkyrmion:
    """Exchange, spin by spin, of a disk around a topological charge and a disk with less charge elsewhere.

    The skyrmion keeps its polarity, helicity and sublattices, and the background fills the gap. In stacked layers both
    disks are columns.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
        """Return the parent with two disks exchanged; unchanged if no displacement is possible."""
        lattice, occupied = crystal.lattice, crystal.hamiltonian.occupied
        charge = _site_charge(crystal, parents[0])
        inside = self._around(crystal, charge, random.uniform(0.5, 0.7) * crystal.wavelength, random)
        best, least = None, np.inf
        for _ in range(PLACES):
            shift = np.array([random.integers(n) for n in lattice.size])
            shift[stacking_axis(lattice)] = 0
            cells = lattice.neighbours(shift)
            there = (cells[:, None] * lattice.atoms + np.arange(lattice.atoms)).ravel()
            here = np.flatnonzero(inside & (np.repeat(cells, lattice.atoms) >= 0) & occupied & occupied[there])
            if len(here) and not inside[there[here]].any() and np.abs(charge[there[here]]).sum() < least:
                best, least = (here, there[here]), np.abs(charge[there[here]]).sum()
        child = parents[0].copy()
        if best is not None:
            here, there = best
            child[here], child[there] = parents[0][there], parents[0][here]
        return child

    @staticmethod
    def _around(
        crystal: Crystal, charge: NDArray[Any], radius: float, random: np.random.Generator
    ) -> NDArray[np.bool_]:
        """Return a mask [site] of a disk about the centre of charge near a site drawn with its charge as weight.

        The centre is found by mean shift: Comaniciu & Meer, IEEE Trans. Pattern Anal. Mach. Intell. 24, 603 (2002).
        """
        weight = np.abs(charge) if np.abs(charge).sum() > 1e-3 else np.ones(len(charge))
        site = random.choice(len(weight), p=weight / weight.sum())
        weight = np.where(charge * charge[site] >= 0, weight, 0)
        centre, plane = crystal.fractions[site], plane_frame(crystal.lattice)[:2].T
        for _ in range(CENTRING):
            away = crystal.displacement(centre)
            near = np.linalg.norm(away @ plane, axis=1) < radius
            step = (weight * near) @ away / max((weight * near).sum(), 1e-300)
            centre = centre + step @ plane @ plane.T @ np.linalg.inv(crystal.lattice.box)
        return np.linalg.norm(crystal.displacement(centre) @ plane, axis=1) < radius


def _site_charge(crystal: Crystal, texture: NDArray[Any]) -> NDArray[np.float64]:
    """Return the topological charge of every site, [site]: a third of that of each triangle at it."""
    corners = triangles(crystal.lattice)
    charge = np.repeat(charge_density(crystal.lattice, texture) / 3, 3)
    return np.asarray(np.bincount(corners.ravel(), charge, minlength=crystal.lattice.sites), dtype=np.float64)
