"""Files that are written: whole or as they were, nothing of the user's is lost, one process at a time."""

from __future__ import annotations

import errno
import os
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command import MODEL, here, refused, stopped
from lines import AMENDERS, WRITERS, furnish
from processes import DATA, done, fill, start

from magsearch import InputError, output

QUICK = {  # all others are marked as slow; tests/killed.py tries every one of them
    "run-in.h5", "plot-run.pdf", "phases-scan.png", "report-explored.html", "view-run.vtu", "bound-in.npy",
    "convert-run.ovf", "convert-in.ucf", "export-run.mcif", "magnons-run.png", "loop-in.h5",
}  # fmt: skip
EVERY = [pytest.param(name, marks=[pytest.mark.slow] * (name not in QUICK)) for name in WRITERS]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "model.toml").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what lines read."""
    furnish(tmp_path, quick=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(name: str) -> list[str]:
    """Return the line that writes a file of this name."""
    return WRITERS[name].of(out=name)


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        *(pytest.param(*each.values, "write", marks=each.marks) for each in EVERY),
        ("report-explored.html", "fsync"),
        ("view-run.vtu", "replace"),
        ("convert-in.ucf", "replace"),
    ],
)
def test_full_disk_is_one_line_and_leaves_the_old_file(name, function, furnished, capsys, monkeypatch):
    if not name.startswith("new"):  # which replaces nothing
        (furnished / name).write_bytes(b"old")
    before = {one.name: one.read_bytes() for one in furnished.iterdir()}
    monkeypatch.setattr(output.os, function, full)
    told = stopped(capsys, *command(name))
    monkeypatch.undo()
    assert re.fullmatch(r"magsearch: [\w.-]+: cannot be written: No space left on device", told)
    after = {one.name: one.read_bytes() for one in furnished.iterdir() if one.suffix != ".parts"}
    assert after == before


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(
            line, id=" ".join(line.words.split()[:2]), marks=[pytest.mark.slow] * (line.command != "landscape")
        )
        for line in AMENDERS
    ],
)
def test_full_disk_is_one_line_where_a_command_changes_its_file(line, tmp_path, capsys, monkeypatch):
    furnish(tmp_path, quick=line.given == "run.h5")
    monkeypatch.chdir(tmp_path)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    monkeypatch.setattr(output.os, "write", full)
    code, _, err = here(capsys, *line.of())
    monkeypatch.undo()
    assert code == 2
    said = [words for words in err.splitlines() if words.startswith("magsearch: ")]
    assert said == [f"magsearch: {line.given}: cannot be written: No space left on device"]
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("scan --set scan.field=[0,1]", "out.parts: cannot be written: "),
        pytest.param(
            "atlas --set search.generations=1", "1 of 1 searches failed: in, seed 1: ", marks=pytest.mark.slow
        ),
        pytest.param("study", "out/study.json: cannot be written: ", marks=pytest.mark.slow),
    ],
)
def test_a_full_disk_has_no_parts_of_folders(command, told, small_disk, tmp_path):
    """Commands that begin with a folder, on a real disk."""
    (tmp_path / "given").mkdir()
    furnish(tmp_path / "given", quick=True)
    fill(small_disk / "ballast")
    name, *options = command.split()
    said = done(name, tmp_path / "given" / "in.toml", "-o", small_disk / "out", *options, code=2)
    assert told in said
    assert said.splitlines()[-1].endswith("No space left on device")
    assert [one.name for one in small_disk.rglob("*") if one.is_file()] == ["ballast"]


@pytest.mark.parametrize(
    "name", ["view-run.vtu", "plot-run.png", "report-explored.html", "convert-run.ovf", "run-in.h5", "loop-in.h5"]
)
def test_a_disk_that_takes_a_few_bytes_only(name, furnished):
    """As the system does it: no file of this process grows beyond 100 bytes."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    before = sorted(os.listdir(furnished))
    told = done(*command(name), cwd=furnished, prepare=limited, code=2)
    assert told.splitlines()[-1].startswith(f"magsearch: {name}: cannot be written: ")
    assert sorted(os.listdir(furnished)) == before


# -- what is not a file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_a_pipe_is_refused_and_stays(name, furnished, capsys):
    os.mkfifo(furnished / name)
    told = stopped(capsys, *command(name))
    assert "is a pipe" in told or name.startswith("new")
    assert (furnished / name).is_fifo()


def test_devices_and_folders_are_refused(folder):
    for place, kind in (("/dev/null", "a device"), (folder, "a folder")):
        with pytest.raises(InputError, match=kind):
            output.write({Path(place): "text"})


def test_a_link_to_itself_is_told_with_its_name_once(folder):
    loop = folder / "loop.html"
    loop.symlink_to(loop)
    with pytest.raises(InputError) as told:
        output.write({loop: "text"})
    assert str(told.value) == f"{loop}: cannot be written: {os.strerror(errno.ELOOP)}"


@pytest.mark.parametrize("name", EVERY)
def test_a_symbolic_link_is_written_through(name, furnished, capsys):
    if name.startswith("new"):  # which replaces nothing
        return
    folder = furnished
    (folder / "elsewhere").mkdir()
    aim = folder / "elsewhere" / f"aim{Path(name).suffix}"
    aim.write_bytes(b"old")
    (folder / name).symlink_to(aim)
    code, _, err = here(capsys, *command(name))
    assert code == 0, err
    assert (folder / name).is_symlink()
    assert aim.read_bytes() != b"old"
    assert not [left for left in os.listdir(aim.parent) if left.startswith(".")]


def test_a_link_in_a_circle_is_told(folder):
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    with pytest.raises(InputError, match="symbolic links"):
        output.write({folder / "a": "text"})


def test_mode_of_a_file_stays(folder):
    output.write({folder / "a": "one"})
    (folder / "a").chmod(0o640)
    output.write({folder / "a": "two"})
    assert (folder / "a").stat().st_mode & 0o777 == 0o640
    assert (folder / "a").read_text() == "two"


def test_the_longest_name_can_be_written(folder):
    place = folder / ("x" * 255)
    output.write({place: "text"})
    with output.claimed(place):
        assert place.read_text() == "text"
    assert sorted(os.listdir(folder)) == ["model.toml", place.name]


def test_several_files_are_on_the_disk_before_any_is_replaced(folder, monkeypatch):
    names, order = [folder / "a", folder / "b"], []
    real = os.replace, os.fsync
    monkeypatch.setattr(output.os, "replace", lambda a, b: (order.append("replace"), real[0](a, b)))
    monkeypatch.setattr(output.os, "fsync", lambda handle: (order.append("fsync"), real[1](handle)))
    output.write(dict.fromkeys(names, "text"))
    assert order == ["fsync", "fsync", "replace", "replace", "fsync"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("fails", [0, 1, 2])
def test_of_several_files_all_are_replaced_or_none(fails, links, folder, monkeypatch):
    """Whichever cannot be renamed, also where the file system has no links; one of them was not there before."""
    old = {name: f"old {name}" for name in ("model.toml", "a", "c")}
    for name, text in old.items():
        (folder / name).write_text(text)
    output.beside(folder / "a", output.OLD).write_text("of a process that was killed")
    replace, renamed = os.replace, []

    def failing(place: Path, final: Path) -> None:
        renamed.append(final)
        if len(renamed) == fails + 1:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(place, final)

    def unsupported(*_: Any) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(output.os, "replace", failing)
    if not links:
        monkeypatch.setattr(output.os, "link", unsupported)
    new = {folder / name: "new" for name in "abc"}
    with pytest.raises(InputError, match=rf"{'abc'[fails]}: cannot be written: Input/output error"):
        output.write(new)
    assert {path.name: path.read_text() for path in folder.iterdir()} == old
    output.write(new)
    assert {path.name: path.read_text() for path in folder.iterdir()} == {**old, "a": "new", "b": "new", "c": "new"}


# -- nothing of the user's is removed ----------------------------------------------------------------------------------


def test_several_processes_make_a_folder_at_the_same_time(tmp_path, monkeypatch):
    """Another rank marks it after this one has seen no mark."""
    folder, seen = tmp_path / "out.h5.parts", []

    def looked(place):
        found = is_marked(place)
        if not seen:
            (place / f".{output.MARK}").write_text("of another rank")
        seen.append(found)
        return found

    is_marked = output.is_marked
    monkeypatch.setattr(output, "is_marked", looked)
    output.marked_folder(folder, "parts of out.h5")
    assert seen == [False, True]


@pytest.mark.parametrize("settings", [(), ("--set", "storage.gather=0")])
def test_a_folder_with_the_name_of_parts_is_not_touched(settings, folder, capsys):
    mine = folder / "p1.h5.parts"
    mine.mkdir()
    (mine / "thesis.tex").write_text("mine")
    (mine / "after-000001.rank-00000.h5").write_text("mine")
    code, _, err = here(capsys, "run", "model.toml", "-o", "p1.h5", *settings)
    assert code == (2 if settings else 0), err
    assert ("not made" in err) == bool(settings)
    assert sorted(os.listdir(mine)) == ["after-000001.rank-00000.h5", "thesis.tex"]


def test_a_scan_refuses_a_folder_with_the_name_of_its_parts(folder, capsys):
    (folder / "s.h5.parts").mkdir()
    (folder / "s.h5.parts" / "00000-minima.h5").write_text("mine")
    scan = ("scan", "model.toml", "--set", "scan.field=[0,1]", "-o", "s.h5")
    assert "not made" in refused(capsys, *scan)
    assert (folder / "s.h5.parts" / "00000-minima.h5").read_text() == "mine"


def test_an_xdmf_of_something_else_is_not_replaced(folder, capsys):
    (folder / "a.xdmf").write_text("mine")
    assert "would be replaced" in refused(capsys, "run", "model.toml", "-o", "a.h5")
    assert (folder / "a.xdmf").read_text() == "mine"


def test_a_file_in_the_place_of_ours_is_not_removed(folder):
    for role in ("writing", "lock"):
        place = output.beside(folder / "a", role)
        place.mkdir()
        (place / "thesis.tex").write_text("mine")
    with pytest.raises(InputError):
        output.write({folder / "a": "text"})
    with pytest.raises(InputError), output.claimed(folder / "a"):
        pass
    assert len(list(folder.glob(".a.*/thesis.tex"))) == 2


# -- one process at a time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pairs", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_of_two_runs_with_one_name_one_is_refused(pairs, folder):
    """Whichever is first. One that begins after the other has ended finds its file."""
    for pair in range(pairs):
        out = folder / f"{pair}.h5"
        both = [start("run", "model.toml", "-o", out, "--set", f"search.seed={seed}") for seed in (1, 2)]
        logs = [one.communicate(timeout=100)[0] for one in both]
        assert sorted(one.returncode for one in both) == [0, 2], logs
        lost = logs[[one.returncode for one in both].index(2)]
        assert "is being written by process" in lost or "exists; choose another name" in lost
        assert out.exists()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("kind", ["run", "scan"])
def test_a_second_resume_is_refused(kind, folder, capsys):
    out = folder / "out.h5"
    with output.claimed(out):
        out.write_bytes((DATA / ("resumable.h5" if kind == "run" else "scan.h5")).read_bytes())
        before = out.read_bytes()
        told = refused(capsys, kind, "--resume", out)
    assert f"is being written by process {os.getpid()}" in told
    assert out.read_bytes() == before


def test_a_lock_ends_with_its_process(folder):
    program = f"""
import os, signal
from magsearch import output
with output.claimed({str(folder / "a.h5")!r}):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", program], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert list(folder.glob(".a.h5.*"))
    with output.claimed(folder / "a.h5"):
        pass
    assert not list(folder.glob(".a.h5.*"))


def test_jobs_of_an_array_share_a_file_but_not_a_share(folder):
    with output.claimed("s.h5", "0-of-2"):
        with output.claimed("s.h5", "1-of-2"):
            pass
        with pytest.raises(InputError, match="being written"), output.claimed("s.h5", "0-of-2"):
            pass
        with pytest.raises(InputError, match="being written"), output.claimed("s.h5"):
            pass
    assert not list(folder.glob(".*"))


def test_two_names_of_one_file_are_one(folder):
    (folder / "link.h5").symlink_to("a.h5")
    with output.claimed("a.h5"), pytest.raises(InputError, match="being written"), output.claimed("link.h5"):
        pass


def test_a_run_that_ends_leaves_its_file_and_no_lock(folder):
    done("run", "model.toml", "-o", "a.h5", cwd=folder)
    assert sorted(os.listdir(folder)) == ["a.h5", "a.xdmf", "model.toml"]


def test_a_file_system_without_locks_is_noted_once(folder, capsys, monkeypatch):
    def refuse(*_: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(output.fcntl, "flock", refuse)
    for text in ("one", "two"):
        with output.claimed(folder / "a"):
            output.write({folder / "a": text})
    assert (folder / "a").read_text() == "two"
    assert capsys.readouterr().err.count("has no locks") == 1
