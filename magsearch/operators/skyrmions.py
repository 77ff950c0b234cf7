"""Operators that create, remove or move a single skyrmion."""

from __future__ import annotations

from dataclasses import dataclass
from operator import and_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.model.sphere import unit
from magsearch.model.triangulation import plane_frame, stacking_axis
from magsearch.observables.topological_charge import EXCEPTIONAL
from magsearch.operators import arrays
from magsearch.operators.crystal import Crystal
from magsearch.randomness import Draws

PLACES = 8  # trial displacements of a skyrmion; the one with the least charge at its end is taken
CENTRING = 3  # mean-shift steps to the centre of a skyrmion


def _up(crystal: Crystal, textures: Any) -> NDArray[np.float64]:
    """Return the direction of the field, else of the mean spin, else of z, [replica, 3]."""
    field = np.array(crystal.hamiltonian.field)
    if field.any():
        return np.tile(unit(field), (len(textures), 1))
    mean = np.asarray(crystal.device.host(textures.mean(axis=1)), dtype=np.float64)
    mean[np.linalg.norm(mean, axis=1) <= 1e-3] = (0.0, 0.0, 1.0)
    return unit(mean)


def _one_of(crystal: Crystal, mask: Any, draws: Draws) -> NDArray[np.float64]:
    """Return the position of a random site of a mask [replica, site], of any site if it has none, [replica, 3]."""
    weights = mask | ~mask.any(axis=1)[:, None]
    site = arrays.drawn(crystal.xp, weights, crystal.column(draws.uniform(), np.float64))
    return crystal.fractions[crystal.device.host(site)]


@dataclass(frozen=True)
class PlantSkyrmion:
    """New skyrmion with a radius of about half a wavelength where the texture points along the field.

    Its helicity is a random multiple of pi / 2, its vorticity +1, sometimes -1 (an antiskyrmion).
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with one skyrmion more."""
        xp, parent = crystal.xp, parents[:, 0]
        up = _up(crystal, parent)
        upwards = arrays.along(parent, crystal.device.array(up, np.float32))
        centre = _one_of(crystal, upwards > 0.5, draws)
        across = np.where(np.abs(up[:, :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
        side = unit(np.cross(up, across))
        other = np.cross(up, side)
        radius = draws.uniform(0.35, 0.65) * crystal.wavelength
        vorticity = np.where(draws.uniform() < 0.8, 1.0, -1.0)
        helicity = np.pi / 2 * draws.integers(0, 4)

        away = crystal.displacement(centre, np.stack([side, other], axis=1))
        x, y = away[:, 0], away[:, 1]
        distance = xp.sqrt(x * x + y * y)
        theta = distance * crystal.column(np.pi / radius)  # pi minus the angle to the field
        inside = theta < np.float32(np.pi)
        sine = xp.sin(theta) / xp.where(distance > 0, distance, np.float32(1))
        x, y = x * sine, y * sine * crystal.column(vorticity)
        first = np.cos(helicity)[:, None] * side + np.sin(helicity)[:, None] * other
        second = np.cos(helicity)[:, None] * other - np.sin(helicity)[:, None] * side
        frame = crystal.device.array(np.stack([first, second, -up], axis=2), np.float32)
        planted = arrays.turned(xp, xp.stack([x, y, xp.cos(theta)], axis=2), frame)
        return arrays.where(xp, inside, planted, parent)


@dataclass(frozen=True)
class RemoveSkyrmion:
    """Disk around a spin antiparallel to the field, aligned with the field."""

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with a disk aligned with the field."""
        parent = parents[:, 0]
        up = crystal.device.array(_up(crystal, parent), np.float32)
        centre = _one_of(crystal, arrays.along(parent, up) < -0.8, draws)
        radius = crystal.column(draws.uniform(0.4, 0.7) * crystal.wavelength)
        return arrays.where(crystal.xp, crystal.distance2(centre) < radius * radius, up[:, None], parent)


@dataclass(frozen=True)
class MoveSkyrmion:
    """Exchange, spin by spin, of a disk around a topological charge and a disk with less charge elsewhere.

    The skyrmion keeps its polarity, helicity and sublattices, and the background fills the gap. In stacked layers both
    disks are columns.
    """

    parents: int = 1

    def __call__(self, crystal: Crystal, parents: Any, draws: Draws) -> Any:
        """Return the parents with two disks exchanged; unchanged if no displacement is possible."""
        xp = crystal.xp
        charge = _site_charge(crystal, parents[:, 0])
        inside = _disk(crystal, charge, draws.uniform(0.5, 0.7) * crystal.wavelength, draws)
        shifts = (draws.uniform(size=(PLACES, 3)) * crystal.lattice.size).astype(np.int64)
        shifts[..., stacking_axis(crystal.lattice)] = 0
        costs = []
        for trial in range(PLACES):
            here, there, _ = _exchanged(crystal, inside, shifts[:, trial])
            taken = xp.take_along_axis(inside, there, axis=1) & here
            cost = (xp.abs(xp.take_along_axis(charge, there, axis=1)) * here).sum(axis=1)
            possible = here.any(axis=1) & ~taken.any(axis=1)
            costs.append(xp.where(possible, cost, np.float32(np.inf)))
        cost = crystal.device.host(xp.stack(costs, axis=1))
        best = shifts[np.arange(len(shifts)), cost.argmin(axis=1)]
        here, there, back = _exchanged(crystal, inside, best)
        here = here & crystal.column(np.isfinite(cost).any(axis=1), np.bool_)
        site = xp.arange(crystal.lattice.sites)
        source = xp.where(here, there, xp.where(xp.take_along_axis(here, back, axis=1), back, site))
        return arrays.gathered(xp, parents, source)


def _exchanged(crystal: Crystal, inside: Any, shift: NDArray[np.int64]) -> tuple[Any, Any, Any]:
    """Return which sites inside a disk can be exchanged with those ``shift`` cells away, and their partners.

    All [replica, site]: whether it can be, its partner, and the site whose partner it would be.
    """
    xp, lattice = crystal.xp, crystal.lattice
    to = [np.arange(n) + shift[:, axis, None] for axis, n in enumerate(lattice.size)]
    there = crystal.sites_at(*(x % n for x, n in zip(to, lattice.size, strict=True)))
    back = crystal.moved_from(shift)
    in_box = [(x < n) | p for x, n, p in zip(to, lattice.size, lattice.periodic, strict=True)]
    exists = crystal.over_cells(and_, np.bool_, *in_box)[..., None] & xp.ones(lattice.atoms, dtype=np.bool_)
    here = inside & exists.reshape(there.shape) & crystal.occupied & crystal.occupied[there]
    return here, there, back


def _disk(crystal: Crystal, charge: Any, radius: NDArray[np.float64], draws: Draws) -> Any:
    """Return masks [replica, site] of disks about the centre of charge near a site drawn with its charge as weight.

    The centre is found by mean shift: Comaniciu & Meer, IEEE Trans. Pattern Anal. Mach. Intell. 24, 603 (2002).
    """
    xp, host = crystal.xp, crystal.device.host
    weight = xp.abs(charge)
    weight = xp.where(weight.sum(axis=1)[:, None] > 1e-3, weight, np.float32(1))
    site = arrays.drawn(xp, weight, crystal.column(draws.uniform(), np.float64))
    weight = xp.where(charge * xp.take_along_axis(charge, site[:, None], axis=1) >= 0, weight, np.float32(0))
    centre, plane = crystal.fractions[host(site)], plane_frame(crystal.lattice)[:2]
    limit = crystal.column(radius * radius)
    for _ in range(CENTRING):
        away = crystal.displacement(centre, plane)
        x, y = away[:, 0], away[:, 1]
        near = weight * (x * x + y * y < limit)
        sums = host(xp.stack([(near * x).sum(axis=1), (near * y).sum(axis=1), near.sum(axis=1)], axis=1))
        step = sums[:, :2] / np.maximum(sums[:, 2:], 1e-30)
        centre = centre + step @ plane @ np.linalg.inv(crystal.lattice.box)
    return crystal.distance2(centre, plane) < limit


def _site_charge(crystal: Crystal, textures: Any) -> Any:
    """Return the topological charge of every site, [replica, site]: a third of that of each triangle at it.

    Of triangles as ``topological_charge.charge_density`` has it.
    """
    xp, replicas = crystal.xp, len(textures)
    corners, at = crystal.triangles
    if not corners.size:
        return xp.zeros((replicas, crystal.lattice.sites), dtype=np.float32)
    a, b, c = ([textures[:, corner, x] for x in range(3)] for corner in corners)

    def dot(p: list[Any], q: list[Any]) -> Any:
        return p[0] * q[0] + p[1] * q[1] + p[2] * q[2]

    volume = dot(a, [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]])
    overlap = dot(a, b) + dot(b, c) + dot(c, a)
    occupied = (dot(a, a) > 0) & (dot(b, b) > 0) & (dot(c, c) > 0)
    defined = occupied & (volume * volume + (1 + overlap) * (1 + overlap) > np.float32(EXCEPTIONAL**2))
    charge = xp.where(defined, xp.arctan2(volume, 1 + overlap), np.float32(0)) / np.float32(6 * np.pi)
    none = xp.zeros((replicas, 1), dtype=np.float32)
    return xp.concatenate([charge, none], axis=1)[:, at].sum(axis=2)
