"""Parser of UppASD's main input file, inpsd.dat, and its keywords."""

from __future__ import annotations

from dataclasses import dataclass
from os.path import isfile
from pathlib import Path

import numpy as np

from magsearch.errors import InputError, meant
from magsearch.formats.table import is_number, number, sensible
from magsearch.formats.uppasd.keywords import KNOWN

READ = {
    "ncell",
    "bc",
    "cell",
    "alat",
    "posfile",
    "posfiletype",
    "momfile",
    "maptype",
    "map_multiple",
    "aunits",
    "hfield",
    "scalefac",
}
READ |= {"exchange", "sym", "jij_scale", "do_jtensor", "calc_jtensor", "dm", "dm_scale"}
READ |= {"anisotropy", "do_anisotropy", "mult_axis", "bq", "ring", "do_dip"}

LATTICE = {"ll", "lll", "llll", "ml", "mml", "mmll", "ll_phonopy"}  # couplings that act where atoms are displaced

OFF = ("0", "n", "f", ".f", "false", ".false.", "none")

# keyword: the unsupported feature that it enables, and the values with which it does not
REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "pd": ("pseudo-dipolar exchange", ("none",)),
    "sa": ("symmetric anisotropic exchange", ("none",)),
    "chir": ("scalar chirality", ("none",)),
    "fourx": ("four-spin exchange", ("none",)),
    "biqdm": ("biquadratic Dzyaloshinskii-Moriya exchange", ("none",)),
    "exchangedlm": ("exchange of the disordered state", ("none",)),
    "exc_inter": ("exchange interpolated between two files", OFF),
    "do_ralloy": ("a random alloy", OFF),
    "read_dipole": ("a tensor of dipolar interactions from a file", OFF),
    "do_ewald": ("UppASD's own Ewald sums (--set model.dipole=true adds those of magsearch)", OFF),
    "demag": ("a demagnetising field", OFF),
    "do_lsf": ("longitudinal fluctuations", OFF),
    "conf_num": ("several sets of moments", ("1",)),
    "ind_mom_flag": ("induced moments", OFF),
    "do_fixed_mom": ("fixed moments", OFF),
    "mompar": ("moments that depend on the field", OFF),
    "ea_model": ("an Edwards-Anderson model", OFF),
    "rdm_model": ("random Dzyaloshinskii-Moriya vectors", OFF),
    "random_anisotropy": ("random anisotropy", OFF),
    "do_cluster": ("an embedded cluster", OFF),
    "multiscale": ("a multiscale region", OFF),
    "do_bpulse": ("a field pulse", OFF),
    "locfield": ("fields that differ from site to site", OFF),
    "siteatomfield": ("fields that differ from site to site", OFF),
    "jscaling": ("couplings scaled from site to site", OFF),
    "positions": ("positions inside inpsd.dat (a posfile is read)", ()),
    "moments": ("moments inside inpsd.dat (a momfile is read)", ()),
    "block_size": ("another order of the sites", ("0", "1")),
    "do_read_elk": ("input from Elk", OFF),
}

NO_ENERGY = "UppASD's field of it is not the gradient of an energy"

# keyword: why its term is not read, and what to write instead (docs/formats.md)
INSTEAD = {
    "chir": f"{NO_ENERGY}; [[model.chirality]] of a TOML file has one",
    "fourx": "UppASD computes no energy of it; ring is read, and a TOML file has [[model.four_spin]]",
    "biqdm": f"{NO_ENERGY}; |e_i x e_j|^2 = 1 - (e_i . e_j)^2 is a case of bq",
}


@dataclass(frozen=True)
class Entry:
    """Values of a keyword, from its line and from the lines of numbers below it."""

    line: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class Inpsd:
    """Entries of an inpsd.dat by keyword, in lower case; of repeated keywords the last is used, as in UppASD.

    again  keywords of READ that are given again with other values: the keyword, and the lines before and now
    """

    path: Path
    entries: dict[str, Entry]
    again: tuple[tuple[str, int, int], ...] = ()

    @classmethod
    def parse(cls, path: Path, text: str) -> Inpsd:
        """Parse the text of a file."""
        entries: dict[str, Entry] = {}
        last = ""
        before: list[tuple[str, Entry]] = []
        for line, row in enumerate(text.splitlines(), start=1):
            tokens = row.replace(",", " ").split()
            if not tokens or tokens[0][0] in "%#*=!":
                continue
            if last and is_number(tokens[0]):
                entries[last] = Entry(entries[last].line, entries[last].values + tuple(tokens))
            else:
                last = tokens[0].lower()
                if last in entries:
                    before.append((last, entries[last]))
                entries[last] = Entry(line, tuple(tokens[1:]))
        return cls(
            path,
            entries,
            tuple(
                (word, old.line, entries[word].line)
                for word, old in before
                if word in READ and old.values != entries[word].values
            ),
        )

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.entries

    def error(self, keyword: str, message: str) -> InputError:
        """Return an error about a keyword, with file and line."""
        entry = self.entries.get(keyword)
        return InputError(f"{keyword} {message}", self.path, entry.line if entry else None)

    def word(self, keyword: str, default: str | None = None) -> str:
        """Return the first word after a keyword, or the default; raises InputError if there is neither."""
        entry = self.entries.get(keyword)
        if entry is None:
            if default is None:
                raise self._missing(keyword)
            return default
        if not entry.values:
            raise self.error(keyword, "has no value")
        return entry.values[0].strip("'\"")

    def _missing(self, keyword: str) -> InputError:
        """Return the error for a missing keyword, which names an unknown one that may stand for it."""
        for name in self.unknown:
            if meant(name, KNOWN) == keyword:
                return self.error(name, f"is unknown, and {keyword} is missing; did you mean '{keyword}'?")
        return self.error(keyword, "is missing")

    def numbers(self, keyword: str, count: int, default: float | None = None) -> np.ndarray:
        """Return ``count`` finite numbers, [count], which may extend over lines; raises InputError otherwise."""
        if keyword not in self and default is not None:
            return np.full(count, default)
        self.word(keyword)
        given = self.entries[keyword].values[:count]
        if len(given) < count or not all(is_number(token) for token in given):
            raise self.error(keyword, f"is '{' '.join(given)}'; expected {count} number{'s' * (count > 1)}")
        values = np.array([number(token) for token in given])
        if not sensible(values).all():
            raise self.error(keyword, f"is '{' '.join(given)}'; expected finite numbers")
        return values

    def whole(self, keyword: str, count: int, default: int | None = None) -> list[int]:
        """Return ``count`` integers after a keyword, or the default; raises InputError for anything else."""
        values = self.numbers(keyword, count, default)
        if (values != np.rint(values)).any():
            raise self.error(keyword, f"is {values.tolist()}; expected whole numbers")
        return [int(v) for v in values]

    def choice(self, keyword: str, allowed: tuple[str, ...], default: str) -> str:
        """Return the word after a keyword in upper case; raises InputError if it is not one of those allowed."""
        value = self.word(keyword, default).upper()
        if value not in allowed:
            raise self.error(keyword, f"is '{value}'; expected {' or '.join(allowed)}")
        return value

    def file(self, keyword: str) -> Path:
        """Return the path of a file, relative to inpsd.dat; raises InputError if it does not exist."""
        path = self.path.parent / self.word(keyword)
        if not isfile(path):
            raise self.error(keyword, f"names '{path}', which does not exist")
        return path

    def refuse_unsupported(self) -> None:
        """Raise InputError for keywords that change the energy or the sites in an unsupported way."""
        for keyword, (meaning, off) in REFUSED.items():
            if keyword in self and self.word(keyword, "").lower() not in off:
                instead = f": {INSTEAD[keyword]}" if keyword in INSTEAD else ""
                raise self.error(keyword, f"requests {meaning}, which magsearch does not support{instead}")

    @property
    def unknown(self) -> list[str]:
        """Keywords that UppASD does not know either, and skips."""
        return [keyword for keyword in self.entries if keyword not in KNOWN | REFUSED.keys()]

    @property
    def of_lattice(self) -> list[str]:
        """Keywords of couplings to the displacements of atoms."""
        return [keyword for keyword in self.entries if keyword in LATTICE]

    @property
    def unused(self) -> list[str]:
        """Keywords of UppASD in the file that magsearch does not use."""
        return [keyword for keyword in self.entries if keyword in KNOWN and keyword not in READ | LATTICE]
