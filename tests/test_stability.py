"""Minima, saddles and zero modes: where symmetry says which is which, and what a search makes of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose
from oracle import energy, random_textures
from polishing import LINE, judged, polished

from magsearch.console import run
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.minima import modes, stability
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.operators.crystal import Crystal
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax
from magsearch.search.candidate import measured
from magsearch.search.island import GeneticTunneling, Island
from magsearch.search.polishing import polish
from magsearch.units import MU_B

EASY = Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0)), anisotropy=(UniaxialAnisotropy(0.3),))
UP, ACROSS = np.tile([0.0, 0, 1], (6, 1)), np.tile([1.0, 0, 0], (6, 1))


@pytest.mark.parametrize(
    ("model", "texture", "kind", "zero_modes"),
    [
        (EASY, UP, "minimum", 0),
        (EASY, ACROSS, "saddle", 1),  # down along the axis, and about it nothing changes
        (replace(EASY, field=(0, 0, 5.0)), -UP, "minimum", 0),  # metastable: 2 K > mu_B B
        (replace(EASY, field=(0, 0, 50.0)), -UP, "saddle", 0),
        (replace(EASY, anisotropy=(UniaxialAnisotropy(-0.3),)), ACROSS, "zero modes", 1),
        (replace(EASY, anisotropy=(UniaxialAnisotropy(-0.3),)), UP, "saddle", 0),
        (replace(EASY, anisotropy=()), UP, "zero modes", 2),
    ],
    ids=["easy axis", "across it", "metastable", "against the field", "easy plane", "out of it", "isotropic"],
)
def test_what_a_ferromagnet_is(model, texture, kind, zero_modes, device):
    found = judged(model, texture, device)
    assert (found.kind, found.zero_modes) == (kind, zero_modes)
    assert list(found.modes) == sorted(found.modes)


def test_a_mode_without_energy_that_is_no_rotation_counts_too(device):
    """Two pairs that do not feel each other turn separately."""
    pairs = Bonds.pairs([0, 2], [1, 3], exchange_matrix([1.0, 1.0]))
    model = Hamiltonian(Lattice.cluster([[k, 0.0, 0] for k in range(4)]), Bonds.none(), site_bonds=pairs)
    found = judged(model, np.array([[0.0, 0, 1], [0, 0, 1], [1, 0, 0], [1, 0, 0]]), device)
    assert (found.kind, found.zero_modes) == ("zero modes", 4)
    assert_allclose(found.modes[:2], [0, 2], atol=1e-12)  # the other three are global rotations


def test_a_mode_that_was_not_found_is_not_called_a_minimum():
    """The iteration is stopped before it has begun."""
    model = MODELS["prime_box"]
    evaluator = Evaluator(model, Cpu(), np.float64)
    s = relax(LBFGS(Convergence(torque=1e-8, variance=None)), evaluator, random_textures(model, 1)).textures
    for steps, kind in ((0, "unresolved"), (500, "minimum")):
        assert stability._judged(modes.softest(evaluator, s, 2, steps=steps), 0, 1e-7).kind == kind


def test_a_push_stays_on_the_spheres_and_leads_down_both_ways(device):
    evaluator = Evaluator(EASY, device, np.float64)
    found, lowest = stability.stability(evaluator, ACROSS, 2)
    assert found[0].kind == "saddle"
    assert np.linalg.norm(lowest[0], axis=1).max() == pytest.approx(1.0)
    off = np.array(stability.pushed(ACROSS, lowest[0]))
    assert_allclose(np.linalg.norm(off, axis=2), 1, rtol=1e-14)
    expected = energy(EASY, ACROSS[None])[0] - 6 * 0.3 * np.sin(stability.PUSH) ** 2
    assert_allclose(energy(EASY, off), expected, rtol=1e-12)
    assert_allclose(off[0][:, 2], -off[1][:, 2], atol=1e-14)


# -- a search ----------------------------------------------------------------------------------------------------------


def test_a_saddle_is_pushed_off_and_falls():
    (found,) = polished(EASY, ACROSS)
    assert found.stability.kind == "minimum"
    assert found.energy == pytest.approx(float(energy(EASY, UP[None])[0]), rel=1e-12)
    assert_allclose(np.abs(found.spins @ [0, 0, 1.0]), 1, atol=1e-8)
    assert found.torque < 1e-8 * Evaluator(EASY, Cpu(), np.float64).stiffness


def test_both_ways_off_a_saddle_are_kept():
    """Across a field that is too weak to turn it, one way leads to the minimum and one to the metastable state."""
    tilted = replace(EASY, field=(0, 0, 3.0))
    evaluator = Evaluator(tilted, Cpu(), np.float64)
    cosine = -MU_B * 3 / (2 * 0.3)  # m B = - 2 K cos: highest there
    top = np.tile([np.sqrt(1 - cosine**2), 0, cosine], (6, 1))
    assert np.linalg.norm(np.cross(top, evaluator.field(top)), axis=1).max() < 1e-12
    found = polished(tilted, top)
    assert [round(float(c.spins[0, 2])) for c in found] == [1, -1]
    assert [c.stability.kind for c in found] == ["minimum", "minimum"]


def test_without_modes_a_saddle_stays():
    (found,) = polished(EASY, ACROSS, modes=0)
    assert found.stability is None
    assert found.energy == pytest.approx(float(energy(EASY, ACROSS[None])[0]))


def test_a_minimum_is_left_as_it_is():
    known, unknown = polished(EASY, UP), polished(EASY, UP, modes=0)
    assert (known[0].spins == unknown[0].spins).all()


@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_search_reports_is_no_saddle(seed):
    """Beyond the whole matrix: recursions of all elites in lockstep. A helix's slide is a zero mode of all."""
    lattice = Lattice.named("square", (12, 12, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5)), 1.0, field=(0, 0, 0.3))
    island = Island(Crystal(model, Cpu()), Evaluator(model, Cpu()), GeneticTunneling(replicas=16, elites=4, seed=seed))
    island.breed()
    found = polish(island)
    assert found
    precise = Evaluator(model, Cpu(), np.float64)
    for candidate in found:
        assert candidate.stability.kind in ("minimum", "zero modes")
        assert judged(model, candidate.spins).kind == candidate.stability.kind
        s = candidate.spins + 1e-3 * random_textures(model, 8)
        near = relax(LBFGS(Convergence(variance=None)), precise, s / np.linalg.norm(s, axis=2, keepdims=True))
        assert (near.energy > candidate.energy - 1e-6).all()


def test_stability_is_reported():
    """In numbers for programs, in a word for readers."""
    elites = [
        measured(Evaluator(EASY, Cpu(), np.float64), found)[0]
        for found in (polished(EASY, ACROSS), polished(EASY, ACROSS, modes=0))
    ]
    assert [run.stable(elite) for elite in elites] == ["minimum", ""]
    assert_allclose(
        elites[0].stability.modes, [0.6, 0.6, 1.6, 1.6], rtol=1e-6
    )  # 2 K, and J (2 - 2 cos 60 degrees) more
    slides = replace(elites[0], stability=stability.Stability("zero modes", (1e-12, 2e-12), 2))
    assert run.stable(slides) == "2 zero modes"
