"""A population that moves: its arrays on the device, and the iterations that change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import SUM, Evaluator, held
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import rows
from magsearch.formatting import counted
from magsearch.randomness import Key
from magsearch.relaxation.convergence import Convergence

STATE = rows("State")
REASONS = ("moving", "torque", "variance", "padding", "cut")  # values of the row RESTING
CONVERGED = ("torque", "variance")
THRESHOLDS = slice(STATE["WINDOW"], STATE["MOMENT_VARIANCE"] + 1)  # rows of a replica's convergence


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
        thresholds: NDArray[np.float64] | None = None,
    ) -> Motion:
        """Return a population of textures [replica, site, 3] of the host or the device.

        columns     [column] replica that each of them holds (``held``); all in turn where None
        first       number of the first replica
        thresholds  when each replica rests, [``THRESHOLDS``, replica]; never where None
        """
        batch, xp = evaluator.batch(textures), evaluator.device.xp
        columns = evaluator.columns(len(batch)) if columns is None else columns
        resting = np.where(columns < 0, REASONS.index("padding"), 0)
        state = xp.zeros((STATE["STATES"], len(columns)), dtype=np.float64)
        state[STATE["RESTING"]] = evaluator.device.array(resting, np.float64)
        if thresholds is not None:
            state[THRESHOLDS] = evaluator.device.array(thresholds[:, held(columns)], np.float64)
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

    def rest(self, resting: NDArray[np.float64]) -> None:
        """Set the reason for which each replica rests, [replica] of ``REASONS``; none of those moves any more."""
        array = self.evaluator.device.array
        self.flat["state"][STATE["RESTING"]] = array(resting, np.float64)
        if "awake" in self.flat:  # of a heat bath, which reads it before the next sweep
            self.flat["awake"][...] = array(resting == 0, self.evaluator.real)

    def tighten(self, columns: NDArray[np.int64], convergence: Convergence) -> None:
        """Let replicas at rest move again, until they have another convergence; columns [moved].

        Their spins are those of the last evaluation: of the force before it, no step length can be deduced.
        """
        device, state = self.evaluator.device, self.flat["state"]
        there, thresholds = device.array(columns, np.int64), np.array(convergence.thresholds(self.evaluator))
        state[THRESHOLDS, there] = device.array(thresholds[:, None], np.float64)
        for row in ("WINDOW_STEPS", "FORCE2_BEFORE", "RESTING"):
            state[STATE[row], there] = 0

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
            raise ValueError(
                f"{counted(len(columns), 'column', 'are')} no multiple of {device.width}, the width of a block"
            )
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
