"""Checks of magnitudes, which show wrong units: couplings, fields, moments, anisotropy, lengths."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from magsearch.checks.finding import Finding
from magsearch.formatting import counted
from magsearch.model.couplings import Couplings
from magsearch.model.terms.single_ion import SingleIon
from magsearch.units import K_B, MU_B

HOTTEST, COLDEST = 5000.0, 0.01  # kelvin: cobalt orders at 1388 K, in mean field at about 1700 K
MOMENTS = 0.05, 12.0  # Bohr magnetons: dysprosium and holmium have 10.6
NEGLIGIBLE = 1e-6  # of the couplings: a field whose number was meant in another unit
CROWDED = 0.25  # of the distance between atoms that fill space evenly
FAR_OUTSIDE = 1.5  # cells
LENGTHS = 0.1, 20.0  # angstrom, of the shortest bond


def strength(couplings: Couplings) -> Iterator[Finding]:
    """Find couplings that would order a crystal at thousands of kelvin, or below every temperature in use."""
    if not couplings.total:
        return
    kelvin = couplings.total / (3 * K_B)
    if not COLDEST <= kelvin <= HOTTEST:
        high = kelvin > HOTTEST
        yield Finding(
            "large-couplings" if high else "small-couplings",
            f"the couplings of a spin add up to {couplings.total:.3g} meV; in mean field that is an ordering "
            f"temperature of up to {kelvin:.3g} K",
            'check the unit of the couplings (model.unit = "meV", "mRy" or "J"), and whether pairs count once or twice',
        )


def field(couplings: Couplings) -> Iterator[Finding]:
    """Find fields that leave nothing to search for, and fields that change nothing."""
    hamiltonian, tesla = couplings.hamiltonian, float(np.linalg.norm(couplings.hamiltonian.field))
    low, high = float(np.min(hamiltonian.moments)), float(np.max(hamiltonian.moments))
    if not tesla or not couplings.total or hamiltonian.others:
        return
    held = 2 * (couplings.total + 2 * _anisotropy(couplings))
    if MU_B * low * tesla > held:
        yield Finding(
            "saturating-field",
            f"a field of {tesla:.4g} T is {MU_B * low * tesla:.3g} meV for every spin, more than couplings and "
            f"anisotropy can resist ({held:.3g} meV): all spins are along it",
            "expected tesla, and couplings in meV: check both units",
        )
    if MU_B * high * tesla < NEGLIGIBLE * couplings.total:
        yield Finding(
            "negligible-field",
            f"a field of {tesla:.4g} T is {MU_B * high * tesla:.3g} meV for a spin, less than {NEGLIGIBLE:g} of "
            "the couplings",
            "expected tesla, and moments in Bohr magnetons: check both units",
        )


def _anisotropy(couplings: Couplings) -> float:
    """Return the largest anisotropy of an atom, meV: the ranges of - s.A s and of the terms of higher order."""
    hamiltonian = couplings.hamiltonian
    second = np.ptp(np.linalg.eigvalsh(hamiltonian.quadratic), axis=1)
    entries = SingleIon(hamiltonian.anisotropy, hamiltonian.lattice.atoms).entries
    return float((second + entries.higher_range).max(initial=0.0))


def anisotropy(couplings: Couplings) -> Iterator[Finding]:
    """Find anisotropies that exceed all couplings of a spin."""
    largest = _anisotropy(couplings)
    if couplings.total and largest > couplings.total:
        yield Finding(
            "large-anisotropy",
            f"an anisotropy of {largest:.3g} meV exceeds all couplings of a spin together, {couplings.total:.3g} meV",
            "expected meV, or the unit of model.unit: check whether it was given in micro-eV or for a whole cell",
        )


def moments(couplings: Couplings) -> Iterator[Finding]:
    """Find moments that no atom has, and those of atoms that are hardly magnetic."""
    values = np.atleast_1d(couplings.hamiltonian.moments)
    least, most = MOMENTS
    if values.max() > most:
        yield Finding(
            "large-moment",
            f"moment {int(values.argmax())} is {values.max():.4g} mu_B; a single atom has at most 10.6",
            "expected Bohr magnetons for each atom, not for a cell",
        )
    small = values < least
    if small.any():
        yield Finding(
            "small-moment",
            f"{counted(int(small.sum()), 'moment')} below {least:g} mu_B, for example moment {int(values.argmin())}, "
            f"{values.min():.3g} mu_B",
            "leave out atoms whose moments the others induce: here, every spin has a direction of its own",
        )


def places(couplings: Couplings) -> Iterator[Finding]:
    """Find atoms that lie on top of each other or far outside of their cell, and bonds of unlikely lengths."""
    lattice = couplings.hamiltonian.lattice
    fractions = lattice.basis @ np.linalg.inv(lattice.cell)
    away = float(np.abs(fractions - 0.5).max()) - 0.5
    if away > FAR_OUTSIDE:
        atom = int(np.abs(fractions - 0.5).max(axis=1).argmax())
        yield Finding(
            "outside-cell",
            f"atom {atom} lies {away:.2g} cells outside of its cell",
            "expected fractions of the cell vectors; write lengths with model.cartesian = true",
        )
    if not len(couplings.distances):
        return
    shortest = float(couplings.distances.min())
    even = float(abs(np.linalg.det(lattice.cell)) / lattice.atoms) ** (1 / 3)
    if not LENGTHS[0] <= shortest <= LENGTHS[1]:
        yield Finding(
            "unlikely-length", f"the shortest bond has {shortest:.3g} angstrom",
            "expected angstrom: check model.constant and the cell vectors",
        )  # fmt: skip
    elif lattice.atoms > 1 and shortest < CROWDED * even:
        yield Finding(
            "crowded-atoms",
            f"the shortest bond has {shortest:.3g} angstrom; atoms that fill the cell evenly are {even:.3g} apart",
            "check the basis: positions are fractions of the cell vectors, or lengths with model.cartesian = true",
        )


def vacancies(couplings: Couplings) -> Iterator[Finding]:
    """Find models that are mostly vacant."""
    hamiltonian = couplings.hamiltonian
    if 2 * len(hamiltonian.vacancies) > hamiltonian.lattice.sites:
        yield Finding(
            "mostly-vacant",
            f"{len(hamiltonian.vacancies)} of {hamiltonian.lattice.sites} sites are vacant",
            "expected the sites without a spin, from 0, not those with one",
        )
