"""Directions that are as steep for long waves as for short ones.

The energy rises by orders of magnitude more slowly along textures' softest waves than along their stiffest ones, and a
gradient creeps along the former. Near a texture of the wave vectors where J(q) is largest, the Hessian is about
J_top - J(q). Directions

    d = P (J_top + mu - J(q))^-1 f

from forces f serve all waves alike: J(q) is the isotropic part of the exchange, a matrix among sublattices, J_top its
largest eigenvalue in the box, mu a small stiffness in place of what else holds the softest waves (anisotropy, DMI,
field), and P takes the part perpendicular to each spin. The operator is positive whatever the texture, so that d is
never uphill.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from magsearch.engine.evaluator import Evaluator
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import rows

DIRECTION = rows("DirectionSum")


def softened(evaluator: Evaluator, softness: float) -> Any:
    """Return (J_top + mu - J(q))^-1 / cells at every wave vector, [cell, 3 atoms, 3 atoms] complex on the device.

    mu is ``softness`` times the stiffest coupling.
    """
    cells, atoms = evaluator.hamiltonian.lattice.cells, evaluator.hamiltonian.lattice.atoms
    modes = evaluator.device.host(evaluator.modes).astype(np.complex128).reshape(cells, atoms, 3, atoms, 3)
    J = cells / 3 * np.einsum("qacbc->qab", modes)
    energy, wave = np.linalg.eigh(0.5 * (J + J.conj().swapaxes(1, 2)))
    soft = 1 / (energy.max() + softness * evaluator.stiffness - energy)
    M = (wave * soft[:, None]) @ wave.conj().swapaxes(1, 2) / cells
    full = np.einsum("qab,cd->qacbd", M, np.eye(3)).reshape(cells, 3 * atoms, 3 * atoms)
    return evaluator.device.array(full, evaluator.complex)


def preconditioned(evaluator: Evaluator, modes: Any, spins: Any, force: Any, direction: Any) -> tuple[Launch, Any]:
    """Bind the kernels for directions from forces; return them and their sums over chunks, [chunk, sum, replica].

    modes as ``softened`` makes them; spins, force, direction [block, site, 3, width].
    """
    replicas = evaluator.replicas(spins)
    sums = evaluator.device.xp.empty((evaluator.chunks, DIRECTION["DIRECTION_SUMS"], replicas))
    convolve = evaluator.convolution(force, modes, direction)
    project = evaluator.bind(
        "project_direction", spins, force, direction, sums, evaluator.sites, evaluator.device.chunk, replicas
    )
    return evaluator.device.chain(convolve, project), sums
