"""Fourier weights of textures and thermal states, and the few numbers (portrait) by which phases are classified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_numbers, wave_vectors
from magsearch.model.triangulation import plane_axes, plane_frame, sheets
from magsearch.observables.structure_factor import sublattice_modes
from magsearch.observables.topological_charge import SMOOTH, likeness, topological_charge

ARMS = 6  # maximum number of waves in a portrait
BREADTH = 0.2  # of |q|: Fourier components within this radius belong to one wave, as domains broaden peaks
APART = 0.9  # of |q|: the waves of a hexagonal or square lattice are |q| or more apart, also in the smallest box
FAINT = 0.02  # smallest weight of a wave


@dataclass(frozen=True)
class Arm:
    """A wave of a texture: the Fourier components around q and -q.

    q          1/angstrom, in the first Brillouin zone
    weight     fraction of the total Fourier weight, 0 to 1
    sharp      fraction of ``weight`` at exactly q and -q: large for a Bragg peak, small for a ring of fluctuations
    circular   1: the spins rotate on a circle; 0: they oscillate along a line
    axis       unit vector about which they rotate
    order      smallest n for which n q is a reciprocal lattice vector; 0 beyond 6
    overtone   whether q is a multiple of that of a heavier arm
    """

    q: tuple[float, float, float]
    weight: float
    sharp: float
    circular: float
    axis: tuple[float, float, float]
    order: int
    overtone: bool


@dataclass(frozen=True)
class Portrait:
    """The properties by which phases are classified. Weights are fractions of sum_q |s(q)|^2 / N^2 = 1 for unit spins.

    kelvin          0 for a minimum of the energy
    magnetization   mean spin
    along           mean spin along the field; its length without a field
    staggered       weight at q = 0 in excess of the mean spin's: opposed sublattices
    collinear       collinearity of the sublattices' mean spins: 1 if all lie along one line
    charge          topological charge
    alike           mean s_i . s_j of neighbours in a plane; if it is small, the charge is undefined
    density         |charge| per cell of a triangular lattice with the arms' (rms) wave number; 0 if undefined
    together        number of waves that coexist in one texture; spiral domains that alternate in time count as one
    arms            waves, heaviest first
    """

    kelvin: float
    magnetization: tuple[float, float, float]
    along: float
    staggered: float
    collinear: float
    charge: float
    alike: float
    density: float
    together: float
    arms: tuple[Arm, ...]

    @property
    def uniform(self) -> float:
        """Weight of the mean spin."""
        return float(np.dot(self.magnetization, self.magnetization))

    @property
    def modulated(self) -> float:
        """Total weight of all arms."""
        return float(sum(arm.weight for arm in self.arms))

    @property
    def tilt(self) -> float:
        """Cosine of the angle between the mean spin and the rotation axis of the heaviest wave."""
        return float(np.dot(self.magnetization, self.arms[0].axis)) / max(self.uniform**0.5, 1e-300)

    @property
    def crystalline(self) -> bool:
        """Whether the heaviest wave has a Bragg peak above its surroundings; thermal states need a sharper one."""
        sharp = 0.15 if self.kelvin == 0 else 0.4
        return any(arm.sharp > sharp and (self.kelvin == 0 or arm.weight > 0.05) for arm in self.arms[:1])


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
    """

    weight: NDArray[np.float64]
    turning: NDArray[np.float64]
    spin: NDArray[np.float64]
    collinear: float
    charge: float
    alike: float
    together: float

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
    )
    arms = _arms(lattice, found)
    return replace(found, together=sum(not arm.overtone and arm.weight >= arms[0].weight / 4 for arm in arms))


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
    )


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


def _lattice_cells(lattice: Lattice, arms: Sequence[Arm]) -> float:
    """Return the number of cells of a triangular lattice with the arms' wave number, of area 8 pi^2 / (sqrt(3) q^2)."""
    first, second = plane_axes(lattice)
    edges = lattice.cell * np.array(lattice.size)[:, None]
    area = len(sheets(lattice)) * np.linalg.norm(np.cross(edges[first], edges[second]))
    q = np.array([arm.q for arm in arms]) @ plane_frame(lattice)[:2].T
    square = np.average((q**2).sum(axis=1), weights=[arm.weight for arm in arms])
    return float(area * np.sqrt(3) * max(square, 1e-300) / (8 * np.pi**2))
