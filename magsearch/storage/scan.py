"""SCAN.h5: a scan in one file, and the parts that hold recent columns of a scan under way (docs/storage.md).

The rank that finishes a column writes it into a file of its own, ``SCAN.h5.parts/00007-minima.h5``; from time to time
the scan is rewritten with the content of its parts, which are then removed. A part holds the name of its scan.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np

from magsearch import output
from magsearch.errors import InputError
from magsearch.formatting import html_table, text_table
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.phases.column import Column, describe
from magsearch.storage.checkpoint import parts_folder
from magsearch.storage.column import load_column, store_column, write_points
from magsearch.storage.files import SCHEMA, checked, expect_kind, kind_of, opened, replaced
from magsearch.storage.labelled import Variable, composed, required
from magsearch.storage.model import read as read_model
from magsearch.storage.model import write as write_model
from magsearch.storage.provenance import Provenance
from magsearch.storage.provenance import read as read_provenance
from magsearch.storage.provenance import write as write_provenance
from magsearch.storage.validation import table
from magsearch.storage.xdmf import Frame, beside

Kind = Literal["minima", "states"]
KINDS: tuple[Kind, Kind] = ("minima", "states")


@dataclass(frozen=True, eq=False)
class ScanRecord(Provenance):
    """Content of a SCAN.h5.

    name          unique identifier of the scan
    hamiltonian   Hamiltonian of the input
    model         [model] table of the input; None where it is not TOML
    columns       columns in the order of the scan
    followed      number of rounds (the first, and those of refinement) whose phases have been followed
    """

    name: str
    hamiltonian: Hamiltonian
    model: dict[str, Any] | None
    columns: tuple[Column, ...]
    followed: int

    def to_xarray(self) -> Any:
        """Return the points of the scan as an ``xarray.Dataset``: the datasets of /points of its file.

        Raises InputError where xarray is not installed.
        """
        about = {"input": self.input_path, "magsearch": self.version, "created": self.created}
        return required("xarray").Dataset(self._points(), {"xyz": (["xyz"], np.array(["x", "y", "z"]))}, about)

    def to_pandas(self) -> Any:
        """Return the points of the scan as a ``pandas.DataFrame``, a row for each; vectors are three columns.

        Raises InputError where pandas is not installed.
        """
        table = required("pandas").DataFrame()
        for name, (dimensions, values, _) in self._points().items():
            if len(dimensions) == 1:
                table[name] = values
            else:
                for k, component in enumerate("xyz"):
                    table[f"{name}_{component}"] = values[:, k]
        return table

    def _points(self) -> dict[str, Variable]:
        return composed(("points", lambda group: write_points(group, self.columns, self.hamiltonian)))

    def _rows(self) -> dict[str, str]:
        """Return what a scan prints, by point."""
        rows = {}
        for column in self.columns:
            for kelvin, found in column.points():
                name = f"{describe(column.settings)}, {kelvin:g} K"
                rows[name] = f"{found.label}, {found.per_site:.7f} meV per site" if found else "not yet"
        return rows

    def _title(self) -> str:
        return f"Scan of {self.input_path}: {self.stopped or 'not yet at its end'}"

    def __repr__(self) -> str:
        return text_table(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._title(), self._rows())


def is_scan(path: str | Path) -> bool:
    """Whether a file is a scan, not a run. Raises InputError for a file that ``opened`` refuses."""
    return kind_of(path) == "scan"


def write_scan(path: str | Path, record: ScanRecord) -> None:
    """Replace the file as a whole, and the .xdmf beside it that describes it to viewers; delete the parts it includes.

    Raises InputError where it cannot be written; a previous file is then intact.
    """
    path = output.target(path)
    with replaced(path, lambda file: beside(path, file["model"], "points", _frames(file, record))) as file:
        write_provenance(file, record)
        file.attrs.update(scan=record.name, followed=record.followed)
        file["config/model"] = json.dumps(record.model)
        write_model(file.create_group("model"), record.hamiltonian)
        write_points(file.create_group("points"), record.columns, record.hamiltonian)
        columns = file.create_group("columns")
        for column in record.columns:
            store_column(columns.create_group(f"{column.number:05d}"), column)
    sweep_columns(path, record.columns, last=record.stopped is not None)


def _frames(file: h5py.File, record: ScanRecord) -> Iterator[Frame]:
    """Yield the points as viewers show them; those on a lattice other than the scan's are left out."""
    number = -1
    for column in record.columns:
        group, warm = file["columns"][f"{column.number:05d}"], 0
        for kelvin, found in column.points():
            number += 1
            if found is None or column.elsewhere:
                continue
            values = {"energy per site (meV)": found.per_site, "topological charge": found.summary()["charge"]}
            values |= {"temperature (K)": kelvin, **_coordinates(column, record.hamiltonian)}
            spins, row = (group["states/spins"], warm) if kelvin > 0 else (group["minima/spins"], 0)
            warm += kelvin > 0
            yield Frame(f"point {number}: {found.label}", number, row, spins, numbers=values)


def _coordinates(column: Column, hamiltonian: Hamiltonian) -> dict[str, float]:
    """Return the field and all other numbers among the settings of a column."""
    field = column.settings.get("model.field", hamiltonian.field)
    others = {key: value for key, value in column.settings.items() if isinstance(value, int | float)}
    return {f"field {xyz} (T)": float(b) for xyz, b in zip("xyz", field, strict=True)} | others


def read_scan(path: str | Path) -> ScanRecord:
    """Return the scan in a file and its parts. Raises InputError for a file that is missing or not a scan."""
    path = Path(path)
    with opened(path) as file:
        expect_kind(file, "columns")
        attrs, columns = file.attrs, checked(file, "columns")
        record = ScanRecord(
            name=str(attrs["scan"]),
            hamiltonian=read_model(checked(file, "model")),
            model=_model(file["config"]["model"][()]),
            columns=tuple(load_column(columns[number]) for number in sorted(columns)),
            followed=int(attrs["followed"]),
            **read_provenance(file),
        )
    return with_parts(path, record)


def _model(text: Any) -> dict[str, Any] | None:
    """Return the [model] table that a scan stores; None for a model of another format."""
    return None if json.loads(text) is None else table(text)


# -- parts -------------------------------------------------------------------------------------------------------------


def _part(path: Path, number: int, kind: Kind) -> Path:
    return parts_folder(path) / f"{number:05d}-{kind}.h5"


def parts(path: str | Path) -> list[Path]:
    """Return the existing parts; the folder may be removed at the same time."""
    found: list[Path] = []
    with suppress(FileNotFoundError):
        found.extend(parts_folder(Path(path)).glob("*.h5"))
    return sorted(found)


def written(path: str | Path) -> tuple[float, float]:
    """Return the times when the file, and when it or its latest part was written, seconds since 1970.

    Raises InputError if the file is missing.
    """
    try:
        file = Path(path).stat().st_mtime
    except OSError as error:
        raise InputError(os.strerror(error.errno or 0).lower(), path) from None
    times = [file]
    for part in parts(path):
        with suppress(OSError):  # parts may be removed at the same time
            times.append(part.stat().st_mtime)
    return file, max(times)


def write_column(path: str | Path, name: str, column: Column, kind: Kind) -> None:
    """Write a column into a part beside the scan in ``path``. Raises InputError where it cannot be written."""
    part = _part(Path(path), column.number, kind)
    output.marked_folder(part.parent, f"parts of {Path(path).name}")
    with replaced(part) as file:
        file.attrs.update(schema=SCHEMA, magsearch=version("magsearch"), scan=name)
        store_column(file.create_group("column"), column if kind == "minima" else replace(column, minima=None))


def sweep_columns(path: str | Path, columns: Sequence[Column] | None = None, last: bool = True) -> None:
    """Delete the parts whose content some columns hold; all parts, where None.

    last   whether no other process is going to write one: their folder is then deleted too
    """
    folder = parts_folder(Path(path))
    if not output.is_marked(folder):
        return
    known = {
        _part(Path(path), column.number, kind)
        for column in columns or ()
        for kind in KINDS
        if getattr(column, kind) is not None
    }
    with suppress(OSError):
        for part in parts(path):
            if columns is None or part in known:
                part.unlink(missing_ok=True)
    if last:
        output.remove_folder(folder)


def with_parts(path: str | Path, record: ScanRecord) -> ScanRecord:
    """Return a scan completed by its parts; parts of another scan are ignored."""
    return replace(record, columns=tuple(_with_parts(Path(path), record.name, column) for column in record.columns))


def _with_parts(path: Path, name: str, column: Column) -> Column:
    for kind in KINDS:
        part = _part(path, column.number, kind)
        if getattr(column, kind) is None and part.exists():
            with suppress(InputError), opened(part) as file:
                if file.attrs["scan"] == name:
                    found = load_column(checked(file, "column"))
                    column = replace(found, minima=column.minima or found.minima)
    return column
