"""A model in a few lines: lattice, couplings, path of evaluation, memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from magsearch.engine.device import Device
from magsearch.engine.path import choose_path, cost
from magsearch.errors import visible
from magsearch.formatting import counted, megabytes, vector
from magsearch.model.couplings import Couplings
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.memory import Footprint

ROUNDING = 1e-12  # of the strongest coupling: less is none
SHELLS = 16  # rows of the table of shells that are printed
WIDE = 10**4  # characters: more than any table has


class Plain(Console):
    """A console on which texts are what they are: no markup, no emoji, and control characters escaped."""

    def __init__(self, **settings: Any):
        super().__init__(markup=False, emoji=False, highlight=False, **settings)

    def render_str(self, text: str, **how: Any) -> Text:
        """Return a text as it is printed, alone or in a table."""
        return super().render_str(visible(text), **how)


def console(stderr: bool = False, quiet: bool = False) -> Console:
    """As wide as the terminal; wide enough for every table in a batch log. A quiet one prints nothing."""
    found = Plain(stderr=stderr, quiet=quiet)
    return found if found.is_terminal else Plain(stderr=stderr, quiet=quiet, width=160)


def whole(console: Console, table: Table) -> None:
    """Print a table as wide as it is: on a narrow terminal its lines wrap, and no number is cut."""
    table.width = Measurement.get(console, console.options.update(max_width=WIDE), table).maximum
    console.print(table, crop=False)


def describe(console: Console, hamiltonian: Hamiltonian) -> None:
    """Lattice and couplings in a few lines, and what the reader wants the user to know."""
    summary(console, hamiltonian)
    for note in hamiltonian.remarks:
        console.print(f"note       {note}", style="yellow", soft_wrap=True)


def summary(console: Console, hamiltonian: Hamiltonian) -> None:
    """Print lattice, couplings, field and moments, a line each."""
    lattice = hamiltonian.lattice
    size = " x ".join(str(n) for n in lattice.size)
    edges = ", ".join("periodic" if p else "open" for p in lattice.periodic)
    inside = f"{counted(lattice.atoms, 'atom')} in the basis, {counted(lattice.sites, 'site')}"
    console.print(f"lattice    {size} cells ({edges}), {inside}", soft_wrap=True)
    told = f"{hamiltonian.coordination:.4g} per site, range {hamiltonian.reach:.4g} angstrom"
    if not hamiltonian.coupled:
        told = f"none: {counted(hamiltonian.n_spins, 'spin')}, independent of each other"
    console.print(f"couplings  {told}", soft_wrap=True)
    if hamiltonian.dipole is not None:
        console.print(f"dipoles    {hamiltonian.dipole.summary(lattice)}", soft_wrap=True)
    if hamiltonian.waves is not None:
        console.print(f"waves      couplings at {counted(len(hamiltonian.waves), 'wave vector')}", soft_wrap=True)
    for term in hamiltonian.products:
        console.print(f"clusters   {len(term)} of {term.name} in a cell", soft_wrap=True)
    console.print(
        f"field      {vector(hamiltonian.field)} T; moments {moments(hamiltonian)} mu_B",
        soft_wrap=True,
    )


def moments(hamiltonian: Hamiltonian) -> str:
    """Return the moment, or the range of moments, in Bohr magnetons."""
    low, high = np.min(hamiltonian.moments), np.max(hamiltonian.moments)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def shells_of(hamiltonian: Hamiltonian) -> list[dict[str, Any]]:
    """Return the shells of the couplings, shortest first, one entry for each pair of species; ranges are [low, high].

    shell is the number that an input gives it, None in cells with too many pairs of atoms; distances are in angstrom,
    pairs are those of a cell, each once, and couplings are in meV.
    """
    couplings = Couplings(hamiltonian)
    rounding = ROUNDING * couplings.strongest
    lengths = np.linalg.norm(couplings.dmi, axis=1)
    lengths = np.where(lengths > rounding, lengths, 0.0)
    anisotropic = np.where(couplings.anisotropic > rounding, couplings.anisotropic, 0.0)
    numbers: Sequence[int | None] = couplings.numbers() or [None] * len(couplings.shells)
    found: list[dict[str, Any]] = []
    for number, shell in zip(numbers, couplings.shells, strict=True):
        for pair, own in couplings.by_species(shell):
            J, D = couplings.exchange[own], lengths[own]
            found.append(
                {
                    "shell": number,
                    "distance": float(couplings.distances[own].mean()),
                    "species": pair,
                    "pairs": len(own) / 2,
                    "J": [float(J.min()), float(J.max())],
                    "D": [float(D.min()), float(D.max())],
                    "anisotropic": float(anisotropic[own].max()),
                }
            )
    return found


def shells(console: Console, found: list[dict[str, Any]]) -> None:
    """Print the shells of ``shells_of`` as a table, without columns that are zero."""
    shown = found if len(found) <= SHELLS else found[: SHELLS - 1]
    table = Table(box=SIMPLE, padding=(0, 1))
    columns = {
        "shell": lambda one: str(one["shell"] or ""),
        "angstrom": lambda one: f"{one['distance']:.4f}",
        "atoms": lambda one: one["species"],
        "pairs per cell": lambda one: f"{one['pairs']:g}",
        "J (meV)": lambda one: _range(*one["J"]),
        "|D| (meV)": lambda one: _range(*one["D"]) if one["D"][1] else "",
        "anisotropic (meV)": lambda one: f"{one['anisotropic']:.4g}" if one["anisotropic"] else "",
    }
    filled = {name: text for name, text in columns.items() if any(text(one) for one in shown)}
    for name in filled:
        table.add_column(name, justify="left" if name == "atoms" else "right")
    for one in shown:
        table.add_row(*(text(one) for text in filled.values()))
    console.print(table)
    if len(shown) < len(found):
        rest = found[len(shown) :]
        most = max(max(map(abs, one["J"])) for one in rest)
        console.print(
            f"and {counted(len(rest), 'more row')} up to {rest[-1]['distance']:.4g} angstrom, |J| at most {most:.4g} "
            "meV; --json lists all",
            soft_wrap=True,
        )


def _range(low: float, high: float) -> str:
    """Return a number, or a range of numbers."""
    ends = f"{low + 0.0:.4g}", f"{high + 0.0:.4g}"
    return f"{high + 0.0:.5g}" if ends[0] == ends[1] else " to ".join(ends)


def path_line(hamiltonian: Hamiltonian, path: str, device: Device) -> str:
    """Which path runs, and why."""
    expected = cost(hamiltonian, device)
    why = f"expected cost: direct {expected.direct:.3g}, fourier {expected.fourier:.3g}"
    if expected.reason:
        why = f"no Fourier path: {expected.reason}"
    return f"{path} ({why}{'' if path == choose_path(hamiltonian, device) else '; overruled'})"


def memory(console: Console, size: Footprint, on_gpu: Footprint, islands: int, textures: int) -> None:
    """Print the memory and the disk space that a run on one rank needs, on a CPU and on a GPU.

    textures   number of those over the generations that are kept at most
    """
    replica, device, gpu_replica, gpu = map(megabytes, (size.replica, size.device, on_gpu.replica, on_gpu.device))
    where = (
        f"{replica} per replica, {device} in all; on a GPU {gpu_replica} per replica, {gpu} in all, and "
        f"{megabytes(on_gpu.host)} on the host"
    )
    console.print(f"memory     {where} ({counted(islands, 'island')} on one rank)", soft_wrap=True)
    stored = f"{megabytes(size.checkpoint)} while it runs, {megabytes(size.elite)} for every elite"
    if textures:
        stored += f", {megabytes(textures * size.texture)} for {counted(textures, 'texture')} over the generations"
    console.print(f"file       {stored}", soft_wrap=True)


def table_of(console: Console, rows: dict[str, Any]) -> None:
    """Names and values below each other."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        console.print(f"{name:{width}}  {value}", soft_wrap=True)
