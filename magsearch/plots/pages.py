"""Complete figures of a run, each written to its own file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from magsearch import output
from magsearch.errors import visible
from magsearch.formats.objects import IN_PYTHON
from magsearch.formatting import vector
from magsearch.model.lattice import Lattice
from magsearch.plots.generations import best_so_far, convergence, migrations, operators, ridges
from magsearch.plots.reciprocal import structure
from magsearch.plots.textures import charge, colour_wheel, texture
from magsearch.plots.view import ALL, DPI, View
from magsearch.storage import Record
from magsearch.storage.summary import above, caption, charge_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
CATALOGUE, ACROSS = 12, 4  # maximum number of elites in their figure, and of columns
MINUS = re.compile(r"(?<![\w.)-])-(?=\d)")
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "figure.titlesize": 9,
    "axes.labelsize": 8,
    "axes.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "mathtext.fontset": "dejavusans",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


def plain(text: str) -> str:
    """Return a text of a user or a file that Matplotlib draws as it is: a dollar begins no formula.

    Minus signs of numbers are those of the axes.
    """
    return MINUS.sub("\N{MINUS SIGN}", visible(text).replace("$", r"\$"))


def image(figure: Figure, suffix: str, dpi: int = DPI) -> bytes:
    """Return the file of a figure in the format of a suffix."""
    memory = BytesIO()
    figure.savefig(memory, dpi=dpi, format=suffix[1:].lower())
    return memory.getvalue()


@contextmanager
def sheet(width: float, height: float) -> Iterator[Figure]:
    """Yield an empty figure of ``width`` x ``height`` inches, in the style of all."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        yield figure


@contextmanager
def page(path: str | Path, width: float, height: float, title: str = "", dpi: int = DPI) -> Iterator[Figure]:
    """Yield a figure of ``width`` x ``height`` inches, then write it to ``path`` as png, pdf or svg by its suffix.

    Raises ValueError for any other suffix, InputError if it cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise ValueError(f"unsupported image format '{path.suffix}'; expected {', '.join(SUFFIXES)}")
    with sheet(width, height) as figure:
        yield figure
        if title:
            figure.suptitle(plain(title))
        output.write({path: image(figure, path.suffix, dpi)})


def title_of(record: Record, elite: int) -> str:
    """Return the title of pictures of a texture: the input, the field, energy and charge."""
    said = f"B = {vector(record.hamiltonian.field, 2)} T: {caption(record, elite)}"
    return ", ".join(filter(None, [_input_of(record), said]))


def _input_of(record: Record) -> str:
    """Return the name of the input; nothing for a model that was made in Python."""
    path = Path(record.input_path)
    return "" if path == IN_PYTHON else path.name


def summary(
    lattice: Lattice,
    spins: ArrayLike,
    history: Mapping[str, ArrayLike],
    path: str | Path = "summary.png",
    view: View = ALL,
) -> Path:
    """Write texture, structure factor and convergence side by side to ``path`` as png, pdf or svg by its suffix.

    spins    [site, 3]
    history  generation, best, mean, deviation, each [generation], energies in meV per site
    view     title, layer, size of the page

    Raises ValueError for any other suffix.
    """
    scale = view.scale(7.2)
    with page(path, 7.2 * scale, 3.9 * scale, view.title or "", view.dpi) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1), height_ratios=(1.25, 1))
        texture(figure.add_subplot(grid[:, 0]), lattice, spins, view=view)
        structure(figure.add_subplot(grid[0, 1]), lattice, spins, view)
        convergence(figure.add_subplot(grid[1, 1]), history)
    return Path(path)


def elites(record: Record, path: str | Path, view: View = ALL) -> None:
    """Write the textures of the best elites with their energies above the champion and their topological charges.

    Raises ValueError for a suffix other than .png, .pdf and .svg.
    """
    lattice, spins, shown = record.hamiltonian.lattice, record.hamiltonian.n_spins, record.elites[:CATALOGUE]
    across = min(len(shown), ACROSS)
    down = -(-len(shown) // across)
    best = shown[0].energy / spins
    usual = 7.2 if across > 2 else 3.6 * across
    with page(path, usual * view.scale(usual), 4.0, dpi=view.dpi) as figure:
        panels = np.ravel(figure.subplots(down, across, squeeze=False))
        for k, (panel, elite) in enumerate(zip(panels, shown, strict=False)):
            texture(panel, lattice, elite.spins, wheel=False, view=view)
            panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            energy = f"+{1e3 * above(record, k):.3g} µeV" if k else f"{best:.6f} meV"
            panel.set_title(plain(f"{k}: {energy}{charge_words(record, k)}"))
        figure.set_figheight(0.35 + down * (0.3 + figure.get_figwidth() / max(across, 3) * _slope(panels[0])))
        for panel in panels[len(shown) :]:
            panel.set_axis_off()
        colour_wheel(panels[across - 1])
        whose = " of ".join(filter(None, ["elites", _input_of(record)]))
        own = f"{whose}: energies per site, from the second on relative to the first"
        if title := own if view.title is None else view.title:
            figure.suptitle(plain(title))


Draw = Callable[[Record, Path, View], None]


def _of_elite(panel: Callable[..., Any], usual: float = 3.6) -> Draw:
    def draw(record: Record, path: Path, view: View) -> None:
        width = usual * view.scale(usual)
        title = title_of(record, view.elite).replace(" T: ", " T\n") if view.title is None else view.title
        with page(path, width, width, title, view.dpi) as figure:
            axes = figure.add_subplot()
            panel(axes, record.hamiltonian.lattice, record.elites[view.elite].spins, view=view)
            around = 0.9 if title else 0.6  # inches of titles and ticks; across, of ticks, colour wheel or bar
            figure.set_figheight(around + (width - 1.2) * _slope(axes))

    return draw


def _slope(axes: Axes) -> float:
    """Return the aspect ratio (height over width) of the drawn region, limited to what fits on a page."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return float(np.clip((high - low) / (right - left), 0.1, 2.0))


def _of_history(*panels: Callable[..., Any], width: float, height: float) -> Draw:
    def draw(record: Record, path: Path, view: View) -> None:
        if not len(record.history):
            raise ValueError(f"the run {record.absent('history', 'generations')}")
        scale, title = view.scale(width), _input_of(record) if view.title is None else view.title
        with page(path, width * scale, height * scale, title, view.dpi) as figure:
            for axes, panel in zip(np.ravel(figure.subplots(1, len(panels), squeeze=False)), panels, strict=True):
                panel(axes, record.history)

    return draw


def _summary(record: Record, path: Path, view: View) -> None:
    spins = record.elites[view.elite].spins
    named = view if view.title is not None else replace(view, title=title_of(record, view.elite))
    summary(record.hamiltonian.lattice, spins, record.history.overall(), path, named)


PICTURES: dict[str, Draw] = {
    "summary": _summary,
    "texture": _of_elite(texture),
    "structure": _of_elite(structure),
    "charge": _of_elite(charge),
    "generations": _of_history(ridges, best_so_far, width=7.2, height=3.2),
    "elites": elites,
    "operators": _of_history(operators, width=5.2, height=3.2),
    "migrations": _of_history(migrations, width=3.6, height=3.2),
}
