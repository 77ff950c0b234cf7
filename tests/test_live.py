"""The progress of a run, on its terminal and on a login node."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import printed, refused
from models import MODELS
from records import searched, stored
from rich.console import Console
from scans import FIELDS, MOMENTS, heated, scan

from magsearch import storage
from magsearch.cli.watch import looks, scan_looks
from magsearch.console import live, scan_live
from magsearch.console import run as console
from magsearch.console import scan as overview
from magsearch.errors import InputError
from magsearch.formatting import fixed
from magsearch.search.history import History
from magsearch.search.stopping import Completed, GenerationsSpent, Reason, Stored


def shown(history: History, limits: live.Limits | None, elapsed: float = 3.0, doing: str = "relaxing") -> list[str]:
    console = Console(width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(live.table(history, limits, elapsed, doing))
    return captured.get().splitlines()


@pytest.mark.parametrize("generations", [0, 1, 5])
def test_the_table_fits_80_columns_without_a_break(generations):
    found = searched(max(generations, 1), islands=128)
    found = replace(found, operators=tuple(f"AnOperatorOfAVeryLongName{k}" for k in range(3)))
    for row in found.rows:
        row["best"] -= 123456.789
    if not generations:
        found = replace(found, rows=[], seconds=[])
    lines = shown(found, live.Limits(200, 86400.0), 80000.0, "stopped: " + "elites vary " * 10)
    assert all(len(line) <= 80 for line in lines)
    assert sum(line.startswith(("generation", "best", "mean", "now")) for line in lines) == (4 if generations else 2)


def test_the_table_of_a_search_that_has_ended_names_its_end_and_no_time_left():
    text = "\n".join(shown(searched(5), None, 80.0, "all is done"))
    assert "generation  5, the last one, after 1:20" in text
    assert "finished    all is done" in text
    assert "left" not in text


def test_the_table_counts_offspring_of_all_islands_over_the_latest_generations():
    lines = shown(searched(8), live.Limits(200))
    assert any(
        "RandomSpins  20/20" in " ".join(line.split()).replace("RandomSpins ", "RandomSpins  ") for line in lines
    )
    assert any("10/40" in line for line in lines)
    assert not any("PatchSplice" in line for line in lines), "it made nothing"


def test_time_left_is_the_pace_times_the_generations_left_or_the_seconds_left():
    """A second a generation: 95 generations are left after 5, of which one is half over."""
    found = replace(searched(5), seconds=[1.0, 2.0, 3.0, 4.0, 5.0])
    assert live.seconds_left(found, live.Limits(100), 5.0) == pytest.approx(95)
    assert live.seconds_left(found, live.Limits(100), 5.5) == pytest.approx(94.5)
    assert live.seconds_left(found, live.Limits(100, 20.0), 5.5) == pytest.approx(14.5)
    assert live.seconds_left(found, live.Limits(5), 50.0) == 0
    assert live.seconds_left(replace(found, rows=[], seconds=[]), live.Limits(100), 1.0) is None


@pytest.mark.parametrize(("seconds", "said"), [(0, "0:00"), (59.6, "1:00"), (754, "12:34"), (3723, "1:02:03")])
def test_durations(seconds, said):
    assert live.duration(seconds) == said


@pytest.mark.parametrize(("value", "said"), [(-1e-12, "0.00"), (-0.0, "0.00"), (-0.006, "-0.01"), (-9.0, "-9.00")])
def test_zero_is_printed_without_a_sign(value, said):
    assert fixed(value, 2) == said


def write(path: Path, generations: int, stopped: Reason | None = None) -> None:
    storage.write(path, stored(MODELS["square_bloch"], history=searched(generations), stopped=stopped))


def test_a_glance_sees_the_history_and_the_limits(tmp_path):
    path = tmp_path / "run.h5"
    write(path, 5, Stored("enough"))
    seen, whole = storage.glance(path), storage.read(path)
    assert np.array_equal(seen.history["best"], whole.history["best"])
    assert (seen.stopped, seen.seconds) == (Stored("enough"), whole.seconds)


def test_a_look_is_taken_at_every_replacement_until_the_run_has_ended(tmp_path):
    path, counts = tmp_path / "run.h5", []
    write(path, 1)
    for seen in looks(path, 0.01):
        counts.append(len(seen.history))
        if counts[-1] < 4:
            write(path, counts[-1] + 1, stopped=GenerationsSpent(4) if counts[-1] == 3 else None)
    assert counts == [1, 2, 3, 4]


def test_a_file_that_is_away_for_a_moment_is_waited_for(tmp_path):
    path, counts = tmp_path / "run.h5", []
    write(path, 1)

    def back() -> None:
        time.sleep(0.05)
        write(path, 2, Stored("done"))

    for seen in looks(path, 0.1):
        counts.append(len(seen.history))
        if len(counts) == 1:
            os.unlink(path)
            threading.Thread(target=back).start()
    assert counts == [1, 2]


def test_a_file_that_does_not_come_back_is_given_up(tmp_path):
    path = tmp_path / "run.h5"
    write(path, 1)
    seen = looks(path, 0.0)
    next(seen)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match="HDF5"):
        next(seen)


def test_watch_prints_a_line_for_each_generation_and_ends_with_the_run(tmp_path, capsys):
    path = tmp_path / "run.h5"
    write(path, 3, Stored("3 generations done"))
    lines = printed(capsys, "watch", path).splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["0", "1", "2"]
    assert lines[3].startswith("the run has finished at ")
    assert lines[3].endswith(": 3 generations done")
    assert lines[4:] == [f"results    magsearch show {path}"]
    assert "no such file" in refused(capsys, "watch", tmp_path / "none.h5")


def test_ctrl_c_ends_the_watching_and_nothing_else(tmp_path, capsys, monkeypatch):
    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "run.h5"
    write(path, 2)
    monkeypatch.setattr(time, "sleep", pressed)
    assert printed(capsys, "watch", path).splitlines()[-1].startswith("stopped watching; the run has not finished")


# -- scans -------------------------------------------------------------------------------------------------------------


def begun(found: int, **rest: Any) -> storage.ScanRecord:
    """A scan over four fields at two temperatures, of which some columns are searched; each took ten seconds."""
    made = heated(scan(fields=FIELDS), (5.0,))
    columns = tuple(
        replace(c, minima=c.minima if k < found else None, states=None, seconds=(10.0 if k < found else 0.0, 0.0))
        for k, c in enumerate(made.columns)
    )
    return replace(made, columns=columns, settings={"scan": {"refine": 0}}, **rest)


def test_a_scan_is_seen_whenever_a_part_is_put_beside_its_file(tmp_path):
    """And once more when its file takes the parts in and says that all is done."""
    path, counts = tmp_path / "scan.h5", []
    whole = begun(4)
    storage.write_scan(path, begun(0))
    for seen in scan_looks(path, 0.01):
        counts.append(len(scan_live.lines(seen.record)))
        if counts[-1] < 4:
            storage.write_column(path, whole.name, whole.columns[counts[-1]], "minima")
        else:
            storage.write_scan(path, replace(whole, stopped=Completed()))
    assert counts == [0, 1, 2, 3, 4, 4]
    assert seen.stopped.code == Completed.code


def test_seconds_left_of_a_scan_are_the_pace_times_the_columns_left():
    """Two of four columns have been searched, ten seconds each, in 10 s of wall time by two teams: 10 s are left."""
    cold = begun(2)
    cold = replace(cold, columns=tuple(replace(c, temperatures=(0.0,)) for c in cold.columns))
    assert scan_live.seconds_left(cold, 10.0) == (pytest.approx(10), True)
    assert scan_live.seconds_left(replace(cold, settings={"scan": {"refine": 2}}), 10.0) == (pytest.approx(20), True)
    assert scan_live.seconds_left(begun(2), 10.0) == (pytest.approx(10), False), "thermal states come after that"
    assert scan_live.seconds_left(begun(0), 10.0) is None
    sampled = replace(heated(begun(4), (5.0,)), settings={"scan": {"refine": 0}})
    half = tuple(
        replace(c, states=c.states if k < 2 else None, seconds=(10.0, 30.0)) for k, c in enumerate(sampled.columns)
    )
    assert scan_live.seconds_left(replace(sampled, columns=half), 100.0) == (pytest.approx(60), True)


@pytest.mark.parametrize("found", [0, 3, 4])
def test_the_table_of_a_scan_fits_80_columns(found):
    record, console = begun(found), Console(width=80, force_terminal=False)
    with console.capture() as captured:
        points = list(scan_live.lines(record).values())
        console.print(scan_live.table(scan_live.Sight(record, 12.0, 0.0), points, "file of 12:00:00"))
    lines = captured.get().splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert lines[0].startswith(f"points   {found} of 8 found, 0:12 gone")
    assert lines[1] == f"columns  {found} of 4 searched, 0 of 4 sampled"
    rows = [line.split() for line in lines if line.startswith((" antiferromagnet", " ferromagnet"))]
    energies = ["-3.0000000", "-3.0000000", "-4.0000000", "-6.0000000"]
    assert rows == [
        ["antiferromagnet" if k < 2 else "ferromagnet", energies[k], "0.00", "0", str(k)] for k in range(found)
    ]


def test_watch_prints_a_line_for_each_point_of_a_scan_and_ends_with_it(tmp_path, capsys):
    path = tmp_path / "scan.h5"
    storage.write_scan(path, replace(heated(scan(fields=FIELDS), (5.0,)), stopped=Completed()))
    lines = printed(capsys, "watch", path).splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("field (0, 0, 0) T, model.moment 2, search.seed 1, 0 K: antiferromagnet, -3.0000000 meV")
    assert lines[-2].startswith("the scan has finished at ")
    assert lines[-2].endswith(": all points done")


# -- tables of what is finished ----------------------------------------------------------------------------------------


def test_show_has_every_number_whole_in_80_columns():
    """Of a run and of a thermal scan, and in all other widths; a wide terminal has room for more."""
    run, scanned = stored(MODELS["square_bloch"]), heated(scan(fields=FIELDS, moments=MOMENTS))
    for show, record in ((console.show, run), (overview.show, scanned)):
        *narrow, wide = (Console(width=width, force_terminal=False) for width in (80, 100, 110, 120, 130, 160))
        for terminal in narrow:
            with terminal.capture() as captured:
                show(terminal, record)
            assert "…" not in captured.get(), terminal.width
        with wide.capture() as more:
            show(wide, record)
        assert max(map(len, more.get().splitlines())) > 80
