"""What symmetry allows on bonds and atoms: Moriya's rules, and the tables that Sunny prints; expansion by orbits."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from magsearch import formats
from magsearch.model.bonds import Bonds, dmi_matrix, dmi_vector, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import NAMED, Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, StevensOperator, UniaxialAnisotropy
from magsearch.symmetry import allowed
from magsearch.symmetry.crystal import crystal_group
from magsearch.symmetry.orbits import Forbidden, bond_orbits, expanded, expanded_anisotropy
from magsearch.symmetry.point_groups import KINDS, point_group
from magsearch.symmetry.space_group import operations
from magsearch.symmetry.table import symmetry_table

pytestmark = pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
ROOT = Path(__file__).parent.parent
X, Y, Z = (np.diag(np.where(np.arange(3) == axis, -1.0, 1.0)) for axis in range(3))  # mirrors normal to x, y, z
# sites of Sunny's pyrochlore, in a cubic cell
PYROCHLORE = np.array([
    [0, 0, 0], [1, 1, 0], [2, 2, 0], [3, 3, 0], [1, 0, 1], [0, 1, 1], [3, 2, 1], [2, 3, 1], [2, 0, 2], [3, 1, 2],
    [0, 2, 2], [1, 3, 2], [3, 0, 3], [2, 1, 3], [1, 2, 3], [0, 3, 3],
]) / 4  # fmt: skip
HEXAGONAL = np.array([[1.0, 0.0, 0.0], [-0.5, 0.75**0.5, 0.0], [0.0, 0.0, 1.0]])


def lattice(cell, basis, nonmagnetic=(), size=(4, 4, 4)):
    others = tuple((species, tuple((np.array(f) @ cell).tolist())) for species, f in nonmagnetic)
    return Lattice(cell, np.array(basis) @ cell, size, nonmagnetic=others)


FEI2 = lattice(
    np.diag([4.05012, 4.05012, 6.75214]) @ HEXAGONAL,
    [[0, 0, 0]],
    [("I", [1 / 3, 2 / 3, 0.25]), ("I", [2 / 3, 1 / 3, 0.75])],
)
FEI2 = replace(FEI2, cell=HEXAGONAL * np.array([[4.05012], [4.05012], [6.75214]]))
FEI2 = lattice(FEI2.cell, [[0, 0, 0]], [("I", [1 / 3, 2 / 3, 0.25]), ("I", [2 / 3, 1 / 3, 0.75])])
# a square lattice of rotation axes without mirrors (P422), and a triangular one on a substrate (P3m1)
TWISTED = lattice(
    np.eye(3), [[0, 0, 0]],
    [("X", p) for x, y, z in [(0.1, 0.23, 0.17)] for p in (
        (x, y, z), (-x, -y, z), (-y, x, z), (y, -x, z), (-x, y, -z), (x, -y, -z), (y, x, -z), (-y, -x, -z)
    )],
)  # fmt: skip
FILM = lattice(HEXAGONAL, [[0, 0, 0]], [("Ir", [1 / 3, 2 / 3, -0.3])])


def text(rows):
    return ["".join(f"{one} " for one in row).strip() for row in rows]


# -- Moriya's rules, for a bond along x with its middle at the origin --------------------------------------------------

RULES = [  # operations of the bond, whether each exchanges its ends, and D
    ([np.eye(3), -np.eye(3)], [False, True], []),  # inversion at the middle: none
    ([np.eye(3), X], [False, True], ["0", "D", "E"]),  # mirror normal to the bond: D in it
    ([np.eye(3), Z], [False, False], ["0", "0", "E"]),  # mirror that contains the bond: D normal to it
    ([np.eye(3), X @ Y], [False, True], ["D", "E", "0"]),  # twofold axis z across the middle: D normal to it
    ([np.eye(3), Y @ Z], [False, False], ["F", "0", "0"]),  # twofold axis along the bond: D along it
]


@pytest.mark.parametrize(("R", "turned", "D"), RULES)
def test_rules_of_moriya(R, turned, D):
    found = allowed.dmi_letters(allowed.basis(R, turned))
    assert [one == "0" for one in found] == [one == "0" for one in D]
    free = {tuple(np.flatnonzero(dmi_vector(one))) for one in allowed.basis(R, turned)} - {()}
    assert free == {(k,) for k, one in enumerate(D) if one != "0"}


# -- what Sunny 0.7 prints (its tests of print_symmetry_table, and its tutorial on FeI2) -------------------------------

SUNNY = {
    "pyrochlore": (lattice(np.eye(3), PYROCHLORE), 0.8, [
        ((0, 1, 0, 0, 0), 0.3535533906, 6, ["A C D", "C A D", "-D -D B"], "D -D 0"),
        ((2, 4, 0, 0, 0), 0.6123724357, 12, ["A -C-E D-F", "-C+E B C+E", "D+F C-E A"], "E F -E"),
        ((0, 2, 0, 0, 0), 0.7071067812, 6, ["A D C", "D A C", "C C B"], ""),
        ((0, 2, -1, 0, 0), 0.7071067812, 6, ["A D C", "D A C", "C C B"], ""),
        ((0, 1, -1, 0, 0), 0.7905694150, 12, ["A D -F", "D B E", "F -E C"], "E F 0"),
    ]),
    "FeI2": (FEI2, 7.9, [
        ((0, 0, 1, 0, 0), 4.05012, 6, ["A 0 0", "0 B D", "0 D C"], ""),
        ((0, 0, 0, 0, 1), 6.75214, 2, ["A 0 0", "0 A 0", "0 0 B"], ""),
        ((0, 0, 1, 2, 0), 7.015013617, 6, ["A 0 0", "0 B D", "0 D C"], ""),
        ((0, 0, 1, 0, 1), 7.873681896, 12, ["A F E", "F B D", "E D C"], ""),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", SUNNY)
def test_bonds_are_those_of_the_table_that_sunny_prints(name):
    crystal, cutoff, printed = SUNNY[name]
    found = symmetry_table(Hamiltonian(crystal, Bonds.none()), cutoff)
    assert len(found.bonds) == len(printed)
    for form, (bond, distance, coordination, matrix, dmi) in zip(found.bonds, printed, strict=True):
        assert tuple(form.orbit.bond.tolist()) == bond
        assert form.distance == pytest.approx(distance, rel=1e-8)
        assert form.orbit.coordination(bond[0]) == coordination
        assert text(form.matrix) == matrix
        assert " ".join(form.dmi) == dmi


def test_anisotropy_is_that_of_the_table_that_sunny_prints():
    (site,) = symmetry_table(Hamiltonian(SUNNY["pyrochlore"][0], Bonds.none())).sites
    assert site.group == "-3m"
    assert len(site.equivalent) == 16
    assert text(allowed.letters(site.anisotropy)) == ["A B B", "B A B", "B B A"]
    assert site.sums == [
        "O(2,-2)+2O(2,-1)+2O(2,1)",
        "7O(4,-3)+2O(4,-2)-O(4,-1)-O(4,1)-7O(4,3)", "O(4,0)+5O(4,4)",
        "11O(6,-6)+8O(6,-3)-O(6,-2)+8O(6,-1)+8O(6,1)-8O(6,3)", "-O(6,0)+21O(6,4)",
        "9O(6,-6)+24O(6,-5)+5O(6,-2)+8O(6,-1)+8O(6,1)+24O(6,5)",
    ]  # fmt: skip
    (iron,) = symmetry_table(Hamiltonian(FEI2, Bonds.none())).sites
    assert iron.sums == ["O(2,0)", "O(4,-3)", "O(4,0)", "O(6,-3)", "O(6,0)", "O(6,6)"]


def test_known_forms_of_nearest_neighbours():
    """Diamond: trigonal bond. Kagome, a mirror plane: D along z. On a substrate, D in the mirror across the bond."""
    forms = {
        name: symmetry_table(Hamiltonian(Lattice.named(name, (4, 4, 4)), Bonds.none()), shells=1).bonds
        for name in ("diamond", "kagome")
    }
    forms["film"] = symmetry_table(Hamiltonian(FILM, Bonds.none()), cutoff=1.0).bonds
    (bond,) = forms["diamond"]
    along = np.array([1.0, 1.0, 1.0])
    assert bond.group == "-3m"
    assert not bond.dmi
    assert np.linalg.matrix_rank(np.concatenate([bond.basis, [np.eye(3)]]).reshape(-1, 9)) == 2
    assert all(np.abs(np.cross(form @ along, along)).max() < 1e-12 for form in bond.basis)
    layer = replace(Lattice.named("kagome", (4, 4, 1)), periodic=(True, True, False))
    (bond,) = symmetry_table(Hamiltonian(layer, Bonds.none()), shells=1).bonds
    assert [one == "0" for one in bond.dmi] == [True, True, False]
    along_x = next(form for form in forms["film"] if tuple(form.orbit.bond[2:]) == (1, 0, 0))
    assert along_x.group == "m"
    assert [one == "0" for one in along_x.dmi] == [True, False, False]


# -- the group ---------------------------------------------------------------------------------------------------------

CRYSTALS = {name: Lattice.named(name, (3, 3, 3)) for name in NAMED if all(NAMED[name][2])} | {
    "FeI2": FEI2, "P422": TWISTED, "P3m1": FILM, "conventional pyrochlore": SUNNY["pyrochlore"][0],
    "MnF2": lattice(np.diag([4.87, 4.87, 3.31]), [[0, 0, 0], [0.5, 0.5, 0.5]], [
        ("F", p) for p in ((0.305, 0.305, 0), (0.695, 0.695, 0), (0.195, 0.805, 0.5), (0.805, 0.195, 0.5))
    ]),
    "triclinic": lattice(np.array([[3, 0, 0], [0.7, 4, 0], [0.3, 0.9, 5]]), [[0, 0, 0], [0.3, 0.1, 0.45]]),
}  # fmt: skip


@pytest.mark.parametrize("name", CRYSTALS)
def test_operations_and_site_symmetries_are_those_of_spglib(name):
    spglib = pytest.importorskip("spglib")
    crystal = CRYSTALS[name]
    places = np.concatenate([crystal.basis, np.array([r for _, r in crystal.nonmagnetic]).reshape(-1, 3)])
    kinds = [*crystal.species, *(species for species, _ in crystal.nonmagnetic)]
    numbers = [sorted(set(kinds)).index(kind) for kind in kinds]
    cell = (crystal.cell.tolist(), (places @ np.linalg.inv(crystal.cell)).tolist(), numbers)
    known, group = spglib.get_symmetry_dataset(cell, 1e-4), crystal_group(crystal)
    assert group.order == len(known.rotations)
    assert point_group(group.R) == known.pointgroup.replace("-3m", "-3m")
    atoms = range(crystal.atoms)
    equal = known.equivalent_atoms[: crystal.atoms]
    assert [sorted(one) for one in group.orbits] == [[a for a in atoms if equal[a] == e] for e in dict.fromkeys(equal)]
    for atom in atoms:
        order = len(group.of_site(atom))
        assert order * len(next(one for one in group.orbits if atom in one)) == group.order
        ours = point_group(group.R[group.of_site(atom)])
        assert ours == spglib.get_pointgroup(known.rotations[_site(known, cell, atom)])[0].strip()


def _site(known, cell, atom):
    place = np.array(cell[1][atom])
    moved = known.rotations @ place + known.translations - place
    return np.abs(moved - np.rint(moved)).max(axis=1) < 1e-4


def test_names_of_point_groups_are_of_groups():
    assert len(set(KINDS.values())) == len(KINDS) == 32
    cube = [np.diag(signs) @ np.eye(3)[list(order)] for signs in product((1.0, -1.0), repeat=3)
            for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))]  # fmt: skip
    assert point_group(cube) == "m-3m"
    assert point_group([one for one in cube if np.linalg.det(one) > 0]) == "432"
    assert point_group([one for one in cube if (np.abs(one).diagonal() != 0).sum() in (0, 3)]) == "m-3"


def test_atoms_of_different_moments_are_different():
    crystal = Lattice(np.eye(3), [[0, 0, 0], [0.5, 0.5, 0.5]], (3, 3, 3))
    assert crystal_group(crystal, [2.0, 2.01]).order == 96
    assert crystal_group(crystal, [2.0, 3.0]).order == 48


def test_the_box_does_not_change_the_group():
    """But for axes along which the crystal does not extend."""
    cubic = Lattice.named("cubic", (4, 4, 4))
    for size, periodic, order in (
        ((6, 4, 2), (True, True, True), 48), ((6, 6, 5), (True, True, False), 48), ((6, 6, 1), (True, True, False), 16),
    ):  # fmt: skip
        assert crystal_group(replace(cubic, size=size, periodic=periodic)).order == order


def test_rounded_cell_vectors_have_exact_operations():
    """Of bcc with three decimals, as in files of TB2J 0.2: the bond along x has J_yy = J_zz, and none beside them."""
    rounded = Lattice(np.array([[2.467, 0, 0], [-0.822, 2.325, 0], [-0.822, -1.163, 2.014]]), [[0, 0, 0]], (3, 3, 3))
    group = crystal_group(rounded)
    assert group.order == 48
    products = np.einsum("axy,byz->abxz", group.R, group.R)[:, :, None]
    assert np.abs(products - group.R).max(axis=(3, 4)).min(axis=2).max() < 1e-12
    kept, turned = group.of_bond([0, 0, 1, 0, 0])
    letters = allowed.letters(allowed.basis(group.R[kept], turned))
    assert letters == [["A", "0", "0"], ["0", "B", "0"], ["0", "0", "B"]]


def test_a_crystal_has_one_group_in_all_of_its_cells():
    """Rows of U are other vectors of one lattice, of a sheared supercell: offsets and operations change with them."""
    cubic = Lattice.named("cubic", (3, 3, 3))
    U = np.array([[1, 0, 0], [0, 1, 0], [300, -2000, 1]])
    group, known = crystal_group(replace(cubic, cell=U @ cubic.cell)), crystal_group(cubic)
    assert {R.tobytes() for R in group.R} == {R.tobytes() for R in known.R}
    np.testing.assert_allclose(group.W @ U @ cubic.cell, U @ cubic.cell @ group.R.swapaxes(1, 2), atol=1e-9)


# -- expansion ---------------------------------------------------------------------------------------------------------


def one_of_each(group, bonds):
    """The bonds that represent the orbits, with their couplings."""
    keys = np.column_stack([bonds.i, bonds.j, bonds.offset])
    chosen = np.array([one.bond for one in bond_orbits(group, keys)])
    return bonds.at(bonds.find(chosen[:, 0], chosen[:, 1], chosen[:, 2:]))


def averaged(group, bonds):
    """The couplings that symmetry makes of a list: the mean over all operations, and of J_ij and J_ji^T."""
    total = np.zeros_like(bonds.J)
    for key, J in zip(np.column_stack([bonds.i, bonds.j, bonds.offset]), bonds.J, strict=True):
        images = group.images(key)
        at = bonds.find(images[:, 0], images[:, 1], images[:, 2:])
        assert (at >= 0).all()
        np.add.at(total, at, group.R @ J @ group.R.swapaxes(1, 2) / group.order)
    back = bonds.find(bonds.j, bonds.i, -bonds.offset)
    return 0.5 * (total + total[back].swapaxes(1, 2))


def assert_equal(found, bonds, tolerance):
    found = found.merged()
    assert len(found) == len(bonds)
    at = bonds.find(found.i, found.j, found.offset)
    assert (at >= 0).all()
    assert np.abs(found.J - bonds.J[at]).max() < tolerance


def test_the_list_of_pdfeir111_follows_from_9_of_its_72_bonds():
    """Published couplings, which are symmetric to 3e-6 mRy, on the three-fold symmetry of the substrate."""
    h = formats.read(ROOT / "inputs" / "pdfeir111" / "inpsd.dat")
    cell = h.lattice.cell
    below = (2 * cell[0] + cell[1]) / 3 - [0, 0, 0.8]
    group = crystal_group(replace(h.lattice, nonmagnetic=(("Ir", tuple(below.tolist())),)))
    assert group.order == 6
    given = one_of_each(group, h.bonds)
    assert (len(given), len(h.bonds)) == (9, 72)
    found, notes = expanded(group, given)
    assert_equal(found, h.bonds, 3e-6 * 13.6057)
    assert all("rounding" in note for note in notes)
    symmetric = h.bonds.with_matrices(averaged(group, h.bonds))
    found, notes = expanded(group, one_of_each(group, symmetric))
    assert_equal(found, symmetric, 1e-10)


KAGOME = """\
1 2  1  0 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
1 2  0 -1 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
1 3  0  0 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
1 3  0 -1 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
2 1  0  1 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
2 1 -1  0 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
2 3  0  0 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
2 3 -1  0 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
3 1  0  0 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
3 1  0  1 0 -1.0 -0.08 0  0.08 -1.0 0 0 0 -1.0
3 2  0  0 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
3 2  1  0 0 -1.0  0.08 0 -0.08 -1.0 0 0 0 -1.0
"""  # as the input kagome_tensor of UppASD


def test_kagome_tensors_follow_from_one_bond():
    rows = np.array([line.split() for line in KAGOME.splitlines()], dtype=float)
    ends, offset = rows[:, :2].astype(int) - 1, rows[:, 2:5].astype(int)
    bonds = Bonds(ends[:, 0], ends[:, 1], offset, rows[:, 5:].reshape(-1, 3, 3))
    crystal = Lattice(
        HEXAGONAL, np.array([[0.5, 0, 0], [0, 0.5, 0], [0.5, 0.5, 0]]) @ HEXAGONAL, (6, 6, 1), (True, True, False)
    )
    group = crystal_group(crystal)
    given = one_of_each(group, bonds)
    assert len(given) == 1
    assert_equal(expanded(group, given)[0], bonds, 1e-10)


def test_dmi_along_the_bonds_of_a_square_follows_from_one():
    """As in scsurf of UppASD; the other atoms leave rotation axes and no mirror, which would forbid it."""
    shell = TWISTED.shells(1)[0]
    flat = shell.offset[:, 2] == 0
    offset = shell.offset[flat]
    J = exchange_matrix(np.full(4, -1.0)) + dmi_matrix(0.8165 * offset)
    bonds, group = Bonds(shell.i[flat], shell.j[flat], offset, J), crystal_group(TWISTED)
    given = one_of_each(group, bonds)
    assert len(given) == 1
    assert_equal(expanded(group, given)[0], bonds, 1e-10)
    with pytest.raises(Forbidden, match=r"0\.8165 of it; allowed is \[A 0 0; 0 B 0; 0 0 B\] with no D"):
        expanded(crystal_group(replace(TWISTED, nonmagnetic=())), given)


def test_couplings_of_tb2j_follow_from_one_of_each_orbit(tmp_path):
    """The atoms without couplings of an exchange.out belong to the crystal."""
    whole = (ROOT / "examples" / "5_exchange.out").read_text()
    iron = next(line for line in whole.splitlines() if line.startswith("Fe1 "))
    path = tmp_path / "exchange.out"
    path.write_text(whole.replace(iron, f"{iron}\nCu1 0.0 1.5588457 -2.0 0.0 0.0 0.0 0.0"))
    h = formats.read(path)
    assert [species for species, _ in h.lattice.nonmagnetic] == ["Cu"]
    group = crystal_group(h.lattice)
    assert group.order == 6
    given = one_of_each(group, h.bonds)
    assert len(given) < len(h.bonds)
    assert_equal(expanded(group, given)[0], h.bonds, 1e-10)


@pytest.mark.parametrize("name", CRYSTALS)
def test_expanded_models_have_the_symmetry_of_the_crystal(name):
    """Any coupling, projected and expanded, makes an energy that every operation of the crystal leaves."""
    crystal, random = CRYSTALS[name], np.random.default_rng(3)
    group = crystal_group(crystal)
    forms = symmetry_table(Hamiltonian(crystal, Bonds.none()), shells=2).bonds
    keys = np.array([form.orbit.bond for form in forms])
    J = [np.tensordot(random.normal(size=len(form.basis)), form.basis, axes=1) for form in forms]
    bonds, notes = expanded(group, Bonds(keys[:, 0], keys[:, 1], keys[:, 2:], np.array(J)))
    assert not notes
    assert len(bonds) == 2 * sum(len(form.orbit.bonds) for form in forms)
    h = Hamiltonian(replace(crystal, size=(2, 2, 2), nonmagnetic=()), bonds)
    turns = {(one.matrix.round(5) + 0.0).tobytes() for one in operations(h, 1e-8)}
    assert {(P.round(5) + 0.0).tobytes() for P in group.P} <= turns


def test_allowed_forms_are_what_the_mean_leaves():
    random = np.random.default_rng(1)
    group = crystal_group(SUNNY["pyrochlore"][0])
    for key in ([0, 1, 0, 0, 0], [2, 4, 0, 0, 0], [0, 2, -1, 0, 0]):
        of, turned = group.of_bond(key)
        J, forms = random.normal(size=(3, 3)), allowed.basis(group.R[of], turned)
        kept = allowed.projected(J, group.R[of], turned)
        inside = np.linalg.lstsq(forms.reshape(len(forms), 9).T, kept.ravel(), rcond=None)[0]
        assert np.allclose(np.tensordot(inside, forms, axes=1), kept)
        assert np.allclose(allowed.projected(kept, group.R[of], turned), kept)
        for R, back in zip(group.R[of], turned, strict=True):
            assert np.allclose(R @ kept @ R.T, kept.T if back else kept)


def test_bonds_of_one_orbit_must_agree():
    group = crystal_group(Lattice.named("square", (4, 4, 1)))

    def of(first, second):
        return expanded(group, Bonds([0, 0], [0, 0], [[1, 0, 0], [0, 1, 0]], exchange_matrix([first, second]), "ab"))

    assert len(of(1.0, 1.0)[0]) == 4
    with pytest.raises(Forbidden, match="a: bond 0 -> 0, cells") as refused:
        of(1.0, 1.1)
    assert refused.value.number == 1


def test_rounding_is_left_out_with_a_note():
    group = crystal_group(Lattice.named("square", (4, 4, 1)))
    J = np.diag([1.0, 2.0, 3.0]) + dmi_matrix([0, 0, 1e-5])
    bonds, (note,) = expanded(group, Bonds([0], [0], [[1, 0, 0]], J[None]))
    assert "symmetry forbids up to 1.0e-05" in note
    assert np.abs(dmi_vector(bonds.J)).max() < 1e-15


# -- anisotropy --------------------------------------------------------------------------------------------------------


def test_local_axes_of_pyrochlore_follow_from_one_atom():
    crystal = Lattice.named("pyrochlore", (2, 2, 2))
    group = crystal_group(crystal)
    forms = symmetry_table(Hamiltonian(crystal, Bonds.none())).sites[0]
    axis = np.linalg.eigh(forms.anisotropy[1])[1][:, [0, 2]].T
    axis = next(n for n in axis if np.allclose(np.abs(n), 3**-0.5))
    terms = expanded_anisotropy(group, (UniaxialAnisotropy(1.5, tuple(axis), 0.2, atoms=(0,)),))
    assert sorted(term.atoms for term in terms) == [(0,), (1,), (2,), (3,)]
    axes = np.array([term.axis for term in terms])
    assert np.allclose(np.abs(axes @ axes.T), np.where(np.eye(4), 1, 1 / 3))
    centre = crystal.basis.mean(axis=0)
    out = (crystal.basis - centre) / np.linalg.norm(crystal.basis - centre, axis=1)[:, None]
    assert np.allclose(np.abs((axes * out).sum(axis=1)), 1)


def test_anisotropy_that_symmetry_forbids_is_refused():
    group = crystal_group(Lattice.named("cubic", (4, 4, 4)))
    with pytest.raises(Forbidden, match=r"symmetry of atom 0 forbids it.*A = \[A 0 0; 0 A 0; 0 0 A\]"):
        expanded_anisotropy(group, (UniaxialAnisotropy(1.0),))
    cubic = (CubicAnisotropy(1.0), StevensOperator(4, 0, 1.0), StevensOperator(4, 4, 5.0))
    assert len(expanded_anisotropy(group, cubic)) == 3
    with pytest.raises(Forbidden):
        expanded_anisotropy(group, cubic[:2])


def test_anisotropy_of_equivalent_atoms_must_agree():
    group = crystal_group(CRYSTALS["MnF2"])
    easy = UniaxialAnisotropy(1.0, atoms=(0,))
    assert len(expanded_anisotropy(group, (easy,))) == 2
    assert len(expanded_anisotropy(group, (UniaxialAnisotropy(1.0),))) == 2
    with pytest.raises(Forbidden, match="atoms 0 and 1 are equivalent"):
        expanded_anisotropy(group, (easy, UniaxialAnisotropy(2.0, atoms=(1,))))
    rhombic = StevensOperator(
        2, -2, 1.0, atoms=(0,)
    )  # the fluorine octahedra of the two atoms are turned by 90 degrees
    one, other = expanded_anisotropy(group, (rhombic,))
    s = np.random.default_rng(0).normal(size=(8, 2, 3))
    h = Hamiltonian(replace(CRYSTALS["MnF2"], size=(1, 1, 1)), Bonds.none(), anisotropy=(one, other))
    swapped = Hamiltonian(h.lattice, Bonds.none(), anisotropy=(replace(one, B=-1.0, atoms=(1,)), one))
    assert np.allclose(h.terms[1].energies(h, s), swapped.terms[1].energies(swapped, s))
