"""Fingerprints by the batch against their definition, and their comparison against a plain double loop."""

from __future__ import annotations

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds
from numpy.testing import assert_allclose, assert_array_equal
from symmetric import copy, spiral, square

from magsearch.engine.cpu import Cpu
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.reciprocal import wave_numbers
from magsearch.model.triangulation import is_plane, triangles
from magsearch.observables.fingerprint import BLOCK, PERPENDICULAR, Fingerprint, distinct, fingerprints, same
from magsearch.observables.invariants import charge_of, invariants
from magsearch.observables.magnetization import magnetization
from magsearch.observables.structure_factor import PEAKS, sublattice_modes
from magsearch.observables.topological_charge import topological_charge

LATTICES = {
    **{name: Lattice.named(name, (8, 7, 1), 2.7) for name in ("square", "triangular", "honeycomb", "kagome")},
    "chain": Lattice.named("chain", (12, 1, 1)),
    "cubic": Lattice.named("cubic", (4, 3, 5)),
    "along y": Lattice.named("square", (1, 9, 1)),
    "open": Lattice.named("triangular", (6, 5, 1), periodic=(False, True, False)),
    "molecule": Lattice(20 * np.eye(3), np.random.default_rng(0).random((23, 3)) / 2, (1, 1, 1), (False,) * 3),
}


def textures(lattice, count=5, seed=0, smoothness=0.0):
    s = np.random.default_rng(seed).normal(size=(count, lattice.sites, 3))
    s[..., 2] += smoothness
    return s / np.linalg.norm(s, axis=2, keepdims=True)


def on(device, values, real=np.float32):
    return device.array(values, real)


def by_definition(lattice, s, energy):
    """The docstring of ``Fingerprint`` word by word, one texture at a time."""
    count = int((s != 0).any(axis=1).sum())
    weights = (np.abs(sublattice_modes(lattice, s)) ** 2).sum(axis=(-2, -1)).ravel() / count**2
    a, b, c = s[triangles(lattice)].transpose(1, 0, 2)
    lowest = min((x * y).sum(axis=1).min(initial=1) for x, y in ((a, b), (b, c), (c, a)))
    largest = (*np.sort(weights)[::-1], *np.zeros(PEAKS))[:PEAKS]
    charge = topological_charge(lattice, s) if lowest >= -PERPENDICULAR else np.nan
    if not is_plane(lattice):
        charge = np.nan
    mean = weights @ wave_numbers(lattice) / weights.sum()
    return (energy / count, charge, np.linalg.norm(magnetization(s)), mean, *largest)


def numbers(one):
    return (one.energy, one.charge, one.magnetization, one.wave_number, *one.weights)


@pytest.mark.parametrize("smoothness", [0.0, 4.0])
@pytest.mark.parametrize("name", list(LATTICES))
@pytest.mark.spread(2)
def test_fingerprints_are_what_their_definition_says(target, real, name, smoothness):
    lattice, energies = LATTICES[name], np.arange(5.0)
    given = textures(lattice, smoothness=smoothness)
    given[:, ::6] = 0  # vacancies
    found = fingerprints(target, lattice, on(target, given, real), energies)
    expected = [by_definition(lattice, s, e) for s, e in zip(given, energies, strict=True)]
    assert_allclose([numbers(one) for one in found], expected, atol=2e-6 if real == np.float32 else 1e-13)


@pytest.mark.parametrize("smoothness", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("name", list(LATTICES))
@pytest.mark.spread(2)
def test_charges_are_those_of_double_precision(target, real, name, smoothness):
    lattice, given = LATTICES[name], textures(LATTICES[name], smoothness=smoothness)
    given[3:, 2] = 0
    found = charge_of(lattice, invariants(target, lattice, on(target, given, real)))
    expected = topological_charge(lattice, given) if is_plane(lattice) else np.zeros(len(given))
    assert_allclose(found, expected, atol=1e-4 if real == np.float32 else 1e-12)


@pytest.mark.parametrize("periodic", [True, False])
def test_a_texture_turned_out_of_its_planes_has_the_same_fingerprint(periodic):
    lattice = Lattice.named("cubic", (4, 4, 4), periodic=(periodic,) * 3)
    given = textures(lattice, smoothness=2.0)
    turned = given.reshape(-1, 4, 4, 4, 3).transpose(0, 3, 1, 2, 4).reshape(given.shape)
    assert (np.abs(topological_charge(lattice, given) - topological_charge(lattice, turned)) > 0.01).any()
    prints = (fingerprints(Cpu(), lattice, of, np.zeros(len(given))) for of in (given, turned))
    assert all(same(one, other) for one, other in zip(*prints, strict=True))


@pytest.mark.parametrize("name", list(LATTICES))
def test_a_fingerprint_does_not_depend_on_its_company(target, name):
    lattice = LATTICES[name]
    given = textures(lattice, 2 * target.width + 5)
    energies = np.arange(float(len(given)))
    whole = fingerprints(target, lattice, on(target, given), energies)
    places = [0, 3, target.width, len(given) - 1]
    for k in places:
        assert repr(fingerprints(target, lattice, on(target, given[k : k + 1]), energies[k : k + 1])[0]) == repr(
            whole[k]
        )
    few = fingerprints(target, lattice, on(target, given[places]), energies[places])
    assert list(map(repr, few)) == [repr(whole[k]) for k in places]
    assert fingerprints(target, lattice, on(target, given[:0]), []) == []


def test_a_batch_crosses_to_the_host_once(monkeypatch):
    device, lattice, crossed = Cpu(), LATTICES["kagome"], []
    monkeypatch.setattr(device, "host", lambda values: crossed.append(values.nbytes) or values, raising=False)
    given = textures(lattice, 64).astype(np.float32)
    fingerprints(device, lattice, given, np.zeros(64))
    assert len(crossed) == 1
    assert crossed[0] <= 128 * len(given)  # bytes: numbers, no textures


# -- copies of one texture ---------------------------------------------------------------------------------------------


def triangular(size=(9, 9, 1)):
    lattice = Lattice.named("triangular", size, 2.7)
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.4)))


@pytest.mark.parametrize("smoothness", [0.0, 1.5, 4.0])
@pytest.mark.parametrize("model", [square(size=(8, 8, 1)), triangular(), MODELS["kagome_tensor"]])
@pytest.mark.spread(2)
def test_copies_by_symmetry_agree_in_single_precision(device, model, smoothness):
    random, one = np.random.default_rng(5), textures(model.lattice, 1, 1, smoothness)[0]
    copies = np.stack([one, *(copy(model, one, random) for _ in range(20))])
    marks = fingerprints(device, model.lattice, on(device, copies), np.full(21, -3.0))
    assert all(same(marks[0], mark, tolerance=1e-6) for mark in marks)
    assert distinct(marks) == [0]


@pytest.mark.parametrize("smoothness", [0.0, 1.5, 4.0])
def test_translations_and_time_reversal_do_not_change_whether_there_is_a_charge(device, smoothness):
    lattice = LATTICES["triangular"]
    s = textures(lattice, 1, 2, smoothness)[0].astype(np.float32)
    moved = [s[lattice.translation((x, y, 0))] for x in range(8) for y in range(7)]
    marks = fingerprints(device, lattice, on(device, np.stack([*moved, -s])), np.zeros(57))
    assert len({np.isnan(mark.charge) for mark in marks}) == 1
    assert_allclose([abs(mark.charge) for mark in marks], abs(marks[0].charge), atol=1e-7)


def test_rounding_decides_nothing_where_neighbours_are_perpendicular(device):
    """A spiral by right angles: half of its copies in single precision have neighbours slightly beyond."""
    model = square(exchange(1.0), exchange(-0.3), size=(8, 8, 1))
    one, random = spiral(model.lattice, (0.25, 0, 0)), np.random.default_rng(0)
    copies = np.stack([copy(model, one, random) for _ in range(40)]).astype(np.float32)
    products = np.einsum("rix,rix->ri", copies, copies[:, model.lattice.translation((1, 0, 0))])
    assert (products.min(axis=1) < 0).any()
    marks = fingerprints(device, model.lattice, on(device, copies), np.zeros(40))
    assert_allclose([mark.charge for mark in marks], 0, atol=1e-6)


# -- distinct ----------------------------------------------------------------------------------------------------------


def alike(a, b, tolerance, energy):
    return (
        abs(a.energy - b.energy) <= energy
        and not abs(abs(a.charge) - abs(b.charge)) > 10 * tolerance
        and abs(a.magnetization - b.magnetization) <= tolerance
        and abs(a.wave_number - b.wave_number) <= tolerance * max(a.wave_number, b.wave_number, 1e-3)
        and max(abs(x - y) for x, y in zip(a.weights, b.weights, strict=True)) <= tolerance
    )


def one_by_one(prints, energy, looseness):
    kept = []
    for k, one in enumerate(prints):
        times = looseness[k] if looseness else 1.0
        if not any(alike(one, prints[other], times * 1e-3, times * energy) for other in kept):
            kept.append(k)
    return kept


def drawn(random, count, states, spread):
    """Fingerprints that are scattered around those of a few states by ``spread`` tolerances."""
    state, spot = random.integers(states, size=count), np.random.default_rng(7).random((states, 4 + PEAKS))
    table = spot[state] + random.uniform(-1, 1, (count, 4 + PEAKS)) * spread * np.array([1e-4, 1e-2, *[1e-3] * 8])
    table[:, 0] -= np.floor(spot[state, 0] * 3) / 3  # energies of different states are close
    table[random.random(count) < 0.1, 1] = np.nan
    table[random.random(count) < 0.02, 0] = np.inf
    table[:, 1] *= random.choice([-1, 1], size=count)
    rows = table.tolist()
    return [Fingerprint(energy, charge, m, tuple(weights), k) for energy, charge, m, k, *weights in rows]


@pytest.mark.parametrize("count", [0, 1, 40, BLOCK, 2 * BLOCK + 77])
@pytest.mark.parametrize("states", [1, 5, 100, 10000])
def test_distinct_is_the_plain_double_loop(count, states):
    for seed, spread in enumerate((0.0, 0.3, 0.9, 1.5)):
        random = np.random.default_rng([count, states, seed])
        prints = drawn(random, count, states, spread)
        assert distinct(prints) == one_by_one(prints, 1e-4, ())
        loose = random.choice([1.0, 10.0], size=count).tolist()
        assert distinct(prints, 3e-5, loose) == one_by_one(prints, 3e-5, loose)


def test_same_compares_as_distinct_does():
    random = np.random.default_rng(3)
    prints = drawn(random, 60, 3, 0.8)
    found = [[same(a, b) for b in prints] for a in prints]
    assert_array_equal(found, [[alike(a, b, 1e-3, 1e-4) for b in prints] for a in prints])
    assert 0 < np.sum(found) < 3600
