"""When the replicas of a batch end: each as it converges, the best tightly, families before few keep many waiting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.relaxation.convergence import Convergence


@dataclass(frozen=True)
class Schedule:
    """Convergence of every replica, and the early end of its family (``seats.py``).

    convergence   of each replica, with the same number of steps
    followers     [replica] those that stop as soon as the others of their family do
    left          fraction of the others of a family that may still move when it ends
    tight         convergence that a replica is given, as a follower, when it converges with the lowest energy of its
                  family so far; the family then lasts for another polling interval at least; None: no replica is
    least         [replica] meV, that this energy has to be below, the same in a family; None: any will do

    Families, the parts of a batch that never depend on others, end one by one, so that results do not depend on
    what is relaxed in the same batch.
    """

    convergence: tuple[Convergence, ...]
    followers: NDArray[np.bool_]
    left: float = 0.0
    tight: Convergence | None = None
    least: NDArray[np.float64] | None = None

    @classmethod
    def plain(cls, convergence: Convergence, replicas: int, left: float = 0.0) -> Schedule:
        """Return the schedule of replicas with one convergence, of which none follows others."""
        return cls((convergence,) * replicas, np.zeros(replicas, dtype=bool), left)

    def joins(self, other: Schedule) -> bool:
        """Return whether two batches may have one schedule."""
        return self.left == other.left and self.tight == other.tight

    @classmethod
    def joined(cls, schedules: Sequence[Schedule]) -> Schedule:
        """Return the schedule of batches that ``joins`` allows, one after the other."""
        convergence = tuple(each for schedule in schedules for each in schedule.convergence)
        followers, least = (
            np.concatenate(of) for of in zip(*((s.followers, s.bounds) for s in schedules), strict=True)
        )
        return cls(convergence, followers, schedules[0].left, schedules[0].tight, least)

    @property
    def bounds(self) -> NDArray[np.float64]:
        """``least`` of every replica."""
        return np.full(len(self.convergence), np.inf) if self.least is None else self.least

    def thresholds(self, evaluator: Evaluator) -> NDArray[np.float64]:
        """Return window, torque (meV), variances of energy (meV^2) and moment of each replica, [4, replica]."""
        kinds = {id(each): each for each in self.convergence}  # few; comparing them by value takes longer
        found = {kind: each.thresholds(evaluator) for kind, each in kinds.items()}
        return np.array([found[id(each)] for each in self.convergence], dtype=np.float64).T


@dataclass(frozen=True, eq=False)
class Ends:
    """The ends of the families of a part of a batch.

    families    [family][member] replicas, counted from the first of this part
    home        [replica] its family
    leads       [replica] whether the others of its family wait for it
    allowed     [family] how many of those that lead may still move when the family ends
    tight       convergence of the best; None: no replica is relaxed tightly
    lowest      [family] meV, least energy with which a replica has converged
    tightened   [replica] whether it was the best of its family when it converged
    """

    families: tuple[NDArray[np.int64], ...]
    home: NDArray[np.int64]
    leads: NDArray[np.bool_]
    allowed: NDArray[np.int64]
    tight: Convergence | None
    lowest: NDArray[np.float64]
    tightened: NDArray[np.bool_]

    @classmethod
    def of(cls, schedule: Schedule, families: Sequence[NDArray[np.int64]]) -> Ends:
        """Return the ends of neighbouring families of a batch."""
        first = int(families[0][0])
        own = tuple(members - first for members in families)
        home = np.concatenate([np.full(len(members), k) for k, members in enumerate(own)])
        leads = ~schedule.followers[first : first + len(home)]
        allowed = np.floor(schedule.left * np.bincount(home[leads], minlength=len(own))).astype(np.int64)
        lowest = schedule.bounds[[members[0] for members in families]]
        return cls(own, home, leads, allowed, schedule.tight, lowest, np.zeros(len(home), dtype=bool))

    def over(self, moving: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which families end now, [family], given the replicas that still move."""
        waited = np.bincount(self.home[moving[self.leads[moving]]], minlength=len(self.families))
        return np.asarray(waited <= self.allowed)

    def best(self, resting: NDArray[np.int64], energy: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return those of the replicas at rest that are the first to have so little energy [replica] in their families.

        Each is returned once: from then on it is relaxed tightly, as a follower.
        """
        lead = self.leads[resting]
        resting, energy = resting[lead], energy[lead]
        order = np.argsort(energy, kind="stable")
        home, first = np.unique(self.home[resting[order]], return_index=True)
        lower = energy[order[first]] < self.lowest[home]
        chosen = order[first[lower]]
        self.lowest[home[lower]] = energy[chosen]
        found = resting[chosen]
        self.leads[found], self.tightened[found] = False, True
        return found
