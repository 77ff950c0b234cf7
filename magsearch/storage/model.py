"""/model: everything that is needed to rebuild a Hamiltonian."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from magsearch.model.bonds import Bonds
from magsearch.model.hamiltonian import CONVENTION, Hamiltonian
from magsearch.model.lattice import Lattice
from magsearch.model.terms import single_ion
from magsearch.model.terms.dipole import Dipole
from magsearch.model.terms.products import SpinProducts
from magsearch.model.terms.tensor_products import TensorProducts
from magsearch.model.terms.term import UnsupportedTerm
from magsearch.model.terms.waves import WaveCouplings
from magsearch.model.triangulation import inside, triangles
from magsearch.storage.files import dataset, texts

ANISOTROPIES: dict[str, type] = {  # every class of the module that adds to the entries of an atom
    name: member
    for name, member in vars(single_ion).items()
    if isinstance(member, type)
    and is_dataclass(member)
    and hasattr(member, "add_to")
    and member.__module__ == single_ion.__name__
}


def write(model: h5py.Group, hamiltonian: Hamiltonian) -> None:
    """Write the lattice and all terms. UnsupportedTerm for a term that ``read`` could not make again."""
    lattice = hamiltonian.lattice
    for other in hamiltonian.others:
        if not isinstance(other, Dipole | SpinProducts | TensorProducts | WaveCouplings):
            raise UnsupportedTerm(
                other, "storage", "files hold couplings, products, waves, anisotropies, dipoles and the field"
            )
    for anisotropy in hamiltonian.anisotropy:
        if type(anisotropy) is not ANISOTROPIES.get(type(anisotropy).__name__):
            raise UnsupportedTerm(
                hamiltonian.terms[1], "storage", f"{type(anisotropy).__name__} is not a kind it knows"
            )
    model.attrs.update(
        convention=CONVENTION,
        size=lattice.size, periodic=lattice.periodic, species=texts(lattice.species), notes=texts(hamiltonian.notes),
        anisotropy=json.dumps(
            [{"term": type(term).__name__, **asdict(term)} for term in hamiltonian.anisotropy],
            default=np.generic.item,
        ),
    )  # fmt: skip
    if hamiltonian.dipole is not None:
        model.attrs["dipole"] = json.dumps(asdict(hamiltonian.dipole))
    dataset(model, "cell", lattice.cell, "angstrom", "vector, xyz", "cell vectors")
    if lattice.given is not None:
        told = "cell vectors of the input, of the same lattice: the supercell is sheared"
        dataset(model, "given_cell", lattice.given, "angstrom", "vector, xyz", told)
    dataset(model, "basis", lattice.basis, "angstrom", "atom, xyz", "positions of the atoms in the cell")
    if lattice.nonmagnetic:
        model.attrs["nonmagnetic_species"] = texts(name for name, _ in lattice.nonmagnetic)
        others = np.array([place for _, place in lattice.nonmagnetic])
        dataset(model, "nonmagnetic", others, "angstrom", "atom, xyz", "positions of the other atoms of the crystal")
    dataset(model, "positions", lattice.positions, "angstrom", "site, xyz", "positions of the sites")
    dataset(model, "moments", hamiltonian.moments, "Bohr magneton", "atom or site", "moments")
    dataset(model, "field", np.array(hamiltonian.field), "tesla", "xyz", "magnetic field")
    vacancies = np.array(hamiltonian.vacancies, dtype=np.int64)
    dataset(model, "vacancies", vacancies, "", "vacancy", "sites without a spin")
    corners = triangles(lattice)[drawn(lattice)].astype(np.int32)
    about = "sites at the corners of the triangles of the topological charge"
    drawn_corners = dataset(model, "triangles", corners, "", "triangle, corner", about)
    drawn_corners.attrs["inside"] = int(inside(lattice).sum())
    for name in ("bonds", "site_bonds"):
        bonds = getattr(hamiltonian, name)
        if bonds is not None:
            group = model.create_group(name)
            dataset(group, "i", bonds.i, "", "bond", "first atom or site")
            dataset(group, "j", bonds.j, "", "bond", "second atom or site")
            dataset(group, "offset", bonds.offset, "cells", "bond, vector", "cell of the second, relative to the first")
            dataset(group, "J", bonds.J, "meV", "bond, xyz, xyz", "coupling matrices")
    for number, term in enumerate(hamiltonian.products):
        group = model.create_group(f"products/{number}")
        group.attrs["name"] = term.name
        dataset(group, "atoms", term.atoms, "", "cluster, ijkl", "atoms")
        dataset(group, "cells", term.cells, "cells", "cluster, ijkl, vector", "cells of the atoms")
        if isinstance(term, SpinProducts):
            dataset(group, "constants", term.constants, "meV", "cluster, abct", "constants a, b, c, t")
        else:
            dataset(group, "A", term.A, "meV", "cluster, xyz, xyz", "matrices of the first two spins")
            dataset(group, "B", term.B, "", "cluster, xyz, xyz", "matrices of the other two")
    if (waves := hamiltonian.waves) is not None:
        group = model.create_group("wave_vectors")
        dataset(group, "q", waves.q, "reciprocal vectors", "wave, vector", "wave vectors Q, one of Q and -Q")
        dataset(group, "J", waves.J, "meV", "wave", "bilinear couplings")
        dataset(group, "K", waves.K, "meV", "wave", "biquadratic couplings")
        dataset(group, "A", waves.A, "", "wave, xyz, xyz", "anisotropy of both")
        dataset(group, "D", waves.D, "meV", "wave, xyz", "Dzyaloshinskii-Moriya vectors")


def drawn(lattice: Lattice) -> NDArray[np.int64]:
    """Return the order of triangles in files: those that do not reach over a periodic edge come first."""
    return np.argsort(~inside(lattice), kind="stable")


def read(model: h5py.Group) -> Hamiltonian:
    """Read what ``write`` wrote."""

    def bonds(name: str) -> Bonds | None:
        return Bonds(*(model[name][part][()] for part in ("i", "j", "offset", "J"))) if name in model else None

    def term(values: dict[str, Any]) -> Any:
        kind = ANISOTROPIES[values.pop("term")]
        listed = {f.name: values[f.name] for f in fields(kind)}
        return kind(**{name: _tuples(value) for name, value in listed.items()})

    def products(number: int) -> SpinProducts | TensorProducts:
        group = model[f"products/{number}"]
        if "A" in group:
            return TensorProducts(*(group[part][()] for part in ("atoms", "cells", "A", "B")))
        return SpinProducts(group.attrs["name"], *(group[part][()] for part in ("atoms", "cells", "constants")))

    def waves() -> tuple[WaveCouplings, ...]:
        if "wave_vectors" not in model:
            return ()
        return (WaveCouplings(*(model["wave_vectors"][part][()] for part in ("q", "J", "K", "A", "D"))),)

    attrs = model.attrs
    dipoles = (Dipole(tuple(json.loads(attrs["dipole"])["demagnetising"])),) if "dipole" in attrs else ()
    named, places = attrs.get("nonmagnetic_species", ()), model["nonmagnetic"][()] if "nonmagnetic" in model else ()
    lattice = Lattice(
        model["cell"][()],
        model["basis"][()],
        tuple(attrs["size"]),
        tuple(attrs["periodic"]),
        tuple(attrs["species"]),
        tuple((str(name), (float(x), float(y), float(z))) for name, (x, y, z) in zip(named, places, strict=True)),
        model["given_cell"][()] if "given_cell" in model else None,
    )
    unit_bonds = bonds("bonds")
    return Hamiltonian(
        lattice,
        Bonds.none() if unit_bonds is None else unit_bonds,
        moments=model["moments"][()],
        anisotropy=tuple(term(values) for values in json.loads(attrs["anisotropy"])),
        field=tuple(model["field"][()]),
        site_bonds=bonds("site_bonds"),
        vacancies=tuple(model["vacancies"][()]),
        notes=tuple(attrs["notes"]),
        others=(*map(products, range(len(model.get("products", ())))), *waves(), *dipoles),
    )


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
