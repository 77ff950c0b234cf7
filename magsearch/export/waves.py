"""Propagation vectors of a texture: the wave vectors at which it has Fourier weight, as fractions of r.l.u."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice, shortest
from magsearch.model.reciprocal import wave_vectors
from magsearch.observables.structure_factor import sublattice_modes

FAINT = 1e-3  # smallest fraction of the Fourier weight of an arm
HARMONIC = 0.25  # of the weight of the heaviest arm: what is lighter and a sum of heavier arms is a harmonic
SUMS = 5  # largest multiple of an arm in such a sum
ARMS = 12  # most that are listed


@dataclass(frozen=True)
class PropagationVector:
    """An arm of the propagation vectors of a texture; -q belongs to it.

    q          in reciprocal lattice units of the chemical cell as it was given, in the first Brillouin zone
    weight     fraction of the Fourier weight at q and -q; the weights of all q add up to 1
    harmonic   whether it is a sum of heavier arms
    resolution half the distance of the neighbouring wave vectors that fit into the box, r.l.u. by axis of that cell
    box_only   whether the box holds one period of it only along some axis, so that q was not free to be another
    """

    q: tuple[Fraction, Fraction, Fraction]
    weight: float
    harmonic: bool
    resolution: tuple[float, float, float]
    box_only: bool

    def __str__(self) -> str:
        return f"({', '.join(str(part) for part in self.q)})"


def propagation_vectors(lattice: Lattice, spins: ArrayLike) -> tuple[PropagationVector, ...]:
    """Return the arms of a texture [site, 3], heaviest first, down to FAINT and up to ARMS.

    The weight of q is n sum_a |sum_R s_a(R) exp(-i q . R)|^2 / N^2 for N spins on n atoms of the basis.
    """
    s = np.asarray(spins, dtype=np.float64)
    count = max(int((s != 0).any(axis=1).sum()), 1)
    modes = sublattice_modes(lattice, s).reshape(lattice.cells, lattice.atoms, 3)
    weight = lattice.atoms * (np.abs(modes) ** 2).sum(axis=(1, 2)) / count**2
    weight /= weight.sum()
    size = np.array(lattice.size)
    q = wave_vectors(lattice).reshape(-1, 3) @ lattice.cell.T / (2 * np.pi)
    axes = np.isin(np.arange(3), lattice.extended)
    index = np.where(axes, np.rint(q * size), 0).astype(np.int64)  # of the first Brillouin zone
    given = np.rint(np.linalg.inv(lattice.shear)).astype(np.int64)
    steps = (given / size).T  # of the wave vectors that fit into the box, [3, r.l.u.]
    if lattice.given is not None:
        steps = shortest(steps @ np.linalg.inv(lattice.given).T)[0] @ lattice.given.T
    arms: list[tuple[NDArray[np.int64], float]] = []
    listed = set[int]()
    for k in np.lexsort([index[:, 0] < 0, -weight.round(9)]).tolist():
        if weight[k] < FAINT / 2 or len(arms) == ARMS:
            break
        x, y, z = -lattice.coordinates[k] % size
        opposite = int(x + size[0] * (y + size[1] * z))
        if k not in listed:
            listed |= {k, opposite}
            total = float(weight[k] + (weight[opposite] if opposite != k else 0.0))
            if total >= FAINT:
                sign = -1 if tuple(index[k]) < (0, 0, 0) else 1
                arms.append((sign * index[k], total))
    arms.sort(key=lambda arm: -round(arm[1], 9))
    found: list[PropagationVector] = []
    main: list[NDArray[np.int64]] = []
    for n, total in arms:
        light = total < HARMONIC * arms[0][1]
        harmonic = light and _is_sum(n, main, size)
        if not light:
            main.append(n)
        fraction = [Fraction(int(part), int(of)) for part, of in zip(n, size, strict=True)]
        q_given = [sum((int(w) * f for w, f in zip(row, fraction, strict=True)), Fraction(0)) for row in given]
        found.append(
            PropagationVector(
                q=(q_given[0], q_given[1], q_given[2]),
                weight=total,
                harmonic=harmonic,
                resolution=tuple((0.5 * np.abs(steps).max(axis=0)).tolist()),
                box_only=any(f != 0 and 2 * f.denominator > of for f, of in zip(fraction, size.tolist(), strict=True)),
            )
        )
    return tuple(found)


def _is_sum(n: NDArray[np.int64], arms: list[NDArray[np.int64]], size: NDArray[np.int64]) -> bool:
    """Return whether a wave vector is a sum of up to SUMS times each of up to three arms, the zone centre included."""
    for times in product(range(-SUMS, SUMS + 1), repeat=min(len(arms), 3)):
        total = sum((t * arm for t, arm in zip(times, arms, strict=False)), np.zeros(3, dtype=np.int64))
        if not ((n - total) % size).any():
            return True
    return False
