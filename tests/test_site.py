"""The parts of the documentation site (`make site`); test_pages.py runs the commands that its pages show."""

from __future__ import annotations

import re
import runpy

import pytest
from pages import ROOT, SITE

from magsearch.cli import COMMANDS

pytestmark = pytest.mark.skipif(not SITE.exists(), reason="the docs are not installed")


def part(name: str) -> dict:
    return runpy.run_path(str(SITE / f"{name}.py"))


def test_every_public_name_and_every_command_has_a_place_in_the_reference():
    import magsearch

    reference = part("reference")
    api, options = reference["api"](), reference["commands"]()
    for names in magsearch.MODULES.values():
        for name in names:
            assert re.search(rf":: magsearch\.{name}$", api, re.MULTILINE), name
    for name in COMMANDS:
        assert f"\n## {name}\n" in options
    assert re.search(r"\| `--elite` .*\| `0` \|", options), "zero is a default"


def test_every_page_is_in_the_contents_of_the_site():
    listed = set((SITE / "index.md").read_text().splitlines())
    assert {f"docs/{page.stem}" for page in (ROOT / "docs").glob("*.md")} <= listed


def test_every_example_is_run_for_its_page():
    assert set(part("tutorials")["RUNS"]) == {path.name for path in ROOT.glob("examples/*.py")}


def test_docstrings_keep_their_tables_formulas_and_code():
    convert = part("docstrings")["convert"]
    lines = ["Torque |s x b| as in ``a*b``.", "", "    E = - J s_i * s_j", "", "what    which *one*,", "        of two"]
    convert(None, "", "", None, None, lines)
    assert lines[0] == r"Torque \|s x b\| as in ``a*b``."
    assert lines[2:5] == ["::", "", "    E = - J s_i * s_j"]
    assert lines[6:8] == [r"- ``what``: which \*one\*,", "  of two"]


def test_broken_links_are_found(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.html").write_text(
        '<a href="sub/b.html#here">x</a><img src="no.png"><a href="https://elsewhere/">y</a>'
    )
    (tmp_path / "sub" / "b.html").write_text('<h1 id="here">x</h1><a href="../a.html#there">z</a><a href="#here">w</a>')
    assert part("links")["broken"](tmp_path) == ["a.html: no.png", "sub/b.html: ../a.html#there"]
