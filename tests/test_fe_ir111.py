"""Fe/Ir(111), whose ground state four-spin exchange decides: inputs/fe-ir111.toml."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.formats import read
from magsearch.model.sphere import unit
from magsearch.observables.topological_charge import topological_charge
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.relax import relax
from magsearch.search.supercells.race import Race
from magsearch.search.supercells.supercell import Supercell

MODEL = read(Path(__file__).parents[1] / "inputs" / "fe-ir111.toml")
# the numbers of the paper, meV: every ordered pair counts, J1 ... J8
J, NEIGHBOURS = (5.7, -0.84, -1.45, -0.06, 0.20, 0.20, -0.20, 0.50), (6, 6, 6, 12, 6, 6, 12, 6)
B, K, A = -0.2, -1.05, 0.8


def test_the_ferromagnet_has_the_energy_of_the_papers_sums():
    """Three rhombi a site, and each of them counts four times."""
    model = MODEL.with_size((3, 3, 1))
    up = np.tile([0.0, 0.0, 1.0], (9, 1))
    pairs = sum(n * value for n, value in zip(NEIGHBOURS, J, strict=True))
    expected = -pairs - 6 * B - A - 4 * 3 * K
    assert oracle.energy(model, up) / 9 == pytest.approx(expected)
    assert Evaluator(model, Cpu(), np.float64).energies(up[None])[0] / 9 == pytest.approx(expected)


def test_the_nanoskyrmion_lattice_of_15_atoms():
    """-19.73059 meV per atom, found by a search in NumPy that shares no code; one charge in the cell."""
    cell = Supercell(MODEL, [[-1, -4, 0], [4, 1, 0], [0, 0, 1]])
    random = unit(np.random.default_rng(1).normal(size=(32, 15, 3)))
    relaxed = relax(BarzilaiBorwein(), Evaluator(cell.hamiltonian, Cpu(), np.float64), random)
    best = relaxed.textures[relaxed.energy.argmin()]
    assert relaxed.energy.min() / 15 == pytest.approx(-19.73059, abs=1e-5)
    assert oracle.energy(cell.hamiltonian, best) / 15 == pytest.approx(-19.73059, abs=1e-5)
    several = cell.tiled((4, 4, 1))
    charge = topological_charge(several.hamiltonian.lattice, cell.repeated(best, several))
    assert abs(charge) == pytest.approx(16)


@pytest.mark.slow
def test_a_race_finds_a_lower_lattice_of_skyrmions():
    best = Race(MODEL, Cpu(), sites=60).run()
    assert best.energy < -19.8817
