"""Transition temperatures without simulation: mean field, and the random-phase approximation of classical spins.

Mean field. In the disordered state a spin answers a field h by <s> = C h / kT, C = <s s> of the spin alone with its
anisotropy. Order begins where kT is the largest eigenvalue of C^1/2 J(q) C^1/2 over all q. Without anisotropy C = 1/3:

    kT = max_q lambda(q) / 3.

Random phases (for classical spins: Tyablikov's decoupling, Sov. Phys. JETP 9, 1137 (1959), in the limit of large S, and
the spherical model of Berlin & Kac, Phys. Rev. 86, 821 (1952)). With M(q) = J(q) + 2 A every mode has the mean square
kT / (mu - lambda(q)), all of them add up to one for each spin, and mu falls to max lambda at the transition:

    1 / kT = (1 / spins of a cell) sum over branches of the mean over q of 1 / (max lambda - lambda(q)),

for isotropic spins on one sublattice 1 / kT = 3 <1 / (max lambda - lambda(q))>. The mean diverges in two dimensions.
Both without the field.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from magsearch.bounds.quadratic_form import QuadraticForm, in_space, quadratic_form
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.term import UnsupportedTerm
from magsearch.units import K_B

POINTS = {1: 768, 2: 192, 3: 48}  # wave vectors along an axis, by dimension
WORK = 3e8  # operations for one mean over q
STARTS = 6  # wave vectors from which the largest eigenvalue is sought
DIVERGES = 0.8  # ratio of successive differences when the number of points is doubled, from which a mean diverges


@dataclass(frozen=True)
class Estimates:
    """Estimated transition temperatures in kelvin; None where the model has no J(q)."""

    mean_field: float | None
    random_phase: float | None


def estimates(hamiltonian: Hamiltonian, watch: Callable[[], None] = lambda: None) -> Estimates:
    """Return both estimates; zero where there is no transition by them. ``watch`` is called repeatedly."""
    bare = replace(hamiltonian, field=(0.0, 0.0, 0.0))
    if hamiltonian.dipole is not None:
        return Estimates(None, None)
    try:
        form = quadratic_form(bare)
    except UnsupportedTerm:
        return Estimates(None, None)
    if not form.dimension:
        return Estimates(None, None)
    return Estimates(_mean_field(bare, watch), _random_phase(form, watch))


def _mean_field(hamiltonian: Hamiltonian, watch: Callable[[], None]) -> float:
    from scipy.optimize import brentq

    form = quadratic_form(replace(hamiltonian, anisotropy=()))
    if not hamiltonian.anisotropy:
        return max(0.0, _largest(form, watch) / 3 / K_B)
    form = in_space(form, hamiltonian.field)
    energies = _of_directions(hamiltonian)[:, _atoms(form, hamiltonian)]  # [direction, spin]

    def excess(kT: float) -> float:
        """Return the largest eigenvalue of C^1/2 J C^1/2 at a temperature, above kT, meV."""
        weight = np.exp(-(energies - energies.min(axis=0)) / kT)
        moments = np.einsum("ds,da,db->sab", weight / weight.sum(axis=0), DIRECTIONS, DIRECTIONS)
        values, vectors = np.linalg.eigh(moments)
        roots = (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ vectors.swapaxes(1, 2)
        rotated = replace(form, J=roots[form.i] @ form.J @ roots[form.j])
        return _largest(rotated, watch) - kT

    high = _largest(form, watch)
    low = 1e-3 * high
    if high <= 0 or excess(low) <= 0:
        return 0.0
    return float(brentq(excess, low, 1.01 * high, rtol=1e-4)) / K_B


def _of_directions(hamiltonian: Hamiltonian) -> NDArray[np.float64]:
    """Return the anisotropy energy of each atom in ``DIRECTIONS``, [direction, atom] meV."""
    one = hamiltonian.with_size((1, 1, 1))
    spins = np.broadcast_to(DIRECTIONS[:, None], (len(DIRECTIONS), one.lattice.atoms, 3))
    return np.asarray(one.terms[1].energies(one, spins))


def _atoms(form: QuadraticForm, hamiltonian: Hamiltonian) -> NDArray[np.int64]:
    """Return the atom of the basis of each spin of a form, [spin]."""
    return np.unique(form.spin_of, return_index=True)[1] % hamiltonian.lattice.atoms


def _points(form: QuadraticForm, along: int, shift: float) -> NDArray[np.float64]:
    """Return a grid of wave vectors, [q, 3] in reciprocal vectors, of ``along`` points along each axis of the form."""
    steps = (np.arange(along) + shift) / along
    grid = np.stack(np.meshgrid(*[steps] * form.dimension, indexing="ij"), axis=-1)
    return np.asarray(grid.reshape(-1, form.dimension) @ form.dual)


def _affordable(form: QuadraticForm) -> int:
    """Return the points along an axis of a grid whose matrices take ``WORK`` operations or less."""
    most = (WORK / (form.order**3 + 30 * form.order**2)) ** (1 / form.dimension)
    return max(6, min(POINTS[form.dimension], int(most / 6) * 6))


def _largest(form: QuadraticForm, watch: Callable[[], None]) -> float:
    """Return the largest eigenvalue of M(q) over all q, meV."""
    return _softest(form, watch)[0]


def _softest(form: QuadraticForm, watch: Callable[[], None]) -> tuple[float, NDArray[np.float64]]:
    """Return the largest eigenvalue of M(q) over all q, meV, and q [dimension] in units of ``form.dual``."""
    from scipy.optimize import minimize

    along = _affordable(form) // 2
    grid = _points(form, along, 0.0)
    found = []
    for part in np.array_split(grid, max(1, len(grid) // 4096)):
        watch()
        found.append(np.linalg.eigvalsh(form.matrices(part))[:, -1])
    top = np.concatenate(found)

    def lowered(x: NDArray[np.float64]) -> float:
        return -float(np.linalg.eigvalsh(form.matrices(x @ form.dual))[0, -1])

    best, where = -np.inf, np.zeros(form.dimension)
    for start in np.argsort(-top, kind="stable")[:STARTS]:
        watch()
        x = np.array(np.unravel_index(start, [along] * form.dimension)) / along
        simplex = np.vstack([x, x + np.eye(form.dimension) / (2 * along)])
        result = minimize(lowered, x, method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 1e-7})
        for value, place in ((top[start], x), (-float(result.fun), result.x)):
            if value > best + 1e-9 * abs(value):
                best, where = float(value), np.asarray(place)
    return best, where


def _random_phase(form: QuadraticForm, watch: Callable[[], None]) -> float:
    top, where = _softest(form, watch)
    along = _affordable(form) // 6 * 6
    means = []
    for points in (along // 4, along // 2, along):
        # half a step beside the softest mode, where the terms of the mean are largest
        grid = _points(form, points, 0.5) + where @ form.dual
        total = 0.0
        for part in np.array_split(grid, max(1, len(grid) // 4096)):
            watch()
            gaps = top - np.linalg.eigvalsh(form.matrices(part))
            total += float((1 / np.maximum(gaps, 1e-12 * form.scale)).sum())
        means.append(total * (3 if form.components == 1 else 1) / form.n_spins / len(grid))
    first, second = means[1] - means[0], means[2] - means[1]
    if top <= 0 or second > DIVERGES * first:
        return 0.0
    ratio = max(second, 0.0) / first if first > 0 else 0.0  # the error of the mean falls by this factor
    return 1 / (means[2] + max(second, 0.0) * ratio / (1 - ratio)) / K_B


def _sphere(count: int) -> NDArray[np.float64]:
    """Return directions that cover the sphere evenly (a Fibonacci spiral), [count, 3]."""
    k = np.arange(count) + 0.5
    z, turns = 1 - 2 * k / count, np.pi * (1 + 5**0.5) * k
    radius = np.sqrt(1 - z * z)
    return np.stack([radius * np.cos(turns), radius * np.sin(turns), z], axis=1)


DIRECTIONS = _sphere(20_000)
