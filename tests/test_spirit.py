"""Spirit's .cfg: energies on paper, what is not used, and errors that name file and line.

That Spirit itself gives these energies is tested in test_other_codes.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from oracle import energy
from small_files.spirit import CHAIN, SHELLS

from magsearch import config, formats
from magsearch.errors import InputError
from magsearch.units import MU_B

X, Y, Z = np.eye(3)


def write(folder: Path, text: str, name: str = "model.cfg") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_each_row_is_one_pair(tmp_path):
    h = formats.read(write(tmp_path, CHAIN))
    assert energy(h, np.array([Z, Z, Z, Z])) == pytest.approx(-4 * 1.5)
    assert energy(h, np.array([X, Y, -X, -Y])) == pytest.approx(-4 * 0.25)  # D > 0 favours s_i x s_j along D
    assert h.lattice.periodic == (True, False, False)
    assert np.allclose(h.lattice.cell, 3 * np.eye(3))


def test_a_pair_that_is_listed_twice_adds_up(tmp_path):
    twice = CHAIN.replace("pairs 1", "pairs 2").replace("llg_n_it", "0 0 -1 0 0 0.5 0 0 -0.25\nllg_n_it")
    h = formats.read(write(tmp_path, twice))
    assert energy(h, np.array([Z, Z, Z, Z])) == pytest.approx(-4 * 2.0)
    assert energy(h, np.array([X, Y, -X, -Y])) == pytest.approx(-4 * 0.5)


def test_field_and_anisotropy(tmp_path):
    more = (
        "external_field_magnitude 10\nexternal_field_normal 0 0 3\nanisotropy_magnitude 0.3\nanisotropy_normal 0 2 0\n"
    )
    h = formats.read(write(tmp_path, CHAIN.replace("1.5", "0") + more))
    assert energy(h, np.array([Z, Z, Z, Z])) == pytest.approx(-4 * 2.0 * 10 * MU_B)
    assert energy(h, np.array([Y, Y, Y, Y])) == pytest.approx(-4 * 0.3)


@pytest.mark.parametrize(("chirality", "first", "second"), [(1, Y, Z), (-1, Z, Y), (2, X, Z), (-2, Z, X)])
def test_chirality_names_the_direction_of_d(tmp_path, chirality, first, second):
    """Along x with period 4: Bloch (1) turns about x, Neel (2) about x x z = -y, from x to z."""
    h = formats.read(write(tmp_path, SHELLS.format(chirality=chirality).replace("6 6 1", "8 8 1")))
    phase = np.pi / 2 * h.lattice.positions[:, :1] / 2.0
    spiral = np.cos(phase) * first + np.sin(phase) * second
    backward = np.cos(phase) * first - np.sin(phase) * second
    assert (energy(h, backward) - energy(h, spiral)) / h.lattice.sites == pytest.approx(2 * 0.5)


def test_what_is_not_used_is_said(tmp_path):
    notes = formats.read(write(tmp_path, CHAIN)).notes
    assert any(note.endswith("not used: llg_*, output_*") for note in notes)


def test_what_is_missing_is_taken_as_spirit_takes_it(tmp_path):
    text = "\n".join(
        line for line in CHAIN.splitlines() if line.split()[0] not in ("n_basis_cells", "mu_s", "boundary_conditions")
    )
    h = formats.read(write(tmp_path, text))
    assert (h.lattice.size, h.lattice.periodic, h.moments.tolist()) == ((100, 100, 1), (False, False, False), [1.0])
    told = " ".join(h.notes)
    assert all(word in told for word in ("n_basis_cells", "boundary_conditions", "mu_s"))


def test_keywords_count_from_the_first_column_and_first_line(tmp_path):
    h = formats.read(
        write(tmp_path, CHAIN + "mu_s 5.0\n  anisotropy_magnitude 1.0\nexternal_field_magnitude 3.0 # T\n")
    )
    assert h.moments.tolist() == [2.0]
    assert not h.anisotropy
    assert h.field == (0.0, 0.0, 3.0)


def test_files_are_found_beside_the_cfg(tmp_path):
    write(tmp_path, "i j da db dc Jij\n\n0 0 1 0 0 1.5\n", "pairs.txt")
    text = CHAIN.split("n_interaction_pairs")[0] + "interaction_pairs_file pairs.txt\n"
    assert energy(formats.read(write(tmp_path, text)), np.array([Z, Z, Z, Z])) == pytest.approx(-6.0)


def test_couplings_that_go_around_more_than_once_are_pointed_out(tmp_path):
    """Spirit leaves them out (test_other_codes.py would see it); here they count."""
    h = formats.read(write(tmp_path, CHAIN.replace("0 0 1  0", "0 0 5  0")))
    assert any("reach more than once around" in note for note in h.notes)
    assert energy(h, np.array([Z, Z, Z, Z])) == pytest.approx(-6.0)


def test_size_and_field_can_be_set(tmp_path):
    h = config.read(write(tmp_path, CHAIN), ["model.size=[9,2,1]", "model.field=[1,2,3]"]).hamiltonian
    assert (h.lattice.size, h.field) == ((9, 2, 1), (1.0, 2.0, 3.0))


BAD = [
    ("n_basis_cells 4 0 1\n", "model.cfg:1: n_basis_cells is"),
    ("n_basis_cells 4 1\n", "model.cfg:1: '4 1'; expected 3 numbers"),
    ("n_basis_cells 100000 100000 1\n", "model.cfg: 100000 x 100000 x 1 cells are .* expected at most"),
    ("lattice_constant 0\n", "model.cfg:1: lattice_constant is 0"),
    ("bravais_lattice tetragonal\n", "model.cfg:1: bravais_lattice is tetragonal; expected sc, fcc"),
    ("bravais_vectors\n1 0 0\n0 1 0\n", "model.cfg:4: '# a chain|model.cfg:4: 'lattice|expected 3 numbers"),
    ("bravais_vectors\n1 0 0\n0 1 0\n1 1 0\n", "do not span a volume"),
    ("basis\n0\n", "model.cfg:2: 0 atoms in the basis"),
    ("basis\n2\n0 0 0\n1 0 0\n", "atoms 0 and 1 of the basis are at the same place"),
    ("mu_s -1\n", "moments must be positive"),
    ("hamiltonian gaussian\n", "model.cfg:1: hamiltonian is gaussian; expected heisenberg_pairs"),
    ("external_field_normal 0 0 0\n", "model.cfg:1: external_field_normal has no direction"),
    ("basis_file x\n", "model.cfg:1: 'basis_file' begins with basis: Spirit would read basis"),
    ("n_defects 3\n", "model.cfg:1: n_defects requests disorder"),
    ("ddi_method cutoff\n", "model.cfg:1: ddi_method is cutoff; expected none or fft"),
    ("n_interaction_pairs 2\ni j da db dc Jij\n0 0 1 0 0 1\n\n", "model.cfg:4: blank line within a table"),
    ("n_interaction_pairs 1\ni j da db Jij\n0 0 1 0 1\n", "model.cfg:2: the header has no dc"),
    ("n_interaction_pairs 1\ni j da db dc Dija Dijb Dijc\n0 0 1 0 0 1 0 0\n", "model.cfg:2: the header has 'dija'"),
    ("n_interaction_pairs 1\ni j da db dc Jij\n0 0 1 0 0\n", "model.cfg:3: .*expected 6 numbers"),
    ("n_interaction_pairs 1\ni j da db dc Jij\n0 1 1 0 0 1\n", "model.cfg:3: couples atoms 0 and 1; expected 0 to 0"),
    ("n_interaction_pairs 1\ni j da db dc Jij\n0 0 0 0 0 1\n", "model.cfg:3: couples a site to itself"),
    ("n_interaction_pairs 1\ni j da db dc Jij\n0 0 0.5 0 0 1\n", "model.cfg:3: .*expected whole numbers"),
    ("n_interaction_pairs 99\ni j da db dc Jij\n0 0 1 0 0 1\n", "expected 6 numbers|ends after"),
    ("n_anisotropy 1\ni K Kx Ky Kz\n1 1 0 0 1\n", "model.cfg:3: atom 1 does not exist; expected 0 to 0"),
    ("anisotropy_file nowhere\n", "model.cfg:1: anisotropy_file names 'nowhere', which does not exist"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD, ids=[message for _, message in BAD])
def test_errors_name_file_and_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        formats.read(write(tmp_path, text + CHAIN))


def test_shells_need_one_atom_in_the_cell(tmp_path):
    """Spirit does not find all neighbours otherwise."""
    text = "basis\n2\n0 0 0\n0.5 0.5 0.5\n" + SHELLS.format(chirality=1)
    with pytest.raises(InputError, match=r"model\.cfg:9: n_shells_exchange with 2 atoms in the cell: Spirit misses"):
        formats.read(write(tmp_path, text))


def test_each_row_of_quadruplets_is_one_product(tmp_path):
    """Of the four spins of a chain with an open end: Spirit 2.2 gives the same energies."""
    table = (
        "n_interaction_quadruplets 2\ni j da_j db_j dc_j k da_k db_k dc_k l da_l db_l dc_l q\n"
        "0 0 1 0 0 0 2 0 0 0 3 0 0 0.7\n0 0 1 0 0 0 0 0 0 0 0 1 0 0.3\n"
    )
    plain = formats.read(write(tmp_path, CHAIN))
    h = formats.read(write(tmp_path, CHAIN + table))
    s = np.array([Z, (Y + Z) / 2**0.5, X, (X + Z) / 2**0.5])
    products = sum((s[n] @ s[(n + 1) % 4]) * (s[(n + 2) % 4] @ s[(n + 3) % 4]) for n in range(4))
    assert energy(h, s) - energy(plain, s) == pytest.approx(-0.7 * products)  # the second row leaves by an open edge
    wrong = table.replace("0 0 1 0 0 0 2", "0 1 1 0 0 0 2")
    with pytest.raises(InputError, match=r"couples atoms .0, 1, 0, 0.; expected 0 to 0"):
        formats.read(write(tmp_path, CHAIN + wrong))
    with pytest.raises(InputError, match="the header has no i; expected"):
        formats.read(write(tmp_path, CHAIN + table.replace("i j da_j", "a j da_j")))
