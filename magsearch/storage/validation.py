"""Values of files that are what their readers compute with: types, shapes, ranges. Raises ValueError for all others."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

Plain = TypeVar("Plain")
NUMBERS: dict[str, Callable[[Any], bool]] = {  # by the annotation of a field
    "int": lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53,
    "float": lambda value: isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value),
}


def numbers(group: h5py.Group, name: str, *shape: int, finite: bool = True) -> NDArray[Any]:
    """Return the numbers of a dataset of this shape; -1 stands for any length.

    finite  whether all must be finite; with False, NaN and infinity are values as well
    """
    found = group[name][()]
    if not isinstance(found, np.ndarray) and not isinstance(found, np.number):
        raise ValueError(f"{group.name}/{name} has no numbers")
    array = np.asarray(found)
    fits = len(shape) == array.ndim and all(n in (-1, m) for n, m in zip(shape, array.shape, strict=True))
    if array.dtype.kind not in "iuf" or not fits:
        expected = " x ".join("n" if n < 0 else str(n) for n in shape) or "one"
        raise ValueError(f"{group.name}/{name} is {array.dtype} {array.shape}; expected numbers, {expected}")
    if finite and not np.isfinite(array).all():
        raise ValueError(f"{group.name}/{name} has numbers that are not finite")
    return array


def row(group: h5py.Group, name: str, length: int = -1) -> list[float]:
    """Return the finite numbers of an attribute with one axis; length -1 stands for any."""
    found = np.asarray(group.attrs[name])
    if found.dtype.kind not in "iuf" or found.ndim != 1 or length not in (-1, len(found)):
        expected = "a row of numbers" if length < 0 else f"a row of {length} numbers"
        raise ValueError(f"{name} of {group.name} is {found.dtype} {found.shape}; expected {expected}")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} of {group.name} has numbers that are not finite")
    return [float(value) for value in found]


def indices(group: h5py.Group, name: str, below: int, *shape: int) -> NDArray[np.int64]:
    """Return the whole numbers from zero of a dataset of this shape, all of them below a limit."""
    found = numbers(group, name, *shape)
    if found.dtype.kind not in "iu" and (found != np.rint(found)).any():
        raise ValueError(f"{group.name}/{name} has numbers that are not whole")
    if found.size and not (found.min() >= 0 and found.max() < below):
        raise ValueError(f"{group.name}/{name} has numbers outside of 0 to {below - 1}")
    return found.astype(np.int64)


def directions(group: h5py.Group, name: str, *shape: int) -> NDArray[Any]:
    """Return the vectors of a dataset of this shape, each of length one, or zero at a vacancy."""
    found = numbers(group, name, *shape)
    length = np.linalg.norm(found, axis=-1)
    if (np.minimum(np.abs(length - 1), length) > 1e-3).any():
        raise ValueError(f"{group.name}/{name} has vectors that are not of length one")
    return found


def table(text: Any) -> dict[str, Any]:
    """Return the table that a JSON text holds."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"holds {type(found).__name__} in JSON; expected a table")
    return found


def plain(kind: Callable[..., Plain], text: Any, **convert: Callable[[Any], Any]) -> Plain:
    """Return the dataclass of plain numbers that a JSON text holds.

    convert   functions that make, and check, the values of fields that are not numbers
    """
    given, found = json.loads(text), dict[str, Any]()
    for field in fields(kind):  # type: ignore[arg-type]
        value, of = given[field.name], str(field.type)
        if field.name in convert:
            found[field.name] = convert[field.name](value)
            continue
        if not ("None" in of and value is None) and not NUMBERS[of.split(" | ")[0]](value):
            raise ValueError(f"{field.name} is {value!r}; expected {of}")
        found[field.name] = value
    if unknown := set(given) - set(found):
        raise ValueError(f"{min(unknown)} is not known")
    return kind(**found)
