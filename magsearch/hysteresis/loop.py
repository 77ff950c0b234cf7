"""Figures of a hysteresis loop: coercivity, remanence, saturation, loss, and the units of its magnetisation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.hysteresis.cycle import Course, Cycle
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.units import JOULE, MU_B

BOHR_MAGNETON = MU_B / JOULE  # J/T


@dataclass(frozen=True)
class Loop:
    """The loop of one replica; fields in tesla along its direction, moments in Bohr magnetons per spin along it.

    coercive    where the moment passes through zero, on the way down and on the way up; None: it does not
    remanent    at zero field, on the way down and on the way up; None: outside of the cycle
    saturated   at the largest field, and at the smallest
    loss        meV per spin and cycle, the area of the loop; None while the cycle is not complete
    """

    coercive: tuple[float | None, float | None]
    remanent: tuple[float | None, float | None]
    saturated: tuple[float, float | None]
    loss: float | None

    @property
    def coercivity(self) -> float | None:
        """Half of the width of the loop, tesla."""
        down, up = self.coercive
        return None if down is None or up is None else (up - down) / 2

    @property
    def bias(self) -> float | None:
        """Middle of the loop (exchange bias), tesla."""
        down, up = self.coercive
        return None if down is None or up is None else (up + down) / 2


def along(cycle: Cycle, course: Course) -> NDArray[np.float64]:
    """Return the moment along the field, [replica, step] Bohr magnetons per spin."""
    return np.asarray(np.einsum("rsc,rc->rs", course.moment, cycle.axes))


def loops(cycle: Cycle, course: Course) -> list[Loop]:
    """Return the loop of every replica of a course with at least one step."""
    fields, half = cycle.fields[: course.done], cycle.steps
    found = []
    for replica, moment in enumerate(along(cycle, course)):
        jumps = {s.step: (s.before + s.after) / 2 for s in course.switchings if s.replica == replica}
        parts = [(0, half), (half - 1, len(fields))]
        coercive = [_zero(fields[a:b], moment[a:b], {k - a: at for k, at in jumps.items()}) for a, b in parts]
        remanent = [_at_zero(fields[a:b], moment[a:b]) for a, b in parts]
        found.append(
            Loop(
                coercive=(coercive[0], coercive[1]),
                remanent=(remanent[0], remanent[1]),
                saturated=(float(moment[0]), float(moment[half - 1]) if course.done >= half else None),
                loss=_area(fields, moment, jumps) if course.done == len(cycle.fields) else None,
            )
        )
    return found


def _area(fields: NDArray[np.float64], moment: NDArray[np.float64], jumps: Mapping[int, float]) -> float:
    """Return the area of a loop, meV per spin, by trapezoids; ``jumps`` are fields of switchings on the way to steps.

    Beside a switching the moment is taken as that of the nearest step.
    """
    steps = np.diff(fields) * (moment[1:] + moment[:-1]) / 2
    for k, at in jumps.items():
        steps[k - 1] = (at - fields[k - 1]) * moment[k - 1] + (fields[k] - at) * moment[k]
    return float(-MU_B * steps.sum()) + 0.0


def _zero(field: NDArray[np.float64], moment: NDArray[np.float64], jumps: Mapping[int, float]) -> float | None:
    """Return where the moment passes through zero: at a switching, if it is one, else between the steps."""
    changes = np.flatnonzero(np.sign(moment[:-1]) * np.sign(moment[1:]) < 0)
    exact = np.flatnonzero(moment == 0)
    if len(exact) and (not len(changes) or exact[0] <= changes[0]):
        return float(field[exact[0]])
    if not len(changes):
        return None
    k = int(changes[0])
    if k + 1 in jumps:
        return jumps[k + 1]
    return float(field[k] - moment[k] * (field[k + 1] - field[k]) / (moment[k + 1] - moment[k]))


def _at_zero(field: NDArray[np.float64], moment: NDArray[np.float64]) -> float | None:
    if len(field) < 2 or not field.min() <= 0 <= field.max():
        return None
    rising = field if field[-1] > field[0] else field[::-1]
    return float(np.interp(0.0, rising, moment if field[-1] > field[0] else moment[::-1]))


def ampere_per_metre(hamiltonian: Hamiltonian) -> float | None:
    """Return the magnetisation in A/m of one Bohr magneton per spin; None without a volume: with open axes."""
    lattice = hamiltonian.lattice
    if not all(lattice.periodic):
        return None
    volume = abs(float(np.linalg.det(lattice.cell))) * lattice.cells * 1e-30
    return BOHR_MAGNETON * hamiltonian.n_spins / volume


def summary(hamiltonian: Hamiltonian, cycle: Cycle, course: Course) -> dict[str, Any]:
    """Return all loops as JSON values: tesla, Bohr magnetons per spin, meV per spin."""
    unit = ampere_per_metre(hamiltonian)
    listed = []
    for replica, loop in enumerate(loops(cycle, course)) if course.done else ():
        own = [s for s in course.switchings if s.replica == replica]
        listed.append(
            {
                "direction": cycle.axes[replica].tolist(),
                "coercive_fields": list(loop.coercive), "coercivity": loop.coercivity, "bias": loop.bias,
                "remanence": list(loop.remanent), "saturation": list(loop.saturated), "loss": loop.loss,
                "switchings": [
                    {"branch": "down" if s.step < cycle.steps else "up", "between": [s.before, s.after],
                     "energy_released": s.lost}
                    for s in own
                ],
            }
        )  # fmt: skip
    return {
        "fields": cycle.fields[: course.done].tolist(),
        "moment_along": along(cycle, course).tolist(),
        "ampere_per_metre_per_mu_B": unit,
        "temperature": cycle.temperature,
        "loops": listed,
        "steps": course.done,
    }
