"""Supercells of a crystal, which of them suit its softest modes, and the race between them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from itertools import count as counted

import numpy as np
import pytest
from command import printed
from models import bloch, exchange, shell_bonds, tensor
from numpy.testing import assert_allclose, assert_array_equal
from processes import differences, done

import magsearch as ms
from magsearch import storage
from magsearch.errors import Interrupted, Overdue
from magsearch.model.integers import lower_hermite
from magsearch.model.lattice import Lattice
from magsearch.search.supercells import tiling
from magsearch.search.supercells.best import Best
from magsearch.search.supercells.enumeration import small_supercells
from magsearch.search.supercells.misfit import misfit, noticed
from magsearch.search.supercells.normal_form import diagonalized, generated, short_form
from magsearch.search.supercells.race import Race
from magsearch.search.supercells.ranking import ranked, soft_modes
from magsearch.search.supercells.supercell import LARGEST, Supercell, compact, own_supercell, supercells


def chain(J2: float) -> ms.Hamiltonian:
    """J1 = 1 and J2 < -1/4: a spiral with cos q = -1 / (4 J2), J(q)/2 = cos q + J2 cos 2q."""
    lattice = Lattice.named("chain", (8, 1, 1))
    return ms.Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0), exchange(J2)))


def square(size=(8, 8, 1), **settings) -> ms.Hamiltonian:
    lattice = Lattice.named("square", size)
    return ms.Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.5)), **settings)


def triangular() -> ms.Hamiltonian:
    lattice = Lattice.named("triangular", (5, 4, 1))
    return ms.Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0)))


def kagome(size=(4, 4, 1)) -> ms.Hamiltonian:
    lattice = Lattice.named("kagome", size)
    easy = (ms.UniaxialAnisotropy(0.7, (1.0, 2.0, -0.5), atoms=(1,)),)
    return ms.Hamiltonian(lattice, shell_bonds(lattice, tensor(3)), (1.0, 2.0, 3.0), easy, (3.0, 1.0, -2.0))


def fcc(size=(3, 3, 3)) -> ms.Hamiltonian:
    lattice = Lattice.named("fcc", size)
    return ms.Hamiltonian(lattice, shell_bonds(lattice, tensor(1), tensor(2)), field=(1.0, 2.0, 3.0))


def random_matrices(count: int):
    random = np.random.default_rng(4)
    while count:
        n = random.integers(1, 4)
        H = random.integers(-9, 10, size=(n, n))
        if round(np.linalg.det(H)):
            count -= 1
            yield H


def unimodular(M: np.ndarray) -> bool:
    return bool(np.allclose(M, np.rint(M), atol=1e-6) and np.isclose(abs(np.linalg.det(M)), 1))


def textures(sites: int, seed: int = 5) -> np.ndarray:
    s = np.random.default_rng(seed).normal(size=(sites, 3))
    return s / np.linalg.norm(s, axis=1, keepdims=True)


def per_site(hamiltonian: ms.Hamiltonian, spins: np.ndarray) -> float:
    evaluator = ms.Evaluator(hamiltonian, ms.choose("cpu"), np.float64)
    return float(evaluator.energies(spins[None])[0]) / hamiltonian.lattice.sites


# -- whole-number matrices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crystal", "counts"),
    [
        (chain(-1.0), [1] * 8),
        (square(), [1, 3, 4, 7, 6, 12, 8, 15]),  # sum of the divisors of n
        (fcc(), [1, 7, 13, 35, 31, 91, 57, 155]),  # sum over d | n of d sigma(d)
    ],
)
def test_all_boxes_of_a_volume_are_listed_once(crystal, counts):
    for volume, count in enumerate(counts, start=1):
        listed = supercells(crystal, volume)
        assert {Supercell(crystal, H).cells // _across(crystal) for H in listed} == {volume}
        assert len({Supercell(crystal, H).key for H in listed}) == len(listed) == count


def _across(crystal: ms.Hamiltonian) -> int:
    periodic = crystal.lattice.periodic
    return int(np.prod([n for n, p in zip(crystal.lattice.size, periodic, strict=True) if not p]))


def test_boxes_that_repeat_alike_have_one_normal_form():
    for H in random_matrices(300):
        F = lower_hermite(H)
        assert unimodular(F @ np.linalg.inv(H))
        assert_array_equal(F, np.tril(F))
        assert (np.diag(F) > 0).all()
        assert (F >= 0).all()
        U = np.eye(len(H), dtype=int)
        U[0] += 3 * U[-1] * (len(H) > 1)
        assert_array_equal(lower_hermite(U[::-1] @ H), F)


def test_every_matrix_is_diagonal_in_other_cell_vectors():
    for H in random_matrices(300):
        D, Q = diagonalized(H)
        assert unimodular(Q)
        assert unimodular(H @ np.linalg.inv(Q) @ np.diag(1 / D))
    D, Q = diagonalized(np.diag([96, 100, 1]))
    assert_array_equal(D, [96, 100, 1])
    assert_array_equal(Q, np.eye(3))


def test_compact_vectors_cannot_be_shortened():
    crystal = fcc()
    for H in supercells(crystal, 30):
        v = H @ crystal.lattice.cell
        for i, j in ((0, 1), (0, 2), (1, 2)):
            assert abs(v[i] @ v[j]) <= 0.501 * min(v[i] @ v[i], v[j] @ v[j])
    H = np.array([[7, 1, 0], [30, 5, 0], [0, 0, 1]])
    assert Supercell(crystal, H).key == Supercell(crystal, compact(H, crystal.lattice.cell, (0, 1))).key


def test_small_supercells_are_those_that_no_symmetry_maps_onto_each_other():
    """Sublattices of the triangular lattice, up to rotations and reflections: OEIS A003051."""
    lattice = Lattice.named("triangular", (2, 5, 1))
    crystal = ms.Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)))
    volumes = [one.cells for one in small_supercells(crystal, 12)]
    assert [volumes.count(cells) for cells in range(1, 13)] == [1, 1, 2, 3, 2, 3, 3, 5, 4, 4, 3, 8]


BCC = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])


def test_short_forms_span_the_supercell_they_are_given():
    """Sheared supercells of bcc: D Q has its Hermite normal form, and Q determinant 1 or -1."""
    rng = np.random.default_rng(5)
    for n in range(200):
        H = rng.integers(-6, 7, (3, 3)) * rng.integers(1, 4, 3)[:, None]
        if round(np.linalg.det(H)) == 0:
            continue
        made = [short_form(H, BCC, (0, 1, 2)), generated(H, BCC)]
        for D, Q in (form for form in made if form is not None):
            assert unimodular(Q), (n, H)
            assert_array_equal(lower_hermite(np.diag(D) @ Q), lower_hermite(H), err_msg=str(H))


def test_cell_vectors_of_a_long_supercell_are_no_longer_than_a_row_of_its_cells():
    """Pairwise reduction leaves one of 4e9 here. A row of N short vectors holds all cells."""
    H = np.array([[1, -34, 31], [-20, -21, -22], [1199, -638, -601]])
    D, Q = short_form(H, BCC, (0, 1, 2))
    assert D.max() == abs(round(np.linalg.det(H))) == 2480226
    assert unimodular(Q)
    assert_array_equal(lower_hermite(np.diag(D) @ Q), lower_hermite(H))
    assert np.linalg.norm(Q @ BCC, axis=1).max() < D.max()


# -- textures in supercells --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("crystal", "H"),
    [
        (square(field=(3.0, -2.0, 5.0)), [[5, 1, 0], [-2, 7, 0], [0, 0, 1]]),
        (kagome(), [[3, 2, 0], [-1, 4, 0], [0, 0, 1]]),
        (fcc(), [[3, 1, 0], [0, 2, -1], [1, 0, 3]]),
    ],
)
def test_a_texture_has_one_energy_however_its_box_is_described(crystal, H):
    """In the sheared supercell, in copies of it side by side, and in the plain supercell that is a multiple of it."""
    supercell = Supercell(crystal, H)
    spins = textures(supercell.sites)
    energy = per_site(supercell.hamiltonian, spins)
    several = supercell.tiled([2, 1, 1])
    assert_allclose(per_site(several.hamiltonian, supercell.repeated(spins, several)), energy, rtol=1e-12)
    edge = supercell.cells
    size = tuple(edge if crystal.bonds.offset[:, axis].any() else 1 for axis in range(3))
    plain = own_supercell(crystal.with_size(size))
    assert_allclose(per_site(plain.crystal, supercell.repeated(spins, plain)), energy, rtol=1e-10)


def test_sites_of_a_sheared_box_are_drawn_inside_it_and_repeat_after_its_vectors():
    supercell = Supercell(triangular(), [[9, 2, 0], [1, 8, 0], [0, 0, 1]]).tiled([2, 2, 1])
    lattice = supercell.hamiltonian.lattice
    expected = supercell.H[:2] @ supercell.crystal.lattice.cell
    between = lattice.box[:2] @ np.linalg.pinv(expected)
    assert unimodular(between)
    fractions = lattice.positions @ np.linalg.inv(lattice.box)
    assert fractions[:, :2].min() > -1e-3
    assert fractions[:, :2].max() < 1.0
    home = lattice.positions @ np.linalg.inv(supercell.crystal.lattice.cell)
    assert_allclose(home, np.rint(home), atol=1e-9)
    assert len({supercell.places(np.rint(place).astype(int)).item() for place in home}) == supercell.sites


def test_the_box_of_a_plain_lattice_is_its_size():
    for name in ("square", "triangular", "fcc", "bcc", "kagome"):
        lattice = Lattice.named(name, (6, 6, 3 if name in ("fcc", "bcc") else 1))
        corners = lattice.coordinates @ lattice.cell
        assert_array_equal(lattice.positions[:: lattice.atoms], corners + lattice.basis[0])


def test_a_wave_keeps_its_number_of_turns_when_it_is_stretched():
    crystal = square()
    old, new = (
        Supercell(crystal, [[20, 1, 0], [-1, 20, 0], [0, 0, 1]]),
        Supercell(crystal, [[21, 1, 0], [-1, 19, 0], [0, 0, 1]]),
    )

    def wave(supercell: Supercell) -> np.ndarray:
        phase = 2 * np.pi * (supercell.coordinates @ np.linalg.inv(supercell.H) @ [2, 1, 0])
        return np.stack([np.cos(phase), np.sin(phase), 0 * phase], axis=1)

    overlap = (old.carried(wave(old), new) * wave(new)).sum(axis=1)
    assert overlap.min() > 0.99
    assert_allclose(old.carried(wave(old), old), wave(old), atol=1e-12)


# -- soft modes and ranking --------------------------------------------------------------------------------------------


def test_soft_modes_of_the_square_bloch_magnet():
    """tan q = D / (sqrt(2) J) along both diagonals; E = - [2 J cos q + sqrt(2) D sin q]."""
    modes, q = soft_modes(square()), np.arctan(0.5 / np.sqrt(2))
    assert len(modes.h) == 2
    assert_allclose(np.abs(modes.h[:, :2]), q / (2 * np.pi), atol=1e-6)
    assert_allclose(modes.energy, -(2 * np.cos(q) + np.sqrt(2) * 0.5 * np.sin(q)), rtol=1e-12)


def test_the_box_of_a_commensurate_spiral_costs_nothing():
    """cos q = 1/2 for J2 = -1/2: six sites."""
    found = ranked(chain(-0.5), 40)
    best = min(found, key=lambda r: (round(r.one, 9), r.supercell.sites))
    assert best.supercell.sites == 6
    assert best.one == pytest.approx(0, abs=1e-9)
    assert all(r.one >= -1e-9 and r.all >= r.one for r in found)


def test_costs_are_those_of_the_waves_that_fit():
    """Against J(q) at the wave vectors k / n of a chain of n sites."""
    J2 = -0.37
    for record in ranked(chain(J2), 60):
        n = record.supercell.sites
        q = 2 * np.pi * np.arange(n) / n
        waves = -(np.cos(q) + J2 * np.cos(2 * q))
        least = -(1 / (4 * -J2)) - J2 * (2 / (16 * J2**2) - 1)
        if n > 20:  # the curvature is that of small distances
            assert record.one == pytest.approx(waves.min() - least, rel=0.1, abs=1e-7)


@pytest.mark.parametrize(
    "crystal",
    [
        replace(square(), vacancies=(3,)),
        square().disordered(),
        ms.Hamiltonian(Lattice.named("chain", (8, 1, 1), periodic=(False,) * 3), chain(-1.0).bonds),
    ],
)
def test_a_box_that_cannot_be_chosen_is_refused(crystal):
    with pytest.raises(ValueError, match=r"the supercell cannot be chosen|there is no supercell"):
        soft_modes(crystal)


# -- the race ----------------------------------------------------------------------------------------------------------


def raced(crystal: ms.Hamiltonian, sites: int):
    return Race(crystal, ms.choose("cpu"), sites).run()


def test_three_sublattices_are_found_from_any_size():
    """-3/2 |J| per site, which no supercell of 5 x 4 holds."""
    best = raced(triangular(), 30)
    assert best.energy == pytest.approx(-1.5, abs=1e-5)
    assert best.supercell.sites == 3


def test_a_cell_with_more_atoms_than_a_supercell_may_have_is_refused():
    with pytest.raises(ValueError, match=r"up to 2 sites .*; a cell has 3"):
        raced(kagome(), 2)


def test_the_best_of_all_commensurate_spirals_is_found():
    """The lowest - J(q)/2 among all q = 2 pi k / n with n up to 40."""
    J2, limit = -0.37, 40
    q = np.array([2 * np.pi * k / n for n in range(1, limit + 1) for k in range(n)])
    expected = (-(np.cos(q) + J2 * np.cos(2 * q))).min()
    best = raced(chain(J2), limit)
    assert best.energy == pytest.approx(expected, abs=2e-6)  # the next best is 3e-5 higher
    assert best.supercell.sites <= limit


def test_what_is_shown_is_the_same_state_in_a_wider_box():
    best = raced(chain(-0.37), 20)
    shown = best.shown()
    assert shown.supercell.hamiltonian.lattice.size[0] > 1
    assert_allclose(per_site(shown.supercell.hamiltonian, shown.texture.astype(np.float64)), best.energy, rtol=1e-6)


def test_no_box_of_copies_is_larger_than_it_has_to_be_to_be_compact():
    """A long cell of bcc whose rows have no common divisor: 8 times as many have several cells along each axis."""
    crystal = ms.Hamiltonian(bcc := Lattice.named("bcc", (3, 3, 3)), shell_bonds(bcc, exchange(1.0)))
    cell = Supercell(crystal, np.array([[30, -16, -15], [0, 1, -1], [1, 1, 1]]))
    assert cell.sites == 91
    shown = Best(cell, np.tile([0.0, 0.0, 1.0], (91, 1)), -4.0).shown()
    assert shown.supercell.sites <= LARGEST
    assert shown.texture.shape == (shown.supercell.sites, 3)
    assert_allclose(per_site(shown.supercell.hamiltonian, shown.texture), -4.0)


def spent(looks: int, end: type[Exception]) -> Callable[[], None]:
    """A watch that ends what calls it at this look and at all later ones."""
    seen = counted()

    def watch() -> None:
        if next(seen) >= looks:
            raise end

    return watch


STAGES = {
    "softest modes": lambda watch: soft_modes(chain(-0.37), watch),
    "ranking": lambda watch: ranked(chain(-0.37), 20, soft_modes(chain(-0.37)), watch),
    "enumeration": lambda watch: list(small_supercells(chain(-0.37), 20, watch)),
    "copies": lambda watch: Best(own_supercell(fcc((1, 1, 1))), textures(1), 0.0).shown(watch),
    "tilings": lambda watch: tiling.shared(
        square(), [Best(own_supercell(square((4, 4, 1))), textures(16), 0.0)], 2, watch
    ),
}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_looks_for_signals_and_at_its_time(stage):
    with pytest.raises(Interrupted):
        STAGES[stage](spent(0, Interrupted))


def test_a_race_that_is_interrupted_again_and_again_ends_as_one_that_is_not():
    whole, known = Race(chain(-0.37), ms.choose("cpu"), 20), {}
    expected, ends = whole.run(), 0
    for looks in counted(20, 20):
        race = Race(chain(-0.37), ms.choose("cpu"), 20, watch=spent(looks, Interrupted), known=known)
        try:
            best = race.run()
            break
        except Interrupted:
            ends += 1
    assert ends > 5
    assert (best.energy, best.supercell.key) == (expected.energy, expected.supercell.key)
    assert_array_equal(best.texture, expected.texture)
    assert known.keys() == whole.known.keys()


def test_a_race_whose_time_is_spent_gives_the_best_so_far():
    late = Race(chain(-0.37), ms.choose("cpu"), 20, watch=spent(0, Overdue))
    assert late.run() is None
    assert late.overdue
    short = Race(chain(-0.37), ms.choose("cpu"), 20)

    def watch() -> None:
        if len(short.known) > 7:
            raise Overdue

    short.watch = watch
    best = short.run()
    assert short.overdue
    assert best.energy == min(one.energy for found in short.known.values() for one in found)


# -- a run in the best supercell ---------------------------------------------------------------------------------------

MODEL = """\
[model]
lattice = "triangular"
size = [4, 5, 1]

[[model.exchange]]
J = -1.0

[search]
cells = "auto"
sites = 12
generations = 2
replicas = 8
"""


def test_a_run_goes_on_in_the_box_that_won_on_any_number_of_ranks(tmp_path):
    """The three sublattices of the triangular antiferromagnet do not fit into 4 x 5."""
    model = tmp_path / "model.toml"
    model.write_text(MODEL)
    files = [tmp_path / f"{ranks}.h5" for ranks in (0, 2)]
    for out, ranks in zip(files, (0, 2), strict=True):
        assert "of all supercells of up to 12 sites" in done("run", model, "-o", out, ranks=ranks)
    assert not differences(*files)
    found = storage.read(files[0])
    assert found.elites[0].energy / found.hamiltonian.n_spins == pytest.approx(-1.5, abs=1e-9)


def test_what_does_not_go_with_a_chosen_box_is_refused(tmp_path):
    model = tmp_path / "model.toml"
    model.write_text(MODEL)
    for arguments, told in (
        (("run", "--set", "model.periodic=[false,false,false]"), "there is no supercell to be chosen"),
        (("scan", "--set", "scan.field=[0,1]"), "search.cells selects the supercell of a single run"),
    ):
        said = done(arguments[0], model, "-o", tmp_path / "out.h5", *arguments[1:], code=2)
        assert told in said
        assert "Traceback" not in said


@pytest.mark.parametrize(
    ("choice", "seeds"), [('cells = "auto"', 0), pytest.param("tilings = true", 1, marks=pytest.mark.slow)]
)
def test_a_run_that_is_signalled_while_supercells_compete_is_resumed(choice, seeds, tmp_path):
    """From what was known by then, with the results of a run that was left alone."""
    model, sound, out = tmp_path / "model.toml", tmp_path / "sound.h5", tmp_path / "out.h5"
    model.write_text(MODEL.replace('cells = "auto"', choice))
    given = [model]
    if seeds:
        spins = tmp_path / "spins.npy"
        np.save(spins, textures(20))
        given += ["--seeds", spins]
    done("run", *given, "-o", sound)

    def signalled() -> None:
        descended = Race._descended

        def told(race: Race, *arguments, **more):
            if arguments[0].supercell.sites > 3:
                os.kill(os.getpid(), signal.SIGTERM)
            return descended(race, *arguments, **more)

        Race._descended = told

    told = done("run", *given, "-o", out, code=75, prepare=signalled)
    assert f"SIGTERM while supercells were compared: resume with: magsearch run --resume {out}" in told
    kept = storage.read(out).race
    assert kept is not None
    assert kept.known
    assert len(kept.seeds) == seeds
    assert "supercells  compared for" in done("show", out)
    told = done("run", "--resume", out)
    assert "resuming   the comparison of supercells, after" in told
    assert not differences(sound, out)


def test_supercells_compete_for_half_of_the_time_of_a_run(tmp_path):
    model, out = tmp_path / "model.toml", tmp_path / "out.h5"
    model.write_text(MODEL)
    told = done("run", model, "-o", out, "--set", "search.seconds=1e-6")
    assert "supercells were compared for 5e-07 s, half of search.seconds, and none was searched" in told
    assert storage.read(out).hamiltonian.lattice.size == (4, 5, 1)


def test_what_the_box_costs_is_the_energy_between_two_helices(tmp_path, capsys):
    """Of the simple cubic chiral magnet, J = 1.

    In the crystal along (1, 1, 1), - sqrt(9 + 3 D^2) at tan(2 pi h) = D / sqrt(3); in 12^3 cells along (0, 1, 1),
    - (1 + 2 cos 30) - sqrt(2) D sin 30.
    """
    D, size = 0.8, (12, 12, 12)
    lattice = Lattice.named("cubic", size)
    model = ms.Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, D)))
    found = misfit(model)
    assert_allclose(abs(found.crystal), np.arctan(D / np.sqrt(3)) / (2 * np.pi), atol=1e-5)
    assert_allclose(sorted(abs(found.box)), [0, 1 / 12, 1 / 12], atol=1e-12)
    lost = np.sqrt(9 + 3 * D**2) - (1 + np.sqrt(3) + D / np.sqrt(2))
    assert found.lost == pytest.approx(lost, rel=1e-6)
    toml = tmp_path / "model.toml"
    toml.write_text(f'[model]\nlattice = "cubic"\nsize = {list(size)}\nexchange = [{{J = 1.0}}]\n'
                    f'dmi = [{{D = {D}, direction = "bloch"}}]\n')  # fmt: skip
    told = json.loads(printed(capsys, "info", toml, "--json"))
    assert (told["softest_q"]["arms"], told["misfit"]["lost_per_site"]) == (6, pytest.approx(lost, rel=1e-6))
    assert "does not fit into the box" in printed(capsys, "info", toml)


def test_a_run_says_what_its_box_costs_and_nothing_where_the_softest_wave_fits(tmp_path, capsys):
    assert noticed(triangular().with_size((6, 6, 1))) is None
    assert noticed(chain(0.0)) is None
    # waves of one square are alike: (h, h) in the crystal, of which 12 cells have room for none
    result = ms.search(square((12, 12, 1)), generations=1, replicas=4, progress=False)
    result.save(tmp_path / "run.h5")
    assert "box   the softest wave" in printed(capsys, "show", tmp_path / "run.h5")
    assert json.loads(printed(capsys, "show", tmp_path / "run.h5", "--json"))["misfit"]["lost_per_site"] > 0
