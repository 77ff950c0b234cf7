"""Minima that figures cannot tell apart, minima that end anywhere along a valley, and how many there are."""

from dataclasses import replace

import numpy as np
import pytest
from models import bloch, exchange, shell_bonds
from polishing import LINE, judged, polished
from symmetric import EASY, UP, spiral, square

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.minima.degeneracy import Degeneracy, Minima, moved
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.fingerprint import fingerprint, same
from magsearch.operators.crystal import Crystal
from magsearch.search.island import GeneticTunneling, Island
from magsearch.search.polishing import polish

HARD = UniaxialAnisotropy(5.0)  # against couplings of 0.1: every pattern of up and down is a minimum


def minima(model: Hamiltonian) -> Minima:
    evaluator = Evaluator(model, Cpu(), np.float64)
    return Minima(evaluator, 1e-6 * evaluator.stiffness)


def ring(*ups: int) -> np.ndarray:
    """Eight spins, of which some are up."""
    texture = np.tile([0, 0, -1.0], (8, 1))
    texture[list(ups), 2] = 1.0
    return texture


# -- figures and spins -------------------------------------------------------------------------------------------------


def test_patterns_with_all_distances_in_common_are_two():
    """Homometric: the same energy for any exchange, the same Fourier weights (Patterson, Phys. Rev. 65, 195 (1944)).

    These two are each other's complement, which only a field tells from a copy.
    """
    lattice = Lattice.named("chain", (8, 1, 1))
    free = Hamiltonian(lattice, shell_bonds(lattice, exchange(0.1), exchange(-0.05)), anisotropy=(HARD,))
    model, pair = replace(free, field=UP), np.stack([ring(0, 1, 2, 5), ring(0, 1, 3, 4)])
    energy = Evaluator(model, Cpu(), np.float64).energies(pair)
    assert energy[0] == pytest.approx(energy[1], rel=1e-14)
    one, other = (fingerprint(lattice, s, e) for s, e in zip(pair, energy, strict=True))
    assert same(one, other)
    assert not minima(model).one(pair[0], one, pair[1], other)
    assert minima(free).one(pair[0], one, pair[1], other)
    both = [*polished(model, pair[0]), *polished(model, pair[1])]
    assert [found.stability.kind for found in both] == ["minimum", "minimum"]
    assert [found.degeneracy.copies for found in both] == [8, 8]  # each its own mirror image


@pytest.mark.parametrize(
    "model",
    [
        square(size=(6, 6, 1), anisotropy=(EASY,)),
        square(exchange(-1.0), exchange(-0.5), size=(6, 6, 1)),
        square(bloch(1.0, 0.6), size=(12, 12, 1), field=(0, 0, 1.0)),
    ],
    ids=["easy axis", "frustrated", "chiral"],
)
def test_figures_agree_wherever_spins_do(model):
    """What is the same spin by spin has the same figures, and so do the copies of it; seldom the other way round."""
    island = Island(Crystal(model, Cpu()), Evaluator(model, Cpu()), GeneticTunneling(replicas=24, elites=6, seed=3))
    island.breed()
    found, compared = polish(island), minima(model)
    assert len(found) > 1
    random, lattice = np.random.default_rng(1), model.lattice
    for place, one in enumerate(found):
        shift = random.integers(0, lattice.size) * lattice.periodic
        copy = random.choice(island.crystal.operations)(one.spins[lattice.translation(shift)])
        figures = fingerprint(lattice, copy, one.energy)
        assert same(one.fingerprint, figures)
        assert compared.one(copy, figures, one.spins, one.fingerprint)
        for other in found[:place]:
            assert not compared.one(one.spins, one.fingerprint, other.spins, other.fingerprint)


# -- valleys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("cells", [0.25, 1.0, 2.6])
def test_a_spiral_moved_by_part_of_a_cell_is_a_spiral(axis, cells):
    lattice = Lattice.named("cubic", (6, 8, 5))
    k = np.eye(3)[axis] / lattice.size[axis]
    ahead = moved(lattice, spiral(lattice, k), axis, cells)
    phase = 2 * np.pi * (lattice.coordinates[:, axis] - cells) / lattice.size[axis]
    assert np.allclose(ahead, np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1), atol=1e-12)
    assert np.allclose(moved(lattice, ahead, (axis + 1) % 3, cells), ahead, atol=1e-12)


def helix(sites: int = 12) -> tuple[Hamiltonian, np.ndarray]:
    """The best helix of exchange and a DMI along the bonds: D / J = tan q, spins normal to q."""
    lattice = Lattice.named("square", (sites, sites, 1))
    model = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, np.tan(2 * np.pi / sites))))
    first, second = (0, 1.0, 0), (0, 0, 1.0)
    energy = {
        sign: float(
            Evaluator(model, Cpu(), np.float64).energies(spiral(lattice, (sign / sites, 0, 0), first, second))[0]
        )
        for sign in (1, -1)
    }
    return model, spiral(lattice, (min(energy, key=lambda sign: energy[sign]) / sites, 0, 0), first, second)


def test_a_helix_slides_and_may_run_along_x_or_y():
    model, texture = helix()
    known = judged(model, texture)
    assert known.zero_modes > 0
    assert minima(model).degeneracy(texture, known) == Degeneracy(2, True)
    assert minima(model).degeneracy(texture, None) == Degeneracy(2 * 12, False)  # as long as no zero mode is known


def test_helices_at_rest_between_the_sites_are_one():
    model, texture = helix()
    compared, between = minima(model), moved(model.lattice, texture, 0, 0.5)
    energy = compared.evaluator.energies(np.stack([texture, between]))
    figures = [fingerprint(model.lattice, s, e) for s, e in zip((texture, between), energy, strict=True)]
    assert not compared.equivalence.same(texture, between)
    assert compared.one(texture, figures[0], between, figures[1])


def test_a_barrier_keeps_minima_apart():
    """Up and down in a field that is too weak to turn them, and the way across the hard plane."""
    model = replace(square(anisotropy=(EASY,)), field=(0, 0, 0.01))
    tilted = np.tile([np.sin(1.0), 0, np.cos(1.0)], (16, 1))
    up = np.tile([0.0, 0, 1], (16, 1))
    compared = minima(model)
    assert compared.joined(tilted, up)  # downhill
    assert not compared.joined(up, -up)
    over = np.tile([np.sin(2.0), 0, np.cos(2.0)], (16, 1))
    assert not compared.joined(tilted, over)


# -- what a search says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "axis", "expected"),
    [
        (square(anisotropy=(EASY,)), (0, 0, 1.0), Degeneracy(2, False)),
        (square(anisotropy=(EASY,), field=UP), (0, 0, 1.0), Degeneracy(1, False)),
        (square(), (0, 0, 1.0), Degeneracy(1, True)),
        (square(anisotropy=(UniaxialAnisotropy(-0.5),)), (1.0, 0, 0), Degeneracy(1, True)),
    ],
    ids=["easy axis", "in a field", "isotropic", "easy plane"],
)
def test_ferromagnets_are_counted_by_a_search(model, axis, expected):
    (found,) = polished(model, np.tile(axis, (16, 1)))
    assert found.degeneracy == expected


def test_without_modes_there_is_a_degeneracy_all_the_same():
    (found,) = polished(Hamiltonian(LINE, shell_bonds(LINE, exchange(1.0))), np.tile([0, 0, 1.0], (6, 1)), modes=0)
    assert (found.stability, found.degeneracy) == (None, Degeneracy(1, True))
