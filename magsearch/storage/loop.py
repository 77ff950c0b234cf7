"""loop.h5: a hysteresis loop, with all that is needed to resume it (docs/storage.md)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from magsearch import output
from magsearch.errors import InputError
from magsearch.hysteresis.cycle import Course, Cycle, Switching
from magsearch.hysteresis.loop import along, ampere_per_metre, loops
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.search.stopping import Reason
from magsearch.storage import model, provenance
from magsearch.storage.files import COMPRESSED, checked, dataset, opened, replaced


@dataclass(frozen=True, eq=False)
class LoopRecord:
    """Content of a loop.h5; ``stopped`` says why it ended, None while it is under way."""

    hamiltonian: Hamiltonian
    cycle: Cycle
    course: Course
    input_path: str
    input_text: str
    settings: dict[str, Any]
    device: str
    created: str
    version: str
    command: str
    stopped: Reason | None = None
    seconds: float = 0.0


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
        if "loop" not in file:
            raise InputError("is not the file of a hysteresis loop", path)
        group = checked(file, "loop")
        cycle = json.loads(group.attrs["cycle"])
        cycle["directions"] = tuple(map(tuple, cycle["directions"]))
        columns = [group["switching"][name][()] for name in ("replica", "step", "before", "after", "lost")]
        switchings = tuple(
            Switching(int(r), int(s), float(a), float(b), float(e)) for r, s, a, b, e in zip(*columns, strict=True)
        )
        return LoopRecord(
            hamiltonian=model.read(checked(file, "model")),
            cycle=Cycle(**cycle),
            course=Course(group["moment"][()], group["energy"][()], group["spins"][()], switchings),
            **provenance.read(file),
        )
