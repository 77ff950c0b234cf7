"""Inputs with one mistake each, which ``magsearch check`` finds, and inputs without one, in which it finds nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command import here, printed

import magsearch.checks
from magsearch import config
from magsearch.checks import examine
from magsearch.formats.toml.example import COUPLINGS, example
from magsearch.model.couplings import Couplings
from magsearch.model.lattice import NAMED

ROOT = Path(__file__).parent.parent
SQUARE = """\
[model]
lattice = "square"
size = [12, 12, 1]
moment = 2.0
field = 1.0
{more}
[[model.exchange]]
J = {J}
[[model.dmi]]
D = {D}
direction = "bloch"
[[model.anisotropy]]
K = {K}
"""


def square(J: object = 8.0, D: float = 0.5, K: float = 0.1, more: str = "", **changes: str) -> str:
    text = SQUARE.format(J=J, D=D, K=K, more=more)
    for key, value in changes.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{key} ="))
        text = text.replace(line, f"{key} = {value}", 1)
    return text


def bonds(head: str, *rows: tuple[int, int, list[int], str]) -> str:
    """Bonds i, j, cells, and what couples them."""
    listed = "".join(f"[[model.bond]]\ni = {i}\nj = {j}\ncells = {cells}\n{term}\n" for i, j, cells, term in rows)
    return f"[model]\nmoment = 2.0\n{head}\n{listed}"


HONEYCOMB = 'lattice = "honeycomb"\nsize = [12, 12, 1]'
TRIANGULAR = 'lattice = "triangular"\nsize = [12, 12, 1]'
PLANE = "cell = [[3, 0, 0], [0, 3, 0], [0, 0, 3]]\n"
BOTH = (0, 0, [1, 0, 0], "J = 5.0"), (0, 0, [0, 1, 0], "J = 5.0")
TWO = "cell = [[3, 0, 0], [0, 3, 0], [0, 0, {c}]]\nbasis = [{{position = [0, 0, 0]}}, {{position = {second}}}]\n"
SLAB = TWO.format(c=20, second="[0.5, 0.5, 0.1]") + "size = [8, 8, 1]"

PLANTED = {
    "couplings in another unit": (square(more='unit = "mRy"', J=[100.0, 40.0]), "large-couplings"),
    "eV written as meV": (square(J=1e-6, D=1e-7, K=0.0, field="0.0"), "small-couplings"),
    "field in gauss": (square(field="25000.0"), "saturating-field"),
    "field in units of something else": (square(field="1e-6"), "negligible-field"),
    "moment of a cell": (square(moment="48.0", field="0.1"), "large-moment"),
    "moment of an atom that is not magnetic": (square(moment="0.01"), "small-moment"),
    "anisotropy in micro-eV": (square(K=120.0), "large-anisotropy"),
    "D in another unit than J": (square(D=40.0), "dmi-exceeds-exchange"),
    "a decimal point that was forgotten": (square(J=[8.0, -0.4, 450.0]), "growing-couplings"),
    "a cell that is too small": (square(J=[8.0, -0.4, -0.2], size="[2, 12, 1]"), "small-box"),
    "a cell in which shells overlap": (square(J=[8.0, -0.4, -0.2], size="[3, 3, 1]"), "small-box"),
    "an antiferromagnet in an odd box": (square(J=-8.0, D=0.1, size="[5, 5, 1]"), "incommensurate-box"),
    "several cells that nothing couples": (bonds(PLANE + "size = [8, 8, 4]", *BOTH), "independent-cells"),
    "bonds lost at an open boundary": (
        bonds(PLANE + "size = [8, 1, 1]\nperiodic = [true, false, false]", *BOTH), "lost-couplings",
    ),
    "no couplings": ('[model]\nlattice = "square"\nsize = [8, 8, 1]\nfield = 1.0\n', "no-couplings"),
    "an atom without couplings": (
        bonds(SLAB, (0, 0, [1, 0, 0], "J = 5.0"), (0, 0, [0, 1, 0], "J = 5.0")), "uncoupled-atoms",
    ),
    "two models in one": (
        bonds(SLAB, *((k, k, cells, "J = 5.0") for k in (0, 1) for cells in ([1, 0, 0], [0, 1, 0]))), "separate-parts",
    ),
    "a bond of the honeycomb that leads to another cell": (
        bonds(HONEYCOMB, *((0, 1, cells, "J = 5.0") for cells in ([0, 0, 0], [-1, 0, 0], [0, -1, 0]))),
        "incomplete-shell",
    ),
    "a bond of the triangular lattice that is missing": (
        bonds(TRIANGULAR, (0, 0, [1, 0, 0], "J = 5.0"), (0, 0, [0, 1, 0], "J = 5.0")), "incomplete-shell",
    ),
    "a diagonal of a checkerboard that is missing": (
        (ROOT / "inputs/atlas/checkerboard.toml").read_text().replace(
            "  {i = 1, j = 1, cells = [1, 0, 0], J = -1.0},\n", ""
        ),
        "incomplete-shell",
    ),
    "a honeycomb whose spiral does not fit": (
        f'[model]\n{HONEYCOMB.replace("12", "5")}\n[[model.exchange]]\nJ = [1.0, -0.5]\n', "incommensurate-box",
    ),
    "a wrong sign of one D": (
        bonds(TRIANGULAR, *(
            (0, 0, cells, f"J = 5.0\nD = {D}")
            for cells, D in (
                ([1, 0, 0], [0, 1, 0]), ([0, 1, 0], [-0.866025, -0.5, 0]), ([1, 1, 0], [0.866025, -0.5, 0]),
            )
        )),
        "unrelated-dmi",
    ),
    "a periodic vacuum": (
        bonds(
            SLAB, (0, 0, [1, 0, 0], "J = 5.0"), (0, 0, [0, 1, 0], "J = 5.0"), (1, 1, [1, 0, 0], "J = 5.0"),
            (1, 1, [0, 1, 0], "J = 5.0"), (0, 1, [0, 0, 0], "J = 1.0"), (1, 0, [0, 0, 1], "J = 0.5"),
        ), "periodic-vacuum",
    ),
    "lengths that were read as fractions": (
        bonds(TWO.format(c=3, second="[1.5, 1.5, 6.0]") + "size = [4, 4, 4]", (0, 1, [0, 0, 0], "J = 5.0")),
        "outside-cell",
    ),
    "fractions that were read as lengths": (
        bonds(
            TWO.format(c=3, second="[0.25, 0.25, 0.25]") + "cartesian = true\nsize = [4, 4, 4]",
            (0, 1, [0, 0, 0], "J = 5.0"),
        ), "crowded-atoms",
    ),
    "metres": (square(more="constant = 3e-10"), "unlikely-length"),
    "spins and vacancies that change places": (square(more=f"vacancies = {list(range(100))}"), "mostly-vacant"),
}  # fmt: skip

REFUSED = {  # by the reader: file, line and what was expected
    "a mistyped key": (square(more="feild = 3.0"), "did you mean 'field'"),
    "a mistyped key of another table": (square() + "[search]\nfeild = 3.0\n", "did you mean 'model.field'"),
    "a moment of zero": (square(moment="0.0"), "moment is 0.0; expected more than 0"),
    "a table in a wrong place": (square().replace("model.dmi", "dmi"), "did you mean 'model.dmi'"),
}


def codes(path: Path) -> set[str]:
    return {finding.code for finding in examine(config.read(path).hamiltonian).findings}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_mistake_is_found(name, tmp_path):
    text, code = PLANTED[name]
    path = tmp_path / "model.toml"
    path.write_text(text)
    assert code in codes(path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_an_error_with_its_line(name, tmp_path, capsys):
    text, words = REFUSED[name]
    path = tmp_path / "model.toml"
    path.write_text(text)
    code, out, err = here(capsys, "check", path)
    assert (code, out) == (2, "")
    assert words in err
    assert f"{path}:" in err
    code, out, err = here(capsys, "check", path, "--json")
    assert (code, err) == (2, "")
    assert words in json.loads(out)["error"]


@pytest.mark.parametrize("text", [square(), square(J=[8.0, -0.4])])
def test_nothing_is_found_in_the_model_in_which_mistakes_are_planted(text, tmp_path, capsys):
    path = tmp_path / "model.toml"
    path.write_text(text)
    assert codes(path) == set()
    assert printed(capsys, "check", path).endswith("nothing looks wrong\n")


@pytest.mark.parametrize("command", ["check", "info"])
def test_free_spins_have_no_softest_wave_and_are_called_independent(command, tmp_path, capsys):
    path = tmp_path / "model.toml"
    path.write_text(PLANTED["no couplings"][0])
    _, shown, _ = here(capsys, command, path)
    assert "couplings  none: 64 spins, independent of each other" in shown
    assert "softest q" not in shown


def test_cells_that_dipoles_couple_are_not_independent(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(bonds(PLANE + "size = [8, 8, 4]", *BOTH))
    assert "independent-cells" in codes(path)
    path.write_text(bonds(PLANE + "size = [8, 8, 4]\ndipole = true", *BOTH))
    assert "independent-cells" not in codes(path)


LONG = {"spin-glass.toml"}
INPUTS = [
    *ROOT.glob("inputs/*.toml"),
    *ROOT.glob("inputs/atlas/*.toml"),
    ROOT / "inputs/pdfeir111/inpsd.dat",
    ROOT / "examples/5_exchange.out",
]


@pytest.mark.parametrize(
    "path", [pytest.param(path, id=path.name, marks=[pytest.mark.slow] * (path.name in LONG)) for path in INPUTS]
)
def test_nothing_is_found_in_the_inputs_that_come_with_magsearch(path):
    assert codes(path) == set()


@pytest.mark.parametrize("couplings", COUPLINGS)
@pytest.mark.parametrize("lattice", NAMED)
def test_nothing_is_found_in_the_examples_that_magsearch_writes(lattice, couplings, tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(example(lattice, couplings))
    assert codes(path) == set()


def test_every_finding_is_described_in_the_docs():
    page = (ROOT / "docs/commands.md").read_text()
    sources = "".join(path.read_text() for path in Path(magsearch.checks.__file__).parent.glob("*.py"))
    found = set(re.findall(r'^ +(?:Finding\()?"([a-z]+(?:-[a-z]+)+)"[ ,]', sources, re.MULTILINE)) | {"small-couplings"}
    assert found >= {code for _, code in PLANTED.values()}
    assert [code for code in found if f"`{code}`" not in page] == []


def test_findings_and_what_was_read_are_printed_in_json(tmp_path, capsys):
    path = tmp_path / "model.toml"
    path.write_text(square(field="25000.0", more="title = 'A [green]title'\n"))
    code, out, err = here(capsys, "check", path, "--json", "--set", "search.seed=3")
    assert (code, err) == (1, "")
    found = json.loads(out)
    assert [finding["code"] for finding in found["findings"]] == ["saturating-field"]
    read = found["read"]
    assert read["settings"] == {"search.seed": 3}
    assert read["size"] == [12, 12, 1]
    assert read["periodic"] == [True, True, False]
    assert [(shell["shell"], shell["pairs"], shell["J"]) for shell in read["shells"]] == [(1, 2, [8.0, 8.0])]
    assert read["field"] == [0, 0, 25000]


TWO_SPECIES = """\
[model]
cell = [[3, 0, 0], [0, 3, 0], [0, 0, 9]]
basis = [{position = [0, 0, 0], species = "B"}, {position = [0.4, 0.5, 0], species = "A"}]
size = [16, 16, 1]

[[model.exchange]]
J = [16.0, 15.0, 14.0, 13.0, 12.0, 11.0, 10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
"""


def test_bonds_of_a_shell_are_listed_by_species_in_alphabetical_order(tmp_path):
    path = tmp_path / "model.toml"
    path.write_text(TWO_SPECIES)
    couplings = Couplings(config.read(path).hamiltonian)
    everything = np.concatenate(couplings.shells)
    parts = list(couplings.by_species(everything))
    assert [pair for pair, _ in parts] == ["A-A", "A-B", "B-B"]
    assert sorted(np.concatenate([bonds for _, bonds in parts])) == sorted(everything)


def test_rows_that_the_table_of_shells_leaves_out_are_counted(tmp_path, capsys):
    """A shell has a row for each pair of species."""
    path = tmp_path / "model.toml"
    path.write_text(TWO_SPECIES)
    shells = json.loads(here(capsys, "check", path, "--json")[1])["read"]["shells"]
    assert len(shells) > len({one["shell"] for one in shells})
    _, shown, _ = here(capsys, "check", path)
    printed_rows = len(re.findall(r"^ +\d+ +\d+\.\d{4} ", shown, re.MULTILINE))
    assert printed_rows + int(re.search(r"and (\d+) more rows", shown)[1]) == len(shells)


def test_what_is_left_out_is_printed_apart_from_what_looks_wrong(capsys):
    shown = printed(capsys, "check", ROOT / "examples/5_exchange.out")
    assert "left out, changed or guessed:\n- " in shown
    assert "no size of the box: 24 x 24 x 1 cells" in shown
