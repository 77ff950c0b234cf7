"""The [model] table: energies on paper, states that are known, and errors that name file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from magsearch import formats
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.errors import InputError
from magsearch.units import JOULE, MRY, MU_B

INPUTS = Path(__file__).parent.parent / "inputs"
X, Y, Z = np.eye(3)


def read(tmp_path, text: str):
    path = tmp_path / "model.toml"
    path.write_text("[model]\n" + text)
    return formats.read(path)


def energy_per_site(hamiltonian, spins) -> float:
    """meV, bonds and field only."""
    bonds, lattice = hamiltonian.directed, hamiltonian.lattice
    spins = np.broadcast_to(spins, (lattice.sites, 3))
    bilinear = -0.5 * np.einsum("ba,bac,bc->", spins[bonds.i], bonds.J, spins[bonds.j])
    return (bilinear - MU_B * hamiltonian.site_moments @ (spins @ np.array(hamiltonian.field))) / lattice.sites


def spiral(lattice, turns, pitch: float = 0.0) -> np.ndarray:
    """Spins that turn about z, with q = sum turns_k b_k, and stand up from the plane by sin(pitch)."""
    phase = lattice.positions @ (np.asarray(turns) @ lattice.reciprocal)
    flat = np.stack([np.cos(phase), np.sin(phase), np.zeros_like(phase)], axis=1)
    return np.cos(pitch) * flat + np.sin(pitch) * Z


SQUARE = 'lattice = "square"\nsize = [4, 4, 1]\n'


@pytest.mark.parametrize(("unit", "value"), [("meV", 1.0), ("mRy", MRY), ("J", JOULE)])
def test_exchange_counts_once_for_each_pair(tmp_path, unit, value):
    model = read(tmp_path, SQUARE + f'unit = "{unit}"\n[[model.exchange]]\nJ = [1, 0.25]')
    assert energy_per_site(model, Z) == pytest.approx(-2 * (1 + 0.25) * value)


@pytest.mark.parametrize(("direction", "plane"), [("bloch", (Y, Z)), ("neel", (Z, X))])
def test_positive_d_turns_the_spins_with_d(tmp_path, direction, plane):
    """Along x the axis s_i x s_j of the favoured turn is x (bloch) or z x x = y (neel)."""
    model = read(tmp_path, SQUARE + f'[[model.dmi]]\nshell = 1\nD = 0.5\ndirection = "{direction}"')
    first, second = plane
    along_x = model.lattice.positions[:, :1] * np.pi / 2
    spins = np.cos(along_x) * first + np.sin(along_x) * second
    assert energy_per_site(model, spins) == pytest.approx(-0.5)
    assert energy_per_site(model, np.cos(along_x) * first - np.sin(along_x) * second) == pytest.approx(0.5)


HONEYCOMB = 'lattice = "honeycomb"\nsize = [4, 4, 1]\n'
CUBIC = np.array([[1, -(3**0.5), 2**0.5], [1, 3**0.5, 2**0.5], [-2, 0, 2**0.5]]) / 6**0.5  # x, y, z: [111] along z


def test_two_ion_anisotropy_makes_an_xxz_pair(tmp_path):
    """Spins at an angle theta to n have J sin^2 + (J + A) cos^2."""
    table = "[[model.exchange]]\nJ = 1\n[[model.two_ion]]\nA = [0.5, 0.25]\naxis = [0, 0, 2]"
    model = read(tmp_path, SQUARE + table)
    assert energy_per_site(model, Z) == pytest.approx(-2 * 1.75)
    assert energy_per_site(model, X) == pytest.approx(-2)
    assert energy_per_site(model, 0.6 * X + 0.8 * Z) == pytest.approx(-2 * (1 + 0.64 * 0.75))


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_kitaev_bond_couples_the_components_along_its_axis(tmp_path, kind):
    c, a, b = CUBIC[kind], CUBIC[kind - 2], CUBIC[kind - 1]
    model = read(tmp_path, HONEYCOMB + "[[model.kitaev]]\nK = 2\nGamma = 0.5\nGamma_prime = 0.25")
    bonds, lattice = model.bonds, model.lattice
    r = bonds.offset @ lattice.cell + lattice.basis[bonds.j] - lattice.basis[bonds.i]
    own = np.abs(r @ c) < 1e-9
    assert own.sum() == 2  # the bond and its reverse
    for J in bonds.J[own]:
        expected = {(0, 0): 2.0, (0, 1): 0.25, (0, 2): 0.25, (1, 2): 0.5, (1, 1): 0.0, (2, 2): 0.0}
        for (first, second), value in expected.items():
            assert (c, a, b)[first] @ J @ (c, a, b)[second] == pytest.approx(value)
            assert (c, a, b)[second] @ J @ (c, a, b)[first] == pytest.approx(value)


def test_kitaev_couplings_have_the_symmetry_of_the_crystal(tmp_path):
    """A uniform state may be rotated by 120 degrees about [111]; without Gamma and Gamma', in any direction."""
    terms = "[[model.kitaev]]\nK = 2\nGamma = 0.5\nGamma_prime = 0.25"
    model, pure = read(tmp_path, HONEYCOMB + terms), read(tmp_path, HONEYCOMB + terms.split("\nGamma")[0])
    s = np.array([0.6, 0.48, 0.64])
    cosine, sine = np.cos(2 * np.pi / 3), np.sin(2 * np.pi / 3)
    turned = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ s
    assert energy_per_site(model, turned) == pytest.approx(energy_per_site(model, s))
    assert energy_per_site(model, Z) == pytest.approx(-(2 + 2 * 0.5 + 4 * 0.25) / 2)  # (x + y + z) / sqrt 3
    assert [energy_per_site(pure, turned), energy_per_site(pure, Z)] == pytest.approx([-1, -1])


def test_alpha_rucl3_has_its_proven_energy(tmp_path):
    """J1, K1, Gamma1, J3 = -0.5, -5, 2.5, 0.5 meV with H = + J s s (Winter et al., Nat. Commun. 8, 1152 (2017))."""
    terms = "[[model.exchange]]\nJ = [0.5, 0, -0.5]\n[[model.kitaev]]\nK = 5\nGamma = -2.5"
    bound = lower_bound(read(tmp_path, HONEYCOMB + terms))
    matrices = {c: 0.5 * np.eye(3) for c in range(3)}
    for c, M in matrices.items():
        M[c, c] += 5
        M[c - 2, c - 1] = M[c - 1, c - 2] = -2.5
    zigzag = np.linalg.eigvalsh(matrices[0] + matrices[1] - matrices[2] + 1.5 * np.eye(3))[-1] / -2
    assert bound.per_site == pytest.approx(zigzag, rel=1e-9)


@pytest.mark.parametrize(
    ("lattice", "terms", "words"),
    [
        (HONEYCOMB, "K = 1\nshell = 2", "a bond is not perpendicular to one of the axes"),
        (SQUARE, "K = 1", "a bond is not perpendicular to one of the axes"),
        (HONEYCOMB, "K = 1\naxes = [[1, 0, 0], [0, 1, 0], [0, 1, 1]]", "not three orthogonal unit vectors"),
    ],
)
def test_kitaev_couplings_that_do_not_fit_are_refused(tmp_path, lattice, terms, words):
    with pytest.raises(InputError, match=words) as told:
        read(tmp_path, lattice + "[[model.kitaev]]\n" + terms)
    assert "model.toml:4" in str(told.value)


def test_a_bond_brings_its_reverse_and_adds_to_the_shells(tmp_path):
    bond = (
        "\n[[model.bond]]\ni = 0\nj = 0\ncells = [1, 0, 0]\nJ = 0.5\nD = [0, 0, 2]\nmatrix = [[0,0,1],[0,0,0],[0,0,0]]"
    )
    model = read(tmp_path, SQUARE + "[[model.exchange]]\nJ = 1.0" + bond)
    J = {tuple(o): J for o, J in zip(model.bonds.offset.tolist(), model.bonds.J, strict=True)}
    assert np.allclose(J[1, 0, 0], [[1.5, 2, 1], [-2, 1.5, 0], [0, 0, 1.5]])
    assert np.allclose(J[-1, 0, 0], J[1, 0, 0].T)
    assert np.allclose(J[0, 1, 0], np.eye(3))


def test_shells_between_species(tmp_path):
    text = """size = [4, 4, 4]
        cell = [[2, 0, 0], [0, 2, 0], [0, 0, 2]]
        constant = 1.5
        basis = [{species = "Fe", position = [0, 0, 0], moment = 2.5}, {species = "Co", position = [0.5, 0.5, 0.5]}]
        [[model.exchange]]
        shell = 2
        J = 3.0
        between = ["Co", "Co"]
        [[model.exchange]]
        between = ["Fe", "Co"]
        J = 1.0
    """
    model = read(tmp_path, text)
    assert model.moments.tolist() == [2.5, 1.0]
    assert np.allclose(model.lattice.basis[1], 1.5)
    trace = {
        (a, b): model.bonds.J[(model.bonds.i == a) & (model.bonds.j == b), 0, 0].sum() for a in (0, 1) for b in (0, 1)
    }
    assert trace == {(0, 0): 0, (1, 1): 18, (0, 1): 8, (1, 0): 8}


def test_cartesian_positions_are_lengths(tmp_path):
    text = "size = [2, 2, 1]\nconstant = 2.0\ncell = [[2,0,0],[0,2,0],[0,0,1]]\n"
    text += "cartesian = {}\nbasis = [{{position = {}}}]"
    cartesian, fractional = (
        read(tmp_path, text.format(flag, where)) for flag, where in (("true", "[0.5,0,0]"), ("false", "[0.25,0,0]"))
    )
    assert np.allclose(cartesian.lattice.basis, [[1, 0, 0]])
    assert np.allclose(fractional.lattice.basis, [[1, 0, 0]])


def test_clusters_are_open_cells(tmp_path):
    text = """size = [1, 1, 1]
        periodic = [false, false, false]
        cartesian = true
        cell = [[9, 0, 0], [0, 9, 0], [0, 0, 9]]
        basis = [{position = [0, 0, 0]}, {position = [1, 0, 0]}, {position = [0, 1, 0]}]
        [[model.exchange]]
        J = [-1.0, 0.5]
    """
    model = read(tmp_path, text)
    assert energy_per_site(model, Z) == pytest.approx(-(-1.0 * 2 + 0.5) / 3)


def test_onsite_terms_field_and_vacancies(tmp_path):
    text = """field = [0, 1, 2]
        moment = 2
        vacancies = [3]
        [[model.anisotropy]]
        K = 0.5
        K4 = 0.25
        [[model.cubic]]
        Kc = 0.1
        atoms = [0]
    """
    model = read(tmp_path, SQUARE + text)
    assert model.field == (0, 1, 2)
    assert model.vacancies == (3,)
    assert model.site_moments.sum() == 2 * 15
    uniaxial, cubic = model.anisotropy
    assert (uniaxial.K, uniaxial.axis, uniaxial.K4, uniaxial.atoms) == (0.5, (0, 0, 1), 0.25, None)
    assert (cubic.Kc, cubic.atoms) == (0.1, (0,))


def test_only_the_model_table_is_read(tmp_path):
    assert read(tmp_path, SQUARE + "[search]\nseed = 1\n[islands]\ncount = 2").lattice.sites == 16


# -- the models in inputs/ ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(INPUTS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_input_says_where_it_comes_from_and_what_to_expect(path):
    header = [line for line in path.read_text().split("[model]")[0].splitlines() if line]
    assert all(line.startswith("#") for line in header)
    assert {"# Source", "# Expect"} <= {line.split(":")[0].split(",")[0] for line in header}
    assert len(formats.read(path).bonds)


def test_triangular_antiferromagnet_has_the_120_degree_state():
    model = formats.read(INPUTS / "triangular-afm.toml")
    assert energy_per_site(model, spiral(model.lattice, [1 / 3, 1 / 3, 0])) == pytest.approx(-1.5)


def test_kagome_antiferromagnet_has_triangles_that_sum_to_zero():
    model = formats.read(INPUTS / "kagome-afm.toml")
    angles = np.tile(2 * np.pi / 3 * np.arange(3), model.lattice.cells)
    spins = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)
    assert energy_per_site(model, spins) == pytest.approx(-1)


def test_frustrated_square_has_stripes():
    model = formats.read(INPUTS / "square-j1j2.toml")
    assert energy_per_site(model, spiral(model.lattice, [0.5, 0, 0])) == pytest.approx(-1.6)
    assert energy_per_site(model, spiral(model.lattice, [0.5, 0.5, 0])) == pytest.approx(-0.4)


def test_okubo_has_the_spiral_and_the_cone_of_its_formula():
    model = formats.read(INPUTS / "okubo.toml")
    q = 2 * np.arccos((1 + np.sqrt(1 + 2 / 3)) / 4)
    infinite = -0.5 * np.linalg.eigvalsh(model.fourier([[q, 0, 0]])).max()
    assert infinite == pytest.approx(-5.155410, abs=1e-6)
    assert q / (2 * np.pi) == pytest.approx(0.30588, abs=1e-5)
    J_q, J_0 = (
        np.linalg.eigvalsh(model.fourier(turns @ model.lattice.reciprocal)).max() for turns in [(X + Y) * 2 / 13, 0 * X]
    )
    h = MU_B * model.field[2]
    assert h == pytest.approx(6, rel=1e-5)
    cone = spiral(model.lattice, [2 / 13, 2 / 13, 0], pitch=np.arcsin(h / (J_q - J_0)))
    assert energy_per_site(model, cone) == pytest.approx(-J_q / 2 - h**2 / (2 * (J_q - J_0)))
    assert -J_q / 2 == pytest.approx(infinite, abs=0.001)


def test_square_bloch_has_helices_of_the_period_of_its_formula():
    model = formats.read(INPUTS / "square-bloch.toml")
    assert MU_B * model.field[2] == pytest.approx(0.15, rel=1e-4)
    q = np.linspace(0.3, 0.6, 3001)
    softest = np.linalg.eigvalsh(model.fourier(q[:, None] * X)).max(axis=1)
    assert np.tan(q[softest.argmax()]) == pytest.approx(0.5, abs=1e-3)


def test_pdfeir111_keeps_both_ordered_pairs_of_its_source():
    """The ferromagnet, bonds and field: - sum of J over both orders, with the neighbours that each shell has, - m B."""
    model = formats.read(INPUTS / "pdfeir111.toml")
    published = np.array([14.4046, -2.48108, -2.68507, 0.520605, 0.73757, 0.277615, 0.160881, -0.57445, -0.212654])
    neighbours = np.array([6, 6, 6, 12, 6, 6, 12, 6, 12])
    assert energy_per_site(model, Z) == pytest.approx(-published @ neighbours - MU_B * 3 * 2.5)
    assert model.anisotropy[0].K == 0.7


# -- what can be wrong ----------------------------------------------------------------------------------------------

BAD = [
    ("J = [1.0]", "J = [1.0]\nJx = 2", "11: unknown key 'Jx'; did you mean 'J'"),
    ("size = [4, 4, 1]", "size = [4, 4, 1]\nfeld = 1", "5: unknown key 'feld'; did you mean 'field'"),
    ("size = [4, 4, 1]", "", "2: size is missing"),
    ("size = [4, 4, 1]", "size = [40000, 4000, 1]", "4: 40000 x 4000 x 1 cells are 160000000 sites; expected at most"),
    ("J = [1.0]", "J = [1.0]\nshell = 4000000000", "8: reaches to shell 4000000000; expected at most 1000"),
    ("size = [4, 4, 1]", "size = [4, 4]", "4: size is .*expected 3 items"),
    ("size = [4, 4, 1]", "size = [4, 0, 1]", "4: size is 0; expected at least 1"),
    ("size = [4, 4, 1]", "size = [4, 4, 1.5]", "4: size is 1.5; expected"),
    ("J = [1.0]", 'J = "strong"', "10: J is 'strong'; expected a number or a list"),
    ("J = [1.0]", "J = true", "10: J is True"),
    ("J = [1.0]", "J = nan", "10: J is nan; expected a finite number"),
    ("J = [1.0]", "J = 1.0\nshell = 0", "11: shell is 0"),
    ("J = [1.0]", 'J = 1.0\nbetween = ["A", "B"]', r"11: shell 1 has no bonds between"),
    ("J = [1.0]", "J = 1.0\n\n[[model.exchange]]\nJ = 2.0", "12: shell 1 already has exchange"),
    ("D = 0.5", "", "12: D is missing"),
    ('"bloch"', '"up"', "15: direction is 'up'; expected 'bloch' or 'neel'"),
    ('"square"', '"squares"', "3: unknown lattice 'squares'; did you mean 'square'"),
    ('lattice = "square"', "", "2: expected either cell or lattice"),
    ('lattice = "square"', "cell = [[1,0,0],[0,1,0],[1,1,0]]", "3: .*do not span a volume"),
    (
        'lattice = "square"',
        "cell = [[1,0,0],[0,1e-320,0],[0,0,3]]",
        "3: the cell vectors .*expected lengths from 1e-30 to 1e\\+30",
    ),
    ('lattice = "square"', 'lattice = "square"\nconstant = 1e200', "4: constant is 1e\\+200: .*expected lengths"),
    (
        'lattice = "square"',
        "cell = [[1,0,0],[0,1,0],[0,0,1]]\nbasis = [{position = [0, 0, 0]}, {position = [1, 0, 0]}]",
        "4: atoms 0 and 1 of the basis are at the same place",
    ),
    ("field = 1", "field = [1, 0]", "5: field is .*expected"),
    ("field = 1", "moment = 0", "5: moment is 0"),
    ("field = 1", "vacancies = [99]", "5: vacancies must be sites 0 to 15"),
    ("K = 0.1", "K = 0.1\naxis = [0, 0, 0]", "17: the anisotropy axis"),
    ("K = 0.1", "K = 0.1\natoms = [1]", "19: the basis has atoms 0 to 0"),
    ("J = [1.0]", "J = [1.0", "not valid TOML"),
    ("K = 0.1", "K = 0.1\n[[model.bond]]\ni = 0\nj = 0\nJ = 1.0", "19: couples atom 0 to itself"),
    ("K = 0.1", "K = 0.1\n[[model.bond]]\ni = 0\nj = 4\nJ = 1.0", "19: bond 0 -> 4; the basis has atoms 0 to 0"),
]
GOOD = """# a comment
[model]
lattice = "square"
size = [4, 4, 1]
field = 1

# more
[[model.exchange]]
# J = 7
J = [1.0]

[[model.dmi]]
shell = 1
D = 0.5
direction = "bloch"

[[model.anisotropy]]
K = 0.1
"""


@pytest.mark.parametrize(("good", "bad", "message"), BAD, ids=[message for *_, message in BAD])
def test_errors_name_file_line_and_key(tmp_path, good, bad, message):
    path = tmp_path / "bad.toml"
    path.write_text(GOOD)
    assert len(formats.read(path).bonds) == 4
    assert good in GOOD
    path.write_text(GOOD.replace(good, bad))
    with pytest.raises(InputError, match=rf"bad\.toml:.*{message}" if ":" not in message else rf"bad\.toml:{message}"):
        formats.read(path)


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ("[[model.bond]]\nJ = 1.0\ni = 0\nj = 0\ncells = [{}, 0, 0]", "cells"),
        ("[[model.chirality]]\nT = 1.0\nsites = [[0, 0, 0, 0], [0, {}, 0, 0], [0, 0, 1, 0]]", "sites"),
        ("[[model.anisotropy]]\nK = 1.0\natoms = [{}]", "atoms"),
    ],
)
@pytest.mark.parametrize("number", [2**53, -(2**63) - 1, 10**30])
def test_integers_that_are_too_large_are_refused(tmp_path, table, key, number):
    text = f'lattice = "square"\nsize = [4, 4, 1]\n{table.format(number)}\n'
    with pytest.raises(InputError, match=rf"model.toml:\d+: {key} is {number}; expected (less|more|at least)"):
        read(tmp_path, text)


def test_pairs_are_listed_once(tmp_path):
    bond = "\n[[model.bond]]\ni = 0\nj = 0\ncells = {}\nJ = 1.0"
    with pytest.raises(InputError, match=r"model\.toml:10: this pair is listed before"):
        read(tmp_path, SQUARE + bond.format("[1, 0, 0]") + bond.format("[-1, 0, 0]"))


def test_a_finite_lattice_says_how_many_shells_it_has(tmp_path):
    molecule = 'lattice = "kagome"\nsize = [1, 1, 1]\nperiodic = [false, false, false]\n'
    with pytest.raises(InputError, match=r"model\.toml:5: the lattice has 2 shells, 3 were asked for"):
        read(tmp_path, molecule + "[[model.exchange]]\nshell = 3\nJ = 1.0")
