"""Runs and scans as xarray datasets and pandas tables: the datasets of their files, with dimensions and units."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from io import BytesIO
from types import ModuleType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.errors import InputError
from magsearch.storage.files import axis_names

Variable = tuple[list[str], NDArray[Any], dict[str, str]]


def required(name: str) -> ModuleType:
    """Return xarray or pandas. Raises InputError, which says how to install it, where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        raise InputError(f"no {name}: pip install 'magsearch[data]' brings it", f"to_{name}()") from None


def composed(*writers: tuple[str, Callable[[h5py.Group], None]]) -> dict[str, Variable]:
    """Return the variables of the groups that functions write, without a file on the disk.

    writers   name of each group and the function that writes it
    """
    with h5py.File(BytesIO(), "w") as file:
        for name, write in writers:
            write(file.create_group(name))
        return {name: variable for group, _ in writers for name, variable in variables(file[group])}


def variables(group: h5py.Group) -> Iterator[tuple[str, Variable]]:
    """Yield the name of every dataset of a group, with dimensions, values and attributes ``units`` and ``long_name``.

    The second of two axes of one name has a prime. Datasets without axes are numbers.
    """
    for name, item in group.items():
        if isinstance(item, h5py.Dataset):
            dimensions: list[str] = []
            for axis in axis_names(item):
                dimensions.append(axis if axis not in dimensions else f"{axis}'")
            values = item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()]
            attributes = {"units": str(item.attrs["unit"]), "long_name": str(item.attrs["description"])}
            yield name, (dimensions, np.asarray(values), attributes)
