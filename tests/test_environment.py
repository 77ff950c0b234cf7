"""What is odd around a command: variables, limits, streams, names of files, texts that are markup elsewhere."""

from __future__ import annotations

import io
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command import MODEL, here, printed, refused
from models import MODELS
from processes import COMMAND, done
from records import stored

from magsearch import config, storage
from magsearch.console import model
from magsearch.errors import InputError, visible
from magsearch.formats.table import number
from magsearch.formatting import html
from magsearch.parallel.ranks import Ranks, launched
from magsearch.runs import run

DATA = Path(__file__).parent / "data"
ODD = b"o\xff[b][red]:smile:$x$\x1b[2J.toml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "in.toml").write_text(MODEL)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def ran(*arguments: Any, **how: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=how.pop("capture", True), text=True, timeout=100, errors="replace", **how
    )


@pytest.mark.parametrize("threads", ["abc", "-1", "0", "99999999", "²", "2,x", "9" * 5000])
def test_wrong_number_of_threads_is_told(threads, folder, capsys, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    assert "OMP_NUM_THREADS is" in refused(capsys, "bound", "in.toml")


@pytest.mark.parametrize("command", ["run", "bound", "info", "energy"])
def test_unknown_instruction_set_is_told(command, folder, capsys, monkeypatch):
    monkeypatch.setenv("MAGSEARCH_ISA", "sse")
    more = ("--spins", "x.npy") if command == "energy" else ()
    assert "MAGSEARCH_ISA is sse" in refused(capsys, command, "in.toml", *more)


@pytest.mark.parametrize("size", ["²", "٣", "9" * 5000, "-1", "", "x"])
def test_sizes_that_no_launcher_sets_are_not_taken(size, monkeypatch):
    monkeypatch.setenv("PMI_SIZE", size)
    assert launched().size == 1


@pytest.mark.parametrize("kilobytes", [150000, 350000])
def test_a_limit_of_memory_that_is_too_low_is_told(kilobytes, folder):
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (1024 * kilobytes,) * 2)

    told = ran("bound", "in.toml", preexec_fn=limited)
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "ulimit -v" in told.stderr
    assert ran("--help", preexec_fn=limited).returncode == 0


def test_output_on_a_full_disk_is_told_and_the_run_is_stored(folder):
    with open("/dev/full", "w") as full:
        told = ran("run", "in.toml", capture=False, stdout=full, stderr=subprocess.PIPE)
    assert told.returncode == 2
    assert told.stderr == "magsearch: standard output: cannot be written: No space left on device\n"
    assert (folder / "in.h5").exists()


def test_a_closed_pipe_does_not_end_a_run(folder):
    command = subprocess.Popen([*COMMAND, "run", "in.toml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert command.stdout is not None
    command.stdout.readline()
    command.stdout.close()
    assert command.stderr is not None
    assert command.stderr.read() == ""
    assert command.wait(100) == 0
    assert (folder / "in.h5").exists()


@pytest.mark.parametrize("home", [{"HOME": "/nonexistent"}, pytest.param({}, marks=pytest.mark.slow)])
def test_without_a_home(home, folder):
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    told = ran("plot", str(DATA / "finished.h5"), "-o", "p.png", env=env | home)
    assert told.returncode == 0, told.stderr


def test_interrupt_while_the_command_imports_is_quiet(folder):
    """At several moments after the first line of ours has been executed; before it, Python itself is interrupted."""
    program = "import magsearch.__main__ as command; print(flush=True); command.main()"
    for pause in (0.0, 0.1, 0.3):
        command = subprocess.Popen(
            [sys.executable, "-c", program, "info", "in.toml"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert command.stdout is not None
        command.stdout.readline()
        time.sleep(pause)
        command.send_signal(signal.SIGINT)
        assert command.communicate(timeout=60)[1] == b""
        assert command.returncode in (0, -signal.SIGINT)


# -- texts -------------------------------------------------------------------------------------------------------------


def test_names_that_are_not_utf8_or_look_like_markup(folder, capsysbinary):
    """A run, what shows it, and the hint how to resume it. The first word comes from the system, which encodes it."""
    name = os.fsdecode(ODD)
    (folder / "in.toml").rename(folder / name)
    told = ran("run", name)
    assert told.returncode == 0, told.stderr
    assert "storing    o\\udcff[b][red]:smile:$x$\\x1b[2J.h5" in told.stdout
    run = name.replace(".toml", ".h5")
    for arguments in (("show", run), ("plot", run, "-o", "p.svg"), ("report", run, "-o", "r.html")):
        assert "\x1b" not in done(*arguments)
    assert b"\x1b" not in (folder / "r.html").read_bytes()
    assert "[b][red]:smile:$x$" in (folder / "p.svg").read_text()


def test_the_title_of_a_run_is_one_line(tmp_path, capsys):
    storage.write(tmp_path / "run.h5", stored(MODELS["one_cell"], input_path="two\nlines.toml"))
    assert r"two\nlines.toml, field" in printed(capsys, "show", tmp_path / "run.h5")


@pytest.mark.parametrize(
    "text", ["[b]bold[/b]", "[/x]", ":smile:", "[link=x]y", "\x1b[2J", "\x07\x9b", "\u202e", "1.0"]
)
def test_text_is_never_markup_on_the_screen(text):
    for terminal in (False, True):
        written = io.StringIO()
        console = model.Plain(file=written, force_terminal=terminal, width=100)
        console.print(f"note  {text}")
        model.table_of(console, {"name": text})
        lines = written.getvalue().splitlines()
        assert [line.rstrip() for line in lines] == [f"note  {visible(text)}", f"name  {visible(text)}"]
        assert all(line.isprintable() for line in lines)


def test_text_is_never_markup_in_html():
    assert html("<b>\x1b\n&\udcff") == "&lt;b&gt;\\x1b\n&amp;\\udcff"


def test_control_characters_in_settings_are_escaped(folder, capsys):
    code, out, err = here(capsys, "run", "in.toml", "--set", "search.seed=\x1b[2J")
    assert code == 2
    assert "\x1b" not in out + err


@pytest.mark.parametrize(
    "settings",
    [
        ("search.replicas=1000000", "model.size=[100,100,1]"),
        ("islands.count=1000000",),
        ("search.replicas=1000000000000",),
    ],
)
def test_populations_that_do_not_fit_are_refused_with_their_size(settings, folder, capsys):
    told = refused(capsys, "run", "in.toml", *(word for setting in settings for word in ("--set", setting)))
    assert "GB at least; this process may use" in told
    assert not (folder / "in.h5").exists()


def test_populations_may_fill_the_memory_of_several_processes(folder, monkeypatch):
    given = config.read("in.toml", ["islands.count=4", "search.replicas=1000000"])
    sites = given.hamiltonian.lattice.sites
    monkeypatch.setattr(run, "memory", lambda: 2 * 12 * 1_000_000 * sites)
    alone, ranks = Ranks(), Ranks()
    ranks.size = 4
    run.expect_host_memory(given, ranks)
    with pytest.raises(InputError, match=r"4000000 replicas .* on 4 islands"):
        run.expect_host_memory(given, alone)


@pytest.mark.parametrize("token", ["1_50", "٣", "²", "1٣", "１", "9" * 5000])
@pytest.mark.parametrize(
    "arguments",
    [
        ("bound", "in.toml", "--energy"), ("sample", "in.toml", "--sweeps", "9", "--temperature"),
        ("plot", DATA / "finished.h5", "-o", "p.png", "--plane"),
        ("energy", "in.toml", "--spins"), ("scan", "in.toml", "--points"), ("info", "in.toml", "--set"),
        ("run", "in.toml", "--device"),
    ],
)  # fmt: skip
def test_digits_of_other_scripts_are_not_numbers(token, arguments, folder, capsys):
    """Python reads them: 1_50 as 150."""
    around = {
        "--plane": "c:{}", "--spins": f"{DATA / 'finished.h5'}:{{}}", "--points": "0/{}", "--device": "cuda:{}",
        "--set": "model.exchange.{}.J=1",
    }  # fmt: skip
    given = around.get(arguments[-1], "{}").format(token)
    refused(capsys, *arguments, given)


@pytest.mark.parametrize("token", ["1_5", "٣", "1٣.0", "１"])
def test_digits_of_other_scripts_are_not_numbers_of_files(token):
    with pytest.raises(ValueError, match="not a number"):
        number(token)
    assert number("1.5d-3") == 1.5e-3


@pytest.mark.parametrize("command", ["check", "info", "bound"])
def test_a_device_without_an_end_is_no_input(capsys, command):
    assert "/dev/zero: is a device; expected a file" in refused(capsys, command, "/dev/zero")
