"""Local energies, energies per spin and the largest torque of a texture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.evaluator import Evaluator
from magsearch.model.hamiltonian import ONSITE, Hamiltonian
from magsearch.units import MU_B


def energy_density(evaluator: Evaluator, textures: Any) -> NDArray[np.float64]:
    """Return the energy of every site in meV, [replica, site] or [site].

    The energy of a coupling is divided equally between its two sites.

    The sum over sites is the total energy. With the field b = - dE/ds, Euler's theorem for homogeneous functions gives
    - s . b = 2 E2 + E1 + 4 E4, where E2 is bilinear or quadratic in s, E1 linear, and E4 of fourth order. Couplings
    count twice there, once from each end, so that a site has - s . b / 2 + E1 / 2 - E4.
    """
    s = np.asarray(textures, dtype=np.float64)
    hamiltonian, field = evaluator.hamiltonian, evaluator.field(textures).astype(np.float64)
    kind, table = hamiltonian.onsite
    moment, K4, axis, Kc, cube = (table[kind][:, ONSITE[name]] for name in ("moment", "K4", "axis", "Kc", "cube"))
    linear = -moment[:, 0] * (s @ (MU_B * np.array(hamiltonian.field)))
    along = np.einsum("ix,...ix->...i", axis, s)
    x2, y2, z2 = np.moveaxis(np.einsum("iux,...ix->...iu", cube.reshape(-1, 3, 3), s) ** 2, -1, 0)
    fourth = -K4[:, 0] * along**4 + Kc[:, 0] * (x2 * y2 + y2 * z2 + z2 * x2)
    return np.asarray(-0.5 * np.einsum("...ix,...ix->...i", s, field) + 0.5 * linear - fourth)


def energies(evaluators: Mapping[str, Evaluator], spins: NDArray[np.float64]) -> dict[str, float]:
    """Return the energy per spin in meV of one texture [site, 3] under each of several Hamiltonians, by name."""
    return {name: float(e.energies(spins)[0]) / e.hamiltonian.n_spins for name, e in evaluators.items()}


def largest_torque(hamiltonian: Hamiltonian, field: NDArray[np.float64], spins: NDArray[np.float64]) -> float:
    """Return the largest torque |s x b| in meV; field and spins are [site, 3]."""
    return float(np.linalg.norm(np.cross(spins, field), axis=1).max())
