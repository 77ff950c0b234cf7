"""Textures of large boxes that are copies of those of small supercells, exact where the box is a multiple of them."""

from __future__ import annotations

import numpy as np
import pytest
from models import bloch, exchange, shell_bonds
from processes import done

import magsearch as ms
from magsearch import storage
from magsearch.model.lattice import Lattice
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.ranking import dilated, soft_modes
from magsearch.search.supercells.supercell import Supercell
from magsearch.search.supercells.tiling import tilings


def square(size, **settings) -> ms.Hamiltonian:
    """J = 1 and D = tan(2 pi / 8): spirals of period 8."""
    lattice = Lattice.named("square", size)
    return ms.Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 1.0)), **settings)


def per_site(hamiltonian: ms.Hamiltonian, textures: np.ndarray) -> np.ndarray:
    evaluator = ms.Evaluator(hamiltonian, ms.choose("cpu"), np.float64)
    return np.asarray(evaluator.energies(textures.astype(np.float64))) / hamiltonian.lattice.sites


def random_texture(sites: int) -> np.ndarray:
    s = np.random.default_rng(3).normal(size=(sites, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def honeycomb(size) -> ms.Hamiltonian:
    lattice = Lattice.named("honeycomb", size)
    return ms.Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(-0.4)), (1.0, 2.0), field=(1, 2, 3))


@pytest.mark.parametrize(
    ("box", "H"),
    [
        (square((12, 18, 1)), [[6, 0, 0], [3, 3, 0], [0, 0, 1]]),
        (square((10, 10, 1)), [[3, 1, 0], [-1, 3, 0], [0, 0, 1]]),
        (honeycomb((6, 8, 1)), [[3, 0, 0], [0, 2, 0], [0, 0, 1]]),
    ],
)
def test_any_texture_is_repeated_where_the_box_is_a_multiple_of_its_supercell(box, H):
    """The first tiling, of least strain, has the energy of the supercell, whatever its spins are."""
    supercell = Supercell(box, np.array(H))
    texture = random_texture(supercell.sites)
    energy = per_site(supercell.hamiltonian, texture[None])[0]
    first = tilings(box, Best(supercell, texture, energy), 1)[0]
    assert first.copies == box.lattice.sites // supercell.sites
    assert per_site(box, first.texture[None])[0] == pytest.approx(energy, abs=1e-5)


def test_a_spiral_is_stretched_to_the_waves_of_the_box():
    """Period 8 in 20 x 20: the best tilings hold 2 or 3 turns or lie along a diagonal; each is one whole wave."""
    box = square((20, 20, 1))
    supercell = Supercell(box, np.diag([8, 1, 1]))
    angle = 2 * np.pi * np.arange(8) / 8
    texture = np.stack([np.zeros(8), np.cos(angle), np.sin(angle)], axis=1)
    for one in tilings(box, Best(supercell, texture, 0.0), 8):
        power = (np.abs(np.fft.fft2(one.texture.reshape(20, 20, 3), axes=(0, 1))) ** 2).sum(axis=-1)
        strongest = np.sort(power.ravel())[::-1]
        assert strongest[:2].sum() == pytest.approx(power.sum(), rel=1e-6)


def test_supercells_for_dilated_waves_are_as_wide_as_these():
    box = square((4, 4, 1))
    modes = soft_modes(box)
    for dilation in (1.0, 1.25, 1.5):
        wide = dilated(box, 1000, modes, dilation)
        assert wide.sites == pytest.approx(dilation**2 / abs(np.linalg.det(modes.h[:2, :2])), rel=0.15)
    assert dilated(box, 40, modes, 1.0) is None


MODEL = """\
[model]
lattice = "triangular"
size = [12, 9, 1]

[[model.exchange]]
J = -1.0

[search]
tilings = true
sites = 12
generations = 1
replicas = 8
bound = false
operators = {HeatPatch = 1.0}
seeds = {RandomSpins = 1.0}
"""


def test_a_run_begins_with_copies_of_the_best_small_supercell_and_resumes(tmp_path):
    """Half of the first generation: the three sublattices of the triangular antiferromagnet."""
    model, out = tmp_path / "model.toml", tmp_path / "run.h5"
    model.write_text(MODEL)
    line = next(line for line in done("run", model, "-o", out).splitlines() if line.startswith("tilings"))
    assert " 36 " in line
    assert "tilings" not in done("run", "--resume", out, "--set", "search.generations=2")
    found = storage.read(out)
    assert found.elites[0].energy / found.hamiltonian.n_spins == pytest.approx(-1.5, abs=1e-9)
    first, given = found.history.rows[0], found.history.operators.index("Given")
    assert first["offspring"][0, given] == 4
    assert first["best"][0] == pytest.approx(-1.5, abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--set", "model.periodic=[false,false,false]"), "search.tilings: no axis is periodic"),
        (("run", "--set", "search.cells=auto"), "search.tilings"),
        (("scan", "--set", "scan.field=[0,1]"), "search.tilings"),
    ],
)
def test_tilings_that_cannot_be_are_refused(tmp_path, arguments, told):
    model = tmp_path / "model.toml"
    model.write_text(MODEL)
    said = done(arguments[0], model, "-o", tmp_path / "out.h5", *arguments[1:], code=2)
    assert told in said
    assert "Traceback" not in said
