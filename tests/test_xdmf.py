"""What viewers see of a run: the .xdmf beside it, read by the reader that ParaView calls "XDMF Reader"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import h5py
import numpy as np
import pytest
from models import MODELS
from numpy.testing import assert_allclose, assert_array_equal
from records import stored
from scans import FIELDS, grown, heated, scan
from viewers import array, points, read

from magsearch import storage
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.energy_density import energy_density
from magsearch.observables.topological_charge import charge_density, topological_charge
from magsearch.phases.column import Minimum
from magsearch.storage import Record

pytest.importorskip("vtkmodules.vtkIOXdmf2", reason="no VTK to read with: pip install vtk")


def record(hamiltonian: Hamiltonian, elites: int = 3, real: Any = np.float64) -> Record:
    made = stored(hamiltonian, elites)
    evaluator = Evaluator(hamiltonian, Cpu(), np.float64)
    return replace(
        made,
        elites=tuple(
            replace(e, spins=e.spins.astype(real), energy_density=energy_density(evaluator, e.spins))
            for e in made.elites
        ),
    )


@pytest.mark.parametrize("real", [np.float32, np.float64])
@pytest.mark.parametrize("elite", [0, 2])
@pytest.mark.parametrize(
    "name", ["square_bloch", "kagome_tensor", "honeycomb_dmi", "disordered", "open_chain", "one_cell"]
)
@pytest.mark.spread(2)
def test_vtk_sees_positions_spins_and_densities_of_every_elite(name, elite, real, tmp_path):
    hamiltonian, path = MODELS[name], tmp_path / "run.h5"
    written = record(hamiltonian, real=real)
    storage.write(path, written)
    (grid,) = read(path.with_suffix(".xdmf"), elite)
    shown = written.elites[elite]
    assert_allclose(points(grid), hamiltonian.lattice.positions, rtol=1e-6)
    assert_allclose(array(grid.GetPointData(), "spin"), shown.spins, rtol=1e-6)
    assert_allclose(array(grid.GetPointData(), "energy (meV)"), shown.energy_density, rtol=1e-5, atol=1e-6)
    assert_allclose(array(grid.GetFieldData(), "topological charge"), shown.charge)
    assert_allclose(array(grid.GetFieldData(), "energy per site (meV)"), shown.energy / hamiltonian.n_spins)


def test_triangles_lie_flat_in_the_box_and_carry_their_charge(tmp_path):
    hamiltonian, path = MODELS["honeycomb_dmi"], tmp_path / "run.h5"
    storage.write(path, record(hamiltonian))
    (grid,) = read(path.with_suffix(".xdmf"), 1)
    spins, seen = array(grid.GetPointData(), "spin"), array(grid.GetCellData(), "charge")
    assert grid.GetNumberOfCells() == len(seen) > 0
    reach = 1.2 * hamiltonian.lattice.shells(2)[-1].distance
    for k in range(grid.GetNumberOfCells()):
        corner = [grid.GetCell(k).GetPointId(c) for c in range(3)]
        a, b, c = points(grid)[corner]
        assert max(np.linalg.norm(a - b), np.linalg.norm(b - c), np.linalg.norm(c - a)) < reach
        assert np.cross(b - a, c - a)[2] > 0
        s, t, u = spins[corner]
        solid = 2 * np.arctan2(s @ np.cross(t, u), 1 + s @ t + t @ u + u @ s)
        assert seen[k] == pytest.approx(solid / (4 * np.pi), abs=1e-6)


@pytest.mark.parametrize("name", ["cubic_easy_axes", "left_handed", "fcc_every_anisotropy"])
def test_a_crystal_is_a_structured_grid_for_each_atom_and_triangles_for_its_layers(name, tmp_path):
    hamiltonian, path = MODELS[name], tmp_path / "run.h5"
    lattice, written = hamiltonian.lattice, record(hamiltonian)
    storage.write(path, written)
    *atoms, layers = read(path.with_suffix(".xdmf"), 1)
    assert len(atoms) == lattice.atoms
    for atom, grid in enumerate(atoms):
        assert grid.GetClassName() == "vtkStructuredGrid"
        dimensions = [0, 0, 0]
        grid.GetDimensions(dimensions)
        assert tuple(dimensions) == lattice.size
        assert_allclose(points(grid), lattice.positions[atom :: lattice.atoms], atol=1e-6)
        assert_allclose(array(grid.GetPointData(), "spin"), written.elites[1].spins[atom :: lattice.atoms])
    assert_allclose(array(layers.GetPointData(), "spin"), written.elites[1].spins)
    assert len(array(layers.GetCellData(), "charge")) == layers.GetNumberOfCells()


def test_the_description_is_right_after_every_replacement(tmp_path):
    """Elites come, and turn from single to double precision at the end of a run."""
    path = tmp_path / "run.h5"
    for elites, real in ((1, np.float32), (3, np.float32), (2, np.float64)):
        written = record(MODELS["square_bloch"], elites, real)
        storage.write(path, written)
        for k in range(elites):
            (grid,) = read(path.with_suffix(".xdmf"), k)
            assert_allclose(array(grid.GetPointData(), "spin"), written.elites[k].spins, rtol=1e-6)


def test_the_points_of_a_scan_are_time_steps(tmp_path):
    """Champions, and snapshots of the thermal states."""
    path, made = tmp_path / "scan.h5", heated(grown(scan(fields=FIELDS)))
    storage.write_scan(path, made)
    points = [(c, kelvin, found) for c in made.columns for kelvin, found in c.points()]
    for number, (column, kelvin, found) in enumerate(points):
        (grid,) = read(path.with_suffix(".xdmf"), number)
        texture = found.texture if isinstance(found, Minimum) else found.snapshot
        assert_allclose(array(grid.GetPointData(), "spin"), texture, rtol=1e-6)
        assert_allclose(array(grid.GetFieldData(), "temperature (K)"), kelvin)
        assert_allclose(array(grid.GetFieldData(), "field z (T)"), column.settings["model.field"][2])
        assert_allclose(array(grid.GetFieldData(), "energy per site (meV)"), found.per_site)
        assert grid.GetNumberOfCells() > 0


def test_points_of_a_scan_that_are_missing_or_on_another_lattice_are_left_out(tmp_path):
    made, path = grown(scan(fields=FIELDS)), tmp_path / "scan.h5"
    first, second, third, fourth = made.columns
    moved = replace(third, settings={**third.settings, "model.size": [8, 8, 1]})
    storage.write_scan(path, replace(made, columns=(first, replace(second, minima=None), moved, fourth)))
    text = path.with_suffix(".xdmf").read_text()
    assert [number for number in range(4) if f'"point {number}: ' in text] == [0, 3]


def test_a_run_that_just_began_shows_nothing_yet(tmp_path):
    storage.write(tmp_path / "run.h5", stored(MODELS["square_bloch"], 0, 0, stopped=None))
    assert "<Attribute" not in (tmp_path / "run.xdmf").read_text()


def test_names_that_xml_could_stumble_over(tmp_path):
    path = tmp_path / "a & b <1>.h5"
    storage.write(path, record(MODELS["square_bloch"]))
    (grid,) = read(path.with_suffix(".xdmf"), 0)
    assert len(points(grid)) == 30


@pytest.mark.parametrize("name", ["square_bloch", "honeycomb_dmi", "cubic_easy_axes"])
def test_stored_charges_add_up_to_the_charge(name, tmp_path):
    hamiltonian, path = MODELS[name], tmp_path / "run.h5"
    storage.write(path, record(hamiltonian))
    lattice = hamiltonian.lattice
    with h5py.File(path) as file:
        stored_charge, spins = file["elites/charge_density"][()], file["elites/spins"][()]
    layers = lattice.size[2]
    assert_allclose(stored_charge.sum(axis=1) / layers, topological_charge(lattice, spins), atol=1e-5)
    assert_array_equal(np.sort(stored_charge[0]), np.sort(charge_density(lattice, spins[0]).astype(np.float32)))
