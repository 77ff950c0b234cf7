"""Operators: one law for all of them on every kind of lattice, and what each by itself promises, in batches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy, random_textures
from oracle import field as effective_field

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model import soft_waves
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.soft_waves import grid_indices, softest_waves
from magsearch.model.sphere import unit
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.topological_charge import topological_charge
from magsearch.operators import OPERATORS, Operator
from magsearch.operators.crystal import Crystal
from magsearch.operators.host import HostOperator
from magsearch.operators.mutations import InsertStripe, RotatePatch, RotateTexture, ShufflePatch
from magsearch.operators.seeds import CorrelatedSpins, PeriodicSpins, RandomSpins, SoftWaves
from magsearch.operators.skyrmions import MoveSkyrmion, PlantSkyrmion, RemoveSkyrmion
from magsearch.operators.splices import ExchangeWave, FourierSplice, PatchSplice, QuadrantSplice, StripeSplice
from magsearch.operators.waves import (
    InsertDislocations,
    MultiplyTexture,
    ShiftWave,
    StretchTexture,
    TranslateTexture,
    vortices,
)
from magsearch.randomness import Consumer, Draws
from magsearch.search.island import SEEDING, GeneticTunneling, Island

X, Y, Z = np.eye(3)
UP = (0.0, 0.0, 5.0)
SPLICES = (StripeSplice, QuadrantSplice, PatchSplice)


def on(name: str, size: tuple[int, int, int], *couplings: Any, **rest: Any) -> Crystal:
    lattice = Lattice.named(name, size)
    return Crystal(Hamiltonian(lattice, shell_bonds(lattice, *couplings), **rest), Cpu())


CRYSTALS = {name: Crystal(model, Cpu()) for name, model in MODELS.items() if name != "large_film"} | {
    "square_no_field": on("square", (7, 6, 1), bloch(1.0, 0.5)),
    "uncoupled": Crystal(replace(MODELS["square_bloch"], bonds=MODELS["square_bloch"].bonds.none()), Cpu()),
    "pyrochlore": on("pyrochlore", (2, 3, 2), exchange(-1.0), field=UP),
    "chain": on("chain", (16, 1, 1), exchange(1.0), exchange(-0.6)),
    "two_cells": on("square", (2, 2, 1), bloch(1.0, 0.5)),
    "stacked": on("triangular", (4, 4, 3), bloch(1.0, 0.5), field=UP),
}
crystals = pytest.mark.parametrize("crystal", CRYSTALS.values(), ids=CRYSTALS)
every = pytest.mark.parametrize("operator", OPERATORS.values(), ids=OPERATORS)


def uniform(crystal: Crystal, direction: Any = Z) -> np.ndarray:
    return crystal.hamiltonian.occupied[:, None] * np.asarray(direction)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def draws(replicas: int, seed: int = 0) -> Draws:
    return Draws(seed, Consumer.OFFSPRING, replicas=replicas)


def some_textures(crystal: Crystal, count: int) -> np.ndarray:
    """Random textures in the precision of a search, [texture, site, 3]."""
    return random_textures(crystal.hamiltonian, count).astype(np.float32).reshape(count, crystal.lattice.sites, 3)


def batch(crystal: Crystal, parents: Any, replicas: int) -> Any:
    """The same parents [parent, site, 3] for every replica, on the device."""
    parents = np.reshape(parents, (-1, crystal.lattice.sites, 3))
    return crystal.device.array(np.broadcast_to(parents, (replicas, *parents.shape)), np.float32)


def children(make: Operator, crystal: Crystal, parents: Any, replicas: int = 12, seed: int = 0) -> np.ndarray:
    """Children of the same parents [parent, site, 3], [replica, site, 3]."""
    made = make(crystal, batch(crystal, parents, replicas), draws(replicas, seed))
    assert made.dtype == np.float32
    return crystal.device.host(made).astype(np.float64)


def power(s: np.ndarray, grid: tuple[int, ...]) -> np.ndarray:
    """Strengths of the waves, [k2, k1] as numpy.fft orders them, of a texture on a film."""
    return (np.abs(np.fft.fft2(s.reshape(*grid, -1), axes=(0, 1))) ** 2).sum(axis=-1)


def multiset(texture: np.ndarray) -> Counter[bytes]:
    return Counter(map(bytes, texture.astype(np.float32)))


# -- what every operator promises --------------------------------------------------------------------------------------


@every
@crystals
@pytest.mark.spread(3)
def test_operator_makes_textures_from_as_many_parents_as_it_asks_for(operator, crystal):
    make, sites = operator(), crystal.lattice.sites
    for some in (some_textures(crystal, make.parents), [uniform(crystal)] * make.parents):
        parents = batch(crystal, some, 5)
        before = parents.copy()
        made = make(crystal, parents, draws(5))
        assert made.shape == (5, sites, 3)
        assert np.isfinite(made).all()
        assert_array_equal(parents, before, "parents are left as they are")
        assert_array_equal(made, make(crystal, parents, draws(5)), "the same stream, the same children")


@every
@crystals
@pytest.mark.spread(3)
def test_a_child_does_not_depend_on_its_company(operator, crystal):
    """Every replica has parents of its own; alone, in pairs and among all the child is bitwise identical."""
    make, replicas = operator(), 7
    parents = some_textures(crystal, make.parents * replicas).reshape(replicas, make.parents, crystal.lattice.sites, 3)
    together = make(crystal, parents, draws(replicas))
    for some in ([3], [5, 1], [0, 2, 6]):
        assert_array_equal(make(crystal, parents[some], draws(replicas)[some]), together[some])


@every
@pytest.mark.parametrize("name", ["stacked", "kagome_tensor", "several_axes", "icosahedron"])
def test_operators_do_the_same_on_every_device(device, operator, name):
    """To rounding, by which a threshold may be missed now and then."""
    make, here = operator(), CRYSTALS[name]
    there = Crystal(here.hamiltonian, device)
    parents, replicas = some_textures(here, make.parents), 24
    apart = children(make, there, parents, replicas) - children(make, here, parents, replicas)
    assert (np.abs(apart).max(axis=(1, 2)) < 1e-4).sum() >= replicas - 2


@every
@crystals
@pytest.mark.spread(3)
def test_breeding_puts_offspring_on_the_sphere(operator, crystal):
    hamiltonian, make = crystal.hamiltonian, operator()
    settings = GeneticTunneling(replicas=4, seeds=((RandomSpins(), 1.0),), operators=((make, 1.0),))
    island = Island(crystal, Evaluator(hamiltonian, Cpu()), settings)
    island.breed()
    island.state = replace(island.state, generation=SEEDING)
    for child in island._offspring(0):
        assert child.origin == operator.__name__
        assert_allclose(np.linalg.norm(child.spins, axis=1), hamiltonian.occupied, atol=1e-6)


@every
def test_operator_depends_on_the_stream(operator):
    crystal, make = CRYSTALS["stacked"], operator()
    made = children(make, crystal, some_textures(crystal, make.parents), 24)
    assert len({child.tobytes() for child in made}) > 2


@dataclass(frozen=True)
class Reversed(HostOperator):
    """Reversed parent, turned by a random number."""

    parents: int = 1

    def texture(self, crystal: Crystal, parents: np.ndarray, random: np.random.Generator) -> np.ndarray:
        assert isinstance(parents, np.ndarray)
        return -parents[0] * random.uniform(1.0, 2.0)


def test_operator_on_the_host_makes_one_texture_at_a_time(device):
    crystal = Crystal(MODELS["square_bloch"], device)
    texture = some_textures(crystal, 1)
    made = children(Reversed(), crystal, texture, 5)
    scale = np.linalg.norm(made, axis=2)
    assert_allclose(made, -texture * scale[..., None], atol=1e-6)
    assert_allclose(scale, np.tile(scale[:, :1], scale.shape[1]), rtol=1e-6)
    assert len(set(scale[:, 0].round(4))) == 5
    some = Reversed()(crystal, batch(crystal, texture, 2), draws(5)[[1, 4]])
    assert_array_equal(crystal.device.host(some), made[[1, 4]])


# -- the crystal as operators see it -----------------------------------------------------------------------------------


@crystals
def test_moved_textures_have_the_same_energy(crystal):
    texture = some_textures(crystal, 1)[0]
    moved = crystal.moved(batch(crystal, texture, 8), draws(8, 3))[:, 0]
    if crystal.hamiltonian.uniform and crystal.lattice.cells > 1 and any(crystal.lattice.periodic):
        assert len({m.tobytes() for m in moved}) > 1
    assert_allclose(energy(crystal.hamiltonian, moved), energy(crystal.hamiltonian, texture), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["triangular_j1_j3", "kagome_tensor", "left_handed", "prime_box", "square_bloch"])
def test_softest_waves_have_the_energy_that_they_state(name):
    """s = Re[u exp(i q T)] with |u|^2 = 2 per atom (1 where q = -q) has spins of unit length in the mean."""
    tilted = UniaxialAnisotropy(0.7, axis=(1.0, 2.0, -2.0), atoms=(0,))
    hamiltonian = replace(MODELS[name], field=(0.0, 0.0, 0.0), anisotropy=(tilted,))
    lattice, waves = hamiltonian.lattice, softest_waves(hamiltonian, 8)
    assert (np.diff(waves.energy) >= -1e-12).all()
    for k in range(8):
        phase = np.exp(2j * np.pi * (lattice.coordinates @ (waves.index[k] / lattice.size)))
        s = np.real(phase[:, None, None] * waves.vector[k]).reshape(-1, 3)
        s *= np.sqrt(lattice.sites / (s**2).sum())
        assert energy(hamiltonian, s) / lattice.sites == pytest.approx(waves.energy[k], rel=1e-9)


@pytest.mark.parametrize("name", ["triangular_j1_j3", "kagome_tensor", "left_handed", "prime_box", "square_bloch"])
@pytest.mark.parametrize("isotropic", [True, False])
def test_the_softest_waves_are_the_lowest_of_the_whole_zone(name, isotropic):
    """Exchange without directions is diagonalised atom by atom; q and -q, which are one problem, are both there."""
    hamiltonian = MODELS[name]
    if isotropic:
        J = np.trace(hamiltonian.bonds.J, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
        hamiltonian = replace(hamiltonian, bonds=replace(hamiltonian.bonds, J=J), anisotropy=())
    lattice, index = hamiltonian.lattice, grid_indices(hamiltonian.lattice)
    J = hamiltonian.fourier((index / np.array(lattice.size)) @ lattice.reciprocal)
    atom = np.arange(lattice.atoms)
    J.reshape(len(J), lattice.atoms, 3, lattice.atoms, 3)[:, atom, :, atom] += 2 * hamiltonian.quadratic[:, None]
    every = np.sort(-0.5 * np.linalg.eigvalsh(J).ravel())
    for count in (1, 7, 40, 10**6):
        waves = softest_waves(hamiltonian, count)
        assert_allclose(waves.energy, every[:count], atol=1e-12 * np.abs(every).max())
    place = {tuple(k): n for n, k in enumerate(index.tolist())}
    of = [place[tuple(k)] for k in waves.index.tolist()]
    u = waves.vector.reshape(len(of), -1)
    residual = np.einsum("wij,wj->wi", J[of], u) + 2 * waves.energy[:, None] * u
    assert np.abs(residual).max() < 1e-10 * np.abs(J).max()
    size = np.array(lattice.size)
    assert sorted(map(tuple, (waves.index % size).tolist())) == sorted(map(tuple, (-waves.index % size).tolist()))
    for k in np.unique(waves.index, axis=0):  # a basis at every q
        basis = u[(waves.index == k).all(axis=1)]
        assert_allclose(basis.conj() @ basis.T, np.eye(3 * lattice.atoms), atol=1e-10)


def test_few_waves_of_a_large_cell_are_the_softest_of_all(monkeypatch):
    """Found by Lanczos, at q = 0, where J(q) is real, and elsewhere."""
    random = np.random.default_rng(1)
    lattice = Lattice(np.eye(3), random.uniform(size=(40, 3)), (3, 1, 1))
    i, j = np.triu_indices(40, k=1)
    offset = np.zeros((len(i), 3), dtype=int)
    offset[:, 0] = random.integers(-1, 2, len(i))
    easy = (UniaxialAnisotropy(0.7, axis=(1.0, 2.0, -2.0), atoms=(0,)),)
    hamiltonian = Hamiltonian(lattice, Bonds.pairs(i, j, random.normal(size=(len(i), 3, 3)), offset), anisotropy=easy)
    every = softest_waves(hamiltonian, 10)
    monkeypatch.setattr(soft_waves, "LARGE", 100)
    few = softest_waves(hamiltonian, 10)
    assert_allclose(few.energy, every.energy, rtol=1e-9)
    assert_array_equal(np.abs(few.index), np.abs(every.index))  # q and -q are equally soft
    uniform = (every.index == 0).all(axis=1)
    assert 0 < uniform.sum() < 10
    assert_allclose(np.abs((few.vector.conj() * every.vector).sum(axis=(1, 2)))[uniform], 1, rtol=1e-6)


def test_softest_wave_is_a_lower_bound_of_the_energy():
    hamiltonian = replace(MODELS["left_handed"], field=(0.0, 0.0, 0.0))
    textures = random_textures(hamiltonian, 20)
    assert (energy(hamiltonian, textures) / hamiltonian.n_spins >= softest_waves(hamiltonian, 1).energy[0]).all()


def test_grid_indices_are_all_different_waves():
    lattice = Lattice.named("cubic", (4, 5, 2), periodic=(True, True, False))
    index = grid_indices(lattice)
    assert len({tuple(k) for k in (index % [4, 5, 1]).tolist()}) == 4 * 5 == len(index)
    assert (index[:, 2] == 0).all()


def test_displacement_goes_around_periodic_axes_only():
    for periodic, there in (((True, True, False), -1.0), ((False, False, False), 5.0)):
        lattice = Lattice.named("square", (6, 6, 1), periodic=periodic)
        crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), Cpu())
        centres = np.array([[0, 0, 0], [1 / 6, 0, 0]])
        away = crystal.displacement(centres, np.eye(3))  # [replica, component, site]
        assert_allclose(away[:, :, 5], [[there, 0, 0], [4 if there > 0 else -2, 0, 0]], atol=1e-5)
        assert_allclose(crystal.distance2(centres), (away**2).sum(axis=1), atol=1e-5)


def test_distances_are_those_of_the_nearest_images():
    """In an oblique box, against all images around it; along a frame, only what it spans."""
    crystal = on("triangular", (5, 4, 3), exchange(1.0))
    lattice, centres = crystal.lattice, crystal.fractions[[0, 7, 33]]
    distance = np.sqrt(crystal.distance2(centres))
    images = np.stack(np.meshgrid(*[(-1, 0, 1)] * 2, (0,), indexing="ij"), axis=-1).reshape(-1, 3) @ lattice.box
    apart = lattice.positions - (centres @ lattice.box)[:, None]
    nearest = np.linalg.norm(apart[:, :, None] + images, axis=-1).min(axis=2)
    within = nearest < crystal.extent / 2 * 0.8  # further away, a minimum of each fraction is not always the nearest
    assert_allclose(distance[within], nearest[within], atol=1e-5)
    assert (distance > nearest - 1e-5).all()
    assert_allclose(
        crystal.distance2(centres, np.eye(3)[:1]), crystal.displacement(centres, np.eye(3)[:1])[:, 0] ** 2, atol=1e-5
    )


def test_patches_never_miss_a_film_below_thick_vacuum():
    lattice = Lattice(np.diag([1.0, 1.0, 40.0]), [[0, 0, 0]], (12, 12, 1), (True, True, False))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), Cpu())
    assert crystal.patch(draws(50), 2.0, 3.0).sum(axis=1).min() >= 12  # pi r^2, less the corners


def test_wavelength_is_that_of_the_softest_wave():
    tan_q = on("square", (24, 24, 1), bloch(1.0, 1.0)).wavelength  # tan q = D / J: q = pi / 4 per cell, along the axes
    assert tan_q == pytest.approx(8 / np.sqrt(2), rel=0.2)


# -- seeds -------------------------------------------------------------------------------------------------------------


def test_random_spins_are_isotropic():
    crystal = on("square", (100, 100, 1), exchange(1.0))
    s = unit(children(RandomSpins(), crystal, np.empty((0, 10000, 3)), 1)[0])
    assert np.abs(s.mean(axis=0)).max() < 5 / np.sqrt(3 * 10000)  # the variance of a component is 1/3
    assert_allclose(np.cov(s.T), np.eye(3) / 3, atol=4 * 0.3 / 100)
    assert_allclose(np.sort(s[:, 2]), np.linspace(-1, 1, 10000), atol=0.03)  # Archimedes: z is uniform


def periods(texture: np.ndarray, lattice: Lattice) -> set[tuple[int, ...]]:
    """Translations in cells, but for none, after which a texture [site, 3] repeats."""
    cells = texture.reshape(*lattice.grid, -1)
    every = np.ndindex(lattice.grid)
    return {t[::-1] for t in every if any(t) and np.abs(np.roll(cells, t, (0, 1, 2)) - cells).max() < 1e-5}


@pytest.mark.parametrize(
    ("name", "size", "without"),
    [
        ("triangular", (6, 6, 1), (1 / 2 / 4 + 1 / 3 / 9 + 1 / 6 / 36) / (1 / 2 + 1 / 3 + 1 / 6)),
        ("kagome", (4, 3, 1), (1 / 2 / 2 + 1 / 3 / 3) / (1 / 2 + 1 / 3)),
        ("cubic", (3, 2, 2), (1 / 2 / 4 + 1 / 3 / 3) / (1 / 2 + 1 / 3)),
        ("chain", (16, 1, 1), (1 / 2 / 2 + 1 / 4 / 4) / (1 / 2 + 1 / 4)),
    ],
)
def test_periodic_spins_repeat_after_a_random_translation(name, size, without):
    """Of those that lead back after m steps, all alike, one is no translation; m with weights 1 / m."""
    crystal = on(name, size, exchange(1.0))
    s = children(PeriodicSpins(), crystal, np.empty((0, crystal.lattice.sites, 3)), 400)
    found = [periods(texture, crystal.lattice) for texture in s]
    assert sum(not some for some in found) / 400 == pytest.approx(without, abs=5 * np.sqrt(without / 400))
    assert max(len(some) + 1 for some in found) == max(m for m in (2, 3, 4, 6) if m * m <= np.prod(size))
    assert_allclose(unit(s).mean(axis=(0, 1)), 0, atol=5 * np.sqrt(6 / s[..., 0].size))  # up to six copies of a spin


@pytest.mark.parametrize("periodic", [(False, False, False), (True, False, False)])
def test_periodic_spins_repeat_along_periodic_axes_only(periodic):
    lattice = Lattice.named("square", (4, 6, 1), periodic=periodic)
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), Cpu())
    s = children(PeriodicSpins(), crystal, np.empty((0, 24, 3)), 50)
    every = set().union(*(periods(texture, lattice) for texture in s))
    assert every == ({(1, 0, 0), (2, 0, 0), (3, 0, 0)} if periodic[0] else set())


@pytest.mark.parametrize("name", ["square_no_field", "pyrochlore", "chain", "cubic", "kagome_tensor", "uncoupled"])
def test_correlated_spins_have_the_covariance_of_the_paramagnet(name):
    """[w + EXCESS (w - w0) - M]^-1 of the box, E = - 1/2 s M s; M from the fields of single spins."""
    crystal = on("cubic", (4, 3, 2), bloch(1.0, 0.5)) if name == "cubic" else CRYSTALS[name]
    spectrum, ones = crystal.spectrum, np.eye(3 * crystal.lattice.sites).reshape(-1, crystal.lattice.sites, 3)
    M = (effective_field(crystal.hamiltonian, ones) - effective_field(crystal.hamiltonian, 0 * ones[0])).reshape(
        len(ones), -1
    )
    w = np.linalg.eigvalsh(M).max()
    above = soft_waves.EXCESS * (w - np.trace(M) / len(M) or 1.0)
    modes = spectrum.modes(spectrum.planes(ones.astype(np.float32)))
    made = spectrum.textures(spectrum.values(crystal.correlated(modes))).reshape(len(ones), -1)
    covariance = made.T @ made
    assert_allclose(covariance, np.linalg.inv((w + above) * np.eye(len(M)) - M), rtol=0, atol=1e-4 * covariance.max())


def test_correlated_spins_of_an_open_chain_are_those_of_the_infinite_one():
    """Strongest at cos q = J1 / 4 |J2|, although no wave but q = 0 is a soft one of an open box."""
    lattice = Lattice.named("chain", (64, 1, 1), periodic=(False, False, False))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(-1.0))), Cpu())
    strength = np.mean(
        [power(s, (1, 64))[0] for s in children(CorrelatedSpins(), crystal, np.empty((0, 64, 3)))], axis=0
    )
    q = 2 * np.pi * np.arange(33) / 64
    assert abs(q[strength[:33].argmax()] - np.arccos(0.25)) < 0.2


def test_correlated_spins_are_magnetized_along_the_field_and_nowhere_without():
    still, pulled = (on("square", (16, 16, 1), exchange(-1.0), field=of) for of in ((0.0, 0.0, 0.0), UP))
    for crystal, least, most in ((still, -0.1, 0.1), (pulled, 0.5, 1.0)):
        s = children(CorrelatedSpins(), crystal, np.empty((0, 256, 3)), 100)
        assert least < s[..., 2].mean() < most  # 0.75 on average
        assert_allclose(((s - s.mean(axis=1, keepdims=True)) ** 2).sum(axis=2).mean(), 1.0, rtol=0.05)


def test_correlated_spins_are_independent_where_their_correlations_would_take_long(monkeypatch):
    crystal = on("square", (6, 6, 1), exchange(1.0))
    noise = children(RandomSpins(), crystal, np.empty((0, 36, 3)))
    monkeypatch.setattr(soft_waves, "AFFORDED", 100)
    s = children(CorrelatedSpins(), crystal, np.empty((0, 36, 3)))
    assert_allclose(s, noise / np.sqrt((noise**2).sum(axis=2).mean(axis=1))[:, None, None], atol=1e-5)


def test_soft_waves_seed_has_its_weight_on_the_softest_wave_vectors():
    """A narrow spread picks softest waves only; spins on the sphere add their odd harmonics and the mean."""
    crystal = on("square", (12, 12, 1), exchange(1.0), exchange(0.0), exchange(-1.0))
    lattice, waves = crystal.lattice, crystal.waves
    softest = {tuple(k) for k in (waves.index[waves.energy < waves.energy[0] + 1e-9] % 12).tolist()}
    axis = (2, 3, 9, 10)  # cos q - cos 2q is the same at 60 and at 90 degrees
    assert softest == {(kx, ky, 0) for kx in axis for ky in axis}
    for s in children(SoftWaves(spread=(1e-3, 1e-3), noise=0.0), crystal, np.empty((0, lattice.sites, 3))):
        strength = power(s, (12, 12)).T  # [k1, k2]
        strength[0, 0] = 0
        inside = sum(strength[kx, ky] for kx, ky, _ in softest)
        assert inside > 0.999 * strength.sum() > 0


def test_soft_waves_seed_points_along_an_easy_axis_and_across_a_hard_one():
    """- K (s.n)^2 with K = 5 J: at low temperatures all of the wave is on the axis, or none of it."""
    n = np.array([0.6, 0.0, 0.8])
    for K, share in ((5.0, 1.0), (-5.0, 0.0)):
        axis = UniaxialAnisotropy(K, axis=tuple(n))
        crystal = on("square", (12, 12, 1), exchange(1.0), exchange(0.0), exchange(-1.0), anisotropy=(axis,))
        cold = SoftWaves(spread=(1e-3, 1e-3), noise=0.0)
        s = children(cold, crystal, np.empty((0, 144, 3)))
        wave = s - s.mean(axis=1, keepdims=True)
        assert ((wave @ n) ** 2).sum() / (wave**2).sum() == pytest.approx(share, abs=0.02)


def test_soft_waves_seeds_are_noisy_half_of_the_time():
    crystal = on("square", (12, 12, 1), exchange(1.0))
    smooth = 0
    for s in children(SoftWaves(spread=(1e-3, 1e-3)), crystal, np.empty((0, 144, 3)), 100):
        strength = power(s, (12, 12)).ravel()
        smooth += strength.argmax() == 0 and np.sort(strength)[-2] < 1e-9 * strength.max()  # a ferromagnet: q = 0
    assert 30 <= smooth <= 70


@pytest.mark.parametrize("field", [(0.0, 0.0, 0.0), UP])
def test_no_soft_waves_seed_is_collinear(field):
    """Along the easy axis it would exert no torque, whatever its waves, and relax to itself."""
    axis = UniaxialAnisotropy(5.0)
    crystal = on("square", (12, 12, 1), exchange(1.0), exchange(0.0), exchange(-1.0), anisotropy=(axis,), field=field)
    s = unit(children(SoftWaves(), crystal, np.empty((0, 144, 3)), 40))
    torque = np.linalg.norm(np.cross(s, effective_field(crystal.hamiltonian, s)), axis=-1)
    assert torque.max(axis=1).min() > 0.01


def test_soft_waves_seed_is_magnetized_along_the_field():
    crystal = on("square", (8, 8, 1), bloch(1.0, 1.0), field=UP)
    assert children(SoftWaves(), crystal, np.empty((0, 64, 3)), 40)[..., 2].mean() > 0.4


# -- splices -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", SPLICES)
@crystals
def test_splice_takes_every_spin_from_a_parent_moved_by_a_symmetry(operator, crystal):
    """Uniform parents, told apart by their directions, remain uniform under the symmetries of the crystal."""
    hamiltonian, make = crystal.hamiltonian, operator()
    directions = unit(rng(1).normal(size=(make.parents, 3)))
    parents = np.stack([uniform(crystal, n) for n in directions])
    matrices = [g.matrix for g in crystal.operations] if hamiltonian.uniform else [np.eye(3)]
    allowed = np.concatenate([directions @ m.T for m in matrices])
    used = set()
    for child in children(make, crystal, parents, 24)[:, hamiltonian.occupied]:
        nearest = np.linalg.norm(child[:, None] - allowed, axis=2)
        assert nearest.min(axis=1).max() < 1e-5
        used |= set(nearest.argmin(axis=1) % make.parents)
    if crystal.lattice.sites > 1:
        axes = max(1, len(crystal.extended))
        assert len(used) == min(make.parents, 2**axes)


@pytest.mark.parametrize("operator", SPLICES)
def test_splice_keeps_spins_where_the_symmetry_has_put_them(operator):
    """Without a point group (a field across a DMI), the child agrees with translated parents site by site."""
    crystal, make = CRYSTALS["square_bloch"], operator()
    assert len(crystal.operations) == 1
    lattice, parents = crystal.lattice, some_textures(crystal, make.parents)
    shifts = [(x, y, 0) for x in range(6) for y in range(5)]
    moved = np.stack([parent[lattice.translation(shift)] for parent in parents for shift in shifts])
    for child in children(make, crystal, parents, 5):
        from_ = (child == moved).all(axis=2)  # [candidate, site]
        assert from_.any(axis=0).all()
        largest = from_.sum(axis=1).reshape(make.parents, -1).max(axis=1)  # sites that a parent, moved once, explains
        assert largest.sum() == lattice.sites


def test_fourier_splice_of_a_texture_with_its_own_copies_keeps_each_waves_strength():
    crystal = CRYSTALS["square_bloch"]
    texture = some_textures(crystal, 1)[0]
    inner = np.ix_([0, 1, 2, 3, 4], [0, 1, 2, 4, 5])  # at half a reciprocal vector q and -q may have parted
    for child in children(FourierSplice(), crystal, [texture, texture]):
        assert_allclose(power(child, (5, 6))[inner], power(texture, (5, 6))[inner], rtol=1e-4)
        assert np.abs(child - texture).max() > 0.1


def test_fourier_splice_parts_the_waves_by_a_slab():
    """Without symmetries: each wave is one parent's, near zero the first's, and both have a share."""
    crystal = CRYSTALS["disordered"]
    one, other = some_textures(crystal, 2)
    modes = [np.fft.fft2(s.reshape(4, 5, 3), axes=(0, 1)) for s in (one, other)]
    shares = []
    for child in children(FourierSplice(), crystal, [one, other], 30):
        made = np.fft.fft2(child.reshape(4, 5, 3), axes=(0, 1))
        first, second = (np.isclose(made, of, atol=1e-4).all(axis=-1) for of in modes)
        assert first[0, 0]
        assert (first | second)[[0, 1, 3]].all(), "at half a reciprocal vector q and -q may have parted"
        shares.append(second[[0, 1, 3]].mean())
    assert 0.1 < np.mean(shares) < 0.9


# -- mutations ---------------------------------------------------------------------------------------------------------


def test_rotated_texture_has_the_same_energy_where_spins_are_free():
    crystal = on("triangular", (5, 4, 1), exchange(1.0), exchange(-0.7))
    texture = some_textures(crystal, 1)[0]
    for child in children(RotateTexture(), crystal, texture):
        assert energy(crystal.hamiltonian, child) == pytest.approx(energy(crystal.hamiltonian, texture), abs=1e-4)
        assert np.abs(child - texture).max() > 0.1


def test_rotation_is_often_about_the_field():
    crystal = CRYSTALS["stacked"]
    texture = some_textures(crystal, 1)[0]
    turned = children(RotateTexture(), crystal, texture, 60)[..., 2]
    assert 15 <= np.isclose(turned, texture[:, 2], atol=1e-5).all(axis=1).sum() <= 45


def test_rotated_patch_turns_as_one_and_leaves_the_rest():
    crystal = on("square", (20, 20, 1), bloch(1.0, 1.0))
    texture = some_textures(crystal, 1)[0]
    parts = []
    for child in children(RotatePatch(), crystal, texture):
        turned = (child != texture).any(axis=1)
        assert_allclose(child[turned] @ child[turned].T, texture[turned] @ texture[turned].T, atol=1e-5)
        parts.append(turned.mean())
    assert 0 < min(parts) < max(parts) < 1


@crystals
def test_shuffled_patch_holds_the_same_spins(crystal):
    texture = some_textures(crystal, 1)[0]
    changed = 0
    for child in children(ShufflePatch(), crystal, texture):
        assert multiset(child) == multiset(texture)
        assert_array_equal(child[~crystal.hamiltonian.occupied], 0)
        changed += (child != texture).any()
    assert changed or crystal.lattice.sites == 1


@pytest.mark.parametrize("name", ["square_no_field", "kagome_tensor", "prime_box", "chain", "open_film"])
def test_inserted_stripe_consists_of_rows_of_the_parent(name):
    """Along one axis every plane of cells is a plane of the parent, in an order that no translation makes."""
    crystal = CRYSTALS[name]
    lattice = crystal.lattice
    parent = some_textures(crystal, 1)[0]

    def grid(s: np.ndarray) -> np.ndarray:
        return s.reshape(*lattice.grid, -1)

    for child in map(grid, children(InsertStripe(), crystal, parent, 20)):
        ways = []
        for axis in (2 - a for a in crystal.extended):
            rows, planes = np.moveaxis(child, axis, 0), np.moveaxis(grid(parent), axis, 0)
            match = (rows[:, None] == planes[None]).reshape(len(rows), len(rows), -1).all(axis=2)
            if match.any(axis=1).all():
                ways.append(match.argmax(axis=1))
        assert len(ways) == 1
        source, n = ways[0], len(ways[0])
        assert n - max(1, n // 4) <= len(set(source.tolist())) <= n - 1, "some rows are repeated, most remain"
        assert ((np.diff(source) % n) <= 2).mean() > 0.5, "rows keep their order"


def test_shifted_wave_is_a_spiral_at_a_neighbouring_wave_vector():
    crystal = on("square", (12, 10, 1), exchange(1.0), exchange(0.0), exchange(-1.0))
    x, y, _ = crystal.lattice.coordinates.T
    phase = 2 * np.pi * (3 * x / 12 + 2 * y / 10)
    parent = np.sqrt(0.84) * (np.cos(phase)[:, None] * X + np.sin(phase)[:, None] * Y) + 0.4 * Z
    reached = set()
    for child in children(ShiftWave(), crystal, parent, 60):
        strength = power(child, (10, 12)).T  # [k1, k2]
        assert strength[0, 0] == pytest.approx((0.4 * 120) ** 2, rel=1e-5)
        strength[0, 0] = 0
        k = np.unravel_index(strength.argmax(), strength.shape)
        if k[0] > 6:
            k = (12 - k[0], (10 - k[1]) % 10)
        reached.add((int(k[0]), int(k[1])))
        assert strength.max() == pytest.approx(strength.sum() / 2, rel=1e-5), "one wave, as before, and its conjugate"
        assert strength.sum() == pytest.approx(120**2 * 0.84, rel=1e-5)
    assert reached == {(kx, ky) for kx in (2, 3, 4) for ky in (1, 2, 3)}


@pytest.mark.parametrize("name", ["kagome_tensor", "icosahedron", "one_cell"])
def test_shifted_wave_leaves_a_texture_alike_in_all_cells(name):
    """Nothing but q = 0: the sublattices keep their directions."""
    crystal = CRYSTALS[name]
    lattice = crystal.lattice
    parent = np.tile(unit(rng().normal(size=(lattice.atoms, 3))), (lattice.cells, 1))
    assert_allclose(children(ShiftWave(), crystal, parent), np.tile(parent, (12, 1, 1)), atol=1e-5)


# -- stretched, multiplied, dislocated ---------------------------------------------------------------------------------


def spiral(crystal: Crystal, k: Any) -> np.ndarray:
    """cos(q.r) x + sin(q.r) y + z at the true places of all atoms, from the first one on, q = sum_a k_a b_a / n_a."""
    lattice = crystal.lattice
    phase = (lattice.positions - lattice.positions[0]) @ (np.asarray(k) / lattice.size @ lattice.reciprocal)
    return np.cos(phase)[:, None] * X + np.sin(phase)[:, None] * Y + Z


WAVY = {
    "square": (on("square", (12, 10, 1), bloch(1.0, 0.5)), (3, 0, 0)),
    "oblique": (on("square", (12, 10, 1), bloch(1.0, 0.5)), (3, 2, 0)),
    "antiferromagnet": (on("square", (12, 9, 1), exchange(-1.0)), (4, 3, 0)),
    "honeycomb": (on("honeycomb", (9, 8, 1), exchange(1.0)), (2, -3, 0)),
    "pyrochlore": (on("pyrochlore", (6, 7, 5), exchange(1.0)), (1, 2, -1)),
    "chain": (on("chain", (16, 1, 1), exchange(1.0)), (4, 0, 0)),
}
wavy = pytest.mark.parametrize(("crystal", "k"), WAVY.values(), ids=WAVY)


@pytest.mark.parametrize("name", ["square", "kagome"])
def test_translated_texture_is_the_texture_by_less_than_a_cell_away(name):
    """A spiral stays one: its phase turns by q.d, with d of at most half a cell along each axis."""
    crystal = on(name, (8, 12, 1), exchange(1.0))
    lattice, q = crystal.lattice, 2 * np.pi * np.array([1 / 8, 2 / 12, 0])
    phase = np.repeat(lattice.coordinates @ q, lattice.atoms)
    spiral = np.stack([np.cos(phase), np.sin(phase), np.full(len(phase), 0.3)], axis=1)
    phases = []
    for moved in children(TranslateTexture(), crystal, spiral, 20):
        assert_allclose(moved[:, 2], 0.3, atol=1e-5)
        turned = (moved[:, 0] + 1j * moved[:, 1]) * np.exp(-1j * phase)
        assert_allclose(turned, turned[0], atol=1e-5)
        assert abs(turned[0]) == pytest.approx(1, abs=1e-5)
        phases.append(np.angle(turned[0]))
    assert np.abs(phases).max() <= 0.5 * np.abs(q).sum() + 1e-5
    assert np.ptp(phases) > 0.5 * np.abs(q).sum()


def test_translated_texture_keeps_the_strengths_of_its_waves():
    crystal = on("square", (9, 7, 1), exchange(1.0))
    texture = some_textures(crystal, 1)[0]
    for moved in children(TranslateTexture(), crystal, texture):
        assert_allclose(power(moved, (7, 9)), power(texture, (7, 9)), rtol=1e-4)


def test_translated_texture_stays_between_open_edges():
    lattice = Lattice.named("square", (8, 12, 1), periodic=(False, True, False))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))), Cpu())
    column = np.tile(unit(rng().normal(size=(8, 3))), (12, 1))  # alike along the periodic axis
    assert_allclose(children(TranslateTexture(), crystal, column), np.tile(column, (12, 1, 1)), atol=1e-5)


@wavy
def test_stretched_spiral_is_one_with_a_period_more_or_fewer(crystal, k):
    parent, reached = spiral(crystal, k), set()
    allowed = {}
    for axis in np.flatnonzero(k):
        for step in (-1, 1):
            to = tuple(int(n) for n in k + step * np.eye(3, dtype=int)[axis])
            allowed[to] = spiral(crystal, to)
    for child in children(StretchTexture(), crystal, parent, 60):
        fits = {to for to, texture in allowed.items() if np.allclose(child, texture, atol=1e-4)}
        assert fits
        reached |= fits
    assert reached == set(allowed)


def test_stretched_skyrmion_lattice_keeps_its_waves_in_step():
    """A wave along the axis has twice the periods of the two beside it: all three still add up to zero."""
    crystal = on("square", (24, 20, 1), bloch(1.0, 0.5))
    x, y, _ = crystal.lattice.coordinates.T / [[24], [20], [1]]
    waves = ((4, 0), (-2, 3), (-2, -3))
    parent = sum(np.cos(2 * np.pi * (h * x + k * y))[:, None] * n for (h, k), n in zip(waves, (X, Y, Z), strict=True))
    seen = set()
    for child in children(StretchTexture(), crystal, parent, 40):
        modes = np.abs(np.fft.fft2(child.reshape(20, 24, 3), axes=(0, 1))) > 1
        triple = tuple(tuple(int(k) for k in np.argwhere(modes[..., c])[0]) for c in range(3))  # (y, x) of one of +-q
        signs = [(s, t) for s in (1, -1) for t in (1, -1)]
        closes = [np.array([triple[0]]) + s * np.array(triple[1]) + t * np.array(triple[2]) for s, t in signs]
        seen.add((min(triple[0][1], 24 - triple[0][1]), any((c % [20, 24] == 0).all() for c in closes)))
    assert {(2, True), (6, True)} <= seen, "one period more of the two is two more of the third"


@wavy
def test_multiplied_spiral_has_two_or_three_times_the_periods(crystal, k):
    axes, reached = list(crystal.extended), set()
    allowed = {}
    for times in (2, 3):
        for which in [*([axis] for axis in axes), axes]:
            to = np.array(k)
            to[which] *= times
            allowed[tuple(to.tolist())] = spiral(crystal, to)
    for child in children(MultiplyTexture(), crystal, spiral(crystal, k), 80):
        fits = {to for to, texture in allowed.items() if np.allclose(child, texture, atol=1e-4)}
        assert fits
        reached |= fits
    assert reached == set(allowed)


@pytest.mark.parametrize("size", [(60, 60, 1), (61, 59, 1)])
def test_multiplied_skyrmion_makes_as_many(size):
    crystal = on("square", size, bloch(1.0, 0.3), field=UP)
    one = children(PlantSkyrmion(), crystal, uniform(crystal), 1)[0]
    charge = topological_charge(crystal.lattice, one)
    assert abs(charge) == pytest.approx(1)
    made = {round(topological_charge(crystal.lattice, s)) for s in children(MultiplyTexture(), crystal, one, 40)}
    assert made == {charge.round() * copies for copies in (2, 3, 4, 9)}


def test_copies_are_alike_where_the_box_can_be_divided():
    crystal = on("cubic", (4, 4, 3), exchange(1.0))
    parent = some_textures(crystal, 1)[0]
    periods = set()
    for child in children(MultiplyTexture(), crystal, parent, 40):
        for shift in ((2, 0, 0), (0, 2, 0), (0, 0, 1)):
            if np.allclose(child[crystal.lattice.translation(shift)], child, atol=1e-12):
                periods.add(shift)
    assert len(periods) == 3


def plaquettes(phase: np.ndarray) -> np.ndarray:
    """Turns of a phase [y, x] around every square of a torus, counterclockwise."""

    def step(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.angle(np.exp(1j * (b - a)))

    right, both, up = np.roll(phase, -1, 1), np.roll(phase, (-1, -1), (0, 1)), np.roll(phase, -1, 0)
    turned = step(phase, right) + step(right, both) + step(both, up) + step(up, phase)
    return np.rint(turned / (2 * np.pi)).astype(int)


@pytest.mark.parametrize("edges", [np.diag([3.0, 4.0, 1.0])[:2], np.array([[2.0, 0.0, 0.0], [0.9, 0.0, 2.1]])])
def test_vortices_wind_around_their_points_only_and_go_around_the_torus(edges):
    at = (np.indices((40, 40)).reshape(2, -1)[::-1] + 0.0) / 40  # [2, place], the first edge fastest
    plus, minus = np.stack([rng(seed).random((2, 2)) for seed in range(8)], axis=1)
    factor = vortices(Cpu(), edges, at, plus, minus)
    assert_allclose(np.abs(factor), 1)
    for around in ((1.0, 0.0), (0.0, 1.0)):
        assert_allclose(vortices(Cpu(), edges, at + np.reshape(around, (2, 1)), plus, minus), factor, atol=1e-5)
    for replica in range(8):
        turns = plaquettes(np.angle(factor[replica]).reshape(40, 40))
        expected = np.zeros((40, 40), dtype=int)
        for point, sign in ((plus[replica], 1), (minus[replica], -1)):
            expected[int(point[1] * 40), int(point[0] * 40)] += sign
        assert_array_equal(turns, expected)


def test_vortices_are_finite_in_a_box_of_any_shape():
    at = rng().random((2, 100)).astype(np.float32)
    for aspect in (1e-2, 1.0, 1e2, 1e4):
        factor = vortices(Cpu(), np.diag([1.0, aspect, 1.0])[:2], at, at.T[:1], at.T[1:2])
        assert_allclose(np.abs(factor), 1, atol=1e-5)


def test_vortices_are_harmonic():
    """The phase of theta_1(z - a) / theta_1(z - b) has no sources: its Laplacian vanishes away from both points."""
    edges, plus, minus = np.array([[1.0, 0.0, 0.0], [0.3, 1.1, 0.0]]), np.array([0.2, 0.3]), np.array([0.7, 0.6])
    places, h = rng().random((200, 3))[:, :2] @ edges[:, :2], 1e-3
    away = [np.abs((places @ np.linalg.inv(edges[:, :2]) - p + 0.5) % 1 - 0.5).max(axis=1) > 0.1 for p in (plus, minus)]
    places = places[np.logical_and(*away)]

    def angle(where: np.ndarray) -> np.ndarray:
        place = (where @ np.linalg.inv(edges[:, :2])).T
        return np.angle(vortices(Cpu(), edges, place, plus[None], minus[None])[0])

    centre = angle(places)
    around = [angle(places + h * np.array(d)) for d in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    laplacian = sum(np.angle(np.exp(1j * (a - centre))) for a in around) / h**2
    assert len(places) > 50
    assert np.abs(laplacian).max() < 0.05


@pytest.mark.parametrize("size", [(30, 24, 1), (24, 20, 18)])
def test_dislocations_wind_once_around_each_core_and_the_box_stays_periodic(size):
    """The phase of a spiral turns by +-2 pi around two points, or lines, and nowhere else, not even at the seams."""
    lattice = Lattice.named("cubic", size)
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5))), Cpu())
    parent, lines = spiral(crystal, (3, 1, 0)), 0
    for child in children(InsertDislocations(), crystal, parent, 20):
        assert_allclose(np.linalg.norm(child, axis=1), np.sqrt(2), rtol=1e-5, err_msg="a wave that is only turned")
        phase = np.arctan2(child[:, 1], child[:, 0]).reshape(lattice.grid)
        turns = np.stack([plaquettes(layer) for layer in phase])
        assert (turns.sum(axis=(1, 2)) == 0).all()
        across = np.abs(turns).sum(axis=(1, 2))
        assert set(across.tolist()) <= {0, 2}
        lines += across.all()
    assert lines >= 4


@pytest.mark.parametrize("operator", [StretchTexture, MultiplyTexture, InsertDislocations, MoveSkyrmion])
@pytest.mark.parametrize("name", ["icosahedron", "one_cell"])
def test_what_needs_cells_leaves_a_single_one_as_it_is(operator, name):
    crystal = CRYSTALS[name]
    texture = some_textures(crystal, 1)[0]
    assert_array_equal(children(operator(), crystal, texture), np.tile(texture, (12, 1, 1)))


# -- one wave of another parent ----------------------------------------------------------------------------------------


def test_exchanged_wave_is_the_other_parents_and_the_rest_the_first_ones():
    crystal = CRYSTALS["disordered"]  # 5 x 4, no symmetry moves the parents

    def modes(s: np.ndarray) -> np.ndarray:
        return np.fft.fft2(s.reshape(4, 5, 3), axes=(0, 1))

    parents, drawn = some_textures(crystal, 2), set()
    a, b = map(modes, parents)
    for child in map(modes, children(ExchangeWave(), crystal, parents, 40)):
        other = [tuple(k) for k in np.argwhere(~np.isclose(child, a, atol=1e-4).all(axis=-1)).tolist()]
        assert_allclose(child[tuple(np.transpose(other))], b[tuple(np.transpose(other))], atol=1e-4)
        assert {(-y % 4, -x % 5) for y, x in other} == set(other)
        assert len(other) in (1, 2), "q and - q"
        drawn.add(min(other))
    assert len(drawn) > 5


def test_waves_in_which_parents_agree_are_not_exchanged():
    crystal = CRYSTALS["disordered"]
    a, b = spiral(crystal, (1, 0, 0)), spiral(crystal, (2, 0, 0))
    made = children(ExchangeWave(), crystal, np.stack([a, b]), 20)
    assert {len(np.unique(child.round(4) + 0.0, axis=0)) for child in made} <= {1, 5}  # no wave, or both
    assert_allclose(made[..., 2], 1.0, atol=1e-5)


# -- skyrmions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "triangular"])
@pytest.mark.parametrize("field", [UP, (0.0, 0.0, -5.0), (0.0, 0.0, 0.0)])
def test_planted_skyrmion_has_charge_one_and_can_be_removed(name, field):
    crystal = on(name, (40, 40, 1), bloch(1.0, 0.4), field=field)
    up = -Z if field[2] < 0 else Z
    ferromagnet = uniform(crystal, up)
    planted = children(PlantSkyrmion(), crystal, ferromagnet, 40)
    assert_allclose(np.linalg.norm(planted, axis=2), 1, atol=1e-6)
    charges = topological_charge(crystal.lattice, planted)
    none = RemoveSkyrmion()(crystal, planted[:, None].astype(np.float32), draws(40, 7))
    assert (none @ up < -0.5).sum() == 0
    assert_allclose(topological_charge(crystal.lattice, none), 0, atol=1e-6)
    assert_allclose(np.abs(charges), 1, atol=1e-6)
    skyrmions = np.mean(np.isclose(charges, -up[2]))  # core against an up background: Q = -1
    assert 0.5 < skyrmions < 1, "antiskyrmions sometimes"


@crystals
def test_moved_skyrmion_holds_the_same_spins(crystal):
    texture = some_textures(crystal, 1)[0]
    for child in children(MoveSkyrmion(), crystal, texture):
        assert multiset(child) == multiset(texture)
        assert_array_equal(child[~crystal.hamiltonian.occupied], 0)


@pytest.mark.parametrize("name", ["square", "honeycomb"])
@pytest.mark.parametrize("field", [UP, (0.0, 0.0, -5.0)])
def test_moved_skyrmion_is_the_same_one_elsewhere(name, field):
    """Three are still three, of the same charge, and no spin is another one: helicity and size are kept."""
    crystal = on(name, (60, 60, 1), *[bloch(1.0, 0.5)] * (1 if name == "square" else 2), field=field)
    lattice, up = crystal.lattice, -Z if field[2] < 0 else Z
    for seed, one in enumerate(children(PlantSkyrmion(), crystal, uniform(crystal, up))):
        parent = one.copy()
        for shift in ((20, 0, 0), (0, 30, 0)):
            copy = one[lattice.translation(shift)]
            parent = np.where((copy @ up < 1 - 1e-6)[:, None], copy, parent)
        child = children(MoveSkyrmion(), crystal, parent, 1, seed)[0]
        charges = [topological_charge(lattice, s) for s in (one, parent, child)]
        assert_allclose(charges, charges[0] * np.array([1, 3, 3]), atol=1e-6)
        core = [set(np.flatnonzero(s @ up < 0)) for s in (parent, child)]
        assert len(core[0] - core[1]) == pytest.approx(len(core[0]) / 3, abs=2), "one of three has left its place"


@pytest.mark.parametrize("open_edges", [False, True])
def test_moved_skyrmion_is_a_column_in_stacked_layers(open_edges):
    lattice = Lattice.named("cubic", (24, 24, 12), periodic=(True, True, not open_edges))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.8)), field=UP), Cpu())
    parent = children(PlantSkyrmion(), crystal, uniform(crystal), 1)[0]
    for child in children(MoveSkyrmion(), crystal, parent, 6).reshape(6, 12, 24 * 24, 3):
        assert_array_equal(child, np.broadcast_to(child[0], child.shape))
        assert (child.reshape(-1, 3) != parent).any()
