"""Monte Carlo at a temperature, for every replica its own: heat bath, Metropolis, over-relaxation.

The local back-end of the method's authors (Xu et al., Commun. Phys. 6, 239 (2023)), and the engine of everything else
that has a temperature (annealing and tempering in this package, ``magsearch sample``).

The energy of one spin, its neighbours held, is - h.s plus its anisotropy. The heat bath draws s anew from
exp(h.s / kT), which is exact; anisotropy is a Metropolis test on top. Once kT < K^2 / |h| that test rejects nearly all:
the spins that would pass it lie off h. So where there is anisotropy every update ends with a Metropolis step in a cone,
whose width adapts to an acceptance of one half; it costs little, since h is there already. A reversal, s -> -s, takes
it over the barrier of an easy axis (mixed moves: Hinzke & Nowak, Phys. Rev. B 58, 265 (1998)). Over-relaxation reflects
s at h. With couplings at wave vectors all spins of a replica are updated one after the other, and the sums S_Q follow
every one: what is not linear in s (K, anisotropy) is a Metropolis test, and nothing is approximated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.cuda import THREADS
from magsearch.engine.device import Device
from magsearch.engine.evaluator import SUM, Evaluator
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import by_chunks, rows
from magsearch.engine.path import Path
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.randomness import Key
from magsearch.relaxation.convergence import Convergence
from magsearch.relaxation.motion import STATE, Cycle, Motion
from magsearch.relaxation.relax import LOOK, Watch
from magsearch.units import K_B

MOVE = rows("Move")
SWEEP = rows("SweepSum")
RESUM = 100  # sweeps after which energies are summed anew
FIRST = 0xFFFFFFFF  # where a counter has its move: random numbers of first spins
REFLECTIONS = {"doc": "Over-relaxation sweeps after each heat-bath sweep.", "unit": "sweeps", "ge": 0}  # settings


def moves(*names: str) -> int:
    """Return moves of kernels/heatbath.cuh as the bits of one number: moves("HEATBATH", "CONE")."""
    return sum(1 << MOVE[name] for name in names)


def enter(motion: Motion, kelvin: ArrayLike) -> None:
    """Bring a population into contact with heat baths of ``kelvin`` [replica], or one temperature for all."""
    evaluator, device = motion.evaluator, motion.evaluator.device
    motion.flat["kT"] = motion.array(motion.replicas)
    motion.flat["cone"] = motion.array(motion.replicas) + 1
    motion.flat["turn"] = motion.array(motion.replicas, dtype=np.uint32)
    number(motion)
    motion.flat["awake"] = device.array(motion.flat["state"][STATE["RESTING"]] == 0, evaluator.real)
    warm(motion, kelvin)
    motion.flat["state"][STATE["ENERGY_NOW"]] = motion.evaluate("force")[SUM["ENERGY"]]


def tether(motion: Motion, pull: ArrayLike) -> None:
    """Hold every spin where it is now: its energy rises by ``pull`` (1 - cos), meV, of the angle by which it leaves.

    ``pull`` [replica], or one for all. The energies that sweeps keep include these, up to a constant; those that are
    summed anew do not. Before the sweeps are bound.
    """
    motion.blocked["anchor"] = motion.blocked["spins"].copy()
    every = np.resize(np.atleast_1d(np.asarray(pull, dtype=np.float64)), motion.replicas)
    motion.flat["pull"] = motion.evaluator.device.array(every, motion.evaluator.real)


def warm(motion: Motion, kelvin: ArrayLike) -> None:
    """Set the temperatures: ``kelvin`` by the numbers of the replicas, or one for all."""
    coldest = 1e-20 * motion.evaluator.stiffness  # at absolute zero spins align, and quotients stay finite
    kT = np.maximum(K_B * np.atleast_1d(np.asarray(kelvin, dtype=np.float64)), coldest)
    every = np.resize(kT, motion.replicas) if len(kT) == 1 else kT[motion.numbers]
    motion.flat["kT"][...] = motion.evaluator.device.array(every, motion.evaluator.real)


def sweeping(motion: Motion, kinds: int) -> tuple[Launch, Any]:
    """Bind one sweep over all spins; return it and the sums that it leaves, [sum, replica]."""
    evaluator, flat, plan = motion.evaluator, motion.flat, motion.evaluator.sweep_plan
    quantities = SWEEP["SWEEP_SUMS"]
    together = plan.long and evaluator.device.together
    each = evaluator.device.parts if plan.kernel in by_chunks() and not together else 1  # parts of a row of the sums
    chunks = -(-plan.width // each)
    sums = motion.array(chunks, quantities, motion.replicas, dtype=np.float64)
    # without tethers, arrays of the same kind stand for what is not read
    held = (1, motion.blocked["anchor"], flat["pull"]) if "pull" in flat else (0, motion.zeeman, flat["kT"])

    waves = evaluator.waves
    gather, more = ([], ()) if waves is None else waves.held(motion.blocked["spins"])

    def update(first: int, last: int) -> Launch:
        arguments = (
            motion.blocked["spins"], *plan.model, motion.zeeman, *plan.order, first, last, *held, flat["kT"],
            flat["cone"], flat["awake"], flat["number"], flat["turn"], *motion.key, kinds, sums, *more, evaluator.sites,
        )  # fmt: skip
        if not together:
            return motion.bind(plan.kernel, *arguments, blocks=-(-(last - first) // each))
        grid = (last - first, motion.replicas // evaluator.device.width)
        return evaluator.bind_blocks("update_spins_together", *arguments, motion.replicas, grid=grid, threads=THREADS)

    parts = [update(first, last) for first, last in pairwise(plan.colour.tolist())]
    clear = motion.bind("zero_sums", sums, chunks * quantities, blocks=chunks * quantities)
    reduce, reduced = evaluator.reduction(sums, quantities, -1)
    return motion.chain(clear, *gather, *parts, reduce), reduced


def sweep(motion: Motion, kinds: int, draw: int) -> Any:
    """Run one sweep; ``draw`` tells it from all others under the motion's key."""
    motion.flat["turn"][...] = draw
    update, swept = sweeping(motion, kinds)
    update()
    return swept


@dataclass(frozen=True)
class HeatBath:
    """Heat-bath Monte Carlo at a temperature, as a local back-end.

    temperature      kelvin, of all replicas or of each
    convergence      steps are sweeps; variance control ends a replica, and the largest torque where it is cold enough
    reflections      sweeps of over-relaxation after each sweep of heat bath
    """

    name: ClassVar[str] = "heat-bath"
    temperature: float | tuple[float, ...] = field(
        default=0.0,
        metadata={"doc": "Temperature of the spins.", "unit": "K", "type": float, "ge": 0, "needed": True},
    )
    convergence: Convergence = field(default_factory=Convergence)
    reflections: int = field(default=0, metadata=REFLECTIONS)

    def vectors(self, hamiltonian: Hamiltonian, path: Path, device: type[Device]) -> int:
        """Return 0."""
        return 0

    def begin(self, motion: Motion) -> None:
        """Add the arrays of the heat bath to a motion."""
        enter(motion, self.temperature)

    def iteration(self, motion: Motion) -> Sequence[Launch]:
        """Bind one sweep of every replica that is awake."""
        window = self.convergence.variance.window if self.convergence.variance else 0
        return stepping(motion, window or RESUM, self.reflections)


def stepping(motion: Motion, window: int = RESUM, reflections: int = 0, adapting: bool = True) -> Sequence[Launch]:
    """Bind sweeps of every replica that is awake: heat bath (cones and reversals with anisotropy), then reflections.

    The energy of a replica is updated by the changes of a sweep, and summed over all sites every ``window`` sweeps. The
    widths of cones change only while ``adapting``.
    """
    evaluator, flat, plan = motion.evaluator, motion.flat, motion.evaluator.sweep_plan
    kinds = moves("HEATBATH") if plan.linear else moves("HEATBATH", "CONE", "REVERSAL")
    evaluate, summed = motion.evaluation("force")

    def then(update: Launch, swept: Any, kinds: int, last: bool, exact: bool) -> list[Launch]:
        sums = summed if exact else swept
        finish = motion.bind(
            "finish_sweep", swept, sums, int(exact), flat["state"], flat["awake"], flat["cone"],
            flat["turn"], kinds, int(adapting), plan.spins, evaluator.sites, int(last), blocks=1,
        )  # fmt: skip
        return [update, evaluate, finish] if exact else [update, finish]

    sweeps = [(*sweeping(motion, kinds), kinds)]
    if reflections:
        sweeps += [(*sweeping(motion, moves("REFLECTION")), moves("REFLECTION"))] * reflections
    *before, last = sweeps
    first = [launch for each in before for launch in then(*each, last=False, exact=False)]
    changes, exact = (motion.chain(*first, *then(*last, last=True, exact=exact)) for exact in (False, True))
    return [changes] * (window - 1) + [exact]


def bath(motion: Motion, reflections: int, adapting: bool = True) -> Cycle:
    """Bind sweeps of every replica, none of which rests."""
    return Cycle(motion, stepping(motion, RESUM, reflections, adapting))


def run(motion: Motion, sweeps: int, reflections: int, watch: Watch = lambda: None, adapting: bool = True) -> None:
    """Run ``sweeps`` sweeps, each with ``reflections`` of over-relaxation."""
    several(bath(motion, reflections, adapting), sweeps, watch)


def several(sweep: Cycle, sweeps: int, watch: Watch = lambda: None) -> None:
    """Run ``sweeps`` sweeps; ``watch`` is called before every ``LOOK`` of them."""
    for first in range(0, sweeps, LOOK):
        watch()
        sweep.run(min(LOOK, sweeps - first))


def energies(motion: Motion) -> NDArray[np.float64]:
    """Return the energy of every replica after the last sweep, [replica] meV."""
    state = motion.evaluator.device.host(motion.flat["state"][STATE["ENERGY_NOW"]])
    return np.array(state[: motion.count])


def number(motion: Motion) -> None:
    """Give every replica the random numbers of its number."""
    motion.flat["number"] = motion.evaluator.device.array(motion.numbers, np.uint32)


def random_textures(evaluator: Evaluator, replicas: int, key: Key, turn: int = 0) -> Any:
    """Return spins uniform on the sphere, [replica, site, 3] on the device; zero at vacancies; others for each turn."""
    device = evaluator.device
    padded = -(-replicas // device.width) * device.width
    spins = device.xp.zeros((padded // device.width, evaluator.sites, 3, device.width), dtype=evaluator.real)
    arguments = (spins, *key, turn, FIRST, 0, evaluator.sites, device.chunk, padded)
    device.launch("random_spins", evaluator.real, *arguments, blocks=evaluator.chunks, replicas=padded)
    occupied = device.array(evaluator.hamiltonian.occupied[:, None], evaluator.real)
    return evaluator.textures(spins)[:replicas] * occupied


def kicked(evaluator: Evaluator, textures: Any, angle: float, key: Key, turn: int) -> Any:
    """Return textures with each spin uniform in a cone of half-angle ``angle`` (radians), [replica, site, 3] there."""
    motion = Motion.start(evaluator, textures, key=key)
    enter(motion, np.inf)
    motion.flat["cone"][...] = 1 - np.cos(angle)
    sweep(motion, moves("CONE"), turn)
    return motion.textures()
