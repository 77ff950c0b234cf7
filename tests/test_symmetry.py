"""Symmetry operations: energies do not change, and the groups have the orders that crystallography gives them."""

import time
from dataclasses import replace

import numpy as np
import pytest

from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.bonds import Bonds, dmi_matrix, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.symmetry.space_group import colours, describe, operations

NO_FIELD, UP, TILTED = (0.0, 0.0, 0.0), (0.0, 0.0, 5.0), (3.0, 0.0, 4.0)
EASY_AXIS, CUBIC = (UniaxialAnisotropy(0.5),), (CubicAnisotropy(0.4),)


def model(name, size, dmi=None, field=NO_FIELD, anisotropy=(), periodic=None):
    """Two shells of exchange, and DMI along the bond (bloch) or in the plane across it (neel)."""
    lattice = Lattice.named(name, size, periodic=periodic)
    bonds = Bonds.none()
    for shell, J, D in zip(lattice.shells(2), (10.0, -2.0), (1.0, 0.3), strict=True):
        along = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
        along /= np.linalg.norm(along, axis=1)[:, None]
        matrix = exchange_matrix(np.full(len(along), J))
        if dmi is not None:
            matrix = matrix + dmi_matrix(D * (along if dmi == "bloch" else np.cross([0, 0, 1], along)))
        bonds = bonds + Bonds(shell.i, shell.j, shell.offset, matrix)
    return Hamiltonian(lattice, bonds, anisotropy=anisotropy, field=field)


def random_spins(hamiltonian, seed=0):
    s = np.random.default_rng(seed).normal(size=(hamiltonian.lattice.sites, 3))
    return s / np.linalg.norm(s, axis=1)[:, None] * hamiltonian.occupied[:, None]


def assert_energy_is_invariant(hamiltonian, found, tolerance=1e-10):
    s = random_spins(hamiltonian)
    evaluator = Evaluator(hamiltonian, Cpu(), np.float64)
    energies = evaluator.energies(np.stack([s, *(operation(s) for operation in found)]))
    assert np.allclose(energies, energies[0], rtol=tolerance, atol=0)


# name, size, DMI, anisotropy: orders at zero field (point group times time reversal), field up, field tilted in xz
GROUPS = [
    # spins free of the lattice: eight ways to map the square on itself; time reversal only without a field
    ("square", (8, 8, 1), None, (), 16, 8, 8),
    # D4h x {1, T} for an easy axis; up: C4h and T times the rest; in xz: {1, m_y, their products with i, T}
    ("square", (8, 8, 1), None, EASY_AXIS, 32, 16, 4),
    ("square", (8, 8, 1), "bloch", (), 16, 8, 2),  # D4
    ("square", (8, 8, 1), "neel", (), 16, 8, 2),  # C4v
    ("square", (8, 6, 1), "neel", (), 8, 4, 2),  # C2v: the box is a rectangle
    ("triangular", (8, 8, 1), "neel", (), 24, 12, 2),  # C6v
    ("triangular", (8, 6, 1), "neel", (), 4, 2, 1),  # C2
    ("kagome", (6, 6, 1), "neel", (), 24, 12, 2),  # C6v
    ("kagome", (6, 6, 1), "bloch", (), 24, 12, 2),  # D6
    ("honeycomb", (6, 6, 1), "neel", (), 24, 12, 2),  # C6v
    ("cubic", (4, 4, 4), None, CUBIC, 96, 16, 4),  # Oh; 4/mm'm' and 2'/m' remain
    ("cubic", (4, 4, 4), "bloch", (), 48, 8, 2),  # O
    ("bcc", (4, 4, 4), None, CUBIC, 96, 16, 4),
    ("fcc", (4, 4, 4), None, CUBIC, 96, 16, 4),
    ("diamond", (4, 4, 4), None, CUBIC, 96, 16, 4),
]


@pytest.mark.parametrize(("name", "size", "dmi", "anisotropy", "free", "up", "tilted"), GROUPS)
def test_group_orders_and_energy(name, size, dmi, anisotropy, free, up, tilted):
    hamiltonian = model(name, size, dmi, anisotropy=anisotropy)
    for field, order in ((NO_FIELD, free), (UP, up), (TILTED, tilted)):
        in_field = replace(hamiltonian, field=field)
        found = operations(in_field)
        assert len(found) == order
        assert_energy_is_invariant(in_field, found)


@pytest.mark.parametrize(("name", "dmi"), [("kagome", "neel"), ("triangular", "bloch"), ("cubic", "bloch")])
def test_operations_form_a_group(name, dmi):
    hamiltonian = model(name, (3, 3, 3 if name == "cubic" else 1), dmi)
    s, lattice = random_spins(hamiltonian), hamiltonian.lattice
    found = operations(hamiltonian)
    assert np.array_equal(found[0](s), s)
    depth = range(lattice.size[2])
    shifts = [lattice.translation((x, y, z)) for x in range(3) for y in range(3) for z in depth]
    known = {texture_key(operation(s)[shift]) for operation in found for shift in shifts}
    assert len(known) == len(found) * lattice.cells  # all different
    for first in found[:: max(1, len(found) // 6)]:
        assert all(texture_key(first(second(s))) in known for second in found)


def texture_key(spins):
    return (spins.round(6) + 0.0).tobytes()  # + 0.0 turns -0 into 0


@pytest.mark.parametrize("field", [NO_FIELD, UP])
def test_spins_are_left_alone_where_nothing_ties_them_to_the_lattice(field):
    for operation in operations(model("triangular", (6, 6, 1), field=field)):
        assert np.array_equal(operation.matrix, -np.eye(3) if "time reversed" in operation.name else np.eye(3))


def test_matrices_are_orthogonal_and_sites_are_permutations():
    hamiltonian = model("kagome", (4, 4, 1), "neel")
    for operation in operations(hamiltonian):
        assert np.allclose(operation.matrix @ operation.matrix.T, np.eye(3), atol=1e-12)
        assert np.array_equal(np.sort(operation.sites), np.arange(hamiltonian.lattice.sites))


def test_open_edges_map_onto_themselves():
    strip = model("square", (7, 5, 1), "neel", periodic=(True, False, False))
    found = operations(strip)
    assert len(found) == 8  # C2v x {1, T}
    assert_energy_is_invariant(strip, found)
    flake = model("square", (5, 5, 1), "neel", periodic=(False, False, False))
    assert len(operations(flake)) == 16  # C4v x {1, T}
    assert_energy_is_invariant(flake, operations(flake))
    rhombus = model("triangular", (5, 5, 1), "neel", periodic=(False, False, False))
    assert len(operations(rhombus)) == 8  # C2v x {1, T}
    assert_energy_is_invariant(rhombus, operations(rhombus))


def test_a_doubled_cell_knows_the_translation_inside_it():
    lattice = Lattice(np.diag([2.0, 1, 1]), [[0, 0, 0], [1, 0, 0]], (4, 8, 1), (True, True, False))
    shell = lattice.shells(1)[0]
    along = lattice.basis[shell.j] - lattice.basis[shell.i] + shell.offset @ lattice.cell
    D = np.cross([0, 0, 1.0], along)
    hamiltonian = Hamiltonian(lattice, Bonds(shell.i, shell.j, shell.offset, exchange_matrix(5) + dmi_matrix(D)))
    found = operations(hamiltonian)
    assert len(found) == 16  # C2v (quarter turns do not map the cell on itself) x two translations x {1, T}
    assert_energy_is_invariant(hamiltonian, found)


def test_species_and_moments_tell_atoms_apart():
    plain = model("honeycomb", (6, 6, 1), "neel")
    lattice = replace(plain.lattice, species=("B", "N"))
    named = replace(plain, lattice=lattice)
    unequal = replace(plain, moments=np.array([1.0, 2.0]))
    assert len(operations(plain)) == 24
    assert len(operations(named)) == len(operations(unequal)) == 12  # C3v


def test_rounded_couplings_are_still_symmetric():
    hamiltonian = model("triangular", (8, 8, 1), "neel")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=hamiltonian.bonds.J.shape)
    noisy = hamiltonian.bonds.J + 1e-5 * np.abs(hamiltonian.bonds.J).max() * noise
    bonds = hamiltonian.bonds.with_matrices(noisy)
    assert len(operations(replace(hamiltonian, bonds=bonds))) == 24
    broken = hamiltonian.bonds.J.copy()
    pair = (hamiltonian.bonds.offset == [1, 0, 0]).all(axis=1) | (hamiltonian.bonds.offset == [-1, 0, 0]).all(axis=1)
    broken[pair] *= 1.05
    assert len(operations(replace(hamiltonian, bonds=hamiltonian.bonds.with_matrices(broken)))) == 8  # C2v


def test_disorder_leaves_time_reversal_only():
    hamiltonian = replace(model("square", (6, 6, 1), "bloch"), vacancies=(7,))
    found = operations(hamiltonian)
    assert [operation.name for operation in found] == ["identity", "identity, time reversed"]
    assert_energy_is_invariant(hamiltonian, found)
    assert len(operations(replace(hamiltonian, field=UP))) == 1


def test_long_lists_on_large_lattices_are_fast():
    lattice = Lattice.named("triangular", (100, 100, 1))
    bonds = Bonds.none()
    for number, shell in enumerate(lattice.shells(30), start=1):
        along = shell.offset @ lattice.cell
        J = exchange_matrix(np.full(len(along), 1 / number)) + dmi_matrix(np.cross([0, 0, 0.1], along) / number**2)
        bonds = bonds + Bonds(shell.i, shell.j, shell.offset, J)
    assert len(bonds) > 200
    hamiltonian = Hamiltonian(lattice, bonds)
    start = time.process_time()  # of this process: the machine may be busy
    assert len(operations(hamiltonian)) == 24
    assert time.process_time() - start < 3


def test_operations_are_named_in_words():
    quarter = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])  # x goes to y
    assert describe(np.eye(3)) == "identity"
    assert describe(-np.eye(3)) == "inversion"
    assert describe(quarter) == "rotation by 90 about [0 0 1]"
    assert describe(quarter.T) == "rotation by -90 about [0 0 1]"
    assert describe(np.diag([1, -1, 1])) == "mirror normal to [0 1 0]"
    assert describe(-quarter) == "rotoinversion by 90 about [0 0 1]"


def test_a_left_handed_cell_with_five_digits_has_its_full_group():
    cell = [[0.18301, 0.68301, 0], [0.68301, 0.18301, 0], [0, 0, 1]]
    lattice = Lattice(cell, [[0, 0, 0]], (10, 10, 1), (True, True, False))
    offset = np.array([[1, 0, 0], [0, 1, 0], [1, -1, 0], [-1, 0, 0], [0, -1, 0], [-1, 1, 0]])
    J = exchange_matrix(np.full(6, 10.0)) + dmi_matrix(np.cross([0, 0, 2.0], offset @ lattice.cell))
    hamiltonian = Hamiltonian(lattice, Bonds(np.zeros(6), np.zeros(6), offset, J))
    assert len(operations(hamiltonian)) == 24  # C6v x {1, T}
    assert_energy_is_invariant(hamiltonian, operations(hamiltonian), tolerance=1e-4)


def test_a_mirror_keeps_a_field_along_the_surface_normal_only_with_time_reversal():
    named = {operation.name: operation.matrix for operation in operations(model("square", (4, 4, 1), "neel", field=UP))}
    assert sum("mirror" in name for name in named) == 4
    assert all(("time reversed" in name) == ("mirror" in name) for name in named)
    assert np.allclose(named["mirror normal to [1 0 0], time reversed"], np.diag([-1, 1, 1]))


def test_spins_are_axial_vectors():
    """A mirror keeps the spins along its normal and turns those in its plane: only then the field allows it alone."""
    names = {operation.name for operation in operations(model("square", (8, 8, 1), None, UP, EASY_AXIS))}
    assert {"inversion", "mirror normal to [0 0 1]", "mirror normal to [1 0 0], time reversed"} <= names
    assert (
        not {"inversion, time reversed", "mirror normal to [0 0 1], time reversed", "mirror normal to [1 0 0]"} & names
    )


def glass(edge):
    """A cell of edge^3 atoms with couplings +1 or -1 between neighbours."""
    lattice = Lattice.named("cubic", (edge, edge, edge))
    i = np.tile(np.arange(lattice.sites), 3)
    j = np.concatenate([lattice.neighbours(step) for step in np.eye(3, dtype=int)])
    offset = np.zeros((len(i), 3), dtype=int)
    for axis in range(3):
        own = slice(axis * lattice.sites, (axis + 1) * lattice.sites)
        offset[own, axis] = lattice.coordinates[:, axis] == edge - 1
    J = exchange_matrix(np.random.default_rng(3).choice([-1.0, 1.0], size=len(i)))
    cell = Lattice(edge * lattice.cell, lattice.positions, (1, 1, 1))
    return Hamiltonian(cell, Bonds.pairs(i, j, J, offset))


def test_colours_of_a_ring_with_one_other_bond_mirror_each_other():
    angle = np.pi / 3 * np.arange(6)
    lattice = Lattice.cluster(np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=1))
    i, j = np.arange(6), (np.arange(6) + 1) % 6
    J = exchange_matrix(np.array([-1.0, 1.0, 1.0, 1.0, 1.0, 1.0]))  # alike in strength
    found = colours(Hamiltonian(lattice, Bonds.pairs(i, j, J)), 1e-3)
    assert (found == found[[1, 0, 5, 4, 3, 2]]).all()  # the mirror through the middle of the bond 0-1
    assert len(np.unique(found)) == 3


@pytest.mark.parametrize(("name", "size", "dmi"), [("kagome", (6, 6, 1), "bloch"), ("pyrochlore", (2, 2, 2), None)])
def test_operations_keep_colours(name, size, dmi):
    crystal = model(name, size, dmi)
    atoms = np.tile(colours(crystal, 1e-3), crystal.lattice.cells)
    for operation in operations(crystal):
        assert (atoms[operation.sites] == atoms).all()


def test_a_glass_in_one_cell_has_time_reversal_only():
    crystal = glass(4)
    assert len(np.unique(colours(crystal, 1e-3))) == 64  # no two atoms are alike
    assert len(operations(crystal)) == 2
