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


def show(console: Console, landscape: Landscape) -> None:
    """Print the minima, the saddle points, and what has not been reached."""
    lowest = min(one.energy for one in landscape.minima)
    made = Table(box=SIMPLE, padding=(0, 1))
    for name in ("minimum", "above (meV)", "charge", "phase", "barrier (meV)", "to"):
        made.add_column(name, justify="left" if name == "phase" else "right")
    for kelvin in landscape.kelvins:
        made.add_column(f"lifetime, {kelvin:g} K", justify="right")
    for k, one in enumerate(landscape.minima):
        out = landscape.escape(k)
        barrier, to = "", ""
        if out is not None:
            ends = landscape.saddles[out[1]].ends
            barrier, to = f"{out[0]:.4f}", str(ends[0] if ends[1] == k else ends[1])
        lifetimes = [duration(landscape.lifetime(k, kelvin)) for kelvin in landscape.kelvins]
        made.add_row(str(k), f"{one.energy - lowest:.4f}", fixed(one.charge, 1), one.label, barrier, to, *lifetimes)
    console.print(made)
    made = Table(box=SIMPLE, padding=(0, 1))
    for name in ("saddle", "above (meV)", "between", "softest modes (meV)", "largest torque (meV)"):
        made.add_column(name, justify="right")
    for k, saddle in enumerate(landscape.saddles):
        softest = ", ".join(f"{value:.3g}" for value in saddle.modes[:3])
        between = f"{saddle.ends[0]} and {saddle.ends[1]}"
        made.add_row(str(k), f"{saddle.energy - lowest:.4f}", between, softest, f"{saddle.torque:.1e}")
    if landscape.saddles:
        console.print(made)
    console.print(
        "energies above the lowest minimum and barriers are those of the whole texture; the barrier is the lowest one "
        "out of a minimum",
        soft_wrap=True,
    )
    groups = landscape.components()
    if len(groups) > 1:
        joined = "; ".join(", ".join(map(str, group)) for group in groups)
        console.print(f"no path was found between these groups of minima: {joined}", style="yellow", soft_wrap=True)
