"""L-BFGS on the product of spheres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import constant
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion

HISTORY = constant("history")
VECTORS = 2 * HISTORY + 1
PRODUCTS = 3 * VECTORS


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS in the rotation vectors of the spins, one Hessian for each replica, no line search.

    Ivanov, Uzdin & Jonsson, Comput. Phys. Commun. 260, 107749 (2021); the vector-free form of Chen, Wang & Zhou
    (NeurIPS 2014) reads every stored vector twice in an iteration. The memory is forgotten after an uphill step.

    longest_turn   radians, of any spin in one step
    """

    name: ClassVar[str] = "lbfgs"
    convergence: Convergence = field(default_factory=Convergence)
    longest_turn: float = 0.5

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return the number of stored vectors."""
        return VECTORS

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        motion.blocked["stored"] = motion.array(VECTORS, *motion.blocked["spins"].shape)
        motion.flat["table"] = motion.array(VECTORS * VECTORS, motion.replicas, dtype=np.float64)
        motion.flat["pairs"] = motion.array(motion.replicas, dtype=np.int32)
        motion.flat["weights"] = motion.array(VECTORS, motion.replicas)
        motion.flat["step"] = motion.array(motion.replicas)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
        shape = (evaluator.sites, evaluator.device.chunk)
        products = motion.array(evaluator.chunks, PRODUCTS, motion.replicas, dtype=np.float64)
        evaluate, sums = motion.evaluation("spins")  # compared with anything but the force, which then holds its field
        reduce, reduced = evaluator.reduction(products, PRODUCTS, -1)

        def turn(newest: int) -> Launch:
            multiply = motion.bind("lbfgs_products", b["spins"], b["force"], b["stored"], products, newest, *shape)
            choose = motion.bind(
                "lbfgs", sums, reduced, f["state"], f["table"], f["pairs"], f["weights"], f["step"], newest,
                evaluator.sites, 0.5 / evaluator.stiffness, self.longest_turn,
                evaluator.rounding, blocks=1,
            )  # fmt: skip
            after = (newest + 1) % HISTORY
            rotate = motion.bind("rotate_spins", b["spins"], b["stored"], f["weights"], f["step"], after, *shape)
            return motion.chain(evaluate, multiply, reduce, choose, rotate)

        return [turn(newest) for newest in range(HISTORY)]  # the newest pair takes the place of the oldest
