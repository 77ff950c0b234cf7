"""tc.h5: a search for a transition temperature, with all that is needed to resume it (docs/storage.md)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch import output
from magsearch.critical.estimates import Estimates
from magsearch.critical.ordered import Ordered
from magsearch.critical.plan import Analysis, Round, Settings, analysis
from magsearch.critical.series import Series
from magsearch.errors import InputError
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage import model, provenance, race
from magsearch.storage.files import COMPRESSED, checked, dataset, expect_kind, opened, replaced, texts
from magsearch.storage.validation import directions, numbers, plain

MOST = 2**40  # cells of a supercell: what its spins fill is more than any memory
UNITS = {
    "energy": "meV per spin", "specific_heat": "k_B per spin", "order": "1", "susceptibility": "1/meV per spin",
    "binder": "1", "length": "edges of the box",
}  # fmt: skip
ABOUT = {
    "energy": "energy", "specific_heat": "specific heat", "order": "order parameter",
    "susceptibility": "susceptibility of the order parameter", "binder": "Binder cumulant",
    "length": "correlation length",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class TransitionRecord(provenance.Provenance):
    """Content of a tc.h5.

    ordered    the ground state, in the smallest supercell; its crystal is the model
    plan       settings of the search
    estimate   without simulation
    rounds     all measurements
    textures   [ladder, rung, site, 3] of each box after the last round, by its number
    analysis   curves and transition after the last round; None before the first. Not read again: ``analysed``
    """

    ordered: Ordered
    plan: Settings
    estimate: Estimates
    rounds: tuple[Round, ...] = ()
    textures: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    analysis: Analysis | None = None

    def analysed(self, watch: Callable[[], None] = lambda: None) -> Analysis | None:
        """Return curves and transition of all rounds; None before the first. ``watch`` is called repeatedly."""
        if not self.rounds:
            return None
        return analysis(self.rounds, [self.ordered.box(size).sites for size in self.plan.sizes], self.plan, watch)


def write_transition(path: str | Path, record: TransitionRecord) -> None:
    """Replace the file as a whole. Raises InputError where it cannot be written; a previous one is then intact."""
    with replaced(output.target(path)) as file:
        provenance.write(file, record)
        model.write(file.create_group("model"), record.ordered.crystal)
        group = file.create_group("transition")
        group.attrs["plan"] = json.dumps(asdict(record.plan))
        group.attrs["estimates"] = json.dumps(asdict(record.estimate))
        own = group.create_group("ground_state")
        ordered = record.ordered
        dataset(own, "supercell", ordered.supercell.H, "cells", "vector, axis", "vectors that the state repeats after")
        dataset(own, "spins", ordered.texture, "", "site, xyz", "spins of the ground state in this supercell")
        dataset(own, "energy", np.array(ordered.energy), "meV per spin", "", "energy of the ground state")
        for number, one in enumerate(record.rounds):
            for place, series in one.series.items():
                _write_series(group.create_group(f"rounds/{number}/{place}"), series)
        for place, textures in record.textures.items():
            group.require_group("textures").create_dataset(str(place), data=textures)
        if record.analysis is not None:
            _write_analysis(group.create_group("results"), record.analysis)


def _write_series(group: h5py.Group, series: Series) -> None:
    axes = "ladder, measurement, rung"
    dataset(group, "kelvin", series.kelvin, "kelvin", "rung", "temperatures")
    dataset(group, "energy", series.energy, "meV", axes, "energy of the box", **COMPRESSED)
    about = {"order": "square of the order parameter", "beside": "the same at the wave vectors beside it"}
    for name, words in about.items():
        dataset(group, name, getattr(series, name).astype(np.float32), "1", axes, words, **COMPRESSED)
    dataset(group, "accepted", series.accepted, "1", "rung", "fraction of accepted exchanges with the next rung")


def _write_analysis(group: h5py.Group, found: Analysis) -> None:
    known = found.transition
    group.attrs["scan"] = found.scan
    kelvin = np.nan if known.kelvin is None else known.kelvin
    dataset(group, "kelvin", np.array(kelvin), "kelvin", "", "transition temperature; nan: none was found")
    dataset(group, "error", np.array(known.error), "kelvin", "", "standard error of the transition temperature")
    dataset(group, "size", np.array(found.sizes), "compact boxes of the ground state", "size", "sizes of the boxes")
    dataset(group, "spins", np.array([own.spins for own in found.curves]), "", "size", "number of spins")
    dataset(group, "temperature", found.curves[0].kelvin, "kelvin", "temperature", "temperatures of the curves")
    for name, unit in UNITS.items():
        values = np.array([getattr(own, name) for own in found.curves])  # [size, set, temperature]
        dataset(group, name, values[:, 0], unit, "size, temperature", ABOUT[name])
        error = values[:, 1:].std(axis=1)
        dataset(group, f"{name}_error", error, unit, "size, temperature", f"standard error of the {ABOUT[name]}")
    for kind, listed in (("crossings", known.crossings), ("peaks", known.peaks)):
        columns = group.create_group(kind)
        for column in fields(listed[0]) if listed else ():
            listing: Any = [getattr(one, column.name) for one in listed]
            if column.name == "kind":
                columns.create_dataset("kind", data=texts(listing))
                continue
            numbers = np.array([np.nan if value is None else value for value in listing])
            unit = "kelvin" if column.name in ("kelvin", "error") else ""
            dataset(columns, column.name, numbers, unit, f"{kind[:-1]}, pair", column.name)


def read_transition(path: str | Path) -> TransitionRecord:
    """Return what a tc.h5 holds, without its analysis. Raises InputError for other files."""
    with opened(Path(path)) as file:
        expect_kind(file, "transition")
        if race.GROUP in file:
            raise InputError(
                f"has no results yet: its ground state was still searched; continue with: magsearch tc --resume {path}",
                path,
            )
        group, crystal = checked(file, "transition"), model.read(checked(file, "model"))
        own, estimate = group["ground_state"], plain(Estimates, group.attrs["estimates"])
        plan = plain(Settings, group.attrs["plan"], sizes=sizes_of)
        H = numbers(own, "supercell", 3, 3)
        if (np.rint(H) != H).any() or not 0.5 < abs(float(np.linalg.det(H))) < MOST:
            raise ValueError("the vectors of the ground state span no supercell")
        supercell, listed = Supercell(crystal, H), group.get("rounds", {})
        spins = directions(own, "spins", supercell.sites, 3)
        rounds = tuple(_round(listed[str(number)], plan) for number in range(len(listed)))
        return TransitionRecord(
            ordered=Ordered(supercell, spins, float(numbers(own, "energy"))), plan=plan, estimate=estimate,
            rounds=rounds, textures=_textures(group, rounds, plan), **provenance.read(file),
        )  # fmt: skip


def sizes_of(given: Any) -> tuple[int, ...]:
    """Return rising whole numbers."""
    sizes = tuple(int(size) for size in given)
    if sizes != tuple(given) or len(sizes) < 2 or sizes[0] < 1 or list(sizes) != sorted(set(sizes)):
        raise ValueError(f"{given} are no sizes")
    return sizes


def _round(group: h5py.Group, plan: Settings) -> Round:
    """Return the series of a round, by the number of the box."""
    places = sorted(int(place) for place in group)
    if len(places) < 2 or not 0 <= places[0] <= places[-1] < len(plan.sizes):
        raise ValueError(f"{group.name} is of boxes that are not in the plan")
    return Round({place: _series(group[str(place)], plan.ladders) for place in places})


def _series(group: h5py.Group, ladders: int) -> Series:
    kelvin = numbers(group, "kelvin", -1)
    shape = numbers(group, "energy", ladders, -1, len(kelvin)).shape
    if min(shape) < 1 or kelvin[0] <= 0 or (np.diff(kelvin) <= 0).any():
        raise ValueError(f"{group.name} has no measurements, or temperatures that do not rise from zero")
    shapes = {"energy": shape, "order": shape, "beside": shape, "accepted": (len(kelvin) - 1,)}
    arrays = [numbers(group, name, *of, finite=name in ("energy", "order")) for name, of in shapes.items()]
    return Series(*(array.astype(np.float64) for array in (kelvin, *arrays)))


def _textures(group: h5py.Group, rounds: tuple[Round, ...], plan: Settings) -> dict[int, NDArray[np.float32]]:
    """Return the textures after the last round, by the number of the box."""
    if not rounds:
        return {}
    found = {}
    for place, series in rounds[-1].series.items():
        name = f"textures/{place}"
        found[place] = directions(group, name, plan.ladders, len(series.kelvin), -1, 3).astype(np.float32)
    return found
