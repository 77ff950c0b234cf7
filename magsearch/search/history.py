"""History of a search by generation and island, as plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from magsearch.formatting import counted
from magsearch.observables.fingerprint import Fingerprint, distinct
from magsearch.observables.structure_factor import PEAKS
from magsearch.search import records
from magsearch.search.candidate import Candidate
from magsearch.search.generation import Generation
from magsearch.search.records import Place

FINGERPRINT = records.record_type(Fingerprint, Place.SEARCH, {"peak": PEAKS})
MIGRATION = np.dtype(
    [
        ("generation", "i8"),  # at whose end they arrived
        ("source", "i4"), ("target", "i4"),  # islands
        ("role", "i4"),  # of migration.Role
        ("sent", "i4"), ("kept", "i4"),  # numbers of elites
        ("best", "f8"),  # meV per site, of those sent
    ]
)  # fmt: skip


def row_type(operators: int, elites: int, candidates: int) -> np.dtype:
    """Return the dtype of one generation of one island; energies in meV per site, over the candidates that it keeps."""
    return np.dtype(
        [
            ("best", "f8"), ("mean", "f8"), ("deviation", "f8"),
            ("energies", "f4", (candidates,)),  # best first; nan where there are fewer
            ("charge", "f8"), ("origin", "i4"),  # of its best elite's fingerprint, and the operator that made it
            ("evaluations", "i8"),
            ("offspring", "i8", (operators,)), ("successes", "i8", (operators,)),
            ("elites", FINGERPRINT, (elites,)),  # best first; their energies are nan where there are fewer
        ]
    )  # fmt: skip


@dataclass
class History:
    """Generations of all islands.

    operators    names, in the order of the columns that count offspring
    elites       number of the best distinct minima of all islands that are followed
    islands      number of islands
    candidates   maximum number of candidates of an island
    rows         [island] of ``row_type``, for each generation
    seconds      wall time after each generation
    levels       [elite] meV per site, energies of the best distinct minima after each generation, nan where fewer
    migrations   of ``MIGRATION``, in the order of their arrival
    """

    operators: tuple[str, ...]
    elites: int
    islands: int = 1
    candidates: int = 0
    rows: list[NDArray[np.void]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    levels: list[NDArray[np.float64]] = field(default_factory=list)
    migrations: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, MIGRATION))

    def __repr__(self) -> str:
        best = f", best {self['best'].min():.9f} meV per site" if self.rows else ""
        return f"<History of {counted(len(self), 'generation')} of {self.islands} islands{best}>"

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> NDArray[Any]:
        """Return a column of the rows, [generation, island, ...]."""
        return self._table[column]

    @cached_property
    def row_type(self) -> np.dtype:
        """Dtype of one generation of one island."""
        return row_type(len(self.operators), self.elites, self.candidates)

    @property
    def _table(self) -> NDArray[np.void]:
        return np.stack(self.rows) if self.rows else np.zeros((0, self.islands), self.row_type)

    def row(self, done: Generation, elites: Sequence[Candidate]) -> NDArray[np.void]:
        """Return a generation of an island as a record."""
        row = np.zeros((), self.row_type)
        for name in ("best", "mean", "deviation", "evaluations"):
            row[name] = getattr(done, name)
        for kind in ("offspring", "successes"):
            row[kind] = [getattr(done, kind).get(name, 0) for name in self.operators]
        row["charge"], row["origin"] = elites[0].fingerprint.charge, self.operators.index(elites[0].origin)
        row["energies"], row["elites"]["energy"] = np.nan, np.nan
        row["energies"][: len(done.energies)] = done.energies
        prints = [elite.fingerprint for elite in elites[: self.elites]]
        row["elites"][: len(prints)] = records.packed(Fingerprint, prints, Place.SEARCH, {"peak": PEAKS})
        return row

    def widened(self, operators: Iterable[str]) -> History:
        """Return the history with columns for more operators: those that a later version of the program uses, say."""
        names = tuple(sorted({*self.operators, *operators}))
        if names == self.operators:
            return self
        wide, places = replace(self, operators=names, rows=[]), np.array([names.index(name) for name in self.operators])
        for row in self.rows:
            new = np.zeros(row.shape, wide.row_type)
            for column in row.dtype.names or ():
                new[column] = 0 if column in ("offspring", "successes") else row[column]
            new["offspring"][..., places], new["successes"][..., places] = row["offspring"], row["successes"]
            new["origin"] = places[row["origin"]]
            wide.rows.append(new)
        return wide

    def add(self, rows: NDArray[np.void], seconds: float, tolerance: float) -> None:
        """Append a generation, [island]; elites within a tolerance of each other (meV per site) may be one."""
        self.rows.append(rows)
        self.seconds.append(seconds)
        prints = np.sort(rows["elites"][np.isfinite(rows["elites"]["energy"])], order="energy", kind="stable")
        columns = {name: prints[name] for name in FINGERPRINT.names or ()}
        known = [Fingerprint(**values) for values in records.values(Fingerprint, Place.SEARCH, columns, len(prints))]
        kept = distinct(known, tolerance)[: self.elites]
        levels = np.full(self.elites, np.nan)
        levels[: len(kept)] = prints["energy"][kept]
        self.levels.append(levels)

    def overall(self, generation: int | None = None) -> dict[str, Any]:
        """Return best, mean and deviation (meV per site), evaluations and seconds over all islands.

        Each is a number for one generation, or [generation] for all of them.
        """
        table = self._table if generation is None else self.rows[generation]
        mean = table["mean"].mean(axis=-1)
        spread = (table["deviation"] ** 2 + (table["mean"] - mean[..., None]) ** 2).mean(axis=-1)
        return {
            "generation": np.arange(len(self)) if generation is None else generation,
            "best": table["best"].min(axis=-1),
            "mean": mean,
            "deviation": np.sqrt(spread),
            "evaluations": table["evaluations"].sum(axis=-1),
            "seconds": np.array(self.seconds) if generation is None else self.seconds[generation],
        }


def migrations(arrivals: Iterable[tuple[Any, ...]]) -> NDArray[np.void]:
    """Return a log of migrations in an order that does not depend on the ranks."""
    return np.sort(np.array(list(arrivals), MIGRATION), order=["generation", "target", "role", "source"])
