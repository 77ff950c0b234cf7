"""Lower bounds: where the ground state is known they are its energy, and nowhere does an energy lie below them."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product
from typing import Any

import numpy as np
import oracle
import pytest
from models import GOLDEN, MODELS, bloch, exchange, icosahedron_positions, shell_bonds
from numpy.testing import assert_allclose
from random_models import model_of_further_terms, random_model
from scipy.optimize import minimize_scalar

from magsearch.bounds.bound import Bound
from magsearch.bounds.domain import domain_of
from magsearch.bounds.ground_state import lowest_state, spiral
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.quadratic_form import quadratic_form
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.formats import read
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.cells import in_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.relaxation.barzilai_borwein import BarzilaiBorwein
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.relax import relax
from magsearch.search.supercells.ranking import energies
from magsearch.units import MU_B

X, Y, Z = np.eye(3)


def nearest(name: str, size: tuple[int, int, int], *J: float, **more: Any) -> Hamiltonian:
    lattice = Lattice.named(name, size)
    return Hamiltonian(lattice, shell_bonds(lattice, *map(exchange, J)), **more)


def molecule(positions: np.ndarray, J: float = -1.0) -> Hamiltonian:
    """Couplings along the shortest distances."""
    distance = np.linalg.norm(positions[:, None] - positions, axis=2)
    shortest = distance[distance > 1e-6].min()
    i, j = np.argwhere(np.triu(np.isclose(distance, shortest))).T
    bonds = Bonds.pairs(i, j, exchange_matrix(np.full(len(i), J)))
    return Hamiltonian(Lattice.cluster(positions), Bonds.none(), site_bonds=bonds)


def signed(*coordinates: float, orders: Any = None) -> np.ndarray:
    """All signs of coordinates in cyclic order, or in the orders given, each point once."""
    cyclic = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    points = [
        [s * coordinates[n] for s, n in zip(signs, order, strict=True)]
        for order in orders or cyclic
        for signs in product((1, -1), repeat=3)
    ]
    return np.unique(np.array(points).round(12) + 0.0, axis=0)


CUBE = signed(1, 1, 1)
MOLECULES = {
    "cuboctahedron": (signed(1, 1, 0, orders=list(permutations(range(3)))), 24, -12.0),
    "icosahedron": (icosahedron_positions(GOLDEN), 30, -30 / 5**0.5),
    "dodecahedron": (np.concatenate([CUBE, signed(0, 1 / GOLDEN, GOLDEN)]), 30, -30 * 5**0.5 / 3),
    "icosidodecahedron": (np.concatenate([signed(0, 0, GOLDEN), signed(0.5, GOLDEN / 2, GOLDEN**2 / 2)]), 60, -30.0),
    "fullerene": (
        np.concatenate(
            [signed(0, 1, 3 * GOLDEN), signed(1, 2 + GOLDEN, 2 * GOLDEN), signed(GOLDEN, 2, 2 * GOLDEN + 1)]
        ),
        90,
        None,
    ),
}


# -- where the ground state is known ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MOLECULES)
def test_bounds_of_antiferromagnetic_molecules_are_reached(name):
    """Schmidt & Luban, J. Phys. A 36, 6351 (2003). The fullerene C60 is proven by the state itself."""
    positions, edges, energy = MOLECULES[name]
    model = molecule(positions)
    assert len(model.site_bonds) == 2 * edges
    bound = lower_bound(model)
    spins, lowest = lowest_state(model, bound)
    assert_allclose(np.linalg.norm(spins, axis=1), 1, atol=1e-14)
    assert oracle.energy(model, spins) / model.n_spins == pytest.approx(lowest, abs=1e-12)
    assert 0 <= bound.gap(lowest) < 1e-8
    if energy is not None:
        assert bound.per_site * model.n_spins == pytest.approx(energy, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "size", "J", "energy"),
    [
        ("chain", (4, 1, 1), (-1.0,), -1.0),
        ("triangular", (6, 3, 1), (-1.0,), -1.5),
        ("kagome", (3, 2, 1), (-1.0,), -1.0),
        pytest.param("pyrochlore", (2, 2, 2), (-1.0,), -1.0, marks=pytest.mark.slow),  # its proof: test_bounds_proofs
        ("fcc", (2, 2, 2), (-1.0,), -2.0),
        ("honeycomb", (2, 2, 1), (-1.0,), -1.5),
        ("square", (4, 4, 1), (-1.0, -0.5), -1.0),  # degenerate on lines of wave vectors
        ("square", (4, 4, 1), (-1.0, -0.8), -1.6),
        ("cubic", (2, 2, 2), (1.0,), -3.0),
    ],
)
def test_bounds_of_lattices_are_reached(name, size, J, energy):
    """In the box and in the infinite crystal; flat bands and lines of minima included."""
    model = nearest(name, size, *J)
    box, crystal = lower_bound(model), lower_bound(model, "crystal")
    assert box.per_site == pytest.approx(energy, abs=1e-10)
    assert crystal.per_site == pytest.approx(energy, abs=1e-9)
    assert crystal.per_site <= box.per_site + box.margin
    assert box.reached(lowest_state(model, box)[1])
    wave = spiral(model, crystal)
    assert wave is not None
    assert 0 <= crystal.gap(wave.energy_per_site) < 1e-8


def test_spiral_of_the_square_j1_j3_model():
    """J1 = 1, J3 < - 1/4: q = (Q, Q) with cos Q = - J1 / (4 J3), E = - 2 J1 cos Q - 2 J3 cos 2Q."""
    J3 = -0.4
    cos = -1 / (4 * J3)
    model = nearest("square", (6, 6, 1), 1.0, 0.0, J3)
    crystal = lower_bound(model, "crystal")
    assert crystal.per_site == pytest.approx(-2 * cos - 2 * J3 * (2 * cos**2 - 1), abs=1e-9)
    assert_allclose(np.abs(crystal.q[0][:2]), np.arccos(cos) / (2 * np.pi), atol=1e-6)


@pytest.mark.parametrize("h", [0.0, 6.0, 21.0, 23.0])
def test_conical_spirals_of_okubo_s_model(h):
    """J1 = 1, J3 = -3: - J(Q)/2 - h^2 / 2[J(Q) - J(0)] up to the saturation at 7.43694 |J3|, then - J(0)/2 - h."""

    def J(q: float) -> float:
        return 2 * (np.cos(q) + 2 * np.cos(q / 2)) - 6 * (np.cos(2 * q) + 2 * np.cos(q))

    model = nearest("triangular", (13, 26, 1), 1.0, 0.0, -3.0, field=(0, 0.6 * h / MU_B, 0.8 * h / MU_B))
    best = -minimize_scalar(lambda q: -J(q), bounds=(1.5, 2.4), method="bounded", options={"xatol": 1e-10}).fun
    grid = max(J(2 * np.pi * m / 13) for m in range(7))
    for of, top in (("crystal", best), ("box", grid)):
        energy = -top / 2 - h**2 / (2 * (top - J(0))) if h < top - J(0) else -J(0) / 2 - h
        bound = lower_bound(model, of)
        assert bound.per_site == pytest.approx(energy, abs=1e-8)
    assert lower_bound(model).reached(lowest_state(model, lower_bound(model))[1])
    assert spiral(model, lower_bound(model, "crystal")) is not None


@pytest.mark.parametrize("axis", [X, Y, Z, np.array([0.36, 0.48, 0.8])])
def test_helix_of_a_chain_with_dmi(axis):
    """- sqrt(J^2 + D^2) per bond, turning by atan(D / J) about D."""
    J, D = 1.0, 0.7
    lattice = Lattice.named("chain", (12, 1, 1))
    model = Hamiltonian(lattice, Bonds.pairs([0], [0], (exchange_matrix(J) + dmi_matrix(D * axis))[None], [[1, 0, 0]]))
    crystal = lower_bound(model, "crystal")
    assert crystal.per_site == pytest.approx(-np.hypot(J, D), abs=1e-9)
    assert crystal.q[0][0] == pytest.approx(np.arctan2(D, J) / (2 * np.pi), abs=1e-6)
    wave = spiral(model, crystal)
    assert wave is not None
    assert_allclose(np.cross(wave.amplitude.real, wave.amplitude.imag)[0], [-axis[0], -axis[1], -axis[2]], atol=1e-6)


def test_pdfeir111_without_anisotropy_is_a_spiral():
    """Cycloids fit the box and the crystal: both bounds are reached. With anisotropy they lie below the cycloid."""
    model = replace(read("inputs/pdfeir111.toml"), field=(0, 0, 0))
    free = replace(model, anisotropy=())
    for of in ("box", "crystal"):
        bound = lower_bound(free, of)
        wave = spiral(free, bound)
        assert wave is not None
        assert 0 <= bound.gap(wave.energy_per_site) < 1e-8 * bound.scale
    box = lower_bound(free)
    spins, energy = lowest_state(free, box)
    assert 0 <= box.gap(energy) < 1e-8
    eased = lower_bound(model)
    # easy axis K: half of it is what the average spin of a cycloid feels, the whole of it what any spin can
    assert box.per_site - 0.7 <= eased.per_site <= float(oracle.energy(model, spins)) / model.n_spins


def test_one_spin_is_solved_exactly():
    """Quadratic anisotropy of any kind and a field: the bound is the minimum over the sphere."""
    theta, phi = np.meshgrid(np.linspace(0, np.pi, 361), np.linspace(0, 2 * np.pi, 721), indexing="ij")
    sphere = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=-1).reshape(
        -1, 1, 3
    )
    for seed in range(8):
        random = np.random.default_rng(seed)
        terms = tuple(UniaxialAnisotropy(K, tuple(random.normal(size=3))) for K in random.normal(size=2))
        model = Hamiltonian(
            Lattice.cluster(np.zeros((1, 3))),
            Bonds.none(),
            2.0,
            terms,
            tuple(random.choice([0, 5.0]) * random.normal(size=3)),
        )
        lowest = oracle.energy(model, sphere).min()
        bound = lower_bound(model)
        assert bound.per_site <= lowest
        assert bound.per_site == pytest.approx(lowest, abs=1e-3)
        assert bound.reached(lowest_state(model, bound)[1])


@pytest.mark.parametrize(
    ("term", "least"),
    [
        (UniaxialAnisotropy(0.0, (1, 2, 2), K4=0.7), -0.7),
        (UniaxialAnisotropy(0.3, (1, 2, 2), K4=0.7), -1.0),
        (UniaxialAnisotropy(0.0, (1, 2, 2), K4=-0.7), 0.0),
        (CubicAnisotropy(0.9), 0.0),
        (CubicAnisotropy(-0.9), -0.3),
    ],
)
def test_anisotropy_of_fourth_order_has_its_own_minimum(term, least):
    model = Hamiltonian(Lattice.named("cubic", (2, 1, 1)), Bonds.none(), anisotropy=(term,))
    assert lower_bound(model).per_site == pytest.approx(least, abs=1e-10)


def test_two_spins_are_solved_exactly_without_a_field():
    """A quadratic form on two spheres has no gap: rank r of a solution has r (r + 1) / 2 <= 2 (Pataki, 1998)."""
    for seed in range(6):
        random = np.random.default_rng(seed)
        bonds = Bonds.pairs([0], [1], random.normal(size=(1, 3, 3)))
        easy = tuple(UniaxialAnisotropy(random.normal(), tuple(random.normal(size=3)), atoms=(n,)) for n in (0, 1))
        model = Hamiltonian(Lattice.cluster([[0, 0, 0], [1, 0, 0]]), Bonds.none(), anisotropy=easy, site_bonds=bonds)
        bound = lower_bound(model)
        assert bound.per_site == pytest.approx(relaxed_energies(model, 32).min() / 2, abs=1e-8)


# -- laws -------------------------------------------------------------------------------------------------------------


def relaxed_energies(model: Hamiltonian, replicas: int, seed: int = 0) -> np.ndarray:
    """Of random textures and of the minima that they relax to, meV, whole."""
    start, evaluator = oracle.random_textures(model, replicas, seed), Evaluator(model, Cpu(), np.float64)
    found = relax(BarzilaiBorwein(Convergence(variance=None, steps=500)), evaluator, start)
    return np.concatenate([evaluator.energies(start), evaluator.energies(found.textures)])


def no_energy_is_below(model: Hamiltonian, seed: int) -> bool:
    """The law for one random model; whether its bound is reached."""
    if not model.n_spins:
        return False
    box = lower_bound(model)
    spins, made = lowest_state(model, box)
    lowest = min(made, relaxed_energies(model, 16, seed).min() / model.n_spins)
    assert box.per_site <= lowest, seed
    assert box.margin <= 1e-9 * box.scale, seed
    if model.dipole is None:  # the oracle has none
        assert oracle.energy(model, spins) / model.n_spins == pytest.approx(made, abs=1e-9), seed
    return box.reached(lowest)


def test_no_energy_is_below_the_bound():
    """Random lattices, tensors, anisotropy, fields, edges, vacancies; in more than a third the bound is reached."""
    reached = sum(no_energy_is_below(random_model(seed), seed) for seed in range(60))
    assert reached > 20


def test_no_energy_is_below_the_bound_of_further_terms():
    for seed in range(8):
        no_energy_is_below(model_of_further_terms(seed), seed)


@pytest.mark.slow
def test_no_energy_is_below_the_bound_in_thousands_of_models():
    reached = sum(no_energy_is_below(random_model(seed), seed) for seed in range(1000, 3000))
    assert reached > 750


def test_the_bound_of_a_crystal_does_not_depend_on_its_cell_vectors():
    """Sheared cells are what a supercell search leaves: the bound is the same, and J(q) at the same wave."""
    crystal = Hamiltonian(square := Lattice.named("square", (1, 1, 1)), shell_bonds(square, bloch(1.0, 0.7)))
    sheared = in_cells(crystal, np.array([[1, 0, 0], [3000, 1, 0], [0, 0, 1]]), (1, 1, 1))
    bound, known = lower_bound(sheared, "crystal"), lower_bound(crystal, "crystal")
    assert bound.per_site == pytest.approx(known.per_site, abs=1e-9)
    assert_allclose(energies(sheared, bound.q), known.per_site, atol=1e-9)


def crystal_is_below_every_box(seed: int) -> None:
    model = random_model(seed)
    try:
        crystal = lower_bound(model, "crystal")
    except ValueError:
        return
    for size in (model.lattice.size, (3, 2, 1), (1, 4, 5)):
        size = tuple(n if p else m for n, p, m in zip(size, model.lattice.periodic, model.lattice.size, strict=True))
        box = lower_bound(model.with_size(size))
        assert crystal.per_site <= box.per_site + box.margin, (seed, size)
    wave = spiral(model, crystal)
    assert wave is None or crystal.per_site <= wave.energy_per_site, seed


def test_the_crystal_is_below_every_box():
    for seed in range(300, 306):
        crystal_is_below_every_box(seed)


@pytest.mark.slow
def test_the_crystal_is_below_every_box_of_many_models():
    for seed in range(5000, 5080):
        crystal_is_below_every_box(seed)


@pytest.mark.parametrize(
    "name", [name for name, model in MODELS.items() if model.uniform and model.lattice.sites < 400]
)
def test_a_multiplier_for_every_site_is_no_better_than_one_for_every_sublattice(name):
    """The optimal multipliers have the symmetry of the lattice; central path and low-rank factorisation agree."""
    model = MODELS[name]
    sublattices, sites = lower_bound(model), lower_bound(model.disordered())
    assert sites.per_site == pytest.approx(sublattices.per_site, abs=1e-9 * max(1, abs(sites.per_site)))
    assert len(sites.multipliers) == model.n_spins


def test_one_multiplier_for_a_whole_glass_is_the_largest_eigenvalue():
    """Which is allowed as it is, and nothing below it; a multiplier for every spin gives a higher bound."""
    N = 40
    i, j = np.triu_indices(N, 1)
    J = np.zeros((N, N))
    J[i, j] = J[j, i] = np.random.default_rng(5).normal(scale=N**-0.5, size=len(i))
    line = Lattice.cluster(np.outer(np.arange(N), (1.0, 0.0, 0.0)))
    glass = Hamiltonian(line, Bonds.none(), site_bonds=Bonds.pairs(i, j, exchange_matrix(J[i, j])))
    form, largest = quadratic_form(glass), np.linalg.eigvalsh(J)[-1]
    cluster = domain_of(form, "box", 1e-11)
    assert cluster.prove(np.full(N, largest)).shift < 1e-10 * form.scale
    assert cluster.prove(np.full(N, largest - 0.01)).shift >= 0.01
    assert lower_bound(glass).per_site > -largest / 2


def test_multipliers_are_the_fields_of_the_ground_state():
    """Where the bound is reached, S s = h: the field of every spin is lambda s."""
    for model in (nearest("kagome", (2, 2, 1), -1.0), molecule(MOLECULES["icosahedron"][0]), MODELS["kagome_tensor"]):
        bound = lower_bound(model)
        spins, energy = lowest_state(model, bound)
        assert bound.reached(energy)
        multipliers = np.resize(bound.multipliers, model.n_spins)
        assert_allclose(oracle.field(model, spins), multipliers[:, None] * spins, atol=1e-5)


def test_bounds_do_not_depend_on_the_frame_of_the_spins():
    model = MODELS["kagome_tensor"]
    R = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    easy = tuple(replace(term, axis=tuple(R @ term.axis)) for term in model.anisotropy)
    turned = replace(
        model, bonds=model.bonds.with_matrices(R @ model.bonds.J @ R.T), anisotropy=easy, field=tuple(R @ model.field)
    )
    for of in ("box", "crystal"):
        assert lower_bound(turned, of).per_site == pytest.approx(lower_bound(model, of).per_site, abs=1e-9)


def test_bounds_scale_with_the_energy():
    model = replace(MODELS["left_handed"], field=(3.0, 1.0, -2.0))
    for factor in (1e-9, 1e6):
        scaled = replace(
            model, bonds=model.bonds.with_matrices(factor * model.bonds.J), field=tuple(factor * np.array(model.field))
        )
        assert lower_bound(scaled).per_site == pytest.approx(factor * lower_bound(model).per_site, rel=1e-9)


def test_large_clusters():
    """An open film of chiral spins and a spin glass, where nothing is known but that the energy is above the bound."""
    lattice = Lattice.named("square", (20, 20, 1), periodic=(False, False, False))
    film = Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5)), field=(0, 0, 2.6))
    random, box = np.random.default_rng(3), Lattice.named("cubic", (6, 6, 6))
    bonds = shell_bonds(box, exchange(1.0)).on_sites(box)
    once = bonds.i < bonds.j
    glass = Bonds.pairs(bonds.i[once], bonds.j[once], exchange_matrix(random.normal(size=once.sum())))
    for model in (film, Hamiltonian(box, Bonds.none(), site_bonds=glass)):
        bound, lowest = lower_bound(model), relaxed_energies(model, 16).min() / model.n_spins
        assert 0 < bound.gap(lowest) < 0.1 * abs(lowest)
        assert bound.margin < 1e-8


# -- what it says -----------------------------------------------------------------------------------------------------


def test_a_bound_prints_compares_and_stores_itself():
    model = nearest("triangular", (6, 6, 1), -1.0)
    bound = lower_bound(model)
    assert eval(repr(bound)) == bound == lower_bound(model)
    stored = bound.as_json()
    assert stored.pop("bound_per_site") == bound.per_site
    assert Bound(per_site=bound.per_site, **stored) == bound
    assert bound.gap(-1.4) == pytest.approx(0.1)
    assert bound.reached(-1.5)
    assert not bound.reached(-1.4999)


def test_what_has_no_bound_is_refused():
    with pytest.raises(ValueError, match="no infinite crystal"):
        lower_bound(MODELS["icosahedron"], "crystal")
    with pytest.raises(ValueError, match="no infinite crystal"):
        lower_bound(MODELS["disordered"], "crystal")
    with pytest.raises(ValueError, match="'ball'"):
        lower_bound(MODELS["square_bloch"], "ball")


def test_models_without_couplings():
    """Nothing, and a field alone: - mu_B m B for every spin."""
    lattice = Lattice.named("kagome", (2, 2, 1))
    assert lower_bound(Hamiltonian(lattice, Bonds.none())).per_site == pytest.approx(0, abs=1e-12)
    model = Hamiltonian(lattice, Bonds.none(), np.array([1.0, 2.0, 3.0]), field=(0, 3, 4))
    bound = lower_bound(model)
    assert bound.per_site == pytest.approx(-2 * 5 * MU_B, rel=1e-10)
    assert bound.reached(lowest_state(model, bound)[1])
