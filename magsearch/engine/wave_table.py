"""Couplings at wave vectors over sites, as kernels/wave_couplings.cuh reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.engine.device import Device
from magsearch.engine.graph import Launch
from magsearch.engine.kernels import rows
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.model.terms.waves import WaveCouplings

ROW = rows("WaveRow")
SUMS = rows("WaveSum")["WAVE_SUMS"]
CONSTANTS = (("J", "WAVE_J"), ("K", "WAVE_K"), ("D", "WAVE_D"), ("A", "WAVE_A"))


@dataclass(frozen=True, eq=False)
class WaveTable:
    """The waves of a Hamiltonian on a device, in one precision.

    phases  [site, wave, 2] cos and sin of Q.r
    table   [wave, width] constants of kernels, float64
    waves   their number
    spins   number of spins
    bent    whether the energy is not linear in each spin, the others held
    """

    phases: Any
    table: Any
    waves: int
    spins: int
    bent: bool
    device: Device
    real: np.dtype

    @classmethod
    def of(cls, term: WaveCouplings, hamiltonian: Hamiltonian, device: Device, real: np.dtype) -> WaveTable:
        """Lay a term of a Hamiltonian out on a device."""
        table: NDArray[np.float64] = np.zeros((len(term), ROW["WAVE_WIDTH"]))
        for name, column in CONSTANTS:
            values = getattr(term, name).reshape(len(term), -1)
            table[:, ROW[column] : ROW[column] + values.shape[1]] = values
        phases = device.array(term.waves(hamiltonian), real)
        spins = max(hamiltonian.n_spins, 1)
        return cls(
            phases, device.array(table, np.float64), len(term), spins, not term.linear_in_spin, device, np.dtype(real)
        )

    def sums(self, spins: Any) -> tuple[list[Launch], Any]:
        """Bind the sums of the waves of spins; return the launches and the sums, [wave and component, replica]."""
        device, xp = self.device, self.device.xp
        _, sites, _, width = spins.shape
        replicas, chunks, quantities = len(spins) * width, -(-sites // device.chunk), self.waves * SUMS
        parts, total = xp.empty((chunks, quantities, replicas)), xp.empty((quantities, replicas))
        add = device.bind(
            "sum_waves", self.real, spins, self.phases, self.waves, parts, sites, device.chunk, replicas,
            blocks=chunks, replicas=replicas,
        )  # fmt: skip
        reduce = device.bind(
            "reduce_sums", self.real, parts, total, chunks, quantities, -1, replicas,
            blocks=quantities, replicas=replicas,
        )  # fmt: skip
        return [add, reduce], total

    def field(self, spins: Any, moving: Any, out: Any, added: bool) -> tuple[list[Launch], Any]:
        """Bind the field of the waves of ``spins``, or its change along ``moving`` where that is not None.

        It is written to ``out`` [block, site, 3, width], or added to what stands there. To - 1/2 sum s . b the second
        result [replica] is to be added, in meV, for the energy.
        """
        device, xp = self.device, self.device.xp
        blocks, sites, _, width = spins.shape
        replicas = blocks * width
        launches, total = self.sums(spins)
        along = total
        if moving is not None:
            more, along = self.sums(moving)
            launches = launches + more
        fields, energy = xp.empty((blocks, 2 * self.waves, 3, width), dtype=self.real), xp.empty(replicas)
        make = device.bind(
            "wave_fields", self.real, total, int(moving is not None), along, self.table, self.waves, self.spins, fields,
            energy, replicas, blocks=1, replicas=replicas,
        )  # fmt: skip
        spread = device.bind(
            "spread_waves", self.real, fields, self.phases, self.waves, int(added), out, sites, device.chunk, replicas,
            blocks=-(-sites // device.chunk), replicas=replicas,
        )  # fmt: skip
        return [*launches, make, spread], energy

    def energy(self, left: Any, sums: Any) -> Launch:
        """Bind the addition of what ``field`` left of the energy to the sums of an evaluation."""
        replicas = sums.shape[2]
        return self.device.bind("add_wave_energy", self.real, left, sums, replicas, blocks=1, replicas=replicas)

    def held(self, spins: Any) -> tuple[list[Launch], tuple[Any, ...]]:
        """Bind the sums of the waves as a sweep keeps them; return the launches and its arguments."""
        blocks, _, _, width = spins.shape
        launches, total = self.sums(spins)
        held = self.device.xp.empty((blocks, 2 * self.waves, 3, width), dtype=self.real)
        keep = self.device.bind(
            "hold_waves", self.real, total, self.waves, held, blocks * width, blocks=1, replicas=blocks * width
        )
        return [*launches, keep], (self.phases, self.table, self.waves, self.spins, int(self.bent), held)
