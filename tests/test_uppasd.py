"""UppASD's files: energies worked out on paper, bonds that can be counted, and errors that name file and line."""

from __future__ import annotations

import sys
import tracemalloc
from itertools import count as counted
from itertools import product
from pathlib import Path

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose
from small_files.uppasd import CHAIN, HONEYCOMB, energy, write

from magsearch import formats
from magsearch.errors import InputError
from magsearch.model.notes import harmless
from magsearch.units import MRY, MU_B

INPUTS = Path(__file__).parent.parent / "inputs"
X, Y, Z = np.eye(3)


def couplings(hamiltonian) -> dict[tuple[int, ...], np.ndarray]:
    bonds = hamiltonian.bonds
    return {(i, j, *o): J for i, j, o, J in zip(bonds.i, bonds.j, bonds.offset.tolist(), bonds.J, strict=True)}


def same_couplings(a, b) -> bool:
    one, other = couplings(a), couplings(b)
    return one.keys() == other.keys() and all(np.allclose(one[k], other[k], atol=1e-12) for k in one)


def test_every_ordered_pair_counts_without_a_half(tmp_path):
    chain = formats.read(write(tmp_path, CHAIN))
    neel = np.array([Z, -Z, Z, -Z])
    assert energy(chain, Z) == pytest.approx(-4 * 2 * 0.5 * MRY)  # four sites, two neighbours each
    assert energy(chain, neel) == pytest.approx(4 * 2 * 0.5 * MRY)
    assert chain.lattice.periodic == (True, False, False)
    assert np.allclose(chain.lattice.cell, 3 * np.eye(3))


def test_sign_of_dmi_is_minus_d_dot_cross(tmp_path):
    dm = "1 1 1.0 0 0 0 0 0.25\n1 1 -1.0 0 0 0 0 -0.25"
    chain = formats.read(write(tmp_path, CHAIN, "\ndm dm\ndm_scale 2.0\njij_scale 0.0\n", dm=dm))
    forward = np.array([X, Y, -X, -Y])  # s_i x s_(i+1) = z
    assert energy(chain, forward) == pytest.approx(-4 * 2 * 2.0 * 0.25 * MRY)
    assert energy(chain, forward[::-1]) == pytest.approx(4 * 2 * 2.0 * 0.25 * MRY)


def test_biquadratic_counts_every_ordered_pair_and_rings_half_of_their_rows(tmp_path):
    """As UppASD 6.1 prints for random spins: docs/formats.md."""
    bq = "1 1 1.0 0 0 0.3\n1 1 -1.0 0 0 0.3"
    chain = formats.read(write(tmp_path, CHAIN, "\nbq bqfile\njij_scale 0\n", bqfile=bq))
    s = np.array([X, (X + Y) / 2**0.5, X, Z])
    assert oracle.energy(chain, s) == pytest.approx(-2 * 0.3 * MRY * (0.5 + 0.5))  # the fourth is perpendicular
    square = CHAIN | {"inpsd.dat": CHAIN["inpsd.dat"].replace("4 1 1", "6 4 1").replace("P 0 0", "P P 0")}
    steps = [(1, 0), (0, 1), (-1, 0), (0, -1)]  # a plaquette from each of its corners
    corners = [(a, (a[0] + b[0], a[1] + b[1]), b) for a, b in zip(steps, steps[1:] + steps[:1], strict=True)]
    rows = ["1 1 1 1 " + " ".join(f"{x} {y} 0" for x, y in corner) + " 0.2" for corner in corners]
    more = "\nring ringfile\njij_scale 0\n"
    ring = formats.read(write(tmp_path, square, more, ringfile="\n".join(rows)))
    s = oracle.random_textures(ring, 1)[0]
    i, j, k, l = (np.roll(s.reshape(4, 6, 3), (-y, -x), (0, 1)) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1)))  # noqa: E741
    ij, kl, jk, li, ik, jl = ((a * b).sum(-1) for a, b in ((i, j), (k, l), (j, k), (l, i), (i, k), (j, l)))
    assert oracle.energy(ring, s) == pytest.approx(4 * 0.5 * 0.2 * MRY * (ij * kl + jk * li - ik * jl).sum())
    with pytest.raises(InputError, match="ringfile:1: this ring is not listed with the same constant from each of its"):
        formats.read(write(tmp_path, square, more, ringfile="\n".join(rows[:3])))
    with pytest.raises(InputError, match="ringfile:2: a vector does not end on a site"):
        formats.read(write(tmp_path, square, more, ringfile="\n".join([rows[0], rows[1].replace("0 1 0", "0 0.5 0")])))


def test_vectors_of_biquadratic_exchange_are_cartesian_unless_maptype_is_2(tmp_path):
    """Whatever posfiletype and maptype 3 say of the exchange (UppASD d8d6663, read_bqdata); atoms have one type."""
    twice = CHAIN | {"inpsd.dat": CHAIN["inpsd.dat"].replace("1 0 0", "2 0 0", 1)}
    for more, step in (("", 2.0), ("posfiletype D", 2.0), ("maptype 3", 2.0), ("maptype 2", 1)):
        at = 1 if more else 2.0
        rows = {"bqfile": f"1 1 {step} 0 0 0.3\n1 1 -{step} 0 0 0.3", "jfile": f"1 1 {at} 0 0 0.5\n1 1 -{at} 0 0 0.5"}
        model = formats.read(write(tmp_path, twice, f"{more}\nbq bqfile\n", **rows))
        assert [term.squares.tolist() for term in model.products] == [pytest.approx([-0.3 * MRY] * 2)]
    two = {"posfile": "1 1 0 0 0\n2 2 0.5 0 0", "momfile": "1 1 1.0 0 0 1\n2 1 1.0 0 0 1"}
    with pytest.raises(InputError, match=r"inpsd\.dat:12: bq needs atoms of one type"):
        formats.read(write(tmp_path, CHAIN, "bq bqfile", bqfile="1 2 0.5 0 0 0.3\n2 1 -0.5 0 0 0.3", **two))


def test_field_is_in_tesla_and_moments_in_bohr_magnetons(tmp_path):
    chain = formats.read(write(tmp_path, CHAIN, "\nhfield 0 0 10\njij_scale 0"))
    assert energy(chain, Z) == pytest.approx(-4 * 2.0 * 10 * MU_B)


def test_aunits_make_moment_times_field_count_in_mry(tmp_path):
    chain = formats.read(write(tmp_path, CHAIN, "\nhfield 0 0 10\naunits Y"))
    assert energy(chain, Z) == pytest.approx(-4 * (2 * 0.5 + 2.0 * 10) * MRY)


def test_negative_k1_is_an_easy_axis(tmp_path):
    k = "1 1 -0.3 0.0 0.0 0.0 5.0 0.0"
    chain = formats.read(write(tmp_path, CHAIN, "\nanisotropy kfile\njij_scale 0\n", kfile=k))
    assert energy(chain, Z) == pytest.approx(-4 * 0.3 * MRY)
    assert energy(chain, X) == pytest.approx(0)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("1 1 -0.3 0.2 0 0 1 0", lambda m, K1, K2: -2 * m[2] * (K1 / 4 + 2 * K2 / 16 * (1 - m[2] ** 2)) * Z),
        ("1 2 -0.3 0 0 0 1 0", lambda m, K1, K2: 2 * K1 / 16 * m * (m @ m - m**2)),
        (
            "1 7 -0.3 0 0 0 1 0.4",
            lambda m, K1, K2: -2 * m[2] * K1 / 4 * Z + 0.4 * 2 * K1 / 4 * m * (m @ m - m**2),
        ),
    ],
)
def test_anisotropy_is_the_potential_of_uppasds_field(tmp_path, row, field):
    """The field acts on m = 2 e (momfile), with constants K1 / m^2, K2 / m^4 and, cubic, K1 / m^4; in mRy."""
    chain = formats.read(write(tmp_path, CHAIN, "\nanisotropy kfile\njij_scale 0\n", kfile=row))
    e = np.array([0.48, 0.6, 0.64])
    turn = np.cross(e, [0.3, -0.5, 0.8])
    step = 1e-5
    ahead, behind = (energy(chain, (v := e + s * turn) / np.linalg.norm(v)) for s in (step, -step))
    K2 = float(row.split()[3])
    assert (ahead - behind) / (2 * step) == pytest.approx(-4 * 2 * field(2 * e, -0.3, K2) @ turn * MRY, rel=1e-6)


@pytest.mark.parametrize(("kind", "vector"), [("C", "0.5 0.5 0.0"), ("D", "0.5 0.25 0.0")])
def test_cartesian_and_direct_vectors_are_one_model(tmp_path, kind, vector):
    inpsd = "ncell 3 3 1\nbc P P 0\ncell 1 0 0\n0 2 0\n0 0 1\nposfile p\nmomfile m\nexchange j\nposfiletype " + kind
    back = " ".join(str(-float(v)) for v in vector.split())
    files = {
        "inpsd.dat": inpsd,
        "p": f"1 1 0 0 0\n2 2 {vector}",
        "m": "1 1 1 0 0 1\n2 1 1 0 0 1",
        "j": f"1 2 {vector} 1.0\n2 1 {back} 1.0",
    }
    model = formats.read(write(tmp_path, files))
    assert np.allclose(model.lattice.basis, [[0, 0, 0], [0.5, 0.5, 0]])
    assert couplings(model).keys() == {(0, 1, 0, 0, 0), (1, 0, 0, 0, 0)}


def test_maptypes_are_three_ways_to_say_the_same(tmp_path):
    inpsd = "ncell 3 3 1\nbc P P 0\ncell 1 0 0\n0 1 0\n0 0 1\nposfile p\nmomfile m\nexchange j\nmaptype "
    files = {"p": "1 1 0 0 0\n2 2 -0.5 0.5 0", "m": "1 1 1 0 0 1\n2 1 1 0 0 1"}  # site 2 folds to (0.5, 0.5)
    vectors = {  # site 1 to the site 2 at (1.5, 0.5)
        1: "1 2 1.5 0.5 0 1.0\n2 1 -1.5 -0.5 0 1.0",
        2: "1 2 1 0 0 1.0\n2 1 -1 0 0 1.0",
        3: "1 2 2 0 0 1.0\n2 1 -2 0 0 1.0",
    }
    for maptype, rows in vectors.items():
        model = formats.read(write(tmp_path, files | {"inpsd.dat": inpsd + str(maptype), "j": rows}))
        assert couplings(model).keys() == {(0, 1, 1, 0, 0), (1, 0, -1, 0, 0)}


@pytest.mark.parametrize(("sym", "count"), [(0, 1), (1, 6), (2, 4), (3, 6)])
def test_symmetry_fills_the_shell(tmp_path, sym, count):
    cell = "1 0 0 -0.5 0.8660254 0 0 0 1" if sym == 3 else "1 0 0 0 1 0 0 0 1"
    inpsd = f"ncell 5 5 5\nbc P P P\ncell {cell}\nposfile p\nmomfile m\nexchange j\nsym {sym}"
    path = write(tmp_path, {"inpsd.dat": inpsd, "p": "1 1 0 0 0", "m": "1 1 1 0 0 1", "j": "1 1 1 0 0 1.0"})
    if sym == 0:
        with pytest.raises(InputError, match="its reverse is not listed"):
            formats.read(path)
    else:
        assert len(formats.read(path).bonds) == count


@pytest.mark.parametrize(("sym", "vector", "count"), [(1, "1 2 3", 48), (2, "1 2 3", 8), (3, "1.5 0.8660254 0", 6)])
def test_symmetry_has_the_order_of_the_point_group(tmp_path, sym, vector, count):
    cell = "1 0 0 -0.5 0.8660254 0 0 0 1" if sym == 3 else "1 0 0 0 1 0 0 0 1"
    inpsd = f"ncell 9 9 9\nbc P P P\ncell {cell}\nposfile p\nmomfile m\nexchange j\nsym {sym}"
    files = {"inpsd.dat": inpsd, "p": "1 1 0 0 0", "m": "1 1 1 0 0 1", "j": f"1 1 {vector} 1.0\n"}
    if sym == 2:
        files["j"] += "1 1 1 2 -3 1.0\n"  # sym 2 leaves z alone, so the reverse must be listed
        count *= 2
    assert len(formats.read(write(tmp_path, files)).bonds) == count


def test_symmetry_of_the_square_leaves_z_alone(tmp_path):
    inpsd = "ncell 9 9 9\nbc P P P\ncell 1 0 0 0 1 0 0 0 1\nposfile p\nmomfile m\nexchange j\nsym 2"
    files = {"inpsd.dat": inpsd, "p": "1 1 0 0 0", "m": "1 1 1 0 0 1", "j": "1 1 1 2 3 1.0"}
    with pytest.raises(InputError, match=r"j:1: .*its reverse is not listed"):
        formats.read(write(tmp_path, files))


def test_couplings_hold_for_every_atom_of_a_type(tmp_path):
    """Six vectors from atom 1 are three bonds for each of the two atoms: images that end on no site are dropped."""
    hexagon = [(np.cos(a), np.sin(a)) for a in np.deg2rad(30 + 60 * np.arange(6))]
    rows = "\n".join(f"1 1 {x / np.sqrt(3):.6f} {y / np.sqrt(3):.6f} 0 1.0" for x, y in hexagon)
    listed = formats.read(write(tmp_path, HONEYCOMB, jfile=rows))
    assert np.bincount(listed.bonds.i).tolist() == [3, 3]
    assert (listed.bonds.i != listed.bonds.j).all()
    symmetric = formats.read(write(tmp_path, HONEYCOMB, "\nsym 3\n", jfile=rows.splitlines()[0]))
    assert same_couplings(listed, symmetric)


def test_a_row_beats_an_earlier_one_for_the_same_type_and_vector(tmp_path):
    rows = CHAIN["jfile"].replace("0.5", "9.9") + "\n" + CHAIN["jfile"]
    chain = formats.read(write(tmp_path, CHAIN, jfile=rows))
    assert same_couplings(chain, formats.read(write(tmp_path, CHAIN)))
    assert any("the last is used" in note for note in formats.read(write(tmp_path, CHAIN, jfile=rows)).notes)


def test_tensor_is_row_major(tmp_path):
    J = np.arange(1.0, 10).reshape(3, 3)
    rows = "1 1 1 0 0 " + " ".join(map(str, J.ravel())) + "\n1 1 -1 0 0 " + " ".join(map(str, J.T.ravel()))
    chain = formats.read(write(tmp_path, CHAIN, "\ndo_jtensor 1\ncalc_jtensor F\n", jfile=rows))
    assert np.allclose(couplings(chain)[0, 0, 1, 0, 0], 2 * MRY * J)
    xyxy = np.array([X, Y, X, Y])  # two bonds x -> y forward and two y -> x, and the same backward
    assert energy(chain, xyxy) == pytest.approx(-2 * 2 * (J[0, 1] + J[1, 0]) * MRY)


def test_tensor_is_a_scalar_unless_calc_jtensor_is_off(tmp_path):
    rows = "1 1 1 0 0 0.5 0.1 0 -0.1 0.5 0 0 0 0.5\n1 1 -1 0 0 0.5 -0.1 0 0.1 0.5 0 0 0 0.5"
    chain = formats.read(write(tmp_path, CHAIN, "\ndo_jtensor 1\n", jfile=rows))
    assert same_couplings(chain, formats.read(write(tmp_path, CHAIN)))
    whole = formats.read(write(tmp_path, CHAIN, "\ndo_jtensor 1\n", jfile=rows))
    assert any("calc_jtensor F" in note for note in whole.notes)


def test_both_descriptions_of_pdfeir111_are_one_model():
    ours, uppasds = formats.read(INPUTS / "pdfeir111.toml"), formats.read(INPUTS / "pdfeir111" / "inpsd.dat")
    assert ours.lattice.size == uppasds.lattice.size
    assert np.allclose(ours.lattice.positions, uppasds.lattice.positions, atol=1e-6)
    spins = np.random.default_rng(3).normal(size=(ours.lattice.sites, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    assert energy(ours, spins) == pytest.approx(energy(uppasds, spins), abs=1e-6)


def test_keywords_that_do_not_matter_are_listed(tmp_path):
    notes = formats.read(write(tmp_path, CHAIN, "\ntemp 10\nmode M\n# damping 1\n")).notes
    assert any(note.endswith("not used: simid, temp, mode") for note in notes)


def test_small_cells_are_pointed_out(tmp_path):
    path = write(tmp_path, CHAIN)
    path.write_text(path.read_text().replace("ncell   4", "ncell   2"))
    assert any("map_multiple" in note for note in formats.read(path).remarks)
    assert energy(formats.read(path), Z) == pytest.approx(-2 * 2 * 0.5 * MRY)


BAD = [
    ({"jfile": "1 1 1 0 0 0.5\n\n1 1 -1.2 0 0 0.5"}, "", "jfile:3: .* does not end on a site"),
    ({"jfile": "1 1 1 0 0 0.5\n1 1 -1 0 0 0.4"}, "", r"jfile:[12]: .*transpose"),
    ({"jfile": "1 1 1 0 0 0.5\n1 1 -1 0 0 nan"}, "", "jfile:2: J.* is nan"),
    ({"jfile": "1 1 1 0 0 0.5\n1 1 -1 0 0"}, "", "jfile:2: 5 columns; expected i j rx ry rz J"),
    ({"jfile": "1 1 1 0 0 0.5\n1 1 one 0 0 0.5"}, "", "jfile:2: .* not all numbers"),
    ({"jfile": "1 3 1 0 0 0.5"}, "", "jfile:1: atom 3 does not exist"),
    (
        {"jfile": "1 1 1 0 0 0.5\n1 1 9223372036854775807 0 0 0.5"},
        "posfiletype D\nmaptype 2\nsym 1",
        "jfile:2: .* reaches 9007199254740992 cells far",
    ),
    ({"jfile": ""}, "", "jfile: has no rows"),
    ({"dmfile": "1 1 1 0 0 0 0 1\n1 1 -1 0 0 0 0 1"}, "dm dmfile", r"dmfile:[12]: .*transpose"),
    ({"momfile": "1 1 0.0 0 0 1"}, "", "momfile:1: the moment is 0"),
    ({"momfile": "1 1 1.0 0 0 1\n2 1 1.0 0 0 1"}, "", "momfile: has moments of 2 sites; expected 1"),
    ({"posfile": "1 1 0 0 0\n1 1 0.5 0 0"}, "", "posfile:2: site 1 is listed twice"),
    ({"posfile": "1 1 0 0 0\n2 1 0 0 1.0"}, "", "posfile: atoms 0 and 1 .* are at the same place"),
    ({"kfile": "1 5 1 0 0 0 1 0"}, "anisotropy kfile", "kfile:1: anisotropy of type 5"),
    ({"kfile": "1 1 1 0 0 0 0 0"}, "anisotropy kfile", "kfile:1: the axis"),
    ({"kfile": "1 2 1 1 0 0 1 0"}, "anisotropy kfile", "kfile:1: .*sixth order"),
    ({"kfile": "1 1 1 0 0 0 1 0\n1 1 1 0 1 0 0 0"}, "anisotropy kfile", "kfile:2: .*mult_axis"),
    ({}, "ncell 4 0 1", "inpsd.dat:12: ncell"),
    ({}, "ncell 4 2.5 1", "inpsd.dat:12: ncell .*whole"),
    ({}, "cell 1 0 0 0 1 0 0 0", "inpsd.dat:12: cell .*expected 9 numbers"),
    ({}, "cell 1 0 0 0 1 0 1 1 0", "inpsd.dat:12: cell .*one plane"),
    ({}, "bc P P", "inpsd.dat:12: bc"),
    ({}, "sym 5", "inpsd.dat:12: sym is 5"),
    ({}, "maptype 4", "inpsd.dat:12: maptype"),
    ({}, "posfiletype E", "inpsd.dat:12: posfiletype"),
    ({}, "exchange nowhere", "inpsd.dat:12: exchange names .*nowhere.*does not exist"),
    ({}, "do_jtensor 2", "inpsd.dat:12: do_jtensor"),
    ({}, "do_dip 2", "inpsd.dat:12: do_dip is 2; expected 0, 1 or 3"),
    ({}, "do_dip 1\nalat 3e-10\naunits Y", "inpsd.dat:12: do_dip needs alat, and cannot be combined with aunits Y"),
    ({}, "do_ewald Y", "inpsd.dat:12: do_ewald requests UppASD's own Ewald sums"),
    ({}, "do_ralloy 1", "inpsd.dat:12: do_ralloy requests a random alloy"),
    ({}, "chir ./chirfile", r"inpsd.dat:12: chir requests scalar chirality.*not the gradient.*model.chirality"),
    ({}, "fourx ./fourxfile", "inpsd.dat:12: fourx requests four-spin exchange.*no energy of it; ring is read"),
    ({}, "biqdm ./biqdmfile", "inpsd.dat:12: biqdm requests biquadratic .*not the gradient.*a case of bq"),
    ({}, "hfield 0 0 x", "inpsd.dat:12: hfield"),
]


@pytest.mark.parametrize(("files", "more", "message"), BAD, ids=[message for *_, message in BAD])
def test_errors_name_file_and_line(tmp_path, files, more, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(tmp_path, CHAIN, more, **files))


@pytest.mark.parametrize("keyword", ["do_dip 0", "do_ralloy 0", "conf_num 1", "ind_mom_flag N"])
def test_what_is_switched_off_is_not_refused(tmp_path, keyword):
    assert same_couplings(formats.read(write(tmp_path, CHAIN, keyword)), formats.read(write(tmp_path, CHAIN)))


def test_of_different_couplings_of_one_star_the_first_is_used_and_told(tmp_path):
    """As UppASD does: its list of neighbours takes an atom once, for the first shell that has it."""
    inpsd = CHAIN["inpsd.dat"].replace("4 1 1", "4 4 1").replace("P 0 0", "P P 0") + "\nsym 2\n"
    model = formats.read(write(tmp_path, CHAIN, **{"inpsd.dat": inpsd, "jfile": "1 1 1 0 0 0.5\n1 1 0 1 0 0.515"}))
    assert energy(model, Z) == pytest.approx(-16 * 4 * 0.5 * MRY)
    (told,) = (note for note in model.notes if "given twice" in note)
    assert "4 bonds" in told
    assert "lines 1 and 2" in told
    assert "3 %" in told
    assert not harmless(told)


def test_a_file_that_is_no_model_is_said_to_be_none(tmp_path):
    (tmp_path / "notes").write_text("nothing to see\n")
    with pytest.raises(InputError, match="notes: is not a model in a supported format"):
        formats.read(tmp_path / "notes")
    with pytest.raises(InputError, match="missing: cannot be read"):
        formats.read(tmp_path / "missing")


def test_reading_takes_work_and_memory_in_proportion_to_the_atoms(tmp_path):
    """Calls of Python and the largest memory, of cells with 27 and 512 atoms; every pair would make them 360 times."""
    calls, peak = {}, {}
    for n in (3, 8):
        sites = list(product(range(n), repeat=3))
        path = write(
            tmp_path,
            {
                "inpsd.dat": f"ncell 1 1 1\nBC P P P\ncell {n} 0 0 0 {n} 0 0 0 {n}\nalat 4e-10\nSym 1\nposfile p\n"
                "momfile m\nexchange j\n",
                "p": "\n".join(f"{k} 1 {x} {y} {z}" for k, (x, y, z) in enumerate(sites, start=1)),
                "m": "\n".join(f"{k} 1 3.0 0 0 1" for k in range(1, n**3 + 1)),
                "j": "1 1 1 0 0 1.0\n1 1 1 1 0 0.1\n",
            },
        )
        seen = counted()
        sys.setprofile(lambda frame, event, argument: next(seen) if event in ("call", "c_call") else None)  # noqa: B023
        try:
            model = formats.read(path)
        finally:
            sys.setprofile(None)
        calls[n] = next(seen)
        assert len(model.bonds) == 18 * n**3
        tracemalloc.start()
        formats.read(path)
        peak[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert calls[8] < 19 * calls[3]
    assert peak[8] < 40 * peak[3]


def test_a_sheared_cell_is_the_model_of_the_compact_one(tmp_path):
    """Far sheared: sites around it are sought in compact cells, of which there are few."""
    own = "".join(f"{atom} {atom} {sign} 0 0 {atom}.0\n" for atom in (1, 2) for sign in (1, -1))
    J = own + "1 2 0.5 -0.288675 0 0.2\n2 1 -0.5 0.288675 0 0.2\n"
    for name in ("plain", "sheared"):
        (tmp_path / name).mkdir()
    plain = write(tmp_path / "plain", HONEYCOMB, jfile=J)
    inpsd = HONEYCOMB["inpsd.dat"].replace("-0.5 0.8660254", "99998.5 0.8660254")
    sheared = write(tmp_path / "sheared", HONEYCOMB | {"inpsd.dat": inpsd}, jfile=J)
    one, other = formats.read(plain), formats.read(sheared)
    assert_allclose(np.sort(one.bonds.J[:, 0, 0]), np.sort(other.bonds.J[:, 0, 0]), rtol=1e-12)

    def vectors(h):
        b = h.bonds
        return np.sort(np.linalg.norm(h.lattice.basis[b.j] - h.lattice.basis[b.i] + b.offset @ h.lattice.cell, axis=1))

    assert_allclose(vectors(one), vectors(other), atol=1e-6)
