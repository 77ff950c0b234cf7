"""A model in a few lines: lattice, couplings, path of evaluation, memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console

from magsearch.engine.evaluator import choose_path, cost
from magsearch.formatting import count, megabytes, vector
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.memory import Footprint


def console(stderr: bool = False, quiet: bool = False) -> Console:
    """As wide as the terminal; wide enough for every table in a batch log. A quiet one prints nothing."""
    found = Console(stderr=stderr, quiet=quiet)
    return found if found.is_terminal else Console(stderr=stderr, quiet=quiet, width=160)


def describe(console: Console, hamiltonian: Hamiltonian) -> None:
    """Lattice and couplings in a few lines, and what the reader wants the user to know."""
    lattice = hamiltonian.lattice
    size = " x ".join(str(n) for n in lattice.size)
    edges = ", ".join("periodic" if p else "open" for p in lattice.periodic)
    console.print(
        f"lattice    {size} cells ({edges}), {count(lattice.atoms, 'atom')} in the basis, {lattice.sites} sites",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"couplings  {hamiltonian.coordination:.4g} per site, range {hamiltonian.reach:.4g} angstrom",
        highlight=False,
        soft_wrap=True,
    )
    console.print(
        f"field      {vector(hamiltonian.field)} T; moments {moments(hamiltonian)} mu_B",
        highlight=False,
        soft_wrap=True,
    )
    for note in hamiltonian.remarks:
        console.print(f"note       {note}", style="yellow", highlight=False, markup=False, soft_wrap=True)


def moments(hamiltonian: Hamiltonian) -> str:
    """Return the moment, or the range of moments, in Bohr magnetons."""
    low, high = np.min(hamiltonian.moments), np.max(hamiltonian.moments)
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"


def path_line(hamiltonian: Hamiltonian, path: str) -> str:
    """Which path runs, and why."""
    expected = cost(hamiltonian)
    why = f"expected cost: direct {expected.direct:.3g}, fourier {expected.fourier:.3g}"
    if expected.reason:
        why = f"no Fourier path: {expected.reason}"
    return f"{path} ({why}{'' if path == choose_path(hamiltonian) else '; overruled'})"


def memory(console: Console, size: Footprint, islands: int) -> None:
    """Print the memory and the disk space that a run on one rank needs."""
    replica, device, host = (megabytes(part) for part in (size.replica, size.device, size.host))
    where = f"{replica} per replica, {device} on the device, {host} on the host"
    console.print(f"memory     {where} for {count(islands, 'island')} on one rank", highlight=False, soft_wrap=True)
    stored = f"{megabytes(size.checkpoint)} while it runs, {megabytes(size.elite)} for every elite"
    console.print(f"file       {stored}", highlight=False, soft_wrap=True)


def table_of(console: Console, rows: dict[str, Any]) -> None:
    """Names and values below each other."""
    width = max(len(name) for name in rows)
    for name, value in rows.items():
        console.print(f"{name:{width}}  {value}", highlight=False, soft_wrap=True)
