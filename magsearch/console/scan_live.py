"""Progress of a scan, read from its file: a line for every point that is found, and a table for a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from magsearch import storage
from magsearch.console.scan import heading, short, varied
from magsearch.errors import visible
from magsearch.formatting import duration, fixed
from magsearch.phases.column import Column, Minimum, ThermalState, describe
from magsearch.search.stopping import Reason
from magsearch.storage import ScanRecord

Found = tuple[Column, float, Minimum | ThermalState]  # a point: its column, kelvin, and what is there
LATEST = 12  # points that the table shows


@dataclass(frozen=True, eq=False)
class Sight:
    """Snapshot of a scan under way.

    elapsed   wall time of the scan when its file was last written, seconds
    written   when that was, seconds since 1970
    """

    record: ScanRecord
    elapsed: float
    written: float

    @property
    def stopped(self) -> Reason | None:
        """Reason why the scan ended; None while it is under way."""
        return self.record.stopped


def sight(path: Path) -> Sight:
    """Return the present state of a scan. Raises InputError as ``read_scan`` does."""
    record, (file, latest) = storage.read_scan(path), storage.scan.written(path)
    return Sight(record, record.seconds + latest - file, latest)


def lines(record: ScanRecord) -> dict[str, Found]:
    """Return the points found so far and a line for each, in the order of the scan."""
    return {_line(*point): point for column in record.columns for point in _points(column)}


def _points(column: Column) -> list[Found]:
    return [(column, kelvin, found) for kelvin, found in column.points() if found]


def _line(column: Column, kelvin: float, found: Minimum | ThermalState) -> str:
    charge, doubt = fixed(found.summary()["charge"], 2), ""
    if isinstance(found, ThermalState) and not found.agreed:
        doubt = f" (from {found.begun}; other beginnings disagree)"
    where = f"{describe(column.settings)}, {kelvin:g} K"
    return f"{where}: {found.label}, {found.per_site:.7f} meV per site, charge {charge}{doubt}"


def table(seen: Sight, latest: Sequence[Found], doing: str) -> RenderableType:
    """Return a table of the progress: points, phases, seconds left and the latest points; fits 80 columns.

    latest   points, the last one found last
    doing    current activity, in a few words
    """
    columns, coming = seen.record.columns, to_come(seen.record)
    found = [point for column in columns for point in _points(column)]
    counts = Counter(point.label for *_, point in found).most_common()
    more = f", and {coming} columns to be placed" if coming else ""
    warm = [column for column in columns if column.warm]
    sampled = f", {sum(column.states is not None for column in warm)} of {len(warm)} sampled" if warm else ""
    heads = [
        f"points   {len(found)} of {sum(len(column.temperatures) for column in columns)} found, {_time(seen)}",
        f"columns  {sum(column.minima is not None for column in columns)} of {len(columns)} searched{sampled}{more}",
        f"phases   {', '.join(f'{label} {count}' for label, count in counts) or 'none yet'}",
        f"{'finished' if seen.stopped else 'now':9}{doing}",
    ]
    shown: list[RenderableType] = [Text(visible(each), no_wrap=True, overflow="ellipsis") for each in heads]
    return Group(*shown, _rows(latest[-LATEST:], columns)) if latest else Group(*shown)


def _time(seen: Sight) -> str:
    if seen.stopped:
        return f"{duration(seen.elapsed)} in all"
    gone, left = f"{duration(seen.elapsed)} gone", seconds_left(seen.record, seen.elapsed)
    if left is None:
        return gone
    seconds, whole = left
    return f"{gone}, {'about' if whole else 'at least'} {duration(seconds)} left"


def _rows(points: Sequence[Found], columns: Sequence[Column]) -> Table:
    """Points with those settings in which columns differ."""
    keys = varied(columns)
    made = Table(box=SIMPLE, padding=(0, 1), show_edge=False)
    for name in ("phase", "meV per site", "charge", "T (K)", *(heading(key) for key in keys)):
        made.add_column(name, justify="left" if name == "phase" else "right", no_wrap=True)
    for column, kelvin, found in points:
        name = found.label if not isinstance(found, ThermalState) or found.agreed else f"{found.label} ?"
        settings = [short(column.settings.get(key, "")) for key in keys]
        made.add_row(name, f"{found.per_site:.7f}", fixed(found.summary()["charge"], 2), f"{kelvin:g}", *settings)
    return made


def to_come(record: ScanRecord) -> int:
    """Columns that refinement has not placed yet."""
    asked = int(record.settings.get("scan", {}).get("refine", 0))
    return max(asked - sum(column.round > 0 for column in record.columns), 0)


def seconds_left(record: ScanRecord, elapsed: float) -> tuple[float, bool] | None:
    """Until all columns are searched and sampled, if one takes as long as another; None where nobody knows.

    False beside it where nothing has been sampled yet: only the searches that are left are known of.

    elapsed   seconds that have brought what is there, on however many teams
    """
    columns, coming = record.columns, to_come(record)
    warm = [column for column in columns if column.warm]
    likely = round(coming * len(warm) / len(columns))  # of those to come that will have temperatures
    searched = [column.seconds[0] for column in columns if column.minima is not None]
    sampled = [column.seconds[1] for column in warm if column.states is not None]
    if not sum(searched):
        return None
    left = float(np.mean(searched)) * (len(columns) + coming - len(searched))
    if sampled:
        left += float(np.mean(sampled)) * (len(warm) + likely - len(sampled))
    whole = bool(sampled) or not warm
    return (elapsed * left / (sum(searched) + sum(sampled)), whole) if whole or left else None
