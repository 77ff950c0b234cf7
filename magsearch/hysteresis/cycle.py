"""Metastable states followed through a cycle of the field, at zero temperature or in a heat bath.

The field goes from its largest value down to its smallest and back, in equal steps along a direction. Every replica has
its own direction and its own random numbers; all of them take a step together.

At zero temperature a state is relaxed from the previous one. A state that the field has made unstable may be a
symmetric saddle, whose torque is zero; therefore every spin is first displaced at random by up to ``KICK``. A change is
a switching where it cannot be undone: where the state, or one of equal energy, does not come back when the field steps
back. In a heat bath the averages of a step are those of its sweeps after the first quarter.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.randomness import Consumer, Key, derived, key
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.motion import STATE, Motion
from magsearch.relaxation.relax import relax
from magsearch.thermal.heat_bath import bath, enter, kicked
from magsearch.units import MU_B

KICK = 1e-3  # radians, largest angle by which spins are displaced before a relaxation
TORQUE = 1e-11  # of the stiffest coupling, at which a state is relaxed
STEPS = 20_000  # maximum number of evaluations of a relaxation
GRADIENT = 2000  # of these without a Hessian, which is slow to leave a saddle
TURN = 0.1  # radians, of any spin in one step of a relaxation: states do not leap over barriers
MOVED = 1e-3  # change of the mean of s.s' from which a step is tested for a switching
LITTLE = 0.01  # of a step of the field
EQUAL = 1e-8  # of the stiffest coupling per spin: energies of equivalent states
TOLERANCE = 1e-5  # of the span of the field: width of the intervals of switching fields, unless another is given
FINEST = 2.0**-50  # of a step of the field: smallest width of such an interval
Watch = Callable[[], None]


@dataclass(frozen=True)
class Cycle:
    """A cycle of the field.

    low, high    tesla, along the direction; from ``high`` to ``low`` and back
    steps        fields of each half, both ends included
    directions   unit vectors of the field
    starts       replicas of each direction
    temperature  kelvin
    sweeps       of a step in a heat bath
    tolerance    largest width of the interval of a switching field, tesla, at zero temperature; None: ``TOLERANCE``
    seed         random seed

    Raises InputError for numbers that make no cycle.
    """

    low: float
    high: float
    steps: int
    directions: tuple[tuple[float, float, float], ...]
    starts: int = 1
    temperature: float = 0.0
    sweeps: int = 200
    tolerance: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        if not (finite and self.low < self.high) or self.steps < 2:
            raise InputError("expected MIN below MAX, in tesla, and two STEPS or more", "field")
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"is {self.temperature:g}; expected a number of at least 0, in kelvin", "temperature")
        if self.tolerance is not None and not 0 < self.tolerance < math.inf:
            raise InputError(f"is {self.tolerance:g}; expected a positive number, in tesla", "tolerance")
        for name, least in (("starts", 1), ("sweeps", 4), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"is {getattr(self, name)}; expected at least {least}", name)

    @property
    def bisections(self) -> int:
        """Number of times that the interval of a switching field is halved."""
        span = self.high - self.low
        step = span / (self.steps - 1)
        width = TOLERANCE * span if self.tolerance is None else self.tolerance
        return max(0, math.ceil(math.log2(step / max(width, FINEST * step))))

    @cached_property
    def fields(self) -> NDArray[np.float64]:
        """Fields of all steps, [step] tesla."""
        down = np.linspace(self.high, self.low, self.steps)
        return np.concatenate([down, down[-2::-1]])

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """Unit vector of each replica's field, [replica, 3]."""
        return np.repeat(np.array(self.directions, dtype=np.float64), self.starts, axis=0)

    @property
    def replicas(self) -> int:
        """Number of replicas."""
        return len(self.directions) * self.starts


@dataclass(frozen=True)
class Switching:
    """A change that cannot be undone, of one replica on its way to a step.

    before, after   tesla, the fields between which it happens
    lost            meV per spin, the energy that it releases
    """

    replica: int
    step: int
    before: float
    after: float
    lost: float


@dataclass(frozen=True, eq=False)
class Course:
    """Course of a cycle of the field up to its last step.

    moment      [replica, step, 3] Bohr magnetons per spin
    energy      [replica, step] meV per spin, the field's included
    textures    [replica, site, 3] after the last step
    switchings  in the order of the steps
    """

    moment: NDArray[np.float64]
    energy: NDArray[np.float64]
    textures: NDArray[np.float64]
    switchings: tuple[Switching, ...] = ()

    @property
    def done(self) -> int:
        """Number of steps that are done."""
        return int(self.moment.shape[1])

    @classmethod
    def start(cls, cycle: Cycle, evaluator: Evaluator, texture: NDArray[Any] | None) -> Course:
        """Return the start of a cycle: all spins along the field, or from one texture [site, 3]."""
        occupied = evaluator.hamiltonian.occupied[:, None]
        if texture is None:
            textures = cycle.axes[:, None] * occupied
        else:
            textures = np.broadcast_to(np.asarray(texture, dtype=np.float64), (cycle.replicas, *texture.shape))
        return cls(np.zeros((cycle.replicas, 0, 3)), np.zeros((cycle.replicas, 0)), np.array(textures))


def direction(vector: ArrayLike) -> tuple[float, float, float]:
    """Return the unit vector along a direction [3]. Raises InputError for what has none."""
    parts = np.asarray(vector, dtype=np.float64)
    length = float(np.linalg.norm(parts)) if parts.shape == (3,) else 0.0
    if not 0 < length < math.inf:
        raise InputError(f"{parts.tolist()} is no direction; expected three numbers as 0,0,1", "direction")
    x, y, z = (parts / length).tolist()
    return (x, y, z)


def follow(cycle: Cycle, evaluator: Evaluator, course: Course, watch: Watch = lambda: None) -> Iterator[Course]:
    """Yield the course of a cycle after every step that is left. ``evaluator`` in double precision."""
    while course.done < len(cycle.fields):
        step = _thermal if cycle.temperature > 0 else _relaxed
        course = step(cycle, evaluator, course, watch)
        yield course


def moments(evaluator: Evaluator, textures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean moment of textures [replica, site, 3], [replica, 3] Bohr magnetons per spin."""
    hamiltonian = evaluator.hamiltonian
    return np.asarray(np.einsum("s,rsc->rc", hamiltonian.site_moments, textures) / hamiltonian.n_spins)


def _extended(
    course: Course, moment: Any, energy: Any, textures: NDArray[np.float64], more: tuple[Switching, ...] = ()
) -> Course:
    return Course(
        np.concatenate([course.moment, moment[:, None]], axis=1),
        np.concatenate([course.energy, energy[:, None]], axis=1),
        textures,
        (*course.switchings, *more),
    )


def _key(cycle: Cycle, step: int) -> Key:
    return key(cycle.seed, Consumer.SAMPLING, 0, step)


def _settle(
    evaluator: Evaluator, textures: NDArray[np.float64], tesla: NDArray[np.float64], own: Key, turn: int, watch: Watch
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Displace textures a little and relax them in fields [replica, 3]; return them and their energies, meV."""
    displaced = kicked(evaluator, textures, KICK, own, turn)
    torque = TORQUE * evaluator.stiffness
    found = relax(BarzilaiBorwein(Convergence(torque, GRADIENT, None), TURN), evaluator, displaced, tesla, watch)
    if "moving" in found.reason:
        found = relax(LBFGS(Convergence(torque, STEPS, None), TURN), evaluator, found.textures, tesla, watch)
    return np.asarray(evaluator.device.host(found.textures), dtype=np.float64), found.energy


def _relaxed(cycle: Cycle, evaluator: Evaluator, course: Course, watch: Watch) -> Course:
    step, own = course.done, _key(cycle, course.done)
    spins = evaluator.hamiltonian.n_spins
    field = cycle.fields[step]
    textures, energy = _settle(evaluator, course.textures, field * cycle.axes, own, 0, watch)
    switchings: list[Switching] = []
    if step:
        before, last = course.textures, cycle.fields[step - 1]
        moved = np.flatnonzero(1 - _alike(before, textures, spins) > MOVED)
        state = before[moved], course.energy[moved, -1] * spins
        ahead = (field - last) * cycle.axes[moved]
        left = _left(evaluator, *state, textures[moved], last * cycle.axes[moved], ahead, own, 1, watch)
        gone = moved[left]
        low, high = _bisected(cycle, evaluator, before, gone, course.energy[:, -1] * spins, own, watch, (last, field))
        along = (course.moment[gone, -1] * cycle.axes[gone]).sum(axis=1)
        held = course.energy[gone, -1] - (field - last) * MU_B * along  # of the state before, in the new field
        columns = zip(gone, low, high, held - energy[gone] / spins, strict=True)
        switchings = [Switching(int(r), step, float(a), float(b), float(e)) for r, a, b, e in columns]
    return _extended(course, moments(evaluator, textures), energy / spins, textures, tuple(switchings))


def _left(
    evaluator: Evaluator,
    before: NDArray[np.float64],
    energy: NDArray[np.float64],
    after: NDArray[np.float64],
    tesla: NDArray[np.float64],
    ahead: NDArray[np.float64],
    own: Key,
    turn: int,
    watch: Watch,
) -> NDArray[np.bool_]:
    """Return whether each replica has left its state for good, [replica].

    It has where it does not return in the field ``tesla`` of the state before, of this ``energy`` (meV), nor to one of
    the same energy, which symmetry makes of it. Without a field a state and its reverse have the same energy: there it
    should return in a little field against ``ahead``, the change of the field [replica, 3], or to the same moment.
    """
    if not len(after):
        return np.zeros(0, dtype=bool)
    spins, fielded = evaluator.hamiltonian.n_spins, np.asarray(tesla.any(axis=1, keepdims=True))
    back, found = _settle(evaluator, after, np.where(fielded, tesla, -LITTLE * ahead), own, turn, watch)
    apart = 1 - _alike(before, back, spins) > MOVED
    lower = energy - found > EQUAL * spins * evaluator.stiffness
    turned = (moments(evaluator, back) - moments(evaluator, before)) * ahead / np.linalg.norm(ahead, axis=1)[:, None]
    reversed_ = np.abs(turned.sum(axis=1)) > MOVED * np.abs(evaluator.hamiltonian.site_moments).mean()
    return np.asarray(apart & np.where(fielded[:, 0], lower, reversed_))


def _bisected(
    cycle: Cycle,
    evaluator: Evaluator,
    textures: NDArray[np.float64],
    gone: NDArray[np.int64],
    energies: NDArray[np.float64],
    own: Key,
    watch: Watch,
    ends: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fields between which the replicas ``gone`` switch, [replica] each: halved ``bisections`` times."""
    low, high = (np.full(len(gone), float(end)) for end in ends)
    here, energy = textures[gone], energies[gone]
    ahead = (ends[1] - ends[0]) * cycle.axes[gone]
    for turn in range(cycle.bisections if len(gone) else 0):
        middle = (low + high) / 2
        tesla = middle[:, None] * cycle.axes[gone]
        there, found = _settle(evaluator, here, tesla, own, 2 + 2 * turn, watch)
        beside = low[:, None] * cycle.axes[gone]
        switched = _left(evaluator, here, energy, there, beside, ahead, own, 3 + 2 * turn, watch)
        here = np.where(switched[:, None, None], here, there)
        energy = np.where(switched, energy, found)
        low, high = np.where(switched, low, middle), np.where(switched, middle, high)
    return low, high


def _alike(one: NDArray[np.float64], other: NDArray[np.float64], spins: int) -> NDArray[np.float64]:
    """Return the mean of s.s' of two sets of textures, [replica]."""
    return np.asarray(np.einsum("rsc,rsc->r", one, other) / spins)


def _thermal(cycle: Cycle, evaluator: Evaluator, course: Course, watch: Watch) -> Course:
    step = course.done
    tesla = cycle.fields[step] * cycle.axes
    motion = Motion.start(evaluator, course.textures, tesla, derived(_key(cycle, step), Consumer.START))
    enter(motion, cycle.temperature)
    sweep = bath(motion, reflections=0)
    hamiltonian, first = evaluator.hamiltonian, cycle.sweeps // 4
    uniform = np.ptp(hamiltonian.site_moments[hamiltonian.occupied]) == 0
    moment, energy = np.zeros((cycle.replicas, 3)), np.zeros(cycle.replicas)
    for number in range(cycle.sweeps):
        watch()
        sweep.run()
        if number < first:
            continue
        state = evaluator.device.host(motion.flat["state"])[:, : cycle.replicas]
        energy += state[STATE["ENERGY_NOW"]]
        if uniform:
            mean = state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1].T * (evaluator.sites / hamiltonian.n_spins)
            moment += mean * hamiltonian.site_moments[hamiltonian.occupied][0]
        else:
            moment += moments(evaluator, evaluator.device.host(motion.textures()))
    count = cycle.sweeps - first
    textures = np.asarray(evaluator.device.host(motion.textures()), dtype=np.float64)
    return _extended(course, moment / count, energy / count / hamiltonian.n_spins, textures)
