"""Number of points that a phase diagram needs: on a regular grid, and placed by the surrogate.

    OMP_NUM_THREADS=1 python benchmarks/adaptive.py inputs/pdfeir111.toml

Searches are what points cost, and no part of the question. So the phases that short searches find at three fields
(Pd/Fe/Ir(111), 34 x 34: the box holds the soft waves) are followed once over 17 x 17 columns in field and D, as
scan/follow.py does it. Scans of fewer columns are then read from these: regular ones, and those that begin with 3 x 3
and grow by one column at a time, each next to the place where scan/refine.py wants it. Both are read by the same
surrogate, which knows energies and slopes, as in a scan. The error is the length along the field on which the phase is
wrong, averaged over all D: what all boundaries are off by, together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import typer
from numpy.typing import NDArray

import magsearch as ms
from magsearch import config
from magsearch.config.input import Input
from magsearch.engine.cpu import Cpu
from magsearch.engine.device import Device
from magsearch.phases.column import Column, lowest
from magsearch.phases.crossings import Row, crossings
from magsearch.scan.follow import Followed, Trial, batches, relaxed, with_slopes
from magsearch.scan.refine import Branches, next_point
from magsearch.scan.space import FIELD, Space
from magsearch.scan.surrogate import GaussianProcess, RandomFeatures, Surrogate

STEPS = 16  # of the fine grid along each axis
FIELDS = np.linspace(0.0, 4.0, STEPS + 1)  # tesla
COUPLINGS = np.linspace(1.7, 2.3, STEPS + 1)  # meV, D
ALONG = np.linspace(0.0, 4.0, 2001)  # tesla, where phases are compared
SHAPES = [(3, 3), (4, 4), (5, 4), (5, 5), (7, 5), (9, 5), (9, 7), (9, 9)]  # fields and Ds of the regular grids
MOST = 45  # columns of a scan that grows
SURROGATES: dict[str, Surrogate] = {"gaussian-process": GaussianProcess(), "random-features": RandomFeatures()}
Phases = NDArray[np.str_]  # [D, field]


def begun(given: Input, number: int, field: float, here: Device) -> list[Trial]:
    """Search shortly in a field (tesla); return the column that begins with the result, and its textures."""
    hamiltonian = replace(given.hamiltonian, field=(0.0, 0.0, field))
    search = ms.Archipelago(hamiltonian, here, ms.GeneticTunneling(replicas=32), stop=ms.Stop(generations=3))
    search.run()
    return [Trial(number, elite.spins, "searched") for elite in search.elites]


def followed(path: Path, here: Device) -> tuple[list[Column], Space]:
    """The fine grid, field by field for each D, with the minima of all phases and their slopes."""
    given = config.read(path, ["model.size=[34, 34, 1]"])
    columns = [
        Column(k, {"model.field": [0.0, 0.0, float(field)], "model.dmi.0.D": float(D)})
        for k, (D, field) in enumerate(product(COUPLINGS, FIELDS))
    ]
    space = Space.of([column.settings for column in columns])
    middle = len(FIELDS) * (STEPS // 2)
    trials = [t for k in (2, STEPS // 2, STEPS) for t in begun(given, middle + k, float(FIELDS[k]), here)]
    done = [(n, m) for batch in batches(trials, columns, False) for n, m in relaxed(batch, given, here, lambda: None)]
    columns = [
        Column(c.number, c.settings, minima=lowest(m for n, m in done if n == c.number)) for c in columns
    ]  # fmt: skip
    following = Followed(columns, space.graph(columns), [1e-4] * len(columns))
    while trials := following.trials():
        for batch in batches(trials, columns, False):
            following.take(relaxed(batch, given, here, lambda: None))
    rough = batches(following.rough(), columns, True)
    polished = following.polished([pair for batch in rough for pair in relaxed(batch, given, here, lambda: None)])
    found = [Column(c.number, c.settings, minima=own) for c, own in zip(columns, polished, strict=True)]
    return [with_slopes(column, given, space, here) for column in found], space


def known(columns: Sequence[Column]) -> Phases:
    """The phase at every D of the fine grid and every field of ALONG, by the crossings of its rows."""
    phases = []
    for k in range(len(COUPLINGS)):
        row = Row.of(FIELD, FIELDS.tolist(), columns[k * len(FIELDS) : (k + 1) * len(FIELDS)])
        own = np.full(len(ALONG), row.labels[0], dtype="U32")
        for crossing in crossings(row):
            own[crossing.at < ALONG] = crossing.after
        phases.append(own)
    return np.array(phases)


def expected(columns: Sequence[Column], space: Space, model: Surrogate) -> Phases:
    """Return the phases predicted by a surrogate of some columns."""
    places = np.array([(b, d) for d in np.linspace(0, 1, STEPS + 1) for b in np.linspace(0, 1, len(ALONG))])
    labels, energy, _ = Branches.of(columns, space).gaps(model, places)
    return np.array(labels)[energy.argmin(axis=0)].reshape(len(COUPLINGS), len(ALONG))


def error(phases: Phases, truth: Phases) -> float:
    """Millitesla."""
    return float((phases != truth).mean() * np.ptp(ALONG) * 1e3)


def regular(fields: int, Ds: int) -> list[int]:
    """Numbers of the columns of a regular grid."""
    along, across = (np.linspace(0, STEPS, n).round().astype(int) for n in (fields, Ds))
    return [int(d * len(FIELDS) + b) for d in across for b in along]


def grown(columns: Sequence[Column], space: Space, model: Surrogate) -> list[int]:
    """Numbers of columns in the order in which a scan with ``refine`` takes them."""
    every = np.array([(b, d) for d in range(STEPS + 1) for b in range(STEPS + 1)]) / STEPS
    numbers = regular(3, 3)
    while len(numbers) < MOST:
        x, _ = next_point(Branches.of([columns[n] for n in numbers], space), model)
        apart = np.linalg.norm(every - x, axis=1)
        apart[numbers] = np.inf
        numbers.append(int(apart.argmin()))
    return numbers


def main(path: Path) -> None:
    columns, space = followed(path, Cpu())
    truth = known(columns)
    print("phases", *np.unique(truth), sep="; ")
    print("surrogate           columns  grid         mT     grown, mT")
    for name, model in SURROGATES.items():
        order = grown(columns, space, model)
        for shape in SHAPES:
            count = shape[0] * shape[1]
            off = error(expected([columns[n] for n in regular(*shape)], space, model), truth)
            own = ""
            if count <= MOST:
                own = f"{error(expected([columns[n] for n in order[:count]], space, model), truth):10.1f}"
            print(f"{name:18} {count:8}  {shape[0]} x {shape[1]:2} {off:10.1f} {own}", flush=True)


if __name__ == "__main__":
    typer.run(main)
