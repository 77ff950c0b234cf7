"""HDF5 files that are complete or absent, and datasets that say their unit and axes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError

SCHEMA = 3
COMPRESSED: dict[str, Any] = {"compression": "gzip", "compression_opts": 1, "shuffle": True}


@contextmanager
def replaced(path: Path, beside: Callable[[h5py.File], Mapping[Path, str]] | None = None) -> Iterator[h5py.File]:
    """A file to be written, which takes the place of ``path`` as a whole once it is complete and on the disk.

    OSError where that fails; what was there is then still there. The file is made in memory first: HDF5 does not get
    over a disk that is full.

    beside   texts about the file that belong to it, by where they go: they take their places right after it
    """
    memory = BytesIO()
    with h5py.File(memory, "w") as file:
        yield file
        texts = beside(file) if beside else {}
    contents = {path: bytes(memory.getbuffer()), **{place: text.encode() for place, text in texts.items()}}
    aside = {place: place.with_name(f".{place.name}.incomplete") for place in contents}
    try:
        for place, content in contents.items():
            with open(aside[place], "wb") as written:
                written.write(content)
                written.flush()
                os.fsync(written.fileno())
        for place in contents:
            os.replace(aside[place], place)
        _sync_folder(path.parent)
    finally:
        for leftover in aside.values():
            with suppress(OSError):
                leftover.unlink()


def _sync_folder(folder: Path) -> None:
    """The new name is on the disk, too (where the system lets one ask for it)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """A file of magsearch, to be read. InputError for one that is missing, not HDF5, or not magsearch's."""
    if not path.exists():
        raise InputError("no such file", path)
    try:
        with h5py.File(path, "r", locking=False) as file:  # nobody writes into a file that is there
            if "magsearch" not in file.attrs or "schema" not in file.attrs:
                raise InputError("is HDF5, but not a run of magsearch", path)
            if int(file.attrs["schema"]) != SCHEMA:
                raise InputError(f"has schema {file.attrs['schema']}; this magsearch reads {SCHEMA}", path)
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        raise InputError(f"is no complete HDF5 file of magsearch: {_reason(error)}", path) from None


def _reason(error: Exception) -> str:
    """What the system says, in one line; HDF5's own words, which may be several, where it says nothing."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else " ".join(str(error).split())


def dataset(group: h5py.Group, name: str, values: Any, unit: str, axes: str, **how: Any) -> h5py.Dataset:
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=np.float64)
    created = group.create_dataset(name, data=array, **how)
    created.attrs.update(unit=unit, axes=axes)
    return created


def texts(values: Iterable[str]) -> NDArray[Any]:
    return np.array(list(values), dtype=h5py.string_dtype())


def words(values: Any) -> list[str]:
    """The opposite of ``texts``, for a dataset or an attribute."""
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]
