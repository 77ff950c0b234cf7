"""Portraits: the few numbers of a texture or a thermal state by which phases are classified."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SHARP = 0.15  # part of a wave that is at exactly q in a minimum


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
    linear          largest principal value of the mean s s^T: 1 if all spins lie along one line
    extent          smallest one: 0 if all lie in one plane, 1/3 if they have all directions alike
    line            collinearity of the spins' deviations from the mean spin, as ``linear``
    leaning         cos^2 of the angle between the mean spin and the line of these deviations
    bonded          mean s_i . s_j of nearest neighbours
    coordination    nearest neighbours of a site
    atoms           atoms of the basis
    chirality       mean s_i . (s_j x s_k) of triangles of neighbours
    sublattices     magnetic sublattices of a plane on which neighbours are alike; 0 if there is one, or none
    opposed         mean |charge| of a sublattice per cell of a triangular lattice with the wave number of its texture
    hedgehogs       hedgehogs and antihedgehogs per site
    coupled         whether anything couples the spins of the model
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
    linear: float = 0.0
    extent: float = 0.0
    line: float = 0.0
    leaning: float = 0.0
    bonded: float = 0.0
    coordination: float = 0.0
    atoms: int = 1
    chirality: float = 0.0
    sublattices: float = 0.0
    opposed: float = 0.0
    hedgehogs: float = 0.0
    coupled: bool = True

    @property
    def uniform(self) -> float:
        """Weight of the mean spin."""
        return float(np.dot(self.magnetization, self.magnetization))

    @property
    def modulated(self) -> float:
        """Total weight of all arms."""
        return float(sum(arm.weight for arm in self.arms))

    @property
    def antiparallel(self) -> bool:
        """Whether spins alternate: opposed sublattices of one cell, or one Bragg peak whose 2 q is a lattice vector."""
        one = self.crystalline and self.together < 1.5 and self.arms[0].order == 2
        return one or self.staggered > max(0.25, self.modulated)

    @property
    def tilt(self) -> float:
        """Cosine of the angle between the mean spin and the rotation axis of the heaviest wave."""
        return float(np.dot(self.magnetization, self.arms[0].axis)) / max(self.uniform**0.5, 1e-300)

    @property
    def crystalline(self) -> bool:
        """Whether the heaviest wave has a Bragg peak above its surroundings; thermal states need a sharper one."""
        sharp = SHARP if self.kelvin == 0 else 0.4
        return any(arm.sharp > sharp and (self.kelvin == 0 or arm.weight > 0.05) for arm in self.arms[:1])
