"""The command ``magsearch symmetry``: which couplings and anisotropies the space group of a crystal allows."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from magsearch import formats
from magsearch.cli.arguments import InputFile, Json, Settings, Strict, read_input
from magsearch.console import model
from magsearch.errors import InputError
from magsearch.formatting import counted, vector
from magsearch.model.cells import in_given_cells
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.symmetry import allowed
from magsearch.symmetry.crystal import TOLERANCE
from magsearch.symmetry.table import SHELLS, BondForm, Site, SymmetryTable, symmetry_table


def symmetry(
    input_file: InputFile,
    cutoff: Annotated[
        float | None, typer.Option(metavar="R", min=0.0, help="List bonds up to this length in angstrom.")
    ] = None,
    shells: Annotated[int, typer.Option(min=1, max=100, help="Number of shells of neighbours to list.")] = SHELLS,
    magnetic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Take INPUT as a structure file whose atoms NAME are magnetic: Fe, Fe1 (repeatable)."
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=1e-9, max=0.1, help="Mismatch of positions, as a fraction of the shortest cell vector."),
    ] = TOLERANCE,
    settings: Settings = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Print which couplings and anisotropies symmetry allows.

    For each atom its site symmetry and anisotropy, for each orbit of bonds the form of the coupling matrix in letters.
    The crystal counts, not the couplings of INPUT: nonmagnetic atoms belong to it.
    """
    if magnetic:
        if settings or strict:
            raise InputError("a structure file has no settings; expected no --set or --strict with it", "--magnetic")
        hamiltonian = formats.crystal(input_file, magnetic)
    else:
        hamiltonian = in_given_cells(read_input(input_file, settings, strict).hamiltonian)
    try:
        found = symmetry_table(hamiltonian, cutoff, shells, tolerance)
    except ValueError as error:
        raise InputError(str(error), input_file) from None
    if as_json:
        print(json.dumps(found.as_json(), indent=1))
        return
    _print(model.console(), hamiltonian, found)


def _print(console: Console, hamiltonian: Hamiltonian, found: SymmetryTable) -> None:
    lattice = hamiltonian.lattice
    others = f", and {len(lattice.nonmagnetic)} without spin" if lattice.nonmagnetic else ""
    name = f"space group {found.name}, " if found.name else ""
    console.print(f"crystal    {counted(lattice.atoms, 'magnetic atom')} in a cell{others}", soft_wrap=True)
    operations = counted(found.group.order, "operation")
    console.print(f"symmetry   {name}point group {found.point_group}, {operations} of a cell", soft_wrap=True)
    console.print("energy     - s_i.J s_j for every pair, - s.A s for every atom, + c O(k,q) for Stevens operators")
    for site in found.sites:
        console.print()
        _print_site(console, hamiltonian, site)
    for form in found.bonds:
        console.print()
        _print_bond(console, form)


def _print_site(console: Console, hamiltonian: Hamiltonian, site: Site) -> None:
    lattice = hamiltonian.lattice
    equal = [int(atom) for atom in site.equivalent if atom != site.atom]
    same = f"; equivalent: {', '.join(map(str, equal))}" if equal else ""
    place = vector(lattice.basis[site.atom])
    console.print(f"atom {site.atom}     {lattice.species[site.atom]} at {place} angstrom{same}", soft_wrap=True)
    console.print(f"           site symmetry {site.group}")
    _print_matrix(console, "A", allowed.letters(site.anisotropy))
    terms = [f"c{number} ({text})" for number, text in enumerate(site.sums, start=1)]
    console.print(f"           Stevens operators: {' + '.join(terms) or 'none'}", soft_wrap=True)


def _print_bond(console: Console, form: BondForm) -> None:
    i, j, *cells = form.orbit.bond.tolist()
    ends = [form.orbit.coordination(i), *([form.orbit.coordination(j)] if j != i else [])]
    each = " and ".join(map(str, dict.fromkeys(ends)))
    console.print(f"bond       i = {i}, j = {j}, cells = {cells}", soft_wrap=True)
    pairs = counted(len(form.orbit.bonds), "pair")
    console.print(
        f"           {form.distance:.6g} angstrom, {pairs} of a cell, {each} at an atom, symmetry {form.group}"
    )
    _print_matrix(console, "J", form.matrix)
    dmi = f"D = ({', '.join(form.dmi)})" if form.dmi else "no Dzyaloshinskii-Moriya interaction"
    console.print(f"           {dmi}")


def _print_matrix(console: Console, name: str, rows: list[list[str]]) -> None:
    width = [max(len(row[column]) for row in rows) for column in range(3)]
    for number, row in enumerate(rows):
        text = "  ".join(one.rjust(w) for one, w in zip(row, width, strict=True))
        console.print(f"           {f'{name} =' if number == 1 else '   '} [ {text} ]", soft_wrap=True)
