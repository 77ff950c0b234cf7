"""What the command line prints: progress of a run, and tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from magsearch.evaluator import choose_path, cost
from magsearch.hamiltonian import Hamiltonian
from magsearch.observables import topological_charge
from magsearch.record import vector
from magsearch.search import Search
from magsearch.storage import Record


def console(stderr: bool = False) -> Console:
    """As wide as the terminal; wide enough for every table in a batch log."""
    found = Console(stderr=stderr)
    return found if found.is_terminal else Console(stderr=stderr, width=160)


def describe(console: Console, hamiltonian: Hamiltonian) -> None:
    """Lattice and couplings in a few lines, and what the reader wants the user to know."""
    lattice = hamiltonian.lattice
    size = " x ".join(str(n) for n in lattice.size)
    edges = ", ".join("periodic" if p else "open" for p in lattice.periodic)
    console.print(
        f"lattice    {size} cells ({edges}), {lattice.atoms} atoms in the basis, {lattice.sites} sites",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"couplings  {hamiltonian.coordination:.4g} per site, range {reach(hamiltonian):.4g} angstrom",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"field      {vector(hamiltonian.field)} T; moments {moments(hamiltonian)} mu_B",
        highlight=False,
        soft_wrap=True,
    )
    for note in hamiltonian.notes:
        console.print(f"note       {note}", style="yellow", highlight=False, soft_wrap=True)


def reach(hamiltonian: Hamiltonian) -> float:
    """Longest bond, angstrom."""
    lattice, longest = hamiltonian.lattice, 0.0
    if len(hamiltonian.bonds):
        b = hamiltonian.bonds
        longest = np.linalg.norm(lattice.basis[b.j] - lattice.basis[b.i] + b.offset @ lattice.cell, axis=1).max()
    if hamiltonian.site_bonds is not None and len(hamiltonian.site_bonds):
        b = hamiltonian.site_bonds
        longest = max(longest, np.linalg.norm(lattice.positions[b.j] - lattice.positions[b.i], axis=1).max())
    return float(longest)


def moments(hamiltonian: Hamiltonian) -> str:
    low, high = np.min(hamiltonian.moments), np.max(hamiltonian.moments)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def path_line(hamiltonian: Hamiltonian, path: str) -> str:
    """Which path runs, and why."""
    expected = cost(hamiltonian)
    why = f"expected cost: direct {expected.direct:.3g}, fourier {expected.fourier:.3g}"
    if expected.reason:
        why = f"no Fourier path: {expected.reason}"
    return f"{path} ({why}{'' if path == choose_path(hamiltonian) else '; overruled'})"


class Progression:
    """One line for each generation: a bar on a terminal, plain lines in a batch log."""

    def __init__(self, console: Console, search: Search):
        self.console, self.search = console, search
        self.bar: Progress | None = None
        if console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), TimeElapsedColumn())
            self.bar = Progress(*columns, console=console, transient=True)

    @contextmanager
    def shown(self) -> Iterator[None]:
        if self.bar is None:
            yield
            return
        with self.bar:
            self.task = self.bar.add_task("generation 0: relaxing the first textures", total=1.0)
            yield

    def generation(self) -> None:
        search, now = self.search, self.search.history[-1]
        champion = search.champion
        charge = topological_charge(search.hamiltonian.lattice, champion.texture)
        line = (
            f"generation {now.generation:4d}  best {now.best:.7f}  mean {now.mean:.6f}  deviation {now.deviation:.1e} "
            f"meV per site  charge {charge + 0.0:7.2f}  by {champion.origin}  {search.elapsed:.1f} s"
        )
        if self.bar is None:
            self.console.print(line, highlight=False, soft_wrap=True)
            return
        done = len(search.history) / search.stop.generations
        if search.stop.seconds is not None:
            done = max(done, search.elapsed / search.stop.seconds)
        self.bar.update(self.task, completed=min(done, 1.0), description=line)

    def polishing(self) -> None:
        message = f"stopped: {self.search.stopped}; polishing the elites in double precision"
        if self.bar is None:
            self.console.print(message, highlight=False, soft_wrap=True)
        else:
            self.bar.update(self.task, description=message)


def show(console: Console, record: Record) -> None:
    """The elites of a run as a table, and how the run went."""
    spins = record.hamiltonian.spins
    title = f"{record.input_path}, field {vector(record.hamiltonian.field)} T; energies and torques in meV"
    table = Table(title=title, box=SIMPLE, title_justify="left")
    for name in ("elite", "energy per site", "above", "charge", "magnetization", "torque", "made by"):
        table.add_column(name, justify="left" if name == "made by" else "right", no_wrap=True)
    for k, elite in enumerate(record.elites):
        table.add_row(
            str(k), f"{elite.energy / spins:.8f}", f"{(elite.energy - record.elites[0].energy) / spins:.2e}",
            f"{elite.charge + 0.0:.3f}", vector(elite.magnetization), f"{elite.torque:.1e}",
            f"{elite.origin}, generation {elite.generation}",
        )  # fmt: skip
    console.print(table)
    generations, evaluations = len(record.history["generation"]), int(np.sum(record.history["evaluations"]))
    ended = (
        f"stopped: {record.stopped}"
        if record.stopped
        else "the run goes on, or was killed: numbers of its last writing"
    )
    console.print(ended, highlight=False)
    console.print(
        f"{generations} generations, {evaluations} evaluations, {record.seconds:.1f} s on {record.device}",
        highlight=False,
    )


def table_of(console: Console, rows: dict[str, Any]) -> None:
    """Names and values below each other."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        console.print(f"{name:{width}}  {value}", highlight=False, soft_wrap=True)
