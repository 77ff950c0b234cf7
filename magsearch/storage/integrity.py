"""Whether what a file holds is what magsearch wrote: a checksum of every group and dataset, and no foreign content.

The checksum of a dataset covers its name, type, shape, values and attributes, except those of HDF5's dimension scales;
that of a group covers its name, its attributes and the names of its members. Both are stored as the attribute
``checksum``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from hashlib import blake2b
from pathlib import PurePosixPath
from typing import Any

import h5py
import numpy as np

from magsearch.errors import InputError
from magsearch.limits import memory

NAME = "checksum"
SCALES = {"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "DIMENSION_LABELS"}  # attributes of dimension scales


class Damaged(InputError):
    """Error of a file whose content is not what was written."""


def seal(group: h5py.Group, alone: bool = False) -> None:
    """Give a group, or a file, and all that is in it their checksums.

    alone   leave out what is in the group
    """
    for item in [group] if alone else _items(group):
        item.attrs[NAME] = _checksum(item)


def expect_intact(item: h5py.Group | h5py.Dataset, alone: bool = False) -> None:
    """Raise Damaged unless a group, all that is in it, and their values are what was written.

    Values in other files, of virtual datasets, are checked with those files.

    alone   leave out what is in the group
    """
    for one in [item] if alone else _items(item):
        if NAME not in one.attrs or one.attrs[NAME] != _checksum(one):
            raise Damaged(f"is damaged: {one.name} is not what was written", item.file.filename)


def expect_own(file: h5py.File, top: str, parts: str) -> None:
    """Raise InputError for what magsearch does not write: links, values in other files, more than fits into memory.

    top     name of the group that is looked at
    parts   name of the folder beside the file whose files virtual datasets may show
    """
    seen, most = set[int](), memory()
    for item in _own(file, top, seen):
        where = item.name
        if item.external:
            raise InputError(f"the values of {where} are in another file", file.filename)
        if item.is_virtual and not all(_is_part(source.file_name, parts) for source in item.virtual_sources()):
            raise InputError(f"{where} shows values of another file, which is no part of this one", file.filename)
        if item.size and item.size * item.dtype.itemsize > most:
            size = item.size * item.dtype.itemsize / 1e9
            raise InputError(f"{where} takes {size:.3g} GB; this process may use {most / 1e9:.3g} GB", file.filename)


def _is_part(name: str, folder: str) -> bool:
    return PurePosixPath(name).parts[:-1] == (folder,) and PurePosixPath(name).name not in ("", ".", "..")


def _own(group: h5py.Group, name: str, seen: set[int]) -> Iterator[h5py.Dataset]:
    """Yield the datasets of what a name in a group leads to. Raises InputError for links, and for groups in themselves.

    seen   addresses of the groups that it has led to
    """
    where = f"{group.name.rstrip('/')}/{name}"
    if name not in group:
        raise KeyError(f"{where} is missing")
    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise InputError(f"{where} is a link; expected its content in this file", group.file.filename)
    item = group[name]
    if isinstance(item, h5py.Dataset):
        yield item
        return
    address = h5py.h5o.get_info(item.id).addr
    if not isinstance(item, h5py.Group) or address in seen:
        raise InputError(f"{where} is not a group of its own", group.file.filename)
    seen.add(address)
    for inner in item:
        yield from _own(item, inner, seen)


def _items(item: h5py.Group | h5py.Dataset) -> Iterator[h5py.Group | h5py.Dataset]:
    yield item
    if isinstance(item, h5py.Group):
        for name in item:
            yield from _items(item[name])


def _checksum(item: h5py.Group | h5py.Dataset) -> str:
    found = blake2b(item.name.encode("utf-8", "surrogateescape"), digest_size=16)
    for name in sorted(item.attrs):
        if name != NAME and name not in SCALES:
            _add(found, name, item.attrs[name])
    if isinstance(item, h5py.Group):
        _add(found, "content", sorted(item))
    elif item.is_virtual:
        for source in item.virtual_sources():
            _add(found, "source", [source.file_name, source.dset_name, str(item.shape), item.dtype.str])
    else:
        _add(found, "values", item[()])
    return found.hexdigest()


def _add(found: Any, name: str, value: Any) -> None:
    """Add a value to a checksum, with its name, type and shape."""
    array = np.asarray(value)
    if array.dtype.kind in "OUT":
        texts: Collection[Any] = array.ravel().tolist()
        parts = [one if isinstance(one, bytes) else str(one).encode("utf-8", "surrogateescape") for one in texts]
        found.update(f"{name} {array.shape} {[len(part) for part in parts]}".encode())
        for part in parts:
            found.update(part)
    else:
        found.update(f"{name} {array.shape} {array.dtype.str}".encode())
        found.update(np.ascontiguousarray(array).view(np.uint8).data if array.size else b"")
