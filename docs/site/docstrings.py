"""The docstrings of magsearch as reStructuredText.

They are plain text with three conventions: ``code`` in double backticks, formulas and examples indented, and tables of
names as lines "name   meaning" whose continuation is indented up to the meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

NAMED = re.compile(r"(\w[\w.,\[\] ]*?) {2,}(\S.*)")
CODE = re.compile(r"(``.+?``)")


def convert(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Replace the lines of a docstring (a handler of autodoc-process-docstring)."""
    lines[:] = [line for block in blocks(lines) for line in (*rendered(block), "")]


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield the paragraphs of a text."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def rendered(block: list[str]) -> list[str]:
    """Return a paragraph as reStructuredText: a literal block, a list of names, or running text."""
    if all(line.startswith("    ") for line in block):
        return ["::", "", *block]
    if NAMED.fullmatch(block[0]):
        return list(named(block))
    return [escaped(line.strip()) for line in block]


def named(block: list[str]) -> Iterator[str]:
    """Yield a list of names with their meanings."""
    for line in block:
        if (found := NAMED.fullmatch(line)) and not line.startswith(" "):
            yield f"- ``{found[1]}``: {escaped(found[2])}"
        else:
            yield f"  {escaped(line.strip())}"


def escaped(text: str) -> str:
    """Return text whose marks have no meaning in reStructuredText, except those of ``code``."""
    return "".join(part if k % 2 else re.sub(r"([\\*|`_])", r"\\\1", part) for k, part in enumerate(CODE.split(text)))
