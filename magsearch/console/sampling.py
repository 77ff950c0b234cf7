"""Tables of thermal averages: every number has its error."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table

from magsearch.errors import printable, visible
from magsearch.formatting import with_error
from magsearch.thermal.fluctuations import Fluctuations
from magsearch.thermal.sampling import Averages
from magsearch.thermal.sublattices import MeanSpin


def averages_table(found: list[Averages]) -> Table:
    """Return a table with one row for each temperature."""
    made = Table(box=SIMPLE, padding=(0, 0, 0, 1))
    for name in ("T (K)", "energy\n(meV/spin)", "specific heat\n(k_B/spin)", "m_x", "m_y", "m_z", "|m|", "charge"):
        made.add_column(name, justify="right", no_wrap=True)
    for point in found:
        quantities = (point.energy, point.specific_heat, *point.magnetization, point.length, point.charge)
        made.add_row(f"{point.kelvin:g}", *(with_error(estimate.mean, estimate.error) for estimate in quantities))
    return made


def fluctuations_table(found: list[Fluctuations], title: str) -> Table:
    """Return a table of the fluctuations with one row for each temperature."""
    made = Table(box=SIMPLE, padding=(0, 0, 0, 1), title=visible(title), title_justify="left")
    for name in ("T (K)", "order", "susceptibility\n(1/meV)", "Binder\ncumulant", "correlation\nlength / edge"):
        made.add_column(name, justify="right", no_wrap=True)
    for point in found:
        every = (point.order, point.susceptibility, point.binder, point.length)
        made.add_row(f"{point.kelvin:g}", *(with_error(e.mean, e.error) if e else "" for e in every))
    return made


def sublattices_table(kelvin: Sequence[float], found: Sequence[list[MeanSpin]], species: Sequence[str]) -> Table:
    """Return a table of the mean spins of sublattices, with one row for each temperature and atom of the basis."""
    made = Table(box=SIMPLE, padding=(0, 0, 0, 1), title="sublattices", title_justify="left")
    for name in ("T (K)", "atom", "species", "m_x", "m_y", "m_z", "|m|"):
        made.add_column(name, justify="right", no_wrap=True)
    for t, own in zip(kelvin, found, strict=True):
        for atom, (name, spin) in enumerate(zip(species, own, strict=True)):
            every = (*spin.magnetization, spin.length)
            made.add_row(f"{t:g}", str(atom), printable(name), *(with_error(e.mean, e.error) for e in every))
    return made
