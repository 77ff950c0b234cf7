"""Progress of a run, and its results as tables."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table

from magsearch.console import live
from magsearch.errors import printable
from magsearch.formatting import counted, fixed, vector
from magsearch.observables.propagation import described, propagation_vectors
from magsearch.observables.topological_charge import rough
from magsearch.phases.rules import rule_of
from magsearch.phases.spectrum import portrait_of
from magsearch.search.archipelago import Archipelago
from magsearch.search.candidate import Candidate
from magsearch.search.history import History
from magsearch.search.stopping import ChampionConverged, Reason
from magsearch.search.supercells import misfit
from magsearch.storage import Record
from magsearch.storage.summary import above, catalogue_converged, certificate, charge_words, discovered

LINES = 16  # of the ranks of a run that are shown
ROUGH = "neighbouring spins differ by 60 degrees and more"
UNBOUNDED = 10_000  # columns
SINGLE = 5  # decimals of energies that are not refined in double precision yet
WORDS = ("phase", "degeneracy", "stability", "made by")  # columns that are no numbers


class Progression:
    """Progress of a search: a table on a terminal, a plain line for each generation in a batch log."""

    def __init__(self, console: Console, search: Archipelago):
        self.console, self.search, self.shown_before = console, search, len(search.history)
        self.limits = live.Limits(search.stop.generations, search.stop.seconds)
        self.begin, self.doing = time.monotonic() - search.elapsed, "relaxing"
        self.seen = _as_it_is(search.history)  # the table is drawn by a thread of its own
        self.table = console.is_terminal and not console.quiet

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table while the context is open, on a terminal."""
        if not self.table:
            yield
            return
        with Live(console=self.console, get_renderable=self._now, refresh_per_second=2, transient=True):
            yield

    def _now(self) -> RenderableType:
        return live.table(self.seen, self.limits, time.monotonic() - self.begin, self.doing)

    def generations(self) -> None:
        """Report the generations that were completed since the last call."""
        history = self.search.history
        if not self.table:
            for number in range(self.shown_before, len(history)):
                self.console.print(live.line(history, number), soft_wrap=True)
        self.shown_before, self.seen = len(history), _as_it_is(history)

    def polishing(self) -> None:
        """Report that the search has stopped and that the elites are being refined."""
        message = f"stopped: {self.search.stopped}; polishing the elites in double precision"
        if not self.table:
            self.console.print(message, soft_wrap=True)
        self.doing = "polishing the elites in double precision"


def _as_it_is(history: History) -> History:
    """Return a copy of the history, which later generations do not change."""
    return replace(history, rows=list(history.rows), seconds=list(history.seconds), levels=list(history.levels))


def layout(console: Console, search: Archipelago, lines: Sequence[str], nodes: int) -> None:
    """Print islands and device of every rank of a small run, or of the first ranks of a large one."""
    islands, ranks = len(search.settings), search.ranks.size
    places = f"{counted(islands, 'island')} on {counted(ranks, 'rank')} and {counted(nodes, 'node')}"
    console.print(f"layout     {places}", soft_wrap=True)
    shown = lines if len(lines) <= LINES else [*lines[: LINES - 1], f"... and {len(lines) - LINES + 1} more"]
    for line in shown:
        console.print(f"           {line}", soft_wrap=True)
    if islands < ranks:
        idle = (
            f"{ranks - islands} of {ranks} ranks have nothing to do: --set islands.count={ranks} gives each an island"
        )
        console.print(f"note       {idle}", style="yellow", soft_wrap=True)


def show(console: Console, record: Record) -> None:
    """Print the elites of a run as a table, and a summary of the run."""
    console.print(_fitting(console, record, _row))
    if record.elites and rough(record.hamiltonian.lattice, record.elites[0].spins):
        console.print(f"note  topological charge undefined: {ROUGH}", style="yellow", soft_wrap=True)
    for part in record.damaged:
        console.print(f"damaged    {part}: not shown", style="red", soft_wrap=True)
    for line in [*named(record), *waves(record), *certified(record), *sure(record), *others(record)]:
        console.print(line, soft_wrap=True)
    history = record.history
    evaluations = int(history["evaluations"].sum())
    done = [
        counted(len(history), "generation"),
        f"{evaluations} evaluations",
        f"{record.seconds:.1f} s on {record.device}",
    ]
    if history.islands > 1:
        done.insert(1, f"{history.islands} islands, {counted(len(history.migrations), 'migration')}")
        share = 100 * np.mean(record.waited) / max(record.seconds, 1e-9)
        done.append(f"{counted(len(record.waited), 'rank')}: waited {share:.1f} % of the time")
    console.print(", ".join(done), soft_wrap=True)
    for line in compared(record):
        console.print(line, soft_wrap=True)
    console.print(state(record.stopped, record.resumable), soft_wrap=True)


def compared(record: Record) -> list[str]:
    """Return a line on the competition of supercells that a signal has ended; none where there is none."""
    if record.race is None:
        return []
    best = record.race.best
    so_far = f"; the best so far: {best}" if best else ""
    return [
        f"supercells  compared for {record.race.seconds:.1f} s, {counted(len(record.race.known), 'task')} done{so_far}"
    ]


def named(record: Record) -> list[str]:
    """Return a line with the phase of the champion, and what defines it; none where no phase is known yet."""
    if not record.elites or not record.elites[0].phase:
        return []
    phase = record.elites[0].phase
    rule = rule_of(portrait_of(record.hamiltonian, record.elites[0].spins))
    sentence = f": {rule.sentence}" if rule.name == phase else ""  # files of other versions may have other rules
    return [f"phase {phase}{charge_words(record, 0)}{sentence}"]


def waves(record: Record) -> list[str]:
    """Return a line with the champion's ordering wave vectors, and one on a softer wave that does not fit the box."""
    if not record.elites:
        return []
    lines = [f"waves {described(propagation_vectors(record.hamiltonian.lattice, record.elites[0].spins))}"]
    found = misfit.noticed(record.hamiltonian)
    return [*lines, f"box   {found}; magsearch cells lists boxes that fit"] if found else lines


def following(console: Console, out: Path) -> None:
    """Print the commands that draw a run and write its report, with the files that they write."""
    run = shlex.quote(str(out))
    for what, command, suffix in (("picture", "plot", ".png"), ("page", "report", ".html")):
        made = shlex.quote(str(out.with_suffix(suffix)))
        console.print(f"{what:11}{made}: magsearch {command} {run} -o {made}", soft_wrap=True)


def others(record: Record) -> list[str]:
    """Return a line on the minima besides the champion of a run that ended before they had converged."""
    if catalogue_converged(record) is not False or len(record.elites) < 2:
        return []
    which = "minimum 1 has" if len(record.elites) == 2 else f"minima 1 to {len(record.elites) - 1} have"
    return [f"others  {which} not converged as a set: the lowest found so far, lower ones may be missing"]


def state(stopped: Reason | None, resumable: bool) -> str:
    """Return whether a run has ended and why, and whether it can be resumed, in a line."""
    if stopped is None:
        return "not finished: under way, or interrupted and to be resumed; energies are in single precision so far"
    how = "search.minima=N, for N minima," if stopped.code == ChampionConverged.code else "a longer limit"
    return f"finished: {stopped}{f'; {how} resumes it' if resumable else ''}"


def minima(console: Console, record: Record) -> None:
    """Print the catalogue of a run's minima as a table, with fewer columns on a narrow terminal."""
    elites = record.elites
    console.print(_fitting(console, record, _minimum))
    for line in others(record):
        console.print(line, soft_wrap=True)
    if any(elite.degeneracy is None for elite in elites):
        why = "this file does not say it" if record.stopped else "known once the run has ended"
        console.print(f"note       degeneracy: {why}", style="yellow", soft_wrap=True)


def fitting(console: Console, make: Callable[[bool], Table]) -> Table:
    """Return the wide table that ``make`` gives if it fits the terminal, else the narrow one."""
    wide = make(True)
    needed = console.measure(wide, options=console.options.update(max_width=UNBOUNDED)).maximum
    return wide if needed <= console.width else make(False)


def _fitting(console: Console, record: Record, row: Callable[[Record, int, bool], dict[str, str]]) -> Table:
    """Return the table of the elites, as wide as the terminal allows."""
    numbers = range(len(record.elites))
    return fitting(console, lambda wide: _elites(record, [row(record, number, wide) for number in numbers]))


def _elites(record: Record, rows: list[dict[str, str]]) -> Table:
    title = f"{printable(record.input_path)}, field {vector(record.hamiltonian.field)} T"
    table = Table(title=title, box=SIMPLE, title_justify="left", padding=(0, 1))
    for name in rows[0] if rows else ():
        table.add_column(name, justify="left" if name in WORDS else "right", no_wrap=name != "phase")
    for row in rows:
        table.add_row(*row.values())
    return table


def _minimum(record: Record, number: int, wide: bool) -> dict[str, str]:
    """Return an elite by the names of the columns of the catalogue."""
    elite = record.elites[number]
    row = {"": str(number), "meV per site": f"{elite.energy / record.hamiltonian.n_spins:.8f}"}
    if wide:
        row["above"] = f"{above(record, number):.2e}"
    row |= {"phase": elite.phase, "degeneracy": str(elite.degeneracy or ""), "stability": stable(elite)}
    row["charge"] = charge(record, elite)
    if wide:
        row["wavelength"] = wavelength(elite)
        row["magnetization"] = vector(elite.magnetization, 3)
    return row


def charge(record: Record, elite: Candidate) -> str:
    """Return the topological charge; empty where neighbouring spins differ too much for one."""
    return "" if rough(record.hamiltonian.lattice, elite.spins) else fixed(elite.charge, 2)


def wavelength(elite: Candidate) -> str:
    """Return the wavelength of the heaviest wave; empty where all cells are alike, and for files that do not say it."""
    q = float(np.linalg.norm(elite.wave))
    return f"{2 * np.pi / q:.4g} Å" if q > 0 else ""


def _row(record: Record, number: int, wide: bool) -> dict[str, str]:
    """Return an elite by the names of the columns; fewer of them unless the terminal is wide."""
    elite, spins = record.elites[number], record.hamiltonian.n_spins
    free = any(elite.free_energy is not None for elite in record.elites)
    digits = 8 if record.stopped else SINGLE
    energy = f"{elite.energy / spins:.{digits}f}"
    row = {"": str(number), "meV per site": energy, "above": f"{above(record, number):.2e}"}
    if free:
        row["free energy"] = f"{np.nan if elite.free_energy is None else elite.free_energy / spins:.6f}"
    row["charge"] = charge(record, elite)
    if wide or not free:
        row["magnetization"] = vector(elite.magnetization, 3 if wide else 2)
    if wide:
        row["torque (meV)"] = f"{elite.torque:.0e}"
    row["stability"] = stable(elite)
    if wide:
        row["made by"] = f"{elite.origin}, generation {elite.generation}"
    return row


def stable(elite: Candidate) -> str:
    """Return minimum, saddle, or the number of zero modes; empty for elites of a run under way."""
    if elite.stability is None:
        return ""
    return (
        counted(elite.stability.zero_modes, "zero mode")
        if elite.stability.kind == "zero modes"
        else elite.stability.kind
    )


def certified(record: Record) -> list[str]:
    """Return the proven lower bound of the energy and the gap of the champion, a line each."""
    proven = certificate(record)
    if proven is None:
        return []
    bound = f"bound {proven['bound_per_site']:.8f} meV per site"
    lines = [f"{bound}: lower bound of the energy in this supercell ({proven['method']})"]
    if proven["gap"] is not None:
        gap = max(proven["gap"], 0.0)
        what = (
            "the champion is a ground state of this box, which is proven"
            if proven["tight"]
            else "the ground state of this box is at most this much below the champion"
        )
        lines.append(f"gap   {gap:.2g} meV per site: {what}")
    return lines


def sure(record: Record) -> list[str]:
    """Return how often the champion was found, and the chance that a minimum was missed; nothing once it is proven."""
    proven, found = certificate(record), discovered(record)
    if found is None or (proven is not None and proven["tight"]):
        return []
    since = f"{counted(found['generations_since'], 'generation')} ago"
    if found["islands"] == 1:
        more = "several independent ones (islands.count=8) would tell how often it is found"
        return [f"sure  found {since} by the only island; {more}"]
    many = f"{found['found_alone']} of {found['islands']} islands found the champion by themselves, first {since}"
    limit, unseen = found["unseen_limit"], found["unseen_probability"]
    how = f"of about {unseen:.2g} (Good's estimate)" if limit is None else f"below {limit:.2g} (95 % confidence)"
    chance = f"another would end in a minimum that none has found with a probability {how}"
    return [f"sure  {many}; {chance}; more islands lower it, a closed gap proves the champion"]
