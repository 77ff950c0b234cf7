"""Propagation vectors of a texture: the wave vectors at which it has Fourier weight, as fractions of r.l.u."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.integers import inverse
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
    vector     q in 1/angstrom
    resolution half the distance of the neighbouring wave vectors that fit into the box, r.l.u. by axis of that cell
    box_only   whether the box is one period of it along some axis (7/12 in 12 cells, as 1/12)
    """

    q: tuple[Fraction, Fraction, Fraction]
    vector: tuple[float, float, float]
    weight: float
    harmonic: bool
    resolution: tuple[float, float, float]
    box_only: bool

    @property
    def wavelength(self) -> float:
        """Length after which the wave repeats along q, 2 pi / |q| in angstrom; infinite for q = 0."""
        length = float(np.linalg.norm(self.vector))
        return 2 * np.pi / length if length else np.inf

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "q": [str(part) for part in self.q], "vector": list(self.vector), "weight": self.weight,
            "wavelength": self.wavelength if any(self.q) else None, "harmonic": self.harmonic,
            "resolution": list(self.resolution), "box_only": self.box_only,
        }  # fmt: skip

    def __str__(self) -> str:
        return f"({', '.join(str(part) for part in self.q)})"


def ordering_vector(lattice: Lattice, spins: ArrayLike) -> NDArray[np.float64]:
    """Return the heaviest propagation vector of a texture other than zero, [3] 1/angstrom; zero where there is none."""
    arms = (arm.vector for arm in propagation_vectors(lattice, spins) if any(arm.q))
    return np.array(next(arms, (0.0, 0.0, 0.0)))


def propagation_vectors(lattice: Lattice, spins: ArrayLike) -> tuple[PropagationVector, ...]:
    """Return the arms of a texture [site, 3], heaviest first, down to FAINT and up to ARMS.

    The weight of q is n sum_a |sum_R s_a(R) exp(-i q . R)|^2 / N^2 for N spins on n atoms of the basis.
    """
    s = lattice.textures(spins)
    count = max(int((s != 0).any(axis=1).sum()), 1)
    modes = sublattice_modes(lattice, s).reshape(lattice.cells, lattice.atoms, 3)
    weight = lattice.atoms * (np.abs(modes) ** 2).sum(axis=(1, 2)) / count**2
    weight /= weight.sum()
    size = np.array(lattice.size)
    vectors = wave_vectors(lattice).reshape(-1, 3)
    axes = np.isin(np.arange(3), lattice.extended)
    turns = np.rint(vectors @ lattice.cell.T / (2 * np.pi) * size)  # of the first Brillouin zone
    index = np.where(axes, turns, 0).astype(np.int64)
    given = inverse(lattice.shear)
    steps = (given / size).T  # of the wave vectors that fit into the box, [3, r.l.u.]
    if lattice.given is not None:
        steps = shortest(steps @ np.linalg.inv(lattice.given).T)[0] @ lattice.given.T
    arms: list[tuple[NDArray[np.int64], NDArray[np.float64], float]] = []
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
                arms.append((sign * index[k], sign * vectors[k] + 0.0, total))
    arms.sort(key=lambda arm: -round(arm[2], 9))
    found: list[PropagationVector] = []
    main: list[NDArray[np.int64]] = []
    for n, vector, total in arms:
        light = total < HARMONIC * arms[0][2]
        harmonic = light and _is_sum(n, main, size)
        if not light:
            main.append(n)
        fraction = [Fraction(int(part), int(of)) for part, of in zip(n, size, strict=True)]
        q_given = [sum((int(w) * f for w, f in zip(row, fraction, strict=True)), Fraction(0)) for row in given]
        if next((part for part in q_given if part), 0) < 0:
            q_given, vector = [-part for part in q_given], -vector + 0.0
        found.append(
            PropagationVector(
                q=(q_given[0], q_given[1], q_given[2]),
                vector=(float(vector[0]), float(vector[1]), float(vector[2])),
                weight=total,
                harmonic=harmonic,
                resolution=tuple((0.5 * np.abs(steps).max(axis=0)).tolist()),
                box_only=any(
                    f.denominator > 1 and 2 * f.denominator > of for f, of in zip(fraction, size.tolist(), strict=True)
                ),
            )
        )
    return tuple(found)


def described(arms: Sequence[PropagationVector]) -> str:
    """Return the waves of a texture other than q = 0 and harmonics in words, with wavelengths and weights."""
    main = [arm for arm in arms if any(arm.q) and not arm.harmonic]
    if not main:
        return "q = 0: all cells are alike"
    lengths = list(dict.fromkeys(f"{arm.wavelength:.4g}" for arm in main))
    plural = "s" if len(lengths) > 1 else ""
    words = [
        f"q = {', '.join(map(str, main))} r.l.u.",
        f"wavelength{plural} {', '.join(lengths)} angstrom",
        f"weight{'s' if len(main) > 1 else ''} {', '.join(f'{arm.weight:.2f}' for arm in main)}",
    ]
    uniform = sum(arm.weight for arm in arms if not any(arm.q))
    if uniform:
        words.append(f"q = 0: {uniform:.2f}")
    if alone := next((arm for arm in main if arm.box_only), None):
        step = ", ".join(f"{part:.2g}" if part < 0.5 else "0" for part in alone.resolution)  # 0: an axis with one cell
        words.append(f"the texture repeats with the box only, so that q is uncertain by ({step})")
    return "; ".join(words)


def _is_sum(n: NDArray[np.int64], arms: list[NDArray[np.int64]], size: NDArray[np.int64]) -> bool:
    """Return whether a wave vector is a sum of up to SUMS times each of up to three arms, the zone centre included."""
    for times in product(range(-SUMS, SUMS + 1), repeat=min(len(arms), 3)):
        total = sum((t * arm for t, arm in zip(times, arms, strict=False)), np.zeros(3, dtype=np.int64))
        if not ((n - total) % size).any():
            return True
    return False
