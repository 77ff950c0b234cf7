"""The [scan] table of an input: which settings are scanned, and over which values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import ConfigDict, Field

Number = Annotated[float, Field(strict=True)]
Kelvin = Annotated[float, Field(strict=True, ge=0)]
Vector = Annotated[list[Number], Field(min_length=3, max_length=3)]
Count = Annotated[int, Field(strict=True, ge=1)]
Whole = Annotated[int, Field(strict=True, ge=0)]
STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Steps:
    """{first = 0.0, last = 4.0, count = 9}: equally spaced values, both ends included."""

    __pydantic_config__ = STRICT
    first: Number
    last: Number
    count: Annotated[int, Field(strict=True, ge=2)]

    def values(self) -> list[float]:
        return [float(value) for value in np.linspace(self.first, self.last, self.count).round(12)]


@dataclass(frozen=True)
class ScanTable:
    """The [scan] table. Every key with a dot ("model.moment", "search.seed", ...) is one more axis, kept in ``axes``.

    temperature   kelvin; 0: the search for the ground state; above: an equilibrated thermal state
    field         tesla: vectors, or numbers along z
    axes          dotted key: values of any other setting of the input
    combine       grid: every value of an axis with every one of the others; list: first with first, second with second
    refine        points that are added one after the other where the phase boundary is least certain
    at_once       how many of them before the next look
    surrogate     what says where: gaussian-process, or random-features; default: the former up to three axes
    ladders       of replicas that exchange their temperatures, each begun in another phase
    rungs         temperatures of a ladder at the most: more are put between the scanned ones, so that replicas exchange
    hottest       kelvin, up to which ladders reach where the scanned temperatures do not
    sweeps        that are measured
    warmup        sweeps before; default: half as many
    """

    __pydantic_config__ = STRICT
    temperature: list[Kelvin] | Steps = dataclasses.field(default_factory=list)
    field: list[Number | Vector] | Steps = dataclasses.field(default_factory=list)
    axes: dict[str, list[Any] | Steps] = dataclasses.field(default_factory=dict)
    combine: Literal["grid", "list"] = "grid"
    refine: Whole = 0
    at_once: Count = 1
    surrogate: Literal["gaussian-process", "random-features"] | None = None
    ladders: Annotated[int, Field(strict=True, ge=2)] = 3
    rungs: Count = 128
    hottest: Annotated[float, Field(strict=True, gt=0)] | None = None
    sweeps: Count = 2000
    warmup: Whole | None = None


def gathered(table: Mapping[str, Any]) -> dict[str, Any]:
    """A [scan] table as it is written: its dotted keys, quoted or not, as entries of ``axes``.

    What comes later overrules what came before; model.field is the field.
    """
    known = {f.name for f in dataclasses.fields(ScanTable)}
    steps = {f.name for f in dataclasses.fields(Steps)}
    own = {name: value for name, value in table.items() if name in known - {"axes"}}
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
