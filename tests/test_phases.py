"""Phases by rule: textures whose name every textbook knows, and laws that portraits obey."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import MODELS

from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.phases.portrait import Portrait
from magsearch.phases.rules import RULES, label
from magsearch.phases.spectrum import portrait, portrait_of, spectrum
from magsearch.symmetry.space_group import operations

SQUARE = Lattice.named("square", (24, 24, 1))
FCC = Lattice.named("fcc", (4, 4, 4))
TRIANGULAR = Lattice.named("triangular", (24, 24, 1), 2.7)


def unit(s: np.ndarray) -> np.ndarray:
    return s / np.linalg.norm(s, axis=-1, keepdims=True)


def phase(lattice: Lattice, *index: int) -> np.ndarray:
    """q . r of a wave that fits, [site]."""
    return lattice.positions @ ((np.array(index) / lattice.size) @ lattice.reciprocal)


def spiral(lattice: Lattice, index: tuple[int, int, int], up: float = 0.0) -> np.ndarray:
    """Spins that turn about z; with a mean spin along it."""
    angle = phase(lattice, *index)
    return unit(np.stack([np.cos(angle), np.sin(angle), 0 * angle + up], axis=1))


def cycloid(lattice: Lattice, index: tuple[int, int, int], up: float) -> np.ndarray:
    """Spins that turn about an axis in the plane, drawn towards z."""
    angle = phase(lattice, *index)
    return unit(np.stack([np.sin(angle), 0 * angle, np.cos(angle) + up], axis=1))


def skyrmions(lattice: Lattice, up: float = 0.3, n: int = 3) -> np.ndarray:
    """Three cycloids of n periods whose q add up to zero: cores down in an up background."""
    s = np.zeros((lattice.sites, 3))
    for index in ((n, 0, 0), (-n, n, 0), (0, -n, 0)):
        angle = phase(lattice, *index)
        q = (np.array(index) / lattice.size) @ lattice.reciprocal
        s += np.sin(angle)[:, None] * unit(q) - np.cos(angle)[:, None] * np.array([0, 0, 1])
    return unit(s + np.array([0, 0, up]))


def one_skyrmion(lattice: Lattice) -> np.ndarray:
    away = lattice.positions - lattice.positions.mean(axis=0)
    r = np.linalg.norm(away, axis=1)
    theta = np.pi * np.clip(1 - r / (4 * np.linalg.norm(lattice.cell[0])), 0, 1)
    direction = away / np.maximum(r, 1e-9)[:, None]
    return np.cos(theta)[:, None] * np.array([0, 0, 1]) + np.sin(theta)[:, None] * direction


def uniform(lattice: Lattice, *atoms: tuple[float, float, float]) -> np.ndarray:
    """The same cell everywhere."""
    return np.tile(unit(np.array(atoms, dtype=float)), (lattice.cells, 1))


def rows(lattice: Lattice, pattern: str) -> np.ndarray:
    """Up and down by row: "++--"."""
    signs = np.array([1.0 if c == "+" else -1.0 for c in pattern])
    return np.outer(signs[lattice.coordinates[:, 0] % len(pattern)], [0, 0, 1])


CHEQUERS = Lattice(np.eye(3), [[0, 0, 0], [0.5, 0.5, 0]], (12, 12, 1), (True, True, False))
KAGOME = Lattice.named("kagome", (8, 8, 1))
CHAIN = Lattice.named("chain", (24, 1, 1))
CUBIC = Lattice.named("cubic", (4, 4, 12))
SMALL_KAGOME = Lattice.named("kagome", (6, 4, 1))
HONEYCOMB = Lattice.named("honeycomb", (8, 6, 1))
BOX = Lattice.named("cubic", (8, 8, 8))
BILAYER = Lattice(TRIANGULAR.cell, [[0, 0, 0], [0, 0, 1.0]], (24, 24, 1), (True, True, False))
THIRDS = tuple((np.cos(a), np.sin(a), 0.0) for a in 2 * np.pi / 3 * np.arange(3))


def four_atoms(lattice: Lattice, size: tuple[int, int, int]) -> Lattice:
    """A honeycomb in rectangular cells of four atoms."""
    a = lattice.cell
    cell = np.array([a[0], a[0] + 2 * a[1], a[2]])
    basis = np.vstack([lattice.basis, lattice.basis + (a[0] + a[1])])
    return Lattice(cell, basis, size, (True, True, False))


def signs(lattice: Lattice, q: tuple[float, float, float], second: float) -> np.ndarray:
    """Up and down by a wave with 2 q = G; the second atom of the honeycomb times a sign."""
    cell = np.cos(2 * np.pi * lattice.coordinates @ np.array(q)).round()
    return (cell[:, None] * np.array([1.0, second])).reshape(-1, 1) * np.array([0, 0.6, 0.8])


def honeycomb_order(lattice: Lattice, parallel: int) -> np.ndarray:
    """Rows along the first vector of the honeycomb: two of three neighbours parallel (zigzag), or one (stripy)."""
    up = signs(lattice, (0, 0.5, 0), 1.0)
    found = {}
    for s in (up, signs(lattice, (0, 0.5, 0), -1.0)):
        i, j, offset = (getattr(lattice.shells(1)[0], name) for name in ("i", "j", "offset"))
        own = [
            float(s[a] @ s[lattice.neighbours(n)[0] * 2 + b]) for a, b, n in zip(i, j, offset, strict=True) if a == 0
        ]
        found[sum(value > 0 for value in own)] = s
    return found[parallel]


def type_three(lattice: Lattice) -> np.ndarray:
    """Collinear spins of the fcc lattice with q = 2 pi / a (1, 1/2, 0)."""
    x, y, _ = (lattice.positions / lattice.positions[lattice.positions > 0].min() / 2).T
    angle = 2 * np.pi * (x + y / 2)
    return np.sign(np.cos(angle - np.pi / 4))[:, None] * np.array([0, 0.6, 0.8])


def square_skyrmions(lattice: Lattice) -> np.ndarray:
    """A square lattice of skyrmions: cores down in an up background."""
    s = np.zeros((lattice.sites, 3))
    for index, along in (((2, 0, 0), (1, 0, 0)), ((0, 2, 0), (0, 1, 0))):
        angle = phase(lattice, *index)
        s += np.sin(angle)[:, None] * np.array(along) - np.cos(angle)[:, None] * np.array([0, 0, 1])
    return unit(s + np.array([0, 0, 0.4]))


def three_sublattices(lattice: Lattice) -> np.ndarray:
    """Skyrmions of a triangular lattice that are rotated by 120 degrees from one to the next of three sublattices."""
    angle = 2 * np.pi / 3 * (lattice.coordinates.sum(axis=1) % 3)
    c, s, m = np.cos(angle), np.sin(angle), skyrmions(lattice, 0.5)
    return np.stack([c * m[:, 0] - s * m[:, 1], s * m[:, 0] + c * m[:, 1], m[:, 2]], axis=1)


def cuboctahedron(lattice: Lattice) -> np.ndarray:
    """The twelve directions of a cuboctahedron on kagome (Messio, Lhuillier & Misguich, Phys. Rev. B 83, 184401)."""
    x, y, _ = lattice.coordinates.T
    e = np.stack([(-1.0) ** x, (-1.0) ** y, (-1.0) ** (x + y)], axis=1)
    return unit(np.stack([e * [0, 1, 1], e * [1, 0, 1], e * [1, 1, 0]], axis=1)).reshape(-1, 3)


def three_helices(lattice: Lattice) -> np.ndarray:
    """The cubic hedgehog lattice of MnGe: three helices, whose sum vanishes at points."""
    a, b, c = (phase(lattice, *index) + 0.4 for index in np.eye(3, dtype=int))
    return unit(np.stack([np.cos(c) + np.sin(b), np.cos(a) + np.sin(c), np.cos(b) + np.sin(a)], axis=1))


def chequered(lattice: Lattice, s: np.ndarray) -> np.ndarray:
    return s * (-1.0) ** lattice.coordinates.sum(axis=1)[:, None]


KNOWN = {
    "zigzag": (HONEYCOMB, honeycomb_order(HONEYCOMB, 2)),
    "stripy": (HONEYCOMB, honeycomb_order(HONEYCOMB, 1)),
    "canted antiferromagnet": (SQUARE, unit(chequered(SQUARE, np.tile([1.0, 0, 0], (576, 1))) + np.array([0, 0, 0.3]))),
    "canted antiferromagnet of two sublattices": (CHEQUERS, uniform(CHEQUERS, (1, 0, 0.3), (-1, 0, 0.3))),
    "antiferromagnetic skyrmion lattice": (SQUARE, chequered(SQUARE, square_skyrmions(SQUARE))),
    "antiferromagnetic skyrmion lattice of three sublattices": (TRIANGULAR, three_sublattices(TRIANGULAR)),
    "antiferromagnetic skyrmion lattice of a bilayer": (
        BILAYER, np.stack([skyrmions(TRIANGULAR), -skyrmions(TRIANGULAR)], axis=1).reshape(-1, 3),
    ),
    "cuboc": (SMALL_KAGOME, cuboctahedron(SMALL_KAGOME)),
    "hedgehog lattice": (BOX, three_helices(BOX)),
    "ferromagnet": (SQUARE, uniform(SQUARE, (0.3, -1, 2))),
    "canted ferromagnet": (CHEQUERS, uniform(CHEQUERS, (0.3, 0, 1), (-0.3, 0, 1))),
    "spiral": (SQUARE, spiral(SQUARE, (3, 0, 0))),
    "spiral in a field": (SQUARE, cycloid(SQUARE, (3, 1, 0), 0.5)),
    "spiral in three dimensions": (CUBIC, spiral(CUBIC, (0, 0, 2))),
    "spiral of a chain": (CHAIN, spiral(CHAIN, (3, 0, 0))),
    "conical": (SQUARE, spiral(SQUARE, (3, 0, 0), 0.7)),
    "conical along its axis": (CUBIC, spiral(CUBIC, (0, 0, 2), 1.5)),
    "skyrmion lattice": (TRIANGULAR, skyrmions(TRIANGULAR)),
    "isolated skyrmions": (TRIANGULAR, one_skyrmion(TRIANGULAR)),
    "antiferromagnet": (SQUARE, np.where(SQUARE.coordinates.sum(axis=1)[:, None] % 2, 1, -1) * np.array([0, 0.6, 0.8])),
    "antiferromagnet in rows": (SQUARE, rows(SQUARE, "+-")),
    "antiferromagnet of two sublattices": (CHEQUERS, uniform(CHEQUERS, (0, 0, 1), (0, 0, -1))),
    "ferrimagnet": (KAGOME, uniform(KAGOME, (0, 0, 1), (0, 0, 1), (0, 0, -1))),
    "noncollinear antiferromagnet": (KAGOME, uniform(KAGOME, *THIRDS)),
    "120 degree antiferromagnet": (TRIANGULAR, spiral(TRIANGULAR, (8, 8, 0))),
    "antiferromagnet of type III": (FCC, type_three(FCC)),
    "stripes": (SQUARE, rows(SQUARE, "++--")),
    "multi-q": (
        SQUARE,
        unit(np.stack([np.cos(phase(SQUARE, 4, 0, 0)), np.cos(phase(SQUARE, 0, 4, 0)), np.ones(SQUARE.sites)], axis=1)),
    ),
    "disordered": (
        Lattice.named("square", (40, 40, 1)),
        unit(np.random.default_rng(1).normal(size=(1600, 3))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_textures_have_the_names_that_textbooks_give_them(name):
    lattice, s = KNOWN[name]
    expected = max((rule.name for rule in RULES if rule.name in name), key=len)
    assert label(portrait(lattice, spectrum(lattice, s))) == expected


def test_spins_without_couplings_are_no_phase():
    """Whatever waves their directions make."""
    lattice, s = KNOWN["conical"]
    free = Hamiltonian(lattice, Bonds.none())
    assert label(portrait_of(free, s)) == "independent spins"
    assert label(portrait(lattice, spectrum(lattice, s))) == "conical"


def other_cells(lattice: Lattice) -> Lattice:
    """The same crystal turned, with its first vector reversed and the second one sheared."""
    R = np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]
    return Lattice(lattice.cell @ R.T, lattice.basis @ R.T, lattice.size, lattice.periodic)


@pytest.mark.parametrize("name", KNOWN)
def test_noise_and_orientation_leave_the_name(name):
    lattice, s = KNOWN[name]
    rng = np.random.default_rng(3)
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    noisy = unit(s @ (R * np.linalg.det(R)).T + rng.normal(scale=0.08, size=s.shape))
    for crystal in (lattice, other_cells(lattice)):
        expected = max((rule.name for rule in RULES if rule.name in name), key=len)
        assert label(portrait(crystal, spectrum(crystal, noisy))) == expected


@pytest.mark.parametrize(("name", "parallel"), [("zigzag", 2), ("stripy", 1)])
def test_rows_of_a_honeycomb_have_their_names_in_rectangular_cells(name, parallel):
    """There q is zero, or a multiple of what it was."""
    s = honeycomb_order(HONEYCOMB, parallel)
    crystal = four_atoms(HONEYCOMB, (8, 3, 1))
    inverse = np.linalg.inv(HONEYCOMB.cell * np.array(HONEYCOMB.size)[:, None])
    own, places = HONEYCOMB.positions @ inverse, crystal.positions @ inverse
    apart = places[:, None] - own
    site = np.linalg.norm(apart - np.rint(apart), axis=2).argmin(axis=1)
    assert sorted(site) == list(range(HONEYCOMB.sites))
    assert label(portrait(crystal, spectrum(crystal, s[site]))) == name


def test_every_rule_says_what_it_asks_for():
    for rule in RULES:
        assert len(rule.sentence.split()) > 3
        assert not rule.sentence.endswith(".")


def test_documentation_lists_the_rules_as_they_are():
    text = (Path(__file__).parent.parent / "docs" / "scans.md").read_text()
    assert "".join(f"| {rule.name} | {rule.sentence} |\n" for rule in RULES) in text


def test_weights_of_unit_spins_add_up_to_one():
    for lattice, s in KNOWN.values():
        measured = spectrum(lattice, s)
        assert measured.weight.sum() == pytest.approx(1)
        assert np.abs(measured.spin - s.mean(axis=0)).max() < 1e-12


def test_portrait_of_a_cycloid_in_numbers():
    """q and its opposite hold everything; the spins turn in a circle about y."""
    p = portrait(SQUARE, spectrum(SQUARE, cycloid(SQUARE, (3, 0, 0), 0.0)), (0, 0, 1))
    assert len(p.arms) == 1
    arm = p.arms[0]
    assert abs(np.array(arm.q)) == pytest.approx([2 * np.pi * 3 / 24, 0, 0])
    assert (arm.weight, arm.sharp, arm.circular) == pytest.approx((1, 1, 1))
    assert np.abs(arm.axis) == pytest.approx([0, 1, 0])
    assert (p.along, p.staggered, p.density, arm.order) == pytest.approx((0, 0, 0, 0), abs=1e-12)


def test_a_perfect_skyrmion_lattice_has_one_skyrmion_in_every_cell():
    p = portrait(TRIANGULAR, spectrum(TRIANGULAR, skyrmions(TRIANGULAR)), (0, 0, 1))
    assert p.charge == pytest.approx(-9)
    assert p.density == pytest.approx(1, abs=1e-6)
    assert p.together == 3


@pytest.mark.parametrize("size", [7, 8, 24])
@pytest.mark.parametrize("n", [1, 2])
def test_the_smallest_box_of_a_lattice_has_the_name_of_the_lattice(size, n):
    """All waves are neighbours on the grid of the box there."""
    if n * 6 <= size:
        hexagonal = Lattice.named("triangular", (size, size, 1))
        p = portrait(hexagonal, spectrum(hexagonal, skyrmions(hexagonal, n=n)), (0, 0, 1))
        assert (label(p), p.together) == ("skyrmion lattice", 3)
    square = Lattice.named("square", (size, size, 1))
    one, other = phase(square, n, 0, 0), phase(square, 0, n, 0)
    double = unit(np.stack([np.cos(one), np.cos(other), np.ones(square.sites)], axis=1))
    assert label(portrait(square, spectrum(square, double))) == "multi-q"
    assert label(portrait(square, spectrum(square, spiral(square, (n, 0, 0))))) == "spiral"


def test_multiples_of_a_wave_are_overtones():
    """A wall every twelve sites holds 3 q and 5 q besides q, and is one wave."""
    angle = np.pi * np.tanh(4 * np.sin(phase(SQUARE, 2, 0, 0) / 1.0))
    s = np.stack([np.sin(angle), 0 * angle, np.cos(angle)], axis=1)
    p = portrait(SQUARE, spectrum(SQUARE, s))
    assert len(p.arms) > 1
    assert p.together == 1


def figures(p: Portrait) -> list[float]:
    return [p.uniform, p.staggered, p.collinear, abs(p.charge), p.density, p.modulated, len(p.arms)]


@pytest.mark.parametrize("name", ["square_bloch", "kagome_tensor", "left_handed", "triangular_j1_j3", "large_film"])
def test_symmetries_of_the_model_leave_figures_and_name(name):
    hamiltonian = MODELS[name]
    lattice, random = hamiltonian.lattice, np.random.default_rng(3)
    waves = [phase(lattice, *(random.integers(0, 2, 3) * (np.array(lattice.size) > 1))) for _ in range(3)]
    smooth = sum(np.outer(np.cos(wave), random.normal(size=3)) for wave in waves)
    smooth = smooth + random.normal(size=(lattice.sites, 3)) * 0.1
    s = unit(smooth)
    first = portrait(lattice, spectrum(lattice, s), hamiltonian.field)
    for operation in operations(hamiltonian):
        moved = portrait(lattice, spectrum(lattice, operation(s)), hamiltonian.field)
        assert figures(moved) == pytest.approx(figures(first), abs=1e-9)
        assert label(moved) == label(first)


def test_thermal_states_stand_where_their_waves_are_sharp():
    """The average over domains of a ring is no crystal, however heavy; noise on a spiral leaves it one."""
    around = ((3, 0), (3, 1), (3, -1), (2, 2), (2, -2), (1, 3), (-1, 3), (0, 3))
    ring = [spectrum(SQUARE, cycloid(SQUARE, (h, k, 0), 0.2)) for h, k in around]
    melted = portrait(SQUARE, sum(ring[1:], ring[0]) / len(ring), (0, 0, 1), kelvin=10.0)
    assert label(melted) == "paramagnet"
    noise = np.random.default_rng(2).normal(size=(SQUARE.sites, 3)) * 0.5
    warm = portrait(SQUARE, spectrum(SQUARE, unit(cycloid(SQUARE, (3, 0, 0), 0.2) + noise)), (0, 0, 1), kelvin=10.0)
    assert label(warm) == "spiral"


def test_domains_of_a_spiral_that_come_one_after_the_other_are_no_multi_q_state():
    domains = [spectrum(SQUARE, cycloid(SQUARE, q, 0.2)) for q in ((3, 0, 0), (0, 3, 0))]
    averaged = portrait(SQUARE, (domains[0] + domains[1]) / 2, (0, 0, 1), kelvin=10.0)
    assert len(averaged.arms) == 2
    assert label(averaged) == "spiral"
    lattice, s = KNOWN["multi-q"]
    assert label(portrait(lattice, spectrum(lattice, s), kelvin=10.0)) == "multi-q"


def test_a_paramagnet_in_a_field_becomes_a_ferromagnet_at_half_of_its_length():
    noise = np.random.default_rng(2).normal(size=(SQUARE.sites, 3))
    for pull, name in ((0.3, "paramagnet"), (3.0, "ferromagnet")):
        s = unit(noise + np.array([0, 0, pull]))
        assert label(portrait(SQUARE, spectrum(SQUARE, s), (0, 0, 1), kelvin=50.0)) == name


def test_a_skyrmion_liquid_has_charge_and_no_sharp_wave():
    crystal = portrait(TRIANGULAR, spectrum(TRIANGULAR, skyrmions(TRIANGULAR)), (0, 0, 1), kelvin=20.0)
    assert label(crystal) == "skyrmion lattice"
    liquid = replace(crystal, arms=tuple(replace(arm, sharp=0.2) for arm in crystal.arms))
    assert label(liquid) == "skyrmion liquid"


def test_charge_of_spins_that_differ_too_much_does_not_count():
    s = KNOWN["disordered"][1]
    lattice = KNOWN["disordered"][0]
    assert portrait(lattice, spectrum(lattice, s)).density == 0.0


def test_vacancies_carry_no_weight():
    s = spiral(SQUARE, (3, 0, 0))
    s[::7] = 0.0
    assert spectrum(SQUARE, s).weight.sum() == pytest.approx(1 / (1 - len(s[::7]) / len(s)))
    assert label(portrait(SQUARE, spectrum(SQUARE, s))) == "spiral"
