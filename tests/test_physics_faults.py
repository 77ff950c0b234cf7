"""Inputs that once gave the wrong physics without a word; right values are sums on paper, or printed by UppASD."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from command import here, printed, refused
from small_files.tb2j import XML
from small_files.uppasd import energy, write

import magsearch as ms
from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.model.notes import harmless
from magsearch.units import JOULE, MRY, MU_B

Z = np.eye(3)[2]
CELL = "BC P P 0\ncell 1 0 0\n 0 1 0\n 0 0 5\nalat 3.0e-10\nposfile p\nmomfile m\nexchange j\nmaptype 2\n"
NAMES = "posfile p\nmomfile m\nexchange j\n"
TENSORS = "do_jtensor 1\ncalc_jtensor F\n"
ONE = {"p": "1 1 0 0 0", "m": "1 1 2.0 0 0 1"}
FOUR = "".join(f"1 1 {x} {y} 0   1 0 0  0 1 0  0 0 1\n" for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1)))


def icosidodecahedron() -> np.ndarray:
    """Thirty vertices, each with four neighbours at the distance 1."""
    golden = (1 + 5**0.5) / 2
    axes = [golden * np.roll(sign * np.eye(3)[0], k) for k in range(3) for sign in (1, -1)]
    signs = np.array(list(itertools.product((1, -1), repeat=3))) / 2
    rest = [np.roll(s * [1, golden, golden**2], k) for k in range(3) for s in signs]
    return np.array(axes + rest)


def molecule(folder: Path, more: str = "", ncell: str = "1 1 1") -> Path:
    """Its couplings as vectors from site to site around the origin, in a large cell with open edges."""
    sites = icosidodecahedron()
    pairs = [(i, j) for i in range(30) for j in range(30) if abs(np.linalg.norm(sites[j] - sites[i]) - 1) < 1e-6]
    assert len(pairs) == 120
    rows = [f"{i + 1} {j + 1} {' '.join(f'{x:.8f}' for x in sites[j] - sites[i])} -0.5" for i, j in pairs]
    files = {
        "inpsd.dat": f"ncell {ncell}\nBC 0 0 0\ncell 20 0 0 0 20 0 0 0 20\nalat 1e-10\n" + NAMES,
        "p": "\n".join(f"{k + 1} {k + 1} {' '.join(f'{x:.8f}' for x in r)}" for k, r in enumerate(sites)),
        "m": "\n".join(f"{k + 1} 1 1.0 0 0 1" for k in range(30)),
        "j": "\n".join(rows),
    }
    return write(folder, files, more)


def test_a_molecule_around_the_origin_keeps_its_couplings(tmp_path):
    """UppASD, in a single cell, folds the positions and makes no hops: all 60 couplings count, whatever BC says."""
    model = formats.read(molecule(tmp_path))
    assert energy(model, Z) == pytest.approx(120 * 0.5 * MRY)
    assert model.reach == pytest.approx(1)
    assert any("atoms lie outside of the cell along an open axis" in note for note in model.remarks)
    assert not any("cut" in note for note in model.remarks)


def test_couplings_that_folding_cuts_are_counted_and_the_unfolded_reading_is_offered(tmp_path, capsys):
    path = molecule(tmp_path, ncell="2 1 1")
    folded = formats.read(path)
    present = energy(folded, Z) / MRY / 0.5
    told = "\n".join(folded.remarks)
    assert present < 2 * 120
    assert f"open edges cut {(240 - present) / 2:.0f} of 120 couplings" in told
    assert "--set model.unfolded=true" in told
    assert energy(formats.read(path, unfolded=True), Z) == pytest.approx(2 * 120 * 0.5 * MRY)
    out = printed(capsys, "info", path, "--set", "model.unfolded=true", "--json")
    assert json.loads(out)["bonds_per_site"] == 4


FILM = """\
lattice_constant 3.0
bravais_lattice sc
n_basis_cells 6 6 1
boundary_conditions 1 1 0
mu_s 2.0
external_field_magnitude 0
hamiltonian heisenberg_pairs
n_interaction_pairs 5
i j da db dc Jij
0 0 1 0 0 1.0
0 0 0 1 0 1.0
0 0 0 0 1 -2.0
0 0 1 0 1 -1.0
0 0 -1 0 1 -1.0
"""


def test_couplings_across_an_open_edge_are_not_in_the_softest_wave(tmp_path, capsys):
    """One layer with two bonds of J = 1 a site: the ferromagnet, -2 meV."""
    (tmp_path / "film.cfg").write_text(FILM)
    told = json.loads(printed(capsys, "info", tmp_path / "film.cfg", "--json"))
    assert told["softest_q"]["fractions"] == [0, 0, 0]
    assert told["softest_q"]["energy_per_site"] == pytest.approx(-2)
    assert not told["softest_q"]["infinite_crystal"]
    assert any("open edges cut 108 of 180 couplings (6 of 10" in note for note in told["notes"])
    cells = json.loads(printed(capsys, "cells", tmp_path / "film.cfg", "--json"))
    assert cells["soft_modes"]["energy_per_site"] == pytest.approx(-2)
    assert [box["sites"] for box in cells["boxes"]] == [1]


def test_soft_waves_of_a_film_of_several_layers_are_said_to_be_of_the_infinite_crystal(tmp_path, capsys):
    (tmp_path / "film.cfg").write_text(FILM.replace("6 6 1", "6 6 3"))
    assert json.loads(printed(capsys, "info", tmp_path / "film.cfg", "--json"))["softest_q"]["infinite_crystal"]
    assert "of the infinite crystal, without its open edges" in printed(capsys, "info", tmp_path / "film.cfg")


def test_a_tensor_of_a_site_with_itself_is_its_anisotropy(tmp_path):
    """UppASD (d8d6663) prints -3.8 mRy along z and -4.0 along x: E = - s.J s, once for each site."""
    files = {
        "inpsd.dat": "ncell 8 8 1\n" + CELL + TENSORS,
        "j": "1 1 0 0 0  0 0.1 0  -0.1 0 0  0 0 -0.2\n" + FOUR,
        **ONE,
    }
    model = formats.read(write(tmp_path, files))
    assert energy(model, Z) / 64 == pytest.approx(-3.8 * MRY)
    assert energy(model, [1.0, 0, 0]) / 64 == pytest.approx(-4.0 * MRY)
    assert not any("itself" in note for note in model.remarks)


@pytest.mark.parametrize("read_as_scalar", ["", "do_jtensor 1\n"])
def test_a_scalar_of_a_site_with_itself_is_a_constant_that_is_told(tmp_path, read_as_scalar):
    files = {"inpsd.dat": "ncell 8 8 1\nsym 2\n" + CELL + read_as_scalar, "j": "1 1 0 0 0 0.3\n1 1 1 0 0 1.0", **ONE}
    model = formats.read(write(tmp_path, files))
    assert energy(model, Z) / 64 == pytest.approx(-4 * MRY)
    assert any("1 atom has a coupling with itself, for example atom 1 by line 1" in note for note in model.notes)


def test_all_images_under_sym_get_the_same_tensor(tmp_path):
    """UppASD prints -4.8 mRy along z: the tensor is not rotated."""
    files = {"inpsd.dat": "ncell 8 8 1\nsym 2\n" + CELL + TENSORS, "j": "1 1 1 0 0  1 0 0  0 1 0  0 0 1.2", **ONE}
    model = formats.read(write(tmp_path, files))
    assert energy(model, Z) / 64 == pytest.approx(-4.8 * MRY)
    assert energy(model, [1.0, 0, 0]) / 64 == pytest.approx(-4.0 * MRY)
    assert any("without rotating it, as in UppASD" in note for note in model.notes)


def test_shells_are_as_wide_as_uppasds(tmp_path):
    """UppASD prints -8.0 mRy: it finds all eight neighbours within 0.1 alat."""
    cell = CELL.replace("P P 0", "P P P").replace("0 0 5", "0 0 1")
    files = {
        "inpsd.dat": "ncell 6 6 6\nsym 1\n" + cell,
        "p": "1 1 0 0 0\n2 2 0.5 0.5 0.52",
        "m": "1 1 2.0 0 0 1\n2 1 2.0 0 0 1",
        "j": "1 2 0 0 0 1.0\n2 1 0 0 0 1.0",
    }
    model = formats.read(write(tmp_path, files))
    assert energy(model, Z) / 432 == pytest.approx(-8 * MRY)
    assert any("vectors end up to 0.12 A from a site" in note for note in model.notes)


def test_scalefac_stretches_the_lattice_vectors(tmp_path):
    files = {"inpsd.dat": "ncell 4 4 1\nsym 2\nscalefac 1.5d0\nposfiletype D\n" + CELL, "j": "1 1 1 0 0 1.0", **ONE}
    model = formats.read(write(tmp_path, files))
    assert np.allclose(model.lattice.cell, np.diag([4.5, 4.5, 22.5]))
    assert energy(model, Z) / 16 == pytest.approx(-4 * MRY)


@pytest.mark.parametrize(
    ("wrong", "right", "told"),
    [
        ("momfie m", "momfile m", r"inpsd.dat:\d+: momfie is unknown, and momfile is missing; did you mean 'momfile'"),
        ("exchnge j", "exchange j", r"inpsd.dat:\d+: exchnge is unknown, and exchange is missing; did you mean"),
    ],
)
def test_a_mistyped_keyword_is_named_with_the_one_that_was_meant(tmp_path, wrong, right, told):
    files = {"inpsd.dat": "ncell 4 4 1\nsym 2\n" + CELL.replace(right, wrong), "j": "1 1 1 0 0 1.0", **ONE}
    with pytest.raises(InputError, match=told):
        formats.read(write(tmp_path, files))


def test_a_mistyped_keyword_that_is_not_needed_is_a_note(tmp_path):
    files = {"inpsd.dat": "ncell 4 4 1\nsym 2\nhfeld 0 0 5\n" + CELL, "j": "1 1 1 0 0 1.0", **ONE}
    notes = formats.read(write(tmp_path, files)).notes
    (told,) = (note for note in notes if "hfeld" in note)
    assert "did you mean 'hfield'" in told
    assert not harmless(told)


def test_the_note_on_a_small_box_follows_its_size(tmp_path, capsys):
    files = {"inpsd.dat": "ncell 2 2 1\nsym 2\n" + CELL, "j": "1 1 1 0 0 1.0", **ONE}
    path = write(tmp_path, files)

    def told(*settings: str) -> bool:
        return any(
            "smaller than twice the range" in note
            for note in json.loads(printed(capsys, "info", path, "--json", *settings))["notes"]
        )

    assert told()
    assert not told("--set", "model.size=[4,4,1]")


def test_strict_refuses_what_a_note_says_was_left_out(tmp_path, capsys):
    files = {"inpsd.dat": "ncell 8 8 1\nsym 2\nsimid quiet\n" + CELL, "j": "1 1 1 0 0 1.0", **ONE}
    path = write(tmp_path, files)
    printed(capsys, "info", path, "--strict")
    path.write_text(path.read_text() + "\nhfeld 0 0 5\n")
    printed(capsys, "info", path)
    for command in ("info", "bound", "run"):
        assert "'hfeld' is no keyword" in refused(capsys, command, path, "--strict")


def test_strict_accepts_a_film_with_surfaces_and_refuses_couplings_that_exist_nowhere(tmp_path, capsys):
    path = tmp_path / "film.cfg"
    path.write_text(FILM.replace("6 6 1", "6 6 3"))
    printed(capsys, "info", path, "--strict")
    path.write_text(FILM)
    assert "6 of 10 couplings of a cell exist nowhere" in refused(capsys, "info", path, "--strict")


HELIX = """\
[model]
cell = [[4.0, 0, 0], [0, 4.0, 0], [0, 0, 4.0]]
basis = [{position = [-0.001, 0, 0], moment = 1.5}, {position = [0.5, 0.5, 0.5], moment = 1.5}]
size = [12, 1, 1]
exchange = [{J = [5.0, 5.0]}]
dmi = [{D = 4.0, direction = "bloch"}, {shell = 2, D = 4.0, direction = "bloch"}]

[search]
replicas = 4
generations = 1
"""


def test_spins_of_an_atom_outside_of_the_cell_move_along_with_a_converted_model(tmp_path, capsys):
    """The model has the atom at x = -0.001, UppASD and VAMPIRE at 3.999 A: one cell further along the helix."""
    model = tmp_path / "exchange.toml"
    model.write_text(HELIX)
    turn = 2 * np.pi / 12 * (np.arange(12)[:, None] + [0, 0.5])
    spins = np.stack([np.zeros_like(turn), np.cos(turn), np.sin(turn)], axis=-1).reshape(-1, 3)
    np.save(tmp_path / "helix.npy", spins)
    right = energy(formats.read(model), spins) / 24
    for target in ("up", "v.ucf"):
        assert "1 atom is moved into the cell, for example atom 0 by [1, 0, 0] cells" in here(
            capsys, "convert", model, tmp_path / target
        )[2]  # fmt: skip
    for kind in ("start.restart", "start.xyz"):
        printed(capsys, "convert", tmp_path / "helix.npy", tmp_path / kind, "--model", model)
        for of in (model, tmp_path / "up" / "inpsd.dat", tmp_path / "v.ucf"):
            box = ["--set", "model.size=[12,1,1]"] if of.suffix == ".ucf" else []
            told = json.loads(printed(capsys, "energy", of, "--spins", tmp_path / kind, "--json", *box))
            assert told["energy_per_site"] == pytest.approx(right), (kind, of)


def test_a_run_gives_its_textures_to_the_converted_model(tmp_path, capsys):
    model, out = tmp_path / "exchange.toml", tmp_path / "mv.h5"
    model.write_text(HELIX)
    printed(capsys, "run", model, "-o", out)
    printed(capsys, "convert", model, tmp_path / "up")
    told = [
        json.loads(printed(capsys, "energy", of, "--spins", f"{out}:0", "--json"))["energy_per_site"]
        for of in (model, tmp_path / "up" / "inpsd.dat")
    ]
    assert told[0] == pytest.approx(told[1])


SINGLE = """\
Cell (Angstrom):
 3.000   0.000   0.000
 0.000   3.000   0.000
 0.000   0.000   3.000
Atoms:
Atom_number      x         y         z     w_charge    M(x)      M(y)      M(z)
Fe1             0.0000    0.0000    0.0000    8.0000    0.0000    0.0000    2.2000
Total                                         8.0000    0.0000    0.0000    2.2000
Exchange:
    i      j          R        J_iso(meV)          vector          distance(A)
"""


def single_calculation(layout: str = "[[ 0.002 0 0]\n [0 0.002 0]\n [0 0 -17.5]]") -> str:
    rows = []
    for R in [*np.eye(3, dtype=int), *-np.eye(3, dtype=int)]:
        vector = ", ".join(f"{3.0 * x:.3f}" for x in R)
        rows.append(f" Fe1 Fe1 ({', '.join(map(str, R))}) 10.0000 ({vector}) 3.000\nJ_iso: 10.0\nJ_ani:\n{layout}\n---")
    return SINGLE + "\n".join(rows)


def test_a_single_calculation_of_tb2j_is_recognised_and_its_component_left_out_on_request(tmp_path, capsys):
    """J_ani along the moments is an artefact: the state that was calculated would cost + 45 meV, and xy gain 60."""
    path = tmp_path / "exchange.out"
    path.write_text(single_calculation())
    size = {"size": (4, 4, 4)}
    kept = formats.read(path).with_size(**size)
    assert energy(kept, Z) / 64 == pytest.approx(-6 * (10 - 17.5))
    (told,) = (note for note in kept.remarks if "single calculation of TB2J" in note)
    assert "17.5 meV for J = 10 meV" in told
    assert "--set model.unmerged=drop" in told
    dropped = formats.read(path, unmerged="drop").with_size(**size)
    assert energy(dropped, Z) / 64 == pytest.approx(-60)
    assert any("they are left out" in note for note in dropped.remarks)
    assert "single calculation" in refused(capsys, "info", path, "--strict")


def test_components_across_the_moments_are_kept_from_all_lists_of_multibinit(tmp_path):
    """Moments along z; the exchange list has (3, 5, 4) meV along x, y and z, the bilinear one -20 along z."""
    xml = XML.replace("3.0e-03 3.0e-03 3.0e-03", "3e-3 5e-3 4e-3").replace("0.0\t3.00000e+00\t-4.0", "0 0 4.0")
    xml = xml.replace("2e-4 0 0 0 -1e-4 0 0 0 -1e-4", "0 0 0 0 0 0 0 0 -2e-2")
    (tmp_path / "exchange.xml").write_text(xml)
    kept, dropped = (formats.read(tmp_path / "exchange.xml", unmerged=choice) for choice in ("keep", "drop"))
    assert np.allclose(np.diagonal(kept.bonds.J, axis1=1, axis2=2), [6, 10, -32])
    assert np.allclose(np.diagonal(dropped.bonds.J, axis1=1, axis2=2), [6, 10, 8])
    assert any("20 meV for J = 4 meV" in note for note in dropped.notes)


def test_how_a_file_is_read_cannot_vary(tmp_path):
    """The points of a scan share one Hamiltonian as it was read."""
    path = tmp_path / "exchange.out"
    path.write_text(single_calculation())
    with pytest.raises(InputError, match=r"model\.unmerged decides how a file is read, and cannot vary"):
        config.varied(config.read(path), {"model.unmerged": "drop"})


def test_a_merged_calculation_of_tb2j_is_not_suspected(tmp_path):
    path = tmp_path / "exchange.out"
    path.write_text(single_calculation("[[ 0.2 0 0]\n [0 0.2 0]\n [0 0 -0.4]]"))
    assert not any("single calculation" in note for note in formats.read(path).remarks)


def test_a_tensor_of_tb2j_in_one_row_is_read(tmp_path):
    path = tmp_path / "exchange.out"
    path.write_text(single_calculation("0.2 0.01 0 0.01 0.2 0 0 0 -0.4"))
    model = formats.read(path).with_size((4, 4, 4))
    assert np.allclose(model.bonds.J, 2 * (10 * np.eye(3) + [[0.2, 0.01, 0], [0.01, 0.2, 0], [0, 0, -0.4]]))


def test_a_row_of_tb2j_in_another_layout_is_refused_with_its_line(tmp_path):
    path = tmp_path / "exchange.out"
    path.write_text(SINGLE + " Fe1 Fe1 0 0 1 10.0 0.0 0.0 3.0\n")
    with pytest.raises(InputError, match=r"exchange.out:11: 'Fe1 Fe1 0 0 1 .*is no row of couplings"):
        formats.read(path)


@pytest.mark.parametrize("row", ["1 1 1 0 0 0.0", "1 1 0.5 0.3 0 0.0"])
def test_one_spin_of_uppasd_is_a_model(tmp_path, row, capsys):
    """UppASD's single spin has a row J = 0, which may end nowhere."""
    inpsd = "ncell 1 1 1\nBC 0 0 0\ncell 1 0 0\n0 1 0\n0 0 1\nalat 3e-10\nhfield 0 0 5\n" + NAMES
    model = formats.read(write(tmp_path, {"inpsd.dat": inpsd, "j": row, **ONE}))
    assert energy(model, Z) == pytest.approx(-2 * 5 * MU_B)
    printed(capsys, "info", tmp_path / "inpsd.dat")


def test_one_spin_of_spirit_is_a_model(tmp_path):
    """Spirit's single-spin input keeps the shells of its template."""
    (tmp_path / "one.cfg").write_text(
        "bravais_lattice sc\nn_basis_cells 1 1 1\nboundary_conditions 0 0 0\nmu_s 2.0\nn_shells_exchange 1\njij 10.0\n"
        "anisotropy_magnitude 0.5\nanisotropy_normal 0 0 1\nexternal_field_magnitude 5\nexternal_field_normal 0 0 1\n"
    )
    model = formats.read(tmp_path / "one.cfg")
    assert energy(model, Z) == pytest.approx(-0.5 - 2 * 5 * MU_B)
    assert any("a single site has no neighbours" in note for note in model.notes)


def test_pairs_of_spirit_that_are_listed_both_ways_add_up_and_are_told(tmp_path):
    rows = "0 0 1 0 0 1.0\n0 0 -1 0 0 1.0\n0 0 0 1 0 1.0\n"
    table = FILM.partition("n_interaction_pairs")[0] + "n_interaction_pairs 3\ni j da db dc Jij\n" + rows
    (tmp_path / "film.cfg").write_text(table)
    model = formats.read(tmp_path / "film.cfg")
    assert energy(model, Z) / 36 == pytest.approx(-3)
    (told,) = (note for note in model.notes if "listed more than once" in note)
    assert "1 pair" in told
    assert "lines 10 and 11" in told


UCF = "3 3 3\n1 0 0\n0 1 0\n0 0 1\n1 1\n0 0 0 0 0 0 0\n2 isotropic\n0 0 0 1 0 0 1e-21\n1 0 0 -1 0 0 1e-21\n"
MAT = "material:num-materials = 1\nmaterial[1]:atomic-spin-moment = 2.5 !muB\nmaterial[1]:exchange-matrix[1] = 1e-21\n"


def test_a_unit_cell_of_vampire_without_materials_has_moments_of_one(tmp_path):
    (tmp_path / "chain.ucf").write_text(UCF)
    model = formats.read(tmp_path / "chain.ucf")
    assert model.moments.tolist() == [1.0]
    assert any("no material file beside it: all moments are 1 mu_B" in note for note in model.notes)


@pytest.mark.parametrize(
    ("crystal", "atoms", "neighbours"), [("sc", 1, 6), ("bcc", 2, 8), ("fcc", 4, 12), ("hcp", 4, 12)]
)
def test_built_in_crystals_of_vampire_have_their_nearest_neighbours(tmp_path, crystal, atoms, neighbours):
    edges = [f"create:periodic-boundaries-{axis}" for axis in "xyz"]
    lines = [f"create:crystal-structure = {crystal}", "dimensions:unit-cell-size = 3.54 !A", "material:file = m.mat"]
    lines += ["dimensions:system-size = 14.16 !A", *edges]
    (tmp_path / "input").write_text("\n".join(lines))
    (tmp_path / "m.mat").write_text(MAT)
    model = formats.read(tmp_path / "input")
    assert model.lattice.atoms == atoms
    assert model.moments.tolist() == [2.5] * atoms
    assert energy(model, Z) / model.n_spins == pytest.approx(-neighbours / 2 * 1e-21 * JOULE)
    assert model.reach == pytest.approx(3.54 * {"sc": 1, "bcc": 0.75**0.5, "fcc": 0.5**0.5, "hcp": 3**-0.5}[crystal])


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("[[model.exchange]]\nJ = 1e37", "4e+37 meV; expected at most 1e+35 meV"),
        ("[[model.exchange]]\nJ = 1e160", "4e+160 meV; expected at most 1e+35 meV"),
        ("vacancies = [0, 1, 2, 3]\n[[model.exchange]]\nJ = 1.0", "has no spins: all sites are vacant"),
    ],
)
def test_energies_beyond_single_precision_and_models_without_spins_are_one_line(tmp_path, capsys, table, told):
    path = tmp_path / "model.toml"
    path.write_text(f'[model]\nlattice = "square"\nsize = [2, 2, 1]\n{table}\n')
    for command in ("info", "run", "bound"):
        assert told in refused(capsys, command, path)


@pytest.mark.parametrize("sites", [4, pytest.param(None, marks=pytest.mark.slow)])
def test_the_usual_first_command_for_a_file_of_tb2j(tmp_path, capsys, sites):
    """A ferromagnet with five shells, as bcc iron: ``cells = "auto"`` took the memory of the machine, and more."""
    (tmp_path / "fe.toml").write_text(
        '[model]\nlattice = "bcc"\nsize = [2, 2, 2]\nmoment = 2.2\n[[model.exchange]]\nJ = [10, 6, 0.5, -0.4, -1]\n'
    )
    path, out = tmp_path / "exchange.out", tmp_path / "fe.h5"
    printed(capsys, "convert", tmp_path / "fe.toml", path)
    settings = ['search.cells="auto"', "search.generations=1", "search.replicas=4"]
    if sites:
        settings.append(f"search.sites={sites}")
    printed(capsys, "run", path, "-o", out, *(word for setting in settings for word in ("--set", setting)))
    found = ms.load(out)
    assert found.champion.energy / found.model.n_spins == pytest.approx(-(80 + 36 + 6 - 9.6 - 8) / 2, rel=1e-9)
    assert found.model.lattice.sites <= 1200


@pytest.mark.parametrize("J", [1e34, 1e-44])
def test_very_large_and_very_small_energies_are_right(tmp_path, J):
    """As large as single precision permits, and far below its smallest number."""
    path = tmp_path / "model.toml"
    path.write_text(f'[model]\nlattice = "square"\nsize = [4, 4, 1]\n[[model.exchange]]\nJ = -{J}\n')
    found = ms.search(path, generations=1, replicas=4, bound=True, progress=False)
    assert found.champion.energy / 16 == pytest.approx(-2 * J, rel=1e-9, abs=0)
    assert found.bound.per_site == pytest.approx(-2 * J, rel=1e-9, abs=0)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("field = [0, 0, 1e200]", "energies of a spin add up to inf meV"),
        ("field = [1e308, 1e308, 1e308]", "energies of a spin add up to inf meV"),
        ("moment = 1e200", "a moment is 1e\\+200 mu_B"),
        ("moment = 1e180\ndipole = true", "a moment is 1e\\+180 mu_B"),
        ("[[model.anisotropy]]\nK = 1e200", "energies of a spin add up to inf meV"),
        ('[[model.dmi]]\nD = 1e200\ndirection = "bloch"', "energies of a spin add up to .* meV"),
        ("[[model.biquadratic]]\nB = 1e200", "energies of a spin add up to .* meV"),
    ],
)
def test_what_single_precision_cannot_hold_is_refused_without_a_warning(tmp_path, key, told):
    path = tmp_path / "model.toml"
    path.write_text(f'[model]\nlattice = "square"\nsize = [4, 4, 1]\n{key}\n[[model.exchange]]\nJ = 1.0\n')
    with pytest.raises(InputError, match=f"{told}.*; expected at most 1e\\+35"):
        config.read(path)


def test_info_says_how_the_charge_of_a_stack_is_counted(tmp_path, capsys):
    path = tmp_path / "stack.toml"
    basis = "basis = [{position = [0, 0, 0]}, {position = [0.5, 0.5, 0.5]}]\n"
    path.write_text(
        f"[model]\ncell = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]\nsize = [6, 6, 3]\n{basis}[[model.exchange]]\nJ = 1.0\n"
    )
    assert "sum over 2 layers of the basis, mean over 3 stacked cells" in printed(capsys, "info", path)
