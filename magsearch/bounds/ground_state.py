"""Ground states built from the waves that attain the Luttinger-Tisza bound.

At the optimal multipliers every state that reaches the bound lies in the null spaces of S(q) (docs/theory.md; Lyons &
Kaplan, Phys. Rev. 120, 1580 (1960)); where such waves have unit length everywhere, they are a ground state. One wave is

    s_a(T) = m_a + Re[w_a exp(i q.T)],    S(q) w = 0,    m = S(0)^-1 h,

and has unit length everywhere if m_a.w_a = 0 = w_a.w_a and |m_a|^2 + |w_a|^2 / 2 = 1; where q = - q, if m_a.w_a = 0
and |m_a|^2 + |w_a|^2 = 1. Isotropic couplings leave the directions of spins free: a complex vector of the null space
is a spiral in a plane, and up to three real ones are along orthogonal directions; the field takes one direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, eigsh

from magsearch.bounds.banded import Band
from magsearch.bounds.bound import Bound
from magsearch.bounds.luttinger_tisza import lower_bound
from magsearch.bounds.multipliers import shifted
from magsearch.bounds.quadratic_form import QuadraticForm, in_space, quadratic_form
from magsearch.bounds.tangents import tight_form
from magsearch.engine.cpu import Cpu
from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.lbfgs import LBFGS
from magsearch.relaxation.relax import relax

SOFT = 1e-6  # eigenvalues of S below this, in units of form.scale, are zero
LARGE = 600  # rows from which on a cluster's null space is found by Lanczos' method,
WAVES = 24  # and the largest number of its vectors
TRIES = 16  # random members of a null space where none has unit length; textures that are relaxed
STEPS = 1000  # largest number of steps of a relaxation
NUDGE = 0.03  # random displacement before a relaxation: waves may be saddle points
UNIT_LENGTH = 1e-7  # largest | |s|^2 - 1 | of spins that count as of unit length


@dataclass(frozen=True, eq=False)
class Wave:
    """One wave, s_a(T) = mean_a + Re[amplitude_a exp(i q.T)].

    form             quadratic form with three components per spin
    k                q in fractions of the reciprocal vectors
    mean, amplitude  [spin, 3]
    """

    form: QuadraticForm
    k: NDArray[np.float64]
    mean: NDArray[np.float64]
    amplitude: NDArray[np.complex128]

    @property
    def standing(self) -> bool:
        """Whether q and -q are equivalent: the wave is real."""
        return standing(self.form, self.k)

    @property
    def unit(self) -> bool:
        """Whether the spins have unit length in every cell."""
        m, w = self.mean, self.amplitude
        length = (m**2).sum(axis=1) + (np.abs(w) ** 2).sum(axis=1) / (1 if self.standing else 2)
        turning = np.zeros(1) if self.standing else (w * w).sum(axis=1)
        return all(np.abs(wrong).max() < UNIT_LENGTH for wrong in (length - 1, turning, (m * w).sum(axis=1)))

    @property
    def energy_per_site(self) -> float:
        """Energy per site in the infinite crystal, meV, provided that the spins have unit length."""
        w, m = self.amplitude.ravel(), self.mean.ravel()
        wave = np.vdot(w, self.form.matrices(self.k)[0] @ w).real / (1 if self.standing else 2)
        uniform = m @ (self.form.uniform @ m) + 2 * self.form.field.ravel() @ m
        return float(self.form.constant - 0.5 * (wave + uniform)) / self.form.n_spins

    def spins(self, lattice: Lattice) -> NDArray[np.float64]:
        """Return the wave on the sites of a box, [site, 3], normalised to unit length; zero at vacancies."""
        return normalised(self.form, [self], lattice)


def standing(form: QuadraticForm, k: NDArray[np.float64]) -> bool:
    """Return whether q and -q are equivalent; k [3] in units of the reciprocal vectors."""
    return bool(np.abs((2 * form.period @ k + 0.5) % 1 - 0.5).max(initial=0.0) < 1e-9)


def normalised(form: QuadraticForm, waves: list[Wave], lattice: Lattice) -> NDArray[np.float64]:
    """Return the sum of waves on the sites of a box, [site, 3], normalised to unit length; zero at vacancies."""
    spin, s = form.spin_of, waves[0].mean[form.spin_of]
    cell = np.repeat(lattice.coordinates, lattice.atoms, axis=0)
    for wave in waves:
        phase = np.exp(2j * np.pi * ((cell - form.home[spin]) @ wave.k))
        s = s + (phase[:, None] * wave.amplitude[spin]).real
    length = np.linalg.norm(s, axis=1, keepdims=True)
    s = np.where(length > 1e-12, s / np.where(length > 1e-12, length, 1.0), [0.0, 0.0, 1.0])
    return np.where((spin >= 0)[:, None], s, 0.0)


def null_space(form: QuadraticForm, values: NDArray[np.float64], k: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return an orthonormal basis [wave, spin, component] of the null space of S(q); real where q = -q.

    values  multipliers [spin], meV
    k       [3], q in units of the reciprocal vectors
    """
    if form.dimension or form.order < LARGE:
        S = shifted(form, form.matrices(k), values)[0]
        eigenvalues, U = np.linalg.eigh(S.real if standing(form, k) else S)
    else:
        band = Band(form)
        shift, factor = band.least_shift(values, 1e-9 * form.scale)
        inverse = LinearOperator(2 * (form.order,), lambda x: band.solve(factor, x), dtype=float)
        inverted, U = eigsh(inverse, k=WAVES, which="LA", v0=np.ones(form.order))
        eigenvalues = 1 / inverted - shift
    return U[:, eigenvalues < SOFT * form.scale].T.reshape(-1, form.n_spins, form.components)


def members(U: NDArray[np.complex128], lengths: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return waves of a null space whose squares add up to ``lengths``, in the sense of least squares.

    U        [wave, spin, component], orthonormal basis of the null space
    lengths  [spin]

    They are the columns of U Z^(1/2), [wave, spin, component], where the positive semidefinite Z has the least norm.
    """
    P = np.einsum("gac,hac->agh", U.conj(), U)
    weight = np.linalg.lstsq(np.einsum("agh,bgh->ab", P.conj(), P).real, lengths, rcond=1e-9)[0]
    z, Q = np.linalg.eigh(np.einsum("a,agh->gh", weight, P))
    kept = z > 1e-6 * max(z.max(initial=0.0), 1e-300)
    return np.einsum("gac,gh->hac", U, Q[:, kept] * np.sqrt(z[kept]))


def soft_waves(hamiltonian: Hamiltonian, bound: Bound, random: np.random.Generator) -> Iterator[Wave]:
    """Yield waves that attain the bound, of unit length on average; random ones where a null space leaves a choice."""
    if bound.moments:
        bound = lower_bound(hamiltonian, bound.of)
    form = tight_form(hamiltonian)
    space, free = in_space(form, hamiltonian.field), form.components == 1
    values, mean = np.array(bound.multipliers), np.array(bound.mean).reshape(form.field.shape)
    across, along = _directions(np.array(hamiltonian.field))
    m = mean * along if free else mean
    lengths = np.maximum(1 - (mean**2).sum(axis=1), 0.0)
    if form.field.any():
        size = np.linalg.norm(m, axis=1, keepdims=True)
        yield Wave(space, np.zeros(3), m / np.where(size > 0, size, 1.0), np.zeros_like(m, dtype=complex))
    for k in np.array(bound.q).reshape(-1, 3):
        columns = members(null_space(form, values, k), lengths)
        room = len(across) if standing(form, k) else 1
        length = 1.0 if standing(form, k) else np.sqrt(2.0)
        fits = 0 < len(columns) <= (room if free else 1)
        for _ in range(1 if fits else TRIES if len(columns) else 0):
            mixture = random.normal(size=(len(columns), 2 if free and not standing(form, k) else room if free else 1))
            if not standing(form, k):
                mixture = mixture + 1j * random.normal(size=mixture.shape)
            if fits:
                mixture = np.array([[1, -1j]]) / np.sqrt(2) if free and not standing(form, k) else np.eye(len(columns))
            directed = np.einsum("rac,rd->acd", columns, mixture)
            amplitude = length * (directed[:, 0] @ across[: directed.shape[2]] if free else directed[:, :, 0])
            size = (m**2).sum(axis=1) + (np.abs(amplitude) ** 2).sum(axis=1) / length**2
            stretch = 1 / np.sqrt(np.where(size > 0, size, 1.0))[:, None]
            yield Wave(space, k, stretch * m, stretch * amplitude)


def _directions(field: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return directions perpendicular to the field (all three without a field), [2 or 3, 3], and the field's."""
    if not field.any():
        return np.eye(3), np.zeros(3)
    rotation = np.linalg.svd(field[None])[2]
    return rotation[1:], field / np.linalg.norm(field)


def spiral(hamiltonian: Hamiltonian, bound: Bound) -> Wave | None:
    """Return a single wave of unit length in the infinite crystal that reaches the bound; None if none was found.

    Its energy is that of the quadratic form, so the result is None for models with terms of higher order.
    """
    if not quadratic_form(hamiltonian).exact:
        return None
    for wave in soft_waves(hamiltonian, bound, np.random.default_rng(0)):
        if wave.unit and bound.reached(wave.energy_per_site):
            return wave
    return None


def lowest_state(hamiltonian: Hamiltonian, bound: Bound) -> tuple[NDArray[np.float64], float]:
    """Return the lowest texture built from the waves that attain the bound, [site, 3], and its energy, meV per site.

    If none of the waves reaches the bound in the box, they and superpositions of them are relaxed first.
    """
    random, lattice = np.random.default_rng(0), hamiltonian.lattice
    waves = list(soft_waves(hamiltonian, bound, random))
    form = waves[0].form if waves else in_space(tight_form(hamiltonian), hamiltonian.field)
    if not waves:
        waves = [Wave(form, np.zeros(3), np.zeros((form.n_spins, 3)), np.zeros((form.n_spins, 3), dtype=complex))]
    textures = np.array([wave.spins(lattice) for wave in waves[: 2 * TRIES]])
    evaluator = Evaluator(hamiltonian, Cpu(), np.float64)
    energies = evaluator.energies(textures) / hamiltonian.n_spins
    if not bound.reached(energies.min()):
        several = [random.choice(len(waves), size=min(3, len(waves)), replace=False) for _ in range(TRIES // 2)]
        mixed = [normalised(form, [waves[n] for n in some], lattice) for some in several]
        best = textures[np.argsort(energies, kind="stable")[: TRIES // 2]]
        start = np.concatenate([best, mixed])
        start = start + NUDGE * random.normal(size=start.shape) * (form.spin_of >= 0)[:, None]
        start /= np.where(form.spin_of >= 0, np.linalg.norm(start, axis=2), 1.0)[..., None]
        relaxed = relax(LBFGS(Convergence(steps=STEPS, variance=None)), evaluator, start)
        textures = relaxed.textures
        energies = evaluator.energies(textures) / hamiltonian.n_spins
    lowest = int(energies.argmin())
    return textures[lowest], float(energies[lowest])
