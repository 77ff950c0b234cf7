"""Catalogue of the minima at given topological charges: many seeds in one background, relaxed in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.landscape.explore import TIGHT, Explorer
from magsearch.landscape.landscape import Landscape, Minimum
from magsearch.minima.stability import Stability, pushed, stability
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.model.triangulation import plane_axes, plane_frame
from magsearch.observables.topological_charge import topological_charge
from magsearch.randomness import Consumer, stream
from magsearch.relaxation.relax import Relaxation, relax

WHOLE = 0.1  # a charge that differs from a whole number by more is none
AXISYMMETRIC = 0.4  # share of the seeds with one core
BAGS = 0.25  # share of the seeds that are bags; the others have separate cores
PLACES = 16  # random places of separate cores, of which those farthest apart are taken
MODES = 4  # by which the stability of a minimum is judged


def planted(
    hamiltonian: Hamiltonian,
    background: NDArray[np.float64],
    centres: NDArray[np.float64],
    radii: NDArray[np.float64],
    vorticities: NDArray[np.int64],
    helicities: NDArray[np.float64],
    turns: int = 1,
    plateau: float = 0.0,
) -> NDArray[np.float64]:
    """Return a texture [site, 3] with axisymmetric cores planted in a background.

    Inside its radius a core turns from the opposite of the background's mean spin to it, by ``turns`` times pi. In the
    frame of the plane its azimuth is vorticity times the polar angle plus the helicity. Up to ``plateau``, in angstrom,
    it does not turn.

    centres   [core, 3] angstrom
    radii     [core] angstrom
    """
    lattice, frame = hamiltonian.lattice, plane_frame(hamiltonian.lattice)
    up = unit(background.mean(axis=0))
    sign = 1.0 if up @ frame[2] >= 0 else -1.0
    normal = frame[2] * sign
    found = background.copy()
    for centre, radius, vorticity, helicity in zip(centres, radii, vorticities, helicities, strict=True):
        away = _away(lattice, centre)
        x, y = away @ frame[0], away @ frame[1]
        distance, polar = np.hypot(x, y), np.arctan2(y, x)
        theta = turns * np.pi * np.minimum(1.0, (radius - distance) / (radius - plateau))
        azimuth = vorticity * polar + helicity
        core = (
            np.sin(theta)[:, None] * (np.cos(azimuth)[:, None] * frame[0] + np.sin(azimuth)[:, None] * frame[1])
            + np.cos(theta)[:, None] * normal
        )
        found = np.where((distance < radius)[:, None], core, found)
    found[~hamiltonian.occupied] = 0.0
    return found


def bag(
    hamiltonian: Hamiltonian,
    background: NDArray[np.float64],
    centre: NDArray[np.float64],
    radius: float,
    cores: int,
    vorticity: int,
    helicity: float,
) -> NDArray[np.float64]:
    """Return a texture [site, 3] with cores in a disc in which the background is reversed.

    Skyrmion bags: Rybakov & Kiselev, Phys. Rev. B 99, 064437 (2019). The wall of the disc and the cores, which touch
    each other on a ring, have one vorticity and one sense of rotation, so that ``cores`` of them make a charge of one
    less than their number.

    centre   [3] angstrom
    radius   of the cores, angstrom; the wall is as wide
    """
    frame = plane_frame(hamiltonian.lattice)
    ring = radius / np.sin(np.pi / cores) if cores > 1 else 0.0
    angle = 2 * np.pi * (np.arange(cores) + 0.25) / cores
    places = centre + ring * (np.cos(angle)[:, None] * frame[0] + np.sin(angle)[:, None] * frame[1])
    every = np.full(cores, vorticity)
    outer = np.array([ring + 2 * radius])
    disc = planted(hamiltonian, background, centre[None], outer, every[:1], np.array([helicity]), plateau=ring + radius)
    reversed_ = planted(
        hamiltonian, -background, places, np.full(cores, radius), every, np.full(cores, helicity + np.pi)
    )
    away = [_away(hamiltonian.lattice, place) @ frame[:2].T for place in places]
    inside = (np.linalg.norm(away, axis=2) < radius).any(axis=0)
    return np.where(inside[:, None], reversed_, disc)


def seeds(
    hamiltonian: Hamiltonian, background: NDArray[np.float64], charge: int, count: int, wavelength: float, seed: int
) -> NDArray[np.float64]:
    """Return ``count`` textures [texture, site, 3] of about a charge: one core, bags, or separate cores at places.

    Charge 0: cores that turn twice (skyrmionium), and pairs of opposite charges. The sign of the charge of a core is
    that of its vorticity, reversed where the background points along the normal of the plane. Separate cores are far
    apart at random places or, every other time, touch each other on a ring.
    """
    lattice, frame = hamiltonian.lattice, plane_frame(hamiltonian.lattice)
    random = stream(seed, Consumer.PATHS, island=1 + abs(charge), generation=int(charge > 0))
    sense = -1 if unit(background.mean(axis=0)) @ frame[2] >= 0 else 1
    axes = list(plane_axes(lattice))
    middle = np.full(3, 0.5) @ lattice.box
    room = 0.5 * min(lattice.heights[axis] * lattice.size[axis] for axis in axes)
    found = []
    for number in range(count):
        alone, bagged = number < AXISYMMETRIC * count, number < (AXISYMMETRIC + BAGS) * count
        helicity = random.integers(0, 4) * np.pi / 2
        if bagged and not alone:
            cores = abs(charge) + 1
            vorticity = -sense * int(np.sign(charge) or 1)
            widest = 2 + (1 / np.sin(np.pi / cores) if cores > 1 else 0.0)
            radius = min(wavelength * random.uniform(0.2, 0.4), 0.95 * room / widest)
            found.append(bag(hamiltonian, background, middle, radius, cores, vorticity, helicity))
            continue
        cores = 1 if alone else max(abs(charge), 2 if charge == 0 else 1)
        radii = wavelength * random.uniform(0.3, 0.8, cores) * (1 + 0.5 * (abs(charge) - 1) * (alone and charge != 0))
        tried = random.random((PLACES, cores, 2))
        fractions = np.full((cores, 3), 0.5)
        fractions[:, axes] = tried[np.argmax([_apart(one) for one in tried])]
        places = fractions @ lattice.box
        if cores > 1 and number % 2:
            ring = radii.max() / np.sin(np.pi / cores)
            angle = 2 * np.pi * (np.arange(cores) + random.random()) / cores
            places = middle + ring * (np.cos(angle)[:, None] * frame[0] + np.sin(angle)[:, None] * frame[1])
        if charge == 0:
            vorticities = np.array([1]) if alone else np.array([1, -1])
        else:
            vorticities = np.full(cores, sense * (charge if alone else np.sign(charge)))
        turns = 2 if alone and charge == 0 else 1
        found.append(
            planted(hamiltonian, background, places, radii * turns, vorticities, np.full(cores, helicity), turns)
        )
    return np.array(found)


def _away(lattice: Lattice, centre: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sites as they are seen from a place, across periodic edges, [site, 3] angstrom."""
    away = (lattice.positions - centre) @ np.linalg.inv(lattice.box)
    return np.asarray(np.where(lattice.periodic, away - np.rint(away), away) @ lattice.box)


def _apart(places: NDArray[np.float64]) -> float:
    """Return the shortest distance between places [core, 2] in units of the box, across its edges."""
    away = places[:, None] - places
    length = np.linalg.norm(away - np.rint(away), axis=2) + 2 * np.eye(len(places))
    return float(length.min())


def catalogue(
    evaluator: Evaluator,
    textures: NDArray[np.float64],
    charges: Sequence[int],
    each: int,
    watch: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
    descend: Callable[[NDArray[np.float64]], Relaxation] | None = None,
) -> list[tuple[Minimum, Stability]]:
    """Return the distinct minima of the given charges that textures [texture, site, 3] relax to, with their stability.

    Lowest first.
    Saddle points are displaced along their negative mode and relaxed again.

    each      largest number of minima of a charge
    descend   relaxes textures, on several ranks; None: here
    """
    descend = descend or (lambda given: relax(TIGHT, evaluator, given, watch=watch))
    explorer = Explorer(evaluator, most=each, watch=watch)
    found: dict[int, Landscape] = {charge: Landscape(()) for charge in charges}
    others = 0

    def sorted_in(relaxed: NDArray[np.float64], energy: NDArray[np.float64], converged: NDArray[np.bool_]) -> None:
        nonlocal others
        for k in np.argsort(energy, kind="stable"):
            charge = float(topological_charge(evaluator.hamiltonian.lattice, relaxed[k]))
            whole = round(charge)
            if not converged[k] or abs(charge - whole) > WHOLE or whole not in found:
                others += 1
                continue
            found[whole], _ = explorer.placed(found[whole], relaxed[k])

    relaxed = descend(textures)
    sorted_in(np.asarray(relaxed.textures), relaxed.energy, relaxed.converged)
    known: dict[int, Stability] = {}
    for last in (False, True):
        new = [m for landscape in found.values() for m in landscape.minima if id(m) not in known]
        if not new:
            break
        judged, lowest = stability(evaluator, np.array([one.spins for one in new]), MODES, watch)
        known |= {id(one): of for one, of in zip(new, judged, strict=True)}
        falling = [k for k, one in enumerate(judged) if one.kind == "saddle"]
        found = {
            charge: Landscape(tuple(m for m in of.minima if known[id(m)].kind != "saddle"))
            for charge, of in found.items()
        }
        if last or not falling:
            break
        starts = np.array([texture for k in falling for texture in pushed(new[k].spins, lowest[k])])
        again = descend(starts)
        sorted_in(np.asarray(again.textures), again.energy, again.converged)
    if others:
        say(f"{others} of {len(textures)} seeds relaxed to other charges, or did not converge")
    for charge, landscape in found.items():
        say(f"charge {charge:+d}: {len(landscape.minima)} minima")
    every = [one for landscape in found.values() for one in landscape.minima]
    return [(one, known[id(one)]) for one in sorted(every, key=lambda one: one.energy)]
