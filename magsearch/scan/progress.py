"""A scan while it goes on, seen through its file: a line for every point that is found, and a table for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from magsearch import storage
from magsearch.live import duration
from magsearch.scan.plan import describe
from magsearch.states import Column, Minimum, ThermalState
from magsearch.storage import ScanRecord

LATEST = 12  # points that the table shows


@dataclass(frozen=True, eq=False)
class Sight:
    """What is seen of a scan at one moment.

    elapsed   seconds on its clock, when it was heard of last
    written   when that was, seconds since 1970
    """

    record: ScanRecord
    elapsed: float
    written: float

    @property
    def stopped(self) -> str:
        return self.record.stopped


def sight(path: Path) -> Sight:
    """How far a scan has got. InputError as for ``read_scan``."""
    record, (file, latest) = storage.read_scan(path), storage.scan.written(path)
    return Sight(record, record.seconds + latest - file, latest)


def lines(record: ScanRecord) -> list[str]:
    """What has been found so far, a line for each point, in the order of the scan."""
    return [_line(column, kelvin, found) for column in record.columns for kelvin, found in column.points() if found]


def _line(column: Column, kelvin: float, found: Minimum | ThermalState) -> str:
    figures, doubt = found.summary(), ""
    if isinstance(found, ThermalState) and not found.agreed:
        doubt = f" (from {found.begun}; other beginnings disagree)"
    return (
        f"{describe(column.settings)}, {kelvin:g} K: {found.label}, {found.per_site:.7f} meV per site, "
        f"charge {figures['charge'] + 0.0:.2f}{doubt}"
    )


def table(seen: Sight, latest: Sequence[str], doing: str) -> RenderableType:
    """How far a scan has got: points, phases, seconds left, and what was found last.

    latest   of ``lines``, the last one found last
    doing    what is going on, in a few words
    """
    record, columns, coming = seen.record, seen.record.columns, to_come(seen.record)
    found = [point for column in columns for _, point in column.points() if point]
    time = f"{duration(seen.elapsed)} gone"
    if not seen.stopped and (left := seconds_left(record, seen.elapsed)) is not None:
        time += f", about {duration(left)} left"
    counts = Counter(point.label for point in found).most_common()
    more = f", and {coming} columns to be placed" if coming else ""
    warm = [column for column in columns if column.warm]
    sampled = f", {sum(column.states is not None for column in warm)} of {len(warm)} sampled" if warm else ""
    head = [
        f"points   {len(found)} of {sum(len(column.temperatures) for column in columns)} found, {time}",
        f"columns  {sum(column.minima is not None for column in columns)} of {len(columns)} searched{sampled}{more}",
        f"phases   {', '.join(f'{label} {count}' for label, count in counts) or 'none yet'}",
        f"now      {doing}",
    ]
    shown = [*head, "", *latest[-LATEST:]] if latest else head
    return Group(*(Text(each, no_wrap=True, overflow="ellipsis") for each in shown))


def to_come(record: ScanRecord) -> int:
    """Columns that refinement has not placed yet."""
    asked = int(record.settings.get("scan", {}).get("refine", 0))
    return max(asked - sum(column.round > 0 for column in record.columns), 0)


def seconds_left(record: ScanRecord, elapsed: float) -> float | None:
    """Until all columns are searched and sampled, if one takes as long as another; None where nobody knows.

    ``elapsed`` seconds have brought what is there, on however many teams.
    """
    columns, coming = record.columns, to_come(record)
    warm = [column for column in columns if column.warm]
    likely = round(coming * len(warm) / len(columns))  # of those to come that will have temperatures
    stages = (
        ([c.seconds[0] for c in columns if c.minima is not None], len(columns) + coming),
        ([c.seconds[1] for c in warm if c.states is not None], len(warm) + likely),
    )
    if any(total and not spent for spent, total in stages):
        return None
    spent, left = (
        sum(sum(spent) for spent, _ in stages),
        sum(float(np.mean(spent)) * (total - len(spent)) for spent, total in stages if spent),
    )
    return elapsed * left / spent if spent else None
