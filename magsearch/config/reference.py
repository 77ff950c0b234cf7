"""[reference]: what is known of the ground state of a model, with its source. ``magsearch atlas`` compares with it."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from magsearch.formats.toml.table import Table

EVIDENCE = {
    "analytic": "follows from a formula, which the file gives",
    "proven": "equals a rigorous lower bound",
    "literature": "is that of a publication",
    "best found": "is the lowest that any search has found",
}


class ReferenceTable(Table, path="reference"):
    """The known ground state of the model, with which `magsearch atlas` compares searches."""

    source: str = field(default="", metadata={"doc": "Publication of the model."})
    doi: list[str] = field(default_factory=list, metadata={"doc": "Digital object identifiers of publications."})
    state: str = field(default="", metadata={"doc": "The ground state, in words."})
    energy: float | None = field(
        default=None, metadata={"doc": "Lowest known energy in the supercell of the file.", "unit": "meV per site"}
    )
    known: str | None = field(
        default=None,
        metadata={
            "doc": f"How the energy is known. {'; '.join(f'{word}: it {told}' for word, told in EVIDENCE.items())}.",
            "type": Literal[tuple(EVIDENCE)], "default": "needed with an energy",
        },
    )  # fmt: skip
    formula: str = field(default="", metadata={"doc": "Formula of the energy, and why it is the lowest."})
    seconds: float = field(
        default=60.0,
        metadata={"doc": "Time that `magsearch atlas` gives one search.", "unit": "s", "gt": 0},
    )

    def check(self) -> None:
        """Raise SettingError for an energy of which nothing says how it is known, or the other way round."""
        if (self.energy is None) != (self.known is None):
            missing, given = ("known", "energy") if self.known is None else ("energy", "known")
            raise self.error(given, f"needs reference.{missing} beside it")
