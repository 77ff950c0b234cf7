"""The minima and saddle points of a Hamiltonian as a graph: barriers, components, and the disconnectivity tree.

Becker & Karplus, J. Chem. Phys. 106, 1495 (1997).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Minimum:
    """A minimum of the energy.

    spins    [site, 3]
    energy   meV
    charge   topological charge
    label    phase, by the rules of phases/rules.py
    """

    spins: NDArray[np.float64]
    energy: float
    charge: float
    label: str


@dataclass(frozen=True, eq=False)
class Saddle:
    """A saddle point with one negative mode.

    spins    [site, 3]
    energy   meV
    torque   meV, largest
    modes    [mode] meV, softest eigenvalues of the Hessian
    mode     [site, 3] of length 1, the negative one
    ends     numbers of the minima that relaxation reaches along the mode and against it; twice the same where both are
             copies of one
    """

    spins: NDArray[np.float64]
    energy: float
    torque: float
    modes: NDArray[np.float64]
    mode: NDArray[np.float64]
    ends: tuple[int, int]


@dataclass(frozen=True)
class Transition:
    """The rate from one minimum to another through one saddle point, at one temperature.

    start, end   numbers of the minima
    saddle       number of the saddle point
    kelvin       temperature
    prefactor    1/s
    error        of ln(prefactor), by rounding in determinants
    per_second   rate
    soft         number of modes for which the harmonic approximation is poor: the rate is rough unless it is 0
    """

    start: int
    end: int
    saddle: int
    kelvin: float
    prefactor: float
    error: float
    per_second: float
    soft: int = 0


@dataclass(frozen=True, eq=False)
class Landscape:
    """Minima, the saddle points between them, and rates.

    minima        lowest first among those given; those met on the way follow
    saddles       in the order in which they were found
    tried         [pair, 2] numbers of minima between which paths were relaxed; of one, to a copy of it
    transitions   rates; empty unless temperatures were asked for
    evaluations   of energies, forces and products with Hessians, of all textures together
    """

    minima: tuple[Minimum, ...]
    saddles: tuple[Saddle, ...] = ()
    tried: tuple[tuple[int, int], ...] = ()
    transitions: tuple[Transition, ...] = ()
    evaluations: int = 0

    def passes(self) -> NDArray[np.float64]:
        """Return the energy of the highest point on the lowest path between two minima, [minimum, minimum] meV.

        inf where no path is known; on the diagonal the energy of the minimum.
        """
        count = len(self.minima)
        found = np.full((count, count), np.inf)
        found[np.diag_indices(count)] = [minimum.energy for minimum in self.minima]
        group = [{k} for k in range(count)]
        for saddle in sorted(self.saddles, key=lambda saddle: saddle.energy):
            one, other = (group[end] for end in saddle.ends)
            if one is other:
                continue
            for i in one:
                for j in other:
                    found[i, j] = found[j, i] = saddle.energy
            joined = one | other
            for k in joined:
                group[k] = joined
        return found

    def barriers(self) -> NDArray[np.float64]:
        """Return the barrier from each minimum to each other one, [from, to] meV; inf where no path is known."""
        energies = np.array([minimum.energy for minimum in self.minima])
        return self.passes() - energies[:, None]

    def components(self) -> list[list[int]]:
        """Return the minima that are joined by saddle points, in groups."""
        known = np.isfinite(self.passes())
        groups = {tuple(np.flatnonzero(row).tolist()) for row in known}
        return [list(group) for group in sorted(groups)]

    def escape(self, number: int) -> tuple[float, int] | None:
        """Return the lowest barrier out of a minimum in meV, and its saddle point; None where none is known.

        To another minimum, or where no other is known to a copy of it.
        """
        energy = self.minima[number].energy
        near = [(saddle.energy - energy, k) for k, saddle in enumerate(self.saddles) if number in saddle.ends]
        away = [(barrier, k) for barrier, k in near if self.saddles[k].ends != (number, number)]
        return min(away or near, default=None)

    def exits(self, number: int, kelvin: float) -> list[Transition]:
        """Return the transitions from a minimum to others at a temperature; where there is none, to copies of it."""
        out = [one for one in self.transitions if one.start == number and one.kelvin == kelvin]
        return [one for one in out if one.end != number] or out

    def lifetime(self, number: int, kelvin: float) -> float | None:
        """Return the inverse of the sum of the rates of all ``exits`` in seconds; None where none is known."""
        rates = [one.per_second for one in self.exits(number, kelvin)]
        total = sum(rates)
        return (1 / total if total > 0 else np.inf) if rates else None

    def rough(self, number: int, kelvin: float) -> bool:
        """Return whether a tenth or more of the rates out of a minimum have modes that are too soft for the theory."""
        out = self.exits(number, kelvin)
        return sum(one.per_second for one in out if one.soft) > 0.1 * sum(one.per_second for one in out)

    @property
    def kelvins(self) -> tuple[float, ...]:
        """Temperatures of the rates."""
        return tuple(sorted({one.kelvin for one in self.transitions}))


@dataclass(frozen=True)
class Branch:
    """A node of the disconnectivity tree.

    energy     meV: of a saddle point that joins branches, or of a minimum
    minimum    its number; None at a saddle point
    branches   below a saddle point
    """

    energy: float
    minimum: int | None = None
    branches: tuple[Branch, ...] = ()

    @property
    def leaves(self) -> tuple[int, ...]:
        """Numbers of the minima below, from left to right."""
        if self.minimum is not None:
            return (self.minimum,)
        return tuple(leaf for branch in self.branches for leaf in branch.leaves)


def trees(landscape: Landscape) -> list[Branch]:
    """Return the disconnectivity trees, one for each group of minima that are joined, the lowest minimum first.

    A saddle point joins two branches; the one with the lower minimum is to the left.
    """
    branch = {k: Branch(minimum.energy, k) for k, minimum in enumerate(landscape.minima)}
    top = list(range(len(landscape.minima)))  # number of the branch that each minimum is in

    def lowest(one: Branch) -> float:
        return min(landscape.minima[leaf].energy for leaf in one.leaves)

    for saddle in sorted(landscape.saddles, key=lambda saddle: saddle.energy):
        one, other = (top[end] for end in saddle.ends)
        if one == other:
            continue
        pair = sorted((branch.pop(one), branch.pop(other)), key=lowest)
        branch[one] = Branch(saddle.energy, None, tuple(pair))
        top = [one if k == other else k for k in top]
    return sorted(branch.values(), key=lowest)
