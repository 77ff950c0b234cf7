"""A landscape in a report: the disconnectivity graph with its textures, barriers, lifetimes, saddle points."""

from __future__ import annotations

import base64

import numpy as np

from magsearch.console import landscape as tables
from magsearch.formatting import fixed, html
from magsearch.landscape.landscape import Landscape
from magsearch.model.lattice import Lattice
from magsearch.plots import tree
from magsearch.plots.pages import image, sheet
from magsearch.report.page import grid
from magsearch.report.sections import Section

PIXELS = 96  # of an inch
MATRIX = 16  # largest number of minima whose barriers are listed pair by pair


def section(lattice: Lattice, landscape: Landscape) -> Section:
    """Return the section of a landscape."""
    width, height = tree.size(landscape)
    with sheet(width, height) as figure:
        tree.drawn(figure, lattice, landscape)
        drawn = base64.b64encode(image(figure, ".png")).decode()
    style = f"width: {round(PIXELS * width)}px; max-width: 100%"
    body = [f'<img src="data:image/png;base64,{drawn}" alt="disconnectivity graph" style="{style}">']
    heads, rows = tables.minima(landscape)
    body.append(grid(heads, rows, [k for k, head in enumerate(heads) if head != "phase"]))
    if 1 < len(landscape.minima) <= MATRIX:
        body += ["<h3>Barriers (meV) from row to column</h3>", matrix(landscape)]
    heads, rows = tables.saddles(landscape)
    if rows:
        body += ["<h3>Saddle points</h3>", grid(heads, rows, range(len(heads)))]
    body += [f'<p class="quiet">{html(line)}</p>' for line in tables.notes(landscape)]
    return Section("Landscape", [], body="\n".join(body))


def matrix(landscape: Landscape) -> str:
    """Return the lowest barriers between all pairs of minima as an HTML table; empty where no path is known."""
    count = len(landscape.minima)
    rows = [
        (str(k), *("" if k == j or not np.isfinite(value) else fixed(value, 4) for j, value in enumerate(row)))
        for k, row in enumerate(landscape.barriers())
    ]
    return grid(("", *map(str, range(count))), rows, range(count + 1))
