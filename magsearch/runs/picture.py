"""Pictures of results that notebooks show."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from magsearch.errors import InputError
from magsearch.parallel.ranks import is_first_rank


@dataclass(frozen=True, repr=False)
class Picture:
    """A picture that a notebook shows.

    title   what it is of
    png     the file, as bytes
    """

    title: str
    png: bytes

    def __repr__(self) -> str:
        return f"Picture({self.title!r})"

    def _repr_png_(self) -> bytes:
        return self.png


def picture(title: str, draw: Callable[[Path], None], path: str | Path | None) -> Picture:
    """Return the picture that a function draws onto a file, and write it to a file if one is named; rank 0 writes.

    Raises InputError for what cannot be drawn or written.
    """
    try:
        with tempfile.TemporaryDirectory() as folder:
            shown = Path(folder) / "picture.png"
            draw(shown)
            if path is not None and is_first_rank():
                draw(Path(path))
            return Picture(title, shown.read_bytes())
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(str(error), path or "plot()") from None
