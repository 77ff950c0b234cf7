"""The landscape of a run: explored from its elites, stored in its file, resumed from there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from magsearch import storage
from magsearch.engine.choice import choose
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.formatting import counted
from magsearch.landscape.bands import Bands
from magsearch.landscape.explore import Explorer
from magsearch.landscape.landscape import Landscape
from magsearch.parallel.division import Division
from magsearch.parallel.ranks import Ranks
from magsearch.runs.launch import claim

BETWEEN = 30.0  # seconds between two times that the file is written, at least


@dataclass(frozen=True)
class Exploration:
    """Settings of an exploration.

    minima       largest number of elites that it begins with
    neighbours   number of nearest minima that each one is connected with
    most         largest number of minima
    images       of a band
    copies       connect each minimum also with a symmetric copy of it
    kelvins      temperatures of the rates; none: barriers alone
    damping      Gilbert's; None: harmonic transition-state theory
    """

    minima: int = 16
    neighbours: int = 2
    most: int = 64
    images: int = 16
    copies: bool = False
    kelvins: tuple[float, ...] = ()
    damping: float | None = None


def landscape(
    path: str | Path,
    settings: Exploration | None = None,
    device: Device | None = None,
    watch: Callable[[], None] = lambda: None,
    say: Callable[[str], None] = lambda line: None,
    again: bool = False,
    ranks: Ranks | None = None,
) -> storage.Record:
    """Explore the landscape of a run, and store it in its file; return the record with it.

    A landscape that is there is continued; ``again`` explores anew. What ``watch`` raises ends the exploration after
    what is known has been stored. Raises InputError for a run without minima, a damaged file, and one that cannot be
    written.

    device   on which to evaluate; None: the best there is
    say      receives a line of progress or a note
    ranks    that divide the paths and the states of rates, all of which call this; None: this process alone. The file
             does not depend on their number. Ranks but the first return the record as it was
    """
    path, settings, ranks = Path(path), settings or Exploration(), ranks or Ranks()
    with ExitStack() as held:
        record = ranks.on_first(lambda: _record(held, path))
        evaluator = Evaluator(record.hamiltonian, device or choose(), np.float64)
        explorer = Explorer(
            evaluator, Bands(settings.images), settings.neighbours, settings.most, copies=settings.copies,
            watch=watch, say=say,
        )  # fmt: skip
        explorer.divide = division = Division(ranks, lambda task: task(explorer))
        if ranks.rank > 0:
            division.serve()
            return record
        populations = storage.read_states(path) if record.resumable else None
        written = time.monotonic()

        def store(found: Landscape) -> None:
            nonlocal record, written
            if found is not record.landscape:
                record = replace(record, landscape=found)
                storage.write(path, record, populations)
            written = time.monotonic()

        found = None if again else record.landscape
        latest = found
        try:
            elites = record.elites[: settings.minima]
            fresh = explorer.begin(np.array([elite.spins for elite in elites]))
            if found is None:
                found = fresh
            for minimum in fresh.minima:  # a run that was resumed has others than before
                found, _ = explorer.placed(found, minimum.spins)
            distinct = len(fresh.minima)
            say(f"{distinct} distinct {'minimum' if distinct == 1 else 'minima'} of {counted(len(elites), 'elite')}")
            latest = found
            for latest in explorer.explore(found):
                say(progress(latest))
                if time.monotonic() - written > BETWEEN:
                    store(latest)
            if settings.kelvins:
                store(latest)  # a factorisation may take longer than a signal can wait
                latest = explorer.rates(latest, settings.kelvins, settings.damping)
        finally:
            division.end()
            if latest is not None:
                store(latest)
        return record


def _record(held: ExitStack, path: Path) -> storage.Record:
    """Claim the file of a run and read it."""
    claim(held, path)
    record = storage.read(path)
    if record.damaged:
        raise InputError(f"is damaged: {record.damaged[0]}", path)
    if not record.elites:
        raise InputError(record.absent("elites"), path)
    return record


def progress(landscape: Landscape) -> str:
    """Return the state of an exploration in a line."""
    groups = len(landscape.components())
    apart = "all joined" if groups == 1 else f"{groups} groups without a path between them"
    return (
        f"{counted(len(landscape.tried), 'pair')}, {len(landscape.minima)} minima, "
        f"{counted(len(landscape.saddles), 'saddle point')}, {apart}"
    )


def summary(record: storage.Record) -> dict[str, object]:
    """Return the landscape of a record as plain values; energies in meV, of the whole texture."""
    found = record.landscape
    assert found is not None
    lowest = min(one.energy for one in found.minima)
    barriers = found.barriers()
    return {
        "minima": [
            {
                "number": k,
                "energy": one.energy,
                "above": one.energy - lowest,
                "charge": one.charge,
                "label": one.label,
                "escape": None if (out := found.escape(k)) is None else {"barrier": out[0], "saddle": out[1]},
                "lifetimes": {f"{kelvin:g}": found.lifetime(k, kelvin) for kelvin in found.kelvins},
                "rough": [kelvin for kelvin in found.kelvins if found.rough(k, kelvin)],
            }
            for k, one in enumerate(found.minima)
        ],
        "saddles": [
            {
                "number": k,
                "energy": one.energy,
                "above": one.energy - lowest,
                "torque": one.torque,
                "modes": [value for value in one.modes.tolist() if np.isfinite(value)],
                "ends": list(one.ends),
            }
            for k, one in enumerate(found.saddles)
        ],
        "barriers": [[value if np.isfinite(value) else None for value in row] for row in barriers.tolist()],
        "rates": [one.__dict__ for one in found.transitions],
        "components": _plain(found.components()),
        "evaluations": found.evaluations,
        "sites": record.hamiltonian.lattice.sites,
        "field": list(record.hamiltonian.field),
    }


def _plain(groups: Sequence[Sequence[int]]) -> list[list[int]]:
    return [list(map(int, group)) for group in groups]
