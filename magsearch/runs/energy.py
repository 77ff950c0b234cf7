"""Energies of textures, by term: ``ms.energy`` and ``magsearch energy``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magsearch.engine.choice import choose
from magsearch.engine.device import Device
from magsearch.engine.evaluator import Evaluator
from magsearch.formats.spins import normalised
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.observables.energy_density import energies, largest_torque
from magsearch.runs.api import input_of, texture_of


@dataclass(frozen=True)
class TextureEnergy:
    """The energy of a texture, in double precision.

    per_site   meV per spin, of all terms
    terms      meV per spin, by the name of the term
    torque     largest torque |s x b| on a spin, meV
    """

    per_site: float
    terms: dict[str, float]
    torque: float


def energy(model: Hamiltonian | str | Path, spins: ArrayLike | str, *, device: str | Device = "cpu") -> TextureEnergy:
    """Return the energy of a texture, in total and by term, as ``magsearch energy`` does.

    model   a Hamiltonian, or the name of a file of any format
    spins   unit vectors [site, 3], or the name of a file that holds such: OVF, .npy, a run, ...

    Raises InputError for an array of another shape, and for spins whose length is not 1.
    """
    hamiltonian = input_of(model, {}, "energy").hamiltonian
    texture = normalised(texture_of(spins, hamiltonian, "spins"), hamiltonian.vacancies, "spins", 0)
    return of_texture(hamiltonian, texture, choose(device) if isinstance(device, str) else device)


def of_texture(hamiltonian: Hamiltonian, texture: NDArray[np.float64], device: Device) -> TextureEnergy:
    """Return the energy of unit vectors [site, 3]."""
    whole = Evaluator(hamiltonian, device, np.float64)
    terms = energies({name: Evaluator(h, device, np.float64) for name, h in hamiltonian.parts().items()}, texture)
    return TextureEnergy(
        float(whole.energies(texture)[0]) / hamiltonian.n_spins,
        terms,
        largest_torque(hamiltonian, whole.field(texture), texture),
    )
