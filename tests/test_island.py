"""One island: its candidates are distinct minima, sorted, and never get worse."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose
from oracle import energy, random_textures

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.fingerprint import fingerprint, fingerprints
from magsearch.operators import BREEDING, RESTARTS, SEEDS
from magsearch.operators.crystal import Crystal
from magsearch.operators.mixtures import weights
from magsearch.operators.mutations import HeatPatch
from magsearch.operators.seeds import CorrelatedSpins, PeriodicSpins, RandomSpins, SoftWaves
from magsearch.operators.skyrmions import PlantSkyrmion
from magsearch.randomness import Consumer, Draws
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.fire import Fire
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.velocity_projection import VelocityProjection
from magsearch.search.candidate import NOWHERE, Candidate
from magsearch.search.generation import State
from magsearch.search.island import (
    DISORDERED,
    EASY,
    FIRST,
    LEFT,
    OFFSPRING,
    REFINEMENT,
    GeneticTunneling,
    Island,
    generations_of_seeds,
)
from magsearch.search.polishing import polish
from magsearch.search.selection import Roulette, Tournament
from magsearch.thermal.simulated_annealing import SimulatedAnnealing

FRUSTRATED = ["kagome_tensor", "left_handed", "disordered", "icosahedron", "single_layer"]  # many minima


def island(hamiltonian: Hamiltonian, **settings: Any) -> Island:
    return Island(
        Crystal(hamiltonian, Cpu()),
        Evaluator(hamiltonian, Cpu()),
        GeneticTunneling(**{"replicas": 16, "elites": 4} | settings),
    )


def candidate(hamiltonian: Hamiltonian, texture: np.ndarray, origin: str = "") -> Candidate:
    e = float(energy(hamiltonian, texture))
    return Candidate(texture, e, 0.0, origin, 0, fingerprint(hamiltonian.lattice, texture, e))


@pytest.mark.parametrize("name", FRUSTRATED)
def test_candidates_are_sorted_distinct_minima_of_their_energies(name):
    hamiltonian = MODELS[name]
    populated = island(hamiltonian)
    for _ in range(3):
        populated.breed()
        energies = np.array([c.energy for c in populated.candidates])
        assert 0 < len(energies) <= 16
        assert (np.diff(energies) >= 0).all()
        assert len(populated.distinct(populated.candidates)) == len(energies)
        textures = np.stack([c.spins for c in populated.candidates]).astype(np.float64)
        assert_allclose(energy(hamiltonian, textures), energies, rtol=1e-5)
        assert_allclose(np.linalg.norm(textures, axis=2), np.tile(hamiltonian.occupied, (len(energies), 1)), atol=1e-6)
        assert all(e in populated.candidates for e in populated.elites)
        assert populated.elites[0] is populated.candidates[0]
        assert len(populated.elites) <= 4


@pytest.mark.parametrize("name", ["kagome_tensor", "left_handed", "square_bloch", "disordered"])
def test_best_energy_never_rises(name):
    populated = island(MODELS[name], replicas=8)
    best = np.array([populated.breed().best for _ in range(8)])
    assert (np.diff(best) <= 2e-7 * np.abs(best[1:])).all()


def test_generation_counts_its_offspring_by_operator():
    populated = island(MODELS["kagome_tensor"], operators=((HeatPatch(), 3.0), (PlantSkyrmion(), 1.0)))
    seeded = generations_of_seeds(16, populated.crystal.lattice.sites)
    for number in range(seeded + 2):
        beside = len(populated.rough[:2]) if number else 0  # two of 16 replicas are rough candidates
        generation = populated.breed()
        assert generation.generation == number
        assert sum(generation.offspring.values()) == 16 - beside
        assert set(generation.offspring) <= (
            ({"SoftWaves", "PeriodicSpins", "CorrelatedSpins"} if number else {"SoftWaves", "RandomSpins"})
            if number < seeded
            else {"HeatPatch", "PlantSkyrmion"}
        )
        assert generation.successes.keys() == generation.offspring.keys()
        assert all(0 <= generation.successes[name] <= count for name, count in generation.offspring.items())
        assert generation.evaluations >= 16
        if number == 0:
            assert sum(generation.successes.values()) >= 1  # all that is kept was made now
        energies = np.array([c.energy for c in populated.candidates]) / populated.crystal.hamiltonian.n_spins
        assert generation.best == energies[0]
        assert generation.mean == pytest.approx(energies.mean())
        assert generation.deviation == pytest.approx(energies.std(), abs=1e-12)


def test_small_models_begin_with_restarts_and_large_ones_breed_after_one_generation():
    assert generations_of_seeds(64, 96 * 96) == generations_of_seeds(64, 1563) == 1
    assert generations_of_seeds(64, 1562) == 2
    assert generations_of_seeds(64, 600) == 3
    assert generations_of_seeds(64, 96) == generations_of_seeds(2, 1) == 4


def test_the_first_generation_is_short_where_replicas_are_relaxed_by_a_minimiser():
    """Not where textures are given, nor where a ladder of temperatures is to be filled."""
    textures = random_textures(MODELS["square_bloch"], 30)
    for replicas, given, expected in ((64, 0, FIRST), (64, 10, 64), (8, 0, 8)):
        populated = island(MODELS["square_bloch"], replicas=replicas)
        populated.state = State(
            candidates=tuple(candidate(MODELS["square_bloch"], s, "given") for s in textures[:given])
        )
        new = populated._offspring(0)
        assert len(new) == expected
        assert [c.origin for c in new].count("given") == given
    assert len(island(MODELS["square_bloch"], replicas=64, minimizer=SimulatedAnnealing())._offspring(0)) == 64
    assert len(island(MODELS["icosahedron"], replicas=64)._offspring(0)) == 64  # few soft waves, many minima


@pytest.mark.parametrize(
    ("name", "minimizer", "expected", "left"),
    [
        ("square_bloch", OFFSPRING, OFFSPRING, EASY),
        ("icosahedron", OFFSPRING, DISORDERED, LEFT),  # random spins, of which none is cut early
        ("icosahedron", Fire(), Fire(), EASY),  # what was chosen remains
    ],
)
def test_the_first_generation_ends_early_where_it_consists_of_waves(name, minimizer, expected, left):
    populated = island(MODELS[name], minimizer=minimizer)
    task = next(populated.breeding())
    assert (task.minimizer, task.schedule.left) == (expected, left)
    populated.breed()
    task = next(populated.breeding())
    assert (task.minimizer, task.schedule.left) == (minimizer, LEFT)


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor"])
def test_offspring_better_than_all_candidates_are_relaxed_tightly_at_once(name):
    """Within the tolerance of rough candidates, ten times 1e-6 of the stiffest coupling per site."""
    populated = island(MODELS[name], replicas=64)
    schedule = next(populated.breeding()).schedule
    assert schedule.tight == REFINEMENT.convergence
    assert (schedule.bounds == np.inf).all()
    populated.breed()
    first = [candidate for candidate in populated.candidates if candidate.refined]
    assert first, "of the first generation, which has no rough candidates"
    assert first[0].energy <= populated.candidates[0].energy + 1e-5 * MODELS[name].stiffness * MODELS[name].n_spins
    schedule = next(populated.breeding()).schedule
    best = min(candidate.energy for candidate in populated.candidates)
    reach = 1e-5 * MODELS[name].stiffness * MODELS[name].n_spins
    assert_allclose(schedule.bounds, best + reach, rtol=1e-12)
    other = island(MODELS[name], replicas=64, minimizer=LBFGS())  # which cannot change to another minimiser
    assert next(other.breeding()).schedule.tight is None


def test_operators_are_drawn_by_their_weights():
    populated = island(
        MODELS["square_bloch"], replicas=400, operators=((RandomSpins(), 1.0), (SoftWaves(), 3.0), (HeatPatch(), 0.0))
    )
    populated.state = State(generations_of_seeds(400, populated.crystal.lattice.sites))
    names = [child.origin for child in populated._offspring(0)]
    assert names.count("SoftWaves") == pytest.approx(300, abs=45)  # five standard deviations
    assert names.count("HeatPatch") == 0


def test_seeds_that_were_chosen_serve_for_all_generations_of_seeds():
    chosen = ((HeatPatch(), 1.0),)
    assert GeneticTunneling().mixtures == (SEEDS, RESTARTS, BREEDING)
    assert GeneticTunneling(seeds=chosen).mixtures == (chosen, chosen, BREEDING)
    assert GeneticTunneling(operators=chosen).mixtures == (SEEDS, RESTARTS, chosen)


def test_soft_waves_are_for_crystals():
    """They and periodic spins lose weight to others with the atoms of the cell, and with couplings outside J(q)."""
    mixture = ((RandomSpins(), 1.0), (SoftWaves(), 3.0))

    def divided(kept):
        return 1.0 + 3.0 * (1 - kept), 3.0 * kept

    crystal = MODELS["square_bloch"]
    assert_allclose(weights(((CorrelatedSpins(), 1.0), (SoftWaves(), 3.0)), crystal), weights(mixture, crystal))
    periodic = tuple((PeriodicSpins() if isinstance(one, SoftWaves) else one, weight) for one, weight in mixture)
    assert_allclose(weights(periodic, crystal), weights(mixture, crystal))
    whole = tuple((one, int(weight)) for one, weight in mixture)
    assert_allclose(weights(whole, crystal), weights(mixture, crystal))
    cells, bonds = crystal.lattice.cells, len(crystal.bonds)
    assert_allclose(weights(mixture, crystal), divided(cells / (cells + 1)))
    molecule = Hamiltonian(
        Lattice.cluster(np.eye(4)[:, :3]), Bonds.none(), site_bonds=Bonds.pairs([0], [1], np.eye(3)[None])
    )
    assert_allclose(weights(mixture, molecule), divided(0))  # 1 / 5 / 3: one cell, four atoms; one pair, both ways
    pair = Hamiltonian(Lattice.cluster(np.eye(2, 3)), Bonds.none())
    assert_allclose(weights(mixture, pair), divided(1 / 3))
    disordered = replace(crystal, site_bonds=Bonds.pairs([0] * 7, [1] * 7, np.tile(np.eye(3), (7, 1, 1))))
    share = (1 + cells * bonds) / (1 + cells * bonds + len(disordered.site_bonds))
    assert_allclose(weights(mixture, disordered), divided(cells / (cells + 1) * share))
    assert_allclose(weights(((SoftWaves(), 3.0), (HeatPatch(), 1.0)), molecule), (3.0 / 5 / 3, 1.0))
    assert_allclose(weights(((SoftWaves(), 3.0), (RandomSpins(), 0.0)), molecule), (3.0 / 5 / 3, 0.0))  # not wanted


@pytest.mark.parametrize(("adaptation", "shares"), [(0.0, (0.5, 0.5)), (0.5, (0.65, 0.35)), (1.0, (0.8, 0.2))])
def test_operators_follow_what_the_kept_candidates_were_made_by(adaptation, shares):
    """Four of five that were bred came from HeatPatch; what the search began with does not count."""
    hamiltonian = MODELS["square_bloch"]
    origins = ["HeatPatch"] * 4 + ["PlantSkyrmion"] + ["SoftWaves"] * 9
    kept = [candidate(hamiltonian, s, o) for s, o in zip(random_textures(hamiltonian, 14), origins, strict=True)]
    first = generations_of_seeds(2000, hamiltonian.lattice.sites)  # generation that is bred
    kept = [replace(c, generation=first * (c.origin != "SoftWaves")) for c in kept]
    mixture = ((HeatPatch(), 1.0), (PlantSkyrmion(), 1.0))
    bred = island(hamiltonian, replicas=2000, operators=mixture, adaptation=adaptation)
    bred.state = State(first + 1, tuple(sorted(kept, key=lambda c: c.energy)))
    made = [c.origin for c in bred._offspring(0)]
    spread = 4 * np.sqrt(0.25 / 2000)
    assert [made.count(o.__class__.__name__) / 2000 for o, _ in mixture] == pytest.approx(shares, abs=spread)


def test_offspring_depend_on_seed_island_generation_and_replica():
    hamiltonian = MODELS["square_bloch"]
    one = island(hamiltonian, seeds=((RandomSpins(), 1.0),))
    texture = one._offspring(0)[5].spins
    assert (texture == one._offspring(0)[5].spins).all(), "a generation can be repeated alone"
    fewer = island(hamiltonian, seeds=((RandomSpins(), 1.0),), replicas=7)
    assert (texture == fewer._offspring(0)[5].spins).all(), "whatever the company"
    others = [
        one._offspring(0)[4].spins,
        replace(one, number=1)._offspring(0)[5].spins,
        island(hamiltonian, seeds=((RandomSpins(), 1.0),), seed=2)._offspring(0)[5].spins,
        replace(one, settings=replace(one.settings, operators=one.settings.seeds), state=State(1))
        ._offspring(0)[5]
        .spins,
    ]
    assert len({t.tobytes() for t in [texture, *others]}) == 5


@pytest.mark.parametrize("settings", [
    {"selection": Roulette()}, {"selection": Roulette(20.0)}, {"selection": Tournament()}, {"minimizer": LBFGS()},
    {"minimizer": Fire()}, {"minimizer": VelocityProjection()},
], ids=str)  # fmt: skip
def test_island_works_with_every_selection_and_minimizer(settings):
    """The triangular antiferromagnet: -3/2 per site."""
    lattice = Lattice.named("triangular", (6, 6, 1))
    populated = island(Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0))), **settings)
    best = [populated.breed().best for _ in range(2)][-1]
    assert best == pytest.approx(-1.5, abs=1e-5)


# -- distinct ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "cubic_easy_axes", "honeycomb_dmi", "left_handed"])
def test_copies_moved_by_symmetries_are_dropped(name):
    hamiltonian = MODELS[name]
    crystal, texture = Crystal(hamiltonian, Cpu()), random_textures(hamiltonian, 1)[0]
    moved = crystal.moved(np.broadcast_to(texture, (1, 10, *texture.shape)), Draws(0, Consumer.OFFSPRING))[0]
    copies = [candidate(hamiltonian, copy) for copy in moved]
    populated = island(hamiltonian)
    populated.merge([candidate(hamiltonian, texture), *copies])
    assert len(populated.candidates) == 1
    populated.merge([candidate(hamiltonian, t) for t in random_textures(hamiltonian, 3, seed=9)])
    assert len(populated.candidates) == 4, "different textures stay"


def test_copies_turned_as_a_whole_are_dropped_where_spins_are_free():
    lattice = Lattice.named("triangular", (6, 6, 1))
    hamiltonian = Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0)))
    texture = random_textures(hamiltonian, 1)[0]
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    populated = island(hamiltonian)
    populated.merge([candidate(hamiltonian, texture), candidate(hamiltonian, texture @ turn.T)])
    assert len(populated.candidates) == 1


def degenerate() -> tuple[Hamiltonian, np.ndarray, np.ndarray, np.ndarray]:
    """The J1-J2 square antiferromagnet at J2 = J1 / 2, where Neel and the two stripe states have the same energy."""
    lattice = Lattice.named("square", (4, 4, 1))
    hamiltonian = Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0), exchange(-0.5)))
    x, y, _ = lattice.coordinates.T
    neel, stripe, other = ((-1.0) ** phase[:, None] * np.array([0.0, 0.0, 1.0]) for phase in (x + y, x, y))
    assert_allclose(energy(hamiltonian, np.stack([neel, stripe, other])), -16.0)
    return hamiltonian, neel, stripe, other


def test_minima_of_equal_energy_and_different_structure_stay():
    hamiltonian, neel, stripe, other = degenerate()
    both = np.cos(0.5) * neel + np.sin(0.5) * stripe[:, [2, 1, 0]]  # a double-q state, of the same energy again
    populated = island(hamiltonian)
    populated.merge([candidate(hamiltonian, s) for s in (stripe, other, both)])
    assert len(populated.candidates) == 2


def test_degenerate_waves_at_different_wave_vectors_are_two():
    hamiltonian, neel, stripe, _ = degenerate()
    populated = island(hamiltonian)
    populated.merge([candidate(hamiltonian, s) for s in (neel, stripe)])
    assert len(populated.candidates) == 2


def test_skyrmion_and_ferromagnet_are_two():
    lattice = Lattice.named("square", (16, 16, 1))
    hamiltonian = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.6)), field=(0, 0, 4))
    up = np.tile([0.0, 0.0, 1.0], (256, 1))
    draws = Draws(0, Consumer.OFFSPRING)
    planted = PlantSkyrmion()(Crystal(hamiltonian, Cpu()), up[None, None].astype(np.float32), draws)[0]
    populated = island(hamiltonian)
    populated.merge([candidate(hamiltonian, s) for s in (up, planted)])
    assert sorted(round(abs(c.fingerprint.charge)) for c in populated.candidates) == [0, 1]


def test_candidates_without_a_finite_energy_are_not_kept():
    hamiltonian = MODELS["square_bloch"]
    good = candidate(hamiltonian, random_textures(hamiltonian, 1)[0])
    populated = island(hamiltonian)
    populated.merge([replace(good, energy=np.nan), replace(good, energy=np.inf, fingerprint=NOWHERE), good])
    assert [one.energy for one in populated.candidates] == [good.energy]


def test_no_more_candidates_than_replicas_are_kept_and_the_best_are():
    hamiltonian = MODELS["left_handed"]
    populated = island(hamiltonian, replicas=5)
    many = [candidate(hamiltonian, t) for t in random_textures(hamiltonian, 12)]
    populated.merge(many)
    assert [c.energy for c in populated.candidates] == sorted(c.energy for c in many)[:5]


@pytest.mark.parametrize("name", ["left_handed", "kagome_tensor", "square_bloch"])
def test_candidates_that_cannot_be_kept_get_no_fingerprint_and_what_is_kept_is_the_same(name, monkeypatch):
    hamiltonian, rng = MODELS[name], np.random.default_rng(3)
    crystal = Crystal(hamiltonian, Cpu())
    textures = random_textures(hamiltonian, 16).astype(np.float32)
    copies = np.repeat(textures, 5, axis=0)[:, None]
    moved = crystal.moved(copies, Draws(0, Consumer.OFFSPRING, replicas=len(copies)))[:, 0]
    known = [candidate(hamiltonian, texture) for texture in moved[rng.permutation(len(moved))]]
    middle = np.median([one.energy for one in known])
    known = [one.but(refined=bool(k % 3 == 0 and one.energy < middle)) for k, one in enumerate(known)]
    calls = []

    def counted(device, lattice, spins, energies):
        calls.append(len(energies))
        return fingerprints(device, lattice, spins, energies)

    monkeypatch.setattr(sys.modules[Island.__module__], "fingerprints", counted)
    every, few = island(hamiltonian, replicas=8), island(hamiltonian, replicas=8)
    for part in (known[:40], known[40:]):  # the second time, there are candidates to compare with
        every.merge(part)
        assert not calls
        few.merge([one.but(fingerprint=NOWHERE) for one in part])
        assert 8 <= sum(calls) < len(part)
        assert len(few.candidates) == len(every.candidates) == 8
        for one, other in zip(few.candidates, every.candidates, strict=True):
            assert (one.energy, one.refined, one.spins.tolist()) == (other.energy, other.refined, other.spins.tolist())
        calls.clear()


def test_finalists_are_relaxed_closely_and_distinct_and_a_search_goes_on_as_if_nobody_had_asked():
    populated = island(MODELS["prime_box"], replicas=12, elites=5)
    populated.breed()
    before = populated.state
    assert len(populated.elites) < 5 <= len(populated.candidates)
    finalists = populated.finalists()
    assert populated.state is before
    assert len(finalists) > len(populated.elites)
    assert all(one.refined for one in finalists)
    assert populated.distinct(finalists) == finalists
    assert finalists[0].energy <= populated.candidates[0].energy


# -- polish ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["kagome_tensor", "fcc_every_anisotropy", "disordered", "square_bloch"])
def test_polished_elites_are_minima_in_double_precision(name):
    hamiltonian = MODELS[name]
    populated = island(hamiltonian)
    populated.breed()
    polished = polish(populated)
    evaluator = Evaluator(hamiltonian, Cpu(), np.float64)
    assert len(polished) >= 1
    for elite in polished:
        assert elite.spins.dtype == np.float64
        assert elite.torque < 1e-8 * evaluator.stiffness
        field = evaluator.field(elite.spins)
        assert np.linalg.norm(np.cross(elite.spins, field), axis=1).max() < 1.1e-8 * evaluator.stiffness
        assert elite.energy == pytest.approx(float(energy(hamiltonian, elite.spins)), rel=1e-12)
        assert_allclose(np.linalg.norm(elite.spins, axis=1), hamiltonian.occupied, atol=1e-12)
    assert polished[0].energy <= populated.elites[0].energy + 1e-6 * abs(polished[0].energy)


def test_elites_that_gradients_do_not_bring_to_rest_are_brought_there():
    populated = island(MODELS["square_bloch"], polish=BarzilaiBorwein(Convergence(steps=10, variance=None)))
    populated.breed()
    polished = polish(populated)
    assert all(c.refined and c.torque < 1.01e-8 * populated.evaluator.stiffness for c in polished)


def test_both_orientations_of_an_easy_axis_are_one_minimum_and_a_field_tells_them_apart():
    lattice = Lattice.named("square", (4, 4, 1))
    easy = Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), anisotropy=(UniaxialAnisotropy(2.0),))
    up, down = (np.tile([0.0, 0.0, z], (16, 1)) for z in (1.0, -1.0))
    for hamiltonian, count in ((easy, 1), (replace(easy, field=(0, 0, 1.0)), 2)):
        populated = island(hamiltonian)
        populated.merge([candidate(hamiltonian, up), candidate(hamiltonian, down)])
        assert len(populated.candidates) == count
