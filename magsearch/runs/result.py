"""The result of a search, as it was found or as a file holds it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magsearch import storage
from magsearch.bounds.bound import Bound
from magsearch.errors import InputError, unknown
from magsearch.export.cell import TOLERANCE
from magsearch.export.structure import MagneticStructure, magnetic_structure
from magsearch.export.writing import format_of, write
from magsearch.formatting import fixed, html_table, text_table
from magsearch.model.hamiltonian import Hamiltonian
from magsearch.parallel.ranks import is_first_rank
from magsearch.runs.launch import claim, expect_free
from magsearch.runs.picture import Picture, picture
from magsearch.runs.textures import elite_in
from magsearch.search.candidate import Candidate
from magsearch.search.history import History
from magsearch.search.snapshots import Snapshot
from magsearch.search.stopping import Reason
from magsearch.storage.summary import certificate


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """The result of a search: its best distinct minima, the lower bound, and how it went.

    record        what the file of the run holds
    file          where it is stored; None: in memory only
    populations   of all islands, from which a run in memory can be resumed once it is saved; on rank 0
    """

    record: storage.Record
    file: Path | None = None
    populations: storage.Populations | storage.Parts | None = None

    @property
    def champion(self) -> Candidate:
        """Best minimum. Raises InputError if the run has none yet."""
        return elite_in(self.record, self.file or Path("result"), 0)

    @property
    def elites(self) -> tuple[Candidate, ...]:
        """Best distinct minima, best first."""
        return self.record.elites

    @property
    def textures(self) -> tuple[Snapshot, ...]:
        """Champions after some generations, as [storage] textures asks for, earliest first."""
        return self.record.textures

    @property
    def model(self) -> Hamiltonian:
        """Hamiltonian that was searched."""
        return self.record.hamiltonian

    @property
    def history(self) -> History:
        """History of the search by generation and island."""
        return self.record.history

    @property
    def bound(self) -> Bound | None:
        """Rigorous lower bound of the energy; None if none was computed."""
        return self.record.bound

    @property
    def gap(self) -> float | None:
        """Energy of the champion above the lower bound, meV per site; None without a bound."""
        return None if self.bound is None else self.bound.gap(self.champion.energy_per_site)

    @property
    def stopped(self) -> Reason | None:
        """Reason why the search ended; None if it has not ended."""
        return self.record.stopped

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the file that ``magsearch run`` writes; under mpiexec, rank 0 does.

        A run that was stored before keeps what it needs to be resumed. One in memory does so up to the size of
        populations that [storage] gather allows, if a longer limit lets it resume.

        Raises InputError if the file exists and may not be overwritten, or cannot be written.
        """
        out = Path(path)
        if not is_first_rank():
            return
        with ExitStack() as held:
            claim(held, out)
            expect_free(out, overwrite, "run")
            populations = self.populations
            if self.file is not None and self.record.resumable:
                populations = storage.read_states(self.file)
            storage.write(out, self.record, populations)

    def export(
        self,
        path: str | Path | None = None,
        format: str | None = None,
        elite: int = 0,
        cell: str = "magnetic",
        tolerance: float = TOLERANCE,
        elements: Mapping[str, str] | None = None,
        align: bool = False,
        overwrite: bool = False,
    ) -> MagneticStructure:
        """Return a texture as a magnetic structure, and write it to a file if one is named.

        format      mcif, poscar, qe, siesta, abinit, elk, xyz, sunny or spinw; by default that of the file's name
        elite       which one; 0 is the champion
        cell        "magnetic", the smallest cell after which the texture repeats, or "box"
        tolerance   deviation of spins that count as equal, fraction of their length
        elements    chemical symbol by species of the model
        align       rotate all spins to the orientation with the most symmetries; for models that leave it arbitrary

        The structure prints cell, propagation vectors and magnetic space group. Raises InputError for what cannot be
        written, and for a file that exists unless it may be overwritten. Under mpiexec, rank 0 writes.
        """
        texture = elite_in(self.record, self.file or Path("result"), elite).spins
        found = magnetic_structure(self.model, texture, cell, tolerance, elements, align)
        if path is not None and is_first_rank():
            write(found, [(format or format_of(Path(path)), Path(path))], overwrite)
        return found

    def to_xarray(self) -> Any:
        """Return elites, history and positions as an ``xarray.Dataset`` with dimensions, units and descriptions.

        The variables are those of /elites and /history of the file: spins [elite, site, xyz], energy_per_site [elite]
        in meV, best [generation, island], ... Raises InputError where xarray is not installed.
        """
        return storage.labelled_run(self.record)

    def plot(
        self,
        path: str | Path | None = None,
        what: str = "summary",
        elite: int = 0,
        title: str | None = None,
        plane: tuple[int, int] | None = None,
        sheet: int | None = None,
        tiles: tuple[int, int] = (1, 1),
        width: float | None = None,
        dpi: int = 300,
    ) -> Picture:
        """Draw the result, write it to a file if one is named (png, pdf or svg), and return a picture for notebooks.

        what    summary, texture, structure, charge, elites, generations, operators or migrations
        elite   which one; 0 is the champion
        title   above the picture; None: what it shows; empty: none
        plane   layer of a three-dimensional crystal: (2, 0) is the first one along the third axis; None: the middle one
        sheet   which of several sheets of a layer that hide one another, from the lowest; None: the top one
        tiles   how often the box is drawn along the two axes of the plane
        width   of the page in inches; None: as wide as a column or a page of a paper
        dpi     pixels per inch

        Raises InputError for what cannot be drawn or written. Under mpiexec, rank 0 writes.
        """
        from magsearch import plots

        if what not in plots.PICTURES:
            raise InputError(unknown("picture", what, plots.PICTURES), "plot()")
        elite_in(self.record, self.file or Path("result"), elite)
        view = plots.View(elite, title, plane, sheet, tiles, width, dpi)
        shown = plots.title_of(self.record, elite) if title is None else title
        return picture(shown, lambda file: plots.PICTURES[what](self.record, file, view), path)

    def _rows(self) -> dict[str, str]:
        """Return what the result prints, by name."""
        record, history = self.record, self.history
        rows, proven = dict[str, str](), certificate(record)
        if record.elites:
            champion = self.champion
            rows["energy"] = f"{champion.energy_per_site:.9f} meV per site"
            if proven is not None:
                tight = ", the ground state" if proven["tight"] else ""
                rows["gap"] = f"{max(proven['gap'], 0.0):.2g} meV per site above the lower bound{tight}"
            rows["phase"] = f"{champion.phase}, charge {fixed(champion.charge, 2)}"
        rows["stopped"] = str(self.stopped or "not yet: it can be resumed")
        evaluations = int(history["evaluations"].sum())
        counts = {
            "minim": (len(record.elites), "um", "a"), "generation": (len(history), "", "s"),
            "island": (history.islands, "", "s"), "evaluation": (evaluations, "", "s"),
        }  # fmt: skip
        rows["counts"] = ", ".join(f"{n} {word}{one if n == 1 else more}" for word, (n, one, more) in counts.items())
        rows["time"] = f"{record.seconds:.1f} s on {record.device}"
        return rows

    def _title(self) -> str:
        lattice = self.model.lattice
        size = " x ".join(str(n) for n in lattice.size)
        return f"Result of {self.file or self.record.input_path}: {size} cells, {lattice.sites} sites"

    def __repr__(self) -> str:
        return text_table(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._title(), self._rows())
