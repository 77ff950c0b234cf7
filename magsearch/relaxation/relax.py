"""Local back-end: relaxes every replica of a population at once, each with its own step and its own convergence.

A minimiser (a module of this package) says what one iteration is; the loop around it is here: it looks at the replicas
every few iterations, and thins the population out when most of it rests.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device, Launch, exhausted, rows
from magsearch.engine.evaluator import SUM, Evaluator, Path, held
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.randomness import Key
from magsearch.relaxation.seats import Seats, families, seated

STATE = rows("State")
REASONS = ("moving", "torque", "variance", "padding")  # values of the row RESTING
KEPT = STATE["STEPS"] + 1  # rows of the state that a relaxation returns
LOOK = 20  # polling interval of the state, iterations
Watch = Callable[[], None]


@dataclass(frozen=True)
class VarianceControl:
    """A replica rests when, over ``window`` steps, both variances are below their thresholds.

    energy     meV^2, of the energy per site; None: (``relative`` times the stiffest coupling)^2
    moment     of the mean spin
    relative   standard deviation of the energy per site in units of the stiffest coupling
    Xu et al., Commun. Phys. 6, 239 (2023).
    """

    window: int = field(
        default=40,
        metadata={
            "doc": "Interval over which the variances are taken; 0: no variance control, otherwise at least 2.",
            "unit": "steps or sweeps", "ge": 0,
        },
    )  # fmt: skip
    energy: float | None = field(
        default=None,
        metadata={
            "doc": "Threshold for the variance of the energy per site.", "unit": "meV^2", "ge": 0,
            "default": "(1e-6 of the stiffest coupling)^2",
        },
    )  # fmt: skip
    moment: float = field(default=1e-8, metadata={"doc": "Threshold for the variance of the mean spin.", "ge": 0})
    relative: float = 1e-7


EARLY = VarianceControl(window=10, moment=1e-4, relative=1e-6)  # for offspring: the best are relaxed further anyway


@dataclass(frozen=True)
class Convergence:
    """When a replica has arrived: torque, variances, or the number of steps.

    torque     meV, largest |s x b|; None: 1e-6 of the stiffest coupling in float32, 1e-8 of it in float64
    steps      maximum number of evaluations
    variance   None: no variance control
    """

    torque: float | None = field(
        default=None,
        metadata={
            "doc": "Largest torque at which a relaxation may end; 0: none.", "unit": "meV", "ge": 0, "per_island": True,
            "default": "1e-6 of the stiffest coupling",
        },
    )  # fmt: skip
    steps: int = field(
        default=2000,
        metadata={
            "doc": "Maximum number of evaluations of one relaxation, sweeps of the heat bath, or steps of stochastic "
            "LLG.",
            "ge": 1, "per_island": True,
        },
    )  # fmt: skip
    variance: VarianceControl | None = field(default_factory=VarianceControl)

    def thresholds(self, evaluator: Evaluator) -> tuple[int, float, float, float]:
        """Return window, torque (meV), energy variance (meV^2) and moment variance, as the kernels take them."""
        single = evaluator.real == np.float32
        torque = self.torque if self.torque is not None else (1e-6 if single else 1e-8) * evaluator.stiffness
        if self.variance is None:
            return 0, torque, 0.0, 0.0
        energy = (
            self.variance.energy
            if self.variance.energy is not None
            else (self.variance.relative * evaluator.stiffness) ** 2
        )
        return self.variance.window, torque, energy, self.variance.moment


@dataclass(frozen=True)
class Relaxation:
    """Relaxed replicas of a population, without padding."""

    textures: Any  # [replica, site, 3], on the host or the device as those that were given
    energy: NDArray[np.float64]  # [replica] meV, of the whole replica
    torque: NDArray[np.float64]  # [replica] meV, largest
    magnetization: NDArray[np.float64]  # [replica, 3] mean spin
    steps: NDArray[np.int64]  # [replica] evaluations
    reason: tuple[str, ...]  # of REASONS; "moving" where the steps ran out

    @property
    def evaluations(self) -> int:
        """Evaluations of all replicas together."""
        return int(self.steps.sum())


@dataclass
class Motion:
    """The arrays of a population that moves. ``blocked`` [..., block, site, 3, width], ``flat`` [..., replica].

    ``common`` holds what belongs to no replica. Where ``blocked`` has "other spins", spins are there after every odd
    iteration.

    They stay where they are, so that launches on them can be bound once. ``key`` is that of the random numbers, for
    those who draw any. ``spare`` is memory for an array like the spins that is free again when the state is polled.
    """

    evaluator: Evaluator
    zeeman: Any  # [block, 3, width] meV
    blocked: dict[str, Any]
    flat: dict[str, Any]
    sums: Any  # [chunk, SUMS, replica]
    count: int  # replicas without padding
    numbers: NDArray[np.int64]  # [replica] by which random numbers tell them apart
    key: Key = (0, 0)
    iteration: int = 0
    common: dict[str, Any] = field(default_factory=dict)
    spare: Any = None

    @classmethod
    def start(
        cls,
        evaluator: Evaluator,
        textures: Any,
        tesla: Any = None,
        key: Key = (0, 0),
        columns: NDArray[np.int64] | None = None,
        first: int = 0,
    ) -> Motion:
        """Return a population of textures [replica, site, 3] of the host or the device.

        columns   [column] replica that each of them holds (``held``); all in turn where None
        first     number of the first replica
        """
        batch, xp = evaluator.batch(textures), evaluator.device.xp
        columns = evaluator.columns(len(batch)) if columns is None else columns
        resting = np.where(columns < 0, REASONS.index("padding"), 0)
        state = xp.zeros((STATE["STATES"], len(columns)), dtype=np.float64)
        state[STATE["RESTING"]] = evaluator.device.array(resting, np.float64)
        spins = evaluator.spins(batch, columns)
        return cls(
            evaluator,
            evaluator.zeeman_of(tesla, len(batch), columns),
            {"spins": spins, "force": xp.zeros_like(spins)},
            {"state": state},
            xp.empty((evaluator.chunks, len(SUM) - 1, len(columns))),
            len(batch),
            first + held(columns),
            key,
        )

    @property
    def spins(self) -> Any:
        """The present spins, [block, site, 3, width]."""
        return self.blocked["other spins" if self.iteration % 2 and "other spins" in self.blocked else "spins"]

    @property
    def replicas(self) -> int:
        """Number of replicas, padding included."""
        return self.evaluator.replicas(self.blocked["spins"])

    def textures(self) -> Any:
        """Return the textures on the device, [replica, site, 3], without padding."""
        return self.evaluator.textures(self.spins)[: self.count]

    def array(self, *shape: int, dtype: Any = None) -> Any:
        """Return an array of zeros on the device."""
        return self.evaluator.device.xp.zeros(shape, dtype=dtype or self.evaluator.real)

    def passing(self) -> Any:
        """Return an array like the spins, of any contents, for what is not needed after the state is polled."""
        spins, spare, self.spare = self.blocked["spins"], self.spare, None
        fits = spare is not None and spare.nbytes == spins.nbytes
        return spare.reshape(spins.shape) if fits else self.evaluator.device.xp.empty_like(spins)

    def evaluation(self, other: str) -> tuple[Launch, Any]:
        """Bind the evaluation of the present spins; return it and the reduced sums that rules read."""
        b = self.blocked
        evaluate = self.evaluator.evaluation(self.spins, self.zeeman, b[other], b["force"], self.sums)
        reduce, sums = self.evaluator.reduction(self.sums, len(SUM) - 1, SUM["LARGEST2"])
        return self.chain(evaluate, reduce), sums

    def evaluate(self, other: str) -> Any:
        """Evaluate the present spins and return their sums."""
        evaluate, sums = self.evaluation(other)
        evaluate()
        return sums

    def seen(self, columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the state of replicas that moved after they were last looked at, with their present numbers.

        The last look: the arrays of the minimiser are let go.
        """
        self.blocked = {"spins": self.spins, "force": self.blocked["force"]}
        state = self.evaluator.device.host(self.flat["state"])[:, columns].copy()
        total = self.evaluator.device.host(self.evaluate("spins"))[:, columns]
        state[STATE["ENERGY_NOW"]] = total[SUM["ENERGY"]]
        state[STATE["TORQUE"]] = np.sqrt(total[SUM["LARGEST2"]])
        state[STATE["MEAN_X"] : STATE["MEAN_Z"] + 1] = total[SUM["MX"] : SUM["MZ"] + 1] / self.evaluator.sites
        return state

    def bind(self, kernel: str, *arguments: Any, blocks: int | None = None) -> Launch:
        """Bind a kernel on this population: its last argument, the number of replicas, is added."""
        return self.evaluator.bind(kernel, *arguments, self.replicas, blocks=blocks)

    def chain(self, *launches: Launch) -> Launch:
        """Return launches in turn as one."""
        return self.evaluator.device.chain(*launches)

    def thinned(self, columns: NDArray[np.int64]) -> Motion:
        """Return a population of some of the columns (one may be there several times), whose arrays replace these.

        columns   [column] where each of them stands here (``held``); whole blocks, or ValueError
        """
        evaluator, device = self.evaluator, self.evaluator.device
        if len(columns) % device.width:
            raise ValueError(f"{len(columns)} columns are no multiple of {device.width}, the width of a block")
        sources, before, replicas = device.array(held(columns), np.int32), self.replicas, len(columns)
        sums, self.sums = device.xp.ascontiguousarray(self.sums[..., sources]), None
        between = [name for name in self.blocked if name.startswith("other ") and self.iteration % 2 == 0]
        for name in between:  # hold nothing now
            del self.blocked[name]

        def of(old: Any) -> Any:  # [..., block, site, 3, width]
            *leading, _, sites, _, width = old.shape
            new = device.xp.empty((*leading, replicas // width, sites, 3, width), dtype=evaluator.real)
            vectors, blocks = int(np.prod(leading, dtype=int)), -(-sites // device.chunk)
            arguments = (old, sources, new, vectors, before, sites, device.chunk, replicas)
            evaluator.bind("gather_columns", *arguments, blocks=blocks)()
            return new

        flat = {name: device.xp.ascontiguousarray(a[..., sources]) for name, a in self.flat.items()}
        if (columns < 0).any():
            resting = np.where(columns < 0, REASONS.index("padding"), device.host(flat["state"][STATE["RESTING"]]))
            flat["state"][STATE["RESTING"]] = device.array(resting, np.float64)
        blocked = {name: of(self.blocked.pop(name)) for name in list(self.blocked)}  # one by one: never two populations
        return Motion(
            evaluator,
            of(self.zeeman[:, None])[:, 0],
            blocked | {name: device.xp.empty_like(blocked["spins"]) for name in between},
            flat,
            sums,
            int((columns >= 0).sum()),
            self.numbers[held(columns)],
            self.key,
            self.iteration,
            self.common,
        )


class Cycle:
    """The iterations of a motion: launches that follow one another in turn.

    turns   iteration n is turns[n % len(turns)]
    """

    def __init__(self, motion: Motion, turns: Sequence[Launch]):
        self.motion, self.turns = motion, turns
        self._graphs: dict[tuple[int, ...], Launch] = {}

    def run(self, iterations: int = 1) -> None:
        """Run the next ``iterations`` iterations, as one graph where the device has graphs."""
        first, many = self.motion.iteration, len(self.turns)
        following = [self.turns[k % many] for k in range(first, first + iterations)]
        if self.motion.evaluator.device.graphs and iterations > 1:
            which = tuple(map(id, following))
            if which not in self._graphs:
                self._graphs[which] = self.motion.chain(*following)
            following = [self._graphs[which]]
        for launch in following:
            launch()
        self.motion.iteration += iterations


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
    overwrite: bool = False,
) -> Relaxation:
    """Relax textures [replica, site, 3] to nearby minima; ``tesla`` [3] or [replica, 3] overrides the model's field.

    ``watch`` is called at every look at the replicas; what it raises ends the relaxation. ``key`` is that of the random
    numbers, where a minimiser draws any: equal keys give bitwise identical results, whatever else runs.

    groups      numbers of replicas, one group after the other, each of which ends with the bits that it has by itself
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
    final = batch if overwrite or not on_device else device.xp.empty_like(batch)
    del textures
    state = np.zeros((KEPT, len(batch)))
    every = None if tesla is None else np.broadcast_to(np.atleast_2d(tesla), (len(batch), 3))
    parts = [families(len(batch), groups)]
    while parts:
        part = parts.pop()
        first, last = int(part[0][0]), int(part[-1][-1]) + 1
        own = slice(first, last)
        seats = seated(evaluator, [members - first for members in part])
        fields = None if every is None else every[own]
        try:
            start = partial(Motion.start, evaluator, batch[own], fields, key, seats.columns, first)
            _descend(minimizer, start, seats, final[own], state[:, own], watch)
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
    )


def _descend(
    minimizer: Minimizer,
    start: Callable[[], Motion],
    seats: Seats,
    final: Any,
    state: NDArray[np.float64],
    watch: Watch,
) -> None:
    """Relax the replicas of a motion, and write them and their state [row, replica] when they converge.

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
    motion.spare = None
    while True:
        watch()
        cycle.run(min(LOOK, steps - motion.iteration))
        columns = seats.columns  # [column] replica; padding is below zero
        rests = device.host(motion.flat["state"][STATE["RESTING"]]) != 0
        moving = np.flatnonzero(~rests)
        done = len(moving) == 0 or motion.iteration >= steps
        fewer = None if done else seats.thinned(np.sort(columns[moving]))
        if not done and fewer is None:
            continue
        del cycle  # and with it the arrays of its launches
        ends = np.flatnonzero((columns >= 0) & (rests | done))
        motion.evaluator.put(motion.spins, np.where(rests | done, columns, -1), final)
        state[:, columns[ends]] = device.host(motion.flat["state"][:KEPT])[:, ends]
        if fewer is None:
            if len(moving):
                state[:, columns[moving]] = motion.seen(moving)[:KEPT]
            return
        seats, sources = fewer
        motion = motion.thinned(sources)
        cycle = Cycle(motion, minimizer.iteration(motion))
