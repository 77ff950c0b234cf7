"""/magnons: the spin waves about an elite of a run."""

from __future__ import annotations

import json
from pathlib import Path as File

import h5py

from magsearch.formatting import counted
from magsearch.magnons.path import Path
from magsearch.magnons.spectrum import Density, Powder, Spectrum
from magsearch.storage.files import amended, dataset, texts, words
from magsearch.storage.validation import indices, numbers

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
    q = numbers(group, "q", -1, 3)
    energies = numbers(group, "energies", len(q), -1)
    corners, labels = indices(group, "corner", len(q), -1), tuple(words(attrs["labels"]))
    if len(labels) != len(corners):
        raise ValueError(f"{group.name} has {counted(len(labels), 'label')} of {len(corners)} points")
    ions = json.loads(attrs["form_factors"])
    if not (isinstance(ions, dict) and all(isinstance(ion, str) for ion in ions.values())):
        raise ValueError(f"{group.name} has form factors that are not texts")
    return Spectrum(
        energy_per_site=float(attrs["energy_per_site"]),
        g=float(attrs["g"]),
        vectors=numbers(group, "vectors", 3, 3),
        k=numbers(group, "k", 3) if "k" in group else None,
        hessian=int(attrs["zero_modes"]),
        gapless=int(attrs["gapless"]),
        path=Path(q, numbers(group, "distance", len(q)), corners, labels),
        energies=energies,
        intensities=numbers(group, "intensities", *energies.shape),
        density=None if density is None else _density(density),
        powder=None if powder is None else _powder(powder),
        ions=tuple(ions.items()),
        elite=int(attrs["elite"]),
    )


def _density(group: h5py.Group) -> Density:
    mesh, energies = group.attrs["mesh"], numbers(group, "energy", -1)
    a, b, c = (int(n) for n in mesh)
    return Density((a, b, c), energies, numbers(group, "states", len(energies)), float(group.attrs["width"]))


def _powder(group: h5py.Group) -> Powder:
    lengths, energies = numbers(group, "length", -1), numbers(group, "energy", -1)
    intensities = numbers(group, "intensities", len(lengths), len(energies))
    width, directions = float(group.attrs["width"]), int(group.attrs["directions"])
    return Powder(lengths, energies, intensities, width, directions)
