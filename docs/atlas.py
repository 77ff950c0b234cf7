"""Write docs/atlas.md and its pictures from runs of the atlas.

magsearch atlas --seeds 10 --jobs 2 -o RUNS
python docs/atlas.py RUNS
"""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from magsearch import storage
from magsearch.cli.atlas import proof
from magsearch.model.lattice import Lattice
from magsearch.plots.sphere import colours
from magsearch.runs.atlas import GOOD, Model, Outcome, models
from magsearch.storage import Record

HERE = Path(__file__).parent
PICTURES = HERE / "atlas"
CHAIN, PLANE, SOLID = 16, 180, 64  # most sites of a crystal in one, two and three dimensions in a picture
SHADES = 48  # colours in a picture
HEAD = """\
# The atlas

<!-- Made by docs/atlas.py from runs of `magsearch atlas`; do not edit. -->

Models of the literature whose ground states are known, in `inputs/atlas` of the sources, and in the installed package.
`magsearch atlas --list` lists them, `magsearch atlas NAME` searches one, and `magsearch atlas --jobs 2` all of them. A
file of your own with a [[reference] table](settings.md#reference) is compared as well: `magsearch atlas own.toml`.
The exit code is 1 if a known energy was missed, 2 if a search failed, 75 after a signal, which
ends the searches under way.

The table comes from {count} searches with {seeds}, {version}, {device},
while other programs used the same cores. Energies are in meV per site; times are medians of the wall time after which
the champion was found, and after which the search ended. The gap is that between the champion and the lower bound of
the supercell. "Proof" says how the champion is known to be a ground state of the supercell: it equals the lower bound,
or the formula in the file; otherwise the question is open. {summary} Each picture shows the
champion, coloured as by `magsearch plot`; of crystals in three dimensions it shows a part.

| | model | known | found | found after | ended after | gap | proof |
|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Write the page and the pictures of all models that the folder of runs has."""
    folder = Path(sys.argv[1])
    PICTURES.mkdir(exist_ok=True)
    rows, every = [], []
    for model in models():
        files = sorted(folder.glob(f"{model.name}-[0-9]*.h5"))
        outcomes = [Outcome(model, int(file.stem.rsplit("-", 1)[1]), file, storage.read(file)) for file in files]
        if outcomes:
            every += outcomes
            rows.append(_row(model, outcomes))
            best = min(outcomes, key=lambda outcome: outcome.energy or 0.0)
            assert best.record is not None
            (PICTURES / f"{model.name}.png").write_bytes(picture(best.record))
    missed = [outcome for outcome in every if outcome.verdict not in GOOD]
    names = ", ".join(sorted({outcome.model.name for outcome in missed}))
    first = every[0].record
    assert first is not None
    head = HEAD.format(
        count=len(every), seeds=_counted(max(outcome.seed for outcome in every), "seed"),
        version=f"magsearch {first.version}", device=first.device,
        summary=f"{len(missed)} missed the known energy: {names}." if missed else "None missed a known energy.",
    )  # fmt: skip
    (HERE / "atlas.md").write_text(head + "".join(rows))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number > 1)}"


def _row(model: Model, outcomes: list[Outcome]) -> str:
    reference, best = model.given.reference, min(outcomes, key=lambda outcome: outcome.energy or 0.0)
    title = (model.given.model or {}).get("title", model.name)
    cited = re.sub(r"arXiv:([\w./-]*\w)", r"[arXiv:\1](https://arxiv.org/abs/\1)", reference.source)
    if reference.doi:
        cited = f"[{reference.source}](https://doi.org/{reference.doi[0]})"
    hits = sum(outcome.verdict in GOOD for outcome in outcomes)
    known = "" if reference.energy is None else f"{reference.energy:.7f}, {reference.known}"
    found = f"{best.energy:.7f}" + (
        "" if hits == len(outcomes) else f", **missed by {len(outcomes) - hits} of {len(outcomes)}**"
    )
    gap = "" if best.gap is None else f"{max(best.gap, 0.0):.0e}"
    words = f"**{title}** (`{model.name}`, {model.given.hamiltonian.lattice.sites} sites): {reference.state}. {cited}"
    times = (f"{median(getattr(outcome, name) for outcome in outcomes):.1f} s" for name in ("found", "seconds"))
    cells = (f"![{title}](atlas/{model.name}.png)", words, known, found, *times, gap, proof(best))
    return f"| {' | '.join(cells)} |\n"


def picture(record: Record) -> bytes:
    """Return a small picture of the champion as PNG: arrows at the sites, seen from above or obliquely."""
    lattice, spins = record.hamiltonian.lattice, np.asarray(record.elites[0].spins, dtype=np.float64)
    site, solid = lattice.positions, _is_solid(lattice)
    chosen = _part(lattice, solid)
    view = _oblique() if solid else np.eye(3)
    r, s = site[chosen] @ view.T, spins[chosen] @ view.T
    order = np.argsort(r[:, 2], kind="stable")
    r, s = r[order], s[order]
    spacing = _spacing(site)
    figure = Figure(figsize=(1.6, 1.6), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    extent = max(np.ptp(r[:, 0]), np.ptp(r[:, 1]), spacing) + 1.4 * spacing
    size = 160 * spacing / extent  # pixels between neighbours
    shades = colours(spins[chosen][order])
    diameter = (0.4 if solid else 0.7) * size * 72 / 100  # points
    axes.scatter(r[:, 0], r[:, 1], s=diameter**2, c=shades, edgecolors="0.4", linewidths=0.3)
    length = 0.75 * spacing
    axes.quiver(
        r[:, 0], r[:, 1], length * s[:, 0], length * s[:, 1], color="0.1", pivot="mid", units="xy", angles="xy",
        scale_units="xy", scale=1, width=0.07 * spacing, headwidth=3.5, headlength=4, headaxislength=3.6, minlength=0.4,
    )  # fmt: skip
    middle = (r[:, :2].max(axis=0) + r[:, :2].min(axis=0)) / 2
    axes.set(xlim=middle[0] + np.array([-0.5, 0.5]) * extent, ylim=middle[1] + np.array([-0.5, 0.5]) * extent)
    raw, small = BytesIO(), BytesIO()
    figure.savefig(raw, format="png")
    Image.open(raw).convert("RGB").quantize(SHADES).save(small, format="png", optimize=True)
    return small.getvalue()


def _is_solid(lattice: Lattice) -> bool:
    """Return whether the sites do not lie in one plane z = constant."""
    return bool(np.ptp(lattice.positions[:, 2]) > 1e-6)


def _part(lattice: Lattice, solid: bool) -> NDArray[np.int64]:
    """Return the sites of a corner of the supercell that a picture can show."""
    cells = np.array(lattice.size)
    most = CHAIN if (cells > 1).sum() == 1 else SOLID if solid else PLANE
    while np.prod(cells) * lattice.atoms > most and cells.max() > 1:
        cells = np.where(cells == cells.max(), cells - 1, cells)
    inside = (lattice.coordinates < cells).all(axis=1)
    return np.flatnonzero(np.repeat(inside, lattice.atoms))


def _oblique() -> NDArray[np.float64]:
    """Return the rotation of an oblique view, rows are the axes of the picture."""
    normal = np.array([0.42, -0.80, 0.43])
    normal /= np.linalg.norm(normal)
    across = np.cross([0.0, 0.0, 1.0], normal)
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(normal, across), normal])


def _spacing(site: NDArray[np.float64]) -> float:
    few = site[:200]
    apart = np.linalg.norm(few[:, None] - few, axis=2)
    return float(apart[apart > 1e-6].min()) if len(few) > 1 else 1.0


if __name__ == "__main__":
    main()
