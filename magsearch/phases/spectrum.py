"""What is seen of a texture or a thermal state: its Fourier weights, and a portrait of it in a few figures."""

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

ARMS = 6  # waves of a portrait at the most
BREADTH = 0.2  # of |q|: a domain's waves that lie closer together than this are one
FAINT = 0.02  # weight below which a wave does not count


@dataclass(frozen=True)
class Arm:
    """A wave of a texture: q, its opposite, and what lies around them.

    q          1/angstrom, in the first Brillouin zone
    weight     share of all spins' weight, 0 to 1
    sharp      share of it at exactly q and its opposite: Bragg peaks are sharp, a ring of fluctuations is not
    circular   1: the spins turn in a circle; 0: they swing along a line
    axis       unit vector about which they turn
    order      smallest n for which n q is a reciprocal vector; 0 beyond 6
    overtone   whether q is a multiple of a heavier arm's
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
    """The figures that rules read. Weights are shares of sum_q |s(q)|^2 / N^2 = 1 (with spins of length one).

    kelvin          0 for a minimum of the energy
    magnetization   mean spin
    along           mean spin along the field; its length where there is none
    staggered       weight at q = 0 beyond the mean spin's: sublattices against each other
    collinear       of the sublattices' mean spins: 1 where all lie on one line
    charge          topological charge
    alike           mean s_i . s_j of neighbours in a plane: where they differ much, a charge means nothing
    density         |charge| for each cell of a triangular lattice with the arms' (mean square) wave number; 0 then
    together        waves that a texture holds at one time: the domains of a spiral come one after the other
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
        """Weight of all arms together."""
        return float(sum(arm.weight for arm in self.arms))

    @property
    def tilt(self) -> float:
        """Cosine between the mean spin and the axis about which the heaviest wave turns."""
        return float(np.dot(self.magnetization, self.arms[0].axis)) / max(self.uniform**0.5, 1e-300)

    @property
    def crystalline(self) -> bool:
        """Whether the heaviest wave stands: its peak rises from what lies around it, more so in a thermal state."""
        sharp = 0.15 if self.kelvin == 0 else 0.4
        return any(arm.sharp > sharp and (self.kelvin == 0 or arm.weight > 0.05) for arm in self.arms[:1])


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What a portrait is made from; sums of several divided by their number are those of a thermal average.

    weight      [cell] sum over the n atoms of the basis n |s_a(q)|^2 / N^2, in the order of cells
    turning     [cell, 3] the same sum of n Im(s_a(q) x s_a(q)*) / N^2: how the spins turn along q
    spin        [3] mean spin
    collinear   of the sublattices' mean spins
    charge      topological charge
    alike       mean s_i . s_j between neighbours of a plane
    together    how many waves a texture holds: overtones, and those below a fourth of the heaviest, do not count
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
    """Of one texture [site, 3]."""
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
    """The figures of a texture, or of a thermal average, in a field (tesla)."""
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
    """What lies around the wave vector of number k, and around its opposite, [cell] each."""
    index, length = lattice.coordinates, wave_numbers(lattice)
    radius = max(1.01 * length[1:].min(initial=np.inf), BREADTH * length[k])
    here, there = (length[_cell(lattice, index - sign * index[k])] <= radius for sign in (1, -1))
    return here, there


def _arms(lattice: Lattice, measured: Spectrum) -> tuple[Arm, ...]:
    """The heaviest waves, each with what lies around it, until none is left that counts."""
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
    """The wave of number k among the weights that are ``left``."""
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
    """The number of the cell with coordinates [..., 3] around the torus."""
    x, y, z = np.moveaxis(index % np.array(lattice.size), -1, 0)
    return np.asarray(x + lattice.size[0] * (y + lattice.size[1] * z))


def _lattice_cells(lattice: Lattice, arms: Sequence[Arm]) -> float:
    """Cells of a triangular lattice with the arms' wave number: each has the area 8 pi^2 / (sqrt(3) q^2)."""
    first, second = plane_axes(lattice)
    edges = lattice.cell * np.array(lattice.size)[:, None]
    area = len(sheets(lattice)) * np.linalg.norm(np.cross(edges[first], edges[second]))
    q = np.array([arm.q for arm in arms]) @ plane_frame(lattice)[:2].T
    square = np.average((q**2).sum(axis=1), weights=[arm.weight for arm in arms])
    return float(area * np.sqrt(3) * max(square, 1e-300) / (8 * np.pi**2))
