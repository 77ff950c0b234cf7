"""Barzilai-Borwein: a projected gradient with alternating step lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from magsearch.engine.device import Device
from magsearch.engine.evaluator import COMPANY, REDUCING, SUM, Evaluator
from magsearch.engine.graph import Launch
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import Motion
from magsearch.relaxation.preconditioner import DIRECTION, preconditioned, softened

SAFE = 0.3  # radians for each radian that the preconditioner asks for
FEW = 18  # bonds of a site up to which a GPU moves the neighbours of a spin anew rather than pass over the spins twice


@dataclass(frozen=True)
class BarzilaiBorwein:
    """Projected gradient on spheres with alternating Barzilai-Borwein steps, one step length per replica.

    Barzilai & Borwein, IMA J. Numer. Anal. 8, 141 (1988); after a rise above the last ten energies (Grippo, Lampariello
    & Lucidi, 1986) a replica takes steps short enough to descend until it is below them again.

    longest_turn   radians, of the spin that turns most in one step
    softness       of the preconditioner (``preconditioner.py``), which is used where the field is a convolution:
                   a step costs 2.4 times as much, and far fewer are needed; 0: none
    """

    name: ClassVar[str] = "barzilai-borwein"
    convergence: Convergence = field(default_factory=Convergence)
    longest_turn: float = 1.0
    softness: float = 0.001

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 1 for a direction, or for a second array of forces (that of spins is spare); else 0."""
        return int(fused(hamiltonian, path, device) or (self.softness > 0 and path == "fourier"))

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the minimiser to a motion."""
        b, motion.flat["step"] = motion.blocked, motion.array(motion.replicas)
        if self._preconditioned(motion.evaluator):
            b["direction"] = motion.array(*b["spins"].shape)
            motion.common["soft"] = softened(motion.evaluator, self.softness)
        if _fused(motion.evaluator):
            b["other spins"], b["other force"] = motion.passing(), motion.passing()
            self._evaluation(motion, "force")()

    def _preconditioned(self, evaluator: Evaluator) -> bool:
        return self.softness > 0 and evaluator.path == "fourier"

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one step of every moving replica."""
        evaluator, b, f = motion.evaluator, motion.blocked, motion.flat
        if _fused(evaluator):
            choose = self._choice(motion, motion.sums, 0.5 / evaluator.stiffness)
            arrays = (b["spins"], b["force"]), (b["other spins"], b["other force"])
            return [
                motion.chain(
                    choose, evaluator.advance_and_evaluate(*there, f["step"], motion.zeeman, *back, motion.sums)
                )
                for there, back in (arrays, arrays[::-1])
            ]
        if self._preconditioned(evaluator) and evaluator.lines is not None:
            return [self._along_lines(motion)]
        along = "direction" if self._preconditioned(evaluator) else "force"
        launches, slopes, safe = [self._evaluation(motion, along)], None, 0.5 / evaluator.stiffness
        if along == "direction":
            soft = motion.common["soft"]
            direction, slopes = preconditioned(evaluator, soft, b["spins"], b["force"], b["direction"])
            launches, safe = [*launches, direction], SAFE
        choose = self._choice(motion, motion.sums, safe, slopes)
        advance = motion.bind("advance_spins", b["spins"], b[along], f["step"], evaluator.sites, evaluator.device.chunk)
        return [motion.chain(*launches, choose, advance)]

    def _along_lines(self, motion: Motion) -> Launch:
        """Bind a preconditioned step of which every part happens while a GPU has lines of cells in shared memory."""
        evaluator, b, f, xp = motion.evaluator, motion.blocked, motion.flat, motion.evaluator.device.xp
        transforms = evaluator.transforms(b["spins"])
        count, waves = transforms.plan.rows.count, transforms.waves
        sums, slopes = (xp.empty((count, n, motion.replicas)) for n in (SUM["SUMS"], DIRECTION["DIRECTION_SUMS"]))
        return motion.chain(
            *transforms.between(waves, evaluator.modes),
            transforms.evaluate(b["spins"], evaluator.onsite, motion.zeeman, b["direction"], b["force"], sums),
            *transforms.between(waves, motion.common["soft"]),
            transforms.project(b["spins"], b["force"], b["direction"], slopes),
            self._choice(motion, sums, SAFE, slopes),
            transforms.advance(b["spins"], b["direction"], f["step"]),
        )

    def _evaluation(self, motion: Motion, along: str) -> Launch:
        evaluator, b = motion.evaluator, motion.blocked
        return evaluator.evaluation(b["spins"], motion.zeeman, b[along], b["force"], motion.sums)

    def _choice(self, motion: Motion, sums: Any, safe: float, slopes: Any = None) -> Launch:
        """Bind the choice of every replica's step from sums over chunks, and from those of a direction, if any."""
        evaluator, state, step = motion.evaluator, motion.flat["state"], motion.flat["step"]
        rule = (safe, self.longest_turn, evaluator.rounding, motion.replicas)
        directed = slopes is not None
        if evaluator.device.together:
            return evaluator.bind_blocks(
                "choose_step", sums, int(directed), slopes if directed else sums, state, step, len(sums),
                evaluator.sites, *rule, grid=(-(-motion.replicas // COMPANY), 1), threads=REDUCING,
            )  # fmt: skip
        reduce, total = evaluator.reduction(sums, len(SUM) - 1, SUM["LARGEST2"])
        launches, slope = [reduce], total
        if directed:
            more, slope = evaluator.reduction(slopes, DIRECTION["DIRECTION_SUMS"], DIRECTION["STEEPEST2"])
            launches.append(more)
        choose = evaluator.bind(
            "barzilai_borwein", total, int(directed), slope, state, step, evaluator.sites, *rule, blocks=1
        )
        return motion.chain(*launches, choose)


def fused(hamiltonian: Hamiltonian, path: Path, device: Device | type[Device]) -> bool:
    """Return whether a step and the evaluation that follows it are one launch."""
    listed = path == "direct" and hamiltonian.dipole is None and not hamiltonian.products and hamiltonian.waves is None
    return device.together and listed and hamiltonian.coordination <= FEW


def _fused(evaluator: Evaluator) -> bool:
    return fused(evaluator.hamiltonian, evaluator.path, evaluator.device)
