"""HDF5 files that are complete or absent, and datasets with their unit and axes as attributes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch import output
from magsearch.errors import InputError
from magsearch.storage.integrity import NAME, expect_intact, expect_own, seal

SCHEMA = 4
EARLY = 3  # the same without checksums
KINDS = {  # of files of results, by the group that only they have; in words, and what reads them
    "columns": ("scan", "a scan", "magsearch show, phases and report read it"),
    "transition": (
        "tc",
        "a search for a transition temperature",
        "magsearch show, tc --resume and report --with read it",
    ),
    "loop": ("loop", "a hysteresis loop", "magsearch show, loop --resume and report --with read it"),
    "history": ("run", "a run", "magsearch show, plot and report read it"),
}
COMPRESSED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@contextmanager
def replaced(path: Path, beside: Callable[[h5py.File], Mapping[Path, str]] | None = None) -> Iterator[h5py.File]:
    """Open a file for writing that replaces ``path`` as a whole once it is complete and on the disk.

    Raises InputError where that fails; a previous file is then intact. The file is composed in memory: HDF5 does not
    recover from a full disk.

    beside   texts that describe the file, by path; they are replaced right after it
    """
    memory = BytesIO()
    with h5py.File(memory, "w", libver=("v110", "v110")) as file:  # structures with checksums of their own
        yield file
        attach_scales(file)
        seal(file)
        texts = beside(file) if beside else {}
    output.write({path: bytes(memory.getbuffer()), **texts})


@contextmanager
def amended(path: Path, name: str) -> Iterator[h5py.Group]:
    """Open a new group of a file of magsearch for writing, in the place of one of that name; the rest stays as it is.

    The file is replaced as a whole, as by ``replaced``. Raises InputError where that fails, where another process is
    writing the file, and for one that is not of magsearch.
    """
    with output.claimed(path):
        with opened(path):
            memory = BytesIO(output.target(path).read_bytes())
        with h5py.File(memory, "r+", libver=("v110", "v110")) as file:
            sealed = is_sealed(file)
            if name in file:
                del file[name]
            group = file.create_group(name)
            yield group
            attach_scales(group)
            if sealed:
                seal(group)
                seal(file, alone=True)  # parts that are damaged stay recognisable
        output.write({path: bytes(memory.getbuffer())})


def kind_of(path: str | Path) -> str:
    """Return what a file is of: run, scan, tc or loop. Raises InputError as ``opened`` does."""
    with opened(Path(path)) as file:
        return next((kind for group, (kind, *_) in KINDS.items() if group in file), "run")


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """Open a file of magsearch for reading; nothing of it has been checked but that it is of magsearch alone.

    Raises InputError for one that is missing or not of magsearch, and for whatever its reader cannot make sense of.
    """
    if not path.exists():
        raise InputError("no such file", path)
    path = output.target(path)
    try:
        with h5py.File(path, "r", locking=False) as file:  # existing files are replaced, never modified
            if "magsearch" not in file.attrs or "schema" not in file.attrs:
                raise InputError("is HDF5, but not a run of magsearch", path)
            if int(file.attrs["schema"]) not in (SCHEMA, EARLY):
                raise InputError(
                    f"has schema {file.attrs['schema']}; this version of magsearch reads schema {SCHEMA}", path
                )
            if is_sealed(file):
                expect_intact(file, alone=True)
            yield file
    except InputError:
        raise
    except MemoryError:
        raise InputError("does not fit into memory", path) from None
    except OSError as error:
        raise InputError(f"is not a complete HDF5 file of magsearch: {_reason(error)}", path) from None
    except Exception as error:  # a damaged file can raise anything
        raise InputError(f"is damaged: {_reason(error)}", path) from None


def expect_kind(file: h5py.File, wanted: str) -> None:
    """Raise InputError for a file of results of another kind than the one with this group."""
    found = next((group for group in KINDS if group in file), wanted)
    if found != wanted:
        _, kind, read_by = KINDS[found]
        raise InputError(f"is {kind}, not {KINDS[wanted][1]}; {read_by}", file.filename)


def is_sealed(file: h5py.File) -> bool:
    """Return whether a file has checksums: all but those of early versions have."""
    return int(file.attrs["schema"]) != EARLY or NAME in file.attrs


def checked(file: h5py.File, name: str, alone: bool = False) -> h5py.Group:
    """Return a group of a file whose content is of magsearch, and what it wrote as far as the file has checksums.

    Raises InputError otherwise, KeyError if there is no such group.

    alone   check the attributes of the group, not what is in it
    """
    expect_own(file, name, f"{Path(file.filename).name}.parts")
    group = file[name]
    if is_sealed(file):
        expect_intact(group, alone)
    return group


def _reason(error: Exception) -> str:
    """Return the message of the system in one line, or that of HDF5 where there is none."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split()) or type(error).__name__


def dataset(group: h5py.Group, name: str, values: Any, unit: str, axes: str, about: str, **how: Any) -> h5py.Dataset:
    """Create a dataset with its unit, axes and description; values that are not an array become double precision."""
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float64)
    created = group.create_dataset(name, data=array, **how)
    described(created, unit, axes, about)
    return created


def described(created: h5py.Dataset, unit: str, axes: str, about: str) -> None:
    """Give a dataset its unit, the names of its axes, and a description; the axes are HDF5's dimension labels too."""
    created.attrs.update(unit=unit, axes=axes, description=about)
    for number, axis in enumerate(axis_names(created)):
        created.dims[number].label = axis


def axis_names(item: h5py.Dataset) -> list[str]:
    """Return the names of the axes of a dataset."""
    return [axis.strip() for axis in str(item.attrs["axes"]).split(",")][: item.ndim]


def attach_scales(group: h5py.Group) -> None:
    """Attach HDF5 dimension scales to the axes of all datasets of a group and of the groups in it.

    As in netCDF, a dataset that is named as its only axis is the scale of this axis in its group, and a dataset has
    scales on all of its axes or on none.
    """
    every = {name: item for name, item in group.items() if isinstance(item, h5py.Dataset) and "axes" in item.attrs}
    scales = {name: item for name, item in every.items() if axis_names(item) == [name]}
    for name, scale in scales.items():
        scale.make_scale(name)
    for item in (item for name, item in every.items() if name not in scales):
        axes = axis_names(item)
        if all(axis in scales and len(scales[axis]) == size for axis, size in zip(axes, item.shape, strict=True)):
            for number, axis in enumerate(axes):
                item.dims[number].attach_scale(scales[axis])
    for item in group.values():
        if isinstance(item, h5py.Group):
            attach_scales(item)


def unicode(text: str) -> str:
    """Return a text that can be stored: bytes of a path that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def texts(values: Iterable[str]) -> NDArray[Any]:
    """Return texts as an array for a dataset or an attribute."""
    return np.array(list(values), dtype=h5py.string_dtype())


def words(values: Any) -> list[str]:
    """Return the texts in a dataset or an attribute."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
