"""Fourier weights of textures and thermal states, and the portraits that follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice, shortest
from magsearch.model.reciprocal import wave_numbers, wave_vectors
from magsearch.model.triangulation import plane_axes, plane_frame, sheets
from magsearch.observables.neighbours import chirality, coordination, nearest_correlation
from magsearch.observables.structure_factor import sublattice_modes
from magsearch.observables.sublattice_charge import SublatticeCharges, sublattice_charges
from magsearch.observables.three_d import hedgehogs
from magsearch.observables.topological_charge import SMOOTH, likeness, topological_charge
from magsearch.phases.portrait import SHARP, Arm, Portrait

ARMS = 6  # maximum number of waves in a portrait
BREADTH = 0.2  # of |q|: Fourier components within this radius belong to one wave, as domains broaden peaks
APART = 0.9  # of |q|: the waves of a hexagonal or square lattice are |q| or more apart, also in the smallest box
FAINT = 0.02  # smallest weight of a wave
AROUND = np.array([[h, k] for h in (-1, 0, 1) for k in (-1, 0, 1)])


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The data of a portrait; the mean of several spectra gives that of a thermal average.

    weight      [cell] sum over the n atoms of the basis n |s_a(q)|^2 / N^2, in the order of cells
    turning     [cell, 3] the same sum of n Im(s_a(q) x s_a(q)*) / N^2: sense and axis of rotation along q
    spin        [3] mean spin
    collinear   collinearity of the sublattices' mean spins, as in ``Portrait``
    charge      topological charge
    alike       mean s_i . s_j between neighbours of a plane
    together    number of coexisting waves, without overtones and those below a quarter of the heaviest
    square      [3, 3] mean s s^T
    bonded, chirality, sublattices, opposed, hedgehogs as in ``Portrait``
    """

    weight: NDArray[np.float64]
    turning: NDArray[np.float64]
    spin: NDArray[np.float64]
    collinear: float
    charge: float
    alike: float
    together: float
    square: NDArray[np.float64]
    bonded: float
    chirality: float
    sublattices: float
    opposed: float
    hedgehogs: float

    def __add__(self, other: Spectrum) -> Spectrum:
        return Spectrum(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))

    def __truediv__(self, count: float) -> Spectrum:
        return Spectrum(*(getattr(self, name) / count for name in self.__dataclass_fields__))


def spectrum(lattice: Lattice, spins: ArrayLike) -> Spectrum:
    """Return the spectrum of one texture [site, 3]."""
    s = np.asarray(spins, dtype=np.float64)
    count = max(int((s != 0).any(axis=-1).sum()), 1)
    modes = sublattice_modes(lattice, s).reshape(lattice.cells, lattice.atoms, 3) / count
    mean = modes[0].real  # [atom, 3]
    moments = np.linalg.eigvalsh(mean.T @ mean)
    found = Spectrum(
        weight=lattice.atoms * (np.abs(modes) ** 2).sum(axis=(1, 2)),
        turning=lattice.atoms * np.imag(np.cross(modes, modes.conj())).sum(axis=1),
        spin=mean.sum(axis=0),
        collinear=float(moments[-1] / max(moments.sum(), 1e-300)),
        charge=float(topological_charge(lattice, s)),
        alike=likeness(lattice, s),
        together=0.0,
        square=s.T @ s / count,
        bonded=nearest_correlation(lattice, s),
        chirality=chirality(lattice, s),
        sublattices=0.0,
        opposed=0.0,
        hedgehogs=float(np.abs(hedgehogs(lattice, s)).sum()) / count,
    )
    arms = _arms(lattice, found)
    smooth = lattice.atoms == 1 and found.alike > SMOOTH  # one sublattice
    charges = None if smooth else sublattice_charges(lattice, s)
    if charges is not None:
        per_cell = _per_sublattice_cell(lattice, found, charges)
        found = replace(found, sublattices=float(charges.count), opposed=per_cell)
    return replace(found, together=float(_coexisting(arms)))


def portrait(
    lattice: Lattice, measured: Spectrum, field: Sequence[float] = (0.0, 0.0, 0.0), kelvin: float = 0.0
) -> Portrait:
    """Return the portrait of a texture or of a thermal average.

    measured   spectrum, or the mean of several
    field      [3] tesla
    kelvin     temperature; 0 for a minimum of the energy
    """
    m, strength = measured.spin, np.linalg.norm(field)
    along = float(m @ np.asarray(field) / strength) if strength > 0 else float(np.linalg.norm(m))
    arms = _arms(lattice, measured)
    meant = bool(arms) and measured.alike > SMOOTH
    return Portrait(
        kelvin=kelvin,
        magnetization=(float(m[0]), float(m[1]), float(m[2])),
        along=along,
        staggered=max(0.0, float(measured.weight[0] - m @ m)),
        collinear=measured.collinear,
        charge=measured.charge,
        alike=measured.alike,
        density=abs(measured.charge) / _lattice_cells(lattice, arms) if meant else 0.0,
        together=measured.together,
        arms=arms,
        **_directions(measured),
        bonded=measured.bonded,
        coordination=coordination(lattice),
        atoms=lattice.atoms,
        chirality=measured.chirality,
        sublattices=measured.sublattices,
        opposed=measured.opposed,
        hedgehogs=measured.hedgehogs,
    )


def portrait_of(hamiltonian: Hamiltonian, texture: ArrayLike, field: Sequence[float] | None = None) -> Portrait:
    """Return the portrait of a minimum of a model, in another field (tesla) if one is given."""
    lattice = hamiltonian.lattice
    found = portrait(lattice, spectrum(lattice, texture), hamiltonian.field if field is None else field)
    return replace(found, coupled=hamiltonian.coupled or hamiltonian.n_spins == 1)


def _directions(measured: Spectrum) -> dict[str, Any]:
    """Return how spins, and their deviations from the mean spin, are distributed over directions."""
    total = max(float(np.trace(measured.square)), 1e-300)
    values = np.linalg.eigvalsh(measured.square) / total
    apart = measured.square - np.outer(measured.spin, measured.spin)
    own, axes = np.linalg.eigh(apart)
    strength = max(float(np.linalg.norm(measured.spin)), 1e-300)
    return {
        "linear": float(values[-1]),
        "extent": float(values[0]),
        "line": float(own[-1] / max(own.sum(), 1e-300)),
        "leaning": float((axes[:, -1] @ measured.spin / strength) ** 2),
    }


def _near(lattice: Lattice, k: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which Fourier components lie around wave vector number k and around its opposite, [cell] each."""
    index, length = lattice.coordinates, wave_numbers(lattice)
    radius = min(max(1.01 * length[1:].min(initial=np.inf), BREADTH * length[k]), APART * length[k])
    here, there = (length[_cell(lattice, index - sign * index[k])] <= radius for sign in (1, -1))
    return here, there


def _arms(lattice: Lattice, measured: Spectrum) -> tuple[Arm, ...]:
    """Return the waves in order of their weight, down to FAINT and up to ARMS."""
    left = measured.weight.copy()
    left[0] = 0.0
    found: list[tuple[int, Arm]] = []
    while len(found) < ARMS and left.any():
        k = int(left.argmax())
        here, there = _near(lattice, k)
        if left[here | there].sum() < FAINT:
            break
        found.append((k, _arm(lattice, measured, left, k, [heavier for heavier, _ in found])))
        left[here | there] = 0.0
    return tuple(sorted((arm for _, arm in found), key=lambda arm: -arm.weight))


def _arm(lattice: Lattice, measured: Spectrum, left: NDArray[np.float64], k: int, heavier: Sequence[int]) -> Arm:
    """Return the wave around wave vector number k among the weights ``left`` [cell]."""
    here, there = _near(lattice, k)
    index, q = lattice.coordinates, wave_vectors(lattice).reshape(-1, 3)[k]
    opposite, alone = int(_cell(lattice, -index[k])), here & ~there & (left > 0)
    turning, weight = measured.turning[alone].sum(axis=0), float(left[here | there].sum())
    strength = float(np.linalg.norm(turning))
    x, y, z = turning / strength if strength > 0 else turning
    multiples = [sign * n * index[other] for other in heavier for n in (2, 3, 4) for sign in (1, -1)]
    return Arm(
        q=(float(q[0]), float(q[1]), float(q[2])),
        weight=weight,
        sharp=float(left[list({k, opposite})].sum()) / weight,
        circular=min(1.0, strength / max(float(left[alone].sum()), 1e-300)),
        axis=(float(x), float(y), float(z)),
        order=next((n for n in range(1, 7) if not (n * index[k] % lattice.size).any()), 0),
        overtone=any(here[int(_cell(lattice, multiple))] for multiple in multiples),
    )


def _cell(lattice: Lattice, index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the cell with periodic coordinates [..., 3]."""
    x, y, z = np.moveaxis(index % np.array(lattice.size), -1, 0)
    return np.asarray(x + lattice.size[0] * (y + lattice.size[1] * z))


def _coexisting(arms: Sequence[Arm]) -> int:
    """Return the number of waves without overtones and those below a quarter of the heaviest."""
    return sum(not arm.overtone and arm.weight >= arms[0].weight / 4 for arm in arms)


def _lattice_cells(lattice: Lattice, arms: Sequence[Arm]) -> float:
    """Return the number of cells of a triangular lattice with the arms' wave number, of area 8 pi^2 / (sqrt(3) q^2)."""
    first, second = plane_axes(lattice)
    edges = lattice.cell * np.array(lattice.size)[:, None]
    area = len(sheets(lattice)) * np.linalg.norm(np.cross(edges[first], edges[second]))
    q = np.array([arm.q for arm in arms]) @ plane_frame(lattice)[:2].T
    square = np.average((q**2).sum(axis=1), weights=[arm.weight for arm in arms])
    return float(area * np.sqrt(3) * max(square, 1e-300) / (8 * np.pi**2))


def _per_sublattice_cell(lattice: Lattice, measured: Spectrum, charges: SublatticeCharges) -> float:
    """Return the mean |charge| of a magnetic sublattice per cell of the lattice that its waves form.

    The waves are those of the texture folded into the Brillouin zone of a sublattice. 0 if fewer than two sharp ones
    coexist there, and for a charge that is none.
    """
    axes = list(plane_axes(lattice))
    vectors = shortest(charges.H @ lattice.cell[axes])[0]
    dual = 2 * np.pi * np.linalg.pinv(vectors).T  # reciprocal vectors of the sublattice, rows
    q = wave_vectors(lattice).reshape(-1, 3)
    near = np.rint(q @ vectors.T / (2 * np.pi))
    choices = q[:, None] - (near[:, None] + AROUND) @ dual  # [cell, choice, 3]
    lengths = np.linalg.norm(choices @ plane_frame(lattice)[:2].T, axis=2).round(9)
    folded = choices[np.arange(len(q)), lengths.argmin(axis=1)]
    index = np.rint(folded @ lattice.cell.T / (2 * np.pi) * np.array(lattice.size)).astype(np.int64)
    cell = _cell(lattice, np.where(np.array(lattice.size) > 1, index, 0))
    weight, turning = np.zeros_like(measured.weight), np.zeros_like(measured.turning)
    np.add.at(weight, cell, measured.weight)
    np.add.at(turning, cell, measured.turning)
    arms = _arms(lattice, replace(measured, weight=weight, turning=turning))
    if charges.typical < 0.5 or _coexisting(arms) < 2 or arms[0].sharp <= SHARP:
        return 0.0
    return charges.typical * len(sheets(lattice)) / _lattice_cells(lattice, arms)
