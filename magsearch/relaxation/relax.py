"""Local back-end: relaxes every replica of a population at once, each with its own step and its own convergence.

A minimiser (a module of this package) says what one iteration is; the loop around it is here: it polls the state of the
replicas every few iterations, and gathers those that still move into fewer blocks.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device, exhausted
from magsearch.engine.evaluator import SUM, Evaluator, held
from magsearch.engine.graph import Launch
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.randomness import Key
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import CONVERGED, REASONS, STATE, Cycle, Motion
from magsearch.relaxation.schedule import Ends, Schedule
from magsearch.relaxation.seats import Seats, families, seated

KEPT = STATE["STEPS"] + 1  # rows of the state that a relaxation returns
ARRIVED = [REASONS.index(reason) for reason in CONVERGED]
LOOK = 20  # polling interval of the state, iterations
UNKNOWN = -1  # number of replicas at rest, where families may end at the next poll though nobody arrives
Watch = Callable[[], None]


@dataclass(frozen=True)
class Relaxation:
    """Relaxed replicas of a population, without padding."""

    textures: Any  # [replica, site, 3], on the host or the device as those that were given
    energy: NDArray[np.float64]  # [replica] meV, of the whole replica
    torque: NDArray[np.float64]  # [replica] meV, largest
    magnetization: NDArray[np.float64]  # [replica, 3] mean spin
    steps: NDArray[np.int64]  # [replica] evaluations
    reason: tuple[str, ...]  # of REASONS; "moving" where the steps ran out, "cut" where a schedule ended it
    tightened: NDArray[np.bool_]  # [replica] whether a schedule asked for another convergence when it converged

    @property
    def evaluations(self) -> int:
        """Evaluations of all replicas together."""
        return int(self.steps.sum())

    @property
    def converged(self) -> NDArray[np.bool_]:
        """Whether each replica converged, [replica]."""
        return np.array([reason in CONVERGED for reason in self.reason], dtype=bool)


class Minimizer(Protocol):
    """Algorithm of one iteration; ``convergence`` says when a replica rests."""

    @property
    def convergence(self) -> Convergence:
        """When a replica rests."""
        ...

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return the number of arrays as large as the population that it needs, besides spins and force."""

    def begin(self, motion: Motion) -> None:
        """Add the arrays that the minimiser needs."""

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica, valid as long as the arrays of the motion are the same.

        Where steps differ: as many as follow one another in turn, beginning with that of iteration 0.
        """


@runtime_checkable
class Method(Protocol):
    """Algorithm that relaxes a batch of textures in a way of its own: tempering, annealing, hopping, ..."""

    @property
    def minimizer(self) -> Minimizer:
        """Minimiser that relaxes the textures in the end."""

    def relaxed(self, evaluator: Evaluator, textures: Any, tesla: Any, watch: Watch, key: Key) -> Relaxation:
        """Relax textures [replica, site, 3] of the device; arguments as for ``relax``."""


def relax(
    minimizer: Minimizer | Method,
    evaluator: Evaluator,
    textures: Any,
    tesla: Any = None,
    watch: Watch = lambda: None,
    key: Key = (0, 0),
    groups: Sequence[int] = (),
    schedule: Schedule | None = None,
    overwrite: bool = False,
) -> Relaxation:
    """Relax textures [replica, site, 3] to nearby minima; ``tesla`` [3] or [replica, 3] overrides the model's field.

    ``watch`` is called at every look at the replicas; what it raises ends the relaxation. ``key`` is that of the random
    numbers, where a minimiser draws any: equal keys give bitwise identical results, whatever else runs.

    groups      numbers of replicas, one group after the other, each of which ends with the bits that it has by itself
    schedule    convergence of each replica, and when families end early; None: that of the minimiser for all
    overwrite   whether the result may take the place of the given textures, which saves an array

    Textures may be on the host or the device, and those of the result are in the same place. A batch that does not fit
    into memory is relaxed in parts, with the same result. MemoryError where one family (``seats.py``) does not fit.
    """
    device = evaluator.device
    on_device = isinstance(textures, device.xp.ndarray)
    batch = evaluator.batch(textures)
    if isinstance(minimizer, Method):
        found = minimizer.relaxed(evaluator, batch, tesla, watch, key)
        return found if on_device else replace(found, textures=device.host(found.textures))
    schedule = Schedule.plain(minimizer.convergence, len(batch)) if schedule is None else schedule
    thresholds = schedule.thresholds(evaluator)
    final = batch if overwrite or not on_device else device.xp.empty_like(batch)
    del textures
    state, tightened = np.zeros((KEPT, len(batch))), np.zeros(len(batch), dtype=bool)
    every = None if tesla is None else np.broadcast_to(np.atleast_2d(tesla), (len(batch), 3))
    parts = [families(len(batch), groups)]
    while parts:
        part = parts.pop()
        first, last = int(part[0][0]), int(part[-1][-1]) + 1
        own = slice(first, last)
        seats = seated(evaluator, [members - first for members in part])
        fields = None if every is None else every[own]
        ends = Ends.of(schedule, part)
        try:
            start = partial(Motion.start, evaluator, batch[own], fields, key, seats.columns, first, thresholds[:, own])
            _descend(minimizer, start, seats, ends, final[own], state[:, own], watch)
            _measure(evaluator, fields, ends.families, final[own], state[:, own])
            tightened[own] = ends.tightened
            continue
        except Exception as error:
            if not exhausted(error) or len(part) == 1 or (final is batch and state[:, own].any()):
                raise
        device.trim()
        warnings.warn(f"{last - first} replicas do not fit into memory at once and are relaxed in parts", stacklevel=2)
        parts += [part[len(part) // 2 :], part[: len(part) // 2]]
    return Relaxation(
        textures=final if on_device else device.host(final),
        energy=state[STATE["ENERGY_NOW"]],
        torque=state[STATE["TORQUE"]],
        magnetization=state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1].T,
        steps=state[STATE["STEPS"]].astype(np.int64),
        reason=tuple(REASONS[int(k)] for k in state[STATE["RESTING"]]),
        tightened=tightened,
    )


def _descend(
    minimizer: Minimizer,
    start: Callable[[], Motion],
    seats: Seats,
    ends: Ends,
    final: Any,
    state: NDArray[np.float64],
    watch: Watch,
) -> None:
    """Relax the replicas of a motion, and write them and their state [row, replica] when they rest.

    Nothing is written to ``final`` as long as the state is zero: at least until all arrays have been allocated.
    """
    motion = start()
    device, steps = motion.evaluator.device, minimizer.convergence.steps
    if steps % 2 == 0:  # what passes holds something at odd iterations only, between looks
        motion.spare = final
    minimizer.begin(motion)
    cycle = Cycle(motion, minimizer.iteration(motion))
    if steps % 2 == 0 and motion.spare is None:
        state[STATE["RESTING"]] = REASONS.index("padding")
    motion.spare, arrived = None, 0
    while True:
        watch()
        cycle.run(min(LOOK, steps - motion.iteration))
        rows = device.host(motion.flat["state"][: STATE["RESTING"] + 1])  # in one transfer
        energy, resting = rows[STATE["ENERGY_NOW"]], rows[STATE["RESTING"]]
        before, arrived = arrived, int(np.count_nonzero(resting))
        if arrived == before and motion.iteration < steps:
            continue
        columns = seats.columns  # [column] replica; padding is below zero
        over = ends.over(columns[(columns >= 0) & (resting == 0)])
        if ends.tight is not None and motion.iteration < steps:
            rests = (columns >= 0) & np.isin(resting, ARRIVED)
            best = np.flatnonzero(np.isin(columns, ends.best(columns[rests], energy[rests])))
            if len(best):
                motion.tighten(best, ends.tight)
                resting[best] = 0
                over[ends.home[columns[best]]] = False  # until the next poll
                arrived = UNKNOWN
        ending = (columns >= 0) & over[ends.home[held(columns)]]
        late = ending & (resting == 0)
        if late.any():
            resting[late] = REASONS.index("cut")
            motion.rest(resting)
        moving = columns[(columns >= 0) & (resting == 0)]
        done = len(moving) == 0 or motion.iteration >= steps
        fewer = None if done else seats.thinned(np.sort(moving))
        if not done and fewer is None:
            continue
        del cycle  # and with it the arrays of its launches
        leaving = (columns >= 0) & ((resting != 0) | done)
        motion.evaluator.put(motion.spins, np.where(leaving, columns, -1), final)
        state[:, columns[leaving]] = device.host(motion.flat["state"][:KEPT])[:, leaving]
        if fewer is None:
            return
        seats, sources = fewer
        motion, arrived = motion.thinned(sources), UNKNOWN
        cycle = Cycle(motion, minimizer.iteration(motion))


def _measure(
    evaluator: Evaluator,
    tesla: Any,
    families: Sequence[NDArray[np.int64]],
    textures: Any,
    state: NDArray[np.float64],
) -> None:
    """Evaluate the replicas that did not converge: they moved after they were last looked at."""
    late = ~np.isin(state[STATE["RESTING"]], ARRIVED)
    if not late.any():
        return
    place = np.cumsum(late) - 1
    seats = seated(evaluator, [place[members[late[members]]] for members in families if late[members].any()])
    those = textures[evaluator.device.array(np.flatnonzero(late), np.int64)]
    motion = Motion.start(evaluator, those, None if tesla is None else tesla[late], (0, 0), seats.columns)
    own, total = seats.columns >= 0, np.empty((len(SUM) - 1, len(those)))
    total[:, seats.columns[own]] = evaluator.device.host(motion.evaluate("spins"))[:, own]
    state[STATE["ENERGY_NOW"], late] = total[SUM["ENERGY"]]
    state[STATE["TORQUE"], late] = np.sqrt(total[SUM["LARGEST2"]])
    state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1, late] = total[SUM["MX"] : SUM["MZ"] + 1] / evaluator.sites
