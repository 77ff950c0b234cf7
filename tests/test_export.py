"""Textures as magnetic structures: cell, propagation vectors and group of known ones, and files read back."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import warnings
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from command import printed, refused
from models import bloch, exchange, shell_bonds, tensor

from magsearch import formats
from magsearch.errors import InputError
from magsearch.export.bns import symbol
from magsearch.export.structure import MagneticStructure, magnetic_structure
from magsearch.export.writing import FORMATS, write
from magsearch.formats.spins import mcif
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.sphere import unit
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy
from magsearch.model.terms.waves import WaveCouplings
from magsearch.observables.propagation import described, ordering_vector, propagation_vectors

DATA = Path(__file__).parent / "data"
ISO_MAG = "e2537ef2a6f93b30cf8081f50cd34b8b70e5a995452d71bc53ba4e70b0fc26d9"
EASY = (UniaxialAnisotropy(0.1),)


def rotated(lattice: Lattice, R: np.ndarray) -> Lattice:
    return Lattice(lattice.cell @ R.T, lattice.basis @ R.T, lattice.size, lattice.periodic, lattice.species)


def waves(lattice: Lattice, *terms: tuple[tuple[float, float, float], tuple[float, ...], tuple[float, ...]]):
    """Spins with sum_q [u cos 2 pi q R + v sin 2 pi q R], q in r.l.u., of unit length."""
    phase = [2 * np.pi * lattice.coordinates @ np.array(q) for q, _, _ in terms]
    cells = sum(
        np.cos(p)[:, None] * np.array(u) + np.sin(p)[:, None] * np.array(v)
        for p, (_, u, v) in zip(phase, terms, strict=True)
    )
    return unit(np.repeat(cells, lattice.atoms, axis=0))


def ferromagnet() -> tuple[Hamiltonian, np.ndarray]:
    lattice = Lattice.named("cubic", (3, 2, 4), 3.0)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 2.0), np.tile([0, 0, 1.0], (lattice.sites, 1))


def rutile() -> tuple[Hamiltonian, np.ndarray]:
    """MnF2 without its fluorine: the couplings along [1 1 0] and [1 -1 0] tell where it is."""
    cell = np.diag([4.87, 4.87, 3.31])
    lattice = Lattice(cell, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) @ cell, (2, 2, 2), species=("Mn", "Mn"))
    near = shell_bonds(lattice, exchange(-0.1), exchange(-1.0))
    J = exchange_matrix([0.05, 0.02, 0.02, 0.05])
    alternating = Bonds.pairs([0, 0, 1, 1], [0, 0, 1, 1], J, [[1, 1, 0], [1, -1, 0], [1, 1, 0], [1, -1, 0]])
    up = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    return Hamiltonian(lattice, near + alternating, 5.0, EASY), np.tile(up, (lattice.cells, 1))


def triangular() -> tuple[Hamiltonian, np.ndarray]:
    lattice = Lattice.named("triangular", (6, 9, 1), 3.0)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(-1.0)), 3.0, (UniaxialAnisotropy(-0.1),)), waves(
        lattice, ((1 / 3, 1 / 3, 0), (1, 0, 0), (0, 1, 0))
    )


def pyrochlore() -> tuple[Hamiltonian, np.ndarray]:
    lattice = Lattice.named("pyrochlore", (2, 1, 2), 10.2)
    outward = unit(lattice.basis - lattice.basis.mean(axis=0))
    easy = tuple(UniaxialAnisotropy(0.4, tuple(n), atoms=(k,)) for k, n in enumerate(outward.tolist()))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(-0.3)), 4.0, easy), np.tile(outward, (lattice.cells, 1))


def zigzag() -> tuple[Hamiltonian, np.ndarray]:
    """Ferromagnetic zigzag chains of a honeycomb that alternate: q at the middle of an edge of the zone."""
    lattice = Lattice.named("honeycomb", (4, 2, 1), 3.5)
    sign = (-1.0) ** lattice.coordinates[:, 0]
    up = np.stack([sign, -sign], axis=1) if _alike(lattice, sign) else np.stack([sign, sign], axis=1)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(0.2), exchange(0.1), exchange(-1.0)), 1.5, EASY), (
        up.reshape(-1, 1) * np.array([0, 0, 1.0])
    )


def _alike(lattice: Lattice, sign: np.ndarray) -> bool:
    """Whether an atom is parallel to one of its three neighbours only if both have the sign of their cell."""
    shell = lattice.shells(1)[0]
    of = shell.i == 0
    return int(sum((-1) ** (offset[0] % 2) for offset in shell.offset[of])) < 0


def nickel_oxide() -> tuple[Hamiltonian, np.ndarray]:
    lattice = Lattice.named("fcc", (2, 4, 2), 4.17)
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(0.1), exchange(-1.0)), 1.8, EASY), waves(
        lattice, ((0.5, 0.5, 0.5), (1, 1, -2), (0, 0, 0))
    )


# model and texture; BNS number and symbol; chemical cells of the magnetic cell; propagation vector
KNOWN = {
    "ferromagnet": (ferromagnet, "123.345", "P4/mm'm'", 1, (0, 0, 0)),
    "rutile": (rutile, "136.499", "P4_2'/mnm'", 1, (0, 0, 0)),  # MnF2, MAGNDATA 0.15
    "triangular": (triangular, "189.223", "P-6'2'm", 3, (Fraction(1, 3), Fraction(1, 3), 0)),
    "pyrochlore": (pyrochlore, "227.131", "Fd-3m'", 1, (0, 0, 0)),  # Cd2Os2O7, MAGNDATA 0.2
    "nickel oxide": (nickel_oxide, "15.90", "C_c2/c", 2, (Fraction(1, 2),) * 3),  # NiO, MAGNDATA 1.6
}


@pytest.mark.parametrize("name", KNOWN)
def test_groups_and_propagation_vectors_of_known_textures(name):
    pytest.importorskip("spglib")
    build, number, symbol, cells, q = KNOWN[name]
    model, spins = build()
    found = magnetic_structure(model, spins)
    assert (found.group.number, found.group.symbol, found.cell.volume) == (number, symbol, cells)
    assert tuple(abs(part) for part in found.propagation_vectors[0].q) == q
    assert found.propagation_vectors[0].weight == pytest.approx(1)
    assert max(found.group.positions, found.group.moments) < 1e-12
    assert np.isclose(*found.energies, rtol=1e-12)


@pytest.mark.parametrize("name", ["triangular", "nickel oxide"])
def test_noise_and_orientation_do_not_change_the_group(name):
    pytest.importorskip("spglib")
    build, number, _, cells, _ = KNOWN[name]
    model, spins = build()
    rng = np.random.default_rng(1)
    R = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    R *= np.linalg.det(R)
    turned = Hamiltonian(rotated(model.lattice, R), model.bonds, model.moments)
    noisy = unit(spins @ R.T + rng.normal(scale=1e-4, size=spins.shape))
    found = magnetic_structure(turned, noisy)
    assert (found.group.number, found.cell.volume) == (number, cells)
    assert 1e-5 < found.group.found <= 1e-3, "the tolerance that it needs"
    assert 1e-5 < found.group.moments < 1e-3
    assert found.group.others[0][1] != found.group.symbol


@pytest.mark.parametrize(
    ("build", "number"), [(pyrochlore, "227.131"), (nickel_oxide, "167.108"), (ferromagnet, "123.345")]
)
def test_a_free_orientation_is_brought_to_the_most_symmetric_one(build, number):
    """NiO along [1 1 1] is R_I-3c; MnO and FeO have it (MAGNDATA 1.31)."""
    pytest.importorskip("spglib")
    model, spins = build()
    free = Hamiltonian(model.lattice, model.bonds, model.moments)
    R = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turned = spins @ (R * np.linalg.det(R)).T
    assert magnetic_structure(free, turned).group.number != number
    found = magnetic_structure(free, turned, align=True)
    assert found.group.number == number
    assert np.allclose(found.texture, turned @ found.rotation.T)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    assert np.isclose(*found.energies)
    with pytest.raises(InputError, match="align: the model has the term 'anisotropy', which fixes"):
        magnetic_structure(Hamiltonian(model.lattice, model.bonds, 1.0, EASY), turned, align=True)


def test_the_zigzag_has_translations_with_time_reversal():
    pytest.importorskip("spglib")
    model, spins = zigzag()
    found = magnetic_structure(model, spins)
    assert (found.group.kind, found.cell.volume) == ("IV", 2)
    assert found.propagation_vectors[0].q == (Fraction(1, 2), 0, 0)
    assert len(found.group.operations) == 16, "mmm, and each with the translation and time reversal"


def test_couplings_tell_atoms_apart_that_positions_do_not():
    pytest.importorskip("spglib")
    model, spins = rutile()
    uniform = Hamiltonian(model.lattice, shell_bonds(model.lattice, exchange(-0.1), exchange(-1.0)), 5.0, EASY)
    assert magnetic_structure(uniform, spins).group.kind == "IV"  # body-centred atoms alone
    tells = magnetic_structure(model, spins)
    assert tells.group.kind == "III"
    assert tells.group.structure == magnetic_structure(uniform, spins).group.uni, "what readers of the file find"
    assert tells.group.alone in tells.rows()["alone"]
    assert "alone" not in magnetic_structure(uniform, spins).rows()


def fluoride() -> tuple[Hamiltonian, np.ndarray]:
    """MnF2 with its fluorine and couplings that do not tell where it is."""
    cell = np.diag([4.87, 4.87, 3.31])
    places = np.array([[0.305, 0.305, 0], [0.695, 0.695, 0], [0.195, 0.805, 0.5], [0.805, 0.195, 0.5]]) @ cell
    lattice = Lattice(
        cell, np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) @ cell, (2, 2, 2), species=("Mn", "Mn"),
        nonmagnetic=tuple(("F", tuple(place)) for place in places.tolist()),
    )  # fmt: skip
    bonds = shell_bonds(lattice, exchange(-0.1), exchange(-1.0))
    up = np.array([[0, 0, 1.0], [0, 0, -1.0]])
    return Hamiltonian(lattice, bonds, 5.0, EASY), np.tile(up, (lattice.cells, 1))


def test_atoms_without_a_moment_belong_to_the_group_and_to_the_files(tmp_path):
    pytest.importorskip("spglib")
    model, spins = fluoride()
    found = magnetic_structure(model, spins)
    assert (found.group.number, found.symbols) == ("136.499", ("Mn", "Mn", "F", "F", "F", "F"))
    assert not any("magnetic atoms alone" in note for note in found.notes)
    for kind in ("mcif", "xyz"):
        assert np.allclose(formats.read_spins(written(tmp_path, found, kind), model.lattice), spins)
    assert written(tmp_path, found, "poscar").read_text().splitlines()[5:7] == ["Mn F", "2 4"]
    assert len(numbers_in((tmp_path / "state.incar").read_text().split("MAGMOM =")[1].split("#")[0])) == 18
    assert written(tmp_path, found, "siesta").read_text().split("InitSpin\n")[1].count("\n") == 2
    assert "natom 6" in written(tmp_path, found, "abinit").read_text()
    assert (
        len(numbers_in(re.search(r"mommtfix\n(.*?)\n\n", written(tmp_path, found, "elk").read_text(), re.S)[1])) == 10
    )
    assert written(tmp_path, found, "qe").read_text().count("starting_magnetization") == 2
    assert sunny_energy(written(tmp_path, found, "sunny").read_text()) == pytest.approx(found.energies[0], abs=1e-10)
    assert spinw_energy(written(tmp_path, found, "spinw").read_text()) == pytest.approx(found.energies[0], abs=1e-8)


def test_the_group_of_a_box_is_that_of_its_magnetic_cell():
    pytest.importorskip("spglib")
    model, spins = rutile()
    found = magnetic_structure(model, spins, "box")
    assert (found.cell.volume, found.group.number) == (8, "136.499")


def test_without_spglib_everything_else_is_there(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spglib", None)
    model, spins = rutile()
    found = magnetic_structure(model, spins)
    assert "needs spglib: pip install 'magsearch[structure]'" in found.rows()["group"]
    assert found.as_json()["group"] is None
    assert "needs spglib" in written(tmp_path, found, "mcif").read_text()


def test_symbols_are_those_of_the_tables():
    """The sum is that of the 1651 names of ISO-MAG (iso.byu.edu), in the order of the UNI numbers."""
    pytest.importorskip("spglib")
    warnings.simplefilter("ignore", DeprecationWarning)
    every = [symbol(uni) for uni in range(1, 1652)]
    assert every[1158] == "P4_2'/mnm'"  # BNS 136.499, MnF2
    assert len(set(every)) == 1651
    assert hashlib.sha256(" ".join(every).encode()).hexdigest() == ISO_MAG


# -- cells -------------------------------------------------------------------------------------------------------------


def test_a_sheared_cell_is_found_and_compact():
    """Spins that repeat after (2, 1, 0) and (0, 3, 0) have cells of 6; the box of 6 x 6 holds six of them."""
    lattice = Lattice.named("square", (6, 6, 1), 2.5)
    rng = np.random.default_rng(0)
    kinds = unit(rng.normal(size=(6, 3)))
    x, y, _ = lattice.coordinates.T
    spins = kinds[(y - (x // 2)) % 3 + 3 * (x % 2)]
    found = magnetic_structure(Hamiltonian(lattice, Bonds.none(), 2.0), spins)
    assert found.cell.volume == 6
    assert np.linalg.det(found.cell.cell) > 0
    assert np.linalg.norm(found.cell.cell, axis=1).max() <= 2.5 * np.sqrt(8) + 1e-9
    assert np.abs(found.cell.H @ np.linalg.inv([[2, 1, 0], [0, 3, 0], [0, 0, 1]]) % 1 % 1).max() < 1e-9
    assert found.cell.deviation < 1e-15


def test_one_spin_that_differs_makes_the_box_the_cell():
    model, spins = triangular()
    spins[7] = [0, 0, 1]
    assert magnetic_structure(model, spins).cell.whole
    assert magnetic_structure(model, spins, tolerance=0.999).cell.volume == model.lattice.cells


def test_moments_and_vacancies_break_translations():
    lattice = Lattice.named("square", (4, 4, 1), 2.5)
    up = np.tile([0, 0, 1.0], (16, 1))
    moments = np.where(lattice.coordinates[:, 0] % 2, 2.0, 1.0)
    assert magnetic_structure(Hamiltonian(lattice, Bonds.none(), moments), up).cell.volume == 2
    up[3] = 0
    hole = magnetic_structure(Hamiltonian(lattice, Bonds.none(), 2.0, vacancies=(3,)), up)
    assert len(hole.cell.atoms) == 15


def test_a_wave_that_the_box_holds_once_is_said_to_be_of_the_box():
    lattice = Lattice.named("chain", (12, 1, 1), 2.5)
    model = Hamiltonian(lattice, Bonds.none(), 2.0)
    once, thrice = (
        magnetic_structure(model, waves(lattice, ((k / 12, 0, 0), (1, 0, 0), (0, 1, 0)))).propagation_vectors[0]
        for k in (1, 3)
    )
    assert (once.q[0], once.box_only) == (Fraction(1, 12), True)
    assert (thrice.q[0], thrice.box_only) == (Fraction(1, 4), False)
    assert described([once]).endswith("the texture repeats with the box only, so that q is uncertain by (0.042, 0, 0)")
    assert "uncertain" not in described([thrice])


def test_wavelengths_and_directions_do_not_depend_on_the_vectors_of_the_cell():
    """A spiral of period 12 cells of 2.5 angstrom along x, in a cell that is sheared by one more vector."""
    plain = Lattice.named("square", (12, 12, 1), 2.5)
    sheared = replace(plain, cell=np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1]]) @ plain.cell)
    for lattice in (plain, sheared):
        angle = 2 * np.pi * lattice.positions[:, 0] / 30
        spins = np.stack([np.cos(angle), np.zeros_like(angle), np.sin(angle)], axis=1)
        (arm,) = propagation_vectors(lattice, spins)
        assert arm.weight == pytest.approx(1)
        assert arm.wavelength == pytest.approx(30)
        assert np.abs(arm.vector) == pytest.approx([2 * np.pi / 30, 0, 0])
        assert ordering_vector(lattice, spins) == pytest.approx(arm.vector)
        up = np.tile([0, 0, 1.0], (lattice.sites, 1))
        assert ordering_vector(lattice, up).tolist() == [0, 0, 0]
        assert described(propagation_vectors(lattice, up)) == "q = 0: all cells are alike"
    assert described([arm]).startswith("q = (1/12, 1/12, 0) r.l.u.; wavelength 30 angstrom; weight 1.00")


def test_harmonics_are_told_from_arms():
    lattice = Lattice.named("chain", (24, 1, 1), 2.5)
    spins = waves(lattice, ((1 / 12, 0, 0), (1, 0, 0), (0, 0.5, 0)))
    arms = magnetic_structure(Hamiltonian(lattice, Bonds.none(), 2.0), spins).propagation_vectors
    assert [arm.harmonic for arm in arms] == [False, *[True] * (len(arms) - 1)]
    assert {float(arm.q[0]) for arm in arms[:2]} == {1 / 12, 0.25}
    assert sum(arm.weight for arm in arms) == pytest.approx(1, abs=1e-2)


# -- files -------------------------------------------------------------------------------------------------------------


def low_symmetry() -> tuple[Hamiltonian, np.ndarray]:
    """Two atoms of a skew, left-handed cell; tensors, DMI, anisotropies, a field, a texture of a sheared cell."""
    cell = np.array([[0.2, 3.1, 0.3], [3.4, 0.1, 0.0], [0.1, 0.3, 3.9]])
    lattice = Lattice(cell, np.array([[0.02, -0.3, 0.1], [0.45, 0.55, 1.56]]) @ cell, (4, 4, 2), species=("Fe", "Co"))
    easy = (UniaxialAnisotropy(0.7, (1.0, 2.0, -0.5), atoms=(1,)), UniaxialAnisotropy(0.2))
    bonds = shell_bonds(lattice, tensor(3), bloch(1.0, 0.4), exchange(0.3))
    model = Hamiltonian(lattice, bonds, np.array([2.2, 1.6]), easy, (3.0, -5.0, 8.0))
    kinds = unit(np.random.default_rng(5).normal(size=(4, 2, 3)))
    x, y, _ = lattice.coordinates.T
    return model, kinds[(x + 2 * y) % 4].reshape(-1, 3)


def written(tmp_path: Path, structure: MagneticStructure, kind: str) -> Path:
    path = tmp_path / f"state{FORMATS[kind][1]}"
    write(structure, [(kind, path)])
    return path


@pytest.mark.parametrize("kind", ["mcif", "xyz"])
@pytest.mark.parametrize(
    ("build", "cell"),
    [
        (low_symmetry, "box"), (low_symmetry, "magnetic"), (triangular, "magnetic"), (pyrochlore, "magnetic"),
        (nickel_oxide, "magnetic"), (zigzag, "magnetic"),
    ],
)  # fmt: skip
def test_energy_of_a_file_read_back_is_that_of_the_texture(tmp_path, build, cell, kind):
    model, spins = build()
    structure = magnetic_structure(model, spins, cell)
    back = formats.read_spins(written(tmp_path, structure, kind), model.lattice)
    assert np.abs(back - spins).max() < 1e-10
    energy, again = (sum(t.energies(model, s).sum() for t in model.terms) for s in (spins, back))
    assert abs(energy - again) < 1e-8 * model.n_spins


@pytest.mark.parametrize("build", [low_symmetry, rutile, pyrochlore, nickel_oxide])
def test_pymatgen_reads_moments_and_group(tmp_path, build):
    io = pytest.importorskip("pymatgen.io.cif")
    spglib = pytest.importorskip("spglib")
    model, spins = build()
    structure = magnetic_structure(model, spins)
    path = written(tmp_path, structure, "mcif")
    read = io.CifParser(str(path)).parse_structures(primitive=False)[0]
    assert len(read) == len(structure.cell.atoms)
    moments = np.array([site.properties["magmom"].get_moment() for site in read])
    size = np.linalg.norm(moments, axis=1)
    assert np.allclose(np.sort(size), np.sort(structure.cell.moments), atol=1e-6)
    overlaps = [np.sort((m @ m.T).ravel()) for m in (moments, structure.cell.vectors)]
    assert np.allclose(*overlaps, atol=1e-6)
    kinds = np.unique([site.specie.symbol for site in read], return_inverse=True)[1]
    cell = (read.lattice.matrix, read.frac_coords, kinds)
    own = (structure.cell.cell, structure.cell.fractions, kinds)
    numbers = [
        spglib.get_magnetic_symmetry_dataset((*c, m), symprec=1e-3, mag_symprec=1e-3).uni_number
        for c, m in ((cell, moments), (own, structure.cell.vectors))
    ]
    assert numbers[0] == numbers[1] == structure.group.structure


def test_operations_of_an_mcif_are_applied(tmp_path):
    """MnF2 as databases give it: one manganese, the other by a screw axis with time reversal."""
    model, spins = rutile()
    (tmp_path / "mnf2.mcif").write_text(
        """\
data_mnf2
_cell_length_a 4.87(1)
_cell_length_b 4.87
_cell_length_c 3.31
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
loop_
_space_group_symop_magn_operation.id
_space_group_symop_magn_operation.xyz
1 x,y,z,+1
2 '-y+1/2, x+1/2, z+1/2, -1'
3 -x,-y,z,+1
4 -x,-y,-z,+1
loop_
_space_group_symop_magn_centering.id
_space_group_symop_magn_centering.xyz
1 x,y,z,+1
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mn1 Mn 0 0 0  # fluorine stands on no site
F1 F 0.305 0.305 0
loop_
_atom_site_moment.label
_atom_site_moment.crystalaxis_x
_atom_site_moment.crystalaxis_y
_atom_site_moment.crystalaxis_z
Mn1 0.0 0.0 5.0
"""
    )
    assert np.allclose(formats.read_spins(tmp_path / "mnf2.mcif", model.lattice), spins)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("'a,b,c;0,0,0'", "'2a,b,c;0,0,0'"), r"mcif:\d+: the lengths and angles are not those of this cell"),
        (("'a,b,c;0,0,0'", "'a,b,q;0,0,0'"), r"mcif:\d+: 'a,b,q;0,0,0' is not understood"),
        (("x,y,z,+1", "x,y,z"), r"mcif:\d+: 'x,y,z' is no magnetic operation"),
        (("_cell_length_b", "_cell_width"), "has no _cell_length_b"),
        (("Mn1 0.0", "Fe1 0.0"), r"mcif:\d+: a moment of Fe1, which is no atom"),
        (("moment.label", "moments.label"), "has no loop with _atom_site_moment_label"),
        (("Mn1 Mn 0.0", "Mn1 Mn 0.2"), "no site is at"),
        (("Mn1 Mn 0.0", "Mn1 Mn zero"), r"mcif:\d+: _atom_site_fract_x is 'zero0*'; expected a number"),
        (("Mn1 Mn 0.0", "Mn1 Mn"), r"mcif:\d+: the loop of _atom_site_label has"),
    ],
)
def test_mcif_that_does_not_fit(tmp_path, change, message):
    model, spins = rutile()
    path = written(tmp_path, magnetic_structure(model, spins), "mcif")
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    with pytest.raises(InputError, match=message):
        formats.read_spins(path, model.lattice)


def test_a_cell_that_does_not_fit_into_the_box(tmp_path):
    model, spins = triangular()
    for kind in ("mcif", "xyz"):
        path = written(tmp_path, magnetic_structure(model, spins), kind)
        with pytest.raises(InputError, match="the box of 4 x 4 x 1 cells is not a multiple of the cell"):
            formats.read_spins(path, Lattice.named("triangular", (4, 4, 1), 3.0))


def numbers_in(text: str) -> np.ndarray:
    return np.array([float(x) for x in re.findall(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?", text)])


def sunny_energy(script: str) -> float:
    """The energy per site by the formula of Sunny, from the numbers of its script.

    sum_bonds [S_i . J S_j + biquad (S_i . S_j)^2] + sum_i onsite + B . g S.
    """

    def matrix(text: str) -> np.ndarray:
        rows = np.array([numbers_in(row) for row in text.strip("[]").split(";")])
        return rows if rows.shape == (3, 3) else rows[0, 0] * np.eye(3)

    latvecs = matrix(re.search(r"latvecs = (\[.*\])", script)[1])
    assert np.linalg.det(latvecs) > 0, "Sunny refuses a left-handed cell"
    positions = np.array([numbers_in(r) for r in re.search(r"positions = \[\n(.*?)\n\]", script, re.S)[1].split("\n")])
    assert ((positions >= 0) & (positions < 1)).all(), "Sunny would fold them"
    g = [float(x) for x in re.findall(r"g=(\S+)\)", script)]
    shape = matrix(re.search(r"reshape_supercell\(sys, (\[.*\])\)", script)[1])
    rows = re.findall(r"\((\[.*?\]), (\[.*?\])\),", script)
    where, spins = (np.array([numbers_in(row[k]) for row in rows]) for k in (0, 1))

    def site(place: np.ndarray) -> int:
        apart = np.linalg.solve(shape, (where - place).T).T
        off = np.abs(apart - np.rint(apart)).max(axis=1)
        assert off.min() < 1e-9
        return int(off.argmin())

    atom, cell = np.empty(len(where), int), np.empty((len(where), 3))
    for k, place in enumerate(where):
        apart = place - positions
        atom[k] = np.abs(apart - np.rint(apart)).max(axis=1).argmin()
        cell[k] = place - positions[atom[k]]
    energy = 0.0
    bonds = re.findall(r"set_exchange!\(sys, (.*?), Bond\((\d+), (\d+), (\[.*?\])\)(?:; biquad=(.*?))?\)", script)
    seen = set()
    for J, i, j, offset, biquad in bonds:
        i, j, n = int(i) - 1, int(j) - 1, numbers_in(offset)
        assert (i, j, *n) not in seen
        seen |= {(i, j, *n), (j, i, *-n)}
        for k in np.flatnonzero(atom == i):
            other = spins[site(positions[j] + cell[k] + n)]
            energy += spins[k] @ matrix(J) @ other + float(biquad or 0) * (spins[k] @ other) ** 2
    for expression, i in re.findall(r"set_onsite_coupling!\(sys, S -> (.*), (\d+)\)", script):
        python = compile(expression.replace("^", "**"), "", "eval")
        energy += sum(eval(python, {"S": [None, *spins[k]]}) for k in np.flatnonzero(atom == int(i) - 1))
    field = re.search(r"set_field!\(sys, (\[.*?\])\)", script)
    if field:
        energy += sum(numbers_in(field[1]) @ (g[atom[k]] * spins[k]) for k in range(len(spins)))
    return energy / len(spins)


def richer() -> tuple[Hamiltonian, np.ndarray]:
    """Biquadratic exchange and anisotropies of fourth order."""
    lattice = Lattice.named("fcc", (2, 2, 2), 4.0)
    offset = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, -1, 0], [1, 0, -1], [0, 1, -1]])
    zero = np.zeros(6, dtype=int)
    terms = (SpinProducts.biquadratic(zero, zero, offset, np.full(6, 0.3)),)
    easy = (CubicAnisotropy(0.5), UniaxialAnisotropy(0.1, (1.0, 1.0, 0.0), K4=0.2))
    spins = unit(np.random.default_rng(2).normal(size=(8, 3)))
    return Hamiltonian(lattice, shell_bonds(lattice, exchange(1.0)), 2.0, easy, others=terms), spins


def film() -> tuple[Hamiltonian, np.ndarray]:
    """Three layers with open surfaces."""
    lattice = Lattice(np.diag([2.5, 2.5, 2.0]), np.zeros((1, 3)), (2, 2, 3), (True, True, False))
    spins = unit(np.random.default_rng(3).normal(size=(12, 3)))
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.4), exchange(0.3)), 2.0, EASY), spins


@pytest.mark.parametrize("build", [low_symmetry, triangular, pyrochlore, rutile, richer, film])
def test_sunny_script_repeats_the_energy(tmp_path, build):
    model, spins = build()
    structure = magnetic_structure(model, spins)
    script = written(tmp_path, structure, "sunny").read_text()
    assert sunny_energy(script) == pytest.approx(structure.energies[0], abs=1e-10)


def spinw_energy(script: str) -> float:
    """The energy per spin by the formula of SpinW, from the numbers of its script."""

    def table(name: str) -> np.ndarray:
        return np.array(
            [numbers_in(r) for r in re.search(rf"^{name} = \[\n(.*?)\n\];", script, re.S | re.M)[1].split("\n")]
        )

    def row(pattern: str) -> np.ndarray:
        return numbers_in(re.search(pattern + r"\(?\[(.*?)\]", script)[1])

    bonds, spins = table("bonds"), table("spins")
    couplings, easy, moments = table("couplings"), table("anisotropies"), table("moments")
    J = couplings.reshape(-1, 3, 3)[bonds[:, 5].astype(int) - 1]
    i, j = bonds[:, 0].astype(int) - 1, bonds[:, 1].astype(int) - 1
    A = easy.reshape(-1, 3, 3)[row("ion.aniso = int32").astype(int) - 1 - len(couplings)]
    g = moments[row("ion.g = int32").astype(int) - 1 - len(couplings) - len(easy), 0]
    energy = np.einsum("bx,bxy,by->", spins[i], J, spins[j]) + np.einsum("ix,ixy,iy->", spins, A, spins)
    return float(energy - 0.0578838180 * (g * (spins @ row("ion.field = "))).sum()) / len(spins)


@pytest.mark.parametrize("build", [low_symmetry, triangular, pyrochlore, rutile, film])
def test_spinw_script_repeats_the_energy(tmp_path, build):
    model, spins = build()
    structure = magnetic_structure(model, spins)
    script = written(tmp_path, structure, "spinw").read_text()
    assert spinw_energy(script) == pytest.approx(structure.energies[0], abs=1e-8)


def test_spinw_has_no_biquadratic_exchange(tmp_path):
    model, spins = richer()
    with pytest.raises(InputError, match="SpinW cannot handle the term 'biquadratic'"):
        written(tmp_path, magnetic_structure(model, spins), "spinw")


def directions(moments: np.ndarray) -> np.ndarray:
    """Moments from rows of size, theta, phi in degrees."""
    size, theta, phi = moments.T[0], *np.radians(moments.T[1:])
    return size[:, None] * np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)


@pytest.mark.parametrize("kind", ["poscar", "qe", "siesta", "abinit", "elk"])
def test_moments_of_other_codes(tmp_path, kind):
    """Positions and moments, read back by the rules of each code, are those of the cell."""
    model, spins = low_symmetry()
    structure = magnetic_structure(model, spins)
    cell, text = structure.cell, written(tmp_path, structure, kind).read_text()
    if kind == "poscar":
        rows = text.splitlines()
        places = np.array([numbers_in(row) for row in rows[8:]])
        assert rows[5:8] == ["Fe Co", "4 4", "Direct"]
        incar = (tmp_path / "state.incar").read_text()
        moments = numbers_in(incar.split("MAGMOM =")[1].replace("\\\n", " ")).reshape(-1, 3)
    elif kind == "qe":
        values = {int(k): [] for k in re.findall(r"angle1\((\d+)\)", text)}
        for name in ("starting_magnetization", "angle1", "angle2"):
            for k, value in re.findall(rf"{name}\((\d+)\) = (\S+)", text):
                values[int(k)].append(float(value))
        names = [row.split()[0] for row in text.split("ATOMIC_SPECIES\n")[1].split("\nCELL")[0].split("\n")]
        rows = [row.split() for row in text.split("ATOMIC_POSITIONS crystal\n")[1].splitlines()]
        places = np.array([[float(x) for x in row[1:]] for row in rows])
        moments = directions(np.array([values[names.index(row[0]) + 1] for row in rows]))
    elif kind == "siesta":
        places = numbers_in(re.search(r"AtomicSpecies\n(.*?)%end", text, re.S)[1]).reshape(-1, 4)[:, :3]
        moments = directions(numbers_in(re.search(r"InitSpin\n(.*?)%end", text, re.S)[1]).reshape(-1, 4)[:, 1:])
    elif kind == "abinit":
        places = numbers_in(re.search(r"xred\n(.*?)nsppol", text, re.S)[1]).reshape(-1, 3)
        moments = numbers_in(text.split("spinat\n")[1]).reshape(-1, 3)
        assert "znucl 26 27" in text
    else:
        atoms = text.split("atoms\n")[1]
        places = np.array([numbers_in(row)[:3] for row in atoms.splitlines() if len(row.split()) == 6])
        moments = numbers_in(re.search(r"mommtfix\n(.*?)\n\n", text, re.S)[1]).reshape(-1, 5)[:, 2:]
    assert len(places) == len(moments) == len(cell.atoms)
    for place, moment in zip(places, moments, strict=True):
        apart = place - cell.fractions
        near = np.linalg.norm(apart - np.rint(apart), axis=1)
        assert near.min() < 1e-9
        assert np.allclose(moment, cell.vectors[near.argmin()], atol=1e-5)


def test_couplings_at_wave_vectors_do_not_hinder_files_and_have_no_group(tmp_path):
    pytest.importorskip("spglib")
    model, spins = triangular()
    waves = WaveCouplings([[1 / 3, 1 / 3, 0]], [0.1], [0.0], np.eye(3)[None], np.zeros((1, 3)))
    found = magnetic_structure(replace(model, others=(waves,)), spins)
    assert "cannot handle the term 'wave_vectors'" in found.rows()["group"]
    assert np.isclose(*found.energies)
    assert np.allclose(formats.read_spins(written(tmp_path, found, "mcif"), model.lattice), spins)
    with pytest.raises(InputError, match="Sunny cannot handle the term 'wave_vectors'"):
        written(tmp_path, found, "sunny")


def test_elements_are_read_off_labels_or_named(tmp_path):
    lattice = Lattice(np.eye(3) * 3, np.array([[0, 0, 0], [1.5, 1.5, 1.5]]), (1, 1, 1), species=("Fe1", "A"))
    model, spins = Hamiltonian(lattice, Bonds.none(), 2.0), np.array([[0, 0, 1.0], [1, 0, 0]])
    found = magnetic_structure(model, spins)
    assert found.symbols == ("Fe", "A")
    assert any("Fe1 is Fe" in note for note in found.notes)
    with pytest.raises(InputError, match="needs elements; species 'A' is none"):
        written(tmp_path, found, "abinit")
    named = magnetic_structure(model, spins, elements={"A": "Co"})
    assert "znucl 26 27" in written(tmp_path, named, "abinit").read_text()
    for wrong, message in (({"B": "Co"}, "no species 'B'"), ({"A": "Quux"}, "no chemical symbol")):
        with pytest.raises(InputError, match=message):
            magnetic_structure(model, spins, elements=wrong)


def test_a_model_without_spin_orbit_terms_is_said_to_have_no_orientation():
    model, spins = triangular()
    free = Hamiltonian(model.lattice, model.bonds, model.moments)
    assert any("orientation is arbitrary" in note for note in magnetic_structure(free, spins).notes)
    assert not any("orientation" in note for note in magnetic_structure(model, spins).notes)


def test_parameters_of_a_cell():
    assert mcif.parameters([[2, 0, 0], [-1, np.sqrt(3), 0], [0, 0, 5]]) == pytest.approx([2, 2, 5, 90, 90, 120])


# -- command -----------------------------------------------------------------------------------------------------------


def test_export_of_a_run(tmp_path, capsys, monkeypatch):
    pytest.importorskip("spglib")
    monkeypatch.chdir(tmp_path)
    run = DATA / "finished.h5"
    said = json.loads(printed(capsys, "export", run, "--format", "mcif", "--format", "xyz", "--json"))
    assert said["files"] == ["finished.mcif", "finished.xyz"]
    assert abs(said["energy_per_site"] - said["energy_per_site_of_cell"]) < 1e-6
    assert said["group"]["number"]
    back = json.loads(printed(capsys, "energy", run, "--spins", "finished.mcif", "--json"))
    assert back["energy_per_site"] == pytest.approx(said["energy_per_site_of_cell"], abs=1e-8)
    shown = printed(capsys, "export", f"{run}:0", "--cell", "box", "-o", "champion.poscar")
    assert re.search(r"q1 +\(", shown)
    assert {"champion.poscar", "champion.incar"} <= {file.name for file in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "mcfi"], "--format: unknown format 'mcfi'; did you mean 'mcif'?"),
        (["--cell", "unit"], "--cell: is 'unit'; expected magnetic or box"),
        (["-o", "state.txt"], "state.txt: cannot infer the format"),
        (["-o", "old.mcif"], "old.mcif: exists; give another name, or --overwrite"),
        (["--elements", "Fe"], "--elements: 'Fe' is not LABEL=ELEMENT"),
        (["--tolerance", "0"], "tolerance: is 0; expected a number between 0 and 1"),
    ],
)
def test_wrong_arguments_of_export(tmp_path, capsys, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.mcif").write_text("mine")
    assert message in refused(capsys, "export", DATA / "finished.h5", *arguments)
    assert (tmp_path / "old.mcif").read_text() == "mine"
