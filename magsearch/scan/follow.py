"""Phases followed over a scan: every column's minima relaxed under the settings of its neighbours.

What is lower than a column's own minimum of the same phase takes its place, and so does a phase that it had not; then
it is its neighbours' turn, until nothing changes. Thus each phase has a branch of energies over the whole scan, as far
as it is metastable, and the champion of a column is at least as good as what any neighbour knows.

Columns that differ in nothing but the field are relaxed in one batch, every replica in its own field. Batches have one
composition, whoever relaxes them: two replicas share a Fourier transform and see each other's rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch import config
from magsearch.config.input import Input
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.errors import InputError
from magsearch.phases.column import Column, Minimum, lowest
from magsearch.relaxation.relax import Minimizer, Watch, relax
from magsearch.scan.space import FIELD, Space
from magsearch.search.island import FLAT, REFINEMENT
from magsearch.units import MU_B

BATCH = 64  # textures that are relaxed at once
SHIFT = 1e-3  # of a coordinate, by which settings that are not a field are moved to take a slope


@dataclass(frozen=True, eq=False)
class Trial:
    """A texture that is to be relaxed under a column's settings.

    column    its number
    texture   [site, 3]
    origin    what is said of the minimum that it becomes
    """

    column: int
    texture: NDArray[Any]
    origin: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Trials that are relaxed together, with the settings of their columns: equal but for the field."""

    trials: tuple[Trial, ...]
    settings: tuple[dict[str, Any], ...]
    precise: bool


def batches(trials: Sequence[Trial], columns: Sequence[Column], precise: bool) -> list[Batch]:
    """Trials of equal Hamiltonians together, in the order of their columns."""
    alike: dict[str, list[Trial]] = {}
    for trial in sorted(trials, key=lambda t: t.column):
        settings = columns[trial.column].settings
        alike.setdefault(repr({k: v for k, v in settings.items() if k != "model.field"}), []).append(trial)
    return [
        Batch(tuple(part), tuple(columns[trial.column].settings for trial in part), precise)
        for every in alike.values()
        for part in (every[k : k + BATCH] for k in range(0, len(every), BATCH))
    ]


def relaxed(batch: Batch, given: Input, device: Device, watch: Watch) -> list[tuple[int, Minimum]]:
    """What became of each trial, with the number of its column."""
    first = config.varied(given, batch.settings[0])
    fields = [settings.get("model.field", first.hamiltonian.field) for settings in batch.settings]
    minimizer: Minimizer = FLAT if batch.precise else REFINEMENT
    evaluator = Evaluator(first.hamiltonian, device, np.float64 if batch.precise else np.float32, first.search.path)
    textures = np.stack([trial.texture for trial in batch.trials])
    done = relax(minimizer, evaluator, textures, np.array(fields, dtype=np.float64), watch)
    return [
        (trial.column, Minimum.of(first.hamiltonian.lattice, field, texture, energy, torque, trial.origin))
        for trial, field, texture, energy, torque in zip(
            batch.trials, fields, done.textures, done.energy, done.torque, strict=True
        )
    ]


class Followed:
    """The minima of all columns while they are followed.

    columns     with their minima
    graph       [column] neighbours
    tolerance   [column] meV of the whole texture by which a minimum must be lower to take another's place
    """

    def __init__(self, columns: Sequence[Column], graph: Sequence[Sequence[int]], tolerance: Sequence[float]):
        self.graph, self.tolerance = graph, tolerance
        self.minima = [{minimum.label: minimum for minimum in column.minima or ()} for column in columns]
        self._fresh = [set(known) for known in self.minima]  # labels that the neighbours have not tried

    def trials(self) -> list[Trial]:
        """What the neighbours have not tried yet; nothing once the phases have been followed to their ends."""
        found = [
            Trial(column, self.minima[source][label].texture, f"followed from column {source}")
            for column, near in enumerate(self.graph)
            for source in near
            for label in sorted(self._fresh[source])
        ]
        self._fresh = [set() for _ in self.minima]
        return found

    def take(self, done: Sequence[tuple[int, Minimum]]) -> None:
        """Keep what is lower than what a column has."""
        for column, minimum in done:
            known = self.minima[column].get(minimum.label)
            if known is None or minimum.energy < known.energy - self.tolerance[column]:
                self.minima[column][minimum.label] = minimum
                self._fresh[column].add(minimum.label)

    def rough(self) -> list[Trial]:
        """Those that have been relaxed in single precision alone."""
        return [
            Trial(column, minimum.texture, minimum.origin)
            for column, own in enumerate(self.minima)
            for minimum in own.values()
            if minimum.texture.dtype == np.float32
        ]

    def polished(self, done: Sequence[tuple[int, Minimum]]) -> list[tuple[Minimum, ...]]:
        """The minima of each column, best first, with what became of the rough ones in double precision."""
        every = [[m for m in own.values() if m.texture.dtype != np.float32] for own in self.minima]
        for column, minimum in done:
            every[column].append(minimum)
        return [lowest(own) for own in every]


def leaning(column: Column, given: Input, space: Space, device: Device) -> Column:
    """A column with the slopes of its minima: d energy / d coordinate, meV per site, the texture held.

    A minimum's energy changes with a parameter as if its spins stood still (Hellmann & Feynman): with a field by minus
    the moment along it. Other settings are moved a little either way; a slope stays unknown where they cannot be.
    """
    here = config.varied(given, column.settings)
    x, hamiltonian = space.coordinates(column.settings), here.hamiltonian
    slopes: list[dict[str, float]] = [{} for _ in column.minima or ()]
    textures = np.stack([minimum.texture for minimum in column.minima or ()])
    moment = np.einsum("i,mix->mx", hamiltonian.site_moments, textures) * MU_B / hamiltonian.n_spins  # meV / T
    for k, name in enumerate(space.names):
        if name.startswith(FIELD):
            along = space.direction if name == FIELD else np.eye(3)["xyz".index(name[-1])]
            values = -moment @ np.asarray(along)
        else:
            step = SHIFT * (abs(x[k]) or 1.0)
            ends = []
            try:
                for sign in (1, -1):
                    moved = x.copy()
                    moved[k] += sign * step
                    there = config.varied(given, space.settings(column.settings, moved)).hamiltonian
                    ends.append(Evaluator(there, device, np.float64, here.search.path).energies(textures))
            except InputError:
                continue
            values = (ends[0] - ends[1]) / (2 * step * hamiltonian.n_spins)
        for slope, value in zip(slopes, values, strict=True):
            slope[name] = float(value)
    minima = tuple(replace(m, slopes=slope) for m, slope in zip(column.minima or (), slopes, strict=True))
    return replace(column, minima=minima)
