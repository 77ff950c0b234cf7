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
from magsearch.search.stopping import Reason
from magsearch.search.supercells.supercell import Supercell
from magsearch.storage import model, provenance
from magsearch.storage.files import COMPRESSED, checked, dataset, opened, replaced, texts

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
class TransitionRecord:
    """Content of a tc.h5.

    ordered    the ground state, in the smallest supercell; its crystal is the model
    plan       settings of the search
    estimate   without simulation
    rounds     all measurements
    textures   [ladder, rung, site, 3] of each box after the last round, by its number
    analysis   curves and transition after the last round; None before the first. Not read again: ``analysed``
    stopped    why it ended; None while it is under way
    """

    ordered: Ordered
    plan: Settings
    estimate: Estimates
    input_path: str
    input_text: str
    settings: dict[str, Any]
    device: str
    created: str
    version: str
    command: str
    rounds: tuple[Round, ...] = ()
    textures: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    analysis: Analysis | None = None
    stopped: Reason | None = None
    seconds: float = 0.0

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
        if "transition" not in file:
            raise InputError("is not the file of a search for a transition temperature", path)
        group, crystal = checked(file, "transition"), model.read(checked(file, "model"))
        own = group["ground_state"]
        supercell = Supercell(crystal, own["supercell"][()])
        rounds = []
        listed = group.get("rounds", {})
        for number in range(len(listed)):
            one = listed[str(number)]
            rounds.append(Round({int(place): _series(one[place]) for place in sorted(one, key=int)}))
        plan = json.loads(group.attrs["plan"])
        return TransitionRecord(
            ordered=Ordered(supercell, own["spins"][()], float(own["energy"][()])),
            plan=Settings(**{**plan, "sizes": tuple(plan["sizes"])}),
            estimate=Estimates(**json.loads(group.attrs["estimates"])),
            rounds=tuple(rounds),
            textures={int(place): item[()] for place, item in group.get("textures", {}).items()},
            **provenance.read(file),
        )


def _series(group: h5py.Group) -> Series:
    return Series(*(group[name][()].astype(np.float64) for name in ("kelvin", "energy", "order", "beside", "accepted")))
