"""Rates of transitions by harmonic transition-state theory for spins that precess.

Bessarab, Uzdin & Jonsson, Phys. Rev. B 85, 184409 (2012). The flux through the dividing surface at a saddle point S of
a minimum M is, with the eigenvalues h of the Hessians, energies E, and P modes that cost no energy,

    rate = (n_S / n_M) / (2 pi) sqrt(w . H w) sqrt(prod h_M / prod' |h_S|) (V_S / V_M) (2 pi kT)^((P_M - P_S) / 2)
           exp(-(E_S - E_M) / kT),    w_i = (g / (hbar m_i)) e_i x s_i,

where prod' leaves out the negative eigenvalue, e is its mode, and m_i are the moments in Bohr magnetons. Modes that
cost no energy, global rotations and translations of a texture that slides, are left out of the products; V is the
volume of the orbit on which they move the texture (1 without any), and n the number of orbits that symmetries make of
it. With Gilbert damping, sqrt(w . H w) sqrt(1 / prod') is replaced by k sqrt(1 / prod), where k is the rate at which
the linearised Landau-Lifshitz-Gilbert equation grows at S: Langer, Ann. Phys. 54, 258 (1969).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.landscape.determinants import Determinant, Determinants
from magsearch.minima import modes
from magsearch.minima.degeneracy import moved
from magsearch.minima.harmonic import orbit
from magsearch.minima.hessian import Hessian, flat
from magsearch.model.lattice import Lattice
from magsearch.symmetry.equivalence import Equivalence
from magsearch.units import HBAR, K_B

LANDE = 2.0  # g of a spin
BETWEEN = (0.25, 0.5, 0.75)  # of a cell, by which a texture is moved to see whether it slides
SLIDES = 0.1  # of kT, highest barrier of a texture that slides
SOFT = 8  # number of modes of which it is known how far thermal motion goes along them
FAR = 1.0  # radians, by which it turns a spin in a mode for which the harmonic approximation is poor


@dataclass(frozen=True, eq=False)
class State:
    """A stationary texture as the theory of rates needs it.

    spins         [site, 3]
    energy        meV
    zero_modes    [mode, site, 3] orthonormal, that cost no energy
    volume        of the orbit on which they move the texture
    copies        number of orbits that symmetries make of it
    determinant   of the Hessian without the zero modes
    reach         [mode] u^2 / h of the softest modes besides the zero modes, 1/meV, where u is the displacement of the
                  spin that moves most in a mode of length 1: thermal motion turns it by sqrt(kT u^2 / h)
    """

    spins: NDArray[np.float64]
    energy: float
    zero_modes: NDArray[np.float64]
    volume: float
    copies: int
    determinant: Determinant
    reach: NDArray[np.float64]

    def soft(self, kelvin: float) -> int:
        """Return the number of modes along which thermal motion turns a spin by more than ``FAR``."""
        return int((self.reach * K_B * kelvin > FAR**2).sum())


@dataclass(frozen=True)
class Rate:
    """The rate of a transition at one temperature.

    kelvin      temperature
    prefactor   1/s, all but the exponential
    barrier     meV
    error       of ln(prefactor), by rounding in the determinants
    soft        number of modes of both states that are too soft for the harmonic approximation, but no zero modes
    """

    kelvin: float
    prefactor: float
    barrier: float
    error: float
    soft: int

    @property
    def per_second(self) -> float:
        """Transitions per second."""
        return float(self.prefactor * np.exp(-self.barrier / (K_B * self.kelvin)))


@dataclass(frozen=True, eq=False)
class Rates:
    """Rates between stationary textures of one Hamiltonian.

    evaluator     in double precision
    equivalence   symmetries of the Hamiltonian
    kelvin        lowest temperature: a texture slides if no barrier matters even there
    damping       Gilbert's; None: harmonic transition-state theory, which does not depend on it
    watch         called repeatedly; an exception that it raises ends a computation
    """

    evaluator: Evaluator
    equivalence: Equivalence
    kelvin: float
    damping: float | None = None
    watch: Callable[[], None] = lambda: None

    @cached_property
    def determinants(self) -> Determinants:
        """Determinants of Hessians."""
        return Determinants(self.evaluator, self.watch)

    def state(self, texture: NDArray[np.float64], saddle: bool = False) -> State:
        """Return a stationary texture [site, 3] with its determinant.

        saddle   whether it is a saddle point, with one negative mode

        Raises ValueError for another number of negative modes, and where the Hessian cannot be factorised.
        """
        s = np.asarray(texture, dtype=np.float64)
        zero, volume, copies = self._free(s, modes.rotations(Hessian(self.evaluator, s[None]), s[None])[:, 0])
        of, expected = self.determinants.of(s, zero), int(saddle)
        if of.negative != expected:
            raise ValueError(f"the Hessian has {of.negative} negative modes; expected {expected}")
        energy = float(self.evaluator.energies(s[None])[0])
        return State(s, energy, zero, volume, copies, of, self._reach(s, zero))

    def rate(
        self,
        kelvin: float,
        minimum: State,
        saddle: State,
        mode: NDArray[np.float64],
        sides: int = 1,
    ) -> Rate:
        """Return the rate at a temperature out of a minimum through all copies of a saddle point.

        mode     [site, 3], the negative mode of the saddle point
        sides    2 where both sides of the saddle point are copies of the minimum, else 1
        """
        kT = K_B * kelvin
        log = 0.5 * (minimum.determinant.log - saddle.determinant.log)
        kept = len(minimum.zero_modes) - len(saddle.zero_modes)
        velocity = self.crossing(saddle.spins, mode) if self.damping is None else self.growth(saddle.spins)
        if self.damping is None:  # the product over the others
            log += 0.5 * np.log(abs(self._curvature(saddle.spins, mode)))
        log += np.log(saddle.volume / minimum.volume) + 0.5 * kept * np.log(2 * np.pi * kT)
        prefactor = sides * saddle.copies / minimum.copies * velocity / (2 * np.pi) * np.exp(log)
        error = 0.5 * float(np.hypot(minimum.determinant.error, saddle.determinant.error))
        soft = minimum.soft(kelvin) + saddle.soft(kelvin)
        return Rate(kelvin, float(prefactor), saddle.energy - minimum.energy, error, soft)

    def crossing(self, saddle: NDArray[np.float64], mode: NDArray[np.float64]) -> float:
        """Return sqrt(w . H w) of a saddle point [site, 3], sqrt(meV) / (meV s)."""
        w = self._gyration[:, None] * np.cross(mode, saddle)
        return float(np.sqrt(max((w * Hessian(self.evaluator, saddle[None])(w[None])[0]).sum(), 0.0)))

    def growth(self, saddle: NDArray[np.float64]) -> float:
        """Return the rate at which precession with damping leaves a saddle point [site, 3], 1/s."""
        from scipy.sparse.linalg import LinearOperator, eigs

        assert self.damping is not None
        hessian, soft = Hessian(self.evaluator, saddle[None]), modes.softest(self.evaluator, saddle[None], 1)
        fastest = self._gyration.max() * self.evaluator.stiffness
        pace = (self._gyration / (1 + self.damping**2) / fastest)[:, None]

        def flow(v: NDArray[np.float64]) -> NDArray[np.float64]:
            self.watch()
            slope = hessian(v.reshape(1, *saddle.shape))[0]
            return np.asarray((pace * (np.cross(saddle, slope) - self.damping * slope)).ravel())

        size, start = saddle.size, soft.vectors[0, 0].ravel()
        if size <= 3 * modes.DENSE:
            grown = np.linalg.eigvals(np.stack([flow(e) for e in np.eye(size)], axis=1)).real.max()
        else:
            operator = LinearOperator((size, size), matvec=flow, dtype=np.float64)
            grown = eigs(operator, 1, which="LR", v0=start, tol=1e-8, return_eigenvectors=False)[0].real
        return float(grown * fastest)

    def _reach(self, texture: NDArray[np.float64], zero_modes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far thermal motion goes along the softest modes of a texture, as ``State`` has it."""
        found = modes.softest(self.evaluator, texture[None], SOFT + len(zero_modes), watch=self.watch)
        values, vectors = found.values[0], found.vectors[0]
        there = np.isfinite(values) & (values > -modes.zero(self.evaluator))
        inside = np.einsum("kix,mix->mk", zero_modes, vectors[there])
        other = (inside**2).sum(axis=1) < 0.5
        largest = (vectors[there][other] ** 2).sum(axis=2).max(axis=1, initial=0.0)
        return np.asarray(largest / np.maximum(values[there][other], modes.zero(self.evaluator)))

    def _curvature(self, saddle: NDArray[np.float64], mode: NDArray[np.float64]) -> float:
        return float((mode * Hessian(self.evaluator, saddle[None])(mode[None])[0]).sum())

    @cached_property
    def _gyration(self) -> NDArray[np.float64]:
        """Return g / (hbar m) of every site, [site] 1 / (meV s); 0 at vacancies."""
        moments = self.evaluator.hamiltonian.site_moments
        return np.where(moments > 0, LANDE / (HBAR * np.where(moments > 0, moments, 1.0)), 0.0)

    def _free(
        self, texture: NDArray[np.float64], rotations: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], float, int]:
        """Return the zero modes of a texture, the volume of their orbit, and the number of such orbits."""
        turns = rotations[(rotations != 0).any(axis=(1, 2))]
        volume = orbit(texture, rotations)
        axes = [axis for axis in range(3) if self.equivalence.group.shifts[axis] and self._slides(texture, axis)]
        if len(turns) or not axes:  # rotations and translations together, as in a spiral: rotations alone
            return turns, volume, self.equivalence.copies(texture)
        lattice = self.evaluator.hamiltonian.lattice
        rows = flat(np.array([velocity(lattice, texture, axis) for axis in axes]))
        gram = rows @ rows.T
        size, u = np.linalg.eigh(gram)
        if size[0] <= 1e-6 * size[-1]:
            return turns, volume, self.equivalence.copies(texture)
        slid = (u.T @ rows) / np.sqrt(size)[:, None]
        cells = np.prod([lattice.size[axis] for axis in axes])
        area = cells * np.sqrt(np.prod(size)) / self._periods(texture, axes)
        return slid.reshape(-1, *texture.shape), float(area), self._continua(texture, gram, axes)

    def _slides(self, texture: NDArray[np.float64], axis: int) -> bool:
        """Return whether a texture moves along an axis without a barrier that matters at this temperature."""
        lattice = self.evaluator.hamiltonian.lattice
        if np.linalg.norm(velocity(lattice, texture, axis)) <= 1e-3:
            return False
        way = np.array([texture, *(moved(lattice, texture, axis, x) for x in BETWEEN)])
        length = np.linalg.norm(way, axis=2, keepdims=True)
        if (length[:, self.evaluator.hamiltonian.occupied] < 0.5).any():
            return False
        energy = self.evaluator.energies(way / np.where(length > 0, length, 1.0))
        return bool(energy.max() - energy[0] <= SLIDES * K_B * self.kelvin)

    def _periods(self, texture: NDArray[np.float64], axes: list[int]) -> int:
        """Return the number of translations along axes that leave a texture as it is."""
        lattice = self.evaluator.hamiltonian.lattice
        waves = np.fft.fftn(texture.reshape(*lattice.grid, -1), axes=(0, 1, 2))
        overlap = np.fft.ifftn((np.abs(waves) ** 2).sum(axis=3)).real
        other = [2 - axis for axis in range(3) if axis not in axes]
        for axis in other:
            overlap = overlap.take([0], axis=axis)
        least = overlap.flat[0] - 0.5 * self.equivalence.close**2 * self.evaluator.hamiltonian.n_spins
        return int((overlap >= least).sum())

    def _continua(self, texture: NDArray[np.float64], gram: NDArray[np.float64], axes: list[int]) -> int:
        """Return the number of continua that the symmetries make of a texture that slides along axes."""
        near = 0.5 * np.trace(gram) + self.equivalence.close**2 * self.evaluator.hamiltonian.n_spins  # half a cell
        images = self.equivalence.images(texture, texture)
        kept = sum(float(((image - texture) ** 2).sum()) <= near for image in images)
        shifts = [self.evaluator.hamiltonian.lattice.size[k] for k in range(3) if self.equivalence.group.shifts[k]]
        slid = [self.evaluator.hamiltonian.lattice.size[k] for k in axes]
        return max(1, round(self.equivalence.group.order * np.prod(shifts) / np.prod(slid) / max(kept, 1)))


def velocity(lattice: Lattice, texture: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """Return the tangential change of a texture [site, 3] per cell of a translation, by Fourier series."""
    n = lattice.size[axis]
    k = np.fft.fftfreq(n)
    if n % 2 == 0:
        k[n // 2] = 0.0
    place = 2 - axis
    k = k.reshape([-1 if p == place else 1 for p in range(4)])
    waves = np.fft.fft(texture.reshape(*lattice.grid, -1), axis=place)
    slope = np.fft.ifft(-2j * np.pi * k * waves, axis=place).real.reshape(texture.shape)
    return np.asarray(slope - (slope * texture).sum(axis=1, keepdims=True) * texture)
