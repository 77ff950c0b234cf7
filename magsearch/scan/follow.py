"""Continuation of phases over a scan: the minima of every column are relaxed at the settings of its neighbours.

A relaxed minimum is accepted if its column lacks that phase or has it at a higher energy; the neighbours of that column
then try it, until nothing changes. Every phase thus has a branch of energies over the whole scan, as far as it is
metastable, and the champion of a column is at least as low as any neighbour's minimum relaxed at its settings.

Columns that differ only in the field are relaxed in one batch, every replica in its own field. The composition of a
batch does not depend on the rank: two replicas share a Fourier transform, and their rounding errors depend on both.
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
from magsearch.search.island import REFINEMENT
from magsearch.search.polishing import FLAT
from magsearch.units import MU_B

BATCH = 64  # maximum number of textures relaxed together
SHIFT = 1e-3  # of a coordinate: step of the finite difference for slopes along settings other than the field


@dataclass(frozen=True, eq=False)
class Trial:
    """A texture to be relaxed at the settings of a column.

    column    number of the column
    texture   [site, 3]
    origin    origin to record for the minimum it becomes
    """

    column: int
    texture: NDArray[Any]
    origin: str


@dataclass(frozen=True, eq=False)
class Batch:
    """Trials that are relaxed together, with the settings of their columns, which differ only in the field.

    precise   relax in double precision to the tight tolerance
    """

    trials: tuple[Trial, ...]
    settings: tuple[dict[str, Any], ...]
    precise: bool


def batches(trials: Sequence[Trial], columns: Sequence[Column], precise: bool) -> list[Batch]:
    """Return trials grouped into batches of equal Hamiltonians but for the field, in the order of their columns."""
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
    """Relax a batch; return the number of the column and the minimum of each trial, in the order of the trials."""
    first = config.varied(given, batch.settings[0])
    fields = [settings.get("model.field", first.hamiltonian.field) for settings in batch.settings]
    minimizer: Minimizer = FLAT if batch.precise else REFINEMENT
    evaluator = Evaluator(first.hamiltonian, device, np.float64 if batch.precise else np.float32, first.search.path)
    textures = np.stack([trial.texture for trial in batch.trials])
    done = relax(minimizer, evaluator, textures, np.array(fields, dtype=np.float64), watch)
    return [
        (trial.column, Minimum.of(first.hamiltonian, field, texture, energy, torque, trial.origin))
        for trial, field, texture, energy, torque in zip(
            batch.trials, fields, done.textures, done.energy, done.torque, strict=True
        )
    ]


class Followed:
    """The minima of all columns during the continuation of phases.

    columns     columns with their minima
    graph       [column] numbers of the neighbours
    tolerance   [column] total energy in meV by which a minimum must be lower to replace another one
    """

    def __init__(self, columns: Sequence[Column], graph: Sequence[Sequence[int]], tolerance: Sequence[float]):
        self.graph, self.tolerance = graph, tolerance
        self.minima = [{minimum.label: minimum for minimum in column.minima or ()} for column in columns]
        self._fresh = [set(known) for known in self.minima]  # labels not yet tried by the neighbours

    def trials(self) -> list[Trial]:
        """Return trials of all new minima at their neighbouring columns; empty at the end of the continuation.

        The minima then count as tried.
        """
        found = [
            Trial(column, self.minima[source][label].texture, f"followed from column {source}")
            for column, near in enumerate(self.graph)
            for source in near
            for label in sorted(self._fresh[source])
        ]
        self._fresh = [set() for _ in self.minima]
        return found

    def take(self, done: Sequence[tuple[int, Minimum]]) -> None:
        """Accept relaxed minima (column, minimum) that are new phases in their column or lower than its own."""
        for column, minimum in done:
            known = self.minima[column].get(minimum.label)
            if known is None or minimum.energy < known.energy - self.tolerance[column]:
                self.minima[column][minimum.label] = minimum
                self._fresh[column].add(minimum.label)

    def rough(self) -> list[Trial]:
        """Return the accepted minima that have been relaxed in single precision only, as trials."""
        return [
            Trial(column, minimum.texture, minimum.origin)
            for column, own in enumerate(self.minima)
            for minimum in own.values()
            if minimum.texture.dtype == np.float32
        ]

    def polished(self, done: Sequence[tuple[int, Minimum]]) -> list[tuple[Minimum, ...]]:
        """Return the minima of each column, best first, with ``done`` (column, minimum) in place of the rough ones."""
        every = [[m for m in own.values() if m.texture.dtype != np.float32] for own in self.minima]
        for column, minimum in done:
            every[column].append(minimum)
        return [lowest(own) for own in every]


def with_slopes(column: Column, given: Input, space: Space, device: Device) -> Column:
    """Return a column with the slopes of its minima, d energy / d coordinate at fixed texture, meV per site.

    To first order, the energy of a minimum changes with a parameter as if its spins were fixed (Hellmann-Feynman
    theorem): along a field, the slope is minus the moment along it. Slopes along other settings are central finite
    differences; a slope is missing where the input does not allow the shifted settings.
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
