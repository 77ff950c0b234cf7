"""OVF 2.0: files as OOMMF, mumax and Spirit lay them out, and what does not fit.

The layout is that of the OOMMF user's guide, "OVF File Format": x runs fastest, binary data are little endian behind a
check value. Spirit itself reads and writes these files in test_other_codes.py.
"""

from __future__ import annotations

import struct

import numpy as np
import pytest
from small_files.ovf import ROWS, SQUARE, binary, file, text

from magsearch import formats
from magsearch.errors import InputError
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice

HONEYCOMB = Lattice.named("honeycomb", (3, 4, 2))
MODEL = Hamiltonian(HONEYCOMB, Bonds.none())


@pytest.mark.parametrize(
    ("content", "close"),
    [
        (file(text(ROWS)), 1e-12),
        (file(text(ROWS), newline="\r\n"), 1e-12),
        (file([f"  {row}   ".replace(" ", "\t") for row in text(ROWS)]), 1e-12),
        (file([row.replace(" ", ", ") for row in text(ROWS)], "CSV"), 1e-12),
        (file(binary(ROWS, 4), "Binary 4"), 1e-7),
        (file(binary(ROWS, 8), "Binary 8"), 1e-15),
        (file(binary(ROWS, 8), "binary 8", newline="\r\n"), 1e-15),
        (file(text(ROWS), mesh="irregular"), 1e-12),
        (file(text(np.hstack([SQUARE.positions, ROWS])), mesh="irregular"), 1e-12),
        (file(binary(np.hstack([SQUARE.positions, ROWS]), 4), "Binary 4", mesh="irregular"), 1e-7),
        (file(text(ROWS), Desc="Total simulation time:  1e-9  s ## mumax", meshtype="Rectangular"), 1e-12),
    ],
    ids=["text", "dos", "tabs", "csv", "binary4", "binary8", "binary8dos", "points", "positions", "binary", "comments"],
)
def test_each_encoding_is_read_with_x_fastest(tmp_path, content, close):
    (tmp_path / "m.ovf").write_bytes(content)
    spins = formats.read_spins(tmp_path / "m.ovf", SQUARE)
    assert np.allclose(spins, ROWS, rtol=0, atol=close)
    assert np.allclose(spins.reshape(*SQUARE.grid, 1, 3)[0, 1, 1, 0], ROWS[4], atol=1e-7)


def test_binary_values_may_look_like_a_comment(tmp_path):
    """'# End: Data' inside the data is a number like any other: their count says where data end."""
    trap = np.frombuffer(b"# End: D", "<f4").astype(np.float64)
    rows = ROWS.copy()
    rows[0] = [trap[0], trap[1], 0] / np.hypot(*trap)
    raw = b"# End: Data " + rows.astype("<f4").tobytes()[12:]
    (tmp_path / "m.ovf").write_bytes(file(struct.pack("<f", 1234567.0) + raw, "Binary 4"))
    with pytest.raises(InputError, match="site 1 has length"):  # it was read as numbers, and these are no unit vector
        formats.read_spins(tmp_path / "m.ovf", SQUARE)


def test_magnetisation_is_normalised_and_said_to_be(tmp_path):
    (tmp_path / "m.ovf").write_bytes(file(text(ROWS * 8.6e5), valueunits="A/m A/m A/m"))
    with pytest.warns(UserWarning, match="length 860000 and are normalised"):
        assert np.allclose(formats.read_spins(tmp_path / "m.ovf", SQUARE), ROWS, atol=1e-9)


def test_lengths_that_differ_are_not_normalised(tmp_path):
    rows = ROWS * np.array([1, 1, 1, 1, 1, 0.5])[:, None]
    (tmp_path / "m.ovf").write_bytes(file(text(rows)))
    with pytest.raises(InputError, match=r"site 6 has length 0\.5"):
        formats.read_spins(tmp_path / "m.ovf", SQUARE)


def test_of_several_segments_the_first_is_read(tmp_path):
    second = file(text(-ROWS)).split(b"# Segment count: 1\n")[1]
    (tmp_path / "m.ovf").write_bytes(file(text(ROWS)).replace(b"count: 1", b"count: 000002") + second)
    with pytest.warns(UserWarning, match="has 2 segments; the first is read"):
        assert np.allclose(formats.read_spins(tmp_path / "m.ovf", SQUARE), ROWS)


def test_vacancies_are_empty(tmp_path):
    rows = ROWS.copy()
    rows[3] = 0
    (tmp_path / "m.ovf").write_bytes(file(text(rows * 2.2)))
    with pytest.warns(UserWarning, match="length 2.2"):
        assert (formats.read_spins(tmp_path / "m.ovf", SQUARE, vacancies=(3,))[3] == 0).all()


@pytest.mark.parametrize(("kind", "close"), [("ovf", 1e-15), ("ovf-binary4", 1e-7), ("ovf-text", 1e-15)])
def test_what_is_written_is_read_back(tmp_path, kind, close):
    spins = np.random.default_rng(3).normal(size=(HONEYCOMB.sites, 3))
    spins /= np.linalg.norm(spins, axis=1, keepdims=True)
    formats.write_spins(tmp_path / "s.ovf", spins, MODEL, kind)
    assert np.allclose(formats.read_spins(tmp_path / "s.ovf", HONEYCOMB), spins, rtol=0, atol=close)
    header = (tmp_path / "s.ovf").read_bytes().split(b"# Begin: Data")[0].decode()
    assert "# xnodes: 6\n# ynodes: 4\n# znodes: 2\n" in header, "Spirit puts the atoms of a cell side by side along x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            file(text(ROWS)).replace(b"OVF 2.0", b"OVF 1.0"),
            "ovf:1: begins with '# OOMMF OVF 1.0'; expected # OOMMF OVF",
        ),
        (file(text(ROWS), valuedim="6"), "ovf:9: valuedim is 6; expected 3"),
        (file(text(ROWS), valuedim="three"), "ovf:9: valuedim is 'three'; expected a whole number"),
        (file(text(ROWS), meshtype="round"), "ovf:7: meshtype is round; expected rectangular or irregular"),
        (file(text(ROWS)).replace(b"# meshtype: rectangular\n", b""), "meshtype is missing"),
        (file(text(ROWS)).replace(b"# ynodes: 2\n", b""), "ynodes is missing"),
        (file(text(ROWS), nodes=(2, 3, 1)), r"ovf:11: xnodes x ynodes x znodes is 2 x 3 x 1; expected 3 x 2 x 1"),
        (file(text(ROWS), mesh="irregular", pointcount="5"), "ovf:11: pointcount is 5; the lattice has 6 sites"),
        (file(text(ROWS), nodes=(10**13, 2, 1)), "ovf:11: xnodes is '10000000000000'; expected a whole number"),
        (file(text(ROWS)).split(b"# Begin: Data")[0], "has no line '# Begin: Data Text'"),
        (file(text(ROWS[:5])), "ovf:16: has 5 vectors for 6 sites"),
        (file([*text(ROWS), "0 0 1"]), "ovf:16: has 7 vectors for 6 sites"),
        (file([*text(ROWS[:5]), "0 0"]), "ovf:21: 2 numbers in a row; expected 3"),
        (file([*text(ROWS[:5]), "0 0 up"]), "ovf:21: '0 0 up' is not all numbers"),
        (file([*text(ROWS[:5]), "0 0 1e200"]), "contains vectors that are not finite"),
        (file([*text(ROWS[:5]), "0 0 inf"]), "contains vectors that are not finite"),
        (file([*text(ROWS[:5]), "0 0 0 0 0 1"], mesh="irregular"), "ovf:19: 6 numbers in a row"),
        (file(binary(ROWS, 8)[:-9], "Binary 8"), "ovf:16: data do not end after 3 x 6 numbers of 8 bytes"),
        (file(binary(ROWS, 4), "Binary 8"), "ovf:16: data do not end"),
        (file(binary(ROWS, 8), "Binary 4"), "ovf:16: data do not end after 3 x 6 numbers of 4"),
        (file(binary(ROWS, 8)[:-8], "Binary 8", mesh="irregular"), "after 3 x 6 or 6 x 6 numbers"),
        (
            file(b"\0\0\0\0" + binary(ROWS, 4)[4:], "Binary 4"),
            "ovf:16: binary data begin with 0; expected 1234567: the file is damaged",
        ),
    ],
)
def test_files_that_do_not_fit(tmp_path, content, message):
    (tmp_path / "m.ovf").write_bytes(content)
    with pytest.raises(InputError, match=message):
        formats.read_spins(tmp_path / "m.ovf", SQUARE)
