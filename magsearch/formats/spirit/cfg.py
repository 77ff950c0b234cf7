"""Parser of Spirit's input files, following Spirit.

Comments and the separators | and + are removed, keywords are in the first column, and of repeated keywords the first is
used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path

from magsearch.errors import InputError
from magsearch.formats.table import is_number, numbers, read_text, wholes
from magsearch.formatting import counted

GROUPS = ("llg_", "mc_", "gneb_", "ema_", "mmf_", "log_", "output_", "save_", "ddi_", "pin_")


@dataclass(frozen=True)
class Line:
    """Line of a file without its comment, with its number from 1."""

    number: int
    text: str

    @property
    def tokens(self) -> list[str]:
        """Words of the line."""
        return self.text.split()


@dataclass(frozen=True)
class Cfg:
    """Lines that are not comments (blank lines included, as in Spirit), and the indices of those that were used."""

    path: Path
    lines: tuple[Line, ...]
    used: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Cfg:
        """Read a file; raises InputError if it cannot be read."""
        return cls.parse(path, read_text(path))

    @classmethod
    def parse(cls, path: Path, text: str) -> Cfg:
        """Parse the text of a file."""
        bare = str.maketrans("", "", "|+")
        lines = [(n, line.translate(bare)) for n, line in enumerate(text.splitlines(), start=1)]
        kept = [Line(n, line.split("#")[0]) for n, line in lines if not line.startswith("#")]
        return cls(path, tuple(kept))

    def find(self, keyword: str) -> int | None:
        """Return the index of the first line that begins with a keyword, case-insensitively; None if there is none.

        Spirit compares the first letters only; raises InputError for a longer word that begins with the keyword.
        """
        for k, line in enumerate(self.lines):
            if line.text[: len(keyword)].lower() != keyword:
                continue
            if line.tokens[0].lower() != keyword:
                message = f"'{line.tokens[0]}' begins with {keyword}: Spirit would read {keyword}; expected that word"
                raise InputError(message, self.path, line.number)
            self.used.add(k)
            return k
        return None

    def __contains__(self, keyword: str) -> bool:
        return self.find(keyword) is not None

    def error(self, keyword: str, message: str) -> InputError:
        """Return an error about a keyword, with file and line."""
        k = self.find(keyword)
        return InputError(f"{keyword} {message}", self.path, None if k is None else self.lines[k].number)

    def word(self, keyword: str, default: str) -> str:
        """Return the word after a keyword, in lower case; raises InputError if there is none."""
        k = self.find(keyword)
        if k is None:
            return default
        tokens = self.lines[k].tokens
        if len(tokens) < 2:
            raise self.error(keyword, "has no value")
        return tokens[1].lower()

    def file(self, keyword: str) -> Path | None:
        """Return the path named after a keyword, relative to this file or to the working directory, as in Spirit.

        None without the keyword; raises InputError if the file does not exist.
        """
        k = self.find(keyword)
        if k is None:
            return None
        tokens = self.lines[k].tokens
        if len(tokens) < 2:
            raise self.error(keyword, "has no value")
        for place in (self.path.parent / tokens[1], Path(tokens[1])):
            if isfile(place):
                return place
        raise self.error(keyword, f"names '{tokens[1]}', which does not exist")

    def numbers(self, keyword: str, count: int, default: Sequence[float]) -> list[float]:
        """Return ``count`` numbers after a keyword, or the default; raises InputError for anything else."""
        k = self.find(keyword)
        if k is None:
            return list(default)
        line = self.lines[k]
        return numbers(line.tokens[1:], [keyword] * count, self.path, line.number)

    def wholes(self, keyword: str, count: int, default: Sequence[int]) -> list[int]:
        """Return ``count`` integers after a keyword, or the default; raises InputError for anything else."""
        k = self.find(keyword)
        if k is None:
            return list(default)
        line = self.lines[k]
        return wholes(line.tokens[1:], [keyword] * count, self.path, line.number)

    def block(self, start: int, count: int, columns: Sequence[str]) -> list[list[float]]:
        """Return rows of numbers from ``count`` lines, beginning with the line of index ``start``."""
        return [numbers(line.tokens, columns, self.path, line.number) for line in self.rows(start, count)]

    def rows(self, start: int, count: int) -> list[Line]:
        """Return ``count`` lines, beginning with the one of index ``start``.

        Raises InputError for blank lines, which Spirit counts as rows, and for missing ones.
        """
        found = list(self.lines[start : start + count])
        for line in found:
            if not line.tokens:
                raise InputError("blank line within a table: Spirit counts it as a row", self.path, line.number)
        if len(found) < count:
            end = self.lines[-1].number if self.lines else None
            raise InputError(f"ends after {counted(len(found), 'row')} of a table; expected {count}", self.path, end)
        self.used.update(range(start, start + count))
        return found

    @property
    def again(self) -> list[tuple[str, int]]:
        """Keywords that are used and given again below, in the first column, and the line; the first one counts."""
        words = {self.lines[k].tokens[0].lower() for k in self.used if self.lines[k].tokens}
        rest = [line for k, line in enumerate(self.lines) if k not in self.used and line.tokens]
        return [
            (line.tokens[0], line.number)
            for line in rest
            if line.tokens[0].lower() in words and not is_number(line.tokens[0])
        ]

    def unused(self) -> list[str]:
        """Return the keywords that were not used, with one entry for all keywords of one method."""
        words = [line.tokens[0] for k, line in enumerate(self.lines) if k not in self.used and line.tokens]
        grouped = [next((f"{g}*" for g in GROUPS if word.lower().startswith(g)), word[:40]) for word in words]
        return list(dict.fromkeys(grouped))


@dataclass(frozen=True)
class Listing:
    """Table with a header line: its columns by name, in lower case, the line of each row, and notes on what is left."""

    path: Path
    columns: dict[str, list[float]]
    line: list[int]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, cfg: Cfg, counter: str, allowed: Sequence[str], needed: Sequence[str]) -> Listing:
        """Read the table below the keyword ``counter`` of a file, or a file that contains only a table.

        allowed, needed  names of possible and of required columns

        Raises InputError, with file and line, for missing, repeated or unknown columns and for invalid rows.
        """
        k = cfg.find(counter)
        if k is None:
            filled = [n for n, line in enumerate(cfg.lines) if line.tokens]
            if not filled:
                raise InputError("is empty; expected a table with a header", cfg.path)
            head, rows = cfg.lines[filled[0]], [cfg.lines[n] for n in filled[1:]]
        else:
            (count,) = wholes(cfg.lines[k].tokens[1:], (counter,), cfg.path, cfg.lines[k].number)
            if count < 0:
                raise cfg.error(counter, f"is {count}; expected at least 0")
            head, rows = cfg.rows(k + 1, 1)[0], cfg.rows(k + 2, count)
        names = [token.lower() for token in head.tokens]
        lacking = [name for name in needed if name not in names]
        twice = [name for name in names if names.count(name) > 1]
        wrong = [name for name in names if name not in allowed]
        if lacking or twice or wrong:
            told = f"has no {lacking[0]}" if lacking else f"has {(twice + wrong)[0]!r}"
            raise InputError(f"the header {told}; expected once each of {' '.join(allowed)}", cfg.path, head.number)
        values = [numbers(row.tokens, names, cfg.path, row.number) for row in rows]
        columns = {name: [row[c] for row in values] for c, name in enumerate(names)}
        notes: list[str] = []
        longer = [row for row in rows if any(map(is_number, row.tokens[len(names) :]))]
        if longer:
            told = (
                f"{counted(len(longer), f'row of the table of {len(names)} columns', 'are')} longer, for example line"
            )
            notes.append(f"{cfg.path}: {told} {longer[0].number}; the rest is not used, as in Spirit")
        below = k is not None and [
            line for line in cfg.lines[k + 2 + count :] if line.tokens and is_number(line.tokens[0])
        ]
        if below:
            told = (
                f"{counted(len(below), 'row', 'follow')} the {count} that {counter} names, for example "
                f"line {below[0].number}"
            )
            notes.append(f"{cfg.path}: {told}; not used, as in Spirit")
        return cls(cfg.path, columns, [row.number for row in rows], notes)

    def __len__(self) -> int:
        return len(self.line)

    def column(self, name: str) -> list[float]:
        """Return a column by its name; zeros if the table does not have it."""
        return self.columns.get(name, [0.0] * len(self))
