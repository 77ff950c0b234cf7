"""``magsearch docs`` prints the pages that help texts and messages name, and the wheel has them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from command import printed, refused
from pages import ROOT

import magsearch
from magsearch.cli import COMMANDS, load
from magsearch.cli.docs import PAGES, section

SOURCES = sorted(Path(magsearch.__file__).parent.rglob("*.py"))


def strings(path: Path) -> list[str]:
    """All strings of a module but the docstrings."""
    tree = ast.parse(path.read_text())
    bodies = [node.body for node in ast.walk(tree) if hasattr(node, "body") and isinstance(node.body, list)]
    docstrings = {id(body[0].value) for body in bodies if body and isinstance(body[0], ast.Expr)}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    return [node.value for node in found if id(node) not in docstrings]


def texts() -> list[str]:
    """What users read: help texts, and strings of the sources, which have the messages."""
    helps = [text for name in COMMANDS for text in (load(name).help, *(one.help for one in load(name).params))]
    return [text or "" for text in helps] + [text for path in SOURCES for text in strings(path)]


def test_pages_are_listed_and_printed_as_they_are_written(capsys):
    listed = printed(capsys, "docs")
    assert re.search(r"^formats +Files that magsearch reads and writes$", listed, re.MULTILINE)
    assert printed(capsys, "docs", "formats") == PAGES["formats"].read_text()
    assert printed(capsys, "docs", "theory.md#flatness").startswith("## Flatness\n")


def test_a_page_or_a_section_that_is_not_there_is_named(capsys):
    assert "unknown page 'formts'; did you mean 'formats'?" in refused(capsys, "docs", "formts")
    assert "unknown section 'upasd'; did you mean 'uppasd'?" in refused(capsys, "docs", "formats#upasd")


def test_a_section_ends_where_the_next_of_its_depth_begins():
    text = "# T\n\n## One, two\n\na\n\n### Deep\n\n```\n## no heading\n```\n\n## Three\n\nb\n"
    assert section(text, "one-two") == text[text.index("## One") : text.index("## Three")]
    assert section(text, "three") == "## Three\n\nb\n"


def test_help_and_messages_name_pages_that_are_installed():
    said = "\n\n".join(texts())
    assert re.findall(r"docs/\w+\.md", said) == []
    named = re.findall(r"magsearch docs (?!PAGE\b)([a-z][\w-]*)(?:#([\w-]+))?", said)
    assert {"formats", "settings", "theory"} <= {page for page, _ in named} <= set(PAGES)
    for page, anchor in named:
        if anchor:
            section(PAGES[page].read_text(), anchor)


@pytest.mark.skipif(not (ROOT / "CMakeLists.txt").exists(), reason="the sources are not here")
def test_the_wheel_has_the_pages():
    """packaging/smoke.py asks an installed wheel for one."""
    rule = 'install(DIRECTORY docs/ DESTINATION magsearch/docs FILES_MATCHING PATTERN "*.md" '
    assert rule in (ROOT / "CMakeLists.txt").read_text()
    assert set(PAGES) == {path.stem for path in (ROOT / "docs").glob("*.md")}
