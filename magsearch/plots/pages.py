"""Complete figures of a run, each written to its own file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from magsearch import output
from magsearch.errors import visible
from magsearch.model.lattice import Lattice
from magsearch.plots.generations import best_so_far, convergence, migrations, operators, ridges
from magsearch.plots.planes import Plane
from magsearch.plots.reciprocal import structure
from magsearch.plots.textures import charge, colour_wheel, texture
from magsearch.storage import Record
from magsearch.storage.summary import above, charge_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")
CATALOGUE, ACROSS = 12, 4  # maximum number of elites in their figure, and of columns
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
    """Return a text of a user or a file that Matplotlib draws as it is: a dollar begins no formula."""
    return visible(text).replace("$", r"\$")


def image(figure: Figure, suffix: str) -> bytes:
    """Return the file of a figure in the format of a suffix."""
    memory = BytesIO()
    figure.savefig(memory, dpi=300, format=suffix[1:].lower())
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
def page(path: str | Path, width: float, height: float, title: str = "") -> Iterator[Figure]:
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
        output.write({path: image(figure, path.suffix)})


def summary(
    lattice: Lattice,
    spins: ArrayLike,
    history: Mapping[str, ArrayLike],
    title: str = "",
    path: str | Path = "summary.png",
    plane: Plane | None = None,
) -> Path:
    """Write texture, structure factor and convergence side by side to ``path`` as png, pdf or svg by its suffix.

    spins    [site, 3]
    history  generation, best, mean, deviation, each [generation], energies in meV per site
    plane    layer to show; by default the middle one

    Raises ValueError for any other suffix.
    """
    with page(path, 7.2, 3.9, title) as figure:
        grid = figure.add_gridspec(2, 2, width_ratios=(1.6, 1), height_ratios=(1.25, 1))
        texture(figure.add_subplot(grid[:, 0]), lattice, spins, plane=plane)
        structure(figure.add_subplot(grid[0, 1]), lattice, spins, plane)
        convergence(figure.add_subplot(grid[1, 1]), history)
    return Path(path)


def elites(record: Record, path: str | Path, plane: Plane | None = None) -> None:
    """Write the textures of the best elites with their energies above the champion and their topological charges.

    Raises ValueError for a suffix other than .png, .pdf and .svg.
    """
    lattice, spins, shown = record.hamiltonian.lattice, record.hamiltonian.n_spins, record.elites[:CATALOGUE]
    across = min(len(shown), ACROSS)
    down = -(-len(shown) // across)
    best = shown[0].energy / spins
    with page(path, 7.2 if across > 2 else 3.6 * across, 4.0) as figure:
        panels = np.ravel(figure.subplots(down, across, squeeze=False))
        for k, (panel, elite) in enumerate(zip(panels, shown, strict=False)):
            texture(panel, lattice, elite.spins, wheel=False, plane=plane)
            panel.set(xlabel="", ylabel="", xticks=[], yticks=[])
            panel.spines[:].set_visible(False)
            energy = f"+{1e3 * above(record, k):.3g} µeV" if k else f"{best:.6f} meV"
            panel.set_title(f"{k}: {energy}{charge_words(record, k)}")
        figure.set_figheight(0.35 + down * (0.3 + figure.get_figwidth() / max(across, 3) * _slope(panels[0])))
        for panel in panels[len(shown) :]:
            panel.set_axis_off()
        colour_wheel(panels[across - 1])
        name = plain(Path(record.input_path).name)
        figure.suptitle(f"elites of {name}: energies per site, from the second on relative to the first")


Draw = Callable[[Record, int, str, Path, Plane | None], None]


def _of_elite(panel: Callable[..., Any], width: float = 3.6) -> Draw:
    def draw(record: Record, elite: int, title: str, path: Path, plane: Plane | None) -> None:
        with page(path, width, width, title.replace(" T: ", " T\n")) as figure:
            axes = figure.add_subplot()
            panel(axes, record.hamiltonian.lattice, record.elites[elite].spins, plane=plane)
            figure.set_figheight(
                0.9 + (width - 1.2) * _slope(axes)
            )  # the rest is for titles, ticks, colour wheel or colour bar

    return draw


def _slope(axes: Axes) -> float:
    """Return the aspect ratio (height over width) of the drawn region, limited to what fits on a page."""
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    return float(np.clip((high - low) / (right - left), 0.1, 2.0))


def _of_history(*panels: Callable[..., Any], width: float, height: float) -> Draw:
    def draw(record: Record, elite: int, title: str, path: Path, plane: Plane | None) -> None:
        if not len(record.history):
            raise ValueError("the run has no generations yet")
        with page(path, width, height, Path(record.input_path).name) as figure:
            for axes, panel in zip(np.ravel(figure.subplots(1, len(panels), squeeze=False)), panels, strict=True):
                panel(axes, record.history)

    return draw


def _summary(record: Record, elite: int, title: str, path: Path, plane: Plane | None) -> None:
    lattice = record.hamiltonian.lattice
    summary(lattice, record.elites[elite].spins, record.history.overall(), title, path, plane)


PICTURES: dict[str, Draw] = {
    "summary": _summary,
    "texture": _of_elite(texture),
    "structure": _of_elite(structure),
    "charge": _of_elite(charge),
    "generations": _of_history(ridges, best_so_far, width=7.2, height=3.2),
    "elites": lambda record, elite, title, path, plane: elites(record, path, plane),
    "operators": _of_history(operators, width=5.2, height=3.2),
    "migrations": _of_history(migrations, width=3.6, height=3.2),
}
