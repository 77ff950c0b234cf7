"""Local energies, energies per spin and the largest torque of a texture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.bilinear import Bilinear
from magsearch.model.terms.dipole import Dipole


def energy_density(evaluator: Evaluator, textures: Any) -> NDArray[np.float64]:
    """Return the energy of every site in meV, [replica, site] or [site]; couplings are shared equally by their sites.

    The sum over sites is the energy: - 1/2 s . sum_j J_ij s_j of the bilinear couplings and dipoles, whose field the
    evaluator computes, and what every other term of the Hamiltonian has on the site.
    """
    s, hamiltonian = np.asarray(textures, dtype=np.float64), evaluator.hamiltonian
    field = evaluator.coupling_field(textures).astype(np.float64)
    density = -0.5 * np.einsum("...ix,...ix->...i", s, field)
    for term in hamiltonian.terms:
        if not isinstance(term, Bilinear | Dipole):
            density = density + term.energies(hamiltonian, s)
    return np.asarray(density)


def energies(evaluators: Mapping[str, Evaluator], spins: NDArray[np.float64]) -> dict[str, float]:
    """Return the energy per spin in meV of one texture [site, 3] under each of several Hamiltonians, by name."""
    return {name: float(e.energies(spins)[0]) / e.hamiltonian.n_spins for name, e in evaluators.items()}


def largest_torque(hamiltonian: Hamiltonian, field: NDArray[np.float64], spins: NDArray[np.float64]) -> float:
    """Return the largest torque |s x b| in meV; field and spins are [site, 3]."""
    return float(np.linalg.norm(np.cross(spins, field), axis=1).max())
