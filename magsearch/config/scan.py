"""The [scan] table of an input: which settings are scanned, and over which values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from magsearch.config.types import Vector
from magsearch.formats.toml.table import Table


class Steps(Table, path="scan.*"):
    """Equally spaced values with both ends, instead of a list: `{first = 0.0, last = 4.0, count = 9}`."""

    first: float = dataclasses.field(metadata={"doc": "First value."})
    last: float = dataclasses.field(metadata={"doc": "Last value."})
    count: int = dataclasses.field(metadata={"doc": "Number of values.", "ge": 2})

    def values(self) -> list[float]:
        """Return the values."""
        return [float(value) for value in np.linspace(self.first, self.last, self.count).round(12)]


class ScanTable(Table, path="scan"):
    """The settings that `magsearch scan` varies, and how ([scans.md](scans.md)).

    Every other key with a dot, such as `"model.moment"` or `"search.seed"`, is one more axis; a scan stores these as
    `axes`.
    """

    temperature: list[float] | Steps = dataclasses.field(
        default_factory=list,
        metadata={
            "doc": "Temperatures; 0: the search for the ground state; above: an equilibrated thermal state.",
            "unit": "K", "ge": 0,
        },
    )  # fmt: skip
    field: list[float | Vector] | Steps = dataclasses.field(
        default_factory=list, metadata={"doc": "Magnetic fields: vectors, or numbers along z.", "unit": "T"}
    )
    axes: dict[str, list[Any] | Steps] = dataclasses.field(
        default_factory=dict, metadata={"doc": "Values of any other key of the input, by its dotted name."}
    )
    combine: Literal["grid", "list"] = dataclasses.field(
        default="grid",
        metadata={
            "doc": 'Which points are computed: every combination of the values, or with "list" the first values of all '
            "axes together, then the second ones, and so on."
        },
    )  # fmt: skip
    refine: int = dataclasses.field(
        default=0,
        metadata={
            "doc": "Number of points that are added one after the other where the phase boundary is least certain.",
            "ge": 0, "later": True,
        },
    )  # fmt: skip
    at_once: int = dataclasses.field(
        default=1, metadata={"doc": "Number of these points that are computed at a time.", "ge": 1, "later": True}
    )
    surrogate: Literal["gaussian-process", "random-features"] | None = dataclasses.field(
        default=None,
        metadata={
            "doc": "The model that chooses these points.",
            "default": '"gaussian-process" up to three axes, else "random-features"', "later": True,
        },
    )  # fmt: skip
    ladders: int = dataclasses.field(
        default=3,
        metadata={
            "doc": "Number of ladders of replicas that exchange temperatures, each starting in another phase.", "ge": 2,
        },
    )  # fmt: skip
    rungs: int = dataclasses.field(
        default=128,
        metadata={
            "doc": "Maximum number of temperatures of a ladder: some are added between the scanned ones, so that "
            "replicas exchange.",
            "ge": 1,
        },
    )  # fmt: skip
    hottest: float | None = dataclasses.field(
        default=None,
        metadata={
            "doc": "Temperature up to which ladders reach where the scanned temperatures do not.", "unit": "K", "gt": 0,
        },
    )  # fmt: skip
    sweeps: int = dataclasses.field(
        default=2000, metadata={"doc": "Number of sweeps that are measured.", "unit": "sweeps", "ge": 1}
    )
    warmup: int | None = dataclasses.field(
        default=None,
        metadata={"doc": "Number of sweeps before.", "unit": "sweeps", "default": "half of `sweeps`", "ge": 0},
    )


def gathered(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return a [scan] table whose dotted keys, quoted or not, have become entries of ``axes``.

    Later entries overrule earlier ones; model.field is the field.
    """
    known, steps = ScanTable.KEYS.keys(), Steps.KEYS.keys()
    own = {name: value for name, value in table.items() if name in known - {"axes"}}
    if not isinstance(table.get("axes", {}), Mapping):
        return dict(table)  # which is refused
    axes: dict[str, Any] = dict(table.get("axes", {}))

    def take(name: str, value: Any) -> None:
        if isinstance(value, dict) and not steps & value.keys():
            for key, inner in value.items():
                take(f"{name}.{key}", inner)
        elif name == "model.field":
            own["field"] = value
        elif "." in name:
            axes[name] = value
        else:
            own[name] = value

    for name, value in table.items():
        if name not in known:
            take(name, value)
    return {**own, "axes": axes} if axes else own
