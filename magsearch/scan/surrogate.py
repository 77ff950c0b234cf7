"""Surrogate models of the energy between the columns of a scan, fitted to energies and exact slopes.

They predict a mean and a standard deviation. Coordinates are scaled to 0 to 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from magsearch.errors import InputError
from magsearch.randomness import Consumer, stream

Array = NDArray[np.float64]
BESIDE = 0.02  # of a coordinate's range: distance of the second energy by which a slope enters a Gaussian process
ROUGH = 1e-6  # relative noise variance of the energies, which regularises the fit


class Prediction(Protocol):
    """Prediction of a fitted surrogate."""

    def __call__(self, x: Array, /) -> tuple[Array, Array]:
        """Return mean and standard deviation at x [point, coordinate], [point] each."""


class Surrogate(Protocol):
    """A model of an energy as a function of coordinates."""

    def fitted(self, x: Array, energy: Array, slope: Array) -> Prediction:
        """Fit energies [column] (meV per site) at x [column, coordinate], and slopes [column, coordinate] or nan."""


@dataclass(frozen=True)
class GaussianProcess:
    """Gaussian-process regression with one length scale per coordinate, by scikit-learn, for few coordinates.

    Rasmussen & Williams, Gaussian Processes for Machine Learning (MIT Press, 2006). A slope enters as a second energy
    close by. The length scales maximise the likelihood.
    """

    def fitted(self, x: Array, energy: Array, slope: Array) -> Prediction:
        """Fit energies and slopes (see ``Surrogate.fitted``). Raises InputError without scikit-learn."""
        try:
            from sklearn.gaussian_process import GaussianProcessRegressor
            from sklearn.gaussian_process.kernels import RBF, ConstantKernel
        except ImportError:
            raise InputError(
                "scan.surrogate gaussian-process needs scikit-learn: pip install 'magsearch[refine]', or "
                'scan.surrogate="random-features"',
                "[scan]",
                everywhere=True,
            ) from None
        x, energy = _with_slopes(x, energy, slope)
        kernel = ConstantKernel(1.0, (1e-2, 1e4)) * RBF(np.ones(x.shape[1]), (0.05, 20.0))
        process = GaussianProcessRegressor(
            kernel, alpha=ROUGH, normalize_y=True, n_restarts_optimizer=2, random_state=0
        )
        import warnings

        with (
            warnings.catch_warnings()
        ):  # a length scale at its bound is fine: the energy does not depend on that coordinate
            warnings.simplefilter("ignore")
            process.fit(x, energy)

        def predicted(where: Array) -> tuple[Array, Array]:
            mean, deviation = process.predict(where, return_std=True)
            return np.asarray(mean), np.asarray(deviation)

        return predicted


@dataclass(frozen=True)
class RandomFeatures:
    """Bayesian linear regression on sparse random Fourier features, for many coordinates.

    Random Fourier features (Rahimi & Recht, NeurIPS 20 (2007)), sparse in the sense of Hashemi, Schaeffer, Shi, Topcu,
    Tran & Ward (Appl. Comput. Harmon. Anal. 62, 310 (2023)): a feature cos(w . z + b) has weights w on ``order`` of the
    inputs only. The inputs z are the directions in which the energy varies: the leading eigenvectors of the mean g g^T
    of the slopes g (active subspaces: Constantine, Dow & Wang, SIAM J. Sci. Comput. 36, A1500, 2014). The slopes are
    known for every minimum at no extra cost, and enter the fit exactly, by the features' derivatives.

    features   number of features
    order      number of inputs of a feature
    kept       fraction of the slopes' mean square within the retained directions; the direction of a boundary is a
               ratio of two slopes, for which a thousandth of a slope may matter
    seed       random seed of the features
    """

    features: int = 512
    order: int = 2
    kept: float = 0.999999
    seed: int = 1

    def directions(self, slope: Array) -> Array:
        """Return the inputs as orthonormal columns [coordinate, input], from slopes [column, coordinate] or nan."""
        known = slope[~np.isnan(slope).any(axis=1)]
        if not len(known) or not known.any():
            return np.eye(slope.shape[1])
        weight, vectors = np.linalg.eigh(known.T @ known)
        count = int(np.searchsorted(np.cumsum(weight[::-1]) / weight.sum(), self.kept)) + 1
        return np.ascontiguousarray(vectors[:, ::-1][:, :count])

    def fitted(self, x: Array, energy: Array, slope: Array) -> Prediction:
        """Fit energies and slopes (see ``Surrogate.fitted``); the length scale has the largest evidence."""
        W = self.directions(slope)
        centre, spread = float(energy.mean()), float(np.ptp(energy)) or 1.0
        found = [self._posterior(x, (energy - centre) / spread, slope / spread, W, length) for length in LENGTHS]
        _, predicted = max(found, key=lambda f: f[0])

        def scaled(where: Array) -> tuple[Array, Array]:
            mean, deviation = predicted(where)
            return centre + spread * mean, spread * deviation

        return scaled

    def _posterior(self, x: Array, y: Array, slope: Array, W: Array, length: float) -> tuple[float, Prediction]:
        """Return the log evidence and the prediction for features of one length scale."""
        random = stream(self.seed, Consumer.FEATURES)
        inputs = W.shape[1]
        weights = random.normal(size=(self.features, inputs)) / length
        if self.order < inputs:
            rank = random.random((self.features, inputs)).argsort(axis=1).argsort(axis=1)
            weights = np.where(rank < self.order, weights, 0.0)
        weights, phase = weights @ W.T, random.uniform(0, 2 * np.pi, self.features)  # [feature, coordinate]
        scale = np.sqrt(2 / self.features)

        def features(where: Array) -> Array:  # [point, feature]: cosines, a constant and a plane
            flat = np.column_stack([np.ones(len(where)), where @ W])
            return np.column_stack([scale * np.cos(where @ weights.T + phase), FLAT * flat])

        def derivatives(where: Array, axis: int) -> Array:  # d features / d x_axis
            flat = np.column_stack([np.zeros(len(where)), np.tile(W[axis], (len(where), 1))])
            return np.column_stack([-scale * weights[:, axis] * np.sin(where @ weights.T + phase), FLAT * flat])

        rows, values = [features(x)], [y]
        for axis in range(x.shape[1]):
            known = ~np.isnan(slope[:, axis])
            rows.append(derivatives(x[known], axis))
            values.append(slope[known, axis])
        A, v = np.concatenate(rows), np.concatenate(values)
        K = A @ A.T
        factor = cho_factor(K + ROUGH * np.eye(len(K)), lower=True)
        solved = cho_solve(factor, v)
        variance = float(v @ solved) / len(v)  # of the coefficients, where the evidence is largest
        evidence = -0.5 * len(v) * np.log(max(variance, 1e-300)) - float(np.log(np.diag(factor[0])).sum())

        def predicted(where: Array) -> tuple[Array, Array]:
            F = features(where)
            cross = F @ A.T
            left = (F**2).sum(axis=1) - (cross * cho_solve(factor, cross.T).T).sum(axis=1)
            return cross @ solved, np.sqrt(variance * np.maximum(left, 0.0))

        return evidence, predicted


LENGTHS = (0.15, 0.25, 0.4, 0.7, 1.2, 2.0)  # length scales to choose from, in units of the coordinates' ranges
FLAT = 10.0  # prior scale of the constant and the linear part, relative to that of the cosines
SURROGATES: dict[str, type[Any]] = {"gaussian-process": GaussianProcess, "random-features": RandomFeatures}


def surrogate(name: str | None, coordinates: int) -> Surrogate:
    """Return the surrogate of a name; by default a Gaussian process up to three coordinates, else random features."""
    chosen: Surrogate = SURROGATES[name or ("gaussian-process" if coordinates <= 3 else "random-features")]()
    return chosen


def _with_slopes(x: Array, energy: Array, slope: Array) -> tuple[Array, Array]:
    """Return points and energies: those at x, and beside each x one for every known slope."""
    points, energies = [x], [energy]
    for axis in range(x.shape[1]):
        known = ~np.isnan(slope[:, axis])
        step = np.where(x[known, axis] > 0.5, -BESIDE, BESIDE)
        beside = x[known].copy()
        beside[:, axis] += step
        points.append(beside)
        energies.append(energy[known] + step * slope[known, axis])
    return np.concatenate(points), np.concatenate(energies)
