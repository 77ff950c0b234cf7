"""Saddle points: eigenvector following with truncated Newton steps, of many textures at once, and where they lead.

The energy rises along the softest mode and falls along all others: Cerjan & Miller, J. Chem. Phys. 75, 2800 (1981).
Newton's equations with the sign of that mode reversed are solved by conjugate gradients, and a step ends where the
curvature is negative or a spin turns too far (Steihaug, SIAM J. Numer. Anal. 20, 626 (1983)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.minima import modes
from magsearch.minima.hessian import Hessian
from magsearch.minima.stability import pushed
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax

TORQUE = 1e-9  # of the stiffest coupling, at which a saddle point has converged
ACCEPTED = 1e-6  # of the stiffest coupling, above which it is none
STEPS = 60  # largest number of Newton steps
CONJUGATE = 300  # largest number of products with the Hessian in a step
TURN = 0.25  # radians, largest rotation of a spin in a step
SOFTEST = 4  # modes by which a saddle point is judged
LANCZOS = 20  # steps for the mode that is followed, from where it was before
PUSHES = 3  # largest number of times that a stationary point with several negative modes is displaced
DESCENT = LBFGS(Convergence(steps=6000, variance=None), longest_turn=0.1)


@dataclass(frozen=True, eq=False)
class Stationary:
    """A stationary texture.

    spins     [site, 3]
    energy    meV
    torque    meV, largest
    modes     [mode] meV, the softest eigenvalues of the Hessian, without global rotations
    mode      [site, 3] of length 1, the softest one
    negative  number of negative ones among ``modes``
    """

    spins: NDArray[np.float64]
    energy: float
    torque: float
    modes: NDArray[np.float64]
    mode: NDArray[np.float64]
    negative: int


@dataclass(eq=False)
class Effort:
    """Number of products with a force or a Hessian, of all textures together."""

    forces: int = 0
    products: int = 0


def follow(
    evaluator: Evaluator,
    guesses: NDArray[np.float64],
    along: NDArray[np.float64],
    watch: Callable[[], None] = lambda: None,
    effort: Effort | None = None,
) -> list[Stationary | None]:
    """Return the saddle point that each guess [replica, site, 3] leads to; None where none has been reached.

    Points with several negative modes are displaced along the second one and followed again.

    along   [replica, site, 3], about the modes along which the energy is to rise: tangents of paths
    """
    effort = effort or Effort()
    found: list[Stationary | None] = [None] * len(guesses)
    s, v, own = np.array(guesses, dtype=np.float64), np.array(along, dtype=np.float64), list(range(len(guesses)))
    for attempt in range(PUSHES + 1):
        s, torque = _stationary(evaluator, s, v, watch, effort)
        soft = modes.softest(evaluator, s, SOFTEST, watch=watch)
        energies, tiny = evaluator.energies(s), modes.zero(evaluator)
        again = []
        for k, replica in enumerate(own):
            values = soft.values[k]
            negative = int((values < -tiny).sum())
            if torque[k] <= ACCEPTED * evaluator.stiffness and negative == 1:
                found[replica] = Stationary(
                    s[k], float(energies[k]), float(torque[k]), values, soft.vectors[k, 0], negative
                )
            elif negative > 1 and attempt < PUSHES:
                second = soft.vectors[k, 1]
                second = second / np.linalg.norm(second, axis=1).max()
                again.append((replica, pushed(s[k], second)[0], soft.vectors[k, 0]))
        if not again:
            break
        own = [replica for replica, *_ in again]
        s, v = (np.array([one[place] for one in again]) for place in (1, 2))
    return found


def _stationary(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    along: NDArray[np.float64],
    watch: Callable[[], None],
    effort: Effort,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return textures after eigenvector following, and their largest torques in meV."""
    s, v, torque = s.copy(), along.copy(), np.full(len(s), np.inf)
    moving = np.arange(len(s))
    for _ in range(STEPS):
        watch()
        sums = evaluator.sums(s[moving])
        effort.forces += len(moving)
        torque[moving] = np.sqrt(sums[SUM["LARGEST2"]])
        moving = moving[torque[moving] > TORQUE * evaluator.stiffness]
        if not len(moving):
            break
        s[moving], v[moving] = newton(evaluator, s[moving], v[moving], torque[moving], watch, effort)
    return s, torque


def newton(
    evaluator: Evaluator,
    s: NDArray[np.float64],
    along: NDArray[np.float64],
    torque: NDArray[np.float64],
    watch: Callable[[], None],
    effort: Effort,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return textures [replica, site, 3] after one step, and the modes along which the energy was to rise.

    along    modes of the previous step, or tangents of paths
    torque   [replica] meV, largest
    """
    hessian, xp, device = Hessian(evaluator, s), evaluator.device.xp, evaluator.device
    replicas = hessian.replicas
    shape = (len(hessian.spins), device.width)
    zeeman = evaluator.zeeman(evaluator.hamiltonian.field, replicas)
    force = evaluator.fields(hessian.spins, zeeman)
    force -= (force * hessian.spins).sum(axis=2, keepdims=True) * hessian.spins
    mode, value = _softest(hessian, s, along, effort)
    raised = 2 * xp.maximum(-value, 0.0)  # makes the softest mode positive
    r = force - 2 * _dot(force, mode) * mode
    x, p = xp.zeros_like(r), r.copy()
    product = xp.empty_like(p)
    multiply, _ = hessian.product(p, product)
    first = square = _dot(r, r)
    # quadratic convergence at the end, little effort at the beginning
    near = np.append(torque, np.full(replicas - len(s), torque[0])) / evaluator.stiffness
    accuracy = _wide(device.array(np.minimum(0.1, near).reshape(shape), np.float64))
    for step in range(CONJUGATE):
        if step % 20 == 0:
            watch()
            p -= (p * hessian.spins).sum(axis=2, keepdims=True) * hessian.spins
        multiply()
        effort.products += len(s)
        curved = product + raised * _dot(p, mode) * mode
        curvature, length2 = _dot(p, curved), _dot(p, p)
        going = square > accuracy * accuracy * first
        positive = curvature > 1e-12 * evaluator.stiffness * length2
        if step == 0:  # along the force itself as far as a spin may turn, if the energy has no minimum there
            x += xp.where(going & ~positive, 1 / evaluator.stiffness, 0.0) * p
        going = going & positive
        alpha = xp.where(going, square / xp.where(positive, curvature, 1.0), 0.0)
        x += alpha * p
        r -= alpha * curved
        rest = _dot(r, r)
        beta = xp.where(going, rest / xp.where(going, square, 1.0), 0.0)
        square = xp.where(going, rest, 0.0)
        p *= beta
        p += r * xp.where(going, 1.0, 0.0)
        if not bool(device.host(going.any())):
            break
    x -= (x * hessian.spins).sum(axis=2, keepdims=True) * hessian.spins
    angle = xp.sqrt((x * x).sum(axis=2, keepdims=True))
    fit = xp.minimum(1.0, TURN / xp.maximum(angle.max(axis=1, keepdims=True), 1e-300))
    angle, x = angle * fit, x * fit
    moved = (
        xp.cos(angle) * hessian.spins + xp.where(angle > 0, xp.sin(angle) / xp.where(angle > 0, angle, 1.0), 1.0) * x
    )
    norm = xp.sqrt((moved * moved).sum(axis=2, keepdims=True))
    moved /= xp.where(norm > 0, norm, 1.0)
    after, modes_now = (np.asarray(device.host(evaluator.textures(of))[: len(s)]) for of in (moved, mode))
    return after, modes_now


def _softest(hessian: Hessian, s: NDArray[np.float64], along: NDArray[np.float64], effort: Effort) -> tuple[Any, Any]:
    """Return the softest modes [block, site, 3, width] in the Krylov spaces of ``along``, and their eigenvalues.

    Small systems are diagonalised. The eigenvalues broadcast over spins.
    """
    evaluator, xp, device = hessian.evaluator, hessian.evaluator.device.xp, hessian.evaluator.device
    shape = (len(hessian.spins), device.width)
    if evaluator.hamiltonian.n_spins <= modes.DENSE:
        soft = modes.softest(evaluator, s, 1)
        values = np.append(soft.values[:, 0], np.full(hessian.replicas - len(s), soft.values[0, 0]))
        return hessian.tangents(soft.vectors[:, 0]), _wide(device.array(values.reshape(shape), np.float64))
    q = hessian.tangents(along)
    q /= xp.sqrt(_dot(q, q))
    product, basis, far = xp.empty_like(q), [], 1e3 * evaluator.stiffness
    multiply, _ = hessian.product(q, product)
    T = np.zeros((hessian.replicas, LANCZOS, LANCZOS))
    going = np.ones(hessian.replicas, dtype=bool)
    for step in range(LANCZOS):
        multiply()
        effort.products += len(s)
        basis.append(q.copy())
        diagonal = _dot(q, product)
        T[:, step, step] = np.where(going, device.host(diagonal).ravel(), far)
        following = product - diagonal * q
        for vector in basis[-2:]:
            following -= _dot(following, vector) * vector
        length = xp.sqrt(_dot(following, following))
        host = device.host(length).ravel()
        going &= host > 1e-10 * evaluator.stiffness  # the Krylov space is exhausted
        if step + 1 < LANCZOS:
            T[:, step, step + 1] = T[:, step + 1, step] = np.where(going, host, 0.0)
        q[...] = following / xp.maximum(length, 1e-300)
    values, weights = np.linalg.eigh(T)
    lowest = device.array(weights[:, :, 0].T.reshape(LANCZOS, *shape), np.float64)
    mode = xp.zeros_like(q)
    for vector, weight in zip(basis, lowest, strict=True):
        mode += _wide(weight) * vector
    mode -= (mode * hessian.spins).sum(axis=2, keepdims=True) * hessian.spins
    mode /= xp.sqrt(_dot(mode, mode))
    return mode, _wide(device.array(values[:, 0].reshape(shape), np.float64))


def descents(
    evaluator: Evaluator,
    saddles: list[Stationary],
    watch: Callable[[], None] = lambda: None,
    effort: Effort | None = None,
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Return the two textures [site, 3] that relaxation reaches from each saddle point along its negative mode."""
    starts = []
    for saddle in saddles:
        along = saddle.mode / np.linalg.norm(saddle.mode, axis=1).max()
        starts += pushed(saddle.spins, along)
    if not starts:
        return []
    relaxed = relax(DESCENT, evaluator, np.array(starts), watch=watch)
    if effort is not None:
        effort.forces += relaxed.evaluations
    ends = np.asarray(relaxed.textures)
    return [(ends[2 * k], ends[2 * k + 1]) for k in range(len(saddles))]


def _dot(a: Any, b: Any) -> Any:
    """Return the scalar products of columns of spins, so that they broadcast over spins."""
    return (a * b).sum(axis=(1, 2), keepdims=True)


def _wide(values: Any) -> Any:
    """Return numbers of columns [block, width] so that they broadcast over spins."""
    return values[:, None, None, :]
