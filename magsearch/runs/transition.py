"""The search for a transition temperature from its input to its file, on any number of ranks, begun or resumed."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from magsearch.config.input import Input, again
from magsearch.console import model
from magsearch.console import transition as told
from magsearch.critical.estimates import estimates
from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.ordered import Ordered, from_texture, race_of, searched
from magsearch.critical.plan import SWEEPS, Analysis, Next, Round, Settings, following, range_of
from magsearch.critical.series import Sampler, Series, joined
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError, Interrupted
from magsearch.formatting import counted
from magsearch.limits import memory
from magsearch.model.cells import in_given_cells
from magsearch.parallel.interruption import Interruption
from magsearch.runs import record
from magsearch.runs.launch import Launch, claim, command_line, expect_exists, expect_free
from magsearch.search.stopping import Reason
from magsearch.search.supercells.race import Race, Standing
from magsearch.storage.ground_state import DEFAULTS, GroundStateRecord, read_ground_state, write_ground_state
from magsearch.storage.transition import TransitionRecord, read_transition, write_transition

T = TypeVar("T")
BYTES_OF_SPIN = 2000  # of a box: replicas of a ladder, rows of the order parameter, neighbours


@dataclass(frozen=True, eq=False)
class Beginning:
    """The start of a search for a transition temperature.

    out      its file; None: nothing is written
    given    the input; None: it resumes
    plan     settings that were given: None where they are the default
    texture  [site, 3] of the ground state; None: it is searched
    before   what the file holds
    race     that was interrupted
    created  when the search began
    command  that began it, and those that resumed it
    """

    out: Path | None
    given: Input | None = None
    plan: dict[str, Any] | None = None
    texture: NDArray[np.float64] | None = None
    before: TransitionRecord | None = None
    race: Standing | None = None
    created: str = field(default_factory=record.now)
    command: str = field(default_factory=command_line)


def begin(
    given: Input,
    out: Path | None,
    plan: dict[str, Any],
    texture: NDArray[np.float64] | None,
    overwrite: bool,
    held: ExitStack,
) -> Beginning:
    """Return the start of a new search; its file is claimed until ``held`` closes.

    Raises InputError if the file exists, for settings that cannot be used, and for models with disorder.
    """
    Settings(**DEFAULTS | _given(plan))  # wrong ones are known before the ground state is searched
    if not given.hamiltonian.uniform:
        raise InputError("has disorder: boxes of other sizes cannot be made of it", given.path)
    if out is not None:
        claim(held, out)
        expect_free(out, overwrite, "search")
    return Beginning(out, given, plan, texture)


def resume(out: Path, plan: dict[str, Any], held: ExitStack) -> Beginning:
    """Return the start of a search that resumes from its file. Raises InputError if it cannot."""
    expect_exists(out)
    claim(held, out)
    changed = _given(plan)
    fixed = [name for name in ("sizes", "ladders", "seed") if name in changed]
    if fixed:
        raise InputError(f"cannot be changed when a search is resumed: {', '.join(fixed)}", out)
    start = read_ground_state(out)
    if start is None:
        before = read_transition(out)
        plan_now, command = replace(before.plan, **changed), command_line(before.command)
        return Beginning(out, before=replace(before, plan=plan_now, command=command, stopped=None))
    given = again(start.input_path, start.input_text, start.hamiltonian, start.settings, ())
    return Beginning(
        out, given, start.plan | changed, race=start.race, created=start.created, command=command_line(start.command)
    )


def _given(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that are not None."""
    return {name: value for name, value in plan.items() if value is not None}


def expect_memory(sampler: Sampler) -> None:
    """Raise InputError if the largest box does not fit into the memory of this process, before it is made."""
    spins = max(box.sites for box in sampler.boxes)
    needed, most = BYTES_OF_SPIN * spins, memory()
    if needed > most:
        raise InputError(
            f"a box of {spins} spins takes about {needed / 1e9:.3g} GB; this process may use {most / 1e9:.3g} GB",
            "--sizes",
        )


class TransitionRun:
    """A search for a transition temperature under way on all ranks; rank 0 analyses and keeps the file.

    record      on rank 0: what has been found
    parameter   the order parameter
    """

    record: TransitionRecord
    parameter: OrderParameter

    def __init__(self, launch: Launch, start: Beginning):
        self.launch, self.ranks, self.out, self.begun = launch, launch.ranks, start.out, time.monotonic()
        self.start, self.stored = start, start.before is not None
        self.interruption = Interruption(self.ranks, launch.signals)
        self.ranks.watch = self.interruption.look
        self.place = start.given.path if start.given is not None else start.out or Path("tc")

    def prepare(self) -> None:
        """Find the ground state and its order parameter, or take them from the file.

        Raises InputError for what has no transition temperature, Interrupted if a rank is signalled; ``stored`` tells
        on rank 0 whether the search can be resumed then.
        """
        start, launch, place = self.start, self.launch, self.place
        if start.given is not None:
            model.describe(launch.console, start.given.hamiltonian)
        found = self._together(lambda: self._new(start) if start.before is None else start.before, place)
        self.record, self.before = found, found.seconds
        try:
            self.parameter = OrderParameter.of(found.ordered)
        except ValueError as error:
            raise InputError(str(error), place, everywhere=True) from None
        plan, ordered = found.plan, found.ordered
        self.sampler = Sampler(ordered, self.parameter, plan.sizes, launch.device, plan.seed)
        self.dimension = len(ordered.axes)
        self.ranks.on_all(lambda: expect_memory(self.sampler))
        told.describe(launch, found, self.parameter)
        if found.rounds:
            launch.say(f"resuming   after {counted(len(found.rounds), 'round')}, {found.seconds:.1f} s")
            launch.resumed(found.version)

    def _together(self, work: Callable[[], T], place: Path) -> T:
        """Do work on rank 0 and return its result on all ranks; Interrupted and InputError are raised on all."""

        def watched() -> tuple[T | None, bool]:
            try:
                return work(), False
            except Interrupted:
                return None, True
            except InputError:
                raise
            except ValueError as error:
                raise InputError(str(error), place) from None

        result, interrupted = self.ranks.on_first(watched)
        if interrupted or result is None:
            raise Interrupted
        return result

    def _new(self, start: Beginning) -> TransitionRecord:
        given, watch = start.given, self.interruption.watch
        assert given is not None
        assert start.plan is not None
        hamiltonian = given.hamiltonian
        chosen = _given(start.plan)
        if start.texture is None:
            ordered = self._searched(given, chosen)
        else:
            energies = Evaluator(hamiltonian, self.launch.device, np.float64).energies(start.texture)
            ordered = from_texture(hamiltonian, start.texture, float(energies[0]) / hamiltonian.n_spins)
        sizes = chosen.pop("sizes", None) or ordered.default_sizes()
        sweeps = chosen.pop("sweeps", SWEEPS[len(ordered.axes)])
        new = TransitionRecord(
            ordered=ordered, plan=Settings(sizes=sizes, sweeps=sweeps, **chosen),
            estimate=estimates(in_given_cells(hamiltonian), watch), input_path=str(given.path), input_text=given.text,
            settings=given.as_json(), device=self.launch.device.description, created=start.created,
            version=version("magsearch"), command=start.command, seconds=start.race.seconds if start.race else 0.0,
        )  # fmt: skip
        if start.out is not None:
            write_transition(start.out, new)  # an unwritable place is known now
            self.stored = True
        return new

    def _searched(self, given: Input, chosen: dict[str, Any]) -> Ordered:
        """Return the ground state that a race finds; where a signal ends it, the file has what is known."""
        start = self.start
        race = race_of(
            given.hamiltonian, self.launch.device, chosen.get("seed", Settings.seed), self.interruption.watch,
            start.race.known if start.race else {},
        )  # fmt: skip
        if start.race is None:
            self.launch.say("searching  the ground state, in supercells of all shapes")
        else:
            self.launch.say(f"resuming   the search for the ground state, after {start.race.seconds:.1f} s")
        try:
            return searched(race)
        except Interrupted:
            self.launch.write_or_warn(lambda: self._keep(given, chosen, race))
            raise

    def _keep(self, given: Input, chosen: dict[str, Any], race: Race) -> None:
        """Store what a race has found that a signal has ended."""
        start = self.start
        if start.out is None:
            return
        seconds = time.monotonic() - self.begun + (start.race.seconds if start.race else 0.0)
        state = GroundStateRecord(
            hamiltonian=given.hamiltonian, plan=chosen, race=Standing(seconds, race.known), input_path=str(given.path),
            input_text=given.text, settings=given.as_json(), device=self.launch.device.description,
            created=start.created, version=version("magsearch"), command=start.command, seconds=seconds,
        )  # fmt: skip
        write_ground_state(start.out, state)
        self.stored = True

    def go(self) -> Reason:
        """Sample until the temperature is known; return why it ended. Raises InputError if the file cannot be written.

        An interrupted round is lost; all others are in the file.
        """
        try:
            found = self._analysed() if self.record.rounds else None
            while isinstance(step := self._next(found), Next):
                self._round(step)
                found = self._analysed()
                self._store(found, None)
                if self.ranks.rank == 0 and found is not None:
                    told.progress(self.launch, self.record, found)
        except Interrupted:
            return self.launch.signalled()
        self._store(found, step)
        return step

    def _next(self, found: Analysis | None) -> Next | Reason:
        """Return what is sampled next, or why nothing is, on all ranks."""
        own, step = self.record, None
        if self.ranks.rank == 0:
            ends = range_of(own.estimate, own.ordered.crystal)
            step = following(own.rounds, found, own.plan, ends, self.dimension)
        return cast("Next | Reason", self.ranks.broadcast(step))

    def _analysed(self) -> Analysis | None:
        """Return the analysis of all rounds, on rank 0."""
        kept: list[Analysis | None] = []

        def work() -> bool:
            kept.append(self.record.analysed(self.interruption.watch))
            return True

        self._together(work, self.place)
        return kept[0] if kept else None

    def _round(self, step: Next) -> None:
        """Sample one round: ladders of all boxes, divided among the ranks, the largest boxes first."""
        own, ranks = self.record, self.ranks
        tasks = [(place, ladder) for place in sorted(step.kelvin, reverse=True) for ladder in range(own.plan.ladders)]
        turn = ranks.broadcast(len(own.rounds))
        begin = [
            {task: own.textures[task[0]][task[1]] if step.continued else None for task in tasks[rank :: ranks.size]}
            for rank in range(ranks.size)
        ] if ranks.rank == 0 else []  # fmt: skip
        mine = ranks.scatter(begin)
        done: dict[tuple[int, int], tuple[Series, NDArray[np.float32]]] = {}
        complete = True
        try:
            for (place, ladder), textures in mine.items():
                done[place, ladder] = self.sampler.run(
                    place, ladder, turn, step.kelvin[place], step.sweeps, step.warmup, textures,
                    self.interruption.watch,
                )  # fmt: skip
        except Interrupted:
            complete = False
        parts = ranks.gather((complete, done))
        if ranks.broadcast(not all(whole for whole, _ in parts)):
            raise Interrupted
        every = {task: result for _, part in parts for task, result in part.items()}
        if ranks.rank == 0:
            ladders = range(own.plan.ladders)
            series = {place: joined([every[place, k][0] for k in ladders]) for place in sorted(step.kelvin)}
            textures_of = {place: np.array([every[place, k][1] for k in ladders]) for place in sorted(step.kelvin)}
            self.record = replace(own, rounds=(*own.rounds, Round(series)), textures=textures_of)

    def _store(self, found: Analysis | None, reason: Reason | None) -> None:
        def write() -> None:
            seconds = self.before + time.monotonic() - self.begun
            self.record = replace(self.record, analysis=found, stopped=reason, seconds=seconds)
            if self.out is None:
                return
            out = self.out
            if reason is None:
                self.launch.write_or_warn(lambda: write_transition(out, self.record))
            else:
                write_transition(out, self.record)

        self.ranks.on_first(write)
