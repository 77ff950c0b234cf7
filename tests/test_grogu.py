"""GROGU's files, which magnopy reads: energies that magnopy computes of them, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from small_files.grogu import FULL

from magsearch import formats
from magsearch.errors import InputError

UP, ACROSS, TILTED = [[0, 0, 1], [0, 0, 1]], [[1, 0, 0], [0, 1, 0]], [[0.6, 0, 0.8], [0, -0.8, 0.6]]


def without(text, *pairs):
    """Remove pairs, by their names and cells."""
    for pair in pairs:
        text, count = re.subn(rf"{re.escape(pair)} .*\nMatrix\n(.*\n){{3}}-+\n", "", text)
        assert count == 1
    return text.replace("pairs 6", f"pairs {6 - len(pairs)}")


BACK = ("1Co(l:2) 0Fe(l:2) 0 0 0", "0Fe(l:2) 0Fe(l:2) -1 0 0", "0Fe(l:2) 1Co(l:2) 0 -1 1")
ONCE = without(FULL, *BACK)
for good, bad in (("spins true", "spins false"), ("counting true", "counting false"), ("+1", "-2"), ("+0.5", "+0.7")):
    ONCE = re.sub(re.escape(good).replace("\\ ", " +"), bad, ONCE, count=1)


def read(folder, text):
    path = folder / "two.magnopy.txt"
    path.write_text(text)
    return formats.read(path)


def energy(model, directions):
    """Energy of a cell whose spins have these directions in every cell, meV."""
    model = model.with_size((2, 2, 2))
    spins = np.tile(np.array(directions, dtype=float), (model.lattice.cells, 1))
    return sum(term.energies(model, spins).sum() for term in model.terms) / model.lattice.cells


@pytest.mark.parametrize(
    ("text", "energies"),
    [  # magnopy 0.6.1: magnopy.Energy(magnopy.io.load_grogu(file)).E_0(directions), in the convention of each file
        (FULL, (-0.9000000000000001, 1.7999999999999998, -0.29200000000000026)),
        (ONCE, (-0.24799999999999978, 0.8, 0.1579520000000001)),
    ],
    ids=["pairs twice, unit spins", "pairs once, other factors, spins of their length"],
)
def test_energies_are_those_of_magnopy(tmp_path, text, energies):
    model = read(tmp_path, text)
    assert [energy(model, state) for state in (UP, ACROSS, TILTED)] == pytest.approx(energies, abs=1e-12)


def test_sites_and_moments(tmp_path):
    model = read(tmp_path, FULL)
    assert model.lattice.species == ("Fe", "Co")
    assert np.allclose(model.moments, [2.4, 1.6])  # twice the spin, as grogupy writes moments for VAMPIRE
    assert np.allclose(model.lattice.basis[1], [1.75, 2.0, 2.5])


def test_a_missing_direction_is_the_transpose_of_the_other(tmp_path):
    """Where magnopy 0.6.1 adds J_ij itself, which loses the antisymmetric part."""
    whole, half = read(tmp_path, FULL), read(tmp_path, without(FULL, *BACK[1:]))
    assert np.allclose(whole.bonds.J, half.bonds.J)
    assert any("2 pairs are listed in one direction" in note for note in half.notes)


WRONG = [
    (("Cell (Ang)", "Cell"), "has no section with cell (ang)"),
    (("counting      true", "counting      maybe"), "double counting is 'maybe'; expected true or false"),
    (("Number of sites 2", "Number of sites 3"), "'anisotropy tensor (meV)'; expected 3 numbers"),
    (("1Co(l:2) 1.750", "0Fe(l:2) 1.750"), "site 0Fe(l:2) is listed twice"),
    (("1Co(l:2) 0Fe(l:2) 0 1", "1Co(l:2) 2Ni 0 1"), "unknown site 2Ni; expected one of 0Fe(l:2), 1Co(l:2)"),
    (("0Fe(l:2) 0Fe(l:2) 1", "0Fe(l:2) 0Fe(l:2) 0"), "couples a site to itself"),
    (("0Fe(l:2) 0Fe(l:2) -1", "0Fe(l:2) 0Fe(l:2) 1"), "repeats the pair of line"),
    (("0.600", "x"), "expected 3 numbers: x y z"),
    (("-3.000 -0.400", "-3.000 -0.500"), "is not the transpose of the tensor of line"),
    (("Number of pairs 6", "Number of pairs 7"), "ends here; expected a pair"),
    (("1.200", "-1.200"), "the spin of 0Fe(l:2) is -1.2; expected a positive number"),
]


@pytest.mark.parametrize(("change", "message"), WRONG, ids=[message for _, message in WRONG])
def test_wrong_files_are_refused_with_their_line(tmp_path, change, message):
    assert change[0] in FULL
    with pytest.raises(InputError) as told:
        read(tmp_path, FULL.replace(*change, 1))
    assert message in str(told.value)
    if "no section" not in message:
        assert re.match(r".*two\.magnopy\.txt:[0-9]+: ", str(told.value))


def test_a_pair_is_not_listed_twice_where_it_counts_once(tmp_path):
    with pytest.raises(InputError, match="the convention counts each pair once"):
        read(tmp_path, re.sub("counting +true", "counting false", FULL))
