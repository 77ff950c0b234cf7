"""The command ``magsearch docs``: the pages of the documentation, which are installed with the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from magsearch.cli.completion import one_of
from magsearch.errors import InputError, unknown

PACKAGE = Path(__file__).resolve().parents[1]
FOLDER = next((d for d in (PACKAGE / "docs", PACKAGE.parent / "docs") if (d / "formats.md").exists()), PACKAGE)
PAGES = {path.stem: path for path in sorted(FOLDER.glob("*.md"))}
WIDTH = 120  # characters of a line at most
HEADING = re.compile(r"^(#+) (.*)$", re.MULTILINE)
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def docs(
    page: Annotated[
        str | None,
        typer.Argument(
            metavar="[PAGE[#SECTION]]",
            help="Name of a page; without one, all are listed.",
            autocompletion=one_of(PAGES),
        ),
    ] = None,
) -> None:
    """Print a page of the documentation in the terminal.

    A section is named as links name it: formats#uppasd. Into a file or a pipe, Markdown is written as it is.
    """
    console = Console()
    if page is None:
        for name, path in PAGES.items():
            print(f"{name:12}  {heading(path.read_text())}")
        print(f"\nmagsearch docs PAGE prints one. Their folder is {FOLDER}")
        return
    name, _, wanted = page.partition("#")
    if name.removesuffix(".md") not in PAGES:
        raise InputError(unknown("page", name, PAGES), "docs")
    text = PAGES[name.removesuffix(".md")].read_text()
    if wanted:
        text = section(text, wanted)
    if console.is_terminal:
        console.print(Markdown(text), width=min(console.width, WIDTH))
    else:
        print(text.rstrip())


def heading(text: str) -> str:
    """Return the title of a page."""
    return text.partition("\n")[0].lstrip("# ")


def section(text: str, anchor: str) -> str:
    """Return a section of a page with its subsections, by the anchor of its heading. Raises InputError without it."""
    found = [(len(mark[1]), slug(mark[2]), mark.start()) for mark in HEADING.finditer(FENCED.sub(_blank, text))]
    for k, (depth, name, start) in enumerate(found):
        if name == anchor:
            return text[start : next((begin for level, _, begin in found[k + 1 :] if level <= depth), len(text))]
    raise InputError(unknown("section", anchor, [name for _, name, _ in found]), "docs")


def slug(title: str) -> str:
    """Return the anchor of a heading, as GitHub and the site give it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _blank(block: re.Match[str]) -> str:
    return " " * len(block[0])
