"""When the replicas of a batch end: each as it converges, and its family before few keep many waiting."""

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

    Families, the parts of a batch that never depend on others, end one by one, so that results do not depend on
    what is relaxed in the same batch.
    """

    convergence: tuple[Convergence, ...]
    followers: NDArray[np.bool_]
    left: float = 0.0

    @classmethod
    def plain(cls, convergence: Convergence, replicas: int, left: float = 0.0) -> Schedule:
        """Return the schedule of replicas with one convergence, of which none follows others."""
        return cls((convergence,) * replicas, np.zeros(replicas, dtype=bool), left)

    @classmethod
    def joined(cls, schedules: Sequence[Schedule]) -> Schedule:
        """Return the schedule of batches with the same ``left``, one after the other."""
        convergence = tuple(each for schedule in schedules for each in schedule.convergence)
        return cls(convergence, np.concatenate([each.followers for each in schedules]), schedules[0].left)

    def thresholds(self, evaluator: Evaluator) -> NDArray[np.float64]:
        """Return window, torque (meV), variances of energy (meV^2) and moment of each replica, [4, replica]."""
        kinds = {id(each): each for each in self.convergence}  # few; comparing them by value takes longer
        found = {kind: each.thresholds(evaluator) for kind, each in kinds.items()}
        return np.array([found[id(each)] for each in self.convergence], dtype=np.float64).T


@dataclass(frozen=True, eq=False)
class Ends:
    """The ends of the families of a part of a batch.

    families   [family][member] replicas, counted from the first of this part
    home       [replica] its family
    leads      [replica] whether the others of its family wait for it
    allowed    [family] how many of those that lead may still move when the family ends
    """

    families: tuple[NDArray[np.int64], ...]
    home: NDArray[np.int64]
    leads: NDArray[np.bool_]
    allowed: NDArray[np.int64]

    @classmethod
    def of(cls, schedule: Schedule, families: Sequence[NDArray[np.int64]]) -> Ends:
        """Return the ends of neighbouring families of a batch."""
        first = int(families[0][0])
        own = tuple(members - first for members in families)
        home = np.concatenate([np.full(len(members), k) for k, members in enumerate(own)])
        leads = ~schedule.followers[first : first + len(home)]
        allowed = np.floor(schedule.left * np.bincount(home[leads], minlength=len(own))).astype(np.int64)
        return cls(own, home, leads, allowed)

    def late(self, moving: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return those of the replicas that still move whose families end now."""
        waited = np.bincount(self.home[moving[self.leads[moving]]], minlength=len(self.families))
        return moving[(waited <= self.allowed)[self.home[moving]]]
