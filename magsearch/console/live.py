"""Progress of a search: a table that fits 80 columns on a terminal, plain lines in a batch log."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from magsearch.errors import visible
from magsearch.formatting import duration, fixed
from magsearch.search.history import History

OPERATORS = 14  # maximum number in the table; those first whose offspring were accepted most often
RECENT = 5  # generations that shares and the time left are taken from


@dataclass(frozen=True)
class Limits:
    """Limits of a search: generations, and seconds of wall time."""

    generations: int
    seconds: float | None = None


def line(history: History, number: int) -> str:
    """One generation in a line for a log."""
    rows, overall = history.rows[number], history.overall(number)
    best = rows[rows["best"].argmin()]
    where = f" on island {rows['best'].argmin()}" if history.islands > 1 else ""
    return (
        f"generation {number:4d}  best {overall['best']:.7f}  mean {overall['mean']:.6f}  "
        f"deviation {overall['deviation']:.1e} meV per site{_charge('  ', best['charge'], 7)}  "
        f"by {history.operators[best['origin']]}{where}  {history.seconds[number]:.1f} s"
    )


def _charge(separator: str, charge: float, width: int = 1) -> str:
    """Return a topological charge after a separator, or nothing where there is none."""
    return "" if np.isnan(charge) else f"{separator}charge {fixed(charge, 2):>{width}}"


def table(history: History, limits: Limits | None, elapsed: float, doing: str) -> RenderableType:
    """Return a table of the progress: generations, energies, seconds left, and accepted offspring by operator.

    limits    None where the search has ended
    elapsed   wall time of the search, seconds
    doing     current activity in a few words, or why the search ended
    """
    done = len(history)
    if limits is None:
        lines = [f"generation  {done}, the last one, after {duration(elapsed)}"]
    else:
        time = f"{duration(elapsed)} gone"
        if 0 < done < limits.generations and (left := seconds_left(history, limits, elapsed)) is not None:
            time += f", {duration(left)} left at most"
        lines = [f"generation  {done} of at most {limits.generations}, {time}"]
    if done:
        rows, overall = history.rows[-1], history.overall(done - 1)
        best = rows[rows["best"].argmin()]
        by = history.operators[best["origin"]]
        island = f" on island {rows['best'].argmin()}" if history.islands > 1 else ""
        energy = f"{overall['best']:.7f} meV per site{_charge(', ', best['charge'])}, by {by}{island}"
        lines.append(f"best        {energy}")
        spread = f"{overall['mean']:.6f}, standard deviation {overall['deviation']:.1e} meV per site"
        lines.append(f"mean        {spread}")
    shown = [
        Text(visible(each), no_wrap=True, overflow="ellipsis")
        for each in (*lines, f"{'now' if limits else 'finished':12}{doing}")
    ]
    return Group(*shown, _operators(history)) if done else Group(*shown)


def seconds_left(history: History, limits: Limits, elapsed: float) -> float | None:
    """Until the last generation or second that is allowed, at the pace of the latest ones; None where unknown."""
    done, left = len(history), []
    if limits.seconds is not None:
        left.append(limits.seconds - elapsed)
    if done:
        first = max(done - RECENT, 0)
        before = history.seconds[first - 1] if first else 0.0
        pace = (history.seconds[-1] - before) / (done - first)
        since = max(elapsed - history.seconds[-1], 0.0)
        left.append(pace * (limits.generations - done) - min(since, pace))
    return max(min(left), 0.0) if left else None


def _operators(history: History) -> Table:
    """Offspring kept of those made, over the latest generations, in two columns of operators."""
    made, kept = (history[name][-RECENT:].sum(axis=(0, 1)) for name in ("offspring", "successes"))
    used = np.flatnonzero(made)
    used = used[np.argsort(-kept[used], kind="stable")][:OPERATORS]
    cells = [(history.operators[k], f"{kept[k]}/{made[k]}") for k in used]
    count = min(len(history), RECENT)
    shown = Table(box=SIMPLE, padding=(0, 1), title=None, show_edge=False)
    latest = "the last generation" if count == 1 else f"the last {count}"
    for heading in ("kept / made", f"in {latest}"):
        shown.add_column(heading, no_wrap=True)
        shown.add_column("", justify="right", no_wrap=True)
    rows = -(-len(cells) // 2)
    cells += [("", "")] * (2 * rows - len(cells))
    for left, right in zip(cells[:rows], cells[rows:], strict=True):
        shown.add_row(*left, *right)
    return shown
