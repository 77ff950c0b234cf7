"""/magnons: the spin waves about an elite of a run."""

from __future__ import annotations

import json
from pathlib import Path as File
from typing import Any

import h5py

from magsearch.magnons.path import Path
from magsearch.magnons.spectrum import Density, Powder, Spectrum
from magsearch.storage.files import amended, dataset, texts, words

GROUP = "magnons"


def store_magnons(path: str | File, spectrum: Spectrum) -> None:
    """Put a spectrum into the file of its run, in the place of one that is there. InputError where that fails."""
    with amended(File(path), GROUP) as group:
        write(group, spectrum)


def write(group: h5py.Group, spectrum: Spectrum) -> None:
    """Write a spectrum into /magnons of a run.h5."""
    path = spectrum.path
    group.attrs.update(
        elite=spectrum.elite, g=spectrum.g, energy_per_site=spectrum.energy_per_site, labels=texts(path.labels),
        zero_modes=spectrum.hessian, gapless=spectrum.gapless, form_factors=json.dumps(dict(spectrum.ions)),
    )  # fmt: skip
    dataset(group, "vectors", spectrum.vectors, "cells", "vector, cell vector", "magnetic cell")
    if spectrum.k is not None:
        dataset(group, "k", spectrum.k, "reciprocal vector", "axis", "propagation vector of the spiral")
    dataset(group, "q", path.q, "reciprocal vector", "q, axis", "wave vectors of the path")
    dataset(group, "distance", path.distance, "1/angstrom", "q", "distance along the path")
    dataset(group, "corner", path.corners, "", "corner", "numbers of the wave vectors at labelled points")
    dataset(group, "energies", spectrum.energies, "meV", "q, band", "energies of the magnons")
    about = "neutron scattering by one magnon, per cell of the crystal"
    dataset(group, "intensities", spectrum.intensities, "Bohr magneton^2", "q, band", about)
    if (density := spectrum.density) is not None:
        part = group.create_group("density")
        part.attrs.update(mesh=density.mesh, width=density.width)
        dataset(part, "energy", density.energies, "meV", "energy", "energies")
        dataset(part, "states", density.states, "1/meV per spin", "energy", "density of states")
    if (powder := spectrum.powder) is not None:
        part = group.create_group("powder")
        part.attrs.update(width=powder.width, directions=powder.directions)
        dataset(part, "length", powder.lengths, "1/angstrom", "length", "lengths of q")
        dataset(part, "energy", powder.energies, "meV", "energy", "energies")
        about = "neutron scattering averaged over directions, per cell of the crystal"
        dataset(part, "intensities", powder.intensities, "Bohr magneton^2 / meV", "length, energy", about)


def read(group: h5py.Group) -> Spectrum:
    """Return the spectrum in /magnons of a run.h5."""
    attrs, density, powder = group.attrs, group.get("density"), group.get("powder")
    mesh: Any = () if density is None else tuple(int(n) for n in density.attrs["mesh"])
    return Spectrum(
        energy_per_site=float(attrs["energy_per_site"]),
        g=float(attrs["g"]),
        vectors=group["vectors"][()],
        k=group["k"][()] if "k" in group else None,
        hessian=int(attrs["zero_modes"]),
        gapless=int(attrs["gapless"]),
        path=Path(group["q"][()], group["distance"][()], group["corner"][()], tuple(words(attrs["labels"]))),
        energies=group["energies"][()],
        intensities=group["intensities"][()],
        density=None if density is None else Density(
            mesh, density["energy"][()], density["states"][()], float(density.attrs["width"])
        ),
        powder=None if powder is None else Powder(
            powder["length"][()], powder["energy"][()], powder["intensities"][()], float(powder.attrs["width"]),
            int(powder.attrs["directions"]),
        ),
        ions=tuple(json.loads(attrs["form_factors"]).items()),
        elite=int(attrs["elite"]),
    )  # fmt: skip
