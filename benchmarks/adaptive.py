"""How many points a phase boundary takes: on a grid, and where a surrogate puts them.

The square lattice with Bloch skyrmions (inputs/square-bloch.toml, cut down to CELLS x CELLS), over field and D at zero
temperature. Its textures are found once; a point of the scan is then all of them relaxed under its settings, as a scan
does when it follows its phases, and costs the same wherever it lies. The true boundaries are found by bisection.

    OMP_NUM_THREADS=1 python benchmarks/adaptive.py

One line for each set of points: how many, and how far the boundaries are from the true ones, tesla, mean and largest
over ROWS values of D. "labels" takes the phase of the nearest point, "surrogate" the phase of lowest fitted energy;
"adaptive" begins with a grid of START x START points and adds those that `[scan] refine` would add.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from magsearch import Archipelago, GeneticTunneling, Stop, choose, config
from magsearch.scan.follow import Trial, batches, leaning, relaxed
from magsearch.scan.refine import Branches, placed
from magsearch.scan.space import Space
from magsearch.scan.surrogate import Array, surrogate
from magsearch.states import Column, lowest

INPUT = Path(__file__).parent.parent / "inputs" / "square-bloch.toml"
CELLS, ROWS, START = 28, 9, 3
LOW, HIGH = np.array([0.0, 0.45]), np.array([4.0, 0.55])  # tesla, meV
GRIDS, ADDED = (3, 4, 5, 6, 8, 10, 12), 27
SPACE = Space(("field", "model.dmi.0.D"), (0.0, 0.0, 1.0))
FINE = np.linspace(0, 1, 4001)  # of the field's range

device, given = choose("cpu"), config.read(INPUT, [f"model.size=[{CELLS},{CELLS},1]"])
model = surrogate("gaussian-process", 2)


def settings(x: Array) -> dict:
    return SPACE.settings({"model.field": [0, 0, 0]}, (LOW + x * (HIGH - LOW)).round(9))


def textures() -> list[Array]:
    """The elites of a few searches, here and there."""
    found = []
    for x in product((0.0, 0.3, 0.6, 0.9), (0.0, 1.0)):
        at = config.varied(given, settings(np.array(x)))
        search = Archipelago(at.hamiltonian, device, GeneticTunneling(replicas=16, seed=1), stop=Stop(6))
        for _ in search.run():
            pass
        found += [elite.texture for elite in search.elites]
    return found


def column(x: Array, known: list[Array]) -> Column:
    """All textures relaxed under the settings at x [coordinate], scaled to 0 to 1."""
    one = Column(0, settings(x))
    trials = [Trial(0, texture, "known") for texture in known]
    done = [m for batch in batches(trials, [one], precise=True) for m in relaxed(batch, given, device, lambda: None)]
    return leaning(Column(0, one.settings, minima=lowest(m for _, m in done)), given, SPACE, device)


def true_boundaries(known: list[Array]) -> Array:
    """[row, boundary] scaled fields: where the spiral ends, and where the ferromagnet begins."""

    def bisected(D: float, before: tuple[str, ...]) -> float:
        low, high = 0.0, 1.0
        while high - low > 1e-4:
            middle = 0.5 * (low + high)
            found = column(np.array([middle, D]), known).minima or ()
            low, high = (middle, high) if found[0].label in before else (low, middle)
        return low

    early = [("spiral",), ("spiral", "skyrmion lattice", "isolated skyrmions")]
    return np.array([[bisected(D, before) for before in early] for D in np.linspace(0, 1, ROWS)])


def boundaries(labels: np.ndarray) -> list[float]:
    """The same two from labels along FINE."""
    spirals, ferromagnets = labels == "spiral", labels == "ferromagnet"
    return [
        float(FINE[np.flatnonzero(spirals).max()]) if spirals.any() else 0.0,
        float(FINE[np.flatnonzero(~ferromagnets).max()]) if (~ferromagnets).any() else 0.0,
    ]


def error(points: list[Column], fitted: bool, true: Array) -> str:
    """Mean and largest distance of the boundaries, tesla."""
    branches, found = Branches.of(points, SPACE), []
    for D in np.linspace(0, 1, ROWS):
        where = np.column_stack([FINE, np.full(len(FINE), D)])
        if fitted:
            names, mean, _ = branches.gaps(model, where)
            labels = np.array(names)[mean.argmin(axis=0)]
        else:
            apart = np.linalg.norm(where[:, None] - branches.x[None], axis=-1).argmin(axis=1)
            labels = np.array([point.minima[0].label for point in points if point.minima])[apart]
        found.append(boundaries(labels))
    off = np.abs(np.array(found) - true) * (HIGH - LOW)[0]
    return f"{off.mean():8.4f} {off.max():8.4f}"


known = textures()
true = true_boundaries(known)
print(f"{len(known)} textures; boundaries from {true[0] * (HIGH - LOW)[0]} T to {true[-1] * (HIGH - LOW)[0]} T")
print("points   grid, labels        grid, surrogate     (mean and largest distance, T)")
for n in GRIDS:
    points = [column(np.array(x), known) for x in product(np.linspace(0, 1, n), repeat=2)]
    print(f"{n * n:6}  {error(points, False, true)}   {error(points, True, true)}", flush=True)
points = [column(np.array(x), known) for x in product(np.linspace(0, 1, START), repeat=2)]
print("points   adaptive, surrogate")
for _ in range(ADDED):
    points.append(column(placed(Branches.of(points, SPACE), model)[0], known))
    print(f"{len(points):6}  {error(points, True, true)}", flush=True)
