"""The whole search: it finds known ground states, and its results repeat bitwise."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from models import MODELS, bloch, exchange, icosahedron, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy

from magsearch.engine.cpu import Cpu
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import grid_indices
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.observables.magnetization import magnetization
from magsearch.observables.structure_factor import structure_factor
from magsearch.search.archipelago import Archipelago
from magsearch.search.island import GeneticTunneling
from magsearch.search.stopping import ChampionConverged, Converged, GenerationsSpent, Stop, TimeSpent
from magsearch.units import MU_B


def model(name: str, size: tuple[int, int, int], *couplings: Any, **rest: Any) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *couplings), **rest)


def search(
    hamiltonian: Hamiltonian, generations: int = 4, replicas: int = 16, device: Any = None, **settings: Any
) -> Archipelago:
    """A search that has ended."""
    chosen = GeneticTunneling(**{"replicas": replicas, "elites": 4} | settings)
    ended = Archipelago(hamiltonian, device or Cpu(), chosen, stop=Stop(generations, window=1000))
    ended.run()
    return ended


def per_site(ended: Archipelago) -> float:
    return ended.champion.energy / ended.hamiltonian.n_spins


def best_spiral(hamiltonian: Hamiltonian) -> float:
    """- max_q lambda(q) / 2: no texture of a bilinear model is lower, and a spiral of a Bravais lattice attains it."""
    lattice = hamiltonian.lattice
    q = (grid_indices(lattice) / lattice.size) @ lattice.reciprocal
    return float(-0.5 * np.linalg.eigvalsh(hamiltonian.fourier(q)).max())


# -- known ground states -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "kagome", "bcc"])
def test_ferromagnet_turns_into_the_field(device, name):
    field = np.array([1.0, 2.0, -2.0])
    hamiltonian = model(name, (4, 4, 4 if name == "bcc" else 1), exchange(1.3), field=tuple(field), moments=2.5)
    ended = search(hamiltonian, 2, device=device)
    neighbours = {"square": 4, "kagome": 4, "bcc": 8}[name]
    assert per_site(ended) == pytest.approx(-neighbours * 1.3 / 2 - MU_B * 2.5 * 3.0, abs=1e-10)
    assert magnetization(ended.champion.spins) == pytest.approx(field / 3, abs=1e-6)


def test_triangular_antiferromagnet_has_three_sublattices(device):
    ended = search(model("triangular", (6, 6, 1), exchange(-1.0)), device=device)
    assert per_site(ended) == pytest.approx(-1.5, abs=1e-10)
    assert np.linalg.norm(magnetization(ended.champion.spins)) < 1e-6


def test_kagome_antiferromagnet_has_triangles_that_add_up_to_zero(device):
    ended = search(model("kagome", (4, 4, 1), exchange(-1.0)), device=device)
    assert per_site(ended) == pytest.approx(-1.0, abs=1e-10)


def test_pyrochlore_antiferromagnet_has_tetrahedra_that_add_up_to_zero():
    assert per_site(search(model("pyrochlore", (2, 2, 2), exchange(-1.0)))) == pytest.approx(-1.0, abs=1e-10)


@pytest.mark.parametrize(("J2", "expected"), [(-0.3, -2.0 + 0.6), (-0.6, -1.2), (-1.0, -2.0)])
def test_square_j1_j2_antiferromagnet_is_neel_then_striped(J2, expected):
    """-2 |J1| + 2 |J2| up to |J2| = |J1| / 2, then -2 |J2|."""
    ended = search(model("square", (6, 6, 1), exchange(-1.0), exchange(J2)))
    assert per_site(ended) == pytest.approx(expected, abs=1e-10)
    assert_allclose(np.linalg.norm(ended.champion.spins, axis=1), 1.0, atol=1e-14)
    weight = np.sort(structure_factor(ended.hamiltonian.lattice, ended.champion.spins).ravel())[::-1]
    assert weight[: 1 if J2 > -0.5 else 2].sum() == pytest.approx(36, abs=1e-3)


@pytest.mark.parametrize(
    "hamiltonian",
    [
        model("square", (12, 10, 1), exchange(1.0), exchange(0.0), exchange(-0.5)),
        model("triangular", (13, 13, 1), exchange(1.0), exchange(0.0), exchange(-3.0)),
        model("chain", (24, 1, 1), exchange(1.0), exchange(-0.7)),
        model("cubic", (6, 5, 4), exchange(-1.0), exchange(-0.6)),
        model("square", (10, 10, 1), bloch(1.0, np.tan(2 * np.pi / 10))),
    ],
    ids=["square J1-J3", "okubo", "chain", "cubic J1-J2", "square DMI"],
)
def test_frustrated_exchange_and_dmi_make_the_best_spiral_that_fits(hamiltonian):
    ended = search(hamiltonian)
    assert per_site(ended) == pytest.approx(best_spiral(hamiltonian), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("size", [26, 36])
def test_okubo_spiral_on_large_boxes(device, size):
    hamiltonian = model("triangular", (size, size, 1), exchange(1.0), exchange(0.0), exchange(-3.0))
    assert per_site(search(hamiltonian, 10, 32, device)) == pytest.approx(best_spiral(hamiltonian), abs=1e-8)


@pytest.mark.slow
def test_skyrmion_beats_the_ferromagnet_and_turns_over_with_the_field():
    h, champions = 0.15, []
    for up in (1, -1):
        field = (0.0, 0.0, up * h / MU_B)
        ended = search(model("square", (14, 16, 1), bloch(1.0, 0.5), field=field))
        assert ended.champion.fingerprint.charge == pytest.approx(-up, abs=1e-6)
        assert per_site(ended) < -2 - h - 0.012
        champions.append(per_site(ended))
    assert champions[0] == pytest.approx(champions[1], abs=1e-7)  # where it is pinned to the sites may differ


def test_conical_spiral_in_a_field():
    """- J(q) / 2 - h^2 / (2 [J(q) - J(0)]) for free spins where the wave fits: q = pi / 3 for J2 = -J1 / 2."""
    h = 0.3
    hamiltonian = model("chain", (12, 1, 1), exchange(1.0), exchange(-0.5), field=(0.0, h / MU_B, 0.0))
    J, J0 = (2 * np.cos(q) - np.cos(2 * q) for q in (np.pi / 3, 0.0))
    assert per_site(search(hamiltonian)) == pytest.approx(-J / 2 - h**2 / (2 * (J - J0)), abs=1e-10)


def test_spins_follow_their_easy_axes():
    assert per_site(
        search(model("cubic", (3, 3, 3), exchange(1.0), anisotropy=(CubicAnisotropy(0.5),)), 2)
    ) == pytest.approx(-3.0)
    easy = UniaxialAnisotropy(0.4, (1.0, 1.0, 0.0))
    ended = search(model("square", (4, 4, 1), exchange(-1.0), anisotropy=(easy,)), 2)
    assert per_site(ended) == pytest.approx(-2.4, abs=1e-10)


def test_antiferromagnetic_icosahedron_has_the_known_minimum():
    """s_i . s_j = -1 / sqrt(5) on all 30 edges: Axenovich & Luban, Phys. Rev. B 63, 100407(R) (2001)."""
    ended = search(replace(icosahedron(), field=(0.0, 0.0, 0.0)))
    assert ended.champion.energy == pytest.approx(-30 / np.sqrt(5), abs=1e-9)


def test_vacancies_stay_empty():
    ended = search(MODELS["disordered"], 2)
    assert_array_equal(ended.champion.spins[list(ended.hamiltonian.vacancies)], 0)


# -- results -----------------------------------------------------------------------------------------------------------


def test_elites_are_reported_in_double_precision_best_first():
    ended = search(MODELS["kagome_tensor"])
    energies = [elite.energy for elite in ended.elites]
    assert energies == sorted(energies)
    assert len(energies) > 1
    for elite in ended.elites:
        assert elite.torque < 1e-8 * ended.islands[0].evaluator.stiffness
        assert elite.energy == pytest.approx(float(energy(ended.hamiltonian, elite.spins)), rel=1e-12)
    best = ended.history["best"][:, 0]
    assert (np.diff(best) <= 2e-7 * np.abs(best[1:])).all()
    assert per_site(ended) <= best[-1] + 2e-7 * abs(best[-1])


# -- repetition --------------------------------------------------------------------------------------------------------


def outcome(ended: Archipelago) -> list[bytes]:
    return [elite.spins.tobytes() for elite in ended.elites] + [rows.tobytes() for rows in ended.history.rows]


@pytest.mark.parametrize("name", ["kagome_tensor", "square_bloch", "large_film"])
def test_same_seed_same_elites_bit_for_bit(device, name):
    first, second = (search(MODELS[name], 2, 8, device) for _ in range(2))
    assert outcome(first) == outcome(second)


def test_other_seed_other_textures():
    assert outcome(search(MODELS["kagome_tensor"], 2)) != outcome(search(MODELS["kagome_tensor"], 2, seed=2))


def test_runs_in_one_process_do_not_talk():
    """Two searches, a generation of one after a generation of the other, with global random numbers drawn between."""
    alone = [search(MODELS[name], 3, 8) for name in ("kagome_tensor", "square_bloch")]
    stop = Stop(3, window=1000)
    pair = [Archipelago(a.hamiltonian, Cpu(), GeneticTunneling(replicas=8, elites=4), stop=stop) for a in alone]
    for _ in zip(*(one.generations() for one in pair), strict=False):
        np.random.seed(0)  # noqa: NPY002
        np.random.random(7)  # noqa: NPY002
    for one in pair:
        for _ in one.generations():
            pass
    assert [[c.spins.tobytes() for c in one.elites] for one in pair] == [
        [c.spins.tobytes() for c in one.elites] for one in alone
    ]


# -- stopping rules ----------------------------------------------------------------------------------------------------


def stopped(hamiltonian: Hamiltonian, stop: Stop) -> Archipelago:
    ended = Archipelago(hamiltonian, Cpu(), GeneticTunneling(replicas=8, elites=2), stop=stop)
    count = sum(1 for _ in ended.generations())
    assert count == ended.n_generations == len(ended.history) == len(ended.history.seconds) >= 1
    assert (np.diff(ended.history.seconds) >= 0).all()
    assert ended.elapsed >= ended.history.seconds[-1]
    return ended


def test_generations_end_a_search():
    ended = stopped(MODELS["kagome_tensor"], Stop(generations=3, window=100))
    assert len(ended.history) == 3
    assert ended.stopped == GenerationsSpent(3)


def test_seconds_end_a_search():
    ended = stopped(MODELS["kagome_tensor"], Stop(generations=10**6, seconds=0.2, window=10**6))
    assert ended.stopped == TimeSpent(0.2)
    assert ended.history.seconds[-1] >= 0.2
    assert len(ended.history.seconds) == 1 or ended.history.seconds[-2] < 0.2


def test_elites_that_vary_no_more_end_a_search():
    """A ferromagnet in a field has one minimum: found at once, the search ends when the window is full of it."""
    ended = stopped(model("square", (4, 4, 1), exchange(1.0), field=(0, 0, 5)), Stop(generations=50, window=4))
    assert 4 <= len(ended.history) <= 7  # single precision may still lower it once
    assert isinstance(ended.stopped, Converged)


def test_a_deviation_of_zero_needs_energies_that_are_equal():
    ended = stopped(MODELS["left_handed"], Stop(generations=60, window=3, deviation=0.0))
    last = ended.history["best"][-3:, 0]
    assert not isinstance(ended.stopped, Converged) or np.ptp(last) == 0
    generous = stopped(MODELS["left_handed"], Stop(generations=60, window=3, deviation=100.0))
    assert len(generous.history) <= len(ended.history)


def history_of(*levels: list[float]) -> SimpleNamespace:
    return SimpleNamespace(levels=list(levels), seconds=[0.0] * len(levels))


def test_a_search_may_end_by_its_champion_alone():
    """Its energy has stood still for four generations, the second elite's has not."""
    history = history_of(*([-1.0, -0.5 - 0.01 * k] for k in range(5)))
    assert Stop(window=4).reason(history, 5, 5, stiffness=1.0) is None
    assert Stop(window=4, minima=1).reason(history, 5, 5, stiffness=1.0) == ChampionConverged(0.0, 4)
    assert Stop(window=6, minima=1).reason(history, 5, 5, stiffness=1.0) is None


def test_champion_and_catalogue_are_judged_apart():
    """Other minima improve without end: the champion's stability ends the search after twice the window."""
    still = history_of(*([-1.0, -0.5 - 0.01 * k] for k in range(8)))
    assert Stop(window=4).reason(still, 7, 7, stiffness=1.0) is None
    assert Stop(window=4).reason(still, 8, 8, stiffness=1.0) == ChampionConverged(0.0, 8)
    assert Stop(window=4, patience=5).reason(still, 5, 5, stiffness=1.0) == ChampionConverged(0.0, 5)
    for minima in (2, 8):  # asked for
        assert Stop(window=4, minima=minima).reason(still, 8, 8, stiffness=1.0) is None
    assert Stop(window=4, minima=2, patience=8).reason(still, 8, 8, stiffness=1.0) == ChampionConverged(0.0, 8)
    rare = history_of(*([-1.0 - 0.01 * (k > 5), -0.5] for k in range(9)))  # the champion was found late
    assert Stop(window=4).reason(rare, 9, 9, stiffness=1.0) is None
    more = history_of(*([-1.0, -0.5 if k > 5 else np.nan] for k in range(8)))  # a minimum was added
    assert Stop(window=4).reason(more, 8, 8, stiffness=1.0) == ChampionConverged(0.0, 8)
    both = history_of(*([-1.0, -0.5] for _ in range(8)))
    assert Stop(window=4).reason(both, 4, 4, stiffness=1.0) == Converged(0.0, 4)
