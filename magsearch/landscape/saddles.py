"""Saddle points: eigenvector following in trust regions, of many textures at once, and where they lead.

The energy rises along the softest mode and falls along all others: Cerjan & Miller, J. Chem. Phys. 75, 2800 (1981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.landscape import trust
from magsearch.landscape.effort import Effort
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian
from magsearch.minima.stability import pushed
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax

TORQUE = 1e-9  # of the stiffest coupling, at which a saddle point has converged
ACCEPTED = 1e-6  # of the stiffest coupling, above which it is none
STEPS = 80  # largest number of steps
RADIUS = 1.0  # radians of all spins, of the first trust region
GOOD, POOR = 0.1, 0.5  # errors of a prediction below which the region grows, and above which it shrinks
SOFTEST = 4  # modes by which a saddle point is judged
EXACT = 1e-6  # residual of the negative mode, of its eigenvalue: rates depend on it to first order
PUSHES = 3  # largest number of times that a stationary point with several negative modes is displaced
DESCENT = LBFGS(Convergence(steps=6000, variance=None), longest_turn=0.1)


@dataclass(frozen=True, eq=False)
class Stationary:
    """A stationary texture.

    spins     [site, 3]
    energy    meV
    torque    meV, largest
    modes     [mode] meV, the softest eigenvalues of the Hessian, without global rotations
    mode      [site, 3] of length 1, the softest one
    negative  number of negative ones among ``modes``
    """

    spins: NDArray[np.float64]
    energy: float
    torque: float
    modes: NDArray[np.float64]
    mode: NDArray[np.float64]
    negative: int


def follow(
    evaluator: Evaluator,
    guesses: NDArray[np.float64],
    along: NDArray[np.float64],
    watch: Callable[[], None] = lambda: None,
    effort: Effort | None = None,
) -> list[Stationary | None]:
    """Return the saddle point that each guess [replica, site, 3] leads to; None where none has been reached.

    Points with several negative modes are displaced along the second one and followed again.

    along   [replica, site, 3], about the modes along which the energy is to rise: tangents of paths
    """
    effort = effort or Effort()
    found: list[Stationary | None] = [None] * len(guesses)
    s, v, own = np.array(guesses, dtype=np.float64), np.array(along, dtype=np.float64), list(range(len(guesses)))
    for _ in range(PUSHES + 1):
        s, torque = _stationary(evaluator, s, v, watch, effort)
        there = np.flatnonzero(torque <= ACCEPTED * evaluator.stiffness)
        if not len(there):
            break
        soft = modes.softest(evaluator, s[there], SOFTEST, watch=watch)
        hessian, accuracy = Hessian(evaluator, s[there]), np.full(len(there), EXACT)
        softest, lowest = trust.softest(hessian, soft.vectors[:, 0], accuracy, effort)
        softest = np.asarray(evaluator.device.host(evaluator.textures(softest)))[: len(there)]
        soft.values[:, 0] = trust.columns(hessian, lowest)
        energies, tiny = evaluator.energies(s[there]), modes.zero(evaluator)
        again = []
        for number, k in enumerate(there):
            values, mode = soft.values[number], softest[number]
            negative = int((values < -tiny).sum())
            if negative == 1:
                found[own[k]] = Stationary(s[k], float(energies[number]), float(torque[k]), values, mode, negative)
            elif negative > 1:
                second = soft.vectors[number, 1]
                second = second / np.linalg.norm(second, axis=1).max()
                again.append((own[k], pushed(s[k], second)[0], mode))
        if not again:
            break
        own = [replica for replica, *_ in again]
        s, v = (np.array([one[place] for one in again]) for place in (1, 2))
    return found


def _stationary(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    along: NDArray[np.float64],
    watch: Callable[[], None],
    effort: Effort,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return textures after eigenvector following, and their largest torques in meV."""
    s, v, radius = s.copy(), along.copy(), np.full(len(s), RADIUS)
    torque = np.sqrt(evaluator.sums(s)[SUM["LARGEST2"]])
    moving = np.arange(len(s))
    for _ in range(STEPS):
        watch()
        moving = moving[torque[moving] > TORQUE * evaluator.stiffness]
        if not len(moving):
            break
        accuracy = np.minimum(0.1, np.sqrt(torque[moving] / evaluator.stiffness))  # converges with order 3/2
        trial = trust.step(evaluator, s[moving], v[moving], radius[moving], accuracy, watch, effort)
        field = evaluator.field(trial.spins)
        after = np.linalg.norm(np.cross(trial.spins, field), axis=2).max(axis=1)
        effort.forces += 2 * len(moving)
        error = trial.error(field)
        taken, length = error < 1, np.sqrt((trial.moved**2).sum(axis=(1, 2)))
        wider = np.where(trial.bounded, np.maximum(radius[moving], 2 * length), radius[moving])
        radius[moving] = np.where(error < GOOD, wider, np.where(error > POOR, 0.5 * length, radius[moving]))
        v[moving] = trial.mode
        s[moving[taken]], torque[moving[taken]] = trial.spins[taken], after[taken]
    return s, torque


def descents(
    evaluator: Evaluator,
    saddles: list[Stationary],
    watch: Callable[[], None] = lambda: None,
    effort: Effort | None = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the two textures [site, 3] that relaxation reaches from each saddle point along its negative mode."""
    starts = []
    for saddle in saddles:
        along = saddle.mode / np.linalg.norm(saddle.mode, axis=1).max()
        starts += pushed(saddle.spins, along)
    if not starts:
        return []
    relaxed = relax(DESCENT, evaluator, np.array(starts), watch=watch)
    if effort is not None:
        effort.forces += relaxed.evaluations
    ends = np.asarray(relaxed.textures)
    return [(ends[2 * k], ends[2 * k + 1]) for k in range(len(saddles))]
