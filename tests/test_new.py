"""Example inputs that ``magsearch new`` writes: the lattice that they name, and nothing overwritten."""

from __future__ import annotations

import numpy as np
import pytest
from command import printed, refused

import magsearch as ms
from magsearch.formats.toml.example import COUPLINGS, example
from magsearch.model.bonds import dmi_vector
from magsearch.model.lattice import NAMED, Lattice
from magsearch.symmetry.space_group import operations


def model(tmp_path, *how, **which):
    path = tmp_path / "model.toml"
    path.write_text(example(*how, **which))
    return ms.read(path)


@pytest.mark.parametrize("couplings", COUPLINGS)
@pytest.mark.parametrize("lattice", NAMED)
def test_couplings_are_those_of_the_nearest_neighbours_of_the_lattice(lattice, couplings, tmp_path):
    found = model(tmp_path, lattice, couplings, True)
    named = Lattice.named(lattice, found.lattice.size, 3.0)
    assert np.allclose(found.lattice.cell, named.cell, atol=1e-8)
    assert np.allclose(found.lattice.basis, named.basis, atol=1e-8)
    assert found.lattice.periodic == named.periodic
    (shell,) = named.shells(1)
    ends = {(i, j, *n) for i, j, n in zip(shell.i, shell.j, shell.offset.tolist(), strict=True)}
    bonds = found.bonds
    assert {(i, j, *n) for i, j, n in zip(bonds.i, bonds.j, bonds.offset.tolist(), strict=True)} == ends
    r = found.lattice.basis[bonds.j] - found.lattice.basis[bonds.i] + bonds.offset @ found.lattice.cell
    assert np.allclose(np.cross(dmi_vector(bonds.J), r), 0, atol=1e-6), "D is along the bond"
    assert not found.remarks


@pytest.mark.parametrize("lattice", ["triangular", "honeycomb"])
def test_tensors_have_the_symmetry_of_the_lattice(lattice, tmp_path):
    """Six rotations about the axis, or three where the sublattices have different moments and anisotropies."""
    tensors = model(tmp_path, lattice, "tensors")
    shells = model(tmp_path, lattice, "shells", True)
    assert len(operations(tensors)) == len(operations(shells)) > 2


def test_sublattices_have_species_and_moments_of_their_own(tmp_path):
    found = model(tmp_path, "kagome", sublattices=True)
    assert found.lattice.species == ("A", "B", "C")
    assert np.allclose(found.moments, [3.0, 2.5, 2.0])
    assert np.allclose(found.quadratic[1:], 0)
    assert found.quadratic[0, 2, 2] == pytest.approx(0.05)


def test_the_file_runs_as_it_is_and_is_never_overwritten(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "wrote model.toml" in printed(capsys, "new")
    small = ("--set", "model.size=[7,7,1]", "--set", "search.generations=2", "--set", "search.replicas=8")
    said = printed(capsys, "run", "model.toml", *small)
    assert "magsearch plot model.h5 -o model.png" in said
    before = (tmp_path / "model.toml").read_bytes()
    assert "exists" in refused(capsys, "new", "--lattice", "square")
    assert (tmp_path / "model.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--lattice", "honeycom"), "did you mean 'honeycomb'?"),
        (("--couplings", "tensor"), "did you mean 'tensors'?"),
        (("model.h5",), "ends in .toml"),
    ],
)
def test_a_wrong_choice_is_answered_with_the_right_one(arguments, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert words in refused(capsys, "new", *arguments)
    assert not list(tmp_path.iterdir())
