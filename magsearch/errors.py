"""What a user reads when an input is wrong."""

from __future__ import annotations

from pathlib import Path

LONG = 1000


def printable(text: str) -> str:
    """One line, not too long, and for terminals only text: a broken file may hold bells, or commands to them."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if len(escaped) <= LONG else f"{escaped[: LONG // 2]} ... {escaped[-LONG // 2 :]}"


class InputError(ValueError):
    """A wrong input, told as ``path:line: what was wrong; expected what``. The command line prints it and exits 2.

    everywhere   whether every rank of a run knows of it: one of them tells it
    """

    def __init__(self, message: str, path: str | Path | None = None, line: int | None = None, everywhere: bool = False):
        self.message, self.everywhere = message, everywhere
        where = [str(part) for part in (path, line) if part is not None]
        super().__init__(printable(": ".join([":".join(where), message]) if where else message))


class Interrupted(Exception):
    """A run was told to stop by a signal; its last checkpoint is good."""
