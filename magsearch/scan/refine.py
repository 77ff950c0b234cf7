"""Where a scan should look next: where the boundary between two phases is least certain.

What decides a boundary is the gap between two phases, so that surrogates are fitted to energies relative to one phase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from magsearch.phases.column import Column
from magsearch.scan.space import Space, scaled
from magsearch.scan.surrogate import Array, Surrogate

POINTS = 4096  # that are considered
CLOSE = 1e-3  # of the ranges: closer to a column there is nothing to learn


@dataclass(frozen=True, eq=False)
class Branches:
    """The energies of phases in some columns: of those that are the lowest in one of them.

    x        [column, coordinate] scaled to 0 to 1
    energy   label: [column] meV per site, nan where the phase is not known
    slope    label: [column, coordinate] along the scaled coordinates, nan where not known
    """

    x: Array
    energy: dict[str, Array]
    slope: dict[str, Array]

    @classmethod
    def of(cls, columns: Sequence[Column], space: Space) -> Branches:
        """Of one family's columns."""
        x = np.array([space.coordinates(column.settings) for column in columns])
        width = np.ptp(x, axis=0)
        found = [{m.label: m for m in column.minima or ()} for column in columns]
        labels = sorted({column.minima[0].label for column in columns if column.minima})
        energy = {
            label: np.array([own[label].per_site if label in own else np.nan for own in found]) for label in labels
        }
        slope = {
            label: np.array(
                [[own[label].slopes.get(n, np.nan) if label in own else np.nan for n in space.names] for own in found]
            ) * np.where(width > 0, width, 1.0)
            for label in labels
        }  # fmt: skip
        return cls(scaled(x), energy, slope)

    def gaps(self, model: Surrogate, where: Array) -> tuple[list[str], Array, Array]:
        """Labels; energies relative to one phase with standard deviations, [label, point], at x [point, coordinate].

        Relative to the phase that is known in most columns.
        """
        reference = max(self.energy, key=lambda label: int(np.isfinite(self.energy[label]).sum()))
        labels, means, deviations = [reference], [np.zeros(len(where))], [np.zeros(len(where))]
        for label in self.energy:
            gap = self.energy[label] - self.energy[reference]
            known = np.isfinite(gap)
            if label != reference and known.any():
                lean = self.slope[label] - self.slope[reference]
                mean, deviation = model.fitted(self.x[known], gap[known], lean[known])(where)
                labels.append(label)
                means.append(mean)
                deviations.append(deviation)
        return labels, np.array(means), np.array(deviations)

    def uncertainty(self, model: Surrogate, where: Array) -> Array:
        """How far the boundary near x [point, coordinate] may be from where it is expected, in units of the ranges.

        With the gap g to the next phase and its standard deviation s: s / |grad g| exp(- (g / s)^2 / 2): large where
        the gap may vanish and where that would move the boundary far. A weight of this kind is that of Picheny et al.,
        J. Mech. Des. 132, 071008 (2010). Zero where one phase alone is known.
        """
        step, points = 1e-3, np.arange(len(where))
        beside = [where + step * axis for axis in np.eye(where.shape[1])]
        labels, mean, deviation = self.gaps(model, np.concatenate([where, *beside]))
        if len(labels) < 2:
            return np.zeros(len(where))
        first, second = np.argsort(mean[:, points], axis=0, kind="stable")[:2]
        gap = [
            mean[second, k * len(where) + points] - mean[first, k * len(where) + points] for k in range(len(beside) + 1)
        ]
        lean = np.sqrt(sum(((moved - gap[0]) / step) ** 2 for moved in gap[1:]))
        s = np.hypot(deviation[first, points], deviation[second, points]) + 1e-12 * np.abs(mean).max()
        return np.asarray(s / np.maximum(lean, 1e-300) * np.exp(-0.5 * (gap[0] / s) ** 2))

    def believing(self, model: Surrogate, x: Array) -> Branches:
        """The same with a column at x [coordinate], as it is expected ("kriging believer", Ginsbourger et al. 2010)."""
        labels, mean, _ = self.gaps(model, x[None])
        unknown = np.full((1, self.x.shape[1]), np.nan)
        expected = dict(zip(labels, mean[:, 0].tolist(), strict=True))
        return Branches(
            np.concatenate([self.x, x[None]]),
            {label: np.append(values, expected.get(label, np.nan)) for label, values in self.energy.items()},
            {label: np.concatenate([values, unknown]) for label, values in self.slope.items()},
        )


def placed(branches: Branches, model: Surrogate) -> tuple[Array, float]:
    """The next place, x [coordinate] scaled, and how uncertain the boundary is there.

    The point farthest from all columns where no boundary is known.
    """
    points = qmc.Sobol(branches.x.shape[1], scramble=False).random(POINTS)
    apart = np.linalg.norm(points[:, None] - branches.x[None], axis=-1).min(axis=1)
    points, apart = points[apart > CLOSE], apart[apart > CLOSE]
    doubt = branches.uncertainty(model, points)
    k = int(doubt.argmax()) if doubt.any() else int(apart.argmax())
    return points[k], float(doubt[k])
