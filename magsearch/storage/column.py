"""Columns of a scan in HDF5: all temperatures at one point of the other settings; and the overview of all points."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import h5py
import numpy as np

from magsearch.model.hamiltonian import Hamiltonian
from magsearch.phases.column import Column, Minimum, ThermalState
from magsearch.phases.portrait import Arm, Portrait
from magsearch.storage.files import COMPRESSED, dataset, texts
from magsearch.storage.validation import directions, numbers, row, table
from magsearch.thermal.sampling import Averages
from magsearch.thermal.statistics import Estimate


def store_column(group: h5py.Group, column: Column) -> None:
    """Write a column into an empty group."""
    group.attrs.update(
        number=column.number, settings=json.dumps(column.settings), temperatures=np.array(column.temperatures),
        round=column.round, generations=column.generations, seconds=column.seconds,
    )  # fmt: skip
    if column.minima is not None:
        _write_minima(group.create_group("minima"), column.minima)
    if column.states is not None:
        _write_states(group.create_group("states"), column.states)


def load_column(group: h5py.Group) -> Column:
    """Return the column in a group."""
    attrs, temperatures = group.attrs, tuple(row(group, "temperatures"))
    if not temperatures or temperatures[0] < 0 or any(b <= a for a, b in pairwise(temperatures)):
        raise ValueError(f"temperatures of {group.name} do not rise from 0 kelvin on")
    searching, sampling = row(group, "seconds", 2)
    return Column(
        number=int(attrs["number"]),
        settings=table(attrs["settings"]),
        temperatures=temperatures,
        round=int(attrs["round"]),
        minima=_read_minima(group["minima"]) if "minima" in group else None,
        states=_read_states(group["states"]) if "states" in group else None,
        generations=int(attrs["generations"]),
        seconds=(searching, sampling),
    )


def _write_minima(group: h5py.Group, minima: Sequence[Minimum]) -> None:
    dataset(group, "label", texts(m.label for m in minima), "", "minimum", "phase")
    dataset(
        group, "spins", np.array([m.texture for m in minima]), "1", "minimum, site, xyz", "unit vectors", **COMPRESSED
    )
    dataset(group, "energy", [m.energy for m in minima], "meV", "minimum", "energy")
    dataset(group, "torque", [m.torque for m in minima], "meV", "minimum", "largest |s x b|")
    dataset(group, "origin", texts(m.origin for m in minima), "", "minimum", "operator, or point that it comes from")
    portraits = texts(json.dumps(asdict(m.portrait)) for m in minima)
    dataset(group, "portrait", portraits, "", "minimum", "figures behind the phase, JSON")
    slopes = texts(json.dumps(m.slopes) for m in minima)
    dataset(group, "slopes", slopes, "meV per site and coordinate", "minimum", "d energy / d coordinate, JSON")


def _read_minima(group: h5py.Group) -> tuple[Minimum, ...]:
    if not len(group["spins"]):
        return ()
    spins = directions(group, "spins", -1, -1, 3)
    energy, torque = (numbers(group, name, len(spins)).tolist() for name in ("energy", "torque"))
    return tuple(
        Minimum(
            texture=texture,
            energy=energy[k],
            torque=torque[k],
            portrait=_portrait(json.loads(group["portrait"][k])),
            origin=group["origin"][k].decode(),
            slopes=_slopes(json.loads(group["slopes"][k])),
        )
        for k, texture in enumerate(spins)
    )


def _slopes(values: Any) -> dict[str, float]:
    """Return slopes of the energy by setting. Raises ValueError for anything but finite numbers."""
    found = {str(name): float(value) for name, value in values.items()}
    if not all(map(math.isfinite, found.values())):
        raise ValueError("a slope of the energy is not a finite number")
    return found


def _write_states(group: h5py.Group, states: Sequence[ThermalState]) -> None:
    dataset(group, "label", texts(s.label for s in states), "", "temperature", "phase")
    dataset(group, "kelvin", [s.averages.kelvin for s in states], "kelvin", "temperature", "temperature")
    averages = texts(json.dumps(asdict(s.averages)) for s in states)
    dataset(group, "averages", averages, "meV, 1, k_B", "temperature", "averages with errors, JSON")
    portraits = texts(json.dumps([asdict(portrait) for portrait in s.portraits]) for s in states)
    dataset(group, "portraits", portraits, "", "temperature", "figures behind the phase, JSON")
    weights = np.array([[s.weight.mean, s.weight.error, s.weight.correlation] for s in states])
    about = "weight of the heaviest wave: mean, error and correlation time in samples"
    dataset(group, "weight", weights, "1", "temperature, estimate", about)
    dataset(group, "begun", texts(s.begun for s in states), "", "temperature", "phase in which the ladder began")
    dataset(group, "exchanged", [s.exchanged for s in states], "1", "temperature", "share of accepted exchanges")
    dataset(
        group,
        "spins",
        np.array([s.snapshot for s in states]),
        "1",
        "temperature, site, xyz",
        "unit vectors of a snapshot",
        **COMPRESSED,
    )


def _read_states(group: h5py.Group) -> tuple[ThermalState, ...]:
    if not len(group["spins"]):
        return ()
    spins = directions(group, "spins", -1, -1, 3)
    weight = numbers(group, "weight", len(spins), 3, finite=False).tolist()
    exchanged = numbers(group, "exchanged", len(spins), finite=False).tolist()
    return tuple(
        ThermalState(
            averages=_averages(json.loads(group["averages"][k])),
            portraits=tuple(_portrait(values) for values in json.loads(group["portraits"][k])),
            weight=Estimate(*weight[k]),
            begun=group["begun"][k].decode(),
            exchanged=exchanged[k],
            snapshot=snapshot,
        )
        for k, snapshot in enumerate(spins)
    )


def _portrait(values: dict[str, Any]) -> Portrait:
    arms = tuple(Arm(**{**arm, "q": tuple(arm["q"]), "axis": tuple(arm["axis"])}) for arm in values["arms"])
    return Portrait(**{**values, "magnetization": tuple(values["magnetization"]), "arms": arms})


def _averages(values: dict[str, Any]) -> Averages:
    x, y, z = (Estimate(**component) for component in values.pop("magnetization"))
    single = {name: Estimate(**value) for name, value in values.items() if name != "kelvin"}
    return Averages(kelvin=values["kelvin"], magnetization=(x, y, z), **single)


def write_points(group: h5py.Group, columns: Sequence[Column], hamiltonian: Hamiltonian) -> None:
    """Write every point as plain numbers, for readers without magsearch; the numbers that were scanned by their key."""
    points = [(c, kelvin, found.summary(), found.label) for c in columns for kelvin, found in c.points() if found]
    for key in dict.fromkeys(key for column, *_ in points for key in column.settings if key != "model.field"):
        values = [column.settings.get(key) for column, *_ in points]
        if all(isinstance(value, int | float) for value in values):
            dataset(group, key, values, "as in the settings", "point", f"setting {key}")
    fields = [column.settings.get("model.field", hamiltonian.field) for column, *_ in points]
    dataset(
        group,
        "column",
        np.array([column.number for column, *_ in points], dtype=np.int64),
        "",
        "point",
        "number of its column",
    )
    kelvins = [kelvin for _, kelvin, *_ in points]
    dataset(group, "temperature", kelvins, "kelvin", "point", "temperature; 0: minima")
    dataset(group, "field", np.reshape(fields, (len(points), 3)), "tesla", "point, xyz", "magnetic field")
    dataset(group, "label", texts(label for *_, label in points), "", "point", "phase")
    for name, unit, about in (("energy_per_site", "meV per site", "energy"), ("charge", "1", "topological charge")):
        dataset(group, name, [summary[name] for *_, summary, _ in points], unit, "point", about)
        errors = [summary.get("error", {}).get(name, 0.0) for *_, summary, _ in points]
        dataset(group, f"{name}_error", errors, unit, "point", f"standard error of the {about}; 0 for minima")
    spins = np.reshape([summary["magnetization"] for *_, summary, _ in points], (len(points), 3))
    dataset(group, "magnetization", spins, "1", "point, xyz", "mean spin")
