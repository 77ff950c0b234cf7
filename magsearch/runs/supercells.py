"""The competition of supercells before a search, where the input leaves the choice to it or the box is large."""

from __future__ import annotations

import time
from dataclasses import replace
from importlib.metadata import version

from magsearch import storage
from magsearch.errors import InputError
from magsearch.parallel.interruption import Interruption
from magsearch.runs.beginning import Beginning
from magsearch.runs.launch import Launch
from magsearch.search.budget import Budget
from magsearch.search.history import History
from magsearch.search.supercells import tiling
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.race import Race, Standing

SHARE = 0.5  # of search.seconds that supercells may compete for


class Comparison:
    """The competition of supercells before a search begins; most runs have none.

    A signal ends it: ``stored`` keeps what is known, and a run that resumes from it has the outcome of one that was
    left alone. Where ``search.seconds`` is given, it ends after ``SHARE`` of them, with the best minimum so far.
    """

    def __init__(self, launch: Launch, start: Beginning):
        self.launch, self.start, self.begun = launch, start, time.monotonic()
        self.interruption = Interruption(launch.ranks, launch.signals)
        self.race: Race | None = None
        self.before = start.before.race if start.before else None

    @property
    def elapsed(self) -> float:
        """Seconds that it has taken, with those of a run that is resumed."""
        return time.monotonic() - self.begun + (self.before.seconds if self.before else 0.0)

    def outcome(self) -> Beginning:
        """Return the start of a run in the supercell that has won, or in its own box with copies of small supercells.

        Raises InputError if no supercell can be chosen, Interrupted if one of the ranks is signalled.
        """
        start = self.start
        if start.before is not None and self.before is None:
            return start
        if self.before is not None and start.before is not None:
            self.launch.say(f"resuming   the comparison of supercells, after {self.before.seconds:.1f} s")
            self.launch.resumed(start.before.version)
            start = replace(start, before=None)
        search = start.given.search
        if search.cells and search.tilings:
            raise InputError(
                "search.tilings is for a given box; search.cells begins with the best texture", start.given.path,
                everywhere=True,
            )  # fmt: skip
        chosen = self._in_best_supercell(start) if search.cells else self._with_tilings(start)
        return chosen if self.race is None else replace(chosen, elapsed=self.elapsed)

    def stored(self) -> str:
        """Store what a comparison that a signal has ended has found, and say so; or say that there is nothing."""
        out, race = self.start.out, self.race
        if race is None:
            return "before the search began: " + (
                "the file is as it was" if self.start.before else "nothing is stored yet, start again"
            )
        if out is None:
            return "while supercells were compared"
        self.launch.write_or_warn(lambda: self.launch.ranks.on_first(self._write))
        return f"while supercells were compared: resume with: magsearch run --resume {out}"

    def _write(self) -> None:
        start, given, race = self.start, self.start.given, self.race
        assert start.out is not None
        assert race is not None
        standing = Standing(self.elapsed, race.known, tuple(start.seeds))
        state = storage.Record(
            hamiltonian=given.hamiltonian, input_path=str(given.path), input_text=given.text,
            settings=given.as_json(), history=History((), given.search.elites, given.islands.count), elites=(),
            stopped=None, seconds=standing.seconds, device=self.launch.device.description, created=start.created,
            version=version("magsearch"), command=start.command, waited=(self.launch.ranks.waited,), race=standing,
        )  # fmt: skip
        storage.write(start.out, state)

    def _raced(self, start: Beginning) -> Race:
        """Return the race of this run, which has been carried out. Raises ValueError if no supercell can be chosen."""
        launch, given = self.launch, start.given
        launch.ranks.watch, watch = self.interruption.look, self.interruption.watch
        seconds = given.search.seconds
        if seconds is not None:
            watch = Budget(SHARE * seconds - (self.before.seconds if self.before else 0.0), watch)
        race = Race(
            given.hamiltonian, launch.device, given.search.sites, given.search.seed, launch.ranks,
            lambda words: launch.say(f"supercells {words}"), watch, dict(self.before.known) if self.before else {},
        )  # fmt: skip
        self.race = race
        race.run()
        if race.overdue:
            short = f"supercells were compared for {SHARE * (seconds or 0.0):g} s, half of search.seconds"
            launch.note(f"{short}: there may be better ones" if race.leaders else f"{short}, and none was searched")
        return race

    def _in_best_supercell(self, start: Beginning) -> Beginning:
        """Return the start of a run in the supercell that wins a race, seeded by the texture that won it."""
        given = start.given
        if start.seeds:
            raise InputError(
                "are textures of the input's supercell, but search.cells chooses another", "--seeds", everywhere=True
            )
        try:
            race = self._raced(start)
        except ValueError as error:
            raise InputError(f"search.cells: {error}", given.path, everywhere=True) from None
        if not race.leaders:
            self.launch.note("the search is in the box of the input")
            return start
        best = race.leaders[0]
        shown: Best = race.together(lambda: best.shown(self.interruption.watch))
        note = f"of all supercells of up to {race.sites} sites, the best one that was found has {best.supercell}"
        hamiltonian = replace(shown.supercell.hamiltonian, notes=(*given.hamiltonian.notes, note))
        return replace(start, given=replace(given, hamiltonian=hamiltonian), seeds=(shown.texture,))

    def _with_tilings(self, start: Beginning) -> Beginning:
        """Return the start of a run whose first generation holds copies of the best small supercells.

        They come after given textures. In large boxes whose cells are all alike, or as ``search.tilings`` says; else
        the start itself.
        """
        launch, given, asked = self.launch, start.given, start.given.search.tilings
        if not (given.hamiltonian.lattice.sites > tiling.LARGE if asked is None else asked):
            return start
        try:
            race = self._raced(start)
        except ValueError as error:
            if asked:
                raise InputError(f"search.tilings: {error}", given.path, everywhere=True) from None
            launch.note(f"large box, but no copies of small supercells in the first generation: {error}")
            return start
        most = min(tiling.MOST, sum(island.replicas for island in given.islands.islands(given.search)) // 2)
        watch = self.interruption.watch
        found = race.together(lambda: tiling.shared(given.hamiltonian, race.leaders, most, watch))
        copies = " or ".join(str(n) for n in sorted({one.copies for one in found})) or "no"
        launch.say(
            f"tilings    {len(found)} of the first textures are {copies} copies of supercells, stretched to the box"
        )
        return replace(start, seeds=(*start.seeds, *(one.texture for one in found)))
