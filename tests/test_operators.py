"""Operators: one law for all of them on every kind of lattice, and what each by itself promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from oracle import energy, random_textures

from magsearch.engine.device import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.model.terms.single_ion import UniaxialAnisotropy
from magsearch.observables.topological_charge import topological_charge
from magsearch.operators import OPERATORS
from magsearch.operators.crystal import Crystal, grid_indices, softest_waves
from magsearch.operators.mutations import InsertStripe, RotatePatch, RotateTexture, ShufflePatch
from magsearch.operators.seeds import RandomSpins, SoftWaves
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
from magsearch.search.island import GeneticTunneling, Island

X, Y, Z = np.eye(3)
UP = (0.0, 0.0, 5.0)
SPLICES = (StripeSplice, QuadrantSplice, PatchSplice)


def on(name: str, size: tuple[int, int, int], *couplings: Any, **rest: Any) -> Crystal:
    lattice = Lattice.named(name, size)
    return Crystal(Hamiltonian(lattice, shell_bonds(lattice, *couplings), **rest))


CRYSTALS = {name: Crystal(model) for name, model in MODELS.items() if name != "large_film"} | {
    "square_no_field": on("square", (7, 6, 1), bloch(1.0, 0.5)),
    "uncoupled": Crystal(replace(MODELS["square_bloch"], bonds=MODELS["square_bloch"].bonds.none())),
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


# -- what every operator promises --------------------------------------------------------------------------------------


@every
@crystals
def test_operator_makes_a_texture_from_as_many_parents_as_it_asks_for(operator, crystal):
    make, hamiltonian = operator(), crystal.hamiltonian
    for seed, some in enumerate((random_textures(hamiltonian, make.parents), [uniform(crystal)] * make.parents)):
        parents = np.reshape(some, (make.parents, hamiltonian.lattice.sites, 3)).copy()
        before = parents.copy()
        for draw in range(4):
            child = make(crystal, parents, rng(10 * draw + seed))
            assert child.shape == (hamiltonian.lattice.sites, 3)
            assert np.isfinite(child).all()
            assert_array_equal(parents, before, "parents are left as they are")
            assert_array_equal(child, make(crystal, parents, rng(10 * draw + seed)), "the same stream, the same child")


@every
@crystals
def test_island_puts_offspring_on_the_sphere(operator, crystal):
    hamiltonian, make = crystal.hamiltonian, operator()
    settings = GeneticTunneling(replicas=4, seeds=((RandomSpins(), 1.0),), operators=((make, 1.0),))
    island = Island(crystal, Evaluator(hamiltonian, Cpu()), settings)
    island.breed()
    for replica in range(3):
        child, name = island._child(replica)
        assert name == operator.__name__
        assert_allclose(np.linalg.norm(child, axis=1), hamiltonian.occupied, atol=1e-12)


@every
def test_operator_depends_on_the_stream(operator):
    crystal, make = CRYSTALS["stacked"], operator()
    parents = random_textures(crystal.hamiltonian, make.parents)
    children = {make(crystal, parents, rng(seed)).tobytes() for seed in range(12)}
    assert len(children) > 3


# -- the crystal as operators see it -----------------------------------------------------------------------------------


@crystals
def test_moved_textures_have_the_same_energy(crystal):
    texture = random_textures(crystal.hamiltonian, 1)[0]
    random = rng(3)
    moved = np.stack([crystal.moved(texture, random) for _ in range(8)])
    if crystal.hamiltonian.uniform and crystal.lattice.cells > 1 and any(crystal.lattice.periodic):
        assert len({m.tobytes() for m in moved}) > 1
    assert_allclose(energy(crystal.hamiltonian, moved), energy(crystal.hamiltonian, texture), rtol=1e-9, atol=1e-9)


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
        away = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))).displacement([0, 0, 0])
        assert_allclose(away[5], [there, 0, 0], atol=1e-12)


def test_patches_never_miss_a_film_below_thick_vacuum():
    lattice = Lattice(np.diag([1.0, 1.0, 40.0]), [[0, 0, 0]], (12, 12, 1), (True, True, False))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))))
    random = rng()
    assert min(crystal.patch(random, 2.0, 3.0).sum() for _ in range(50)) >= 12  # pi r^2, less the corners


def test_wavelength_is_that_of_the_softest_wave():
    tan_q = on("square", (24, 24, 1), bloch(1.0, 1.0)).wavelength  # tan q = D / J: q = pi / 4 per cell, along the axes
    assert tan_q == pytest.approx(8 / np.sqrt(2), rel=0.2)


# -- seeds -------------------------------------------------------------------------------------------------------------


def test_random_spins_are_isotropic():
    crystal = on("square", (100, 100, 1), exchange(1.0))
    s = unit(RandomSpins()(crystal, np.empty((0, 10000, 3)), rng()))
    assert np.abs(s.mean(axis=0)).max() < 5 / np.sqrt(3 * 10000)  # the variance of a component is 1/3
    assert_allclose(np.cov(s.T), np.eye(3) / 3, atol=4 * 0.3 / 100)
    assert_allclose(np.sort(s[:, 2]), np.linspace(-1, 1, 10000), atol=0.03)  # Archimedes: z is uniform


def test_soft_waves_seed_has_its_weight_on_the_softest_wave_vectors():
    """A narrow spread picks softest waves only; spins on the sphere add their odd harmonics and the mean."""
    crystal = on("square", (12, 12, 1), exchange(1.0), exchange(0.0), exchange(-1.0))
    lattice, waves = crystal.lattice, crystal.waves
    softest = {tuple(k) for k in (waves.index[waves.energy < waves.energy[0] + 1e-9] % 12).tolist()}
    axis = (2, 3, 9, 10)  # cos q - cos 2q is the same at 60 and at 90 degrees
    assert softest == {(kx, ky, 0) for kx in axis for ky in axis}
    for seed in range(10):
        s = SoftWaves(spread=(1e-3, 1e-3), noise=0.0)(crystal, np.empty((0, lattice.sites, 3)), rng(seed))
        power = (np.abs(np.fft.fftn(s.reshape(12, 12, 3), axes=(0, 1))) ** 2).sum(axis=-1).T  # [k1, k2]
        power[0, 0] = 0
        inside = sum(power[kx, ky] for kx, ky, _ in softest)
        assert inside > 0.999 * power.sum() > 0


def test_soft_waves_seed_points_along_an_easy_axis_and_across_a_hard_one():
    """- K (s.n)^2 with K = 5 J: at low temperatures all of the wave is on the axis, or none of it."""
    n = np.array([0.6, 0.0, 0.8])
    for K, share in ((5.0, 1.0), (-5.0, 0.0)):
        axis = UniaxialAnisotropy(K, axis=tuple(n))
        crystal = on("square", (12, 12, 1), exchange(1.0), exchange(0.0), exchange(-1.0), anisotropy=(axis,))
        cold = SoftWaves(spread=(1e-3, 1e-3), noise=0.0)
        s = np.stack([cold(crystal, np.empty((0, 144, 3)), rng(seed)) for seed in range(10)])
        wave = s - s.mean(axis=1, keepdims=True)
        assert ((wave @ n) ** 2).sum() / (wave**2).sum() == pytest.approx(share, abs=0.02)


def test_soft_waves_seeds_are_noisy_half_of_the_time():
    crystal = on("square", (12, 12, 1), exchange(1.0))
    smooth = 0
    for seed in range(100):
        s = SoftWaves(spread=(1e-3, 1e-3))(crystal, np.empty((0, 144, 3)), rng(seed))
        power = (np.abs(np.fft.fftn(s.reshape(12, 12, 3), axes=(0, 1))) ** 2).sum(axis=-1).ravel()
        smooth += power.argmax() == 0 and np.sort(power)[-2] < 1e-9 * power.max()  # waves of a ferromagnet: q = 0
    assert 30 <= smooth <= 70


def test_soft_waves_seed_is_magnetized_along_the_field():
    crystal = on("square", (8, 8, 1), bloch(1.0, 1.0), field=UP)
    mean = [SoftWaves()(crystal, np.empty((0, 64, 3)), rng(seed)).mean(axis=0)[2] for seed in range(40)]
    assert np.mean(mean) > 0.4


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
    for seed in range(12):
        child = make(crystal, parents, rng(seed))[hamiltonian.occupied]
        nearest = np.linalg.norm(child[:, None] - allowed, axis=2)
        assert nearest.min(axis=1).max() < 1e-9
        used |= set(nearest.argmin(axis=1) % make.parents)
    if crystal.lattice.sites > 1:
        axes = max(1, len(crystal.extended))
        assert len(used) == min(make.parents, 2**axes)


@pytest.mark.parametrize("operator", SPLICES)
def test_splice_keeps_spins_where_the_symmetry_has_put_them(operator):
    """Without a point group (a field across a DMI), the child agrees with translated parents site by site."""
    crystal, make = CRYSTALS["square_bloch"], operator()
    assert len(crystal.operations) == 1
    lattice, parents = crystal.lattice, random_textures(crystal.hamiltonian, make.parents)
    shifts = [(x, y, 0) for x in range(6) for y in range(5)]
    moved = np.stack([parent[lattice.translation(shift)] for parent in parents for shift in shifts])
    for seed in range(5):
        child = make(crystal, parents, rng(seed))
        from_ = (child == moved).all(axis=2)  # [candidate, site]
        assert from_.any(axis=0).all()
        largest = from_.sum(axis=1).reshape(make.parents, -1).max(axis=1)  # sites that a parent, moved once, explains
        assert largest.sum() == lattice.sites


def test_fourier_splice_of_a_texture_with_its_own_copies_keeps_each_waves_strength():
    crystal = CRYSTALS["square_bloch"]
    texture = random_textures(crystal.hamiltonian, 1)[0]

    def power(s: np.ndarray) -> np.ndarray:
        return (np.abs(np.fft.fftn(s.reshape(5, 6, 3), axes=(0, 1))) ** 2).sum(axis=-1)

    child = FourierSplice()(crystal, np.stack([texture, texture]), rng(2))
    inner = np.ix_([0, 1, 2, 3, 4], [0, 1, 2, 4, 5])  # at half a reciprocal vector q and -q may have parted
    assert_allclose(power(child)[inner], power(texture)[inner], rtol=1e-9)
    assert np.abs(child - texture).max() > 0.1


# -- mutations ---------------------------------------------------------------------------------------------------------


def test_rotated_texture_has_the_same_energy_where_spins_are_free():
    crystal = on("triangular", (5, 4, 1), exchange(1.0), exchange(-0.7))
    texture = random_textures(crystal.hamiltonian, 1)[0]
    for seed in range(5):
        child = RotateTexture()(crystal, texture[None], rng(seed))
        assert energy(crystal.hamiltonian, child) == pytest.approx(energy(crystal.hamiltonian, texture), abs=1e-10)
        assert np.abs(child - texture).max() > 0.1


def test_rotation_is_often_about_the_field():
    crystal = CRYSTALS["stacked"]
    texture = random_textures(crystal.hamiltonian, 1)[0]
    about = [np.allclose(RotateTexture()(crystal, texture[None], rng(k))[:, 2], texture[:, 2]) for k in range(60)]
    assert 15 <= sum(about) <= 45


def test_rotated_patch_turns_as_one_and_leaves_the_rest():
    crystal = on("square", (20, 20, 1), bloch(1.0, 1.0))
    texture = random_textures(crystal.hamiltonian, 1)[0]
    parts = []
    for seed in range(10):
        child = RotatePatch()(crystal, texture[None], rng(seed))
        turned = (child != texture).any(axis=1)
        assert_allclose(child[turned] @ child[turned].T, texture[turned] @ texture[turned].T, atol=1e-12)
        parts.append(turned.mean())
    assert 0 < min(parts) < max(parts) < 1


@crystals
def test_shuffled_patch_holds_the_same_spins(crystal):
    texture = random_textures(crystal.hamiltonian, 1)[0]
    changed = 0
    for seed in range(10):
        child = ShufflePatch()(crystal, texture[None], rng(seed))
        assert Counter(map(bytes, child)) == Counter(map(bytes, texture))
        assert_array_equal(child[~crystal.hamiltonian.occupied], 0)
        changed += (child != texture).any()
    assert changed or crystal.lattice.sites == 1


@pytest.mark.parametrize("name", ["square_no_field", "kagome_tensor", "prime_box", "chain", "open_film"])
def test_inserted_stripe_consists_of_rows_of_the_parent(name):
    """Along one axis every plane of cells is a plane of the parent, in an order that no translation makes."""
    crystal = CRYSTALS[name]
    lattice = crystal.lattice
    parent = random_textures(crystal.hamiltonian, 1)[0]

    def grid(s: np.ndarray) -> np.ndarray:
        return s.reshape(*lattice.grid, -1)

    for seed in range(12):
        child = grid(InsertStripe()(crystal, parent[None], rng(seed)))
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
    for seed in range(60):
        child = ShiftWave()(crystal, parent[None], rng(seed))
        power = (np.abs(np.fft.fft2(child.reshape(10, 12, 3), axes=(0, 1))) ** 2).sum(axis=-1).T  # [k1, k2]
        assert power[0, 0] == pytest.approx((0.4 * 120) ** 2)
        power[0, 0] = 0
        k = np.unravel_index(power.argmax(), power.shape)
        if k[0] > 6:
            k = (12 - k[0], (10 - k[1]) % 10)
        reached.add((int(k[0]), int(k[1])))
        assert power.max() == pytest.approx(power.sum() / 2), "one wave, as strong as before, and its conjugate"
        assert power.sum() == pytest.approx(120**2 * 0.84)
    assert reached == {(kx, ky) for kx in (2, 3, 4) for ky in (1, 2, 3)}


@pytest.mark.parametrize("name", ["kagome_tensor", "icosahedron", "one_cell"])
def test_shifted_wave_leaves_a_texture_alike_in_all_cells(name):
    """Nothing but q = 0: the sublattices keep their directions."""
    crystal = CRYSTALS[name]
    lattice = crystal.lattice
    parent = np.tile(unit(rng().normal(size=(lattice.atoms, 3))), (lattice.cells, 1))
    assert_allclose(ShiftWave()(crystal, parent[None], rng(1)), parent, atol=1e-12)


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
    for seed in range(20):
        moved = TranslateTexture()(crystal, spiral[None], rng(seed))
        assert_allclose(moved[:, 2], 0.3, atol=1e-12)
        turned = (moved[:, 0] + 1j * moved[:, 1]) * np.exp(-1j * phase)
        assert_allclose(turned, turned[0], atol=1e-12)
        assert abs(turned[0]) == pytest.approx(1)
        phases.append(np.angle(turned[0]))
    assert np.abs(phases).max() <= 0.5 * np.abs(q).sum()
    assert np.ptp(phases) > 0.5 * np.abs(q).sum()


def test_translated_texture_stays_between_open_edges():
    lattice = Lattice.named("square", (8, 12, 1), periodic=(False, True, False))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0))))
    column = np.tile(unit(rng().normal(size=(8, 3))), (12, 1))  # alike along the periodic axis
    assert_allclose(TranslateTexture()(crystal, column[None], rng(1)), column, atol=1e-12)


@wavy
def test_stretched_spiral_is_one_with_a_period_more_or_fewer(crystal, k):
    parent, reached = spiral(crystal, k), set()
    allowed = {}
    for axis in np.flatnonzero(k):
        for step in (-1, 1):
            to = tuple(int(n) for n in k + step * np.eye(3, dtype=int)[axis])
            allowed[to] = spiral(crystal, to)
    for seed in range(60):
        child = StretchTexture()(crystal, parent[None], rng(seed))
        reached |= {to for to, texture in allowed.items() if np.allclose(child, texture, atol=1e-9)}
        assert any(np.allclose(child, texture, atol=1e-9) for texture in allowed.values())
    assert reached == set(allowed)


def test_stretched_skyrmion_lattice_keeps_its_waves_in_step():
    """A wave along the axis has twice the periods of the two beside it: all three still add up to zero."""
    crystal = on("square", (24, 20, 1), bloch(1.0, 0.5))
    x, y, _ = crystal.lattice.coordinates.T / [[24], [20], [1]]
    waves = ((4, 0), (-2, 3), (-2, -3))
    parent = sum(np.cos(2 * np.pi * (h * x + k * y))[:, None] * n for (h, k), n in zip(waves, (X, Y, Z), strict=True))
    seen = set()
    for seed in range(40):
        child = StretchTexture()(crystal, parent[None], rng(seed))
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
    for seed in range(80):
        child = MultiplyTexture()(crystal, spiral(crystal, k)[None], rng(seed))
        fits = {to for to, texture in allowed.items() if np.allclose(child, texture, atol=1e-9)}
        assert fits
        reached |= fits
    assert reached == set(allowed)


@pytest.mark.parametrize("size", [(60, 60, 1), (61, 59, 1)])
def test_multiplied_skyrmion_makes_as_many(size):
    crystal = on("square", size, bloch(1.0, 0.3), field=UP)
    one = PlantSkyrmion()(crystal, uniform(crystal)[None], rng(1))
    charge = topological_charge(crystal.lattice, one)
    assert abs(charge) == pytest.approx(1)
    made = {
        round(topological_charge(crystal.lattice, MultiplyTexture()(crystal, one[None], rng(s)))) for s in range(40)
    }
    assert made == {charge.round() * copies for copies in (2, 3, 4, 9)}


def test_copies_are_alike_where_the_box_can_be_divided():
    crystal = on("cubic", (4, 4, 3), exchange(1.0))
    parent = random_textures(crystal.hamiltonian, 1)[0]
    periods = set()
    for seed in range(40):
        child = MultiplyTexture()(crystal, parent[None], rng(seed))
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
    at = (np.indices((40, 40)).reshape(2, -1).T[:, ::-1] + 0.0) / 40  # [place, 2], the first edge fastest
    for seed in range(8):
        plus, minus = rng(seed).random((2, 2))
        angle = vortices(edges, at, plus, minus)
        for around in ((1.0, 0.0), (0.0, 1.0)):
            assert_allclose(np.exp(1j * vortices(edges, at + around, plus, minus)), np.exp(1j * angle), atol=1e-5)
        turns = plaquettes(angle.reshape(40, 40))
        expected = np.zeros((40, 40), dtype=int)
        for point, sign in ((plus, 1), (minus, -1)):
            expected[int(point[1] * 40), int(point[0] * 40)] += sign
        assert_array_equal(turns, expected)


def test_vortices_are_finite_in_a_box_of_any_shape():
    at = rng().random((100, 2))
    for aspect in (1e-2, 1.0, 1e2, 1e4):
        assert np.isfinite(vortices(np.diag([1.0, aspect, 1.0])[:2], at, at[0], at[1])).all()


def test_vortices_are_harmonic():
    """The phase of theta_1(z - a) / theta_1(z - b) has no sources: its Laplacian vanishes away from both points."""
    edges, plus, minus = np.array([[1.0, 0.0, 0.0], [0.3, 1.1, 0.0]]), np.array([0.2, 0.3]), np.array([0.7, 0.6])
    places, h = rng().random((200, 3))[:, :2] @ edges[:, :2], 1e-3
    away = [np.abs((places @ np.linalg.inv(edges[:, :2]) - p + 0.5) % 1 - 0.5).max(axis=1) > 0.1 for p in (plus, minus)]
    places = places[np.logical_and(*away)]

    def angle(where: np.ndarray) -> np.ndarray:
        return vortices(edges, where @ np.linalg.inv(edges[:, :2]), plus, minus)

    centre = angle(places)
    around = [angle(places + h * np.array(d)) for d in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    laplacian = sum(np.angle(np.exp(1j * (a - centre))) for a in around) / h**2
    assert len(places) > 50
    assert np.abs(laplacian).max() < 0.05


@pytest.mark.parametrize("size", [(30, 24, 1), (24, 20, 18)])
def test_dislocations_wind_once_around_each_core_and_the_box_stays_periodic(size):
    """The phase of a spiral turns by +-2 pi around two points, or lines, and nowhere else, not even at the seams."""
    lattice = Lattice.named("cubic", size)
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5))))
    parent, lines = spiral(crystal, (3, 1, 0)), 0
    for seed in range(20):
        child = InsertDislocations()(crystal, parent[None], rng(seed))
        assert_allclose(np.linalg.norm(child, axis=1), np.sqrt(2), err_msg="a wave that is only turned")
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
    texture = random_textures(crystal.hamiltonian, 1)[0]
    assert_array_equal(operator()(crystal, texture[None], rng()), texture)


# -- one wave of another parent ----------------------------------------------------------------------------------------


def test_exchanged_wave_is_the_other_parents_and_the_rest_the_first_ones():
    crystal = CRYSTALS["disordered"]  # 5 x 4, no symmetry moves the parents

    def modes(s: np.ndarray) -> np.ndarray:
        return np.fft.fft2(s.reshape(4, 5, 3), axes=(0, 1))

    parents, drawn = random_textures(crystal.hamiltonian, 2), set()
    a, b = map(modes, parents)
    for seed in range(40):
        child = modes(ExchangeWave()(crystal, parents, rng(seed)))
        other = [tuple(k) for k in np.argwhere(~np.isclose(child, a).all(axis=-1)).tolist()]
        assert_allclose(child[tuple(np.transpose(other))], b[tuple(np.transpose(other))], atol=1e-9)
        assert {(-y % 4, -x % 5) for y, x in other} == set(other)
        assert len(other) in (1, 2), "q and - q"
        drawn.add(min(other))
    assert len(drawn) > 5


def test_waves_in_which_parents_agree_are_not_exchanged():
    crystal = CRYSTALS["disordered"]
    a, b = spiral(crystal, (1, 0, 0)), spiral(crystal, (2, 0, 0))
    children = [ExchangeWave()(crystal, np.stack([a, b]), rng(seed)) for seed in range(20)]
    assert {len(np.unique(child.round(6), axis=0)) for child in children} <= {1, 5}  # no wave, or both
    assert_allclose([child[:, 2] for child in children], 1.0, atol=1e-12)


# -- skyrmions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["square", "triangular"])
@pytest.mark.parametrize("field", [UP, (0.0, 0.0, -5.0), (0.0, 0.0, 0.0)])
def test_planted_skyrmion_has_charge_one_and_can_be_removed(name, field):
    crystal = on(name, (40, 40, 1), bloch(1.0, 0.4), field=field)
    up = -Z if field[2] < 0 else Z
    ferromagnet, charges = uniform(crystal, up), []
    for seed in range(20):
        one = PlantSkyrmion()(crystal, ferromagnet[None], rng(seed))
        assert_allclose(np.linalg.norm(one, axis=1), 1)
        charges.append(topological_charge(crystal.lattice, one))
        none = RemoveSkyrmion()(crystal, one[None], rng(seed + 100))
        assert (none @ up < -0.5).sum() == 0
        assert topological_charge(crystal.lattice, none) == pytest.approx(0, abs=1e-9)
    assert_allclose(np.abs(charges), 1, atol=1e-9)
    skyrmions = np.mean(np.isclose(charges, -up[2]))  # core against an up background: Q = -1
    assert 0.5 < skyrmions < 1, "antiskyrmions sometimes"


@crystals
def test_moved_skyrmion_holds_the_same_spins(crystal):
    texture = random_textures(crystal.hamiltonian, 1)[0]
    for seed in range(10):
        child = MoveSkyrmion()(crystal, texture[None], rng(seed))
        assert Counter(map(bytes, child)) == Counter(map(bytes, texture))
        assert_array_equal(child[~crystal.hamiltonian.occupied], 0)


@pytest.mark.parametrize("name", ["square", "honeycomb"])
@pytest.mark.parametrize("field", [UP, (0.0, 0.0, -5.0)])
def test_moved_skyrmion_is_the_same_one_elsewhere(name, field):
    """Three are still three, of the same charge, and no spin is another one: helicity and size are kept."""
    crystal = on(name, (60, 60, 1), *[bloch(1.0, 0.5)] * (1 if name == "square" else 2), field=field)
    lattice, up = crystal.lattice, -Z if field[2] < 0 else Z
    for seed in range(12):
        one = PlantSkyrmion()(crystal, uniform(crystal, up)[None], rng(seed))
        parent = one.copy()
        for shift in ((20, 0, 0), (0, 30, 0)):
            copy = one[lattice.translation(shift)]
            parent = np.where((copy @ up < 1 - 1e-9)[:, None], copy, parent)
        child = MoveSkyrmion()(crystal, parent[None], rng(seed))
        charges = [topological_charge(lattice, s) for s in (one, parent, child)]
        assert_allclose(charges, charges[0] * np.array([1, 3, 3]), atol=1e-9)
        core = [set(np.flatnonzero(s @ up < 0)) for s in (parent, child)]
        assert len(core[0] - core[1]) == pytest.approx(len(core[0]) / 3, abs=2), "one of three has left its place"


@pytest.mark.parametrize("open_edges", [False, True])
def test_moved_skyrmion_is_a_column_in_stacked_layers(open_edges):
    lattice = Lattice.named("cubic", (24, 24, 12), periodic=(True, True, not open_edges))
    crystal = Crystal(Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.8)), field=UP))
    parent = PlantSkyrmion()(crystal, uniform(crystal)[None], rng(2))
    for seed in range(6):
        child = MoveSkyrmion()(crystal, parent[None], rng(seed)).reshape(12, 24 * 24, 3)
        assert_array_equal(child, np.broadcast_to(child[0], child.shape))
        assert (child.reshape(-1, 3) != parent).any()
