"""[islands] and [[islands.own]]: how many islands there are, what they exchange, and how they differ."""

from __future__ import annotations

from dataclasses import field, replace
from typing import Any

from magsearch.config.search import SearchTable
from magsearch.errors import SettingError
from magsearch.formats.toml.table import Table
from magsearch.search.island import GeneticTunneling
from magsearch.search.migration import SCHEMES, Migration

OVERRIDDEN = [
    replace(key.optional, facts={**key.facts, "default": "that of [search]"}, owners={})
    for key in SearchTable.KEYS.values()
    if key.facts.get("per_island")
]


class OwnTable(Table, path="islands.own", of=OVERRIDDEN):
    """Values of some islands for keys of [search], `[[islands.own]]`.

    Tables are written inline and replace the whole table of [search], as in
    `backend = {name = "heat-bath", temperature = 2.0}`.
    """

    islands: list[int] = field(metadata={"doc": "The islands, counted from 0.", "ge": 0})

    def changes(self) -> dict[str, Any]:
        """Return the keys that are given, and their values."""
        given = {key: getattr(self, key) for key in self.KEYS if key != "islands"}
        return {key: value for key, value in given.items() if value is not None}


class IslandsTable(Table, path="islands"):
    """The islands of a search ([clusters.md](clusters.md)).

    The outcome depends on them, and not on the number of processes that they run in.
    """

    count: int = field(default=1, metadata={"doc": "Number of islands.", "ge": 1})
    scheme: str = field(
        default="exchange",
        metadata={
            "doc": "The migration scheme: islands exchange elites, and with \"leader\" offspring are also drawn to the "
            "best minima.",
            "family": SCHEMES,
        },
    )  # fmt: skip
    own: list[OwnTable] = field(
        default_factory=list, metadata={"doc": "Settings of single islands, see [[islands.own]]."}
    )

    def migration(self) -> Migration:
        """Return the migration scheme. SettingError for keys that do not go together."""
        return self.chosen("scheme")

    def islands(self, search: SearchTable) -> tuple[GeneticTunneling, ...]:
        """Return the settings of every island. SettingError for islands and operators that do not exist."""
        tables = [search] * self.count
        for k, own in enumerate(self.own):
            for island in own.islands:
                if island >= self.count:
                    told = f"islands.own names island {island}; there are islands 0 to {self.count - 1}"
                    raise SettingError(f"islands.own.{k}.islands", told)
                tables[island] = replace(tables[island], **own.changes())
                try:
                    tables[island].island()
                except SettingError as error:
                    key = error.key.removeprefix(f"{SearchTable.PATH}.")
                    raise SettingError(f"islands.own.{k}.{key}", f"islands.own: {error.message}") from None
        distinct = {id(table): table for table in tables}  # thousands of islands may share one
        made = {key: table.island() for key, table in distinct.items()}
        return tuple(made[id(table)] for table in tables)
