"""Adaptive refinement of a scan: new points where the boundary between two phases is most uncertain.

A boundary is where the gap between two phases vanishes, so that surrogates are fitted to energies relative to one
phase. The criterion is that of Picheny et al., J. Mech. Des. 132, 071008 (2010), points of one batch are chosen as by
Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize optimization" (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc

from magsearch.phases.column import Column
from magsearch.scan.space import Space, scaled
from magsearch.scan.surrogate import Array, Surrogate

POINTS = 4096  # number of candidate points
CLOSE = 1e-3  # smallest distance of a new point from a column, in units of the coordinates' ranges


@dataclass(frozen=True, eq=False)
class Branches:
    """The energies in several columns of all phases that are the ground state in one of them.

    x        [column, coordinate] scaled to 0 to 1
    energy   by label: [column] meV per site, nan if the phase is unknown there
    slope    by label: [column, coordinate] along the scaled coordinates, nan if unknown
    """

    x: Array
    energy: dict[str, Array]
    slope: dict[str, Array]

    @classmethod
    def of(cls, columns: Sequence[Column], space: Space) -> Branches:
        """Return the branches of the columns of one family."""
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
        """Return labels, and predicted energies relative to one phase with standard deviations, [label, point] each.

        where   [point, coordinate] scaled

        The reference is the phase that is known in most columns.
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
        """Return the expected error of the boundary's position near points [point, coordinate], in units of the ranges.

        With the gap g to the next phase and its standard deviation s, it is s / |grad g| exp(- (g / s)^2 / 2): large
        where the gap may vanish and where its error would shift the boundary most. The weight follows Picheny et al.,
        J. Mech. Des. 132, 071008 (2010). It is zero if only one phase is known.
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

    def with_prediction(self, model: Surrogate, x: Array) -> Branches:
        """Return the branches with a column of predicted energies added at x [coordinate] ("kriging believer").

        Ginsbourger, Le Riche & Carraro, "Kriging is well-suited to parallelize optimization" (2010).
        """
        labels, mean, _ = self.gaps(model, x[None])
        unknown = np.full((1, self.x.shape[1]), np.nan)
        expected = dict(zip(labels, mean[:, 0].tolist(), strict=True))
        return Branches(
            np.concatenate([self.x, x[None]]),
            {label: np.append(values, expected.get(label, np.nan)) for label, values in self.energy.items()},
            {label: np.concatenate([values, unknown]) for label, values in self.slope.items()},
        )


def next_point(branches: Branches, model: Surrogate) -> tuple[Array, float]:
    """Return the next point, x [coordinate] scaled, and the uncertainty of the boundary there (``uncertainty``).

    If no boundary is known, it is the candidate farthest from all columns.
    """
    points = qmc.Sobol(branches.x.shape[1], scramble=False).random(POINTS)
    apart = np.linalg.norm(points[:, None] - branches.x[None], axis=-1).min(axis=1)
    points, apart = points[apart > CLOSE], apart[apart > CLOSE]
    doubt = branches.uncertainty(model, points)
    k = int(doubt.argmax()) if doubt.any() else int(apart.argmax())
    return points[k], float(doubt[k])
