"""The other codes themselves: Spirit evaluates what we write and read, TB2J writes what we read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from models import MODELS, bloch, exchange, shell_bonds, tensor
from oracle import energy, random_textures
from programs import spirit_energies

from magsearch import formats
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.single_ion import UniaxialAnisotropy

SINGLE = 1e-6  # relative: Spirit returns energies in single precision


def two_atoms() -> Hamiltonian:
    """Two atoms in a left-handed cell; three axes of anisotropy, moments of their own, one open edge."""
    cell = np.array([[0.0, 3.1, 0.2], [2.9, 0.1, 0.0], [0.1, 0.3, 3.4]])
    lattice = Lattice(
        cell, np.array([[0.0, 0.0, 0.0], [0.4, 0.45, 0.56]]) @ cell, (4, 5, 3), (True, False, True), ("Fe", "Co")
    )
    bonds = shell_bonds(lattice, *(bloch(1.0 / (k + 1), 0.4 - 0.2 * k) for k in range(5)))
    terms = (
        UniaxialAnisotropy(0.7, (1.0, 2.0, -0.5), atoms=(1,)),
        UniaxialAnisotropy(-0.3, (0.0, 1.0, 1.0), atoms=(1,)),
        UniaxialAnisotropy(0.2),
    )
    return Hamiltonian(lattice, bonds, np.array([2.2, 1.6]), terms, (3.0, -5.0, 8.0))


def pyrochlore() -> Hamiltonian:
    lattice = Lattice.named("pyrochlore", (2, 3, 2), 10.2)
    easy = tuple(
        UniaxialAnisotropy(0.4, n, atoms=(k,)) for k, n in enumerate([(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)])
    )
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(-1.0, 0.3), exchange(0.1)), 3.0, easy, (0, 2, 0))


def kagome_dmi() -> Hamiltonian:
    lattice = Lattice.named("kagome", (5, 4, 1), 5.5)
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(-1.0, 0.2), exchange(0.3), bloch(0.05, -0.1)), 1.2)


def cubic_lattice() -> Hamiltonian:
    """A tensor on every bond and one on the atom."""
    lattice = Lattice.named("cubic", (4, 3, 3), 2.9)
    easy = (UniaxialAnisotropy(0.4, (1, 1, 0)), UniaxialAnisotropy(-0.1, (0, 1, 2)))
    return Hamiltonian(lattice, shell_bonds(lattice, tensor(21), exchange(0.2)), 2.0, easy)


MORE = {make.__name__: make() for make in (two_atoms, pyrochlore, kagome_dmi)}
FOR_SPIRIT = {
    name: MODELS[name]
    for name in (
        "square_bloch", "triangular_j1_j3", "honeycomb_dmi", "large_film", "open_chain", "icosahedron",
        "cubic_easy_axes",
    )
} | MORE  # fmt: skip
CLUSTERS = MODELS["clusters_of_spins"]
FOR_SPIRIT["clusters_of_spins"] = replace(CLUSTERS, lattice=replace(CLUSTERS.lattice, size=(5, 4, 1)))


# -- Spirit --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FOR_SPIRIT)
def test_spirit_agrees_on_what_we_write(tmp_path, name):
    h = FOR_SPIRIT[name]
    formats.write(h, tmp_path / "model.cfg")
    textures = random_textures(h, 3)
    theirs = spirit_energies(tmp_path / "model.cfg", textures)
    constant = sum(term.Kc / 2 for term in h.anisotropy if hasattr(term, "Kc")) * h.n_spins  # of Spirit's cubic term
    assert theirs + constant == pytest.approx(energy(h, textures), rel=SINGLE)
    assert np.abs(theirs).min() > 0.01 * np.abs(h.bonds.J if len(h.bonds) else 1.0).max()


CFG = """\
log_to_console 0
log_to_file    0
# a comment
lattice_constant 2.5 |
bravais_lattice {lattice}
n_basis_cells 7 6 5
boundary_conditions 1 0 1
mu_s 1.7   # another
external_field_magnitude 4.0
external_field_normal 1.0 -2.0 0.5
anisotropy_magnitude +0.6
anisotropy_normal 1 1 0
"""


@pytest.mark.parametrize("lattice", ["sc", "bcc", "fcc", "hex2d", "hex2d60", "hex2d120"])
@pytest.mark.parametrize("chirality", [1, -1, 2, -2])
def test_shells_and_bravais_lattices_are_spirits(tmp_path, lattice, chirality):
    shells = f"n_shells_exchange 3\njij 1.0 -0.4 0.2\nn_shells_dmi 2\ndij 0.5 -0.3\ndm_chirality {chirality}\n"
    path = tmp_path / "model.cfg"
    path.write_text(CFG.format(lattice=lattice) + shells)
    h = formats.read(path)
    textures = random_textures(h, 2)
    assert spirit_energies(path, textures) == pytest.approx(energy(h, textures), rel=SINGLE)


PAIRS = """\
   j  i  da db dc   Jij   Dij  Dijx Dijy Dijz
   1  0   0  0  0   1.5   0.4   1.0  2.0 -1.0
   0  0   1  0 -1  -0.5   0     0    0    1
   0  1   0  0  0   0.25  0.1   0    1    0
   1  1   2  1  0   0.7   -1.2  3.0  0.1  0.2
"""


@pytest.mark.parametrize("inside", [True, False])
def test_tables_of_pairs_and_anisotropies_are_spirits(tmp_path, inside):
    """The second row of the pair (0, 1) runs the other way, and adds up; Dij scales the vector and may be negative."""
    anisotropy = "i Kx Ky Kz\n0 0 0 0.3\n1 0.2 0.1 0\n1 0 0.4 0\n"
    text = "bravais_matrix\n1.0 0.5 0\n0 0.9 0\n0 0.1 1.2\nbasis\n2\n0 0 0\n0.4 0.3 0.2\nmu_s 1.1 0.7\n"
    text += "n_basis_cells 4 3 4\nboundary_conditions 1 1 0\nexternal_field_magnitude 20\n"
    text += "hamiltonian heisenberg_pairs\n"
    if inside:
        text += f"n_interaction_pairs 4\n{PAIRS}n_anisotropy 3\n{anisotropy}"
    else:
        (tmp_path / "pairs.txt").write_text(PAIRS + "\n")
        (tmp_path / "k.txt").write_text(anisotropy)
        text += "interaction_pairs_file pairs.txt\nanisotropy_file k.txt\n"
    path = tmp_path / "model.cfg"
    path.write_text(text)
    h = formats.read(path)
    textures = random_textures(h, 3)
    assert spirit_energies(path, textures) == pytest.approx(energy(h, textures), rel=SINGLE)


TABLE = "n_anisotropy 3\ni K Kx Ky Kz K4\n0 0.3 0 0 2 0.5\n0 0 0 0 1 0.25\n0 -0.2 1 1 0 0\n"


def test_a_table_of_anisotropies_takes_the_place_of_keywords_as_in_spirit(tmp_path):
    """K4 = 0.75 of the table counts, and neither keyword."""
    path = tmp_path / "model.cfg"
    keywords = "cubic_anisotropy_magnitude 0.8\nanisotropy_magnitude 0.4\n"
    path.write_text("n_basis_cells 3 3 1\nmu_s 1\n" + keywords + TABLE)
    h = formats.read(path)
    textures = random_textures(h, 3)
    assert spirit_energies(path, textures) == pytest.approx(energy(h, textures) - 0.375 * h.n_spins, rel=SINGLE)
    assert any("constants -0.25 meV (atom 0), -0.125 meV (atom 0)" in note for note in h.notes)
    assert any("not used: cubic_anisotropy_magnitude, anisotropy_magnitude" in note for note in h.notes)


def test_spirit_has_both_anisotropies_of_what_we_write(tmp_path):
    path = tmp_path / "one.cfg"
    path.write_text("n_basis_cells 3 3 1\nmu_s 1\n" + TABLE)
    square = formats.read(path)
    formats.write(square, tmp_path / "two.cfg")
    textures = random_textures(square, 3)
    expected = energy(square, textures) - 0.375 * square.n_spins
    assert spirit_energies(tmp_path / "two.cfg", textures) == pytest.approx(expected, rel=SINGLE)


def test_cubic_anisotropy_is_spirits_up_to_a_constant(tmp_path):
    path = tmp_path / "model.cfg"
    path.write_text("n_basis_cells 3 3 1\nmu_s 1\ncubic_anisotropy_magnitude 0.8\n")
    h = formats.read(path)
    textures = random_textures(h, 3)
    assert spirit_energies(path, textures) == pytest.approx(energy(h, textures) - 0.4 * h.n_spins, rel=SINGLE)
    assert any("constant -0.4 meV per spin" in note for note in h.notes)


@pytest.mark.parametrize("kind", ["ovf", "ovf-binary4", "ovf-text"])
def test_spirit_reads_our_ovf(tmp_path, kind):
    state = pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    from spirit import io, system

    h = MORE["two_atoms"]
    formats.write(h, tmp_path / "model.cfg")
    (texture,) = random_textures(h, 1)
    formats.write_spins(tmp_path / "s.ovf", texture, h, kind)
    with state.State(str(tmp_path / "model.cfg"), quiet=True) as p:
        io.image_read(p, str(tmp_path / "s.ovf"))
        assert np.allclose(system.get_spin_directions(p), texture, atol=1e-7 if kind == "ovf-binary4" else 1e-15)


@pytest.mark.parametrize("kind", [0, 1, 2, 3, 4])
def test_we_read_the_ovf_of_spirit(tmp_path, kind):
    """Binary of the native size, 4 and 8 bytes, text, and columns with commas."""
    state = pytest.importorskip("spirit.state", reason="no Spirit: pip install spirit (Linux on x86)")
    from spirit import io, system

    h = MORE["two_atoms"]
    formats.write(h, tmp_path / "model.cfg")
    (texture,) = random_textures(h, 1)
    with state.State(str(tmp_path / "model.cfg"), quiet=True) as p:
        system.get_spin_directions(p)[:] = texture
        io.image_write(p, str(tmp_path / "s.ovf"), kind, "a comment")
    assert np.allclose(formats.read_spins(tmp_path / "s.ovf", h.lattice), texture, atol=1e-7)


# -- TB2J ----------------------------------------------------------------------------------------------------------

FOR_TB2J = {name: MODELS[name] for name in ("honeycomb_dmi", "kagome_tensor", "left_handed", "square_bloch")}
FOR_TB2J |= MORE | {"cubic_lattice": cubic_lattice()}


def spin_io(h: Hamiltonian, digits: int):
    """TB2J's own object with the couplings of a model, rounded to a number of decimals of an electronvolt."""
    io_exchange = pytest.importorskip("TB2J.io_exchange.io_exchange", reason="no TB2J: pip install TB2J")
    from ase import Atoms
    from TB2J.Jtensor import decompose_J_tensor

    lattice = h.lattice
    symbols = [s if s in ("Fe", "Co") else "Fe" for s in lattice.species]
    atoms = Atoms(
        ["O", *symbols], positions=[lattice.cell.sum(axis=0) / 7, *lattice.basis], cell=lattice.cell, pbc=True
    )
    J, D, Jani, distances = {}, {}, {}, {}
    b = h.bonds
    for i, j, R, matrix in zip(b.i.tolist(), b.j.tolist(), b.offset.tolist(), b.J, strict=True):
        key = (tuple(R), i, j)
        J[key], D[key], Jani[key] = (np.round(part, digits) for part in decompose_J_tensor(matrix / 2e3))
        vector = lattice.basis[j] - lattice.basis[i] + R @ lattice.cell
        distances[key] = (vector, np.linalg.norm(vector))
    A = {}
    for atom in range(lattice.atoms):
        terms = [t for t in h.anisotropy if t.atoms is None or atom in t.atoms]
        axes = [np.array(t.axis) / np.linalg.norm(t.axis) for t in terms]
        A[atom] = np.round(
            sum((t.K * np.outer(n, n) for t, n in zip(terms, axes, strict=True)), np.zeros((3, 3))) / 1e3, digits
        )
    spinat = np.zeros((lattice.atoms + 1, 3))
    spinat[1:, 2] = h.moments
    return io_exchange.SpinIO(
        atoms, spinat, np.ones(lattice.atoms + 1), [-1, *range(lattice.atoms)], colinear=False, distance_dict=distances,
        exchange_Jdict=J, dmi_ddict=D, Jani_dict=Jani, sia_tensor=A if h.anisotropy else None,
    )  # fmt: skip


def in_box_of(h: Hamiltonian, read: Hamiltonian) -> Hamiltonian:
    """The same box, edges and field: TB2J's files have none."""
    lattice = replace(read.lattice, size=h.lattice.size, periodic=h.lattice.periodic)
    return replace(read, lattice=lattice, field=h.field)


def its_energy(spinio, h: Hamiltonian, textures: np.ndarray) -> np.ndarray:
    """E = - sum over ordered pairs of S . J S - sum_i S . A S with the tensors that TB2J itself puts together, meV."""
    A = [1e3 * spinio.get_J_tensor(i, i, (0, 0, 0)) for i in range(h.lattice.atoms)]
    keys = [(i, j, R) for R, i, j in spinio.exchange_Jdict]
    J = np.array([2e3 * spinio.get_J_tensor(i, j, R, SIA=False) for i, j, R in keys])
    i, j, R = zip(*keys, strict=True)
    model = Hamiltonian(h.lattice, Bonds(np.array(i), np.array(j), np.array(R), J), h.moments, field=h.field)
    onsite = sum(
        np.einsum("rsa,ab,rsb->r", textures[:, k :: h.lattice.atoms], a, textures[:, k :: h.lattice.atoms])
        for k, a in enumerate(A)
    )
    return energy(model, textures) - onsite


@pytest.mark.parametrize("name", FOR_TB2J)
@pytest.mark.parametrize("file", ["exchange.out", "Multibinit/exchange.xml", "TB2J.pickle", "Vampire/vampire.UCF"])
def test_we_read_what_tb2j_writes(tmp_path, name, file):
    """Digits: 4 (3 for tensors) of a meV in text; six in XML and in VAMPIRE's file. No anisotropy in the latter two."""
    h = FOR_TB2J[name]
    spinio = spin_io(h, 6)
    {
        "exchange.out": spinio.write_txt,
        "TB2J.pickle": spinio.write_pickle,
        "Multibinit/exchange.xml": spinio.write_multibinit,
        "Vampire/vampire.UCF": spinio.write_vampire,
    }[file](str((tmp_path / file).parent))
    read = in_box_of(h, formats.read(tmp_path / file, unpickle=True))
    if "/" in file:
        assert not read.anisotropy
        spinio.sia_tensor = None
    textures = random_textures(h, 3)
    precision = 2e-6 if "Vampire" in file else 1e-9
    scale = np.abs(h.bonds.J).sum() * h.lattice.cells
    assert energy(read, textures) == pytest.approx(its_energy(spinio, h, textures), rel=1e-6, abs=precision * scale)
    assert np.allclose(read.lattice.cell, h.lattice.cell, atol=1e-4)
    assert read.moments == pytest.approx(h.moments, rel=1e-4)


def spin_waves(h: Hamiltonian, q: np.ndarray) -> np.ndarray:
    """Energies of the spin waves of a ferromagnet along z, [q, atom] meV: hbar m / 2 du/dt = z x dE/du, linearised."""
    atoms, S = h.lattice.atoms, np.asarray(h.moments) / 2
    A = np.zeros((atoms, 3, 3))
    for term in h.anisotropy:
        n = np.array(term.axis) / np.linalg.norm(term.axis)
        A[list(range(atoms) if term.atoms is None else term.atoms)] += term.K * np.outer(n, n)
    J0 = h.fourier(np.zeros((1, 3)))[0].reshape(atoms, 3, atoms, 3)
    found = []
    for k in q:
        M = -h.fourier(k[None])[0].reshape(atoms, 3, atoms, 3)
        for a in range(atoms):
            M[a, :, a, :] += (J0[a, 2, :, 2].sum().real + 2 * A[a, 2, 2]) * np.eye(3) - 2 * A[a]
        turn = np.array([[0, -1.0], [1.0, 0]])
        matrix = np.einsum("ux,axbv,a->aubv", turn, M[:, :2, :, :2], 1 / S).reshape(2 * atoms, 2 * atoms)
        found.append(np.sort((1j * np.linalg.eigvals(matrix)).real)[atoms:])
    return np.array(found)


def ferromagnet(atoms: int) -> Hamiltonian:
    lattice = Lattice.named("honeycomb" if atoms == 2 else "cubic", (4, 4, 4), 3.0, (True, True, True))
    easy = (UniaxialAnisotropy(0.5, (0, 0, 1)), UniaxialAnisotropy(0.1, (1, 0, 0)))
    bonds = shell_bonds(lattice, bloch(3.0, 0.3), bloch(0.5, -0.1))
    return Hamiltonian(lattice, bonds, 2.4, easy)


@pytest.mark.parametrize("atoms", [1, 2])
def test_spin_waves_are_those_of_tb2j(tmp_path, atoms):
    """TB2J prints no energies, but spin waves: they fix its factor of two, its units, and the sign of its anisotropy.

    Its phases are exp(-i q . R) where ours are exp(i q . R), so that these say nothing about the sign of D.
    """
    magnon = pytest.importorskip("TB2J.magnon.magnon3", reason="no TB2J: pip install TB2J")
    h = ferromagnet(atoms)
    spin_io(h, 9).write_pickle(str(tmp_path))
    read = formats.read(tmp_path / "TB2J.pickle", unpickle=True)
    fractions = np.random.default_rng(1).uniform(size=(6, 3))
    theirs = magnon.Magnon.from_TB2J_results(path=str(tmp_path), Jiso=True, Jani=True, DMI=True, SIA=True)
    theirs.set_reference(np.zeros(3), [[0.0, 0.0, 1.0]], [0.0, 0.0, 1.0])
    waves = 1e3 * np.array(theirs._magnon_energies(fractions))
    ours = spin_waves(read, -fractions @ h.lattice.reciprocal)
    assert ours.min() > 0.5
    assert np.sort(waves, axis=1) == pytest.approx(ours, rel=1e-9)
