"""Fe/Ir(111), whose ground state four-spin exchange decides: inputs/fe-ir111.toml."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest
from models import exchange, shell_bonds

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.formats import read
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
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


# angle from the axis and energy in eV per site of Matjes (github.com/bertdupe/Matjes, 13be96e,
# tests/serial/4-spin/1-atpercell-16sites/resultats.dat): M_4spin -1.0d-3, magnetic_J 1.0d-7, four sublattices
MATJES = (
    (0.0, 0.0119994),
    (0.08267349088394192, 0.011755025001),
    (0.5787144361875934, 0.00337796715487),
    (0.9094083997233612, -0.00111143598227),
    (1.3227758541430708, -0.000635846243371),
    (1.5707963267948966, 2e-07),
)


def test_energies_that_matjes_printed():
    """K of M_4spin is 4 K of a rhombus in the ring form, J of magnetic_J is 2 J of a pair."""
    (four,) = (term for term in MODEL.others if term.name == "four_spin")
    lattice = Lattice.named("triangular", (4, 4, 1))
    ring = replace(four, constants=4 * -1.0 * four.constants / four.constants[:, :1])
    model = Hamiltonian(lattice, shell_bonds(lattice, exchange(2 * 1e-4)), others=(ring,))
    column = np.add(*np.meshgrid(range(4), range(4))).ravel() % 4
    for angle, energy in MATJES:
        turn = np.radians([30, 120, 300, 210])
        spins = np.stack([np.sin(angle) * np.cos(turn), np.sin(angle) * np.sin(turn), np.full(4, np.cos(angle))], 1)
        found = Evaluator(model, Cpu(), np.float64).energies(spins[column][None])[0] / 16
        assert found / 1e3 == pytest.approx(energy, abs=1e-14)


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
