"""A search for a transition temperature on the terminal."""

from __future__ import annotations

from typing import Protocol

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from magsearch.critical.order_parameter import OrderParameter
from magsearch.critical.plan import Analysis
from magsearch.critical.verdict import LONG, forbidden, slowest, words
from magsearch.formatting import vector, with_error
from magsearch.storage.transition import TransitionRecord
from magsearch.units import K_B

NAMES = {"binder": "Binder cumulant", "length": "correlation length", "susceptibility": "susceptibility",
         "specific_heat": "specific heat"}  # fmt: skip
ARMS = 6  # waves that are printed


class Speaker(Protocol):
    """Printer of lines: a run's ``Launch``."""

    def say(self, line: str) -> None:
        """Print a line."""

    def note(self, line: str) -> None:
        """Print a line that deserves attention."""


def describe(launch: Speaker, record: TransitionRecord, parameter: OrderParameter) -> None:
    """Print the ground state, the order parameter, the estimates and the boxes."""
    ordered, plan = record.ordered, record.plan
    launch.say(f"state      {ordered.energy:.6f} meV per spin in {ordered.supercell}")
    arms = ", ".join(vector(arm) for arm in parameter.arms[:ARMS])
    more = f" and {len(parameter.arms) - ARMS} more" if len(parameter.arms) > ARMS else ""
    launch.say(f"order      waves {arms}{more}, in reciprocal vectors")
    if why := forbidden(ordered, parameter):
        launch.note(why)
    for name, kelvin in (("mean field", record.estimate.mean_field), ("RPA", record.estimate.random_phase)):
        if kelvin is not None:
            launch.say(f"{name:10} {_kelvin(kelvin)}")
    if record.ordered.crystal.field != (0.0, 0.0, 0.0):
        launch.note("both estimates are for zero field")
    boxes = ", ".join(f"{size} ({ordered.box(size).sites} spins)" for size in plan.sizes)
    launch.say(f"boxes      {boxes}; {plan.ladders} ladders of each")


def progress(launch: Speaker, record: TransitionRecord, found: Analysis) -> None:
    """Print what is known after a round."""
    known = found.transition
    what = "scan" if found.scan else f"round {len(record.rounds) - 1}"
    result = f"T_c = {_kelvin(known.kelvin, known.error)}" if known.kelvin is not None else "no crossing"
    launch.say(f"{what:10} {result}, {record.seconds:.0f} s")


def show(console: Console, record: TransitionRecord, parameter: OrderParameter, found: Analysis) -> None:
    """Print the crossings, the peaks, the correlation times and the result."""
    known, why = found.transition, forbidden(record.ordered, parameter)
    table = Table(box=SIMPLE)
    for name in ("from", "sizes", "T (K)", "kT (meV)", "value"):
        table.add_column(name, justify="left" if name == "from" else "right", no_wrap=name != "from")
    for crossing in known.crossings:
        sizes = f"{crossing.sizes[0]} x {crossing.sizes[1]}"
        if crossing.kelvin is None:
            table.add_row(f"crossing of {NAMES[crossing.kind]}", sizes, "none", "", "")
            continue
        kelvin, error = crossing.kelvin, crossing.error
        table.add_row(f"crossing of {NAMES[crossing.kind]}", sizes, with_error(kelvin, error),
                      with_error(K_B * kelvin, K_B * error), f"{crossing.value:.4f}")  # fmt: skip
    for peak in known.peaks:
        what = f"peak of {NAMES[peak.kind]}" + ("" if peak.inside else ", at an end")
        table.add_row(what, str(peak.size), with_error(peak.kelvin, peak.error),
                      with_error(K_B * peak.kelvin, K_B * peak.error), f"{peak.value:.4g}")  # fmt: skip
    console.print(table)
    for size, time in slowest(found, list(record.rounds)).items():
        series = record.rounds[-1].series[record.plan.sizes.index(size)]
        sweeps = record.plan.sweeps if not found.scan else 0
        console.print(f"size {size:<6}  order correlated over {2 * time:.0f} sweeps; "
                      f"exchanges accepted {series.accepted.min():.0%} or more", soft_wrap=True)  # fmt: skip
        if sweeps and 2 * time * LONG > sweeps * record.plan.ladders * max(1, len(record.rounds) - 1):
            console.print(f"note        errors can be trusted from about {2 * LONG * time:.0f} sweeps on: --sweeps",
                          style="yellow", soft_wrap=True)  # fmt: skip
    console.print(
        "peaks       of susceptibility lie above T_c and come down as boxes grow; of specific heat, on either side",
        soft_wrap=True,
    )
    console.print(f"verdict     {words(found, why)}", soft_wrap=True)
    if known.kelvin is not None and not why:
        console.print(f"T_c         {_kelvin(known.kelvin, known.error)}", soft_wrap=True)


def _kelvin(kelvin: float, error: float | None = None) -> str:
    """Return a temperature in kelvin and as an energy."""
    if error is None:
        return f"{kelvin:.4g} K, kT = {K_B * kelvin:.4g} meV"
    return f"{with_error(kelvin, error)} K, kT = {with_error(K_B * kelvin, K_B * error)} meV"
