"""Cuts through scans, and the pictures of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scans import FIELDS, MOMENTS, SEEDS, heated, scan

from magsearch.cli.phases import phases
from magsearch.errors import InputError
from magsearch.phases.crossings import crossings
from magsearch.plots import phase_diagram
from magsearch.scan.cut import cut_of, unit_of
from magsearch.storage import ScanRecord, write_scan


def cut(record: ScanRecord, x=None, y=None, at=()):
    return cut_of(record, Path("scan.h5"), x, y, list(at))


def test_a_scan_over_one_setting_is_one_row():
    found = cut(scan(fields=FIELDS))
    assert found.names == ("field",)
    assert [point.x for point in found.points] == list(FIELDS)
    (row,) = found.rows
    (crossing,) = crossings(row)
    assert crossing.at == pytest.approx(1.5)
    assert found.places == [{}]
    assert found.fixed == {}


def test_every_row_of_a_diagram_crosses_where_it_should():
    found = cut(scan(fields=FIELDS, moments=MOMENTS), "field", "model.moment")
    assert len(found.points) == 12
    assert found.places == [{"model.moment": m} for m in MOMENTS]
    at = {place["model.moment"]: crossings(row) for place, row in zip(found.places, found.rows, strict=True)}
    assert {m: [c.at for c in row] for m, row in at.items() if m > 1} == {m: [pytest.approx(3 / m)] for m in (2.0, 4.0)}


def test_axes_are_named_with_their_units():
    record = scan(fields=FIELDS, moments=MOMENTS)
    assert cut(record, "field", "model.moment").heads == ("field (T)", "model.moment (μB)")
    assert cut(record, "field", at=["model.moment=4"]).held == "model.moment = 4 μB"
    warm = cut(heated(record), "temperature", "field")
    assert warm.heads == ("temperature (K)", "field (T)")
    assert cut(heated(record), "field", at=["temperature=19"]).held == "model.moment = 1 μB, temperature = 20 K"
    assert unit_of("model.dmi.0.D", {"unit": "mRy"}) == "mRy"
    assert unit_of("model.exchange.0.J.1", {}) == "meV"
    assert (unit_of("field.x", None), unit_of("search.seed", {})) == ("T", "")


def test_other_settings_are_held_at_their_first_value_or_where_one_says():
    record = scan(fields=FIELDS, moments=MOMENTS, seeds=SEEDS)
    found = cut(record, "field")
    assert found.fixed == {"model.moment": 1.0, "search.seed": 1.0}
    assert len(found.points) == 4
    found = cut(record, "field", at=["model.moment=3.6", "search.seed=2"])
    assert found.fixed == {"model.moment": 4.0, "search.seed": 2.0}
    assert {point.column.settings["search.seed"] for point in found.points} == {2}
    assert [c.at for c in crossings(found.rows[0])] == [pytest.approx(0.75)]


def test_what_is_no_number_of_the_model_can_be_an_axis_without_crossings():
    found = cut(scan(seeds=(1, 2, 3)))
    assert found.names == ("search.seed",)
    assert [point.x for point in found.points] == [1, 2, 3]
    assert found.rows == []


@pytest.mark.parametrize(
    ("x", "at", "told"),
    [
        ("model.field", [], "has no axis 'model.field'; its axes are field, model.moment"),
        ("temperature", [], "has no axis 'temperature'"),
        ("field", ["field=1"], "field is an axis of the figure"),
        ("field", ["model.moment=much"], "'much': expected a number"),
        ("field", ["model.moment"], "expected NAME=VALUE"),
        (None, ["field=1", "model.moment=2"], "nothing to draw"),
    ],
)
def test_axes_that_are_not_there_are_refused(x, at, told):
    with pytest.raises(InputError, match=told):
        cut(scan(fields=FIELDS, moments=MOMENTS), x, at=at)


def test_a_scan_without_two_points_is_refused():
    empty = scan(fields=FIELDS)
    for record in (scan(), replace(empty, columns=tuple(replace(c, minima=None) for c in empty.columns))):
        with pytest.raises(InputError, match="fewer than two points"):
            cut(record)


def test_colours_over_temperatures_change_at_the_crossing_of_zero_temperature():
    """At B = 3 / m = 1.5, not in the middle between the columns; at high temperature the nearest point is the phase."""
    found = cut(heated(scan(fields=(0.0, 1.0, 4.0))), "field", "temperature")
    image, labels, (low, high) = phase_diagram.phase_map(found.points, 200, found.at_zero)
    across = np.linspace(low[0], high[0], 200)
    cold = np.array(labels)[image[0]]
    assert set(cold[(across > 1) & (across < 1.48)]) == {"antiferromagnet"}
    assert set(cold[across > 1.52]) == {"ferromagnet"}


def test_diagram_has_the_colour_of_the_lowest_phase_everywhere():
    """Not only at the points: the boundary is B = 3 / m, where energies cross."""
    from matplotlib.colors import to_hex
    from matplotlib.figure import Figure

    points = cut(
        scan(fields=tuple(np.linspace(0, 3, 13)), moments=tuple(np.linspace(1, 4, 13))), "field", "model.moment"
    )
    axes = Figure().add_subplot()
    labels = phase_diagram.regions(axes, points.points)
    (image,) = axes.get_images()
    left, right, low, high = image.get_extent()
    colours = image.to_rgba(image.get_array())
    for field, moment in [(0.2, 3.9), (2.8, 1.15), (1.4, 2.0), (1.6, 2.0), (0.95, 3.0), (1.05, 3.0), (2.9, 3.7)]:
        row = int((moment - low) / (high - low) * phase_diagram.MESH)
        pixel = to_hex(colours[row, int((field - left) / (right - left) * phase_diagram.MESH)])
        expected = "ferromagnet" if moment * field > 3 else "antiferromagnet"
        assert pixel == phase_diagram.colour(expected, labels)


@pytest.mark.parametrize(("axes", "x", "y"), [({"moments": MOMENTS}, "field", "model.moment"), ({}, "field", None)])
def test_phases_writes_a_picture_and_says_where_they_cross(axes, x, y, tmp_path, capsys):
    path, out = tmp_path / "scan.h5", tmp_path / "phases.png"
    write_scan(path, scan(fields=FIELDS, **axes))
    phases(path, out, x, y)
    said = capsys.readouterr().out
    assert "antiferromagnet -> ferromagnet at field = 1.5 T (from 1.5 to 1.5)" in said
    assert out.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="unsupported image format"):
        phases(path, tmp_path / "phases.txt", x, y)
