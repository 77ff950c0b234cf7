"""The command line, as a user and as a script see it: what is printed, what is stored, and exit codes."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from command import MODEL, here, magsearch, printed, refused
from oracle import energies, random_textures

from magsearch import formats, storage
from magsearch.engine.choice import choose
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.formats import write_restart
from magsearch.observables.propagation import described, propagation_vectors
from magsearch.operators import OPERATORS, HostOperator
from magsearch.units import MU_B


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """An input, its finished run, and what the run printed into a batch log."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "in.toml").write_text(MODEL)
    return folder / "in.toml", folder / "in.h5", magsearch("run", "in.toml", where=folder).stdout


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    path = tmp_path / "in.toml"
    path.write_text(MODEL)
    return path


# -- run ---------------------------------------------------------------------------------------------------------------


def test_batch_log_has_a_plain_line_for_each_generation(finished):
    _, out, log = finished
    assert out.exists(), "named after the input where no -o is given"
    assert "\x1b" not in log
    lines = [line for line in log.splitlines() if line.startswith("generation ")]
    assert len(lines) == 2
    best = storage.read(out).history["best"][:, 0]
    for k, line in enumerate(lines):
        found = re.fullmatch(r"generation +(\d+)  best (-\d+\.\d+) .* charge .* by \w+  [\d.]+ s", line)
        assert found, line
        assert int(found[1]) == k
        assert float(found[2]) == pytest.approx(best[k], abs=1e-6)
    assert "stopped: 2 generations done" in log
    assert "lattice    6 x 5 x 1 cells" in log


def test_run_names_the_phase_of_its_champion_and_the_commands_that_draw_it(finished):
    _, out, log = finished
    champion = storage.read(out).elites[0]
    assert f"\nphase {champion.phase}" in log
    assert f"\nfinished: {storage.read(out).stopped}" in log
    assert f"magsearch plot {out.name} -o {out.with_suffix('.png').name}" in log
    assert f"magsearch report {out.name} -o {out.with_suffix('.html').name}" in log


def test_a_run_under_way_shows_no_more_digits_than_it_has(finished, tmp_path, capsys):
    record, path = storage.read(finished[1]), tmp_path / "run.h5"
    storage.write(path, replace(record, stopped=None))
    energy = record.elites[0].energy / record.hamiltonian.n_spins
    assert f"  {energy:.5f} " in printed(capsys, "show", path)
    assert "not finished" in printed(capsys, "show", path)
    assert f"  {energy:.8f} " in printed(capsys, "show", finished[1])


@pytest.mark.parametrize("command", ["info", "cells", "bound", "check"])
def test_a_run_is_a_model_too(command, finished, capsys):
    toml, out, _ = finished
    of_run = here(capsys, command, out, "--json", "--set", "model.field=1.5")
    of_input = here(capsys, command, toml, "--json", "--set", "model.field=1.5")
    given, wanted = json.loads(of_run[1]), json.loads(of_input[1])
    for key in ("field", "shells", "softest_q", "soft_modes", "bound_per_site", "findings"):
        assert given.get(key) == wanted.get(key)
    assert of_run[0] == of_input[0]


def test_a_run_is_not_begun_from_a_run(finished, capsys):
    assert "--resume" in refused(capsys, "run", finished[1])
    assert "--resume" in refused(capsys, "scan", finished[1])


def test_info_numbers_shells_as_an_input_does(toml, capsys):
    shells = json.loads(printed(capsys, "info", toml, "--json"))["shells"]
    assert [(one["shell"], one["distance"], one["pairs"]) for one in shells] == [
        (1, 1.0, 2),
        (2, pytest.approx(2**0.5), 2),
    ]
    assert [one["J"][0] for one in shells] == pytest.approx([1.0, -0.2])
    assert [one["D"][1] for one in shells] == pytest.approx([0.4, 0.0])


def test_run_as_json_prints_json_alone_and_the_log_to_stderr(toml, capsys):
    code, out, log = here(capsys, "run", toml, "--json", "-o", toml.with_name("out.h5"), "--device", "cpu")
    assert code == 0
    assert json.loads(out) == json.loads(printed(capsys, "show", toml.with_name("out.h5"), "--json"))
    assert "generation    1" in log


def test_settings_on_the_command_line_are_stored(toml, capsys):
    out = toml.with_name("a.h5")
    printed(
        capsys,
        "run",
        toml,
        "-o",
        out,
        "--set",
        "search.generations=1",
        "--set",
        "model.size=[4,3,1]",
        "--set",
        "search.seed=7",
    )
    stored = storage.read(out)
    assert stored.settings["search"]["seed"] == 7
    assert stored.hamiltonian.lattice.size == (4, 3, 1)
    assert len(stored.history["best"]) == 1
    assert stored.input_text == MODEL
    assert "search.seed=7" in stored.command


def test_same_command_same_elites(toml, capsys):
    for name in ("a.h5", "b.h5"):
        printed(capsys, "run", toml, "-o", toml.with_name(name))
    a, b = (storage.read(toml.with_name(name)) for name in ("a.h5", "b.h5"))
    assert [e.spins.tobytes() for e in a.elites] == [e.spins.tobytes() for e in b.elites]


def test_existing_run_is_left_as_it_is(toml, capsys):
    out = toml.with_name("out.h5")
    out.write_bytes(b"years of work")
    assert "exists" in refused(capsys, "run", toml, "-o", out)
    assert out.read_bytes() == b"years of work"
    printed(capsys, "run", toml, "-o", out, "--overwrite", "--set", "search.generations=1")
    assert len(storage.read(out).elites) >= 1


def test_seconds_limit_a_run(toml, capsys):
    out = toml.with_name("out.h5")
    printed(capsys, "run", toml, "-o", out, "--set", "search.seconds=0.001", "--set", "search.generations=100000")
    assert str(storage.read(out).stopped) == "0.001 seconds spent"


# -- show, plot, info --------------------------------------------------------------------------------------------------


def test_show_as_json(finished, capsys):
    _, out, _ = finished
    shown, stored = json.loads(printed(capsys, "show", out, "--json")), storage.read(out)
    champion, elites = shown["champion"], shown["elites"]
    assert champion == elites[0]
    assert len(elites) == len(stored.elites)
    found = [elite["energy_per_site"] for elite in elites]
    assert found == sorted(found)
    stiffness = Evaluator(stored.hamiltonian, Cpu(), np.float64).stiffness
    for elite, one in zip(elites, stored.elites, strict=True):
        whole = sum(float(term) for term in energies(stored.hamiltonian, one.spins).values())
        assert elite["energy_per_site"] == pytest.approx(whole / 30, rel=1e-12)
        assert elite["magnetization"] == pytest.approx(one.spins.mean(axis=0).tolist(), abs=1e-12)
        assert elite["torque"] < 1e-8 * stiffness
    assert isinstance(champion["charge"], float)
    assert shown["stopped"] == "2 generations done"
    assert shown["seconds"] > 0
    assert shown["device"] == choose("auto").description
    assert shown["field"] == [0, 0, 3]
    assert shown["sites"] == 30


def test_show_prints_json_as_the_standard_has_it(toml, capsys):
    out = toml.with_name("out.h5")
    printed(capsys, "run", toml, "-o", out, "--set", "model.lattice=triangular", "--set", "model.exchange=[{J=-1.0}]")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    json.loads(printed(capsys, "show", out, "--json"), parse_constant=refuse)


def test_show_as_text_has_a_row_for_each_elite(finished, capsys):
    _, out, _ = finished
    text, stored = printed(capsys, "show", out), storage.read(out)
    assert f"{stored.elites[0].energy / 30:.8f}"[:8] in text
    assert "2 generations" in text


def test_waves_of_the_champion_are_shown_and_stored(finished, capsys):
    _, out, log = finished
    champion = storage.read(out).elites[0]
    shown = json.loads(printed(capsys, "show", out, "--json"))
    heaviest = next((arm for arm in shown["propagation_vectors"] if arm["wavelength"]), None)
    assert champion.wave == pytest.approx(heaviest["vector"] if heaviest else [0, 0, 0])
    assert shown["champion"]["wave_vector"] == champion.wave.tolist()
    assert f"\nwaves {described(propagation_vectors(storage.read(out).hamiltonian.lattice, champion.spins))}" in log


def test_a_phase_that_two_rules_name_is_explained_by_the_one_that_holds(tmp_path, capsys):
    """A staggered cell of two atoms is an antiferromagnet without a Bragg peak, one with q = 1/2 has a peak."""
    path, out = tmp_path / "in.toml", tmp_path / "in.h5"
    for lattice, why in (("honeycomb", "collinear sublattices of one cell"), ("square", "one Bragg peak")):
        path.write_text(f'[model]\nlattice = "{lattice}"\nsize = [4, 4, 1]\n[[model.exchange]]\nJ = -1.0\n')
        printed(capsys, "run", path, "-o", out, "--overwrite", "--set", "search.generations=1")
        assert re.search(f"\nphase antiferromagnet[^\n]*: {why}", printed(capsys, "show", out))


@pytest.mark.parametrize(
    ("command", "ending"),
    [(("plot",), ".png"), (("plot", "--what", "structure"), "-structure.png"), (("report",), ".html")],
)
def test_a_picture_or_page_is_named_after_the_run_and_replaces_nothing(finished, tmp_path, capsys, command, ending):
    run, made = tmp_path / "run.h5", tmp_path / f"run{ending}"
    shutil.copy(finished[1], run)
    made.write_text("of the user")
    assert f"{made}: exists" in refused(capsys, command[0], run, *command[1:])
    assert made.read_text() == "of the user"
    assert printed(capsys, command[0], run, *command[1:], "--overwrite").strip() == str(made)
    made.unlink()
    assert printed(capsys, command[0], run, *command[1:]).strip() == str(made)


def test_minima_are_listed_with_phase_degeneracy_and_stability(finished, capsys):
    """The field breaks time reversal, the box every rotation: of a ferromagnet there is one."""
    _, out, _ = finished
    text, stored = printed(capsys, "show", out, "--minima"), storage.read(out)
    shown = json.loads(printed(capsys, "show", out, "--minima", "--json"))
    assert len(shown["minima"]) == len(stored.elites)
    for listed, elite in zip(shown["minima"], stored.elites, strict=True):
        assert listed["energy_per_site"] == pytest.approx(elite.energy / 30)
        assert (listed["label"], listed["degeneracy"]) == (elite.phase, elite.degeneracy.copies)
        assert listed["continuous"] == elite.degeneracy.continuous
        assert listed["stability"] == elite.stability.kind
        assert elite.phase in text
        assert str(elite.degeneracy) in text


def test_stripes_of_an_easy_axis_are_four(tmp_path, capsys):
    """Square J1-J2 with J2 = J1: along x or y, and reversed. E = 2 J2 - K per site, antiferromagnetic J2 = -1."""
    model = tmp_path / "in.toml"
    model.write_text(MODEL.split("[[model.dmi]]")[0].replace("[6, 5, 1]", "[6, 6, 1]").replace("3.0]", "0.0]"))
    run = printed(
        capsys, "run", model, "-o", tmp_path / "run.h5", "--json", "--set", "model.exchange=[{J=[-1.0, -1.0]}]",
        "--set", "model.anisotropy=[{K=0.1}]", "--set", "search.generations=4", "--set", "search.replicas=24",
    )  # fmt: skip
    assert json.loads(run)["champion"]["energy_per_site"] == pytest.approx(-2.1, abs=1e-9)
    (stripes, *_) = json.loads(printed(capsys, "show", tmp_path / "run.h5", "--minima", "--json"))["minima"]
    assert (stripes["degeneracy"], stripes["continuous"], stripes["stability"]) == (4, False, "minimum")
    assert stripes["label"] == "antiferromagnet"


def test_minima_of_a_run_that_goes_on_are_not_counted_yet(finished, capsys, tmp_path):
    _, out, _ = finished
    begun = storage.read(out)
    begun = replace(
        begun, stopped=None, elites=tuple(replace(e, degeneracy=None, stability=None) for e in begun.elites)
    )
    storage.write(tmp_path / "begun.h5", begun)
    assert "known once the run has ended" in printed(capsys, "show", tmp_path / "begun.h5", "--minima")
    shown = json.loads(printed(capsys, "show", tmp_path / "begun.h5", "--minima", "--json"))
    assert {listed["degeneracy"] for listed in shown["minima"]} == {None}


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_plot_draws_a_picture(finished, tmp_path, capsys, suffix):
    _, out, _ = finished
    picture = tmp_path / f"champion.{suffix}"
    assert printed(capsys, "plot", out, "-o", picture).strip() == str(picture)
    begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}
    assert picture.read_bytes().startswith(begins[suffix])


def test_report_is_written(finished, tmp_path, capsys):
    pytest.importorskip("bokeh", reason="no bokeh: pip install 'magsearch[report]'")
    assert printed(capsys, "report", finished[1], "-o", tmp_path / "a.html").strip() == str(tmp_path / "a.html")
    assert "<!doctype html>" in (tmp_path / "a.html").read_text()


def test_a_missing_extra_is_told_with_the_command_that_installs_it(finished, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("magsearch.cli.arguments.find_spec", lambda name: None)
    assert "pip install 'magsearch[report]'" in refused(capsys, "report", finished[1], "-o", tmp_path / "a.html")


def test_info_as_json(toml, capsys):
    told = json.loads(printed(capsys, "info", toml, "--json"))
    assert told["sites"] == 30
    assert told["bonds_per_site"] == 8
    assert told["range"] == pytest.approx(np.sqrt(2))
    assert told["size"] == [6, 5, 1]
    assert told["periodic"] == [True, True, False]
    assert told["path"] in ("direct", "fourier")
    assert told["bytes_per_replica"] >= 2 * 3 * 4 * 30
    hamiltonian = formats.read(toml)
    soft = told["softest_q"]
    [A] = hamiltonian.quadratic
    largest = np.linalg.eigvalsh(hamiltonian.fourier([soft["q"]])[0] + 2 * A)[-1]
    assert soft["energy_per_site"] == pytest.approx(-largest / 2)
    assert "softest q" in printed(capsys, "info", toml)


@dataclass(frozen=True)
class Reversed(HostOperator):
    """Reversed parent."""

    parents: int = 1

    def texture(self, crystal, parents, random):
        return -parents[0]


def test_info_names_operators_that_run_on_the_host(toml, capsys, monkeypatch):
    assert json.loads(printed(capsys, "info", toml, "--json"))["host_operators"] == []
    assert "on host" not in printed(capsys, "info", toml)
    monkeypatch.setitem(OPERATORS, "Reversed", Reversed)
    mixture = "search.operators={HeatPatch=1, Reversed=2}"
    assert json.loads(printed(capsys, "info", toml, "--json", "--set", mixture))["host_operators"] == ["Reversed"]
    assert "on host    Reversed" in printed(capsys, "info", toml, "--set", mixture)


# -- energy ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def texture(toml: Path) -> np.ndarray:
    spins = random_textures(formats.read(toml), 1)[0]
    np.save(toml.with_name("spins.npy"), spins)
    return spins


def test_energy_by_term(toml, texture, capsys):
    told = json.loads(printed(capsys, "energy", toml, "--spins", toml.with_name("spins.npy"), "--json"))
    expected = energies(formats.read(toml), texture)
    assert told["terms"].keys() == {"exchange", "dmi", "anisotropy", "zeeman"}
    for name, value in told["terms"].items():
        assert value == pytest.approx(float(expected[name]) / 30, abs=1e-12)
    assert told["energy_per_site"] == pytest.approx(sum(told["terms"].values()), abs=1e-12)
    assert told["unit"] == "meV"
    assert told["torque"] > 0.1


def test_energy_of_a_ferromagnet_on_paper(toml, capsys):
    """Four J1, four J2, K and the moment in the field; a uniform texture has no DMI energy and no torque."""
    np.save(toml.with_name("up.npy"), np.tile([0.0, 0.0, 1.0], (30, 1)))
    told = json.loads(printed(capsys, "energy", toml, "--spins", toml.with_name("up.npy"), "--json"))
    assert told["terms"]["exchange"] == pytest.approx(-2 * (1.0 - 0.2), abs=1e-12)
    assert told["terms"]["dmi"] == pytest.approx(0, abs=1e-12)
    assert told["terms"]["anisotropy"] == pytest.approx(-0.1, abs=1e-12)
    assert told["terms"]["zeeman"] == pytest.approx(-MU_B * 2.0 * 3.0, abs=1e-12)
    assert told["torque"] == pytest.approx(0, abs=1e-12)


def test_energy_in_millirydberg(toml, texture, capsys):
    told = [
        json.loads(printed(capsys, "energy", toml, "--spins", toml.with_name("spins.npy"), "--json", "--unit", u))
        for u in ("meV", "mRy")
    ]
    for name in ("energy_per_site", "torque"):
        assert told[0][name] / told[1][name] == pytest.approx(13.605693, abs=1e-6)
    for name in told[0]["terms"]:
        assert told[0]["terms"][name] / told[1]["terms"][name] == pytest.approx(13.605693, abs=1e-6)
    assert told[1]["unit"] == "mRy"


def test_energy_of_a_restart_file_is_that_of_the_array(toml, texture, capsys):
    write_restart(toml.with_name("restart.out"), texture, np.full(30, 2.0))
    a, b = (
        json.loads(printed(capsys, "energy", toml, "--spins", toml.with_name(n), "--json"))
        for n in ("spins.npy", "restart.out")
    )
    assert a["energy_per_site"] == pytest.approx(b["energy_per_site"], abs=1e-12)


def test_energy_of_an_elite_is_the_stored_one(finished, capsys):
    toml, out, _ = finished
    shown = json.loads(printed(capsys, "show", out, "--json"))["elites"]
    for name, elite in ((out, shown[0]), *((f"{out}:{k}", e) for k, e in enumerate(shown))):
        told = json.loads(printed(capsys, "energy", toml, "--spins", name, "--json"))
        assert told["energy_per_site"] == pytest.approx(elite["energy_per_site"], rel=1e-12)
        assert told["torque"] == pytest.approx(elite["torque"], abs=1e-9)


def test_energy_as_text(toml, texture, capsys):
    text = printed(capsys, "energy", toml, "--spins", toml.with_name("spins.npy"), "--unit", "mRy")
    assert [line.split()[0] for line in text.splitlines()] == [
        "total",
        "exchange",
        "dmi",
        "anisotropy",
        "zeeman",
        "torque",
    ]
    assert text.count("mRy per site") == 5


# -- errors are one line, with exit code 2 -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "{none}.toml"), "No such file"),
        (("run", "{toml}", "-o", "{folder}/a.xdmf"), "belongs to viewers"),
        (("plot", "{out}", "-o", "a.png", "--what", "textre"), "unknown picture 'textre'; did you mean 'texture'?"),
        (("plot", "{run}", "-o", "a.png", "--tiles", "2"), "expected two numbers from 1 to 50"),
        (("plot", "{run}", "-o", "a.png", "--width", "0"), "expected 1 to 50 inches"),
        (("plot", "{run}", "-o", "a.png", "--dpi", "0"), "expected 10 to 10000 pixels"),
        (("plot", "{run}", "-o", "a.png", "--plane", "z"), "is not a plane; expected a cell axis and a layer"),
        (("run", "{folder}"), "directory"),
        (("run", "{toml}", "-o", "{out}", "--device", "abacus"), "abacus"),
        (("run", "{toml}", "-o", "{out}", "--set", "search.sede=1"), "unknown key 'sede'"),
        (("run", "{toml}", "-o", "{out}", "--set", "search.seed"), "table.key=value"),
        (("run", "{toml}", "-o", "{out}", "--set", "model.field=nan"), "field is nan"),
        (("run", "{toml}", "-o", "{out}", "--set", "search.seconds=inf"), "seconds is inf"),
        (("run", "{toml}", "-o", "{out}", "--set", "model.exchange=[{J=nan}]"), "nan"),
        (("info", "{toml}", "--set", "model.size=[4,4]"), "size"),
        (("info", "{none}.dat"), "No such file"),
        (("energy", "{toml}", "--spins", "{none}.npy"), "No such file"),
        (("energy", "{toml}", "--spins", "{none}.h5"), "no such file"),
        (("energy", "{toml}", "--spins", "{none}.h5:2"), "no such file"),
        (("energy", "{toml}", "--spins", "{toml}"), "in.toml"),
        (("energy", "{toml}", "--spins", "{few}"), "30"),
        (("energy", "{toml}", "--spins", "{nan}"), "length nan"),
        (("energy", "{toml}", "--spins", "{long}"), "unit vector"),
        (("energy", "{toml}", "--spins", "{run}:99"), "elites 0 to"),
        (("energy", "{toml}", "--spins", "{run}", "--set", "model.size=[3,3,1]"), "9 sites"),
        (("energy", "{toml}", "--spins", "{run}", "--unit", "eV"), "eV"),
        (("show", "{none}.h5"), "no such file"),
        (("show", "{toml}"), "HDF5"),
        (("show", "{folder}"), "is a folder; expected the name of a file"),
        (("plot", "{none}.h5", "-o", "{out}.png"), "no such file"),
        (("plot", "{run}", "-o", "{out}.xyz"), ".png"),
        (("report", "{none}.h5", "-o", "{out}.html"), "no such file"),
        (("report", "{run}", "-o", "{none}/a.html"), "a.html"),
        (("plot", "{run}", "-o", "{none}/a.png"), "a.png"),
        (("plot", "{run}", "-o", "{out}.png", "--elite", "99"), "elites 0 to"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_wrong_input_is_told_in_one_line(finished, toml, capsys, arguments, told):
    folder = toml.parent
    spins = np.tile([0.0, 0.0, 1.0], (30, 1))
    np.save(folder / "few.npy", spins[:4])
    np.save(folder / "long.npy", 1.5 * spins)
    np.save(folder / "nan.npy", np.where(np.arange(30)[:, None] == 7, np.nan, spins))
    names = {n: folder / f"{n}.npy" for n in ("few", "long", "nan")}
    names |= {"toml": toml, "folder": folder, "none": folder / "none", "out": folder / "out.h5", "run": finished[1]}
    filled = [a if "[{" in a else a.format(**names) for a in arguments]
    assert told in refused(capsys, *filled)
    assert not (folder / "out.h5").exists()


def test_place_that_cannot_be_written_is_told_before_the_run(toml, capsys):
    code, out, err = here(capsys, "run", toml, "-o", toml.parent / "none" / "out.h5")
    assert code == 2
    assert "generation" not in out
    assert re.fullmatch(r"magsearch: \S+out.h5: the folder \S+none does not exist; .*\n", err)


def test_gpu_that_is_not_there_is_told_in_one_line(toml, capsys):
    try:
        choose("cuda")
    except RuntimeError:
        assert "cuda" in refused(capsys, "run", toml, "-o", toml.with_name("out.h5"), "--device", "cuda")
    else:
        assert "cuda:77" in refused(capsys, "run", toml, "-o", toml.with_name("out.h5"), "--device", "cuda:77")


@pytest.mark.parametrize(
    "settings",
    [("model.vacancies=[3]", "search.path=fourier"), ("model.size=[1000000,1000000,10]",)],
    ids=["no Fourier path", "too large"],
)
def test_impossible_settings_are_told_in_one_line(toml, capsys, settings):
    refused(capsys, "run", toml, "-o", toml.with_name("out.h5"), *(a for s in settings for a in ("--set", s)))


def test_usage_errors_exit_with_two(capsys):
    for arguments in (("frobnicate",), ("run",), ("show", "a.h5", "--frobnicate"), ("energy", "in.toml")):
        code, _, err = here(capsys, *arguments)
        assert code == 2
        assert "Traceback" not in err


def test_help_names_every_command(capsys):
    text = printed(capsys, "--help")
    assert all(command in text for command in ("run", "energy", "info", "show", "plot", "convert"))
