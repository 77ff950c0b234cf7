"""TB2J's files: energies on paper, the forms that its versions gave them, and errors that name file and line."""

from __future__ import annotations

import io
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fuzz import patience
from oracle import energy
from small_files.tb2j import FORMS, HEAD, NEW_K, NEWEST, OLD_K, OLDER, ROWS, XML

from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.formats.tb2j import pickled
from magsearch.model.bonds import Bonds, exchange_matrix
from magsearch.model.hamiltonian import Hamiltonian

X, Y, Z = np.eye(3)


def write(folder: Path, text: str, name: str = "exchange.out") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("form", FORMS)
def test_each_ordered_pair_counts_without_a_half(tmp_path, form):
    """Along z each of 96 sites has two neighbours: a pair has 2 J, 2 D and 2 Jani, and K counts once."""
    h = formats.read(write(tmp_path, FORMS[form]))
    assert h.lattice.size == (1, 1, 96)
    turning = np.array([[np.cos(a), np.sin(a), 0] for a in np.pi / 2 * np.arange(96)])
    sites = h.lattice.sites
    assert energy(h, np.tile(Z, (sites, 1))) == pytest.approx(-sites * (2 * (3.0 - 0.1) + 0.7))
    assert energy(h, np.tile(X, (sites, 1))) == pytest.approx(-sites * 2 * (3.0 + 0.2))
    assert energy(h, turning) == pytest.approx(-sites * 2 * 0.5)  # s_i x s_j = z: D > 0 favours it
    assert energy(h, turning[::-1]) == pytest.approx(sites * 2 * 0.5)
    assert h.moments == pytest.approx([5.0])
    assert h.lattice.basis == pytest.approx(np.array([[0.1, 0, 0]]), abs=1e-5)


def test_what_is_not_used_is_said(tmp_path):
    bruno = NEWEST.replace("J_iso:  3.0000", "J_iso:  3.0000\nJ_iso(Bruno):  9.0000")
    notes = "\n".join(formats.read(write(tmp_path, HEAD + OLD_K + bruno)).notes)
    assert "J_iso(Bruno)" in notes
    assert "biquadratic Jprime and B" in notes
    assert "DMI_NJt and Jani_NJt" in notes
    assert "orbital contributions" in notes
    assert "left out: O1" in notes
    assert "1 x 1 x 96 cells, unless --set model.size" in notes


def test_dmi_of_early_versions_is_doubtful(tmp_path):
    """Their Pauli matrix sigma_y was wrong until TB2J's commit 5c7a7a6, which entered version 0.2.8."""
    assert "wrong Pauli matrix" in "\n".join(formats.read(write(tmp_path, HEAD + OLD_K + OLDER)).notes)
    scalar = "".join(line for line in OLDER.splitlines(True) if "DMI" not in line).split("[Experimental!]J_ani")[0]
    back = scalar[scalar.index("   0(Fe1") :].replace("0,   0,   1", "0,   0,  -1").replace(" 2.500)", "-2.500)")
    for text in (scalar + back, ROWS):
        assert "Pauli" not in "\n".join(formats.read(write(tmp_path, HEAD + OLD_K + text)).notes)


def split(J: float, B: float, cosine: int) -> str:
    """Rows whose Jprime and B are what TB2J prints for a pair of spins with this cosine (exchange.py, A_to_Jtensor)."""
    label = "[Experimental!] Jprime: 5.000,  B: -1.810\n"
    assert label in ROWS
    new, reverse = f"[Testing!] Jprime: {J - 2 * cosine * B:.3f},  B: {B:.3f}\n", "[Experimental!] DMI: (-"
    return ROWS.replace(label, new).replace(reverse, new + reverse)


@pytest.mark.parametrize("cosine", [1, -1])
def test_jprime_and_B_have_the_slope_of_J_in_the_collinear_state(tmp_path, cosine):
    """J_iso is the derivative of the energy of a pair over the cosine, which a small rotation of one spin measures."""
    path = write(tmp_path, HEAD + split(3.0, -0.7, cosine))
    h, plain = (formats.read(path, jprime=jprime).with_size((1, 1, 2)) for jprime in (True, False))
    isotropic = [replace(model, bonds=exchange_only(model)) for model in (h, plain)]

    def slope(model: Hamiltonian) -> float:
        turned = [np.array([[0, 0, 1.0], [np.sin(a), 0, cosine * np.cos(a)]]) for a in (0.0, 1e-3)]
        return (energy(model, turned[1]) - energy(model, turned[0])) / (cosine * (np.cos(1e-3) - 1))

    assert slope(isotropic[0]) == pytest.approx(slope(isotropic[1]), rel=1e-4)
    assert "biquadratic" not in "".join(h.notes)
    assert [term.name for term in h.others] == ["biquadratic"]


def exchange_only(model: Hamiltonian) -> Bonds:
    return model.bonds.with_matrices(exchange_matrix(np.trace(model.bonds.J, axis1=1, axis2=2) / 3))


def test_rows_without_jprime_are_refused_where_it_is_asked_for(tmp_path):
    with pytest.raises(InputError, match=r"exchange.out:\d+: has no Jprime and B"):
        formats.read(write(tmp_path, HEAD + ROWS), jprime=True)
    with pytest.raises(InputError, match=r"has no Jprime and B, which model.jprime asks for"):
        formats.read(write(tmp_path, XML, "exchange.xml"), jprime=True)


def test_box_edges_and_field_can_be_set(tmp_path):
    path = write(tmp_path, HEAD + ROWS)
    settings = ["model.size=[2,3,7]", "model.field=2.5", "model.periodic=[true,false,false]"]
    h = config.read(path, settings).hamiltonian
    assert (h.lattice.size, h.field, h.lattice.periodic) == ((2, 3, 7), (0.0, 0.0, 2.5), (True, False, False))


def test_the_usual_box_holds_short_waves_and_the_range(tmp_path):
    """A multiple of 12 along coupled axes, longer than twice the longest coupling."""
    long = (
        ROWS.replace("0,   0,   1", "0,   0,  60").replace("0,   0,  -1", "0,   0, -60").replace("2.500)", "150.000)")
    )
    assert formats.read(write(tmp_path, HEAD + long)).lattice.size == (1, 1, 132)


def test_a_pickle_is_read_only_where_the_user_trusts_it(tmp_path):
    path = tmp_path / "TB2J.pickle"
    path.write_bytes(pickle.dumps({}))
    with pytest.raises(InputError, match=r"TB2J.pickle: is a pickle.*--set model.unpickle=true"):
        config.read(path)
    with pytest.raises(InputError, match="is a pickle"):
        config.read(path, ["model.unpickle=false"])
    with pytest.raises(InputError, match="is not a pickle of TB2J: no 'atoms'"):
        config.read(path, ["model.unpickle=true"])


class Bomb:
    def __reduce__(self):
        return print, ("run",)


@pytest.mark.parametrize("content", [Bomb(), [1, Bomb()], InputError, np.random.default_rng(0)])
def test_a_pickle_runs_nothing(tmp_path, capsys, content):
    path = tmp_path / "TB2J.pickle"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(InputError, match=r"TB2J\.pickle: (contains an object of|is not a pickle of TB2J)"):
        formats.read(path, unpickle=True)
    assert capsys.readouterr().out == ""


class Forged:
    """An array whose state in the pickle is not that of an array of numbers."""

    def __init__(self, shape, kind, content):
        self.state = (1, shape, kind, False, content)

    def __reduce__(self):
        return np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), self.state


class Structure:
    """A type of NumPy with a state of someone's choice."""

    def __reduce__(self):
        return np.dtype, ("f8", False, True), (3, "<", (np.dtype("f8"), (2,)), None, None, -1, -1, 0)


@pytest.mark.parametrize(
    "content",
    [
        Forged((4,), np.dtype("O"), b"x" * 32), Forged((10**6,), np.dtype("f8"), b"x" * 8), Structure(),
        Forged((-1, 7), np.dtype("f8"), b"x" * 8), Forged((1,), np.dtype("f8"), [1.0]),
        Forged((1,), Structure(), b"x" * 16), np.array([None, {}]), np.zeros(1, [("a", "f8"), ("b", "O")]),
    ],
)  # fmt: skip
def test_a_pickle_with_a_forged_array_is_refused(tmp_path, content):
    for protocol in (3, 4, 5):
        path = tmp_path / "TB2J.pickle"
        path.write_bytes(pickle.dumps(content, protocol))
        with pytest.raises(InputError, match=r"TB2J\.pickle: (cannot be unpickled|contains an array)"):
            formats.read(path, unpickle=True)


def test_arrays_of_a_pickle_are_those_that_were_stored():
    """In both orders of their values and of their bytes, empty and of no dimension, and single numbers."""
    whole = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    stored = [
        whole,
        np.asfortranarray(whole),
        whole.astype(">f8"),
        whole[:0],
        np.array(2.5),
        np.complex64(1j),
        whole > 3,
    ]
    for protocol in (3, 4, 5):
        again = pickled.Unpickler(io.BytesIO(pickle.dumps(stored, protocol))).load()
        for one, other in zip(stored, again, strict=True):
            assert one.dtype.newbyteorder("=") == other.dtype.newbyteorder("=")
            np.testing.assert_array_equal(one, other)


class Huge:
    def __reduce__(self):
        return np.zeros(1).__reduce__()[0], (np.ndarray, (10**14,), b"d")


@pytest.mark.parametrize("content", [pickle.dumps(Huge()), b"\x80\x04]r\xf0\xff\xff\x3f."], ids=["array", "memo"])
def test_a_pickle_takes_no_memory_that_it_does_not_fill(tmp_path, content):
    """An array of 800 terabytes; and a list that calls itself the thousand-millionth object, for whose like there
    would have to be room."""
    (tmp_path / "TB2J.pickle").write_bytes(content)
    with pytest.raises(InputError, match=r"would exhaust the memory|is not a pickle of TB2J"):
        formats.read(tmp_path / "TB2J.pickle", unpickle=True)


def test_elements_within_each_other_are_limited(tmp_path):
    """Their number was the square of the time that they took."""
    text = XML.replace("<unit_cell", "<a>" * 100_000 + "<unit_cell", 1)
    with pytest.raises(InputError, match=r"exchange.xml:\d+: has over 20 elements within each other"):
        formats.read(write(tmp_path, text, "exchange.xml"))


BAD = [
    (HEAD, "has no line 'Exchange:'"),
    (HEAD + "Exchange:\n", "exchange.out: has no couplings"),
    (ROWS.replace("Exchange:", "Cell (Angstrom):\nExchange:"), "exchange.out:2: .*expected 3 numbers: x y z"),
    (HEAD.replace("2.500", "2.5x0") + ROWS, "exchange.out:8: '0.000 0.000 2.5x0'"),
    (HEAD.replace("2.500", "0.000") + ROWS, "do not span a volume|from the atoms and R"),
    (HEAD.replace("-4.0000", "") + ROWS, "exchange.out:14: .*expected 7 numbers: x y z charge"),
    (HEAD.replace("3.0000   -4.0000", "0.0000 0.0000") + ROWS, "moments must be positive"),
    (HEAD.replace("O1 ", "Fe1") + ROWS, "exchange.out:15: atom Fe1 is listed twice"),
    (HEAD + ROWS.replace("   Fe1   Fe1   (  0,   0,   1)", "   Fe1   Fe3   (  0,   0,   1)"), "unknown atom Fe3"),
    (HEAD + ROWS.replace("Fe1   Fe1", "Fe1   O1 "), "exchange.out:22: couples O1, which has no couplings of its own"),
    (HEAD + ROWS.replace("0,   0,   1", "0,   0,   0"), "exchange.out:22: couples an atom to itself"),
    (HEAD + ROWS.replace("0,   0,   1", "0,   0,   2"), r"exchange.out:22: the printed vector is .*expected \(0.000"),
    (HEAD + ROWS.replace("0,   0,   1", "0,   1"), "exchange.out:22: .*expected 3 numbers: R1 R2 R3"),
    (HEAD + ROWS.replace("0,   0,   1", "0,   0, 1.5"), "exchange.out:22: .*expected whole numbers"),
    (HEAD + ROWS.split("-----\n   Fe1   Fe1   (  0,   0,  -1)")[0], "its reverse is not listed"),
    (HEAD + ROWS + ROWS.split("(A)\n")[1], "exchange.out:39: repeats the pair of line 22"),
    (
        HEAD + ROWS.replace("Fe1   Fe1   (  0,   0,  -1)", "Fe1-Fe1 (0, 0, -1)"),
        "out:32: is a second J_iso of .* line 22",
    ),
    (HEAD + ROWS.replace(" 0.5000)", " 0.4000)"), "exchange.out:[23].: .*must be the transpose"),
    (HEAD + ROWS.replace("J_iso:  3.0000", "J_iso:  nan"), "exchange.out:23: 'nan'"),
    (HEAD + ROWS.replace(" [ 0.     0.    -0.1  ]]\n", "", 1), "exchange.out:2.: .*expected 3 numbers"),
    (HEAD + OLD_K.replace("1.0000)", "0.0000)") + ROWS, "exchange.out:23: the axis .* has no direction"),
    (HEAD + OLD_K + NEW_K + ROWS, "exchange.out:28: atom Fe1 has a second anisotropy"),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_errors_name_file_and_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(tmp_path, text))


BAD_XML = [
    (XML[:-20], "exchange.xml:28: not valid XML"),
    (XML.replace("<System", "<!DOCTYPE x [<!ENTITY a 'aaaa'>]>\n<System"), "exchange.xml:2: has a document type"),
    (
        XML.replace('<unit_cell units="bohrradius"', '<unit_cell units="furlong"'),
        "exchange.xml:3: units of <unit_cell>",
    ),
    (XML.replace('_list units="eV"', '_list units="K"'), "exchange.xml:11: units of <spin_exchange_list> are 'K'"),
    (XML.replace('index_spin="1"', 'index_spin="2"'), r"index_spin of the atoms are \[2\]; expected 1, 2, 3"),
    (XML.replace('index_spin="1"', ""), "exchange.xml:6: ''; expected 1 number: index_spin"),
    (XML.replace("1 1 0 0 1<", "1 2 0 0 1<", 1), "exchange.xml:12: couples spins 1 and 2; expected 1 to 1"),
    (XML.replace("1 1 0 0 -1<", "1 1 0 0 1<", 1), "exchange.xml:13: repeats the pair of line 12"),
    (XML.replace("1 1 0 0 -1<", "1 1 0 0 0<", 1), "exchange.xml:13: couples a spin to itself"),
    (XML.replace("3.0e-03 3.0e-03 3.0e-03", "3.0e-03", 1), "exchange.xml:12: <data> holds 1 number; expected 3"),
    (XML.replace("3.0e-03 3.0e-03 3.0e-03", "4.0e-03 4.0e-03 4.0e-03", 1), "exchange.xml:1[23]: bond .*transpose"),
    (XML.replace("<i>1 </i>", "<i>3</i>"), "exchange.xml:24: spin 3 does not exist"),
    (XML.replace("unit_cell", "unitcell"), "<system_definition> has 0 <unit_cell>; expected one"),
]


@pytest.mark.parametrize(("text", "message"), BAD_XML, ids=[message for _, message in BAD_XML])
def test_errors_in_xml_name_file_and_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(tmp_path, text, "exchange.xml"))


@pytest.mark.parametrize("part", ["\n", "ab\n"])
def test_the_text_of_an_element_is_read_in_proportion_to_its_length(tmp_path, part):
    """In 0.1 s: where every piece makes a new copy of all before it, 400 kB took 10 s, and these 2 MB take minutes."""
    text = XML.replace("</System", f"<description>{part * (2_000_000 // len(part))}</description></System")
    path = write(tmp_path, text, "exchange.xml")
    with patience(30):
        assert len(formats.read(path).bonds) == len(formats.read(write(tmp_path, XML, "exchange.xml")).bonds)
