"""loop.h5: a hysteresis loop, with all that is needed to resume it (docs/storage.md)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from magsearch import output
from magsearch.hysteresis.cycle import Course, Cycle, Switching
from magsearch.hysteresis.loop import along, ampere_per_metre, loops
from magsearch.limits import memory
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.storage import model, provenance
from magsearch.storage.files import COMPRESSED, checked, dataset, expect_kind, opened, replaced
from magsearch.storage.validation import directions, indices, numbers, plain


@dataclass(frozen=True, eq=False)
class LoopRecord(provenance.Provenance):
    """Content of a loop.h5."""

    hamiltonian: Hamiltonian
    cycle: Cycle
    course: Course


def write_loop(path: str | Path, record: LoopRecord) -> None:
    """Replace the file as a whole. Raises InputError where it cannot be written; a previous one is then intact."""
    with replaced(output.target(path)) as file:
        provenance.write(file, record)
        model.write(file.create_group("model"), record.hamiltonian)
        _write(file.create_group("loop"), record)


def _write(group: h5py.Group, record: LoopRecord) -> None:
    cycle, course = record.cycle, record.course
    group.attrs["cycle"] = json.dumps(asdict(cycle))
    unit = ampere_per_metre(record.hamiltonian)
    if unit is not None:
        group.attrs["ampere_per_metre"] = unit  # of one Bohr magneton per spin
    dataset(group, "field", cycle.fields[: course.done], "tesla", "step", "field along the direction")
    dataset(group, "direction", cycle.axes, "", "replica, xyz", "direction of the field")
    dataset(group, "moment", course.moment, "Bohr magneton per spin", "replica, step, xyz", "mean moment")
    about = "mean moment along the field"
    dataset(group, "moment_along", along(cycle, course), "Bohr magneton per spin", "replica, step", about)
    dataset(group, "energy", course.energy, "meV per spin", "replica, step", "energy, that of the field included")
    how = COMPRESSED if course.textures.size else {}
    dataset(group, "spins", course.textures, "", "replica, site, xyz", "spins after the last step", **how)
    switching = group.create_group("switching")
    columns = {
        "replica": ("", "replica"), "step": ("", "step after the switching"), "before": ("tesla", "last field before"),
        "after": ("tesla", "first field after"), "lost": ("meV per spin", "energy released"),
    }  # fmt: skip
    for name, (unit_of, words) in columns.items():
        values = np.array([getattr(one, name) for one in course.switchings])
        dataset(switching, name, values, unit_of, "switching", words)
    if course.done:
        found = loops(cycle, course)
        for name in ("coercivity", "bias", "loss"):
            values = np.array([np.nan if (v := getattr(one, name)) is None else v for one in found])
            unit_of = "meV per spin" if name == "loss" else "tesla"
            dataset(group, name, values, unit_of, "replica", name)


def read_loop(path: str | Path) -> LoopRecord:
    """Return what a loop.h5 holds. Raises InputError for other files."""
    with opened(Path(path)) as file:
        expect_kind(file, "loop")
        group, hamiltonian = checked(file, "loop"), model.read(checked(file, "model"))
        cycle = plain(Cycle, group.attrs["cycle"], directions=_directions)
        if cycle.steps < 2 or 16 * cycle.steps > memory() or cycle.starts < 1 or not cycle.low < cycle.high:
            raise ValueError("the cycle of the field is none")
        moment = numbers(group, "moment", cycle.replicas, -1, 3)
        done = moment.shape[1]
        if done > len(cycle.fields):
            raise ValueError(f"{done} of {len(cycle.fields)} steps are done")
        course = Course(
            moment, numbers(group, "energy", cycle.replicas, done),
            directions(group, "spins", cycle.replicas, hamiltonian.lattice.sites, 3), _switchings(group, cycle, done),
        )  # fmt: skip
        return LoopRecord(hamiltonian=hamiltonian, cycle=cycle, course=course, **provenance.read(file))


def _directions(given: Any) -> tuple[tuple[float, float, float], ...]:
    found = np.array(given, dtype=np.float64)
    if found.ndim != 2 or found.shape[1] != 3 or not np.allclose(np.linalg.norm(found, axis=1), 1):
        raise ValueError("the field has no directions")
    return tuple((x, y, z) for x, y, z in found.tolist())


def _switchings(group: h5py.Group, cycle: Cycle, done: int) -> tuple[Switching, ...]:
    group = group["switching"]
    replica = indices(group, "replica", cycle.replicas, -1)
    step = indices(group, "step", max(done, 1), len(replica))
    columns = [numbers(group, name, len(replica)).tolist() for name in ("before", "after", "lost")]
    return tuple(Switching(*row) for row in zip(replica.tolist(), step.tolist(), *columns, strict=True))
