"""Textures in three dimensions: the grid holds what is stored, and pictures are rendered without a display."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import printed, refused
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from records import stored

from magsearch import storage
from magsearch.model.lattice import Lattice
from magsearch.model.triangulation import inside
from magsearch.observables.topological_charge import charge_density

pyvista = pytest.importorskip("pyvista", reason="no pyvista: pip install 'magsearch[view]'")

from magsearch.plots import three_d  # noqa: E402


@pytest.mark.parametrize("name", ["cubic_easy_axes", "left_handed", "fcc_every_anisotropy"])
def test_hexahedra_are_the_cells_inside_of_the_box(name):
    lattice = MODELS[name].lattice
    corners = lattice.positions[three_d.hexahedra(lattice)]  # [hexahedron, 8, 3]
    assert len(corners) == lattice.atoms * np.prod(np.array(lattice.size) - 1)
    steps = corners - corners[:, :1]
    assert_allclose(steps, np.broadcast_to(three_d.CORNERS @ lattice.cell, steps.shape), atol=1e-9)


@pytest.mark.parametrize("name", ["cubic_easy_axes", "honeycomb_dmi", "open_chain"])
def test_a_vtu_holds_positions_spins_and_charges(name, tmp_path, capsys):
    record, path = stored(MODELS[name]), tmp_path / "run.h5"
    lattice = record.hamiltonian.lattice
    record = replace(
        record, elites=tuple(replace(e, energy_density=np.arange(float(lattice.sites))) for e in record.elites)
    )
    storage.write(path, record)
    printed(capsys, "view", path, "--elite", 1, "-o", tmp_path / "a.vtu")
    found = pyvista.read(tmp_path / "a.vtu")
    assert_array_equal(found.points, lattice.positions)
    assert_array_equal(found.point_data["spin"], record.elites[1].spins)
    assert_array_equal(found.point_data["energy (meV)"], np.arange(lattice.sites))
    if "charge" in found.cell_data:
        expected = charge_density(lattice, record.elites[1].spins)[inside(lattice)]
        assert_array_equal(found.cell_data["charge"], expected)
    assert ("charge" in found.cell_data) == (name == "honeycomb_dmi")


def test_an_isosurface_lies_where_the_spins_lie_in_the_plane():
    """Spins that turn about x from up at z = 0 to down at z = 8: m_z = 0 at z = 4."""
    lattice = Lattice.named("cubic", (4, 4, 9))
    polar = np.pi * lattice.positions[:, 2] / 8
    elite = stored(MODELS["square_bloch"]).elites[0]
    elite = replace(elite, spins=np.stack([0 * polar, np.sin(polar), np.cos(polar)], axis=1))
    made = three_d.grid(lattice, elite)
    made.point_data["m_z"] = elite.spins[:, 2]
    surface = made.contour([0.0], scalars="m_z")
    assert surface.n_points
    assert_allclose(surface.points[:, 2], 4, atol=1e-6)


def test_large_textures_are_drawn_by_every_other_cell():
    lattice = Lattice.named("square", (200, 150, 1))
    sites, every = three_d.thinned(lattice)
    assert len(sites) <= three_d.ARROWS
    assert (lattice.coordinates[sites] % every == 0).all()


@pytest.mark.parametrize(
    "surfaces", [(), pytest.param(("--isosurface", 0.0, "--isosurface", 0.5), marks=pytest.mark.slow)]
)
def test_a_picture_is_rendered_without_a_display(surfaces, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    path: Path = tmp_path / "run.h5"
    storage.write(path, stored(MODELS["prime_box"]))
    printed(capsys, "view", path, "-o", tmp_path / "a.png", *surfaces)
    image = pyvista.read(tmp_path / "a.png").point_data.active_scalars
    assert len(np.unique(image, axis=0)) > 100


def test_what_cannot_be_viewed_is_told_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    path = tmp_path / "run.h5"
    storage.write(path, stored(MODELS["square_bloch"]))
    assert "expected .png or .vtu" in refused(capsys, "view", path, "-o", tmp_path / "a.gif")
    surface = refused(capsys, "view", path, "-o", tmp_path / "a.png", "--isosurface", 0.0)
    assert "more than one cell along each axis" in surface
    assert "cannot be written" in refused(capsys, "view", path, "-o", tmp_path / "none" / "a.vtu")
    assert "elites 0 to" in refused(capsys, "view", path, "-o", tmp_path / "a.png", "--elite", 9)
    monkeypatch.setattr("sys.platform", "linux")
    assert "no display" in refused(capsys, "view", path)
