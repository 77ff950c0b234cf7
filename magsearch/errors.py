"""Errors of wrong inputs, and the words of their messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

LONG = 1000


def visible(text: str) -> str:
    """Return a text with control characters escaped, which could command a terminal, but for ends of lines and tabs."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)


def printable(text: str) -> str:
    """Return a text as one line of limited length, without control characters."""
    escaped = visible(text).replace("\n", r"\n").replace("\t", r"\t")
    return escaped if len(escaped) <= LONG else f"{escaped[: LONG // 2]} ... {escaped[-LONG // 2 :]}"


def meant(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is closest to a mistyped one, None where none is close."""
    return next(iter(get_close_matches(name, list(known), n=1)), None)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for a name that does not exist: the one that was probably meant, or all that do exist.

    >>> unknown("key", "sede", ["seed", "steps"])
    "unknown key 'sede'; did you mean 'seed'?"
    """
    names = list(known)
    close = meant(name, names)
    return f"unknown {kind} '{name}'; " + (f"did you mean '{close}'?" if close else f"known are {', '.join(names)}")


class InputError(ValueError):
    """A wrong input, printed as ``path:line: what was wrong; what was expected``; the command line exits with 2.

    everywhere   whether every rank of a run raises it, so that one of them prints it
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None, everywhere: bool = False):
        self.message, self.everywhere = message, everywhere
        where = [str(part) for part in (path, line) if part is not None]
        super().__init__(printable(": ".join([":".join(where), message]) if where else message))


class SettingError(ValueError):
    """A setting that makes no sense, alone or with others.

    key   its dotted name, from the table on: "search.gap", "islands.own.0.seeds", "basis"
    """

    def __init__(self, key: str, message: str):
        self.key, self.message = key, message
        super().__init__(message)

    @property
    def place(self) -> tuple[str | int, ...]:
        """The parts of the key; numbers count the entries of a list."""
        return tuple(int(part) if part.isdigit() else part for part in self.key.split("."))


class Interrupted(Exception):
    """Raised when a signal ends a run, whose last checkpoint is complete."""


class Overdue(Exception):
    """Raised when a part of a run has taken the time that it may take at most."""
