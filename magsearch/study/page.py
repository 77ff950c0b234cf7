"""The page of a study: key figures, pictures, steps and files, in one HTML file without scripts."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from magsearch import output
from magsearch.formatting import html, with_error
from magsearch.report.page import STYLE, grid, table
from magsearch.study.figures import figures
from magsearch.study.steps import STEPS
from magsearch.study.study import Study

PAGE = "index.html"
UNITS = ("meV", "K")
ORDER = {"texture": 0, "magnons": 1, "tc": 2, "landscape": 3}  # of the pictures
WIDE = "img { max-width: 100%; height: auto; max-height: 42em }"
MINE = ("study.json", "summary.json", PAGE)


def write(study: Study, version: str) -> Path:
    """Write the page of a study into its folder and return its name. Raises InputError if it cannot be written."""
    name = html(study.source.name)
    rows = (
        (step.name, step.purpose, str(one.state), f"{one.seconds:.1f} s" if one.seconds else "", one.why)
        for step in STEPS
        if (one := study.outcomes.get(step.name)) is not None
    )
    body = [
        f"<h1>{name}</h1>", f'<p class="quiet">magsearch {html(version)}, magsearch study</p>',
        "<h2>Result</h2>", table(told(figures(study.results()))),
        *pictures(study.folder),
        "<h2>Steps</h2>", grid(("step", "", "state", "time", ""), rows, (3,)),
        "<h2>Files</h2>", f"<ul>{''.join(files(study.folder))}</ul>",
    ]  # fmt: skip
    head = f'<meta charset="utf-8"><title>{name}</title><link rel="icon" href="data:,"><style>{STYLE}{WIDE}</style>'
    text = "\n".join(["<!doctype html>", f'<html lang="en"><head>{head}</head><body>', *body, "</body></html>"])
    output.write({study.folder / PAGE: text + "\n"})
    return study.folder / PAGE


def told(found: dict[str, Any]) -> dict[str, str]:
    """Return the figures that were found with their names and units, the temperature with its error: 128(26)."""
    figure = {key: said(value) for key, value in found.items() if value is not None}
    if found["tc_K"] is not None and found["tc_error_K"] is not None:
        figure["tc_K"] = with_error(found["tc_K"], found["tc_error_K"])
        del figure["tc_error_K"]
    return {named(key): text for key, text in figure.items()}


def named(key: str) -> str:
    """Return the name of a figure with its unit: energy per site (meV)."""
    name, _, unit = key.rpartition("_")
    return f"{name.replace('_', ' ')} ({unit})" if unit in UNITS else key.replace("_", " ")


def said(value: Any) -> str:
    """Return a figure as text; numbers to eight decimals."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{round(value, 8) + 0.0:.10g}"
    if isinstance(value, list):
        return ", ".join(f"({said(each)})" if isinstance(each, list) else said(each) for each in value)
    return str(value)


def pictures(folder: Path) -> Iterator[str]:
    """Yield the pictures of a folder as HTML, part of the page."""
    for path in sorted(folder.glob("*.png"), key=lambda path: ORDER.get(path.stem, len(ORDER))):
        image = base64.b64encode(path.read_bytes()).decode()
        name = html(path.stem)
        yield f'<h2>{name.capitalize()}</h2><img src="data:image/png;base64,{image}" alt="{name}">'


def files(folder: Path) -> Iterator[str]:
    """Yield the files of a folder as HTML, but for those of the study itself and messages."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.suffix not in (".log", ".new") and path.name not in MINE and path.name[0] != ".":
            yield f'<li><a href="{quote(path.name)}">{html(path.name)}</a></li>'
