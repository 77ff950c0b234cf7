"""Relaxations that several islands ask for at the same time, done together: a GPU is fast where there is much to do.

Islands are generators that yield relaxations and receive their results. What an island receives does not depend on the
others: each of them is a group of its own (``relaxation/seats.py``), so that islands may be divided among ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from magsearch.engine.evaluator import Evaluator
from magsearch.randomness import Key
from magsearch.relaxation import MINIMIZERS
from magsearch.relaxation.relax import Method, Minimizer, Relaxation, relax
from magsearch.relaxation.schedule import Schedule

T = TypeVar("T")
BYTES = 2**28  # of the textures that are relaxed together at most; more would not be faster


@dataclass(eq=False)
class Task:
    """A relaxation; textures [replica, site, 3] are overwritten, and the arguments are those of ``relax``.

    Minimisers that differ in their convergence only may be joined: the schedule has it, replica by replica. A method
    needs none.
    """

    minimizer: Minimizer | Method
    evaluator: Evaluator
    textures: Any
    key: Key
    schedule: Schedule | None

    def joins(self, others: Sequence[Task]) -> bool:
        """Return whether this task may be one batch with others."""
        return (
            all(alike(self.minimizer, one.minimizer) and self.evaluator == one.evaluator for one in others)
            and all(self.schedule and one.schedule and self.schedule.joins(one.schedule) for one in others)
            and sum(one.textures.nbytes for one in others) + self.textures.nbytes <= BYTES
        )


def alike(one: Any, other: Any) -> bool:
    """Return whether replicas of two minimisers may be one batch: they differ in when a replica rests at most.

    Not if they draw random numbers: the key of a batch is that of one island.
    """
    if type(one) not in MINIMIZERS.values() or type(one) is not type(other):
        return False
    return bool(
        one.convergence.steps == other.convergence.steps and replace(one, convergence=other.convergence) == other
    )


def planned(minimizer: Minimizer | Method, textures: Sequence[Any], left: float = 0.0) -> Schedule | None:
    """Return the schedule of textures that converge as their minimiser says, ``left`` as for Schedule."""
    if isinstance(minimizer, Method):
        return None
    return Schedule.plain(minimizer.convergence, len(textures), left)


Work = Generator[Task, Relaxation, T]


def together(works: Sequence[Work[T]], watch: Callable[[], None]) -> list[T]:
    """Run generators to their ends and return what they return; ``watch`` as for ``relax``."""
    ends: dict[int, T] = {}
    tasks: dict[int, Task] = {}

    def advance(place: int, found: Relaxation | None) -> None:
        try:
            tasks[place] = works[place].send(found)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            ends[place] = end.value

    for place in range(len(works)):
        advance(place, None)
    while tasks:
        batches: list[dict[int, Task]] = []
        for place, task in tasks.items():
            batch = next((batch for batch in batches if task.joins(list(batch.values()))), None)
            if batch is None:
                batches.append({place: task})
            else:
                batch[place] = task
        tasks = {}
        while batches:
            places = list(batches[0])
            for place, found in zip(places, _relaxed(list(batches.pop(0).values()), watch), strict=True):
                advance(place, found)
    return [ends[place] for place in range(len(works))]


def _relaxed(tasks: list[Task], watch: Callable[[], None]) -> list[Relaxation]:
    """Return the results of tasks that are one batch; their textures are let go."""
    first, groups = tasks[0], [len(task.textures) for task in tasks]
    parts = [task.textures for task in tasks]
    for task in tasks:
        task.textures = None
    textures = parts.pop() if len(parts) == 1 else first.evaluator.device.xp.concatenate(parts)
    parts.clear()
    schedules = [task.schedule for task in tasks if task.schedule is not None]
    schedule = Schedule.joined(schedules) if schedules else None
    found = relax(first.minimizer, first.evaluator, textures, None, watch, first.key, groups, schedule, overwrite=True)
    ends = [sum(groups[: k + 1]) for k in range(len(groups))]
    return [_part(found, slice(end - count, end)) for end, count in zip(ends, groups, strict=True)]


def _part(found: Relaxation, own: slice) -> Relaxation:
    """Return some replicas of a relaxation."""
    return replace(
        found,
        textures=found.textures[own],
        energy=found.energy[own],
        torque=found.torque[own],
        magnetization=found.magnetization[own],
        steps=found.steps[own],
        reason=found.reason[own],
        tightened=found.tightened[own],
    )
