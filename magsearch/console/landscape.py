"""A landscape as tables: minima with their barriers and lifetimes, and saddle points."""

from __future__ import annotations

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch.formatting import fixed
from magsearch.landscape.landscape import Landscape

UNITS = (  # seconds, name
    (365.25 * 86400, "years"), (86400.0, "days"), (3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "us"),
    (1e-9, "ns"), (1e-12, "ps"),
)  # fmt: skip


def duration(seconds: float | None) -> str:
    """Return a time with three digits in a unit that suits it."""
    if seconds is None:
        return ""
    if seconds == float("inf"):
        return "for ever"
    for unit, name in UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds:.3g} s"


def minima(landscape: Landscape) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the heads and rows of the table of minima."""
    lowest = min(one.energy for one in landscape.minima)
    heads = ["minimum", "above (meV)", "charge", "phase", "barrier (meV)", "to"]
    heads += [f"lifetime, {kelvin:g} K" for kelvin in landscape.kelvins]
    rows = list[tuple[str, ...]]()
    for k, one in enumerate(landscape.minima):
        barrier, to = "", ""
        if (out := landscape.escape(k)) is not None:
            one_end, other = landscape.saddles[out[1]].ends
            barrier, to = f"{out[0]:.4f}", "a copy" if one_end == other else str(one_end if other == k else other)
        lifetimes = [
            ("~" if landscape.rough(k, kelvin) else "") + duration(landscape.lifetime(k, kelvin))
            for kelvin in landscape.kelvins
        ]
        rows.append((str(k), f"{one.energy - lowest:.4f}", fixed(one.charge, 1), one.label, barrier, to, *lifetimes))
    return heads, rows


def saddles(landscape: Landscape) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the heads and rows of the table of saddle points."""
    lowest = min(one.energy for one in landscape.minima)
    heads = ["saddle", "above (meV)", "between", "softest modes (meV)", "largest torque (meV)"]
    rows = list[tuple[str, ...]]()
    for k, saddle in enumerate(landscape.saddles):
        softest = ", ".join(f"{value:.3g}" for value in saddle.modes[:3])
        one, other = saddle.ends
        between = f"{one} and {'a copy' if one == other else other}"
        rows.append((str(k), f"{saddle.energy - lowest:.4f}", between, softest, f"{saddle.torque:.1e}"))
    return heads, rows


def notes(landscape: Landscape) -> list[str]:
    """Return what the tables mean, and what has not been reached."""
    found = [
        "energies above the lowest minimum and barriers are those of the whole texture; the barrier is the lowest one "
        "out of a minimum"
    ]
    if any(landscape.rough(k, kelvin) for k in range(len(landscape.minima)) for kelvin in landscape.kelvins):
        found.append(
            "~: rough; thermal motion along soft modes, as of separate parts against each other, goes further than the "
            "harmonic approximation holds. Rotations and translations of the whole texture are integrated exactly"
        )
    if len(landscape.minima) == 1 and not landscape.saddles:
        found.append("one minimum: magsearch landscape --copies looks for the barrier to a symmetric copy of it")
    groups = landscape.components()
    if len(groups) > 1:
        joined = "; ".join(", ".join(map(str, group)) for group in groups)
        found.append(f"no path was found between these groups of minima: {joined}")
    return found


def show(console: Console, landscape: Landscape) -> None:
    """Print the minima, the saddle points, and what has not been reached."""
    for heads, rows in (minima(landscape), saddles(landscape)):
        made = Table(box=SIMPLE, padding=(0, 1))
        for head in heads:
            made.add_column(head, justify="left" if head == "phase" else "right")
        for row in rows:
            made.add_row(*row)
        if rows:
            console.print(made)
    meaning, *missing = notes(landscape)
    console.print(meaning, soft_wrap=True)
    for line in missing:
        console.print(line, style="yellow", soft_wrap=True)
