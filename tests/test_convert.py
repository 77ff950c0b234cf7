"""From any format into any other: the energies of random spins stay, and what cannot be said is refused by name."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from models import MODELS, bloch, shell_bonds, tensor
from oracle import energy, random_textures

from magsearch import formats
from magsearch.errors import InputError
from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.single_ion import CubicAnisotropy, UniaxialAnisotropy

# target: the name to write to, and which of the written files is read again
TARGETS = {
    "toml": ("model.toml", "model.toml"),
    "uppasd": ("folder", "folder/inpsd.dat"),
    "tb2j": ("exchange.out", "exchange.out"),
    "spirit": ("model.cfg", "model.cfg"),
    "vampire": ("model.ucf", "input"),
}


def anisotropies() -> Hamiltonian:
    """A cube with an axis, K4 at one atom, two axes at another."""
    lattice = Lattice.named("kagome", (3, 4, 1), 3.0)
    terms = (
        CubicAnisotropy(0.5, ((0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (-1.0, 0.0, 0.0)), atoms=(0,)),
        UniaxialAnisotropy(0.7, (1.0, 2.0, -0.5), atoms=(0,)),
        UniaxialAnisotropy(-0.2, (0.0, 1.0, 1.0), K4=0.4, atoms=(1,)),
        UniaxialAnisotropy(0.3, (0.0, -1.0, -1.0), atoms=(1,)),
        UniaxialAnisotropy(0.2, (1.0, 0.0, 0.0), atoms=(2,)),
        UniaxialAnisotropy(0.1, (0.0, 0.0, 1.0), atoms=(2,)),
    )
    return Hamiltonian(lattice, shell_bonds(lattice, bloch(1.0, 0.3)), np.array([1.0, 2.0, 0.5]), terms, (1, 2, 3))


def one_axis_each() -> Hamiltonian:
    """Moments, axes and a cube that differ between three atoms of a skew cell, tensors."""
    cell = np.array([[3.0, 0.2, 0.0], [-1.0, 4.0, 0.1], [0.3, 0.1, 5.0]])
    lattice = Lattice(
        cell, np.array([[0, 0, 0], [0.3, 0.4, 0.5], [0.7, 0.2, 0.1]]) @ cell, (3, 2, 2), (True, False, True)
    )
    terms = tuple(UniaxialAnisotropy(0.3 - 0.2 * k, (1.0, k, -1.0), atoms=(k,)) for k in range(3))
    bonds = shell_bonds(lattice, *(tensor(30 + k) for k in range(4)))
    return Hamiltonian(lattice, bonds, np.array([1.0, 2.0, 0.5]), terms, (0.5, 0, -3))


def squares() -> Hamiltonian:
    """Biquadratic pairs alone; one of them leads around the box to the same site in both directions."""
    model = MODELS["clusters_of_spins"]
    return replace(model, others=model.others[:1])


def squares_of_one() -> Hamiltonian:
    """Biquadratic exchange of one atom in a cell with an angle of 60 degrees."""
    model = MODELS["triangular_j1_j3"]
    near = SpinProducts.biquadratic([0, 0, 0], [0, 0, 0], [[1, 0, 0], [0, 1, 0], [2, 1, 0]], [0.4, -0.3, 0.2])
    return replace(model, others=(near,))


def four_spins() -> Hamiltonian:
    """Products of two to four spins, in a box that holds them."""
    model = MODELS["clusters_of_spins"]
    return replace(model, lattice=replace(model.lattice, size=(5, 4, 1)))


ALL = MODELS | {make.__name__: make() for make in (anisotropies, one_axis_each, squares, squares_of_one, four_spins)}
# what a model has that a format has no word for, by the word that the refusal says
REFUSED = {
    "kagome_tensor": {"spirit": "anisotropic exchange"},
    "prime_box": {"spirit": "anisotropic exchange"},
    "open_film": {"spirit": "anisotropic exchange"},
    "single_layer": {"spirit": "anisotropic exchange"},
    "left_handed": {"spirit": "anisotropic exchange"},
    "one_cell": {"spirit": "anisotropic exchange"},
    "one_axis_each": {"spirit": "anisotropic exchange"},
    "box_within_range": {"spirit": "couplings over 4 cells in a box"},
    "cubic_easy_axes": {"tb2j": "fourth order"},
    "fcc_every_anisotropy": {
        "uppasd": "axes are not x, y and z", "tb2j": "fourth order", "spirit": "fourth order",
        "vampire": "along 2 axes",
    },
    "anisotropies": {"tb2j": "fourth order", "spirit": "fourth order", "vampire": "fourth order"},
    "several_axes": dict.fromkeys(TARGETS.keys() - {"toml"}, "vacancies"),
    "clusters_of_spins": {
        "uppasd": "more than two spins", "tb2j": "the term 'biquadratic'", "vampire": "more than two spins",
        "spirit": "couplings over 3 cells in a box",
    },
    "squares": {"tb2j": "the term 'biquadratic'", "uppasd": "several types of atoms"},
    "squares_of_one": {"tb2j": "the term 'biquadratic'"},
    "four_spins": {
        "uppasd": "more than two spins", "tb2j": "the term 'biquadratic'", "vampire": "more than two spins",
    },
    "coupled_waves": dict.fromkeys(TARGETS.keys() - {"toml"}, "the term 'wave_vectors'"),
    "disordered": dict.fromkeys(TARGETS, "vacancies") | {"toml": "differ from cell to cell"},
}  # fmt: skip


def there_and_back(h: Hamiltonian, target: str, folder: Path) -> Hamiltonian:
    """Written and read again; what an exchange.out does not contain, which is noted, is set again."""
    name, entry = TARGETS[target]
    _, notes = formats.write(h, folder / name)
    read = formats.read(folder / entry)
    if target != "tb2j":
        return read
    assert "does not contain: box" in notes[-1]
    lattice = replace(read.lattice, size=h.lattice.size, periodic=h.lattice.periodic)
    return replace(read, lattice=lattice, field=h.field)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("first", TARGETS)
@pytest.mark.spread(2)
def test_energies_survive_two_conversions(tmp_path, name, first):
    h = ALL[name]
    refused = REFUSED.get(name, {})
    if first in refused:
        with pytest.raises(InputError, match=f"cannot express .*{refused[first]}"):
            formats.write(h, tmp_path / TARGETS[first][0])
        return
    textures = random_textures(h, 3)
    expected = energy(h, textures)
    once = there_and_back(h, first, tmp_path / "once")
    assert energy(once, textures) == pytest.approx(expected, rel=1e-12)
    for second in TARGETS:
        if second not in refused:
            twice = there_and_back(once, second, tmp_path / second)
            assert energy(twice, textures) == pytest.approx(expected, rel=1e-12), second
            assert twice.lattice.size == h.lattice.size
            assert twice.lattice.periodic == h.lattice.periodic
            assert np.allclose(twice.lattice.positions, h.lattice.positions, atol=1e-9)


@pytest.mark.parametrize("target", TARGETS)
def test_a_round_trip_gives_the_same_file(tmp_path, target):
    """To the last printed digit but one: files of the second round equal those of the first up to rounding."""
    h = ALL["honeycomb_dmi"]
    once = there_and_back(h, target, tmp_path / "a")
    there_and_back(once, target, tmp_path / "b")
    for file in (p for p in (tmp_path / "a").rglob("*") if p.is_file()):
        one, other = (
            re.split(r"[\s()\[\],]+", f.read_text()) for f in (file, tmp_path / "b" / file.relative_to(tmp_path / "a"))
        )
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert a == b or float(a) == pytest.approx(float(b), rel=1e-14, abs=1e-14)


def test_vacancies_are_told_in_toml_and_refused_elsewhere(tmp_path):
    h = replace(ALL["square_bloch"], vacancies=(3, 11))
    (s,) = random_textures(h, 1)
    assert energy(there_and_back(h, "toml", tmp_path), s) == pytest.approx(energy(h, s), rel=1e-12)
    for target in ("uppasd", "tb2j", "spirit", "vampire"):
        with pytest.raises(InputError, match="cannot express vacancies"):
            formats.write(h, tmp_path / TARGETS[target][0])


def test_atoms_outside_of_the_cell_are_moved_in_and_told(tmp_path):
    """UppASD and VAMPIRE want them inside; spins of the moved atom move along. Open edges would change: refused."""
    inside = ALL["honeycomb_dmi"]
    shift = np.array([1, -2, 0])
    b, lattice = inside.bonds, inside.lattice
    moved = replace(lattice, basis=lattice.basis + np.array([[0, 0, 0], shift]) @ lattice.cell)
    offset = b.offset + shift * (b.i - b.j)[:, None]
    outside = replace(inside, lattice=moved, bonds=Bonds(b.i, b.j, offset, b.J))
    (s,) = random_textures(inside, 1)
    along = s.copy().reshape(*lattice.grid, 2, 3)
    along[..., 1, :] = np.roll(along[..., 1, :], (2, -1), axis=(1, 2))  # cell c of the moved atom is cell c + shift
    along = along.reshape(-1, 3)
    assert energy(outside, along) == pytest.approx(energy(inside, s))
    for target in ("uppasd", "vampire"):
        name, entry = TARGETS[target]
        _, notes = formats.write(outside, tmp_path / name)
        assert any("1 atom is moved into the cell, for example atom 1 by [-1, 2, 0]" in note for note in notes)
        assert energy(formats.read(tmp_path / entry), s) == pytest.approx(energy(inside, s), rel=1e-12)
        open_edges = replace(outside, lattice=replace(moved, periodic=(False, True, False)))
        with pytest.raises(InputError, match="atom 1, which lies outside of its cell along an open axis"):
            formats.write(open_edges, tmp_path / "open" / name)
    assert energy(there_and_back(outside, "toml", tmp_path), along) == pytest.approx(energy(inside, s), rel=1e-12)


def test_nothing_is_overwritten_unasked(tmp_path):
    h = ALL["square_bloch"]
    for target, (name, _) in TARGETS.items():
        files, _ = formats.write(h, tmp_path / target / name)
        for file in files:
            file.write_text("mine")
        with pytest.raises(InputError, match="exists; give another name, or --overwrite"):
            formats.write(h, tmp_path / target / name)
        assert files[-1].read_text() == "mine"
        formats.write(h, tmp_path / target / name, overwrite=True)
        assert files[-1].read_text() != "mine"


def test_a_name_that_says_no_format_needs_one(tmp_path):
    with pytest.raises(
        InputError, match=r"model\.json: cannot infer the format from the file name; expected one of toml, uppasd"
    ):
        formats.write(ALL["square_bloch"], tmp_path / "model.json")
    files, _ = formats.write(ALL["square_bloch"], tmp_path / "model.json", "spirit")
    assert formats.opened(files[0]).format.NAME == "Spirit, cfg"


def test_small_boxes_count_every_image_in_uppasd(tmp_path):
    formats.write(ALL["box_within_range"], tmp_path / "small")
    formats.write(ALL["triangular_j1_j3"], tmp_path / "large")
    assert "map_multiple" in (tmp_path / "small" / "inpsd.dat").read_text()
    assert "map_multiple" not in (tmp_path / "large" / "inpsd.dat").read_text()


def test_places_that_cannot_be_written_are_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        formats.write(ALL["square_bloch"], tmp_path / "file" / "model.toml")
