"""Riemannian Hessian of the energy on the product of spheres, for every replica at once.

A displacement of a texture is a tangent vector: three numbers for each site, perpendicular to its spin. The Hessian
maps it to another tangent vector,

    (H v)_i = P_i [ (s_i . b_i) v_i - sum_j J_ij v_j - (d b_i / d s_i on site) v_i ],    P_i = 1 - s_i s_i^T,

where the first term is due to the curvature of the spheres (Absil, Mahony & Sepulchre, Optimization Algorithms on
Matrix Manifolds, Princeton 2008, chapter 5). It is symmetric, in meV, and has two eigenvalues for each spin.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.graph import Launch
from magsearch.model.sphere import frames

AT_ONCE = 2_000_000  # sites of all vectors that are multiplied at a time


class Hessian:
    """Hessian of every texture of [replica, site, 3] as a linear operator; ``tesla`` as for ``relax``.

    spins   [block, site, 3, width], padded with copies of the first
    held    [block, site, width]: s . b of every spin, meV
    count   number of textures
    """

    def __init__(self, evaluator: Evaluator, textures: Any, tesla: Any = None):
        self.evaluator = evaluator
        batch = evaluator.batch(textures)
        self.spins, self.count = evaluator.spins(batch), len(batch)
        self.replicas = evaluator.replicas(self.spins)
        zeeman = evaluator.zeeman_of(tesla, self.count, evaluator.columns(self.count))
        self.held = (self.spins * evaluator.fields(self.spins, zeeman)).sum(axis=2)

    def tangents(self, vectors: ArrayLike) -> Any:
        """Project vectors, [site, 3] for all replicas or [replica, site, 3], on the tangent spaces, on the device."""
        occupied = self.evaluator.hamiltonian.occupied[:, None]
        v = np.broadcast_to(np.asarray(vectors) * occupied, (self.count, self.evaluator.sites, 3))
        v = self.evaluator.spins(v)
        return v - (v * self.spins).sum(axis=2, keepdims=True) * self.spins

    def product(self, vectors: Any, out: Any) -> tuple[Launch, Any]:
        """Return the launch that writes H v into ``out``, and the sums of v . H v, [1, replica]."""
        evaluator = self.evaluator
        sums = evaluator.device.xp.empty((evaluator.chunks, 1, self.replicas))
        reduce, reduced = evaluator.reduction(sums, 1, -1)
        multiply = evaluator.hessian_product(self.spins, self.held, vectors, out, sums)
        return evaluator.device.chain(multiply, reduce), reduced

    def __call__(self, vectors: ArrayLike) -> NDArray[np.float64]:
        """Return H v for vectors [replica, site, 3] in meV, with the shape of the vectors."""
        v = self.tangents(vectors)
        out = self.evaluator.device.xp.empty_like(v)
        self.product(v, out)[0]()
        return self.evaluator.device.host(self.evaluator.textures(out)[: self.count])


def dense(evaluator: Evaluator, texture: ArrayLike, tesla: Any = None) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the Hessian of one texture [site, 3] as a matrix, and the basis of tangent vectors.

    The matrix is [2 spins, 2 spins] in meV, the basis [2 spins, site, 3].
    """
    s = np.asarray(texture, dtype=np.float64)
    where = np.flatnonzero(evaluator.hamiltonian.occupied)
    pairs = np.zeros((len(where), 2, evaluator.sites, 3))
    pairs[np.arange(len(where)), :, where] = frames(s)[where]
    return matrix(evaluator, s, tesla), pairs.reshape(-1, evaluator.sites, 3)


def matrix(
    evaluator: Evaluator, texture: ArrayLike, tesla: Any = None, watch: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Return the Hessian of one texture [site, 3] in the ``frames`` of its spins, [2 spins, 2 spins] in meV.

    Basis vectors are multiplied as replicas, as many at once as ``AT_ONCE`` allows; ``watch`` is called in between.
    """
    s = np.asarray(texture, dtype=np.float64)
    where = np.flatnonzero(evaluator.hamiltonian.occupied)
    axes = frames(s)[where]  # [spin, 2, 3]
    size, width = 2 * len(where), evaluator.device.width
    some = min(size, max(1, AT_ONCE // (evaluator.sites * width)) * width)
    hessian = Hessian(evaluator, np.broadcast_to(s, (some, *s.shape)), tesla)
    H = np.empty((size, size))
    for first in range(0, size, some):
        watch()
        row = np.arange(first, min(first + some, size))
        vectors = np.zeros((some, *s.shape))
        vectors[row - first, where[row // 2]] = axes[row // 2, row % 2]
        image = hessian(vectors)[: len(row), where]  # [vector, spin, 3]
        H[row] = (image[:, :, None] * axes).sum(axis=3).reshape(len(row), size)
    return 0.5 * (H + H.T)


def flat(vectors: NDArray[Any]) -> NDArray[Any]:
    """Reshape vectors [..., site, 3] to rows [..., 3 site]."""
    return vectors.reshape(*vectors.shape[:-2], -1)
