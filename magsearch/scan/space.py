"""The settings of a scan as coordinates, and the graph of neighbouring columns.

Columns exchange textures only if they differ in numbers of the model. Other differences (seed, supercell, lattice)
separate them into families that exchange nothing.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.phases.column import Column

FIELD = "field"
# Rounding of coordinates: relative slack for a third point on the sphere of the Gabriel graph, and largest sine of the
# angle between fields that count as parallel
COORDINATES_AGREE = 1e-9


@dataclass(frozen=True, eq=False)
class Space:
    """The coordinates of a scan.

    names       names of the coordinates: "field" (tesla, along ``direction``), "field.x", "model.moment", ...
    direction   [3] unit vector common to all fields; None if they have none
    """

    names: tuple[str, ...]
    direction: tuple[float, float, float] | None

    @classmethod
    def of(cls, settings: Sequence[Mapping[str, Any]]) -> Space:
        """Return the coordinates in which the settings of some columns differ."""
        names: list[str] = []
        fields = np.array([s["model.field"] for s in settings if "model.field" in s], dtype=np.float64).reshape(-1, 3)
        direction = _common(fields)
        if len(fields) and np.ptp(fields, axis=0).any():
            names += [FIELD] if direction else [f"{FIELD}.{xyz}" for k, xyz in enumerate("xyz") if np.ptp(fields[:, k])]
        for key in dict.fromkeys(key for s in settings for key in s):
            values = [s[key] for s in settings if key in s]
            if _counts(key) and all(_number(value) for value in values) and len(set(values)) > 1:
                names.append(key)
        return cls(tuple(names), direction)

    def coordinates(self, settings: Mapping[str, Any]) -> NDArray[np.float64]:
        """Return the coordinates [coordinate] of a column's settings."""
        return np.array([self._coordinate(name, settings) for name in self.names])

    def _coordinate(self, name: str, settings: Mapping[str, Any]) -> float:
        if name == FIELD:
            return float(np.dot(settings["model.field"], self.direction or (0, 0, 1)))
        if name.startswith(f"{FIELD}."):
            return float(settings["model.field"]["xyz".index(name[-1])])
        return float(settings[name])

    def settings(self, like: Mapping[str, Any], x: ArrayLike) -> dict[str, Any]:
        """Return settings with coordinates x [coordinate], and otherwise those of ``like``."""
        made = dict(like)
        for name, value in zip(self.names, np.asarray(x, dtype=np.float64).tolist(), strict=True):
            if name == FIELD:
                made["model.field"] = [value * component + 0.0 for component in self.direction or (0, 0, 1)]
            elif name.startswith(f"{FIELD}."):
                field = list(made["model.field"])
                field["xyz".index(name[-1])] = value
                made["model.field"] = field
            else:
                made[name] = value
        return made

    def family(self, settings: Mapping[str, Any]) -> str:
        """Return a key that is equal for columns that may exchange textures."""
        own = {
            key: value for key, value in settings.items()
            if key not in self.names and not (key == "model.field" and any(n.startswith(FIELD) for n in self.names))
        }  # fmt: skip
        return json.dumps(own, sort_keys=True)

    def families(self, columns: Sequence[Column]) -> list[list[int]]:
        """Return the indices of columns grouped into families that may exchange textures."""
        found: dict[str, list[int]] = {}
        for place, column in enumerate(columns):
            found.setdefault(self.family(column.settings), []).append(place)
        return list(found.values())

    def graph(self, columns: Sequence[Column]) -> list[list[int]]:
        """Return the indices of each column's neighbours, all of its own family."""
        found: list[list[int]] = [[] for _ in columns]
        for family in self.families(columns):
            x = np.array([self.coordinates(columns[place].settings) for place in family])
            for place, near in zip(family, neighbours(x), strict=True):
                found[place] = [family[k] for k in near]
        return found


def _counts(key: str) -> bool:
    """Return whether columns that differ in a setting may still exchange textures."""
    return key.startswith("model.") and not key.startswith(("model.size", "model.field", "model.vacancies"))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _common(fields: NDArray[np.float64]) -> tuple[float, float, float] | None:
    """Return the unit vector along which all fields [column, 3] lie, its largest component positive, or None."""
    strength = np.linalg.norm(fields, axis=1)
    if not strength.any():
        return 0.0, 0.0, 1.0
    along = fields[strength.argmax()] / strength.max()
    along = along * np.sign(along[np.abs(along).argmax()])
    if np.abs(np.cross(fields, along)).max() > COORDINATES_AGREE * strength.max():
        return None
    return float(along[0]) + 0.0, float(along[1]) + 0.0, float(along[2]) + 0.0


def scaled(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return coordinates [column, coordinate] in units of their ranges, from 0 to 1."""
    width = np.ptp(x, axis=0)
    return (x - x.min(axis=0)) / np.where(width > 0, width, 1.0)


def neighbours(x: NDArray[np.float64]) -> list[list[int]]:
    """Return the neighbours of each column with coordinates x [column, coordinate] in the Gabriel graph.

    Two points are neighbours if no third lies in the ball whose diameter they are (Gabriel & Sokal, Syst. Zool. 18, 259
    (1969)): along one axis adjacent points, on a grid those one step away. The graph is connected.
    """
    u, graph = scaled(x), []
    apart = ((u[:, None] - u[None]) ** 2).sum(axis=-1)  # [column, column]
    for one in range(len(u)):
        inside = apart[one] + apart <= apart[one][:, None] * (1 + COORDINATES_AGREE)  # [other, third]
        inside[:, one] = False
        np.fill_diagonal(inside, False)
        inside[one] = True
        graph.append(np.flatnonzero(~inside.any(axis=1)).tolist())
    return graph


def depths(graph: Sequence[Sequence[int]]) -> list[int]:
    """Return the distance in steps of each column from the first column of its connected component."""
    found: dict[int, int] = {}
    for start in range(len(graph)):
        front = deque([start] if start not in found else [])
        found.setdefault(start, 0)
        while front:
            here = front.popleft()
            for near in graph[here]:
                if near not in found:
                    found[near] = found[here] + 1
                    front.append(near)
    return [found[column] for column in range(len(graph))]
