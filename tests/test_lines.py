"""The commands that the soak and other tests try are all that there are, with all that they read and write."""

from __future__ import annotations

import os

import lines
import pytest
from command import MODEL, refused

from magsearch.cli import COMMANDS, load

OUTPUTS = {"--out", "--plot"}  # options that name a file; bound --spins is one more


def options(command: str) -> set[str]:
    return {name for option in load(command).params for name in option.opts}


def test_every_command_has_a_line():
    assert {line.command for line in lines.LINES} == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_writes_or_resumes_has_a_line_for_it(command):
    own, known = lines.of(command), options(command)
    assert any(line.out for line in own) == bool(known & OUTPUTS or command in ("new", "convert", "bound"))
    assert any("--resume {}" in line.words for line in own) == ("--resume" in known)
    assert {line.flag for line in own if "--plot" in known and line.flag} in (set(), {"-o", "--plot"})
    if command not in ("new", "device", "docs"):
        assert any("{}" in line.words for line in own)


def test_pictures_beside_results_replace_nothing(tmp_path, capsys, monkeypatch):
    """Neither what is there, nor the results."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.toml").write_text(MODEL)
    (tmp_path / "a.png").write_bytes(b"mine")
    field = ("--field", "-1", "1", "3")
    assert "a.png: exists" in refused(capsys, "loop", "in.toml", "-o", "a.h5", *field)
    assert "name of a picture" in refused(capsys, "loop", "in.toml", "-o", "b.png", *field)
    assert "a.png: exists" in refused(capsys, "tc", "in.toml", "-o", "a.h5")
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    assert sorted(os.listdir(tmp_path)) == ["a.png", "in.toml"]


def test_a_study_replaces_nothing(tmp_path, capsys):
    (tmp_path / "in.toml").write_text(MODEL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "index.html").write_text("mine")
    assert "no study" in refused(capsys, "study", tmp_path / "in.toml", "-o", tmp_path / "mine")
    assert os.listdir(tmp_path / "mine") == ["index.html"]
