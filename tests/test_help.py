"""Help texts, and what the command line imports before it knows what is to be done."""

from __future__ import annotations

import re
import subprocess
import sys
from email.message import Message
from inspect import getdoc

import pytest
from command import MODEL, printed

from magsearch.cli import COMMANDS, load

HEAVY = {"scipy", "h5py", "pydantic", "matplotlib"}
QUICK = ("-h", "--help", "--version")


def imported(program: str) -> set[str]:
    """Return the packages, whole and first part, that a program in a process of its own imports."""
    program += "\nimport sys; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    names = done.stderr.split()
    return {*names, *(name.partition(".")[0] for name in names)}


@pytest.mark.parametrize("option", QUICK)
def test_help_and_version_import_nothing_heavy(option):
    program = f"import sys\nfrom magsearch.cli import app\nsys.argv = ['magsearch', {option!r}]\n"
    names = imported(f"{program}app(standalone_mode=False)")
    assert not names & (HEAVY | {"numpy", "rich"})
    own = {name for name in names if name.startswith("magsearch.")}
    assert own <= {"magsearch.cli", "magsearch.cli.streams", "magsearch.errors"}


def test_info_imports_neither_pictures_nor_files_of_runs(tmp_path):
    toml = tmp_path / "in.toml"
    toml.write_text(MODEL)
    program = "import sys\nfrom magsearch.cli import app\n"
    names = imported(f"{program}sys.argv = ['magsearch', 'info', {str(toml)!r}]\napp(standalone_mode=False)")
    assert not names & {"matplotlib", "h5py", "scipy", "rich.live", "mpi4py", "cupy", "pandas"}
    assert not names & {f"magsearch.{package}" for package in ("bounds", "plots", "report", "runs", "scan", "storage")}


def test_the_package_imports_nothing_heavy():
    names = imported("import magsearch")
    assert not names & (HEAVY | {"numpy", "typer", "rich"})
    assert not {name for name in names if name.startswith("magsearch.")}


def test_commands_are_imported_without_collections_of_garbage():
    program = """
import gc
from magsearch.cli import load
ran = []
gc.callbacks.append(lambda phase, info: ran.append(phase))
load("info")
assert gc.isenabled()
assert not ran, ran
"""
    assert "magsearch.config" in imported(program)


def test_version_is_that_of_the_package(capsys):
    from importlib.metadata import version

    assert printed(capsys, "--version") == f"magsearch {version('magsearch')}\n"


@pytest.mark.parametrize(
    ("urls", "shown"),
    [
        (
            ["Homepage, https://home.example", "Documentation, https://docs.example/"],
            "https://docs.example/, or magsearch docs",
        ),
        (["Homepage, https://home.example"], "https://home.example, or magsearch docs"),
        (None, "magsearch docs"),
    ],
)
def test_help_ends_with_the_place_of_the_documentation(urls, shown, monkeypatch, capsys):
    data = Message()
    for url in urls or ():
        data["Project-URL"] = url
    monkeypatch.setattr("importlib.metadata.metadata", lambda name: data)
    for arguments in (["-h"], ["run", "-h"]):
        text = printed(capsys, *arguments)
        assert text.rstrip().endswith(f"Documentation: {shown}")


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("magsearch re", {"report"}),
        ("magsearch plot run.h5 --what str", {"structure"}),
        ("magsearch run --device c", {"cpu", "cuda"}),
        ("magsearch run model.toml --set search.gen", {"search.generations="}),
        ("magsearch new --lattice py", {"pyrochlore"}),
        ("magsearch convert a.toml b --to up", {"uppasd"}),
    ],
)
def test_the_shell_completes_commands_options_and_choices(line, found, monkeypatch, capsys):
    monkeypatch.setenv("_MAGSEARCH_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    assert set(printed(capsys).split()) == found


@pytest.mark.parametrize("name", COMMANDS)
def test_help_texts_are_printed_as_they_are_written(name, capsys):
    """No bracket is taken for markup: [storage] is a table of the input."""
    shown = " ".join(printed(capsys, name, "--help").split())
    command = load(name)
    written = [getdoc(command.callback), *(option.help for option in command.params)]
    for text in written:
        assert text
        assert " ".join(text.split()) in shown
    assert printed(capsys, name, "-h") == printed(capsys, name, "--help")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_texts_are_sentences_under_the_summary_of_the_list(name, capsys):
    command = load(name)
    assert command.help.split("\n\n")[0] == COMMANDS[name][1]
    assert f"{name} {COMMANDS[name][1]}" in " ".join(printed(capsys, "--help").split()), "not cut"
    for text in (command.help, *(option.help for option in command.params)):
        assert re.match(r"[A-Z]", text), text
        assert text.rstrip().endswith((".", ")")), text


def test_brackets_are_shown():
    assert any("[" in (load(name).help or "") for name in COMMANDS), "else the test above proves nothing"
