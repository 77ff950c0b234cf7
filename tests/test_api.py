"""The Python API: searches from a script find and store what the command does, alone and under mpiexec."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from processes import MODEL, differences, done, launcher
from records import made_early

import magsearch as ms
from magsearch import storage
from magsearch.errors import InputError
from magsearch.search import stopping
from magsearch.search.stopping import GenerationsSpent, Reason, Stored

ROOT = Path(__file__).parent.parent
PROGRAM = """\
import os
import sys
from pathlib import Path
import magsearch as ms

model = ms.read(sys.argv[1]).with_size((8, 8, 1))
result = ms.search(model, seed=1, islands=2, replicas=8, generations=4, minima=8)
if ms.is_first_rank():
    print(result)
champion = result.champion
said = f"{champion.spins.sum(axis=0).tolist()} {champion.energy_per_site.hex()} {champion.phase}"
Path(f"{sys.argv[2]}.{os.getpid()}.said").write_text(said)  # ranks may interrupt each other's lines on the terminal
result.plot(sys.argv[2] + ".png")
result.save(sys.argv[2])
"""
SETTINGS = ("search.seed=1", "islands.count=2", "search.replicas=8", "search.generations=4", "search.minima=8")


def options(*settings: str) -> list[str]:
    return [word for setting in settings for word in ("--set", setting)]


def script(text: str, *arguments: object, ranks: int = 0, code: int = 0) -> subprocess.CompletedProcess[str]:
    """A program of a user."""
    command = [*launcher(ranks), sys.executable, "-c", text, *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env)
    assert ended.returncode == code, ended.stderr
    return ended


@pytest.fixture(scope="module")
def commanded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command stores for the model and the settings of PROGRAM."""
    out = tmp_path_factory.mktemp("commanded") / "run.h5"
    exchange = ROOT / "examples" / "5_exchange.out"
    if not exchange.exists():
        pytest.skip("the examples are not installed")
    done("run", exchange, "-o", out, *options("model.size=[8,8,1]", *SETTINGS))
    return out


@pytest.mark.parametrize("ranks", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_a_program_finds_and_stores_what_the_command_does(commanded, ranks, tmp_path):
    out = tmp_path / "run.h5"
    ended = script(PROGRAM, ROOT / "examples" / "5_exchange.out", out, ranks=ranks)
    assert differences(commanded, out) <= {"config/text"}, "a Hamiltonian does not know its input"
    champion = storage.read(commanded).elites[0]
    said = f"{champion.spins.sum(axis=0).tolist()} {champion.energy_per_site.hex()} {champion.phase}"
    ranks_said = [path.read_text() for path in tmp_path.glob("*.said")]
    assert ranks_said == [said] * max(ranks, 1), "the same champion on every rank"
    assert ended.stderr.count("generation    2 ") == 1, "one rank reports progress"
    assert ended.stdout.count("meV per site") == 2, "energy and gap"
    assert Path(f"{out}.png").stat().st_size > 0


@pytest.fixture(scope="module")
def toml(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toml") / "in.toml"
    path.write_text(MODEL.replace("generations = 12", "generations = 6"))
    return path


@pytest.fixture(scope="module")
def found(toml) -> ms.Result:
    return ms.search(toml, store=toml.with_suffix(".h5"), progress=False)


def test_a_file_is_searched_with_its_own_settings(toml, found, tmp_path):
    out = tmp_path / "run.h5"
    done("run", toml, "-o", out)
    assert differences(out, toml.with_suffix(".h5")) == set()
    assert found.stopped == GenerationsSpent(6)


def test_a_result_survives_its_file(toml, found, tmp_path):
    loaded = ms.load(toml.with_suffix(".h5"))
    loaded.save(tmp_path / "copy.h5")
    assert differences(toml.with_suffix(".h5"), tmp_path / "copy.h5") == set()
    assert loaded.stopped == Stored(str(found.stopped), found.stopped.code)
    assert np.array_equal(loaded.champion.spins, found.champion.spins)
    assert repr(loaded) == repr(found)
    assert loaded.gap >= 0
    assert loaded.bound.per_site <= loaded.champion.energy_per_site
    with pytest.raises(ms.InputError, match="exists"):
        loaded.save(tmp_path / "copy.h5")


def test_a_result_in_memory_stores_the_same_file(toml, found, tmp_path):
    ms.search(toml, progress=False).save(tmp_path / "saved.h5")
    assert differences(toml.with_suffix(".h5"), tmp_path / "saved.h5") == set()


def test_a_saved_result_resumes_as_the_command_does(found, toml, tmp_path):
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    for path in (one, other):
        found.save(path)
    ms.resume(one, generations=8, progress=False)
    done("run", "--resume", other, "--set", "search.generations=8")
    assert differences(one, other) == set()
    assert len(ms.load(one).history) == 8
    with pytest.raises(ms.InputError, match=r"search\.seed cannot change"):
        ms.resume(one, seed=2, progress=False)


def test_textures_begin_a_search(toml, found):
    again = ms.search(toml, initial=[found.champion.spins], generations=1, progress=False)
    assert again.champion.energy_per_site <= found.champion.energy_per_site + 1e-9
    with pytest.raises(ms.InputError, match=r"initial: has the shape \(1, 3\); expected \(64, 3\)"):
        ms.search(toml, initial=[np.ones((1, 3))], progress=False)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"sede": 3}, "sede"),
        ({"replicas": "many"}, "replicas"),
        ({"islands": {"topologi": "ring"}}, "topologi"),
        ({"islands": {"count": 0}}, "count"),
        ({"checkpoints": {"share": 2.0}}, "share"),
        ({"backend": {"name": "heat-bath"}}, "temperature"),
        ({"gap": 1.0, "bound": False}, "search.gap"),
    ],
)
def test_wrong_settings_are_named(toml, settings, key):
    with pytest.raises(ms.InputError, match=key):
        ms.search(toml, progress=False, **settings)


def test_progress_is_reported_on_standard_error_or_not_at_all(toml, capfd):
    small = {"generations": 1, "islands": 1, "elites": 1}
    ms.search(toml, progress=False, **small)
    assert capfd.readouterr() == ("", "")
    ms.search(toml, **small)
    out, err = capfd.readouterr()
    assert out == ""
    assert "generation    0 " in err


def test_results_and_models_print_themselves(found):
    text, html = repr(found), found._repr_html_()
    for word in (f"{found.champion.energy_per_site:.9f}", found.champion.phase, str(found.stopped), "6 generations"):
        assert word in text
        assert word in html
    assert html.startswith("<table>")
    assert found.plot()._repr_png_().startswith(b"\x89PNG")
    for thing in (found.model, found.champion, found.history):
        assert len(repr(thing)) < 1000, type(thing)
    assert "8 x 8 x 1" in repr(found.model)
    assert "8 x 8 x 1" in found.model._repr_html_()


ENDLESS = """\
import sys
import magsearch as ms
ms.search(sys.argv[1], store=sys.argv[2], generations=100000, window=100000, overwrite=True)
"""


@pytest.mark.parametrize(
    ("name", "code"), [("SIGTERM", 75), pytest.param("SIGINT", -signal.SIGINT, marks=pytest.mark.slow)]
)
def test_a_signal_stops_a_program_whose_run_resumes(toml, name, code, tmp_path):
    out = tmp_path / "run.h5"
    command = [sys.executable, "-u", "-c", ENDLESS, str(toml), str(out)]
    program = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    for line in program.stderr:
        if line.startswith("generation    8 "):
            break
    program.send_signal(getattr(signal, name))
    program.communicate(timeout=60)
    assert program.returncode == code
    begun = ms.load(out)
    assert begun.stopped is None
    generations = len(begun.history)
    assert generations >= 8
    assert len(ms.resume(out, generations=generations + 1, progress=False).history) == generations + 1


def test_handlers_of_signals_are_restored(toml):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    ms.search(toml, generations=1, progress=False)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)] == before


# -- scans -------------------------------------------------------------------------------------------------------------


def test_a_scan_finds_and_stores_what_the_command_does(toml, tmp_path):
    one, other = tmp_path / "one.h5", tmp_path / "other.h5"
    scan = ms.scan(toml, field=[0.0, 4.0], search={"generations": 2}, islands={"count": 1}, store=one, progress=False)
    done("scan", toml, "-o", other, *options("scan.field=[0,4]", "search.generations=2", "islands.count=1"))
    assert differences(one, other) == set()
    again = ms.load(one)
    assert repr(again) == repr(scan)
    for column in scan.columns:
        assert f"{column.minima[0].per_site:.7f}" in repr(scan)
        assert f"{column.minima[0].per_site:.7f}" in scan._repr_html_()
        assert column.minima[0].label in repr(column)
        assert len(repr(column)) < 1000
    assert scan.stopped.code == stopping.Completed.code
    with pytest.raises(ms.InputError, match="feeld"):
        ms.scan(toml, feeld=[1.0], store=tmp_path / "none.h5", progress=False)


# -- stop reasons are values -------------------------------------------------------------------------------------------

ENDS = {
    "converged": {"window": 2, "deviation": 100.0},
    "gap-closed": {"gap": 1e6},
    "time-spent": {"seconds": 1e-6},
    "generations-spent": {"generations": 2},
}


@pytest.mark.parametrize("code", ["converged", *(pytest.param(c, marks=pytest.mark.slow) for c in list(ENDS)[1:])])
def test_no_decision_depends_on_the_sentence_of_a_stop_reason(code, monkeypatch, tmp_path):
    """Other sentences, an empty one among them, store the same file: populations where they are worth it, and all."""
    model = tmp_path / "in.toml"
    model.write_text(MODEL.replace("[8, 8, 1]", "[6, 6, 1]"))
    small = {"islands": {"count": 1}, **ENDS[code]}
    plain = ms.search(model, store=tmp_path / "plain.h5", progress=False, **small)
    assert plain.stopped.code == code
    assert storage.read(tmp_path / "plain.h5").resumable == plain.record.resumable == plain.stopped.extensible
    for number, sentence in enumerate(("", "still running: elites' energies vary")):
        out = tmp_path / f"{number}.h5"
        with monkeypatch.context() as patched:
            for kind in vars(stopping).values():
                if isinstance(kind, type) and issubclass(kind, Reason):
                    patched.setattr(kind, "__str__", lambda reason, sentence=sentence: sentence)
            changed = ms.search(model, store=out, progress=False, **small)
            assert changed.stopped == plain.stopped
            assert storage.read(out).resumable == plain.record.resumable
            assert storage.read(out).stopped.code == code
        assert differences(tmp_path / "plain.h5", out) == set()
        with h5py.File(out) as file, h5py.File(tmp_path / "plain.h5") as before:
            assert file.attrs["stopped"] == sentence
            assert set(file.attrs) == set(before.attrs)


def test_codes_are_distinct_and_reasons_speak():
    kinds = [kind for kind in vars(stopping).values() if isinstance(kind, type) and issubclass(kind, Reason)]
    codes = [kind.code for kind in kinds if kind is not Reason]
    assert len(set(codes)) == len(codes) >= 7
    assert str(GenerationsSpent(3)) == "3 generations done"


def test_files_without_codes_open(toml, found, tmp_path):
    """As they were written before: a sentence alone, or nothing while the run is under way."""
    for sentence, read in (("3 generations done", Stored("3 generations done")), ("", None)):
        found.save(tmp_path / "old.h5", overwrite=True)
        made_early(tmp_path / "old.h5")
        with h5py.File(tmp_path / "old.h5", "a") as file:
            del file.attrs["stop_code"]
            file.attrs["stopped"] = sentence
        assert ms.load(tmp_path / "old.h5").stopped == read
        assert storage.glance(tmp_path / "old.h5").stopped == read


# -- the package -------------------------------------------------------------------------------------------------------


def test_every_public_name_is_there():
    assert [name for name in ms.__all__ if not hasattr(ms, name)] == []
    assert set(ms.__all__) <= set(dir(ms))
    assert callable(ms.search), "though there is a package of this name"
    with pytest.raises(AttributeError, match="serach"):
        ms.serach  # noqa: B018


def test_the_energy_of_a_texture_is_one_call(tmp_path):
    """Of a ferromagnet along its field, on paper; arrays of other shapes or lengths are refused with their place."""
    (tmp_path / "model.toml").write_text(
        '[model]\nlattice = "square"\nsize = [3, 3, 1]\nmoment = 2.0\nfield = 5.0\n[[model.exchange]]\nJ = 1.5\n'
    )
    model, up = ms.read(tmp_path / "model.toml"), np.tile([0.0, 0.0, 1.0], (9, 1))
    found = ms.energy(tmp_path / "model.toml", up)
    assert found == ms.energy(model, up * 1.0001)
    assert (found.terms["exchange"], found.terms["zeeman"]) == pytest.approx((-3.0, -0.0578838180 * 10))
    assert found.per_site == pytest.approx(sum(found.terms.values()))
    assert found.torque == 0
    ms.search(model, seed=1, generations=1, replicas=4, progress=False, store=tmp_path / "run.h5")
    assert ms.energy(model, str(tmp_path / "run.h5")).per_site == pytest.approx(found.per_site)
    with pytest.raises(InputError, match=r"spins: has the shape \(3, 3\); expected \(9, 3\)"):
        ms.energy(model, np.eye(3))
    with pytest.raises(InputError, match="spins: the spin of site 0 has length 2; expected a unit vector"):
        ms.energy(model, 2 * up)
