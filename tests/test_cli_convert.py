"""`magsearch convert`, and the files of other codes on the command line: what is written, printed and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command import MODEL, ended, here, printed, refused
from oracle import energy, random_textures
from scans import FIELDS, grown, scan

from magsearch import formats, storage

CFG = """\
lattice_constant 3.0
n_basis_cells 4 4 1
boundary_conditions 1 1 0
mu_s 2.0
external_field_magnitude 1.5
external_field_normal 0 0 1
n_interaction_pairs 2
i j da db dc Jij Dijx Dijy Dijz
0 0 1  0  0  1.5 0    0.3  0
0 0 0  1  0  1.5 -0.3 0    0
"""
UCF = "3 3 3\n1 0 0\n0 1 0\n0 0 1\n1 1\n0 0 0 0 0 0 0\n2 isotropic\n0 0 0 1 0 0 1e-21\n1 0 0 -1 0 0 1e-21\n"
MAT = "material:num-materials=1\nmaterial[1]:atomic-spin-moment=1.0 !muB\n"


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(MODEL)
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that found several textures, none of them uniform."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "in.toml").write_text(MODEL.replace("J = [1.0, -0.2]", "J = [0.3, -0.5, -0.6]"))
    assert ended("run", folder / "in.toml", "-o", folder / "run.h5", "--set", "search.replicas=8") == 0
    return folder / "run.h5"


@pytest.mark.parametrize(
    ("out", "files"),
    [
        ("out.toml", ["out.toml"]),
        ("out", ["out/dmfile", "out/inpsd.dat", "out/jfile", "out/momfile", "out/posfile"]),
        ("exchange.out", ["exchange.out"]),
        ("out.cfg", ["out.cfg"]),
        ("out.ucf", ["input", "out.mat", "out.ucf"]),
    ],
)
def test_the_name_says_the_format_and_every_file_is_named(toml, capsys, out, files):
    lines = printed(capsys, "convert", toml, toml.with_name(out)).splitlines()
    written = sorted(str(Path(line).relative_to(toml.parent)) for line in lines)
    assert set(files) <= set(written)
    assert all(Path(line).is_file() for line in lines)


@pytest.mark.parametrize("name", ["a", "b.out", "c.cfg", "d.ucf"])
def test_there_and_back_again(toml, capsys, name):
    """The energies of random spins; a folder of UppASD may be named where its inpsd.dat could be."""
    there, back = toml.with_name(name), toml.with_name(f"{name}.toml")
    printed(capsys, "convert", toml, there)
    printed(capsys, "convert", there, back, "--set", "model.size=[6,5,1]", "--set", "model.field=[0,0,3.0]",
            "--set", "model.periodic=[true,true,false]")  # fmt: skip
    first, last = formats.read(toml), formats.read(back)
    for spins in random_textures(first, 3):
        assert float(energy(last, spins)) == pytest.approx(float(energy(first, spins)), rel=1e-6)


def test_a_format_may_be_asked_for_by_name(toml, capsys):
    printed(capsys, "convert", toml, toml.with_name("out"), "--to", "toml")
    assert formats.opened(toml.with_name("out")).tables["model"]["size"] == [6, 5, 1]
    assert "--to: unknown format 'tb3j'; did you mean 'tb2j'?" in refused(capsys, "convert", toml, "x", "--to", "tb3j")


def test_settings_apply_to_what_is_written(toml, capsys):
    printed(capsys, "convert", toml, toml.with_name("out.cfg"), "--set", "model.size=[3,2,1]", "--set", "model.field=1")
    h = formats.read(toml.with_name("out.cfg"))
    assert h.lattice.size == (3, 2, 1)
    assert h.field == pytest.approx((0, 0, 1))


def test_what_a_format_has_no_place_for_is_told_on_stderr(toml, capsys):
    code, out, err = here(capsys, "convert", toml, toml.with_name("exchange.out"))
    assert code == 0
    assert out.strip() == str(toml.with_name("exchange.out"))
    notes = err.splitlines()
    assert all(line.startswith("note: ") for line in notes)
    assert any("field" in line for line in notes)
    assert any("6 x 5 x 1" in line for line in notes)


def test_nothing_is_overwritten_unasked(toml, capsys):
    out = toml.with_name("out.ucf")
    toml.with_name("out.mat").write_text("mine")
    assert "out.mat: exists" in refused(capsys, "convert", toml, out)
    assert not out.exists()
    assert toml.with_name("out.mat").read_text() == "mine"
    assert "in.toml: exists" in refused(capsys, "convert", toml, toml)
    printed(capsys, "convert", toml, out, "--overwrite")
    assert formats.read(toml.with_name("input")).lattice.size == (6, 5, 1)


def test_the_model_of_a_run_is_converted(finished, tmp_path, capsys):
    printed(capsys, "convert", finished, tmp_path / "again.toml")
    again, stored = formats.read(tmp_path / "again.toml"), storage.read(finished)
    for elite in stored.elites:
        assert float(energy(again, elite.spins)) == pytest.approx(elite.energy, rel=1e-12)


@pytest.mark.parametrize("name", ["s.npy", "s.ovf", "s.xyz", "s.restart", "restart.s.out"])
def test_elites_are_converted_to_files_of_spins(finished, tmp_path, capsys, name):
    """By themselves, since a run knows its model; and from there to any other kind, with the model named."""
    elite, model = storage.read(finished).elites[1], finished.with_name("in.toml")
    printed(capsys, "convert", f"{finished}:1", tmp_path / name)
    lattice = formats.read(model).lattice
    assert np.allclose(formats.read_spins(tmp_path / name, lattice), elite.spins, rtol=0, atol=1e-12)
    printed(capsys, "convert", tmp_path / name, tmp_path / "b.ovf", "--model", model)
    assert np.allclose(formats.read_spins(tmp_path / "b.ovf", lattice), elite.spins, rtol=0, atol=1e-12)
    told = json.loads(printed(capsys, "energy", model, "--spins", tmp_path / name, "--json"))
    assert told["energy_per_site"] == pytest.approx(elite.energy / 30, rel=1e-9)


def test_champions_of_a_scan_are_converted_by_their_column(tmp_path, capsys):
    path, made = tmp_path / "scan.h5", grown(scan(fields=FIELDS))
    storage.write_scan(path, made)
    printed(capsys, "convert", f"{path}:2", tmp_path / "a.npy")
    assert np.array_equal(np.load(tmp_path / "a.npy"), made.columns[2].minima[0].texture)
    assert "no champion of column 9" in refused(capsys, "convert", f"{path}:9", tmp_path / "b.npy")


def test_ovf_may_be_text_or_single_precision(finished, tmp_path, capsys):
    for kind, line in (("ovf-text", b"# Begin: Data Text\n"), ("ovf-binary4", b"# Begin: Data Binary 4\n")):
        printed(capsys, "convert", finished, tmp_path / kind, "--to", kind)
        assert line in (tmp_path / kind).read_bytes()


def test_moments_come_from_the_model_that_is_named(finished, tmp_path, capsys):
    """UppASD's restart files hold |m|; another model may own the spins of a run."""
    (tmp_path / "other.toml").write_text(MODEL.replace("moment = 2.0", "moment = 3.5"))
    printed(capsys, "convert", finished, tmp_path / "s.restart", "--model", tmp_path / "other.toml")
    assert np.allclose(np.loadtxt(tmp_path / "s.restart")[:, 3], 3.5)


def test_what_was_odd_about_spins_is_a_note(finished, tmp_path, capsys):
    lattice = storage.read(finished).hamiltonian.lattice
    formats.write_spins(tmp_path / "a.ovf", 2 * storage.read(finished).elites[0].spins, formats.read(
        finished.with_name("in.toml")))  # fmt: skip
    model = finished.with_name("in.toml")
    code, _, err = here(capsys, "convert", tmp_path / "a.ovf", tmp_path / "b.npy", "--model", model)
    assert code == 0
    assert err == f"note: {tmp_path / 'a.ovf'}: vectors have the length 2 and are normalised\n"
    assert len(formats.read_spins(tmp_path / "b.npy", lattice)) == 30


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("{spins}", "{folder}/s.ovf"), "says nothing of the lattice of its spins; give the model they belong to"),
        (("{toml}", "{folder}/s.ovf", "--model", "{toml}"), "in.toml"),
        (("{toml}", "{folder}/s.cfg", "--model", "{toml}"), "--model: belongs to spins"),
        (("{run}", "{folder}/s.cfg", "--set", "model.moment=1"), "model.moment cannot be set for this format"),
        (("{run}:9", "{folder}/s.ovf"), "elites 0 to"),
        (("{folder}/none.h5", "{folder}/s.ovf"), "no such file"),
        (("{folder}/none.toml", "{folder}/s.cfg"), "No such file"),
        (("{folder}", "{folder}/s.cfg"), "inpsd.dat: cannot be read: No such file"),
        (("{spins}", "{folder}/s.cfg"), "is not a model in a supported format; expected one of"),
        (
            ("{toml}", "{folder}/s.md"),
            "s.md: cannot infer the format from the file name; expected one of toml, uppasd, tb2j, spirit, vampire",
        ),
        (("{toml}", "{folder}/in.toml/s.cfg"), "in.toml: cannot be written"),
        (("{cubic}", "{folder}/s.cfg", "--set", "model.vacancies=[3]"), "vacanc"),
        (("{cubic}", "{folder}/exchange.out"), "cubic"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_what_makes_no_sense_is_refused_in_one_line(finished, toml, capsys, arguments, told):
    folder = toml.parent
    np.save(folder / "spins.npy", np.tile([0.0, 0.0, 1.0], (30, 1)))
    (folder / "cubic.toml").write_text(MODEL.replace("anisotropy", "cubic").replace("K = 0.1", "Kc = 0.1"))
    names = {"toml": toml, "folder": folder, "run": finished}
    names |= {"spins": folder / "spins.npy", "cubic": folder / "cubic.toml"}
    assert told in refused(capsys, "convert", *(a.format(**names) for a in arguments))
    assert sorted(p.name for p in folder.iterdir()) == ["cubic.toml", "in.toml", "spins.npy"]


# -- every command takes the files of other codes ----------------------------------------------------------------------


@pytest.fixture
def others(toml: Path) -> dict[str, Path]:
    """A file of each code; TB2J's and UppASD's by conversion."""
    folder = toml.parent
    (folder / "a.cfg").write_text(CFG)
    (folder / "a.ucf").write_text(UCF)
    (folder / "a.mat").write_text(MAT)
    formats.write(formats.read(toml), folder / "exchange.out")
    formats.write(formats.read(toml), folder / "uppasd")
    paths = {"spirit": "a.cfg", "vampire": "a.ucf", "tb2j": "exchange.out", "uppasd": "uppasd/inpsd.dat"}
    return {name: folder / path for name, path in paths.items()} | {"toml": toml}


def test_info_says_what_was_assumed(others, capsys):
    told = {name: json.loads(printed(capsys, "info", path, "--json")) for name, path in others.items()}
    assert [told[name]["format"].split(",")[0] for name in ("spirit", "vampire", "tb2j", "uppasd")] == [
        "Spirit", "VAMPIRE", "TB2J", "UppASD",
    ]  # fmt: skip
    for name, path in others.items():
        text = printed(capsys, "info", path)
        assert told[name]["format"] in text
        assert all(line in text for line in told[name]["conventions"].splitlines())
        assert all(note in text for note in told[name]["notes"]), "brackets are no markup"
        assert len(text.splitlines()) < 40, "one screen"
    assert "--set model.size=[n1,n2,n3]" in printed(capsys, "info", others["tb2j"])


@pytest.mark.parametrize("name", ["spirit", "vampire", "tb2j"])
def test_run_and_energy_take_the_files_of_other_codes(others, capsys, name):
    out = others["toml"].with_name("out.h5")
    size = ["--set", "model.size=[4,4,1]"] if name != "vampire" else ["--set", "model.size=[4,1,1]"]
    limits = [f"--set=search.{limit}" for limit in ("generations=1", "replicas=4", "elites=1")]
    printed(capsys, "run", others[name], "-o", out, *size, *limits)
    champion = storage.read(out).elites[0]
    told = json.loads(printed(capsys, "energy", others[name], "--spins", out, "--json", *size))
    assert told["energy_per_site"] == pytest.approx(champion.energy / len(champion.spins), rel=1e-12)
    assert storage.read(out).input_text == others[name].read_text()


def test_field_and_edges_can_be_set_for_every_format(others, capsys):
    for path in others.values():
        set_ = ["--set", "model.field=[0,1,2]", "--set", "model.periodic=[true,false,false]"]
        told = json.loads(printed(capsys, "info", path, "--json", *set_))
        assert told["periodic"] == [True, False, False]
        assert told["field"] == [0, 1, 2]
    assert "three of true and false" in refused(capsys, "info", others["spirit"], "--set", "model.periodic=[1,0,0]")
    assert "model.lattice cannot be set" in refused(capsys, "info", others["spirit"], "--set", "model.lattice=sc")
